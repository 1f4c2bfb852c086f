// The assistant's card: how it stands, and everything that may be asked of it. The page shows what the events say; a
// button only asks, and says so when nothing came of it.

import { AssistantApi } from "./assistant_api.js";
import { showTurns } from "./assistant_turns.js";
import { DOING, noteWords } from "./assistant_words.js";
import { offset } from "./clock.js";
import { preference, setPreference } from "./prefs.js";
import { slot } from "./rows.js";
import { setText } from "./said.js";
import { toast } from "./toast.js";

const PROMPTS_KEPT = 5;
const PROMPT_SHOWN_CHARS = 60;
const byId = (id) => document.getElementById(id);

export class AssistantCard {
  /** store: AssistantStore. conference: our id. nameOf(participant). reasons: why it is gone, in words. announce(text). */
  constructor({ store, conference, nameOf, reasons, announce }) {
    Object.assign(this, { store, nameOf, reasons, announce, api: new AssistantApi(conference), ended: false });
    this.told = "";
    this.asking = new Set();
    this.#bind();
    this.#showEarlier();
  }

  /** Bring the card in line with the store. ended: the call is over. */
  show(ended = this.ended) {
    this.ended = ended;
    const { one, live, open } = this.store;
    byId("assistant").dataset.stage = one.stage;
    const [state, words] = this.#pill();
    const pill = byId("assistant-state");
    pill.dataset.state = state;
    setText(slot(pill, "words"), words);
    setText(byId("assistant-line"), this.#line(ended));
    this.#showText("assistant-invited", one.by && live ? `Invited by ${one.by} at ${offset(one.requestedMs)}` : "");
    this.#showText("assistant-prompt", one.prompt && live ? `Prompt: ${one.prompt}` : "");
    const trouble = one.stage === "failed" ? this.#reason() : this.#note();
    this.#showText("assistant-note", trouble);
    this.#showText("assistant-problem", this.#problem());
    this.#showText("assistant-engines", ended ? "" : this.store.engines);
    byId("assistant-more").hidden = ended || (!live && !open);
    byId("assistant-invite").hidden = live;
    byId("assistant-quick").hidden = ended || !live;
    byId("assistant-tell").hidden = byId("assistant-manners").hidden = one.stage !== "joined";
    this.#showButtons(one);
    const summary = byId("assistant-more").querySelector(":scope > summary");
    if (summary) setText(summary.firstElementChild, live ? "Controls" : "Invite");
    byId("assistant-turns").hidden = !one.turns.length;
    setText(byId("assistant-turns-title"), `Answers (${one.turns.length})`);
    showTurns(byId("assistant-turns-list"), one.turns, this.nameOf);
    this.#tell(words, trouble);
  }

  /** Each wish, as buttons and the page around a frame have it. All reject with what the service said. */
  invite(wish) {
    return this.api.invite(wish);
  }

  prompt(text, reply = "voice") {
    return this.api.prompt(this.store.one.id, text, reply);
  }

  stop() {
    return this.api.stop(this.store.one.id);
  }

  dismiss(now) {
    return this.api.dismiss(this.store.one.id, { now });
  }

  async change(manners) {
    const changed = await this.api.change(this.store.one.id, manners);
    this.store.answered(changed);
    return changed;
  }

  // How it stands, in words.

  #pill() {
    const { one } = this.store;
    if (one.stage === "failed") return ["bad", "Failed"];
    if (!this.store.live) return ["quiet", one.stage === "left" ? "Left" : "Not on the call"];
    const words = DOING[one.state] ?? (one.stage === "joined" ? "On the call" : "Inviting");
    if (one.muted) return ["warn", `Muted · ${words.toLowerCase()}`];
    return [one.stage === "joined" && one.state !== "leaving" ? "live" : "warn", words];
  }

  #line(ended) {
    const { one, live, open } = this.store;
    if (!live && ended) return "The call is over.";
    if (one.stage === "none") return open ? "Nobody has invited it." : "Assistants are switched off here.";
    if (one.stage === "failed") return `${one.name} could not join or stay.`;
    if (one.stage === "left") return `${one.name} left at ${offset(one.endedMs)}: ${this.#reason()}`;
    const since = one.sinceMs ?? one.joinedMs ?? one.requestedMs;
    return `${one.name}: ${(DOING[one.state] ?? "on the call").toLowerCase()} since ${offset(since)}`;
  }

  #reason() {
    const { reason, detail, dismissedBy } = this.store.one;
    return detail || (this.reasons[reason] ?? reason).replace("{by}", () => dismissedBy);
  }

  #note() {
    const { note, noteDetail } = this.store.one;
    return this.store.live && note ? noteWords(note, noteDetail) : "";
  }

  /** What went wrong last, once the note of it is gone. */
  #problem() {
    const { problem, note } = this.store.one;
    if (!this.store.live || !problem || note === problem.note) return "";
    return `Last problem at ${offset(problem.atMs)}. ${noteWords(problem.note, problem.detail)}`;
  }

  #showText(id, text) {
    setText(byId(id), text);
    byId(id).hidden = !text;
  }

  #showButtons(one) {
    const joined = one.stage === "joined";
    byId("assistant-mute").hidden = byId("assistant-stop").hidden = !joined;
    byId("assistant-cancel").hidden = joined;
    byId("assistant-dismiss").hidden = !joined;
    byId("assistant-mute").setAttribute("aria-pressed", String(one.muted));
    setText(slot(byId("assistant-mute"), "words"), one.muted ? "Unmute" : "Mute");
    setText(byId("assistant-say-hint"), one.audience === "agent" ? "Only the agent hears it." : "Everybody on the call hears it.");
    for (const name of ["speaks", "audience"]) {
      const select = byId(`assistant-${name}-now`);
      if (document.activeElement !== select) select.value = one[name];
    }
  }

  /** A screen reader hears that it came, went, was muted or is in trouble; not each change from listening to thinking. */
  #tell(words, trouble) {
    const { one } = this.store;
    const now = JSON.stringify([one.id, one.stage, one.muted, trouble]);
    if (this.told && this.told !== now && one.id) {
      const standing = { requested: "invited", joined: one.muted ? "on the call, muted" : "on the call", left: "left", failed: "failed" };
      this.announce(`${one.name}: ${standing[one.stage] ?? words}${trouble ? `. ${trouble}` : ""}`);
    }
    this.told = now;
  }

  // Buttons.

  #bind() {
    byId("assistant-invite").addEventListener("submit", (event) => this.#invited(event));
    byId("assistant-tell").addEventListener("submit", (event) => this.#asked(event));
    byId("assistant-say").addEventListener("click", () => this.#said());
    byId("assistant-mute").addEventListener("click", () => this.#mute());
    this.#act("assistant-stop", () => this.stop(), "Not stopped.");
    this.#act("assistant-cancel", () => this.dismiss(true), "Not cancelled.");
    for (const [id, now] of [["assistant-dismiss-politely", false], ["assistant-dismiss-now", true]]) {
      this.#act(id, () => {
        byId("assistant-dismiss").open = false;
        byId("assistant-dismiss").querySelector("summary").focus();
        return this.dismiss(now);
      }, "Not dismissed.");
    }
    for (const name of ["speaks", "audience"]) {
      const select = byId(`assistant-${name}-now`);
      select.addEventListener("change", () => this.#once(select, () => this.change({ [name]: select.value }), "Nothing changed.", () => {
        select.value = this.store.one[name];
      }));
    }
    byId("assistant-earlier").addEventListener("change", ({ target }) => {
      byId("assistant-invite-prompt").value = this.#earlier()[Number(target.value)] ?? "";
      target.value = "";
      byId("assistant-invite-prompt").focus();
    });
    byId("assistant-audience").addEventListener("change", () => this.#checkAnnounce());
    for (const area of document.querySelectorAll("#assistant textarea")) {
      area.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) area.form.requestSubmit();
      });
    }
    byId("assistant-dismiss").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !byId("assistant-dismiss").open) return;
      event.stopPropagation();
      byId("assistant-dismiss").open = false;
      byId("assistant-dismiss").querySelector("summary").focus();
    });
  }

  #act(id, wish, failed) {
    byId(id).addEventListener("click", () => this.#once(byId(id), wish, failed));
  }

  /** Ask once at a time; what the service refuses is said in its words. Returns the answer, or null. */
  async #once(button, wish, failed, after = () => {}) {
    if (this.asking.has(button)) return null;
    this.asking.add(button);
    button.setAttribute("aria-disabled", "true");
    try {
      return await wish();
    } catch (error) {
      toast(`${failed} ${error.message}`);
      return null;
    } finally {
      this.asking.delete(button);
      button.removeAttribute("aria-disabled");
      after();
      this.show();
    }
  }

  async #invited(event) {
    event.preventDefault();
    const prompt = byId("assistant-invite-prompt").value.trim();
    const [speaks, announce, audience] = ["speaks", "announce", "audience"].map((name) => byId(`assistant-${name}`).value);
    const told = await this.#once(byId("assistant-invite-send"), () => this.invite({ prompt, speaks, announce, audience }), "Not invited.");
    if (!told) return;
    if (prompt) this.#remember(prompt);
    byId("assistant-invite-prompt").value = "";
    byId("assistant-more").removeAttribute("open");
    (byId("assistant-cancel").hidden ? byId("assistant-title") : byId("assistant-cancel")).focus();
  }

  async #asked(event) {
    event.preventDefault();
    const area = byId("assistant-text");
    if (!area.value.trim()) return area.focus();
    const box = byId("assistant-answer");
    const told = await this.#once(byId("assistant-ask"), () => this.prompt(area.value, byId("assistant-reply").value), "Not prompted.");
    if (!told) return;
    setText(slot(box, "words"), told.answer ?? "");
    box.hidden = !told.answer;
    area.value = "";
    if (!told.answer) toast("Told. Only the assistant knows.");
  }

  async #said() {
    const area = byId("assistant-text");
    if (!area.value.trim()) return area.focus();
    if (await this.#once(byId("assistant-say"), () => this.api.say(this.store.one.id, area.value), "Not said.")) area.value = "";
  }

  #mute() {
    const muted = !this.store.one.muted;
    this.#once(byId("assistant-mute"), () => this.change({ muted }), muted ? "Not muted." : "Still muted.");
    // At once, and taken back if it comes to nothing.
    byId("assistant-mute").setAttribute("aria-pressed", String(muted));
  }

  /** Who is spoken to by an assistant is told of it; a whisper to the agent needs no announcement. */
  #checkAnnounce() {
    const everybody = byId("assistant-audience").value === "all";
    const none = byId("assistant-announce").querySelector('[value="none"]');
    none.disabled = everybody;
    if (everybody && none.selected) byId("assistant-announce").value = "announce";
  }

  // Prompts of before, in this browser only.

  #earlier() {
    try {
      return JSON.parse(preference("prompts", "[]"));
    } catch {
      return [];
    }
  }

  #remember(prompt) {
    setPreference("prompts", JSON.stringify([prompt, ...this.#earlier().filter((one) => one !== prompt)].slice(0, PROMPTS_KEPT)));
    this.#showEarlier();
  }

  #showEarlier() {
    const select = byId("assistant-earlier"), prompts = this.#earlier();
    while (select.options.length > 1) select.lastElementChild.remove();
    prompts.forEach((text, n) => {
      const words = text.length > PROMPT_SHOWN_CHARS ? `${text.slice(0, PROMPT_SHOWN_CHARS)}…` : text;
      select.append(new Option(words, String(n)));
    });
    byId("assistant-earlier-box").hidden = !prompts.length;
  }
}
