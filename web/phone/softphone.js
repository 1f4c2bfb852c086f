// The softphone: pick an emulated call, speak and hear, hang up. What is typed or named elsewhere gets in as text only.

import { Earpiece, Microphone } from "./audio.js";
import { Line } from "./line.js";
import { showLevel, showPill } from "./show.js";
import { insecure, noMicrophone } from "./trouble.js";

const REFRESH_MS = 2_000;
const BUFFER_MS = 120;

const byId = (id) => document.getElementById(id);
const slot = (element, name) => element.querySelector(`[data-slot="${name}"]`);
const asked = new URLSearchParams(location.search);
let talk = null;
let pagesPort = 0;

// The list of calls.

async function refresh() {
  if (talk) return;
  let calls = []; // while the emulator is away; the next try is near
  try {
    const answer = await fetch("/phone/conferences");
    const directory = await answer.json();
    pagesPort = directory.pages_port;
    calls = directory.conferences.filter(isAskedFor);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
  }
  showCalls(calls);
}

function isAskedFor({ sid, room }) {
  const conference = asked.get("conference"), wanted = asked.get("room");
  return (!conference || conference === sid) && (!wanted || wanted === room);
}

function showCalls(calls) {
  const list = byId("calls");
  const before = new Map([...list.children].map((row) => [row.dataset.sid, row]));
  const rows = calls.map((call) => fill(before.get(call.sid) ?? newRow(call), call));
  for (const [sid, row] of before) if (!calls.some((call) => call.sid === sid)) row.remove();
  rows.forEach((row, n) => list.children[n] === row || list.insertBefore(row, list.children[n] ?? null));
  byId("none").hidden = rows.length > 0;
  byId("pages").hidden = !pagesPort;
  if (pagesPort) byId("pages").href = page("/");
}

function newRow(call) {
  const row = byId("call-row").content.firstElementChild.cloneNode(true);
  row.dataset.sid = call.sid;
  slot(row, "join").addEventListener("click", () => join(call));
  return row;
}

function fill(row, { room, people }) {
  slot(row, "room").textContent = room;
  slot(row, "people").textContent = people.join(", ") || "nobody yet";
  slot(row, "join").hidden = !isSecureContext;
  return row;
}

/** An address of the service's pages, on the host by which this page was opened. */
function page(path) {
  const url = new URL(path, location.href);
  url.port = pagesPort;
  return url.href;
}

// A call.

async function join({ sid, room }) {
  if (talk) return;
  showTrouble(null);
  const microphone = new Microphone(), earpiece = new Earpiece();
  talk = { microphone, earpiece, line: null, muted: false, report: { state: "calling", people: [], room } };
  const started = talk;
  let line = null;
  try {
    await earpiece.start({ targetMs: BUFFER_MS, onLevel: ({ level }) => showLevel(byId("others"), level) });
    await earpiece.resume();
    await microphone.open((bytes, level) => {
      line?.send(bytes);
      showLevel(byId("you"), level);
    });
  } catch (error) {
    if (talk === started) leave(noMicrophone(error));
    return;
  }
  const name = byId("name").value.trim();
  line = started.line = new Line(`/softphone/socket?${new URLSearchParams({ conference: sid, name })}`, {
    onFrame: (bytes) => earpiece.play(bytes),
    onReport,
    onLost: () => leave({ what: "The connection was lost", why: "The emulator does not answer any more.", cures: [] }),
  });
  byId("choose").hidden = true;
  byId("call").hidden = false;
  show();
  byId("mute").focus();
}

function onReport(report) {
  if (report.state === "over") return leave({ what: "The call is over", why: report.reason, cures: [] });
  talk.report = { ...talk.report, ...report, room: report.room || talk.report.room };
  return show();
}

/** Back to the list, and why; null: because the user wanted it. */
function leave(trouble) {
  talk.line?.hangUp();
  talk.microphone.close();
  talk.earpiece.close();
  talk = null;
  byId("call").hidden = true;
  byId("choose").hidden = false;
  showTrouble(trouble);
  refresh();
}

function show() {
  const { report, muted } = talk;
  byId("room").textContent = report.room;
  byId("people").textContent = report.people.length ? `With ${report.people.join(", ")}` : "";
  showPill(byId("state"), ...standing(report, muted));
  const words = byId("words");
  words.hidden = !(pagesPort && report.conference_sid);
  if (!words.hidden) words.href = page(`/conferences/${report.conference_sid}`);
  byId("mute").setAttribute("aria-pressed", String(muted));
  slot(byId("mute"), "words").textContent = muted ? "Muted" : "Mute";
  byId("mute").querySelector("use").setAttribute("href", `/static/icons/sprite.svg#${muted ? "mic-off" : "mic"}`);
}

function standing({ state, hold, muted, heard }, mutedHere) {
  if (state === "calling") return ["quiet", "Calling"];
  if (hold) return ["warn", "On hold"];
  if (state === "waiting") return ["warn", "Waiting for others"];
  if (mutedHere) return ["warn", "Muted: nobody hears you"];
  if (muted) return ["warn", "Muted by the call: nobody hears you"];
  return heard ? ["live", "You are being heard"] : ["warn", "No sound arrives from you"];
}

function showTrouble(trouble) {
  byId("trouble").hidden = !trouble;
  if (!trouble) return;
  byId("trouble-what").textContent = trouble.what;
  byId("trouble-why").textContent = trouble.why;
  byId("trouble-cures").replaceChildren(...trouble.cures.map(([words, command]) => {
    const cure = document.createElement("li");
    cure.textContent = command ? `${words}:` : `${words}.`;
    if (command) cure.append(Object.assign(document.createElement("code"), { textContent: command }));
    return cure;
  }));
}

byId("who").addEventListener("submit", (event) => event.preventDefault());
if (asked.has("name")) byId("name").value = asked.get("name");
byId("mute").addEventListener("click", () => {
  talk.muted = !talk.muted;
  talk.microphone.muted = talk.muted;
  show();
});
byId("hang-up").addEventListener("click", () => leave(null));
addEventListener("pagehide", () => talk && leave(null));
refresh().then(() => showTrouble(insecure(location, pagesPort)));
setInterval(refresh, REFRESH_MS);
