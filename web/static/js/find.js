// Find in the call: counts hits in all rows, also those not on the page, while the call goes on. Hits are painted by
// the Custom Highlight API, so the text nodes stay as they are.

import { rangeOf } from "./said.js";

const painted = globalThis.CSS?.highlights;

export class Find {
  /**
   * rows(): the rows to look through. elementOf(key): its text element, if on the page. onShow(key): go there.
   * steps: the buttons for the next and previous hit. onQuery(): somebody looks for something. searching(): whether
   * rows are still being fetched.
   */
  constructor({ input, count, box, steps, rows, elementOf, onShow, onQuery, searching }) {
    Object.assign(this, { input, count, box, steps, rows, elementOf, onShow, onQuery, searching });
    this.hits = [];
    this.current = null;
    input.addEventListener("input", () => this.#start());
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      }
    });
  }

  get query() {
    return this.input.value.trim().toLocaleLowerCase();
  }

  clear() {
    this.input.value = "";
    this.#start();
  }

  /** Look again: rows changed. Keeps the present hit. */
  refresh() {
    if (!this.query) return;
    this.#search();
    if (this.searching() && !this.current) this.#showNewest();
    this.#paint();
  }

  /** Go to the next (1) or previous (-1) hit, round the end. */
  step(direction) {
    if (!this.hits.length) return;
    const index = this.#index();
    const next = index < 0 ? (direction > 0 ? 0 : this.hits.length - 1) : (index + direction + this.hits.length) % this.hits.length;
    this.current = this.hits[next];
    this.onShow(this.current.key);
    this.#paint();
  }

  #start() {
    this.current = null;
    this.hits = [];
    if (this.query) {
      this.#search();
      this.#showNewest();
      this.onQuery();
    }
    this.box.hidden = !this.query;
    this.#paint();
  }

  /** The newest hit first: the reader is in a running call. */
  #showNewest() {
    this.current = this.hits.at(-1) ?? null;
    if (this.current) this.onShow(this.current.key);
  }

  #search() {
    const query = this.query;
    this.hits = [];
    for (const row of this.rows()) {
      if (row.kind !== "utterance") continue;
      const text = row.text.toLocaleLowerCase();
      for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + query.length)) {
        this.hits.push({ key: row.key, at });
      }
    }
  }

  #index() {
    return this.current ? this.hits.findIndex((hit) => hit.key === this.current.key && hit.at === this.current.at) : -1;
  }

  #paint() {
    const index = this.#index();
    const none = this.searching() ? "Searching" : "No hits";
    this.count.textContent = this.hits.length ? `${index < 0 ? "–" : index + 1} of ${this.hits.length}` : none;
    for (const button of this.steps) button.disabled = !this.hits.length;
    if (!painted) return;
    painted.delete("find");
    painted.delete("find-current");
    if (!this.query) return;
    const ranges = this.hits.map((hit) => this.#range(hit));
    if (index >= 0 && ranges[index]) painted.set("find-current", new Highlight(ranges[index]));
    painted.set("find", new Highlight(...ranges.filter((range, n) => range && n !== index)));
  }

  #range({ key, at }) {
    const element = this.elementOf(key);
    // Lower case may be longer than the text (İ); then a hit may lie past its end.
    return element ? rangeOf(element, at, at + this.query.length) : null;
  }
}
