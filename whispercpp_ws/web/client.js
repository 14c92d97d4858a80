// One session, over as many connections as it takes. How to use it is in README.md here;
// its types, and what methods do, are in client.d.ts.

import { Base, Standing, rounded } from "./rebase.js";

// Unsettled audio that is kept for a lost connection: 5 minutes of 48 kHz PCM16.
export const MAX_LOG_BYTES = 32 * 1024 * 1024;
// What a socket may hold itself; the rest waits in the log, which is bounded.
export const MAX_SOCKET_BYTES = 1024 * 1024;
// Servers accept 1 MiB; small frames keep latency even.
const MAX_FRAME_BYTES = 64 * 1024;
const ITEM_BYTES = 64; // What an item of the log takes besides its audio.
// A file may be this far ahead: an utterance has 25 s, and silence is settled sooner.
const MAX_UNSETTLED_S = 60;
const PUMP_MS = 50; // WebSockets do not say when they have room again.
const STALL_MS = 20_000; // Without an answer of the network in it, a line is dead.
const CONNECT_MS = 10_000;
const STALLED = 4000;
const RETRYABLE_CLOSE = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, STALLED]);
const NOTICED_MS = 1000; // Without audio; a full server does not notice a loss before.
const LISTENERS = { final: "onFinal", speech: "onSpeech", warning: "onWarning" };
const BYTES_PER_SAMPLE = { pcm16le: 2, f32le: 4, mulaw: 1, alaw: 1 };

export const BACKOFF = { firstMs: 250, longestMs: 5000, tries: 20, giveUpMs: 60_000 };

export class TranscriptionError extends Error {
	constructor(code, message, retryable = false) {
		super(message);
		this.name = "TranscriptionError";
		this.code = code;
		this.retryable = retryable;
	}
}

// What was sent and is not settled, in order; positions count bytes of audio.
export class ReplayLog {
	items = [];
	first = 0; // Number of the oldest item kept.
	cursor = 0; // Number of the next item to send.
	end = 0;
	size = 0;
	forgotten = 0;
	settled = 0;
	start = 0;
	standing = new Standing();

	constructor({ rate, channels = 1, format = "pcm16le" }, limit = MAX_LOG_BYTES) {
		this.rate = rate;
		this.frameBytes = channels * (BYTES_PER_SAMPLE[format] ?? 2);
		this.limit = limit;
	}

	// Where a final ends is rounded, and may be past the last sample.
	byteAt(seconds) {
		const samples = Math.floor((Math.round(seconds * 1000) * this.rate) / 1000);
		return Math.min(samples * this.frameBytes, this.end);
	}

	get unsettledSeconds() {
		return (this.end - this.byteAt(this.settled)) / (this.rate * this.frameBytes);
	}

	get hasUnsent() {
		return this.cursor < this.first + this.items.length;
	}

	// Returns false when something had to go that was never sent.
	add(data) {
		const length = data.byteLength ?? 0;
		this.items.push({ at: this.end, length, data });
		this.end += length;
		this.size += length + ITEM_BYTES;
		while (this.size > this.limit) {
			const { at, length: lost } = this.shift();
			this.forgotten = at + lost;
		}
		return this.cursor >= this.first;
	}

	settle(seconds) {
		this.settled = Math.max(this.settled, seconds);
		const until = this.byteAt(this.settled);
		while (this.items.length && isBefore(this.items[0], until)) this.shift();
	}

	// Start sending at an offset again; false when that is no longer kept.
	rewind(seconds) {
		this.start = this.byteAt(seconds);
		this.cursor = this.first;
		return this.start >= this.forgotten;
	}

	next() {
		while (this.hasUnsent) {
			const item = this.items[this.cursor++ - this.first];
			if (isBefore(item, this.start)) continue;
			return item.length ? item.data.slice(Math.max(0, this.start - item.at)) : item.data;
		}
		return null;
	}

	shift() {
		const item = this.items.shift();
		this.first += 1;
		this.size -= item.length + ITEM_BYTES;
		if (!item.length) this.standing.note(item.data);
		return item;
	}
}

// A command right at the position may not have been heard with what is before.
const isBefore = ({ at, length }, position) => (length ? at + length <= position : at < position);

// Tells what a server says for the first time from what it says again after a drop.
class News {
	latest = { final: 0 };

	isNew({ type, state = "", utterance, ts, offset }) {
		if (type === "partial") return utterance > this.latest.final;
		const position = { final: utterance, speech: ts, ack: offset }[type];
		if (position === undefined) return true;
		const isNew = position > (this.latest[type + state] ?? -1);
		if (isNew) this.latest[type + state] = position;
		return isNew;
	}
}

export class TranscriptionClient {
	news = new News();
	base = new Base();
	last = { utterance: 0, te: 0, finals: 0 };
	stable = "";
	state = "new";
	session = null;
	socket = null;
	tries = 0;
	since = null;
	waiting = [];

	constructor({ url, start = {}, token = "", backoff = {}, maxLogBytes, ...rest }) {
		this.url = String(url).replace(/^http/, "ws");
		this.start = { format: "pcm16le", rate: 16000, channels: 1, ...start };
		this.token = token;
		this.backoff = { ...BACKOFF, ...backoff };
		this.handlers = rest;
		this.Socket = rest.WebSocket ?? WebSocket;
		this.random = rest.random ?? Math.random;
		this.log = new ReplayLog(this.start, maxLogBytes);
	}

	connect() {
		return new Promise((resolve, reject) => {
			this.opened = { resolve, reject };
			this.setState("connecting");
			this.open();
		});
	}

	sendAudio(audio) {
		const { buffer, byteOffset = 0, byteLength } = audio;
		const bytes = new Uint8Array(buffer ?? audio, byteOffset, byteLength);
		for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
			this.put(bytes.slice(at, at + MAX_FRAME_BYTES));
		}
	}

	hasRoom() {
		if (this.isOver || this.isRoomy) return Promise.resolve();
		return new Promise((resolve) => this.waiting.push(resolve));
	}

	set(changes) {
		this.put(JSON.stringify({ op: "set", ...changes }));
	}

	flush() {
		this.put('{"op":"flush"}');
	}

	hold() {
		this.put('{"op":"hold"}');
	}

	end() {
		this.put('{"op":"end"}');
	}

	close() {
		this.finish(null);
	}

	reconnectNow() {
		if (this.state !== "lost" || !this.retry) return;
		clearTimeout(this.retry);
		this.open();
	}

	get isOver() {
		return this.state === "over";
	}

	get isRoomy() {
		return this.log.unsettledSeconds < MAX_UNSETTLED_S && this.log.size < this.log.limit / 2;
	}

	put(item) {
		if (this.isOver) return;
		if (this.log.add(item)) this.pump();
		else this.fail("buffer_full", "The connection was away for longer than audio is kept.");
	}

	// Everything goes through the log, so that sending and sending again are one thing.
	pump() {
		clearTimeout(this.pumping);
		if (this.state !== "open") return;
		if (this.hasStalled()) {
			this.lose(STALLED);
			return;
		}
		while (this.socket.bufferedAmount < MAX_SOCKET_BYTES && this.log.hasUnsent) {
			const item = this.log.next();
			if (item !== null) this.socket.send(item);
		}
		this.lastBuffered = this.socket.bufferedAmount;
		if (this.lastBuffered) this.pumping = setTimeout(() => this.pump(), PUMP_MS);
	}

	hasStalled() {
		const { bufferedAmount } = this.socket;
		if (!bufferedAmount || bufferedAmount < this.lastBuffered) this.movedAt = Date.now();
		return Date.now() - this.movedAt > STALL_MS;
	}

	async open() {
		this.retry = null;
		let token, socket;
		try {
			token = typeof this.token === "function" ? await this.token() : this.token;
			if (this.isOver) return;
			socket = new this.Socket(this.url);
		} catch (error) {
			this.fail("cannot_open", String(error.message ?? error));
			return;
		}
		this.socket = socket;
		this.movedAt = Date.now();
		this.lastBuffered = 0;
		socket.binaryType = "arraybuffer";
		socket.onopen = () => socket.send(this.opening(token));
		socket.onmessage = ({ data }) => socket === this.socket && this.receive(data);
		socket.onclose = ({ code }) => socket === this.socket && this.lose(code);
		this.timer = setTimeout(() => this.lose(1006), CONNECT_MS);
	}

	opening(token) {
		const offset = rounded(this.log.settled - this.base.begin);
		const resume = this.session && { resume: this.session, offset };
		return JSON.stringify({ op: "start", ...this.start, ...(token && { token }), ...resume });
	}

	receive(data) {
		const message = this.base.told(JSON.parse(data));
		if (message.type === "ready") this.ready(message);
		else if (message.type === "error") this.failed(message);
		else if (this.news.isNew(message)) this.tell(message);
	}

	ready(message) {
		clearTimeout(this.timer);
		const isResumed = this.state === "lost";
		const isAnew = isResumed && !this.session;
		this.session = message.session;
		if (!this.log.rewind(message.offset)) {
			this.fail("buffer_full", "The server asks for audio that is no longer kept.");
			return;
		}
		// A session at its begin may not have heard what was in force before.
		const before = message.offset === this.base.begin ? this.log.standing.commands : [];
		for (const command of before) this.socket.send(command);
		this.setState("open", { isResumed, isAnew });
		if (!isResumed) this.handlers.onReady?.(message);
		this.opened.resolve(message);
		this.pump();
	}

	// While it comes back, a server that is full or restarting is asked again.
	failed({ code, message, retryable }) {
		const isLost = this.state === "lost";
		if (isLost && this.session && code === "unknown_session") this.beginAnew();
		else if (isLost && retryable) this.lose(1013);
		else this.finish(new TranscriptionError(code, message, retryable));
	}

	// Go on in a new session, behind the last final, which need not be acknowledged.
	beginAnew() {
		const { te, utterance, finals } = this.last;
		this.log.settle(te);
		this.base = new Base(this.log.settled, utterance, finals);
		this.session = null;
		this.stable = "";
		this.drop();
		this.comeBackIn(this.random() * this.backoff.firstMs);
	}

	tell(message) {
		this.tries = 0;
		this.since = null;
		const { type, utterance, te } = message;
		if (type === "ack") this.settle(message.offset);
		if (type === "partial") this.tellPartial(message);
		if (type === "final") {
			this.last = { utterance, te, finals: this.last.finals + 1 };
			this.stable = "";
		}
		if (type === "end") this.finish(null, message);
		this.handlers[LISTENERS[type]]?.(message);
	}

	tellPartial(message) {
		const tentative = message.text.slice(message.stable.length);
		this.handlers.onPartial?.({ ...message, tentative });
		if (message.stable !== this.stable) {
			this.stable = message.stable;
			this.handlers.onStable?.(message);
		}
	}

	settle(offset) {
		this.log.settle(offset);
		if (this.isRoomy) this.release();
	}

	release() {
		for (const resolve of this.waiting.splice(0)) resolve();
	}

	lose(code) {
		this.drop(code === STALLED ? code : undefined);
		if (this.isOver) return;
		const canRetry = this.state !== "connecting" && RETRYABLE_CLOSE.has(code);
		const waitMs = canRetry ? this.nextWaitMs() : null;
		if (waitMs !== null) {
			this.comeBackIn(waitMs);
			return;
		}
		const lost = new TranscriptionError("connection_lost", `The connection was lost (${code}).`, true);
		this.finish(Object.assign(lost, { close: code }));
	}

	comeBackIn(waitMs) {
		this.setState("lost", { waitMs });
		this.retry = setTimeout(() => this.open(), waitMs);
	}

	// Full jitter up to a bound that doubles: clients do not come back all at once.
	nextWaitMs() {
		const { firstMs, longestMs, tries, giveUpMs } = this.backoff;
		this.since ??= Date.now();
		if (this.tries >= tries || Date.now() - this.since >= giveUpMs) return null;
		this.tries += 1;
		if (this.tries === 2) return NOTICED_MS + this.random() * firstMs;
		return this.random() * Math.min(firstMs * 2 ** (this.tries - 1), longestMs);
	}

	fail(code, message) {
		this.finish(new TranscriptionError(code, message));
	}

	finish(error, end = null) {
		if (this.isOver) return;
		clearTimeout(this.retry);
		this.setState("over");
		this.drop(1000);
		this.release();
		if (error) this.opened?.reject(error);
		this.handlers.onEnd?.({ error, end });
	}

	drop(code) {
		clearTimeout(this.timer);
		clearTimeout(this.pumping);
		const { socket } = this;
		this.socket = null;
		socket?.close(code);
	}

	setState(state, detail = {}) {
		this.state = state;
		this.handlers.onState?.(state, detail);
	}
}
