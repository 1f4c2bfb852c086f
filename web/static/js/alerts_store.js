// A call's alerts as its events tell them. No DOM, no clock, no network.

import { loudness } from "./alerts.js";

export class AlertStore {
  constructor() {
    this.byId = new Map();
    this.changed = true; // since whoever shows them last looked
  }

  /** Open ones first, the loudest of them first; then those that somebody has taken note of, newest first. */
  get all() {
    const open = (one) => (one.by === null ? 1 : 0);
    return [...this.byId.values()].sort((a, b) =>
      open(b) - open(a) || (open(a) ? loudness(b) - loudness(a) || a.at_ms - b.at_ms : b.at_ms - a.at_ms));
  }

  get open() {
    return this.all.filter((one) => one.by === null);
  }

  /** Take an event in; others are passed over. Of who acknowledges, the first one stays. */
  take({ type, data }) {
    if (type === "alert.raised") {
      if (!this.byId.has(data.alert)) this.byId.set(data.alert, { ...data, by: null, note: "" });
      this.changed = true;
    } else if (type === "alert.acknowledged") {
      this.noted(data.alert, data.by, data.note);
    } else if (type === "utterance.redacted") {
      for (const one of this.byId.values()) {
        if (one.utterance === data.id && !data.text.includes(one.quote)) one.quote = "";
      }
      this.changed = true;
    }
  }

  noted(alert, by, note) {
    const one = this.byId.get(alert);
    if (one && one.by === null) Object.assign(one, { by, note });
    this.changed = true;
  }
}
