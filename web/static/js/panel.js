// The agent's panel: the last lines, the assistant and what may be asked of it; alone or in a frame of another page.

import { access } from "./access.js";
import { Announcer } from "./announce.js";
import { AssistantCard } from "./assistant_card.js";
import { AssistantStore } from "./assistant_store.js";
import { setServerTime } from "./clock.js";
import { Connection } from "./connection.js";
import { Follow } from "./follow.js";
import { RowList } from "./list.js";
import { Host } from "./panel_host.js";
import { showPause } from "./pause.js";
import { heading } from "./people.js";
import { preference } from "./prefs.js";
import { RowMaker } from "./rows.js";
import { setText } from "./said.js";
import { called, Store } from "./store.js";
import { Stream } from "./stream.js";

const TICK_MS = 1_000;
const RELOAD_AT_MOST_EACH_MS = 15_000;
const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent);
const history_ = read("history");
const { id, room } = history_.conference;
const { token } = access;

setServerTime(history_.now);
const store = new Store({
  clockZeroMs: Math.floor(Date.parse(history_.conference.clock_zero)), blockJoinMs: history_.block_join_ms,
  systemWords: history_.system_words, roster: history_.roster, earlier: history_.older,
});
const assistant = new AssistantStore(history_.assistant, store.clockZeroMs);
for (const event of history_.events) if (store.take(event)) assistant.take(event);
assistant.begin();

const announcer = new Announcer(byId("announcer"), () => preference("announce", "events"));
const announce = (text) => announcer.event(text);
const list = new RowList(byId("rows"), store, new RowMaker(store, history_.gap_reasons, history_.assistant_reasons));
const follow = new Follow(byId("log"), { onChange: () => {}, onEdge: () => {} });
const connection = new Connection({
  pill: byId("connection"), banner: byId("banner"), icons: read("icons"), announce,
  ...(token && { signedOut: { words: "Access ended", says: "The access of this panel has ended.", then: "when it is renewed", act: "Try again" } }),
});
const card = new AssistantCard({
  store: assistant, conference: id, reasons: history_.assistant_reasons, announce,
  nameOf: (participant) => called(store.person(participant)),
});
const stream = new Stream({
  topic: `conference:${id}`, epoch: history_.epoch, seq: history_.seq, token, onEvent, onPing, onReady, onGap, onState,
});

// The page around the frame.

const COMMANDS = {
  invite: ({ prompt = "", speaks, announce: how, audience }) => card.invite({
    prompt, ...(speaks && { speaks }), ...(how && { announce: how }), ...(audience && { audience }),
  }),
  prompt: ({ text, reply = "voice" }) => card.prompt(text, reply),
  stop: () => card.stop(),
  mute: ({ muted = true }) => card.change({ muted }),
  dismiss: ({ now = false }) => card.dismiss(now),
};

const host = new Host(read("origins"), async (message) => {
  const command = message.type.slice("sidecar:".length);
  if (command === "token" && typeof message.token === "string") return renew(message.token);
  if (command === "hello") return tellHost(true);
  if (!Object.hasOwn(COMMANDS, command)) return host.tell("refused", { command, id: message.id, code: "command_unknown", message: "There is no such command." });
  try {
    if (command !== "invite" && !assistant.live) throw Object.assign(new Error("No assistant is on the call."), { code: "assistant_gone" });
    const { answer } = await COMMANDS[command](message);
    return host.tell("done", { command, id: message.id, ...(answer !== undefined && { answer }) });
  } catch (error) {
    return host.tell("refused", { command, id: message.id, code: error.code, message: error.message });
  } finally {
    queuePaint();
  }
});
let toldHost = "";

/** How it stands, without a word of what was said or prompted; unless asked for, only what is new. */
function tellHost(always = false) {
  const { id: which, name, stage, state, muted, speaks, audience, by, reason, detail } = assistant.one;
  const present = which ? { id: which, name, stage, state, muted, speaks, audience, by, reason, detail } : null;
  const message = { conference: id, assistant: present, live: assistant.live, ended: store.endedMs !== null };
  if (!always && JSON.stringify(message) === toldHost) return;
  toldHost = JSON.stringify(message);
  host.tell("state", message);
}

function renew(fresh) {
  access.token = stream.token = fresh;
  const address = new URL(location.href);
  address.searchParams.set("token", fresh);
  history.replaceState(null, "", address);
  stream.start();
}

// Events in, once per frame out.

let queued = false;

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
  if (event.data.lag_ms !== undefined && !event.data.late) connection.heard(event.data.lag_ms);
  if (event.type === "transcript.gap") announce("A gap in the transcript");
  if (store.completed) finish();
  queuePaint();
}

function onPing({ time, unsaved }) {
  if (time) setServerTime(time);
  connection.unsaved = unsaved ?? 0;
  connection.show();
}

function onReady() {
  store.dropPartials();
  queuePaint();
}

function onState(state) {
  connection.setStream(state);
  if (token && state.phase === "signed_out") host.tell("token_needed");
}

function onGap() {
  const last = Number(sessionStorage.getItem("sidecar.panel") ?? -Infinity);
  if (Date.now() - last < RELOAD_AT_MOST_EACH_MS) return;
  sessionStorage.setItem("sidecar.panel", String(Date.now()));
  location.reload();
}

function finish() {
  stream.stop();
  connection.ended = true;
  connection.show();
}

function paint() {
  const { rows } = store.drain();
  if (rows.size) follow.keepPlace(() => list.render(rows, follow.following));
  const title = heading(store, room);
  setText(byId("heading"), title);
  document.title = `${title} · Assistant`;
  byId("empty").hidden = store.rows.some((row) => row.kind !== "system");
  showPause(store);
  card.show(store.endedMs !== null);
  tellHost();
}

byId("retry").addEventListener("click", () => stream.retryNow());
addEventListener("online", () => stream.wake());
addEventListener("offline", () => connection.show());
document.addEventListener("visibilitychange", () => document.hidden || stream.wake());
addEventListener("pagehide", () => stream.stop());
addEventListener("pageshow", (event) => event.persisted && !store.completed && stream.start());

host.tell("ready", { conference: id });
paint();
setInterval(() => connection.show(), TICK_MS);
if (store.completed) finish();
else stream.start();
