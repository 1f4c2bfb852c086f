// The rows of the wallboard in order of start. New ones come at the foot at once; whatever would move a row that
// somebody points at or has chosen waits until pointer and focus are elsewhere.

import { loudness } from "./alerts.js";
import { callRow, fillCall, shownState, tickCall } from "./wallboard_row.js";
import { cloneTemplate } from "./rows.js";

export class CallTable {
  /** body: the tbody, with the rows that the server painted. onLeave(row): its element is gone for good. */
  constructor(body, { onLeave }) {
    this.body = body;
    this.onLeave = onLeave;
    this.rows = new Map(); // what the server says, by id
    this.parts = new Map(); // elements, by id
    this.gone = new Map(); // rows that the server took away, while their elements stay
    this.changed = new Set();
    this.state = "";
    this.order = "";
    for (const element of body.children) this.parts.set(element.dataset.id, callRow(element));
    // The pointer leaves or the focus moves: what waited can be done. Focus has moved a moment after focusout.
    body.addEventListener("pointerleave", () => this.arrange());
    body.addEventListener("focusout", () => setTimeout(() => this.arrange()));
  }

  get held() {
    return this.body.matches(":hover, :focus-within");
  }

  /** Show this state only; "" shows all. The reader asked for it, so nothing is held back. */
  filter(state) {
    this.state = state;
    this.arrange({ force: true });
  }

  /** By start (""), or those with the loudest open alerts first ("alerts"). The reader asked for it. */
  sort(order) {
    this.order = order;
    this.arrange({ force: true });
  }

  /** A frame of the stream. New rows of a first snapshot are not news. */
  take({ snapshot, rows, removed }, { news = true } = {}) {
    const left = new Set(removed);
    if (snapshot) for (const id of new Set([...this.rows.keys(), ...this.parts.keys()])) left.add(id);
    for (const row of rows) {
      left.delete(row.id);
      row.zeroMs = Date.parse(row.clock_zero);
      row.isNew = this.rows.get(row.id)?.isNew ?? (news && !this.parts.has(row.id));
      this.rows.set(row.id, row);
      this.gone.delete(row.id);
      this.changed.add(row.id);
    }
    for (const id of left) {
      if (this.rows.has(id)) this.gone.set(id, this.rows.get(id));
      this.rows.delete(id);
    }
  }

  /** Once per frame: fill what changed, then let rows come and go. */
  paint(now) {
    for (const id of this.changed) {
      const parts = this.parts.get(id);
      const row = this.rows.get(id);
      if (!parts || !row) continue;
      fillCall(parts, row);
      tickCall(parts, row, now);
    }
    this.changed.clear();
    this.now = now;
    this.arrange();
  }

  tick(now) {
    this.now = now;
    for (const [id, parts] of this.parts) {
      const row = this.rows.get(id);
      if (row && row.state !== "ended") tickCall(parts, row, now);
    }
  }

  /** Make the elements those of the rows that are wanted, as far as nothing moves under the reader. */
  arrange({ force = false } = {}) {
    const held = this.held && !force;
    const wanted = [...this.rows.values()]
      .filter((row) => !this.state || (this.state === "alerts" ? row.alerts_open > 0 : shownState(row) === this.state))
      .sort((a, b) => this.#urgency(b) - this.#urgency(a) || a.zeroMs - b.zeroMs || (a.id < b.id ? -1 : 1));
    const stay = new Set(wanted.map((row) => row.id));
    if (!held) for (const [id, parts] of this.parts) if (!stay.has(id)) this.#drop(id, parts);
    let before = null; // the element that the next row comes behind
    for (const row of wanted) {
      const parts = this.parts.get(row.id);
      const place = before ? before.nextElementSibling : this.body.firstElementChild;
      if (parts) {
        if (!held && parts.element !== place) this.body.insertBefore(parts.element, place);
        before = parts.element;
      } else {
        before = this.#add(row, held ? null : place);
      }
    }
  }

  #urgency(row) {
    return this.order === "alerts" ? loudness(row.alerts[0]) : 0;
  }

  #add(row, place) {
    const element = cloneTemplate("row-call");
    const parts = callRow(element);
    this.parts.set(row.id, parts);
    fillCall(parts, row);
    tickCall(parts, row, this.now);
    if (row.isNew) {
      row.isNew = false;
      element.toggleAttribute("data-new", true);
      element.addEventListener("animationend", () => element.removeAttribute("data-new"), { once: true });
    }
    return this.body.insertBefore(element, place);
  }

  #drop(id, parts) {
    parts.element.remove();
    this.parts.delete(id);
    const row = this.gone.get(id);
    this.gone.delete(id);
    if (row) this.onLeave(row);
  }

  /** The row that has the focus, if any. */
  get chosen() {
    return this.rows.get(this.body.querySelector(":focus")?.closest("tr")?.dataset.id);
  }

  /** Move the focus to the next (1) or previous (-1) row; from nowhere to the first or last. */
  step(direction) {
    const links = [...this.body.querySelectorAll("a")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (direction > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + direction));
    links[next].focus();
  }
}
