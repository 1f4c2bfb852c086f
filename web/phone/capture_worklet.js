// From the microphone's rate to 8 kHz, in frames of 20 ms. What is above the telephone's band was taken out before.

const RATE = 8_000, FRAME = 160;

class Capture extends AudioWorkletProcessor {
  #step = sampleRate / RATE;
  #at = 0; // where the next sample is taken from, in samples of this block; a fraction lies before sample floor(at)
  #last = 0;
  #frame = new Float32Array(FRAME);
  #filled = 0;

  process([[samples]]) {
    if (!samples) return true; // nothing is connected yet
    for (; this.#at < samples.length; this.#at += this.#step) {
      const next = Math.floor(this.#at);
      const before = next > 0 ? samples[next - 1] : this.#last;
      this.#put(before + (samples[next] - before) * (this.#at - next));
    }
    this.#at -= samples.length;
    this.#last = samples[samples.length - 1];
    return true;
  }

  #put(sample) {
    this.#frame[this.#filled] = sample;
    this.#filled += 1;
    if (this.#filled < FRAME) return;
    this.port.postMessage(this.#frame, [this.#frame.buffer]);
    this.#frame = new Float32Array(FRAME);
    this.#filled = 0;
  }
}

registerProcessor("capture", Capture);
