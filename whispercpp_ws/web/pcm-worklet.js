// Turns the microphone's float samples into PCM16 frames of about 100 ms.

const FRAME_S = 0.1;

class PcmWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Int16Array(Math.round(sampleRate * FRAME_S));
    this.filled = 0;
    this.peak = 0;
    this.stopped = false;
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
    this.frame[this.filled] = Math.round(clipped * 32767);
    this.filled += 1;
    if (this.filled === this.frame.length) this.send();
  }

  send() {
    const pcm = this.frame.slice(0, this.filled).buffer;
    this.port.postMessage({ pcm, peak: this.peak }, [pcm]);
    this.filled = 0;
    this.peak = 0;
  }

  // The last, shorter frame goes out before the page says `end`.
  stop() {
    this.stopped = true;
    this.send();
    this.port.postMessage({ stopped: true });
  }
}

registerProcessor("pcm-worklet", PcmWorklet);
