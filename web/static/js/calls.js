// The list of calls: durations tick, and the page loads itself anew when a call comes, goes or changes state.

import { offset } from "./clock.js";
import { bindTheme } from "./prefs.js";
import "./toast.js";

const LOOK_EACH_MS = 3_000;
const loadedAt = performance.now();
const version = `"${document.getElementById("main").dataset.version}"`;

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
    if (answer.ok && answer.headers.get("ETag") !== version) location.reload();
  } catch {
    // The service is away: the list stays, and the next look may find it again.
  }
}

function tick() {
  for (const time of document.querySelectorAll(".running")) {
    time.textContent = offset(Number(time.dataset.sinceMs) + performance.now() - loadedAt);
  }
}

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  time.textContent = moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  time.title = moment.toLocaleString();
}
bindTheme();
setInterval(tick, 1_000);
setInterval(look, LOOK_EACH_MS);
look();
