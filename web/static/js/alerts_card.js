// The card of a call's alerts, and the marks at the words that rules found.

import { acknowledge } from "./alerts.js";
import { offset, span } from "./clock.js";
import { cloneTemplate, slot } from "./rows.js";
import { rangeOf, setText } from "./said.js";
import { toast } from "./toast.js";

const painted = globalThis.CSS?.highlights;

export class AlertCard {
  /** nameOf(participant); reasons: why an assistant failed, in words. */
  constructor({ store, conference, nameOf, reasons }) {
    Object.assign(this, { store, conference, nameOf, reasons });
    this.box = document.getElementById("alerts");
    this.list = document.getElementById("alert-list");
    this.elements = new Map();
    this.list.addEventListener("submit", (event) => {
      event.preventDefault();
      const item = event.target.closest(".alert");
      this.#acknowledge(this.store.byId.get(item.dataset.alert), item.querySelector("input").value.trim());
    });
  }

  show() {
    this.store.changed = false;
    const all = this.store.all;
    const open = this.store.open.length;
    this.box.hidden = !all.length;
    setText(document.getElementById("alerts-title"), open ? `Alerts, ${open} open` : "Alerts");
    // What somebody is writing in stays where it is; the order is put right afterwards.
    const focused = this.list.contains(document.activeElement);
    all.forEach((alert, n) => {
      const item = this.elements.get(alert.alert) ?? this.#make(alert);
      this.#fill(item, alert);
      if (!item.isConnected) this.list.append(item);
      if (!focused && this.list.children[n] !== item) this.list.insertBefore(item, this.list.children[n]);
    });
    // The form that had the focus is gone: it goes on to the next one, else to the card.
    if (focused && document.activeElement.closest("[hidden]")) {
      (this.list.querySelector("[data-open] input") ?? document.getElementById("alerts-title")).focus();
    }
  }

  /** The loudest open one, noted without a note. */
  async acknowledgeLoudest() {
    const [alert] = this.store.open;
    if (!alert) return toast("No alert is open");
    await this.#acknowledge(alert, "");
  }

  /** What an alert says besides its name. */
  says({ kind, quote, measured_ms: ms, participant, detail }) {
    const name = participant ? this.nameOf(participant) : "";
    if (quote) return `${name}: \u201c${quote}\u201d`;
    if (kind === "silence") return `Nobody spoke for ${span(ms)}`;
    if (kind === "overtalk") return `${span(ms)} of speaking over each other`;
    if (kind === "recogniser") return detail === "nobody_listens" ? `Nobody has transcribed ${name} for ${span(ms)}` : `${span(ms)} of ${name} is lost`;
    return (this.reasons[detail] ?? detail).replace("{by}", "");
  }

  #make(alert) {
    const item = cloneTemplate("row-alert");
    item.dataset.alert = alert.alert;
    item.dataset.severity = alert.severity;
    this.elements.set(alert.alert, item);
    return item;
  }

  #fill(item, alert) {
    const open = alert.by === null;
    item.toggleAttribute("data-open", open);
    setText(slot(item, "name"), alert.name);
    const at = slot(item, "at");
    setText(at, offset(alert.at_ms));
    if (alert.utterance) at.setAttribute("href", `#u-${alert.utterance}`); // "hash" of a clone is about:blank's
    setText(slot(item, "says"), this.says(alert));
    const noted = slot(item, "noted");
    noted.hidden = open;
    setText(noted, open ? "" : `Acknowledged by ${alert.by}${alert.note ? `: ${alert.note}` : ""}`);
    const form = slot(item, "form");
    if (form && form.hidden !== !open) form.hidden = !open;
  }

  async #acknowledge(alert, note) {
    try {
      const said = await acknowledge(this.conference, alert.alert, note);
      this.store.noted(alert.alert, said.acknowledged_by, said.note);
      this.show();
      toast(`Acknowledged: ${alert.name}`);
    } catch (error) {
      toast(`Not acknowledged. ${error.message}`);
    }
  }
}

/** Paint the words that rules found in rows that are on the page. elementOf(key): the text element of a row. */
export function paintFound(found, elementOf) {
  if (!painted) return;
  const ranges = [];
  for (const [key, spans] of found) {
    const element = elementOf(key);
    for (const { quote } of spans) {
      // Words that were redacted since are not there any more.
      const start = quote && element ? element.textContent.indexOf(quote) : -1;
      if (start >= 0) ranges.push(rangeOf(element, start, start + quote.length));
    }
  }
  painted.set("alert", new Highlight(...ranges));
}
