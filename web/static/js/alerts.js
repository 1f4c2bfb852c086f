// Alerts as they come in: a line at the foot of the page, a sound for who wants one; and taking note of them.
//
// The lines stand in live regions that are in the page from the start: status for all, alert for critical ones.

import { ask } from "./api.js";
import { preference, setPreference } from "./prefs.js";

const SHOWN_MS = 8_000;
const LINES_MOST = 3;
const BEEP_S = 0.12;
const LOUDNESS = { notice: 1, warning: 2, critical: 3 };

/** How loudly an alert is told; 0: there is none. */
export const loudness = (alert) => (alert ? LOUDNESS[alert.severity] ?? 0 : 0);

/** Take note of an alert. Returns it as it stands then; throws Refused. */
export function acknowledge(conference, alert, note = "") {
  return ask("POST", `/v1/conferences/${encodeURIComponent(conference)}/alerts/${encodeURIComponent(alert)}/acknowledge`, { body: { note } });
}

export class AlertBell {
  constructor() {
    this.status = document.getElementById("alert-status");
    this.critical = document.getElementById("alert-critical");
    this.sound = document.getElementById("alert-sound");
  }

  /** Tie the choice of a sound to this browser. */
  bind() {
    this.sound.checked = preference("alert-sound", "off") === "on";
    this.sound.addEventListener("change", () => {
      setPreference("alert-sound", this.sound.checked ? "on" : "off");
      if (this.sound.checked) this.#beep("warning");
    });
  }

  /** Whether a screen reader is told of what comes. */
  heard(on) {
    for (const region of [this.status, this.critical]) {
      if (on) region.removeAttribute("aria-live");
      else region.setAttribute("aria-live", "off");
    }
  }

  /** Say so. href: where to look. */
  ring(text, severity, href) {
    const region = severity === "critical" ? this.critical : this.status;
    const line = Object.assign(document.createElement("a"), { className: "alert-line", textContent: text, href });
    line.dataset.severity = severity;
    region.append(line);
    while (region.children.length > LINES_MOST) region.firstElementChild.remove();
    setTimeout(() => line.remove(), SHOWN_MS);
    if (this.sound.checked) this.#beep(severity);
  }

  /** One to three short tones. A page that nobody has touched yet may not sound: then it stays quiet. */
  #beep(severity) {
    this.audio ??= new AudioContext();
    for (let n = 0; n < LOUDNESS[severity]; n += 1) {
      const tone = new OscillatorNode(this.audio, { frequency: 660 });
      const volume = new GainNode(this.audio, { gain: 0.08 });
      const at = this.audio.currentTime + n * 2 * BEEP_S;
      tone.connect(volume).connect(this.audio.destination);
      tone.start(at);
      tone.stop(at + BEEP_S);
    }
  }
}
