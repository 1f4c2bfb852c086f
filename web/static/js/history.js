// The history: the server did everything; this adds the reader's own time of day and the keyboard.

import { listenForKeys } from "./keys.js";
import { bindTheme, preference, setPreference } from "./prefs.js";

const byId = (id) => document.getElementById(id);
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

bindTheme();
const letters = byId("letters");
letters.checked = preference("letters", "on") === "on";
letters.addEventListener("change", () => setPreference("letters", letters.checked ? "on" : "off"));
for (const time of document.querySelectorAll("time[data-moment]")) {
  time.title = time.textContent;
  time.textContent = moment.format(new Date(time.dateTime));
}
listenForKeys({
  "/": () => byId("search").select(),
  Escape: ({ target }) => (target.closest("form") && target.blur(), false),
}, () => letters.checked);
