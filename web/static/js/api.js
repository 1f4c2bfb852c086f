// Requests to the API, each with a time limit. An error has words for people, the service's own if it gave any, and its stable code.

import { authorization } from "./access.js";

const TIMEOUT_MS = 10_000;

export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** For a thing that is to be done once, however often it is asked for. */
export const freshKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The JSON of the answer. key: an Idempotency-Key. Throws Refused. */
export async function ask(method, path, { body, key, timeoutMs = TIMEOUT_MS } = {}) {
  const headers = { ...authorization(), ...(body && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }) };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(timeoutMs) });
  } catch {
    throw new Refused("The service does not answer.", "no_answer");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(told.detail ?? answer.statusText, told.code ?? `http_${answer.status}`);
  return told;
}
