// Notes: a line below the tools in which one is written, how many there are, and the way from one to the next.

import { ask, freshKey } from "./api.js";
import { counted, offset } from "./clock.js";
import { slot } from "./rows.js";
import { setText } from "./said.js";
import { toast } from "./toast.js";

const byId = (id) => document.getElementById(id);

export class Notes {
  /** moment(): ms on the conference clock to which the next note goes; onAdded(note): it is stored. */
  constructor({ url, moment, onAdded }) {
    Object.assign(this, { url, moment, onAdded });
    this.form = byId("note-form");
    this.text = byId("note-text");
    this.atMs = 0;
    this.key = null; // the same for each try with the same words, so that none is noted twice
    this.text.addEventListener("input", () => (this.key = null));
    this.text.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    byId("add-note").addEventListener("click", () => this.open());
    byId("note-close").addEventListener("click", () => this.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** Whether this reader may add notes. */
  get allowed() {
    return !byId("add-note").hidden;
  }

  open() {
    if (!this.allowed) return;
    this.atMs = Math.max(0, Math.round(this.moment()));
    setText(byId("note-at"), offset(this.atMs));
    this.form.hidden = false;
    this.text.focus();
  }

  close() {
    this.form.hidden = true;
    byId("add-note").focus({ preventScroll: true });
  }

  /** How many there are, in the head. */
  show(number) {
    byId("notes").hidden = !number;
    setText(slot(byId("notes"), "words"), counted(number, "note", "notes"));
  }

  async #send() {
    const text = this.text.value.trim();
    if (!text || this.sending) return;
    this.sending = true;
    this.key ??= freshKey();
    try {
      const added = await ask("POST", this.url, { body: { text, at_ms: this.atMs }, key: this.key });
      this.text.value = "";
      this.key = null;
      this.close();
      toast(`Noted to ${offset(added.at_ms)}`);
      this.onAdded(added);
    } catch (error) {
      toast(`Not noted yet. ${error.message}`);
    } finally {
      this.sending = false;
    }
  }
}
