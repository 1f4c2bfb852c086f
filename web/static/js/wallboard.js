// The wallboard: the server painted the rows as they stood; from here on they follow the stream's topic "wallboard".
//
// What is said on a call is hostile input: it reaches the page as text nodes only.

import { acknowledge, AlertBell } from "./alerts.js";
import { offset, serverNow, setServerTime, wall } from "./clock.js";
import { Connection } from "./connection.js";
import { listenForKeys } from "./keys.js";
import { bindTheme, preference, setPreference } from "./prefs.js";
import { cloneTemplate, slot } from "./rows.js";
import { setText } from "./said.js";
import { Stream } from "./stream.js";
import { toast } from "./toast.js";
import { durationMs, roomName, shownState } from "./wallboard_row.js";
import { CallTable } from "./wallboard_table.js";

const TICK_MS = 1_000;
const ENDED_SHOWN = 20;
const COUNTED = [["live", "live"], ["paused", "paused"], ["hold", "on hold"], ["waiting", "waiting"], ["ended", "just ended"]];

const byId = (id) => document.getElementById(id);
setServerTime(byId("main").dataset.now);

const table = new CallTable(byId("calls"), { onLeave: listAsEnded });
const connection = new Connection({
  pill: byId("connection"), banner: byId("banner"), icons: JSON.parse(byId("icons").textContent),
  announce: (text) => setText(byId("announcer"), text), stays: "The calls stay as they were last seen and go on by themselves",
});
const stream = new Stream({
  topic: "wallboard", onWallboard, onPing, onEvent() {}, onReady() {},
  onGap: () => toast("The history was lost. Reload the page to see what is left."),
  onState: (state) => connection.setStream(state),
});

const bell = new AlertBell();
let known = false;
let queued = false;

/** Alerts that were not there in the frame before. */
function ring({ rows }) {
  for (const row of rows) {
    const before = new Set(table.rows.get(row.id)?.alerts.map((one) => one.alert));
    for (const one of row.alerts) {
      if (!before.has(one.alert)) bell.ring(`${one.name}: ${roomName(row)}`, one.severity, `/conferences/${encodeURIComponent(row.id)}`);
    }
  }
}

function onWallboard(frame) {
  if (known) ring(frame);
  table.take(frame, { news: known });
  known = true;
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    paint();
  });
}

function onPing({ time }) {
  if (time) setServerTime(time);
}

function paint() {
  table.paint(serverNow());
  showFrame();
}

/** All that is not a row: counts, title, and what stands there when there are none. */
function showFrame() {
  const rows = [...table.rows.values()];
  const numbers = COUNTED.map(([state, word]) => [rows.filter((row) => shownState(row) === state).length, word]);
  const alerts = rows.reduce((sum, row) => sum + row.alerts_open, 0);
  numbers.push([alerts, alerts === 1 ? "alert" : "alerts"]);
  setText(byId("counts"), numbers.filter(([n]) => n).map(([n, word]) => `${n} ${word}`).join(" · "));
  const live = rows.filter((row) => row.state === "live").length;
  document.title = live ? `(${live}) Sidecar` : "Sidecar";
  const shown = table.parts.size > 0;
  byId("reading").hidden = known;
  byId("board").hidden = byId("filter-box").hidden = byId("order-box").hidden = !shown && !rows.length;
  byId("empty").hidden = !known || shown || rows.length > 0;
  byId("none-match").hidden = shown;
  connection.unsaved = rows.reduce((sum, row) => sum + row.unsaved, 0);
  connection.show();
}

/** A call that left the table is found below it. */
function listAsEnded(row) {
  const list = byId("ended-calls");
  if (list.querySelector(`[data-id="${CSS.escape(row.id)}"]`)) return;
  const element = cloneTemplate("row-ended");
  element.dataset.id = row.id;
  slot(element, "link").href = `/conferences/${encodeURIComponent(row.id)}`;
  setText(slot(element, "room"), roomName(row));
  setText(slot(element, "people"), row.people.map((one) => one.name).join(", "));
  showStarted(slot(element, "started"), row.clock_zero);
  // A call that ended while the stream was away has no known end.
  setText(slot(element, "duration"), row.ended_ms === null ? "" : offset(durationMs(row, serverNow())));
  list.prepend(element);
  while (list.children.length > ENDED_SHOWN) list.lastElementChild.remove();
  byId("ended").hidden = false;
  showFrame();
}

function showStarted(element, moment) {
  element.dateTime = moment;
  setText(element, wall(Date.parse(moment)));
  element.title = new Date(moment).toLocaleString();
}

async function acknowledgeChosen() {
  const row = table.chosen;
  const [alert] = row?.alerts ?? [];
  if (!alert) return toast(row ? "This call has no open alert" : "Choose a call first: j or k");
  try {
    await acknowledge(row.id, alert.alert);
    toast(`Acknowledged: ${alert.name}`);
  } catch (error) {
    toast(`Not acknowledged. ${error.message}`);
  }
}

function letGo() {
  if (byId("calls").contains(document.activeElement)) document.activeElement.blur();
}

function bind() {
  bindTheme();
  const letters = byId("letters");
  letters.checked = preference("letters", "on") === "on";
  letters.addEventListener("change", () => setPreference("letters", letters.checked ? "on" : "off"));
  byId("retry").addEventListener("click", () => stream.retryNow());
  byId("filter").addEventListener("change", ({ target }) => {
    table.filter(target.value);
    showFrame();
  });
  byId("order").addEventListener("change", ({ target }) => table.sort(target.value));
  bell.bind();
  const onRows = ({ target }) => target === document.body || byId("calls").contains(target);
  listenForKeys({
    "/": () => byId("search").select(),
    j: () => table.step(1),
    k: () => table.step(-1),
    a: acknowledgeChosen,
    ArrowDown: (event) => onRows(event) && table.rows.size ? table.step(1) : false,
    ArrowUp: (event) => onRows(event) && table.rows.size ? table.step(-1) : false,
    Escape: () => (letGo(), false),
  }, () => letters.checked);
  for (const time of document.querySelectorAll("#ended-calls time")) showStarted(time, time.dateTime);
  addEventListener("online", () => stream.wake());
  addEventListener("offline", () => connection.show());
  document.addEventListener("visibilitychange", () => document.hidden || stream.wake());
  addEventListener("pagehide", () => stream.stop());
  addEventListener("pageshow", (event) => event.persisted && stream.start());
}

bind();
stream.start();
setInterval(() => {
  table.tick(serverNow());
  connection.show();
}, TICK_MS);
