// The rows on the page: a window of at most MOST rows over the store's rows. Older ones are added on scrolling up, and
// rows far from the reader's eye are let go of; the store keeps those that it has.

import { elementId } from "./rows.js";

const MOST = 500;
const STEP = 100;
const START = 300;

export class RowList {
  constructor(element, store, maker) {
    Object.assign(this, { element, store, maker });
    this.speaker = "";
    this.shown = store.rows;
    this.elements = new Map();
    for (const row of store.rows.slice(-START)) {
      const painted = document.getElementById(elementId(row));
      if (painted) this.elements.set(row.key, painted);
    }
    this.high = store.rows.length;
    this.low = Math.max(0, this.high - START);
    // Whether the window reached the newest row when it was last moved; rows that come later are to be in it then.
    this.atEnd = true;
  }

  /** Show one participant only ("" for all). Call render after. */
  filter(participant) {
    this.speaker = participant;
    this.#refresh();
    this.toEnd();
  }

  toEnd() {
    this.#refresh();
    this.high = this.shown.length;
    this.low = Math.max(0, this.high - START);
    this.atEnd = true;
  }

  /** Move the window so that the row is in it. False: no such row, or filtered out. */
  reveal(key) {
    const row = this.store.byKey.get(key);
    const index = row ? this.shown.indexOf(row) : -1;
    if (index < 0) return false;
    if (index < this.low || index >= this.high) {
      this.low = Math.max(0, index - START / 2);
      this.high = Math.min(this.shown.length, this.low + START);
      this.atEnd = this.high === this.shown.length;
    }
    return true;
  }

  /** Grow the window upwards (-1) or downwards (1). False: nothing more there. */
  extend(direction) {
    if (direction < 0 ? this.low === 0 : this.high >= this.shown.length) return false;
    if (direction < 0) {
      this.low = Math.max(0, this.low - STEP);
      this.high = Math.min(this.high, this.low + MOST);
    } else {
      this.high = Math.min(this.shown.length, this.high + STEP);
      this.low = Math.max(this.low, this.high - MOST);
    }
    this.atEnd = this.high >= this.shown.length;
    return true;
  }

  /** Run a change that puts rows above those that are known; the window stays over the same rows. */
  grow(change) {
    const first = this.shown[this.low];
    change();
    this.#refresh();
    const moved = first ? this.shown.indexOf(first, this.low) - this.low : 0;
    this.low += moved;
    this.high += moved;
  }

  /** Bring the page in line. dirty: keys whose rows changed. live: the reader is at the newest row. */
  render(dirty, live) {
    this.#refresh();
    if (this.atEnd && (live || this.shown.length - this.low <= MOST)) this.high = this.shown.length;
    this.high = Math.min(this.high, this.shown.length);
    this.atEnd = this.high === this.shown.length;
    if (live && this.high - this.low > MOST) this.low = this.high - MOST + STEP;
    this.low = Math.min(this.low, this.high);
    this.#reconcile(this.shown.slice(this.low, this.high), dirty, this.shown[this.low - 1]);
  }

  #refresh() {
    const all = this.shown === this.store.rows;
    if (this.speaker) this.shown = this.store.rows.filter((row) => row.participant === this.speaker && row.kind !== "system");
    else if (!all) this.shown = this.store.rows;
  }

  #reconcile(rows, dirty, above) {
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, element] of this.elements) {
      if (wanted.has(key)) continue;
      element.remove();
      this.elements.delete(key);
    }
    let next = this.element.firstElementChild;
    for (const row of rows) {
      let element = this.elements.get(row.key);
      const fresh = !element;
      if (fresh) this.elements.set(row.key, (element = this.maker.make(row)));
      const opens = row.kind === "utterance" && this.store.opensBlock(above, row);
      if (fresh || dirty.has(row.key) || element.hasAttribute("data-opens") !== opens) this.maker.fill(element, row, opens);
      if (fresh && row.key === this.selected) element.toggleAttribute("data-selected", true);
      if (fresh && this.settled) element.toggleAttribute("data-new", dirty.has(row.key));
      if (element === next) next = next.nextElementSibling;
      else this.element.insertBefore(element, next);
      above = row;
    }
    // Rows of a first paint that the history does not know (it cannot be, unless the page was edited): none may stay.
    while (next) {
      const stray = next;
      next = next.nextElementSibling;
      stray.remove();
    }
    this.settled = true;
  }
}
