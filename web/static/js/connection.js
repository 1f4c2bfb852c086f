// The connection pill, the banner and the favicon: is this live, how far behind, and what happens next.

import { slot } from "./rows.js";
import { setText } from "./said.js";
import { counted } from "./clock.js";

const AMBER_MS = 2_000;
const RED_MS = 5_000;
// A lag that nobody confirms fades from the pill: it belongs to speech, and there is none.
const LAG_KEPT_MS = 10_000;
// A short hiccup is the pill's business; the banner waits for this long.
const BANNER_AFTER_MS = 8_000;
const OFFLINE_AFTER_MS = 60_000;

// States that no retry ends: what the pill says, what the banner says of it, and what its button does.
const ENDINGS = {
  signed_out: { words: "Signed out", says: "You are signed out.", then: "when you have signed in", act: "Sign in" },
  full: {
    words: "Not live", says: "Too many calls are open in other tabs of this browser.",
    then: "when some of them are closed", act: "Try now",
  },
};

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

export class Connection {
  /** stays: what the banner says of what is on the page already. signedOut: in other words, as in ENDINGS. */
  constructor({ pill, banner, icons, announce, stays = "The text stays here and goes on by itself", signedOut = ENDINGS.signed_out }) {
    Object.assign(this, { pill, banner, icons, announce, stays, endings: { ...ENDINGS, signed_out: signedOut } });
    this.stream = { phase: "connecting", retryAt: null, downSince: performance.now() };
    this.lagMs = null;
    this.lagAt = -Infinity;
    this.unsaved = 0;
    this.ended = false;
    this.wasDown = false;
  }

  setStream(state) {
    this.stream = state;
    this.show();
  }

  /** lag_ms of a partial or final: from the end of the speech to its text. Smoothed, so that the pill stays calm. */
  heard(lagMs) {
    this.lagMs = this.#lagIsFresh() ? this.lagMs + 0.3 * (lagMs - this.lagMs) : lagMs;
    this.lagAt = performance.now();
  }

  /** Called each second, and whenever something changed. */
  show() {
    const [state, words] = this.#words();
    if (this.pill.dataset.state !== state) this.pill.dataset.state = state;
    setText(slot(this.pill, "words"), words);
    this.pill.toggleAttribute("data-hearing", state === "live" && this.#lagIsFresh());
    const down = !this.ended && (this.stream.phase !== "open" || !navigator.onLine);
    document.body.toggleAttribute("data-stalled", down);
    const downFor = down ? performance.now() - this.stream.downSince : 0;
    const ending = this.endings[this.stream.phase];
    const grave = down && (downFor > BANNER_AFTER_MS || !navigator.onLine || Boolean(ending));
    this.banner.hidden = !grave;
    if (grave) {
      setText(slot(this.banner, "words"), this.#bannerWords());
      setText(slot(this.banner.querySelector("button"), "words"), ending?.act ?? "Try now");
    }
    if (grave !== this.wasDown) this.announce(grave ? ending?.words ?? "Connection lost" : "Live again");
    this.wasDown = grave;
    this.#favicon(this.ended ? "quiet" : grave ? "lost" : down ? null : "live");
  }

  #lagIsFresh() {
    return this.lagMs !== null && performance.now() - this.lagAt < LAG_KEPT_MS;
  }

  #words() {
    const { phase, retryAt, downSince } = this.stream;
    if (this.ended) return ["quiet", "Complete"];
    if (Object.hasOwn(this.endings, phase)) return ["bad", this.endings[phase].words];
    if (!navigator.onLine) return ["bad", "Offline"];
    if (phase !== "open") {
      const downFor = performance.now() - downSince;
      if (phase === "waiting") {
        const left = Math.max(1, Math.ceil((retryAt - performance.now()) / 1000));
        return downFor > OFFLINE_AFTER_MS ? ["bad", `Offline, next try in ${left} s`] : ["warn", `Reconnecting in ${left} s`];
      }
      return this.wasOpen ? ["warn", "Reconnecting"] : ["quiet", "Connecting"];
    }
    this.wasOpen = true;
    if (this.unsaved > 0) return ["warn", `${counted(this.unsaved, "line", "lines")} waiting to be stored`];
    if (!this.#lagIsFresh()) return ["live", "Live"];
    if (this.lagMs > AMBER_MS) return [this.lagMs > RED_MS ? "bad" : "warn", `${seconds(this.lagMs)} behind`];
    return ["live", `Live · ${seconds(this.lagMs)}`];
  }

  #bannerWords() {
    const { phase, retryAt } = this.stream;
    const ending = this.endings[phase];
    if (ending) return `${ending.says} ${this.stays} ${ending.then}.`;
    if (!navigator.onLine) return `This device is offline. ${this.stays} when the network is back.`;
    const next = phase === "waiting" ? `next try in ${Math.max(1, Math.ceil((retryAt - performance.now()) / 1000))} s` : "trying now";
    return `The service does not answer. ${this.stays}; ${next}.`;
  }

  #favicon(state) {
    if (!state || state === this.icon) return;
    this.icon = state;
    document.querySelector('link[rel="icon"]').href = this.icons[state];
  }
}
