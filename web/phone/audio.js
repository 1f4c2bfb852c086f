// The two ends of a line in a browser: a microphone that gives frames, an earpiece that plays them. 20 ms of mu-law each.

import { decode, encode } from "./g711.js";

const RATE = 8_000;
const BAND_HZ = 3_400; // the telephone's
// Two second-order filters that make one Butterworth filter of fourth order.
const QUALITIES = [0.54, 1.31];

/** Plays what it is given, targetMs late so that an uneven network is not heard. onLevel({level, buffered, breaks, skipped}). */
export class Earpiece {
  #context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  #node = null;

  async start({ targetMs, onLevel }) {
    await this.#context.audioWorklet.addModule("/phone/playback_worklet.js");
    this.#node = new AudioWorkletNode(this.#context, "playback", {
      numberOfInputs: 0, outputChannelCount: [1], processorOptions: { target: (targetMs * RATE) / 1000 },
    });
    this.#node.port.onmessage = ({ data }) => onLevel(data);
    this.#node.connect(this.#context.destination);
  }

  /** Whether sound comes out: browsers keep a page silent until somebody has clicked. */
  get playing() {
    return this.#context.state === "running";
  }

  /** To be called on a click, or in a frame whose parent was clicked. Settles when sound comes out. */
  resume() {
    return this.#context.resume();
  }

  play(bytes) {
    const samples = decode(bytes);
    this.#node?.port.postMessage(samples, [samples.buffer]);
  }

  close() {
    if (this.#context.state !== "closed") this.#context.close();
  }
}

/** Gives onFrame(bytes, level) each 20 ms from open() until close(). */
export class Microphone {
  #stream = null;
  #context = null;

  /** Asks for the microphone. Throws the browser's DOMException. */
  async open(onFrame) {
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.#context = new AudioContext({ latencyHint: "interactive" });
    await this.#context.audioWorklet.addModule("/phone/capture_worklet.js");
    const capture = new AudioWorkletNode(this.#context, "capture", {
      numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
    });
    capture.port.onmessage = ({ data }) => onFrame(encode(data), rms(data));
    const source = this.#context.createMediaStreamSource(this.#stream);
    const filters = QUALITIES.map(
      (quality) => new BiquadFilterNode(this.#context, { type: "lowpass", frequency: BAND_HZ, Q: decibels(quality) }),
    );
    [source, ...filters].reduce((from, to) => from.connect(to)).connect(capture);
    await this.#context.resume();
  }

  /** Muted, it goes on giving frames, of silence. */
  set muted(muted) {
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context && this.#context.state !== "closed") this.#context.close();
  }
}

const rms = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

// A low-pass BiquadFilterNode takes its Q in decibels.
const decibels = (quality) => 20 * Math.log10(quality);
