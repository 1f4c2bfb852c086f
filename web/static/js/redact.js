// Redaction by hand: which words of an utterance must go is looked at in a dialog, and then they are gone for good.

import { ask } from "./api.js";
import { offset } from "./clock.js";
import { setText } from "./said.js";
import { toast } from "./toast.js";

const byId = (id) => document.getElementById(id);

export class Redactor {
  /**
   * url: of the utterances. rowOf(key): an utterance, or nothing. chosen(): the key of the one that is chosen.
   * nameOf(row): who said it. onRedacted(answer): it is done.
   */
  constructor({ url, rowOf, chosen, nameOf, onRedacted }) {
    Object.assign(this, { url, rowOf, chosen, nameOf, onRedacted });
    this.dialog = byId("redact-dialog");
    this.text = byId("redact-text");
    this.row = null;
    byId("redact-do").addEventListener("click", () => this.#send());
    // Not readonly: there browsers have no caret, and nothing can be selected by keyboard. It takes no input all the same.
    this.text.addEventListener("beforeinput", (event) => event.preventDefault());
    this.text.addEventListener("input", () => (this.text.value = this.row.text));
    for (const type of ["select", "keyup", "pointerup"]) this.text.addEventListener(type, () => this.#show());
    document.addEventListener("selectionchange", () => this.dialog.open && this.#show());
  }

  /** With the words that are selected on the page, else with the utterance that is chosen. */
  open() {
    const words = selectedWords();
    const row = this.rowOf(words?.key ?? this.chosen());
    if (row?.kind !== "utterance" || row.partial) return toast("Choose an utterance first (click its time, or j and k), or select words of one.");
    this.row = { ...row };
    setText(byId("redact-line"), `${this.nameOf(row)}, ${offset(row.at_ms)}`);
    byId("redact-cut").hidden = !row.cut;
    this.text.value = row.text;
    this.dialog.showModal();
    this.text.focus();
    this.text.setSelectionRange(words?.start ?? 0, words?.end ?? 0);
    this.#show();
  }

  /** The call has gone on: somebody else may have redacted the same utterance. */
  refresh() {
    const row = this.dialog.open && this.rowOf(this.row.key);
    if (!row || row.revision === this.row.revision) return;
    this.row = { ...row };
    this.text.value = row.text;
    this.text.setSelectionRange(0, 0);
    this.#show();
    toast("Somebody redacted this utterance meanwhile.");
  }

  /** From the first to behind the last character that goes, without blanks around; null: all of them. */
  #span() {
    const { value, selectionStart, selectionEnd } = this.text;
    const words = value.slice(selectionStart, selectionEnd);
    if (value !== this.row.text || !words.trim()) return null;
    return [selectionStart + words.length - words.trimStart().length, selectionEnd - words.length + words.trimEnd().length];
  }

  #show() {
    const span = this.#span();
    setText(byId("redact-goes"), span ? `\u201c${this.row.text.slice(...span)}\u201d` : "the whole utterance");
  }

  async #send() {
    if (this.sending) return;
    this.sending = true;
    const { key, text, revision } = this.row;
    // The service counts characters, a browser halves of some.
    const [start, end] = this.#span()?.map((at) => [...text.slice(0, at)].length) ?? [];
    try {
      const left = await ask("POST", `${this.url}/${encodeURIComponent(key)}/redact`, { body: { start, end, revision } });
      this.dialog.close();
      this.onRedacted(left);
      toast("Redacted");
    } catch (error) {
      toast(`Nothing was redacted. ${error.message}`);
    } finally {
      this.sending = false;
    }
  }
}

/** What is selected on the page, if it lies within one utterance: {key, start, end}. */
function selectedWords() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const text = elementOf(range.startContainer).closest('.utterance [data-slot="text"]');
  if (!text?.contains(range.endContainer)) return null;
  const before = new Range();
  before.setStart(text, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = before.toString().length;
  return { key: text.closest(".utterance").id.slice("u-".length), start, end: start + range.toString().length };
}

const elementOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement);
