// One EventSource that comes back by itself: after EOF, a refused connection, any answer but 200 (the browser gives up
// for good then), silence, sleep. It goes on from the position of the last event it delivered.

// Durable types and the partial. Types that are not listed never reach the page.
const TYPES = [
  "conference.started", "conference.ended", "participant.joined", "participant.updated", "participant.left",
  "fork.started", "fork.interrupted", "fork.resumed", "fork.stopped", "utterance.final", "utterance.partial",
  "transcript.gap", "transcript.completed",
];
// The server pings each 15 s; a socket that says nothing for longer than two pings is dead, though it looks open.
const SILENCE_MS = 40_000;
const WATCH_MS = 5_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;

export class Stream {
  /**
   * topic, position: what to read and from where (state has no position). onEvent(envelope), onPing({time, unsaved}),
   * onReady({resumed}), onGap(): history was lost, load it anew; onWallboard({snapshot, rows, removed}).
   * onState({phase: "connecting" | "open" | "waiting", retryAt, downSince}): times are performance.now().
   */
  constructor({ topic, position = "", onEvent, onPing, onReady, onGap, onState, onWallboard }) {
    Object.assign(this, { topic, position, onEvent, onPing, onReady, onGap, onState, onWallboard });
    this.failures = 0;
    this.downSince = performance.now();
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.watch ??= setInterval(() => this.#checkSilence(), WATCH_MS);
    this.#connect();
  }

  stop() {
    this.stopped = true;
    clearInterval(this.watch);
    this.watch = undefined;
    this.#close();
  }

  /** Try at once, without waiting for the countdown. */
  retryNow() {
    if (!this.stopped && this.phase === "waiting") this.#connect();
  }

  /** After sleep or a change of network: an open socket may be dead. */
  wake() {
    this.#checkSilence();
    this.retryNow();
  }

  #connect() {
    this.#close();
    const query = new URLSearchParams({ topic: this.topic });
    if (this.position) query.set("last_event_id", this.position);
    const source = (this.source = new EventSource(`/v1/stream?${query}`));
    this.heardAt = performance.now();
    this.#say("connecting");
    const listen = (type, take) => source.addEventListener(type, (message) => {
      if (source !== this.source) return;
      this.heardAt = performance.now();
      take(JSON.parse(message.data), message);
    });
    for (const type of TYPES) {
      listen(type, (envelope, message) => {
        this.onEvent(envelope);
        this.position = message.lastEventId || this.position;
      });
    }
    listen("ping", (ping) => this.onPing(ping.data ?? ping));
    listen("stream.ready", (ready) => {
      this.failures = 0;
      this.downSince = null;
      this.#say("open");
      this.onReady(ready.data ?? ready);
    });
    listen("wallboard", (board) => this.onWallboard(board));
    listen("stream.gap", () => this.onGap());
    listen("stream.closing", (closing) => this.#wait((closing.data ?? closing).retry_ms ?? RETRY_FIRST_MS));
    source.onerror = () => source === this.source && this.#fail();
  }

  #fail() {
    const base = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** this.failures);
    this.failures += 1;
    // Jitter, so that a thousand pages do not come back in the same instant.
    this.#wait(base * (0.75 + 0.5 * Math.random()));
  }

  #wait(ms) {
    this.#close();
    this.downSince ??= performance.now();
    this.timer = setTimeout(() => this.#connect(), ms);
    this.#say("waiting", performance.now() + ms);
  }

  #close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  #checkSilence() {
    if (this.source && performance.now() - this.heardAt > SILENCE_MS) this.#fail();
  }

  #say(phase, retryAt = null) {
    this.phase = phase;
    this.onState({ phase, retryAt, downSince: this.downSince });
  }
}
