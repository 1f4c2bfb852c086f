// Times for people. The server's clock counts, not the browser's: each ping sets it.

let serverMs = Date.now();
let heardAt = performance.now();

/** The server said what time it is (an RFC 3339 string). */
export function setServerTime(text) {
  serverMs = Date.parse(text);
  heardAt = performance.now();
}

/** Epoch ms by the server's clock. */
export const serverNow = () => serverMs + performance.now() - heardAt;

/** A time on the conference clock: 03:07, 1:02:03. */
export function offset(ms) {
  const whole = Math.floor(Math.max(0, ms) / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** A length for reading: 0.4 s, 4 s, 1 min 15 s, 2 h 5 min. */
export function span(ms) {
  const tenths = Math.floor((Math.max(0, ms) + 50) / 100);
  if (tenths < 100) return tenths % 10 ? `${Math.floor(tenths / 10)}.${tenths % 10} s` : `${tenths / 10} s`;
  const seconds = Math.floor((Math.max(0, ms) + 500) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const second = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The reader's wall clock, to the minute or to the second. */
export const wall = (ms) => minute.format(ms);
export const wallToSecond = (ms) => second.format(ms);

export const counted = (n, one, many) => `${n} ${n === 1 ? one : many}`;

/** no gaps; 1 gap of 4 s; 3 gaps, 12 s in all */
export function countedGaps(gaps, gapMs) {
  if (!gaps) return "no gaps";
  return gaps === 1 ? `1 gap of ${span(gapMs)}` : `${gaps} gaps, ${span(gapMs)} in all`;
}
