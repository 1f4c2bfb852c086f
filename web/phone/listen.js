// Hears a conference: no call, no participant. Stands in a frame of the conference page, whose click lets it play.

import { Earpiece } from "./audio.js";
import { Line } from "./line.js";
import { showLevel, showPill } from "./show.js";
import { insecure } from "./trouble.js";

// Even on a busy machine without a break; and the text, a second behind the speech, comes a little closer.
const BUFFER_MS = 400;
const STARTS_WITHIN_MS = 500;

const byId = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const theme = asked.get("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

const words = { on_call: ["live", "Listening"], waiting: ["warn", "Nobody talks yet"] };

function show(state, text) {
  showPill(byId("state"), state, text);
}

async function listen() {
  const earpiece = new Earpiece();
  await earpiece.start({ targetMs: BUFFER_MS, onLevel: ({ level }) => showLevel(byId("others"), level) });
  let latest = ["quiet", "Connecting"];
  const showLatest = () => {
    byId("play").hidden = earpiece.playing;
    show(...(earpiece.playing ? latest : ["quiet", "Ready to play"]));
  };
  const finish = (reason) => {
    earpiece.close();
    byId("play").hidden = true;
    showLevel(byId("others"), 0);
    show("quiet", reason);
  };
  byId("play").addEventListener("click", () => earpiece.resume().then(showLatest));
  // Without a click that counts, resume() waits for ever.
  await Promise.race([earpiece.resume(), new Promise((done) => setTimeout(done, STARTS_WITHIN_MS))]);
  new Line(`/listen/socket${location.search}`, {
    onFrame: (bytes) => earpiece.play(bytes),
    onReport: (report) => {
      if (report.state === "over") return finish(report.reason);
      latest = words[report.state];
      byId("room").textContent = report.room;
      byId("room").hidden = window.parent !== window; // the page around the frame says it already
      return showLatest();
    },
    onLost: () => finish("The connection was lost"),
  });
}

const trouble = insecure(location);
if (trouble) show("warn", trouble.what);
else listen();
