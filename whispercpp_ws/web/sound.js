// Microphone in, file in, and what was heard played again.

// Hours of a compressed file.
export const MAX_FILE_BYTES = 256 * 1024 * 1024;
// What can be heard again: 11 minutes of 48 kHz PCM16, 35 of 16 kHz.
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const MAX_PLAYED_S = 60;
// The decoder resamples to what it is told; this is what models hear.
const FILE_RATE = 16000;
const PIECE_S = 0.25;
const PADDING_S = 0.08; // Word times are about that exact.

export class SoundError extends Error {
	constructor(code, detail = "") {
		super(code);
		this.code = code;
		this.detail = detail;
	}
}

const KNOWN = {
	NotAllowedError: "notAllowed",
	NotFoundError: "notFound",
	OverconstrainedError: "notFound",
	NotReadableError: "notReadable",
};

async function capture(deviceId) {
	// Whisper was trained on noisy speech: what a noise filter leaves is further from it.
	const audio = { channelCount: 1, noiseSuppression: false };
	if (deviceId) audio.deviceId = { exact: deviceId };
	try {
		return await navigator.mediaDevices.getUserMedia({ audio });
	} catch (error) {
		throw new SoundError(KNOWN[error.name] ?? "microphoneFailed", error.message);
	}
}

export async function microphones() {
	const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
	return devices.filter(({ kind, deviceId: id }) => kind === "audioinput" && id && id !== "default");
}

export class Microphone {
	static async open({ deviceId, ...handlers }) {
		const microphone = Object.assign(new Microphone(), handlers);
		try {
			await microphone.begin(deviceId);
		} catch (error) {
			microphone.close();
			throw error;
		}
		return microphone;
	}

	async begin(deviceId) {
		if (!navigator.mediaDevices) throw new SoundError("insecure");
		// All of it before the microphone: what is said first must not be lost meanwhile.
		this.context = new AudioContext();
		await this.context.resume();
		await this.context.audioWorklet.addModule("pcm-worklet.js");
		this.worklet = new AudioWorkletNode(this.context, "pcm-worklet", {
			channelCount: 1,
			channelCountMode: "explicit",
			numberOfOutputs: 0,
		});
		this.stopped = new Promise((resolve) => {
			this.worklet.port.onmessage = ({ data }) => (data.stopped ? resolve() : this.onFrame(data));
		});
		this.connect(await capture(deviceId));
	}

	get rate() {
		return this.context.sampleRate;
	}

	// The context keeps its rate, so another device may go on with the same session.
	async use(deviceId) {
		const stream = await capture(deviceId);
		this.release();
		this.connect(stream);
	}

	connect(stream) {
		this.stream = stream;
		this.source = this.context.createMediaStreamSource(stream);
		this.source.connect(this.worklet);
		stream.getAudioTracks()[0].onended = () => this.onLost();
	}

	// Resolves when the last frame is out.
	async stop() {
		this.worklet.port.postMessage("stop");
		await this.stopped;
		this.close();
	}

	close() {
		this.release();
		this.context?.close().catch(() => {}); // It may be closed already.
	}

	release() {
		this.source?.disconnect();
		for (const track of this.stream?.getTracks() ?? []) track.stop();
	}
}

// Yields a file's sound as { pcm, rms, share } in small pieces.
export class SoundFile {
	static async open(file) {
		if (file.size > MAX_FILE_BYTES) throw new SoundError("tooLarge");
		try {
			const context = new OfflineAudioContext(1, 1, FILE_RATE);
			const audio = await context.decodeAudioData(await file.arrayBuffer());
			return Object.assign(new SoundFile(), { audio, rate: FILE_RATE });
		} catch (error) {
			throw new SoundError("unreadable", error.message);
		}
	}

	*pieces() {
		const { length, numberOfChannels } = this.audio;
		const channels = Array.from({ length: numberOfChannels }, (_, c) => this.audio.getChannelData(c));
		const size = FILE_RATE * PIECE_S;
		for (let at = 0; at < length; at += size) {
			const end = Math.min(length, at + size);
			yield { ...mixed(channels, at, end), share: end / length };
		}
	}
}

function mixed(channels, start, end) {
	const pcm = new Int16Array(end - start);
	let power = 0;
	for (let at = start; at < end; at += 1) {
		let sum = 0;
		for (const channel of channels) sum += channel[at];
		const sample = Math.max(-1, Math.min(1, sum / channels.length));
		pcm[at - start] = Math.round(sample * 32767);
		power += sample * sample;
	}
	return { pcm: pcm.buffer, rms: Math.sqrt(power / pcm.length) };
}

// Keeps what was sent, the newest of it, on one time line over all sessions of a page.
export class Recording {
	constructor(limit = MAX_KEPT_BYTES) {
		this.limit = limit;
		this.clear();
	}

	clear() {
		this.chunks = [];
		this.bytes = 0;
		this.end = 0;
	}

	add(pcm, rate) {
		const samples = new Int16Array(pcm);
		this.chunks.push({ start: this.end, rate, samples });
		this.end += samples.length / rate;
		this.bytes += pcm.byteLength;
		while (this.bytes > this.limit) this.bytes -= this.chunks.shift().samples.byteLength;
	}

	// A span has one rate: utterances do not cross sessions.
	slice(start, end) {
		const parts = this.chunks.filter((c) => c.start < end && c.start + c.samples.length / c.rate > start);
		if (!parts.length || parts[0].start > start + PADDING_S) return null;
		const { rate } = parts[0];
		const cut = parts
			.filter((part) => part.rate === rate)
			.flatMap((part) => [...part.samples.subarray(at(start, part), at(end, part))]);
		return { rate, samples: Float32Array.from(cut, (sample) => sample / 32768) };
	}
}

const at = (seconds, { start, rate }) => Math.max(0, Math.round((seconds - start) * rate));

export class Player {
	// Plays a span and returns when it is over; false when it is no longer kept.
	async play(recording, start, end) {
		this.stop();
		const from = Math.max(0, start - PADDING_S);
		const sound = recording.slice(from, Math.min(end + PADDING_S, from + MAX_PLAYED_S));
		if (!sound?.samples.length) return false;
		this.context ??= new AudioContext();
		await this.context.resume();
		const buffer = this.context.createBuffer(1, sound.samples.length, sound.rate);
		buffer.copyToChannel(sound.samples, 0);
		this.source = this.context.createBufferSource();
		this.source.buffer = buffer;
		this.source.connect(this.context.destination);
		const over = new Promise((resolve) => (this.source.onended = resolve));
		this.source.start();
		await over;
		return true;
	}

	stop() {
		this.source?.stop();
		this.source = null;
	}
}
