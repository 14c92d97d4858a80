// Turns a microphone's float samples into PCM16 frames at the device's own rate, with no
// output that could echo. Messages are { pcm, peak, rms }, and { stopped: true } after the
// last frame, once the node was sent "stop".

const MIN_FRAME_MS = 20;
const MAX_FRAME_MS = 100;

class PcmWorklet extends AudioWorkletProcessor {
	constructor({ processorOptions: { frameMs = 60 } = {} } = {}) {
		super();
		const ms = Math.min(MAX_FRAME_MS, Math.max(MIN_FRAME_MS, frameMs));
		this.frame = new Int16Array(Math.round((sampleRate * ms) / 1000));
		this.stopped = false;
		this.clear();
		this.port.onmessage = () => this.stop();
	}

	process(inputs) {
		const samples = inputs[0][0];
		if (samples && !this.stopped) {
			for (const sample of samples) this.add(sample);
		}
		return !this.stopped;
	}

	add(sample) {
		const clipped = Math.max(-1, Math.min(1, sample));
		this.peak = Math.max(this.peak, Math.abs(clipped));
		this.power += clipped * clipped;
		this.frame[this.filled] = Math.round(clipped * 32767);
		this.filled += 1;
		if (this.filled === this.frame.length) this.send();
	}

	send() {
		if (!this.filled) return;
		const pcm = this.frame.slice(0, this.filled).buffer;
		const rms = Math.sqrt(this.power / this.filled);
		this.port.postMessage({ pcm, peak: this.peak, rms }, [pcm]);
		this.clear();
	}

	clear() {
		this.filled = this.peak = this.power = 0;
	}

	// The last, shorter frame goes out before the page says `end`.
	stop() {
		if (this.stopped) return;
		this.stopped = true;
		this.send();
		this.port.postMessage({ stopped: true });
	}
}

registerProcessor("pcm-worklet", PcmWorklet);
