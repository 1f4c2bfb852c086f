// The assistant as its events tell it: who invited it, what it does, its answers. No DOM, no clock, no network.

const TURNS_KEPT = 50;

const NOBODY = Object.freeze({
  id: "", participant: "", name: "Assistant", by: "", prompt: "", stage: "none", state: null, sinceMs: null, muted: false,
  speaks: "addressed", announce: "announce", audience: "all", requestedMs: null, joinedMs: null, endedMs: null,
  reason: "", detail: "", dismissedBy: "", note: "", noteDetail: "", turns: [],
});

export class AssistantStore {
  /** now: what no event told when the page was made ({open, id, state, since_ms, muted, speaks, audience}). */
  constructor({ open = false, ...now } = {}) {
    this.open = open; // whether one can be invited at all
    this.now = now;
    this.one = NOBODY; // the newest; those before it are in the transcript
    this.changed = true; // since whoever shows it last looked
  }

  get live() {
    return this.one.stage === "requested" || this.one.stage === "joined";
  }

  /** What the page was given besides the events: call it once they are taken. */
  begin() {
    if (this.live && this.now.id === this.one.id) {
      const { state, since_ms: sinceMs, muted, speaks, audience } = this.now;
      this.#change({ state, sinceMs, muted, speaks, audience });
    }
  }

  /** Take an event in; others are passed over. False: it changes nothing. */
  take({ type, data }) {
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
      case "assistant.joined": return this.#change({ stage: "joined", joinedMs: data.at_ms });
      case "assistant.state": return this.#state(data);
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

  #state({ state, muted, speaks, audience, at_ms: sinceMs, note, detail }) {
    if (!this.live) return false;
    // A note stays until the assistant does something else.
    const noted = note ? { note, noteDetail: detail } : state === this.one.state ? {} : { note: "", noteDetail: "" };
    return this.#change({ state, muted, speaks, audience, sinceMs, ...noted });
  }

  #change(facts) {
    this.one = { ...this.one, ...facts };
    this.changed = true;
    return true;
  }
}
