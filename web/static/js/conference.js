// The conference page: the server painted the call as it stood; from that position on this goes on by itself.
//
// Events go into the store, and once per frame what changed goes to the page. What is said on a call is hostile input:
// it reaches the page as text nodes only.

import { AlertBell } from "./alerts.js";
import { AlertCard, paintFound } from "./alerts_card.js";
import { AlertStore } from "./alerts_store.js";
import { Announcer } from "./announce.js";
import { AssistantCard } from "./assistant_card.js";
import { AssistantStore } from "./assistant_store.js";
import { offset, serverNow, setServerTime } from "./clock.js";
import { Connection } from "./connection.js";
import { Find } from "./find.js";
import { Follow } from "./follow.js";
import { listenForKeys } from "./keys.js";
import { RowList } from "./list.js";
import { endListening } from "./listen.js";
import "./menu.js";
import { Notes } from "./notes.js";
import { Older } from "./older.js";
import { heading, showCall, showPeople } from "./people.js";
import { showPause } from "./pause.js";
import { bindChoice, bindTheme, preference, setPreference } from "./prefs.js";
import { RowMaker, slot } from "./rows.js";
import { setText } from "./said.js";
import { called, onHoldSince, Store } from "./store.js";
import { Stream } from "./stream.js";
import { copy, toast } from "./toast.js";

const TICK_MS = 1_000;
// A lost history is loaded anew, but never in a loop.
const RELOAD_AT_MOST_EACH_MS = 15_000;

const byId = (id) => document.getElementById(id);
const history_ = JSON.parse(byId("history").textContent);
const icons = JSON.parse(byId("icons").textContent);
const { room } = history_.conference;

setServerTime(history_.now);
const store = new Store({
  clockZeroMs: Math.floor(Date.parse(history_.conference.clock_zero)),
  blockJoinMs: history_.block_join_ms,
  systemWords: history_.system_words,
  roster: history_.roster,
  earlier: history_.older,
});
const assistant = new AssistantStore(history_.assistant, store.clockZeroMs);
const alerts = new AlertStore();
for (const event of history_.events) {
  if (!store.take(event)) continue;
  assistant.take(event);
  alerts.take(event);
}
assistant.begin();

const maker = new RowMaker(store, history_.gap_reasons, history_.assistant_reasons);
const list = new RowList(byId("rows"), store, maker);
const announcer = new Announcer(byId("announcer"), () => preference("announce", "events"));
const connection = new Connection({
  pill: byId("connection"), banner: byId("banner"), icons, announce: (text) => announcer.event(text),
});
const card = new AssistantCard({
  store: assistant, conference: history_.conference.id, reasons: history_.assistant_reasons,
  nameOf: (participant) => called(store.person(participant)),
  announce: () => {}, // its coming and going are rows, which are announced as such
});
const alertCard = new AlertCard({
  store: alerts, conference: history_.conference.id, reasons: history_.assistant_reasons,
  nameOf: (participant) => called(store.person(participant)),
});
const bell = new AlertBell();
const follow = new Follow(byId("log"), {
  onChange: showFollowing,
  onEdge: (direction) => list.extend(direction) ? paintRows() : direction < 0 && older.load(),
});
const find = new Find({
  input: byId("find"), count: byId("find-count"), box: byId("find-hits"), steps: [byId("find-next"), byId("find-previous")], rows: () => list.shown,
  elementOf: textOf, onShow: showRow,
  onQuery: loadAll, searching: () => older.all,
});
const older = new Older({
  url: `/v1/conferences/${history_.conference.id}/utterances`, cursor: history_.older?.cursor ?? null,
  box: byId("older"), onLines,
});
const notes = new Notes({
  url: `/v1/conferences/${history_.conference.id}/notes`, moment: noteMoment, onAdded: onNoted,
});
const stream = new Stream({
  topic: `conference:${history_.conference.id}`, epoch: history_.epoch, seq: history_.seq,
  onEvent, onPing, onReady, onGap, onState: (state) => connection.setStream(state),
});

// Events in, once per frame out.

let queued = false;
let unseen = 0;
let arrived = [];

function queuePaint() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    paint();
  });
}

function onEvent(event) {
  if (!store.take(event)) return;
  assistant.take(event);
  alerts.take(event);
  if (event.type === "alert.raised") ring(event.data);
  if (event.data.lag_ms !== undefined && !event.data.late) connection.heard(event.data.lag_ms);
  if (event.data.behind_ms) connection.heard(event.data.behind_ms);
  if (event.type === "utterance.final" && !follow.following) unseen += 1;
  if (event.type === "utterance.final") arrived.push(event.data.id);
  else if (event.seq != null) arrived.push(`r-${event.seq}`);
  if (store.completed) finish();
  queuePaint();
}

function ring(alert) {
  bell.heard(preference("announce", "events") !== "off");
  const { href } = new URL(alert.utterance ? `#u-${alert.utterance}` : "#alerts-title", location.href);
  bell.ring(`${alert.name}. ${alertCard.says(alert)}`, alert.severity, href);
}

function onPing({ time, unsaved }) {
  if (time) setServerTime(time);
  connection.unsaved = unsaved ?? 0;
  connection.show();
}

function onReady() {
  // Whoever speaks now says so again within half a second; what was cut off will never be finished.
  store.dropPartials();
  connection.unsaved = 0;
  queuePaint();
}

function onGap() {
  const last = Number(sessionStorage.getItem("sidecar.reloaded") ?? -Infinity);
  if (Date.now() - last < RELOAD_AT_MOST_EACH_MS) return toast("The history of this call was lost. Reload the page to see what is left.");
  sessionStorage.setItem("sidecar.reloaded", String(Date.now()));
  return location.reload();
}

function finish() {
  stream.stop();
  connection.ended = true;
  connection.show();
}

function paint() {
  const changed = store.drain();
  if (changed.rows.size) paintRows(changed.rows);
  if (changed.people || changed.call || assistant.changed) {
    showPeople(store, room, assistant);
    showCall(store);
    showPause(store);
  }
  notes.show(store.notes);
  if (assistant.changed || changed.call) showAssistant();
  if (alerts.changed || changed.people) alertCard.show();
  byId("empty").hidden = store.rows.some((row) => row.kind !== "system");
  if (unseen) showFollowing();
  if (store.endedMs !== null) endListening();
  announce();
}

function showAssistant() {
  assistant.changed = false;
  card.show(store.endedMs !== null);
}

function paintRows(dirty = new Set()) {
  follow.keepPlace(() => list.render(dirty, follow.following));
  find.refresh();
  redactor?.refresh();
  paintFound(store.found, textOf);
}

function textOf(key) {
  return list.elements.has(key) && slot(list.elements.get(key), "text");
}

function onLines(utterances, more) {
  follow.keepPlace(() => {
    list.grow(() => store.takeOlder(utterances, more));
    if (follow.nearTop) list.extend(-1);
    byId("older").hidden = !more;
    list.render(new Set(), follow.following);
  });
  paintFound(store.found, textOf);
  find.refresh();
}

/** A word or a speaker may stand anywhere in the call. */
async function loadAll() {
  await older.loadAll();
  find.refresh();
}

function announce() {
  for (const key of arrived) {
    const row = store.byKey.get(key);
    if (row?.kind === "utterance") announcer.utterance(`${called(store.person(row.participant))}: ${row.text}`);
    else if (row?.type !== "alert.raised" && list.elements.has(key)) announcer.event(list.elements.get(key).textContent.trim());
  }
  arrived = [];
}

function tick() {
  const pill = byId("call");
  const now = serverNow() - store.clockZeroMs;
  const running = store.startedMs !== null && store.endedMs === null;
  const heldMs = running ? onHoldSince(store.people.values()) : null;
  let words = "Waiting";
  if (heldMs !== null) words = `On hold ${offset(now - heldMs)}`;
  else if (running) words = `Live ${offset(now - store.startedMs)}`;
  else if (store.endedMs !== null) words = `Ended ${offset(store.endedMs - (store.startedMs ?? 0))}`;
  pill.dataset.state = heldMs !== null ? "warn" : running ? "live" : "quiet";
  setText(slot(pill, "words"), words);
  document.title = `${heading(store, room)} · ${words}`;
  connection.show();
}

// Notes.

/** The chosen utterance's, else this moment; of a call that is over, its end. */
function noteMoment() {
  const chosen = store.byKey.get(list.selected);
  return chosen?.at_ms ?? store.endedMs ?? serverNow() - store.clockZeroMs;
}

/** While the stream is open it tells of the note, and of whatever came before it. */
function onNoted({ seq, timestamp, ...data }) {
  if (store.completed) onEvent({ type: "note.added", seq, timestamp, data });
}

// Redaction by hand: few may, so its script comes when somebody does.

let redactor = null;

async function redact() {
  if (byId("redact").hidden) return;
  const { Redactor } = await import("./redact.js");
  redactor ??= new Redactor({
    url: `/v1/conferences/${history_.conference.id}/utterances`, rowOf: (key) => store.byKey.get(key),
    chosen: () => list.selected, nameOf: (row) => called(store.person(row.participant)), onRedacted,
  });
  redactor.open();
}

/** Of a transcript that is complete no stream tells any more. */
function onRedacted({ utterance: id, seq, ...left }) {
  if (store.completed) onEvent({ type: "utterance.redacted", seq, timestamp: new Date(serverNow()).toISOString(), data: { id, ...left } });
}

async function nextNote() {
  await older.loadAll();
  const all = store.rows.filter((row) => row.kind === "note");
  const at = all.findIndex((row) => row.key === list.selected);
  if (all.length) showRow(all[(at + 1) % all.length].key);
}

// Following, choosing, showing.

function showFollowing() {
  if (follow.following) unseen = 0;
  byId("follow").setAttribute("aria-pressed", String(follow.following));
  byId("jump").hidden = follow.following;
  setText(slot(byId("jump"), "words"), `Jump to ${store.endedMs === null ? "live" : "the end"}${unseen ? ` (${unseen} new)` : ""}`);
}

function jumpToLive() {
  list.toEnd();
  paintRows();
  follow.set(true);
  showFollowing();
}

function choose(key) {
  for (const [each, element] of list.elements) {
    element.toggleAttribute("data-selected", each === key);
    if (store.byKey.get(each)?.kind === "utterance") slot(element, "link").tabIndex = each === key ? 0 : -1;
  }
  list.selected = key;
}

function showRow(key) {
  if (!list.reveal(key)) return false;
  follow.set(false);
  paintRows();
  choose(key);
  follow.show(list.elements.get(key));
  return true;
}

async function step(direction) {
  const spoken = list.shown.filter((row) => row.kind === "utterance" && !row.partial);
  const at = spoken.findIndex((row) => row.key === list.selected);
  const next = at < 0 ? spoken.at(-1) : spoken[at + direction];
  if (!next && direction < 0 && (await older.load())) return step(direction);
  if (!next) return;
  showRow(next.key);
  slot(list.elements.get(next.key), "link").focus({ preventScroll: true });
}

function letGo() {
  choose(null);
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (find.query) find.clear();
}

function copyLink(key) {
  const url = new URL(location.pathname, location.href);
  if (key) url.hash = `u-${key}`;
  const row = key && store.byKey.get(key);
  copy(url.href, row ? `Link to ${offset(row.at_ms)} copied` : "Link to this call copied");
}

async function openHash() {
  const key = location.hash.startsWith("#u-") ? location.hash.slice("#u-".length) : null;
  while (key && !showRow(key)) {
    if (!(await older.load())) return toast(older.more ? "That utterance could not be loaded" : "That utterance is not in this call");
  }
}

// Controls.

function bind() {
  bindTheme();
  bindChoice("announce", "events");
  bell.bind();
  const letters = byId("letters");
  letters.checked = preference("letters", "on") === "on";
  letters.addEventListener("change", () => setPreference("letters", letters.checked ? "on" : "off"));
  byId("show-keys").addEventListener("click", showKeys);
  byId("follow").addEventListener("click", toggleFollow);
  byId("jump").addEventListener("click", jumpToLive);
  byId("retry").addEventListener("click", () => stream.retryNow());
  byId("copy-link").addEventListener("click", () => copyLink(list.selected));
  byId("notes").addEventListener("click", nextNote);
  byId("redact").addEventListener("mousedown", (event) => event.preventDefault()); // words that are selected stay so
  byId("redact").addEventListener("click", redact);
  byId("find-next").addEventListener("click", () => find.step(1));
  byId("find-previous").addEventListener("click", () => find.step(-1));
  byId("speaker").addEventListener("change", (event) => {
    list.filter(event.target.value);
    jumpToLive();
    if (event.target.value) loadAll();
  });
  byId("side-handle").addEventListener("click", ({ currentTarget: handle }) => {
    handle.setAttribute("aria-expanded", String(handle.getAttribute("aria-expanded") !== "true"));
  });
  byId("rows").addEventListener("click", (event) => {
    const link = event.target.closest("a.at");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    const key = link.hash.slice("#u-".length);
    choose(key);
    copyLink(key);
  });
  listenForKeys({
    f: toggleFollow,
    j: () => step(1),
    k: () => step(-1),
    n: () => notes.open(),
    x: redact,
    y: () => copyLink(list.selected ?? store.rows.findLast((row) => row.kind === "utterance" && !row.partial)?.key),
    a: () => alertCard.acknowledgeLoudest(),
    "/": () => byId("find").select(),
    "?": showKeys,
    End: jumpToLive,
    Escape: (event) => (event.target === byId("find") && event.target.blur(), letGo(), false),
    ArrowUp: ({ target }) => target.matches("a.at") ? step(-1) : false,
    ArrowDown: ({ target }) => target.matches("a.at") ? step(1) : false,
    Enter: ({ target }) => target === byId("log") ? step(0) : false,
  }, () => letters.checked);
  addEventListener("hashchange", openHash);
  addEventListener("online", () => stream.wake());
  addEventListener("offline", () => connection.show());
  document.addEventListener("visibilitychange", () => document.hidden || stream.wake());
  addEventListener("pagehide", () => stream.stop());
  addEventListener("pageshow", (event) => event.persisted && !store.completed && stream.start());
}

function toggleFollow() {
  if (follow.following) follow.set(false);
  else jumpToLive();
}

function showKeys() {
  byId("view-menu").hidePopover();
  byId("keys").showModal();
}

bind();
paint();
openHash();
setInterval(tick, TICK_MS);
if (store.completed) finish();
else stream.start();
tick();
