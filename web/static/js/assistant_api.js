// What the assistant is told, over its API. Each throws Refused.

import { ask, freshKey } from "./api.js";

// An answer in words takes as long as thinking does; the service gives up after 20 s.
const ANSWER_TIMEOUT_MS = 25_000;

export class AssistantApi {
  /** conference: our id. */
  constructor(conference) {
    this.base = `/v1/conferences/${encodeURIComponent(conference)}/assistants`;
  }

  invite(wish) {
    return this.#ask("POST", "", wish);
  }

  /** reply: "voice", "text" or "none". With "text" the result has the `answer`. */
  prompt(id, text, reply) {
    return this.#ask("POST", `/${id}/prompts`, { text, reply }, reply === "text" ? ANSWER_TIMEOUT_MS : undefined);
  }

  say(id, text) {
    return this.#ask("POST", `/${id}/say`, { text });
  }

  stop(id) {
    return this.#ask("POST", `/${id}/stop`);
  }

  /** manners: any of speaks, audience, muted. */
  change(id, manners) {
    return this.#ask("PATCH", `/${id}`, manners);
  }

  dismiss(id, { now = false } = {}) {
    return this.#ask("DELETE", `/${id}${now ? "?now=true" : ""}`);
  }

  #ask(method, path, body, timeoutMs) {
    return ask(method, this.base + path, { body, key: freshKey(), timeoutMs });
  }
}
