// What the assistant is told, over its API. An error has the words of the service, and its stable code.

import { authorization } from "./access.js";

const TIMEOUT_MS = 10_000;
// An answer in words takes as long as thinking does; the service gives up after 20 s.
const ANSWER_TIMEOUT_MS = 25_000;

export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

const freshKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

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
    return this.#ask("POST", `/${id}/prompts`, { text, reply }, reply === "text" ? ANSWER_TIMEOUT_MS : TIMEOUT_MS);
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

  async #ask(method, path, body, timeoutMs = TIMEOUT_MS) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": freshKey(), ...authorization() };
    let answer;
    try {
      answer = await fetch(this.base + path, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(timeoutMs),
      });
    } catch {
      throw new Refused("The service does not answer.", "no_answer");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(told.detail ?? answer.statusText, told.code ?? `http_${answer.status}`);
    return told;
  }
}
