// What a screen reader hears: nothing, gaps and call events, or all utterances; gathered, at most one change each 3 s.

const EACH_MS = 3_000;

export class Announcer {
  /** element: the live region. level(): "off", "events" or "all". */
  constructor(element, level) {
    Object.assign(this, { element, level });
    this.waiting = [];
    this.timer = null;
  }

  /** An utterance: heard at level "all" only. */
  utterance(text) {
    if (this.level() === "all") this.#say(text);
  }

  /** A gap, somebody who joined, a lost connection: heard unless announcing is off. */
  event(text) {
    if (this.level() !== "off") this.#say(text);
  }

  #say(text) {
    this.waiting.push(text);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.element.textContent = this.waiting.splice(0).join("\n");
    }, EACH_MS);
  }
}
