// The assistant's answers, newest first: to whom, what was heard and what was cut off, which tools, how long each stage took.

import { offset, span } from "./clock.js";
import { OUTCOMES, TOOL_OUTCOMES, WHY } from "./assistant_words.js";
import { cloneTemplate, slot } from "./rows.js";
import { setText } from "./said.js";

const STAGES = ["model", "voice", "waited", "sent"];

/** Bring the list in line. turns: as the events told them; nameOf(participant). */
export function showTurns(list, turns, nameOf) {
  const newest = turns.toReversed();
  while (list.children.length > newest.length) list.lastElementChild.remove();
  newest.forEach((turn, n) => fill(list.children[n] ?? list.appendChild(cloneTemplate("assistant-turn")), turn, nameOf));
}

function fill(element, turn, nameOf) {
  setText(slot(element, "time"), offset(turn.start_ms));
  setText(slot(element, "why"), whyWords(turn, nameOf));
  setText(slot(element, "heard"), turn.heard);
  const cut = turn.text.startsWith(turn.heard) ? turn.text.slice(turn.heard.length).trim() : "";
  setText(slot(element, "cut"), cut);
  element.querySelector(".cut").hidden = !cut;
  const tools = (turn.tools ?? []).map(({ name, outcome }) => `${name} ${TOOL_OUTCOMES[outcome] ?? outcome}`).join(", ");
  setText(slot(element, "tools"), tools && `Tools: ${tools}`);
  slot(element, "tools").hidden = !tools;
  setText(slot(element, "latency"), latencyWords(turn.latency ?? {}));
  slot(element, "latency").hidden = turn.latency?.total == null;
}

function whyWords({ why, to, outcome }, nameOf) {
  const words = WHY[why] ?? why;
  const whom = to && /( by| of|after)$/.test(words) ? ` ${nameOf(to)}` : "";
  const ending = outcome === "completed" ? "" : `, ${OUTCOMES[outcome] ?? outcome}`;
  return (whom ? words + whom : words.replace(/ (by|of)$/, "")) + ending;
}

/** 0.8 s: model 0.6 s, voice 0.2 s, waited 0 s */
function latencyWords(latency) {
  if (latency.total == null) return "";
  const stages = STAGES.filter((stage) => latency[stage] != null).map((stage) => `${stage} ${length(latency[stage])}`);
  return `Answered in ${length(latency.total)}${stages.length ? `: ${stages.join(", ")}` : ""}`;
}

const length = (ms) => (ms < 100 ? `${ms} ms` : span(ms));
