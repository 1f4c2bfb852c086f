// All tabs of a browser, or in a browser without SharedWorker the one tab: who is there, and over which channel it reads.

import { Channel } from "./stream_channel.js";

// Sixty topics. A browser has six connections to one HTTP/1.1 origin, and pages need some of them.
const CHANNELS_MOST = 3;
// A tab that leaves says so, one that crashed cannot: each is asked, and answers even in the background, where its own
// timers are slow. A frozen tab is dropped too, and joins again when it wakes up.
const ASK_EACH_MS = 15_000;
const UNANSWERED_MOST = 3;

export class StreamHub {
  constructor() {
    this.tabs = new Map(); // port: {channel, unanswered}
    this.channels = [];
    setInterval(() => this.#ask(), ASK_EACH_MS);
  }

  /** A port to a tab's Stream. */
  add(port) {
    port.onmessage = ({ data }) => this.#hear(port, data);
  }

  #hear(port, message) {
    const tab = this.tabs.get(port);
    if (tab) tab.unanswered = 0;
    switch (message.kind) {
      case "join": return this.#join(port, message);
      case "leave": return this.#leave(port);
      case "retry": return tab?.channel.line.retryNow();
      case "wake": return tab?.channel.line.wake();
      // It was given up while it was frozen.
      case "here": return tab ?? port.postMessage({ kind: "lost" });
    }
  }

  #join(port, wish) {
    this.#leave(port);
    const channel = this.#channelFor(wish.topic);
    if (!channel) return port.postMessage({ kind: "state", phase: "full", retryInMs: null, downForMs: 0 });
    this.tabs.set(port, { channel, unanswered: 0 });
    return channel.join(port, wish);
  }

  #channelFor(topic) {
    const found = this.channels.find((one) => one.follows(topic)) ?? this.channels.find((one) => one.hasRoom());
    if (found || this.channels.length === CHANNELS_MOST) return found;
    const made = new Channel((port, message) => port.postMessage(message));
    this.channels.push(made);
    return made;
  }

  #leave(port) {
    this.tabs.get(port)?.channel.leave(port);
    this.tabs.delete(port);
    this.channels = this.channels.filter((channel) => !channel.isEmpty);
  }

  #ask() {
    for (const [port, tab] of this.tabs) {
      if (tab.unanswered === UNANSWERED_MOST) this.#leave(port);
      else {
        tab.unanswered += 1;
        port.postMessage({ kind: "ask" });
      }
    }
  }
}
