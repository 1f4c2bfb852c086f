// Pausing transcription: a card number is coming. The page says it is so when the event says so, not when the button does.

import { ask } from "./api.js";
import { offset } from "./clock.js";
import { slot } from "./rows.js";
import { setText } from "./said.js";
import { toast } from "./toast.js";

const byId = (id) => document.getElementById(id);
const button = byId("pause");
const note = byId("paused");
let asked = false;

/** Show how it stands: the button's words, and the line above the transcript while nothing is written down. */
export function showPause(store) {
  const ended = store.endedMs !== null;
  button.hidden = ended;
  note.hidden = ended || store.paused === null;
  setText(slot(button, "words"), store.paused ? "Resume transcription" : "Pause transcription");
  button.dataset.does = store.paused ? "resume" : "pause";
  if (!store.paused) return;
  const { at_ms, by, reason } = store.paused;
  setText(slot(note, "since"), offset(at_ms));
  setText(slot(note, "by"), by);
  setText(slot(note, "why"), reason ? `: ${reason}` : "");
}

button.addEventListener("click", async () => {
  if (asked) return;
  asked = true;
  const { conference, does } = button.dataset;
  button.setAttribute("aria-disabled", "true");
  try {
    await ask("POST", `/v1/conferences/${encodeURIComponent(conference)}/${does}`);
    toast(does === "pause" ? "Transcription paused" : "Transcription goes on");
  } catch (error) {
    toast(does === "pause" ? `Not paused, everything is still written down. ${error.message}` : `Still paused. ${error.message}`);
  } finally {
    asked = false;
    button.removeAttribute("aria-disabled");
  }
});
