// A line and its readers: at most 20 topics over one connection, each frame to those whom it concerns.

import { Line, statusOf } from "./stream_line.js";
import { Readers, WALLBOARD } from "./stream_readers.js";

// As many as the server takes for one stream.
export const TOPICS_MOST = 20;
// Tabs that open together are served by one new connection.
const GATHER_MS = 50;
// What nobody reads any more is given up with delay: whoever leaves a page often opens another one.
const LINGER_MS = 5_000;

export class Channel {
  /** tell(key, message): what a reader is told, as stream.js reads it. */
  constructor(tell) {
    this.tell = tell;
    this.readers = new Readers();
    this.reopenAt = Infinity;
    this.line = new Line({
      query: () => this.readers.query(),
      onFrame: (type, data) => this.#deliver(type, data),
      onGone: (topics) => this.#drop(topics),
      onMissing: () => this.#findMissing(),
      onState: (state) => this.#tellAll([...this.readers.all.keys()], { kind: "state", ...state }),
    });
  }

  get isEmpty() {
    return this.readers.all.size === 0;
  }

  follows(topic) {
    return this.readers.topics.includes(topic);
  }

  hasRoom() {
    return this.readers.topics.length < TOPICS_MOST;
  }

  join(key, wish) {
    const waits = this.readers.join(key, wish);
    const { state } = this.line;
    // A page that was just loaded shows that the server is there: no reason to wait longer.
    if (waits || state.phase !== "open") this.#reopenIn(GATHER_MS);
    this.tell(key, { kind: "state", ...state, ...((waits || state.phase === "closed") && { phase: "connecting" }) });
    if (!waits && state.phase === "open") this.tell(key, { kind: "ready", epoch: this.readers.epoch });
  }

  leave(key) {
    this.readers.leave(key);
    if (this.isEmpty) this.#close();
    else if ([...this.readers.sent.keys()].some((topic) => !this.follows(topic))) this.#reopenIn(LINGER_MS);
  }

  #close() {
    clearTimeout(this.timer);
    this.reopenAt = Infinity;
    this.line.close();
  }

  #reopenIn(ms) {
    const at = performance.now() + ms;
    if (at >= this.reopenAt) return;
    clearTimeout(this.timer);
    this.reopenAt = at;
    this.timer = setTimeout(() => {
      this.reopenAt = Infinity;
      this.line.open();
    }, ms);
  }

  #deliver(type, data) {
    switch (type) {
      case "stream.ready": {
        const lost = this.readers.ready(data.epoch);
        this.#tellAll([...this.readers.all.keys()], { kind: "ready", epoch: data.epoch });
        return this.#tellAll(lost, { kind: "gap" });
      }
      case "stream.gap":
        return this.#tellAll(this.readers.gap(data), { kind: "gap" });
      case "wallboard":
        return this.#tellAll(this.readers.passing(WALLBOARD), { kind: "wallboard", frame: data });
      case "ping":
        return this.#ping(data);
    }
    const topic = `conference:${data.conference}`;
    if (data.seq === null) return this.#tellAll(this.readers.passing(topic), { kind: "event", event: data });
    return this.#tellAll(this.readers.durable(topic, data.seq), { kind: "event", event: data });
  }

  #ping({ time, unsaved_in: unsaved = {} }) {
    for (const [key, { topic }] of this.readers.all) {
      this.tell(key, { kind: "ping", time, unsaved: unsaved[topic.slice("conference:".length)] ?? 0 });
    }
  }

  /** One topic that is gone must not keep the others from being read. */
  async #findMissing() {
    const status = (topic) => statusOf(new URLSearchParams({ topic }));
    // A proxy whose service is away may say 404 to everything, even to a topic that is always there.
    if ((await status(WALLBOARD)) !== 200) return;
    const missing = [];
    for (const topic of this.readers.topics) if ((await status(topic)) === 404) missing.push(topic);
    if (missing.length) this.#drop(missing);
  }

  /** Its readers load their page anew and see. */
  #drop(topics) {
    const keys = topics.flatMap((topic) => this.readers.of(topic));
    for (const key of keys) this.readers.leave(key);
    this.#tellAll(keys, { kind: "gap" });
    if (this.isEmpty) this.#close();
    else this.line.retryNow();
  }

  #tellAll(keys, message) {
    for (const key of keys) this.tell(key, message);
  }
}
