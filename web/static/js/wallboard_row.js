// A row of the wallboard as elements: the rules of the server's wallboard_view.py, filled by text nodes only.

import { counted, countedGaps, offset, span } from "./clock.js";
import { cloneTemplate, signWords, slot } from "./rows.js";
import { setText } from "./said.js";

const PEOPLE_SHOWN = 3;
const SILENCE_SHOWN_MS = 5_000;
const SILENCE_LONG_MS = 20_000;
const PILLS = { waiting: "warn", live: "live", paused: "warn", hold: "warn", ended: "quiet" };
const WORDS = { waiting: "Waiting", live: "Live", paused: "Paused", hold: "On hold", ended: "Ended" };
const TROUBLE = { none: "not transcribed yet", interrupted: "audio interrupted" };
const SVG = "http://www.w3.org/2000/svg";

/** The room's name; a call in a room of its own is named after our id, which says nothing to people. */
export const roomName = (row) => (row.room === row.id ? `Call ${row.id.slice(-6)}` : row.room);

/** What the row is filed under: a call that is paused or on hold is live, and yet in a state of its own to people. */
export const shownState = (row) => (row.paused ? "paused" : row.on_hold ? "hold" : row.state);

export function durationMs(row, now) {
  const end = row.ended_ms ?? Math.max(0, now - row.zeroMs);
  return end - (row.started_ms ?? 0);
}

const trouble = (one, row) => (one.state === "joined" && row.state !== "ended" && one.role !== "assistant" ? TROUBLE[one.fork] ?? "" : "");

const signs = (one, row) =>
  one.state === "joined" && row.state !== "ended" ? signWords(one.hold, one.muted, one.coaching) : "";

/** Percent of the conversation per person, rounded; what is left over 100 is silence. */
function sharesOf(row) {
  const whole = Math.max(row.speech_ms, row.people.reduce((sum, one) => sum + one.talk_ms, 0));
  return row.people.map((one) => (whole ? Math.floor((100 * one.talk_ms + Math.floor(whole / 2)) / whole) : 0));
}

function titleOf(row, talkWords) {
  return [
    roomName(row),
    row.people.map((one) => `${one.name} (${one.role})`).join(", "),
    row.speech_ms ? talkWords : "",
    row.overtalk ? `spoke over each other ${counted(row.overtalk, "time", "times")}` : "",
    row.gaps ? `${countedGaps(row.gaps, row.gap_ms)} not transcribed` : "",
    row.paused ? "transcription is paused" : "",
    row.alerts.length ? `alerts: ${row.alerts.map((one) => one.name).join(", ")}` : "",
    ...row.people.filter((one) => trouble(one, row)).map((one) => `${one.name} ${trouble(one, row)}`),
  ].filter(Boolean).join("\n");
}

const set = (element, name, value) => element.getAttribute(name) === value || element.setAttribute(name, value);

/** An element with the places that change, so that nothing is searched for twice. */
export function callRow(element) {
  const slots = {};
  for (const part of element.querySelectorAll("[data-slot]")) slots[part.dataset.slot] ??= part;
  const pill = element.querySelector(".pill");
  return { element, ...slots, pill, words: slot(pill, "words"), bar: element.querySelector(".talk-bar"), names: "" };
}

/** Bring a row's element in line with the row. */
export function fillCall(parts, row) {
  const { element } = parts;
  set(element, "data-id", row.id);
  set(element, "data-state", row.state);
  set(parts.pill, "data-state", PILLS[shownState(row)] ?? "quiet");
  setText(parts.words, WORDS[shownState(row)] ?? row.state);
  set(parts.link, "href", `/conferences/${encodeURIComponent(row.id)}`);
  setText(parts.room, roomName(row));
  parts.assistant.hidden = row.state === "ended" || !row.people.some((one) => one.role === "assistant" && one.state === "joined");
  fillPeople(parts, row);
  fillTalk(parts, row);
  set(parts.line, "data-role", row.last?.role ?? "other");
  set(parts.line, "data-signs", row.last?.coaching ? "coaching" : "");
  parts.line.toggleAttribute("data-partial", Boolean(row.last?.partial));
  parts.line.toggleAttribute("data-nothing", !row.last);
  setText(parts.said, row.last?.text ?? "");
  setText(parts.gaps, row.gaps ? `${row.gaps} · ${span(row.gap_ms)}` : "");
  parts.alerts.hidden = !row.alerts.length;
  set(parts.alerts, "data-severity", row.alerts[0]?.severity ?? "");
  setText(parts.alert, row.alerts[0]?.name ?? "");
  setText(parts["alert-more"], row.alerts_open > 1 ? `+${row.alerts_open - 1}` : "");
}

function fillPeople(parts, row) {
  const there = row.people.filter((one) => one.state !== "left");
  const here = there.length ? there : row.people;
  const named = here.slice(0, PEOPLE_SHOWN);
  const unnamed = here.length - named.length + row.others;
  setText(parts.more, unnamed ? `+${unnamed}` : "");
  const names = JSON.stringify(named.map((one) => [one.role, one.name, trouble(one, row), signs(one, row)]));
  if (names === parts.names) return;
  parts.names = names;
  named.forEach((one, n) => {
    const chip = parts.people.children[n] ?? parts.people.appendChild(cloneTemplate("row-chip"));
    set(chip, "data-role", one.role);
    set(chip, "data-signs", signs(one, row));
    chip.toggleAttribute("data-trouble", Boolean(trouble(one, row)));
    setText(slot(chip, "name"), one.name);
    setText(slot(chip, "trouble"), trouble(one, row));
  });
  while (parts.people.children.length > named.length) parts.people.lastElementChild.remove();
}

function fillTalk(parts, row) {
  const shares = sharesOf(row);
  const words = row.people.map((one, n) => `${one.name} ${shares[n]} %`).join(", ");
  set(parts.bar, "aria-label", words);
  set(parts.link, "title", titleOf(row, words));
  let from = 0;
  row.people.forEach((one, n) => {
    const rect = parts.bar.children[n] ?? parts.bar.appendChild(document.createElementNS(SVG, "rect"));
    set(rect, "class", "share");
    set(rect, "data-role", one.role);
    set(rect, "x", `${from}%`);
    set(rect, "width", `${shares[n]}%`);
    set(rect, "height", "100%");
    from += shares[n];
  });
  while (parts.bar.children.length > row.people.length) parts.bar.lastElementChild.remove();
}

/** What the clock changes: duration and silence. */
export function tickCall(parts, row, now) {
  setText(parts.time, offset(durationMs(row, now)));
  const silent = row.silent_since_ms === null ? 0 : now - row.zeroMs - row.silent_since_ms;
  setText(parts.silence, silent >= SILENCE_SHOWN_MS ? span(Math.floor(silent / 1000) * 1000) : "");
  parts.silence.toggleAttribute("data-long", silent >= SILENCE_LONG_MS);
}
