// Frames come when the network brings them and are played evenly: silence until enough has gathered, and after a break.
//
// What comes too fast is skipped, so that nobody hears the call later and later. Tells its loudness ten times a second.

const CAPACITY = 16_000; // 2 s at 8 kHz
const TELL_EACH = 800; // samples

class Playback extends AudioWorkletProcessor {
  #ring = new Float32Array(CAPACITY);
  #read = 0;
  #size = 0;
  #gathering = true;
  #target;
  #most;
  #told = 0;
  #energy = 0;
  #counts = { breaks: 0, skipped: 0 };

  constructor({ processorOptions: { target } }) {
    super();
    this.#target = target;
    this.#most = Math.min(CAPACITY, target * 3);
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  process(_, [[output]]) {
    if (this.#gathering && this.#size >= this.#target) this.#gathering = false;
    if (!this.#gathering) this.#play(output);
    for (const sample of output) this.#energy += sample * sample;
    this.#told += output.length;
    if (this.#told >= TELL_EACH) this.#tell();
    return true;
  }

  #take(samples) {
    if (this.#size + samples.length > this.#most) {
      const late = this.#size - this.#target;
      this.#read = (this.#read + late) % CAPACITY;
      this.#size -= late;
      this.#counts.skipped += late;
    }
    for (const sample of samples) {
      this.#ring[(this.#read + this.#size) % CAPACITY] = sample;
      this.#size += 1;
    }
  }

  #play(output) {
    const count = Math.min(output.length, this.#size);
    for (let i = 0; i < count; i += 1) output[i] = this.#ring[(this.#read + i) % CAPACITY];
    this.#read = (this.#read + count) % CAPACITY;
    this.#size -= count;
    if (count < output.length) {
      this.#gathering = true;
      this.#counts.breaks += 1;
    }
  }

  #tell() {
    this.port.postMessage({ level: Math.sqrt(this.#energy / this.#told), buffered: this.#size, ...this.#counts });
    this.#told = 0;
    this.#energy = 0;
  }
}

registerProcessor("playback", Playback);
