// One EventSource that comes back by itself: after EOF, a refused connection, any answer but 200 (the browser gives up
// for good then), silence, sleep. Being signed out is the one answer that ends its tries.

// Durable types, and those passing ones that pages show. Types that are not listed never reach a page.
const TYPES = [
  "conference.started", "conference.ended", "participant.joined", "participant.updated", "participant.left",
  "fork.started", "fork.interrupted", "fork.resumed", "fork.stopped", "fork.health", "utterance.final", "utterance.partial",
  "utterance.redacted",
  "transcript.gap", "transcript.paused", "transcript.resumed", "transcript.completed",
  "assistant.requested", "assistant.joined", "assistant.turn", "assistant.left", "assistant.failed", "assistant.state", "note.added",
  "alert.raised", "alert.acknowledged",
];
const SERVICE = ["stream.ready", "stream.gap", "stream.closing", "wallboard", "ping"];
// The server pings each 15 s; a socket that says nothing for longer than two pings is dead, though it looks open.
const SILENCE_MS = 40_000;
const WATCH_MS = 5_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;
const ASK_WHY_TIMEOUT_MS = 5_000;

/** How long to wait after so many failures: 1, 2, 4 … 30 s, give or take a quarter. chance: 0 to 1. */
export function backoff(failures, chance) {
  return Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** failures) * (0.75 + 0.5 * chance);
}

/** The status with which the server answers, 0 for none. An EventSource does not tell. */
export async function statusOf(query) {
  try {
    const signal = AbortSignal.timeout(ASK_WHY_TIMEOUT_MS);
    const answer = await fetch(`/v1/stream?${query}`, { method: "HEAD", redirect: "manual", signal });
    return answer.type === "opaqueredirect" ? 401 : answer.status; // sent to sign in
  } catch {
    return 0;
  }
}

export class Line {
  /**
   * query(): what to ask for, asked anew for each connection. onFrame(type, data). onGone(topics): they were deleted.
   * onMissing(): the server does not know one of the topics. onState(state), with state as below.
   */
  constructor({ query, onFrame, onGone, onMissing, onState }) {
    Object.assign(this, { query, onFrame, onGone, onMissing, onState });
    this.phase = "closed";
    this.failures = 0;
    this.downSince = performance.now();
    this.retryAt = 0;
  }

  /** phase: "closed", "connecting", "open", "waiting" or "signed_out"; times are lengths, for no two clocks agree. */
  get state() {
    const now = performance.now();
    return {
      phase: this.phase,
      retryInMs: this.phase === "waiting" ? this.retryAt - now : null,
      downForMs: this.phase === "open" ? 0 : now - this.downSince,
    };
  }

  /** Connect now. An open connection is replaced without anybody being told, unless that fails. */
  open() {
    this.#drop();
    this.watch ??= setInterval(() => this.#checkSilence(), WATCH_MS);
    const query = this.query();
    const source = (this.source = new EventSource(`/v1/stream?${query}`));
    this.heardAt = performance.now();
    if (this.phase !== "open") this.#say("connecting");
    for (const type of [...SERVICE, ...TYPES]) {
      source.addEventListener(type, ({ data }) => source === this.source && this.#take(type, JSON.parse(data)));
    }
    source.onerror = () => {
      if (source !== this.source) return;
      const refused = source.readyState === EventSource.CLOSED;
      this.#fail();
      if (refused) this.#askWhy(query);
    };
  }

  close() {
    this.#drop();
    clearInterval(this.watch);
    this.watch = undefined;
    this.phase = "closed";
    this.downSince = performance.now();
  }

  /** Try at once, without waiting for the countdown. */
  retryNow() {
    if (this.phase === "waiting" || this.phase === "signed_out") this.open();
  }

  /** After sleep or a change of network: an open socket may be dead. */
  wake() {
    this.#checkSilence();
    if (this.phase === "waiting") this.open();
  }

  #take(type, data) {
    this.heardAt = performance.now();
    if (type === "stream.closing") {
      this.#wait(data.retry_ms ?? RETRY_FIRST_MS);
      return data.topics && this.onGone(data.topics);
    }
    if (type === "stream.ready") {
      this.failures = 0;
      this.#say("open");
    }
    return this.onFrame(type, data);
  }

  async #askWhy(query) {
    const { retryAt } = this;
    const status = await statusOf(query);
    if (this.phase !== "waiting" || this.retryAt !== retryAt) return;
    if (status === 401) {
      this.#drop();
      this.#say("signed_out");
    } else if (status === 404) this.onMissing();
  }

  #fail() {
    // Jitter, so that a thousand browsers do not come back in the same instant.
    this.#wait(backoff(this.failures, Math.random()));
    this.failures += 1;
  }

  #wait(ms) {
    this.#drop();
    this.timer = setTimeout(() => this.open(), ms);
    this.retryAt = performance.now() + ms;
    this.#say("waiting");
  }

  #drop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  #checkSilence() {
    if (this.source && performance.now() - this.heardAt > SILENCE_MS) this.#fail();
  }

  #say(phase) {
    if (this.phase === "open" && phase !== "open") this.downSince = performance.now();
    this.phase = phase;
    this.onState(this.state);
  }
}
