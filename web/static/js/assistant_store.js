// The assistant as its events tell it: who invited it, what it does, its answers. No DOM, no clock, no network.

const TURNS_KEPT = 50;

import { PROBLEMS } from "./assistant_words.js";

const NOBODY = Object.freeze({
  id: "", participant: "", name: "Assistant", by: "", prompt: "", stage: "none", state: null, sinceMs: null, muted: false,
  speaks: "addressed", announce: "announce", audience: "all", requestedMs: null, joinedMs: null, endedMs: null,
  reason: "", detail: "", dismissedBy: "", note: "", noteDetail: "", problem: null, turns: [],
});

export class AssistantStore {
  /**
   * now: what no event told when the page was made ({open, engines, id, state, since_ms, problem, muted, speaks, audience}).
   * clockZeroMs: when the conference's clock began.
   */
  constructor({ open = false, engines = "", ...now } = {}, clockZeroMs = 0) {
    this.open = open; // whether one can be invited at all
    this.engines = engines; // who thinks and speaks, and what they cannot do
    this.now = now;
    this.clockZeroMs = clockZeroMs;
    this.one = NOBODY; // the newest; those before it are in the transcript
    this.changed = true; // since whoever shows it last looked
  }

  get live() {
    return this.one.stage === "requested" || this.one.stage === "joined";
  }

  /** What the page was given besides the events: call it once they are taken. */
  begin() {
    if (this.live && this.now.id === this.one.id) {
      const { state, since_ms: sinceMs, muted, speaks, audience, problem } = this.now;
      this.#change({ state, sinceMs, muted, speaks, audience, problem: problem && { ...problem, atMs: problem.at_ms } });
    }
  }

  /** Take an event in; others are passed over. False: it changes nothing. */
  take({ type, data, timestamp }) {
    if (!type.startsWith("assistant.")) return false;
    if (type === "assistant.requested") {
      const { assistant: id, participant, name, by, prompt, speaks, announce, audience, at_ms: requestedMs } = data;
      this.one = NOBODY;
      return this.#change({
        id, participant, name, by, prompt, speaks, announce, audience, requestedMs, stage: "requested", state: "inviting",
        sinceMs: requestedMs, turns: [],
      });
    }
    if (data.assistant !== this.one.id) return false;
    switch (type) {
      case "assistant.joined":
        return this.#change({ stage: "joined", state: "listening", joinedMs: data.at_ms, sinceMs: data.at_ms });
      case "assistant.state": return this.#state(data, Math.max(0, Date.parse(timestamp) - this.clockZeroMs));
      case "assistant.turn": return this.#change({ turns: [...this.one.turns, data].slice(-TURNS_KEPT) });
      case "assistant.left":
        return this.#change({ stage: "left", state: null, endedMs: data.at_ms, reason: data.reason, dismissedBy: data.by });
      case "assistant.failed":
        return this.#change({ stage: "failed", state: null, endedMs: data.at_ms, reason: data.reason, detail: data.detail });
    }
    return false;
  }

  /** What its API answered: the page need not wait for the event. */
  answered({ id, muted, speaks, audience }) {
    if (id === this.one.id && this.live) this.#change({ muted, speaks, audience });
  }

  #state({ state, muted, speaks, audience, at_ms: sinceMs, note, detail }, toldMs) {
    if (!this.live) return false;
    // A note stays until the assistant does something else.
    const noted = note ? { note, noteDetail: detail } : state === this.one.state ? {} : { note: "", noteDetail: "" };
    const problem = PROBLEMS.has(note) ? { note, detail, atMs: toldMs } : this.one.problem;
    return this.#change({ state, muted, speaks, audience, sinceMs, problem, ...noted });
  }

  #change(facts) {
    this.one = { ...this.one, ...facts };
    this.changed = true;
    return true;
  }
}
