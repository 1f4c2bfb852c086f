// Rows to elements: clones of the server's own macros, filled by text nodes only. Filling twice changes nothing.

import { called } from "./store.js";
import { counted, countedGaps, offset, span, wall, wallToSecond } from "./clock.js";
import { setSaid, setText } from "./said.js";

const templates = new Map();

/** A fresh copy of a <template>'s first element. */
export function cloneTemplate(id) {
  if (!templates.has(id)) templates.set(id, document.getElementById(id).content.firstElementChild);
  return templates.get(id).cloneNode(true);
}

export const slot = (element, name) => element.querySelector(`[data-slot="${name}"]`);

/** The signs that hold, as the pages mark them. */
export const signWords = (hold, muted, coaching) =>
  [hold && "hold", muted && "muted", coaching && "coaching"].filter(Boolean).join(" ");

export const elementId = (row) => (row.kind === "utterance" ? `u-${row.key}` : row.key);

export class RowMaker {
  constructor(store, gapReasons, assistantReasons) {
    Object.assign(this, { store, gapReasons, assistantReasons });
  }

  make(row) {
    const element = cloneTemplate(`row-${row.kind}`);
    element.id = elementId(row);
    return element;
  }

  /** Bring an element in line with its row; opens: whether the row begins a block. */
  fill(element, row, opens) {
    const person = this.store.person(row.participant);
    if (row.kind === "utterance") this.#fillUtterance(element, row, person, opens);
    else if (row.kind === "gap") this.#fillGap(element, row, person);
    else if (row.kind === "note") this.#fillNote(element, row);
    else this.#fillSystem(element, row, person);
  }

  #fillUtterance(element, row, person, opens) {
    element.dataset.role = person.role;
    element.toggleAttribute("data-opens", opens);
    element.dataset.signs = `${row.coaching ? "coaching " : ""}${row.late ? "late" : ""}`;
    element.toggleAttribute("data-partial", Boolean(row.partial));
    // A screen reader hears finals only; a partial is for the eye until it stands.
    if (row.partial) element.setAttribute("aria-hidden", "true");
    else element.removeAttribute("aria-hidden");
    slot(element, "link").hash = `#${element.id}`;
    const time = slot(element, "time");
    setText(time, offset(row.at_ms));
    time.title = wallToSecond(this.store.clockZeroMs + row.at_ms);
    const name = slot(element, "name");
    setText(name, called(person));
    name.title = called(person);
    setSaid(slot(element, "text"), row.text);
    if (row.cut && !slot(element, "cut")) element.querySelector(".text").append(cloneTemplate("row-cut"));
    if (row.cut) setText(slot(element, "cut"), row.cut);
    this.#fillFound(element, row.partial ? [] : this.store.found.get(row.key) ?? []);
  }

  #fillFound(element, found) {
    const flags = slot(element, "flags");
    const names = [...new Set(found.map((one) => one.name))].join(", ");
    if (names && !flags) element.querySelector(".text").append(cloneTemplate("row-flags"));
    if (names) setText(slot(element, "flags"), names);
  }

  #fillGap(element, row, person) {
    setText(slot(element, "length"), span(row.to_ms - row.at_ms));
    setText(slot(element, "name"), called(person));
    setText(slot(element, "from"), offset(row.at_ms));
    setText(slot(element, "to"), offset(row.to_ms));
    const reason = this.gapReasons[row.reason] ?? row.reason;
    setText(slot(element, "reason"), row.detail ? `${reason} (${row.detail})` : reason);
  }

  #fillNote(element, row) {
    setText(slot(element, "time"), offset(row.at_ms));
    setText(slot(element, "by"), row.by);
    setText(slot(element, "text"), row.text);
  }

  #fillSystem(element, row, person) {
    slot(element, "words").replaceChildren(...this.systemParts(row, person));
  }

  #why(row) {
    const reason = (row.type.startsWith("assistant.") && this.assistantReasons[row.reason]) || row.reason;
    return reason ? `: ${reason.replace("{by}", () => row.by)}` : "";
  }

  /** The sentence of a system row as nodes. */
  systemParts(row, person) {
    const words = this.store.systemWords[row.type];
    return words.split(/\{(\w+)\}/).map((piece, n) => {
      if (n % 2 === 0) return piece;
      if (piece === "name") return Object.assign(document.createElement("bdi"), { textContent: called(person) });
      if (piece === "by") return Object.assign(document.createElement("bdi"), { textContent: row.by });
      if (piece === "why") return this.#why(row);
      if (piece === "time") {
        const moment = Date.parse(row.timestamp);
        return Object.assign(document.createElement("time"), { textContent: wall(moment), dateTime: row.timestamp });
      }
      return piece === "utterances" ? counted(row.utterances, "utterance", "utterances") : countedGaps(row.gaps, row.gap_ms);
    });
  }
}
