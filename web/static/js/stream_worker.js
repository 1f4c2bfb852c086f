// The SharedWorker: one event stream for all tabs of a browser. Its address has the fingerprint of the static files, so
// pages of two releases that are open at once have a worker each.

import { StreamHub } from "./stream_hub.js";

const hub = new StreamHub();
addEventListener("connect", ({ ports: [port] }) => hub.add(port));
