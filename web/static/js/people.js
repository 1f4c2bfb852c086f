// The cards beside the transcript and the summary of an ended call.

import { called } from "./store.js";
import { counted, countedGaps, offset, span, wall } from "./clock.js";
import { cloneTemplate, signWords, slot } from "./rows.js";
import { setText } from "./said.js";

const SVG = "http://www.w3.org/2000/svg";
const HEARD = new Set(["started", "resumed", "own"]);
const TROUBLE = { none: "Not transcribed yet", interrupted: "Audio interrupted, asking for it again" };
const byId = (id) => document.getElementById(id);

/** Who is talking; the room while nobody is known. */
export function heading(store, room) {
  let names = [...store.people.values()].map(called);
  if (names.length > 3) names = [...names.slice(0, 2), `${names.length - 2} more`];
  return names.join(" · ") || room;
}

/** The people card, the talk bar, the speaker menu and the line under the title. assistant: what it does, in its place. */
export function showPeople(store, room, assistant) {
  const people = [...store.people.values()];
  const shares = store.shares();
  const list = byId("people");
  people.forEach((one, n) => {
    const element = list.children[n] ?? list.appendChild(cloneTemplate("row-person"));
    fillPerson(element, one, shares.get(one.participant), one.participant === assistant.one.participant && assistant.live && assistant.one.state);
  });
  showTalk(people, shares, store.speechMs);
  showSpeakers(people);
  const title = heading(store, room);
  setText(byId("heading"), title);
  byId("heading").title = title;
  const here = people.filter((one) => one.state === "joined" && one.role !== "assistant");
  const resting = here.filter(rests).length;
  const heard = here.filter((one) => HEARD.has(one.fork) && !rests(one)).length;
  const coverage = byId("coverage");
  const known = store.endedMs === null && here.length > 0;
  const paused = known && store.paused !== null;
  if (paused) setText(coverage, "Transcription paused");
  else setText(coverage, known ? `${heard} of ${counted(here.length, "person", "people")} being transcribed` : "");
  coverage.dataset.state = paused || known && heard + resting < here.length ? "warn" : "quiet";
}

/** Muted or on hold: not being transcribed, and rightly so. */
const rests = (one) => one.muted || one.heldMs !== null;

/** What is worth knowing of who transcribes this person, and how far behind. */
function healthWords({ health, behindMs }) {
  const behind = behindMs ? `${Math.round(behindMs / 1000)} s behind` : "";
  if (health === "waiting") return `No recogniser answers${behind && `, ${behind}`}`;
  if (health === "fallback") return `Transcribed by the fallback${behind && `, ${behind}`}`;
  return behind && `Transcript ${behind}`;
}

const troubleOf = (one) => (one.detail ? `Not transcribed: ${one.detail}` : TROUBLE[one.fork] ?? healthWords(one));

function fillPerson(element, one, percent, doing) {
  element.dataset.role = one.role;
  element.dataset.state = one.state;
  element.dataset.signs = one.state === "joined" ? signWords(one.heldMs !== null, one.muted, one.coaching) : "";
  const name = slot(element, "name");
  setText(name, called(one));
  name.title = called(one);
  let meta = `${doing || one.role} · ${percent} %`;
  if (one.state === "left") meta = `left ${offset(one.leftMs)} · ${percent} %`;
  if (one.state === "expected") meta = `${one.role} · ${doing || "joining"}`;
  setText(slot(element, "meta"), meta);
  const trouble = one.state === "joined" && one.role !== "assistant" ? troubleOf(one) : "";
  setText(slot(element, "trouble"), trouble);
  slot(element, "trouble").hidden = !trouble;
}

const talkWords = (people, shares) => people.map((one) => `${called(one)} ${shares.get(one.participant)} %`).join(", ");

function showTalk(people, shares, speechMs) {
  const bar = byId("talk");
  let from = 0;
  people.forEach((one, n) => {
    const rect = bar.children[n] ?? bar.appendChild(document.createElementNS(SVG, "rect"));
    const percent = shares.get(one.participant);
    rect.setAttribute("class", "share");
    rect.dataset.role = one.role;
    rect.setAttribute("x", `${from}%`);
    rect.setAttribute("width", `${percent}%`);
    rect.setAttribute("height", "100%");
    from += percent;
  });
  bar.setAttribute("aria-label", talkWords(people, shares));
  setText(byId("silence"), speechMs ? `Silence ${Math.max(0, 100 - from)} %` : "");
}

function showSpeakers(people) {
  const select = byId("speaker");
  people.forEach((one, n) => {
    const option = select.options[n + 1] ?? select.appendChild(document.createElement("option"));
    if (option.value !== one.participant) option.value = one.participant;
    if (option.textContent !== called(one)) option.textContent = called(one);
  });
}

/** When the call began, and what is left of it when it is over. */
export function showCall(store) {
  const zero = store.clockZeroMs;
  setText(byId("started"), store.startedMs === null ? "not yet" : wall(zero + store.startedMs));
  const summary = byId("summary");
  summary.hidden = store.endedMs === null;
  byId("follow").hidden = !summary.hidden;
  byId("export-note").hidden = store.completed;
  if (summary.hidden) return;
  setText(byId("empty"), "Nobody spoke on this call.");
  const started = store.startedMs ?? 0;
  const values = [
    span(store.endedMs - started),
    `${wall(zero + started)} to ${wall(zero + store.endedMs)}`,
    countedGaps(store.gaps, store.gapMs),
    store.speechMs ? talkWords([...store.people.values()], store.shares()) : "nobody spoke",
  ];
  summary.querySelectorAll("[data-slot=value]").forEach((element, n) => setText(element, values[n]));
}
