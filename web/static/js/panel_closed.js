// The frame's token has expired or is not known: the page around it may give another one.

import { Host } from "./panel_host.js";

const host = new Host(JSON.parse(document.getElementById("origins").textContent), ({ type, token }) => {
  if (type !== "sidecar:token" || typeof token !== "string") return;
  const address = new URL(location.href);
  address.searchParams.set("token", token);
  location.replace(address);
});
host.tell("token_needed");
