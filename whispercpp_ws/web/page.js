// The page: a microphone or a file in, text out. One session at a time.

import { TranscriptionClient } from "./client.js";
import {
	by, interfaceLanguage, knows, languageName, number, recall, remember, showMessage, speak, t, write,
} from "./messages.js";
import { MAX_FILE_BYTES, Microphone, Player, Recording, SoundError, SoundFile, microphones } from "./sound.js";
import { Transcript, WRITERS } from "./transcript.js";
import { TranscriptView } from "./view.js";

const HOLD_MS = 350; // A key that is down for longer is held to talk.
const NOTE_MS = 4000;

const on = (id, event, act) => by(id).addEventListener(event, act);

const transcript = new Transcript();
const recording = new Recording();
const player = new Player();
const view = new TranscriptView(hear);

let about = { models: [] };
let token = takeToken();
let running = null;
let noteTimer = null;

// A fragment never reaches a server or its log; it leaves the address bar as well.
function takeToken() {
	const given = new URLSearchParams(location.hash.slice(1).replace(/^\?/, "")).get("token");
	if (!given) return recall("token") ?? "";
	history.replaceState(null, "", location.pathname + location.search);
	remember("token", given);
	return given;
}

async function learn() {
	try {
		const headers = token ? { Authorization: `Bearer ${token}` } : {};
		about = { models: [], ...(await (await fetch("about", { headers })).json()) };
	} catch {
		about = { models: [], refusal: "unreachable" };
	}
	by("token-form").hidden = !about.needs_token;
	fill(by("model"), about.models.map(({ name }) => [name, name]), about.model);
	fillLanguages();
}

function fill(select, options, fallback) {
	const before = select.isChosen ? select.value : fallback;
	select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
	select.value = options.some(([value]) => value === before) ? before : (options[0]?.[0] ?? "");
}

function fillLanguages() {
	const model = about.models.find(({ name }) => name === by("model").value);
	const known = (model?.languages ?? []).map((code) => [code, languageName(code)]);
	known.sort(([, one], [, other]) => one.localeCompare(other, document.documentElement.lang));
	fill(by("language"), [["auto", t("detect")], ...known], about.lang);
}

async function fillDevices() {
	const named = (await microphones()).map(({ deviceId, label }, n) => [deviceId, label || t("deviceNumber", { n: n + 1 })]);
	fill(by("device"), [["", t("defaultDevice")], ...named], "");
}

function showState(state, values) {
	by("state").dataset.state = state;
	write("state-text", state, values);
	if (state === "idle" || state === "lost") by("lag").textContent = "";
}

function showProblem(code, values) {
	showMessage("problem", code, { mb: MAX_FILE_BYTES >> 20, ...values });
}

function showNote(code, values) {
	clearTimeout(noteTimer);
	showMessage("note", code, values);
	if (code) noteTimer = setTimeout(() => showNote(""), NOTE_MS);
}

function showRunning() {
	write("toggle", running ? "stop" : "start");
	by("toggle").classList.toggle("running", Boolean(running));
	if (!running) by("level").value = 0;
}

function showLag({ lag_ms: lag }) {
	if (lag !== undefined) by("lag").textContent = `· ${t("lag", { s: number(lag / 1000, 1) })}`;
}

function showAll() {
	speak(by("interface").value);
	document.title = t("title");
	fillLanguages();
	fillDevices();
	view.relabel();
}

class Session {
	shift = recording.end;
	isStopped = false;

	// Audio may come before the server is ready: the client keeps it.
	connect(rate) {
		this.rate = rate;
		const url = new URL("stt", location.href);
		this.client = new TranscriptionClient({
			url: url.origin + url.pathname,
			token,
			start: { format: "pcm16le", rate, channels: 1, ...choices() },
			onPartial: (partial) => {
				view.showPartial(partial.stable, partial.tentative);
				showLag(partial);
			},
			onFinal: (final) => this.take(final),
			onWarning: ({ message }) => showNote(message),
			onState: (state, detail) => this.changed(state, detail),
			onEnd: ({ error }) => this.ended(error),
		});
		this.client.connect().catch(() => {}); // onEnd tells the same.
	}

	send({ pcm, rms }) {
		by("level").value = Math.min(1, rms * 3);
		recording.add(pcm, this.rate);
		this.client.sendAudio(pcm);
	}

	take(final) {
		showLag(final);
		view.showPartial("", "");
		const utterance = transcript.add(final, this.shift);
		if (utterance) view.add(utterance);
	}

	changed(state, { isResumed }) {
		if (state === "over") return;
		showState(state === "open" && this.isStopped ? "finishing" : state);
		if (isResumed) showNote("resumed");
	}

	async stop() {
		if (this.isStopped) return;
		this.isStopped = true;
		showState("finishing");
		// Without a client the source is still being opened; `opened` sees to it.
		if (!this.client) return;
		await this.source.stop?.();
		this.client.end();
	}

	// Take a source unless one has stopped meanwhile; returns whether to go on.
	opened(source) {
		this.source = source;
		if (this.isStopped) this.ended(null);
		return !this.isStopped;
	}

	async ended(error) {
		this.source?.close?.();
		if (running === this) running = null;
		showRunning();
		showState("idle");
		view.showPartial("", "");
		if (error) await explain(error);
	}
}

function choices() {
	const model = by("model").value;
	return { lang: by("language").value, ...(model && { model }) };
}

// A page is not told why an upgrade was refused; it asks.
async function explain(error) {
	let { code } = error;
	if (code === "connection_lost" && error.close !== 1013 && !running) {
		await learn();
		code = about.refusal || code;
	}
	if (code === "unauthorized") by("token-form").hidden = false;
	showProblem(code !== "idle" && knows(code) ? code : "other", { detail: error.message });
}

function begin() {
	running = new Session();
	showProblem("");
	showNote("");
	showRunning();
	showState("connecting");
	return running;
}

async function startMicrophone({ isHeld = false } = {}) {
	const session = begin();
	const early = [];
	try {
		const microphone = await Microphone.open({
			deviceId: by("device").value,
			onFrame: (frame) => (session.client ? session.send(frame) : early.push(frame)),
			onLost: () => {
				showProblem("unplugged");
				session.stop();
			},
		});
		if (!session.opened(microphone)) return;
	} catch (error) {
		refuse(session, error);
		return;
	}
	fillDevices();
	session.connect(session.source.rate);
	if (isHeld) session.client.hold();
	for (const frame of early) session.send(frame);
}

function refuse(session, error) {
	session.ended(null);
	const code = error instanceof SoundError ? error.code : "microphoneFailed";
	showProblem(code, { detail: error.detail || error.message, name: error.file });
}

async function streamFile(file) {
	if (running) {
		showProblem("busy");
		return;
	}
	const session = begin();
	try {
		if (!session.opened(await SoundFile.open(file))) return;
	} catch (error) {
		error.file = file.name;
		refuse(session, error);
		return;
	}
	session.connect(session.source.rate);
	for (const piece of session.source.pieces()) {
		await session.client.hasRoom();
		if (session.isStopped || session.client.isOver) return;
		session.send(piece);
		const values = { name: file.name, percent: Math.round(100 * piece.share) };
		if (session.client.state === "open") showState("streaming", values);
	}
	session.stop();
}

function toggle() {
	if (running) running.stop();
	else startMicrophone();
}

async function hear(start, end) {
	if (!(await player.play(recording, start, end))) showNote("forgotten");
}

function holdToTalk() {
	const down = () => running || startMicrophone({ isHeld: true });
	const up = () => running?.stop();
	on("talk", "pointerdown", ({ target, pointerId }) => {
		target.setPointerCapture(pointerId);
		down();
	});
	for (const name of ["pointerup", "pointercancel"]) on("talk", name, up);
	on("talk", "keydown", ({ key, repeat }) => key === " " && !repeat && down());
	on("talk", "keyup", ({ key }) => key === " " && up());
}

// A short press of the space bar toggles; a long one is push-to-talk.
function spaceBar() {
	let since = null;
	const isOurs = ({ key, target }) =>
		key === " " && !target.closest("button, input, select, textarea, a, label");
	document.addEventListener("keydown", (event) => {
		if (!isOurs(event)) return;
		event.preventDefault();
		if (event.repeat) return;
		since = running ? null : performance.now();
		toggle();
	});
	document.addEventListener("keyup", (event) => {
		if (!isOurs(event) || since === null) return;
		if (performance.now() - since > HOLD_MS) running?.stop();
		since = null;
	});
}

function dropFiles() {
	const show = (isOver) => (by("drop").hidden = !isOver);
	const isFile = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
	addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || show(false));
	for (const name of ["dragover", "drop"]) {
		addEventListener(name, (event) => {
			show(isFile(event) && name === "dragover");
			if (!isFile(event)) return;
			event.preventDefault();
			if (name === "drop") streamFile(event.dataTransfer.files[0]);
		});
	}
	on("file", "change", ({ target }) => {
		if (target.files[0]) streamFile(target.files[0]);
		target.value = "";
	});
}

async function copy() {
	try {
		await navigator.clipboard.writeText(WRITERS.txt(transcript.utterances));
		showNote("copied");
	} catch {
		showNote("noClipboard");
	}
}

function download(format) {
	const blob = new Blob([WRITERS[format](transcript.utterances)], { type: "text/plain" });
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = `transcript.${format}`;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), NOTE_MS);
}

function clear() {
	player.stop();
	transcript.clear();
	// A session that runs goes on counting from where it began.
	if (!running) recording.clear();
	view.clear();
}

async function changeDevice() {
	try {
		await running?.source?.use?.(by("device").value);
	} catch (error) {
		showProblem(error.code, { detail: error.detail });
	}
}

function listen() {
	on("toggle", "click", toggle);
	for (const id of ["language", "model"]) {
		on(id, "change", ({ target }) => {
			target.isChosen = true;
			fillLanguages();
			running?.client?.set(choices());
		});
	}
	on("device", "change", ({ target }) => {
		target.isChosen = true;
		changeDevice();
	});
	navigator.mediaDevices?.addEventListener("devicechange", fillDevices);
	on("interface", "change", () => {
		remember("interface", by("interface").value);
		showAll();
	});
	on("token-form", "submit", (event) => {
		event.preventDefault();
		token = by("token").value.trim();
		remember("token", token);
		showProblem("");
		learn();
	});
	on("copy", "click", copy);
	on("clear", "click", clear);
	addEventListener("online", () => running?.client?.reconnectNow());
	holdToTalk();
	spaceBar();
	dropFiles();
}

for (const format of Object.keys(WRITERS)) {
	const button = document.createElement("button");
	Object.assign(button.dataset, { label: "download", format });
	button.textContent = format;
	button.addEventListener("click", () => download(format));
	by("clear").before(button);
}
by("interface").value = interfaceLanguage();
showAll();
listen();
if (!navigator.mediaDevices) showProblem("insecure");
await learn();
