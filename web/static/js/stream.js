// A page's events. The connection itself belongs to a SharedWorker, one for all tabs of the browser; where there is none,
// the same hub runs in the page and rests while the page is hidden.

import { StreamHub } from "./stream_hub.js";

// The hub asks each 15 s whether the page is there. Silence means that the worker died.
const HUB_SILENCE_MS = 50_000;
const WATCH_MS = 5_000;
const HIDDEN_REST_MS = 60_000;
const WORKER = new URL("./stream_worker.js", import.meta.url).href;

let policy = null;

/** The one script address that the page's policy lets through. */
function workerAddress() {
  policy ??= globalThis.trustedTypes?.createPolicy("sidecar-worker", { createScriptURL: () => WORKER });
  return policy?.createScriptURL("") ?? WORKER;
}

export class Stream {
  /**
   * topic: what to read. token: of a panel in a frame, which has no cookie. epoch, seq: the store's life and the newest event that the page shows (state has neither).
   * onEvent(envelope), onPing({time, unsaved}), onReady(): from here on it is live; onGap(): history was lost, load it
   * anew; onWallboard({snapshot, rows, removed}). onState({phase: "connecting" | "open" | "waiting" | "signed_out" |
   * "full", retryAt, downSince}): times are performance.now().
   */
  constructor({ topic, token = "", epoch = null, seq = null, onEvent, onPing, onReady, onGap, onState, onWallboard }) {
    Object.assign(this, { topic, token, epoch, seq, onEvent, onPing, onReady, onGap, onState, onWallboard });
    this.shared = "SharedWorker" in globalThis;
    this.phase = "connecting";
    document.addEventListener("visibilitychange", () => this.#restWhileHidden());
  }

  start() {
    this.#leave();
    this.watch ??= setInterval(() => this.#checkHub(), WATCH_MS);
    const port = (this.port = this.#openPort());
    port.onmessage = ({ data }) => port === this.port && this.#hear(data);
    this.#join();
    this.#restWhileHidden();
  }

  stop() {
    clearInterval(this.watch);
    this.watch = undefined;
    this.#leave();
  }

  /** Try at once, without waiting for the countdown. Signed out: load the page anew, which leads to signing in. */
  retryNow() {
    if (this.phase === "signed_out") location.reload();
    else if (this.phase === "full") this.#join();
    else this.#post({ kind: "retry" });
  }

  /** After sleep or a change of network: an open socket may be dead. */
  wake() {
    this.#post({ kind: "wake" });
  }

  #join() {
    this.heardAt = performance.now();
    this.#post({ kind: "join", topic: this.topic, token: this.token, epoch: this.epoch, seq: this.seq });
  }

  #leave() {
    this.#post({ kind: "leave" });
    this.port?.close();
    this.port = null;
  }

  #post(message) {
    this.port?.postMessage(message);
  }

  #openPort() {
    if (this.shared) {
      try {
        // A panel's token is for one conference, so its worker is too.
        const name = this.token ? `sidecar-panel-${this.topic}` : "sidecar-stream";
        const worker = new SharedWorker(workerAddress(), { type: "module", name });
        worker.onerror = () => this.#doWithoutWorker();
        return worker.port;
      } catch {
        this.shared = false;
      }
    }
    const { port1, port2 } = new MessageChannel();
    this.hub ??= new StreamHub();
    this.hub.add(port2);
    return port1;
  }

  #doWithoutWorker() {
    this.shared = false;
    if (this.port) this.start();
  }

  #checkHub() {
    if (this.port && performance.now() - this.heardAt > HUB_SILENCE_MS) this.start();
  }

  #restWhileHidden() {
    clearTimeout(this.rest);
    if (this.shared || !this.watch) return;
    if (document.hidden) this.rest = setTimeout(() => this.#leave(), HIDDEN_REST_MS);
    else if (!this.port) this.start();
  }

  #hear(message) {
    this.heardAt = performance.now();
    switch (message.kind) {
      case "event":
        this.onEvent(message.event);
        this.seq = message.event.seq ?? this.seq;
        break;
      case "ready":
        this.epoch = message.epoch;
        this.onReady();
        break;
      case "state": {
        const now = performance.now();
        this.phase = message.phase;
        this.onState({ phase: message.phase, retryAt: now + message.retryInMs, downSince: now - message.downForMs });
        break;
      }
      case "ping": this.onPing(message); break;
      case "wallboard": this.onWallboard(message.frame); break;
      case "gap": this.onGap(); break;
      case "ask": this.#post({ kind: "here" }); break;
      case "lost": this.#join(); break;
    }
  }
}
