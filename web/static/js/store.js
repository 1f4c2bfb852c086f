// A call as its events tell it: rows in order of speech, people, talk and gaps. No DOM, no clock, no network.
//
// The same rules as sidecar/domain/blocks.py; tests/golden/blocks holds both to the same cases. The store goes further
// in one thing: it knows partials, which stand in their place among the rows until they are final.

const ARRIVAL = 0, SPEECH = 1, LOSS = 2, REST = 3;
const ARRIVALS = new Set(["conference.started", "participant.joined"]);
// Rows that say who did it, or why.
const DONE_BY = new Set(["transcript.paused", "transcript.resumed", "assistant.requested", "assistant.left"]);
const REASONED = new Set(["transcript.paused", "assistant.left", "assistant.failed"]);
const NOBODY = Object.freeze({ participant: "", name: "", label: "", role: "other", state: "expected" });

const compare = (a, b) =>
  a.at_ms - b.at_ms || a.rank - b.rank || a.seq - b.seq || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

export class Store {
  /**
   * clockZeroMs: the conference clock's zero, epoch ms. roster: participants whom no event may have introduced yet.
   * earlier: of a long call only the newest utterances are taken in, from `oldest` on; the sums of those above
   * ({oldest: {start_ms, id}, talk_ms: {participant: ms}, first_ms, last_ms}), which `takeOlder` may bring later.
   */
  constructor({ clockZeroMs, blockJoinMs, systemWords, roster = [], earlier = null }) {
    this.clockZeroMs = clockZeroMs;
    this.blockJoinMs = blockJoinMs;
    this.systemWords = systemWords;
    this.seq = 0;
    this.rows = [];
    this.byKey = new Map();
    this.people = new Map(roster.map((one) => [one.participant, person(one)]));
    this.startedMs = null;
    this.endedMs = null;
    this.completed = false;
    this.found = new Map(); // by utterance: what alert rules found in it, [{name, quote}]
    this.paused = null; // {at_ms, by, reason} while transcription is paused
    this.gaps = 0;
    this.gapMs = 0;
    this.notes = 0;
    this.changed = { rows: new Set(), people: false, call: false };
    this.earlier = earlier;
    // Rows above the oldest utterance that is known wait here: among them lines would be missing.
    this.withheld = [];
    this.horizon = earlier && horizonAt(earlier.oldest);
    for (const [participant, ms] of Object.entries(earlier?.talk_ms ?? {})) this.#talk(participant, ms);
  }

  /** What changed since the last call, then forgets it: {rows: Set of keys, people, call}. */
  drain() {
    const changed = this.changed;
    this.changed = { rows: new Set(), people: false, call: false };
    return changed;
  }

  /** Take an event in. A durable one that was taken before, or a type without a rule, changes nothing. */
  take(event) {
    if (event.seq != null) {
      if (event.seq <= this.seq) return false;
      this.seq = event.seq;
    }
    const { data } = event;
    let { type } = event;
    const at_ms = data.at_ms ?? Math.max(0, Math.floor(Date.parse(event.timestamp)) - this.clockZeroMs);
    switch (type) {
      case "alert.raised": if (data.utterance) type = this.#find(data); break;
      case "utterance.partial": this.#partial(data); break;
      case "utterance.final": this.#final(data); break;
      case "utterance.redacted": this.#redact(data); break;
      case "transcript.gap": this.#gap(event.seq, data); break;
      case "participant.joined":
      case "participant.updated": type = this.#meet(type, data, at_ms); break;
      // No call of it has a name yet, and people should see at once who is coming.
      case "assistant.requested": this.#change(data.participant, { name: data.name, role: "assistant" }); break;
      case "participant.left":
      case "assistant.left":
      case "assistant.failed":
        this.#change(data.participant, { state: "left", leftMs: data.at_ms });
        // Its own event says why.
        if (type === "participant.left" && this.person(data.participant).role === "assistant") type = "";
        break;
      case "fork.health": {
        const { engine, fallback, behind_ms: behindMs } = data;
        this.#change(data.participant, { health: engine === null ? "waiting" : fallback ? "fallback" : "usual", behindMs });
        break;
      }
      case "fork.started":
      case "fork.resumed":
      case "fork.interrupted":
      case "fork.stopped":
        this.#change(data.participant, { fork: type.slice("fork.".length), detail: data.detail ?? "" });
        // Of a stream that was lost the recogniser still finishes the last words; of a process that died nobody does.
        if (type !== "fork.started" && data.reason !== "stream_lost") this.dropPartials(data.participant);
        break;
      case "note.added":
        this.#put({ kind: "note", key: `r-${event.seq}`, at_ms, seq: event.seq, rank: REST, text: data.text, by: data.by, participant: null });
        this.notes += 1;
        break;
      case "assistant.joined": this.#change(data.participant, { fork: "own" }); break;
      case "conference.started": this.startedMs = at_ms; break;
      case "conference.ended": this.endedMs = at_ms; break;
      case "transcript.paused": this.#pause({ at_ms, by: data.by, reason: data.reason }); break;
      case "transcript.resumed": this.#pause(null); break;
      case "transcript.completed":
        if (data.revision > 1) type = ""; // a line was redacted; nothing else became complete
        this.completed = true; this.dropPartials(); break;
    }
    if (Object.hasOwn(this.systemWords, type)) {
      this.changed.call = true;
      this.#put({
        kind: "system", key: `r-${event.seq}`, type, at_ms, seq: event.seq, rank: ARRIVALS.has(type) ? ARRIVAL : REST,
        timestamp: event.timestamp, participant: data.participant ?? null,
        by: DONE_BY.has(type) ? data.by ?? "" : "",
        reason: type === "alert.raised" ? data.name : REASONED.has(type) ? data.detail || data.reason || "" : "",
        utterances: data.utterances ?? 0, gaps: data.gaps ?? 0, gap_ms: data.gap_ms ?? 0,
      });
    }
    return true;
  }

  /** Utterances above those that are known, newest first; their talk is counted already. more: there are still others. */
  takeOlder(utterances, more) {
    const fresh = utterances
      .filter(({ id }) => !this.byKey.has(id))
      .map((u) => utterance(u, false));
    for (const row of fresh) this.byKey.set(row.key, row);
    this.horizon = more ? horizonAt(utterances.at(-1)) : null;
    const above = this.withheld.concat(fresh).sort(compare);
    const from = this.horizon ? above.findIndex((row) => compare(row, this.horizon) >= 0) : 0;
    this.withheld = above.slice(0, from);
    this.rows.unshift(...above.slice(from));
  }

  /** Take partials away: their stream is gone, and nobody will finish them. All, or those of one participant. */
  dropPartials(participant = null) {
    const gone = (row) => row.partial && (participant === null || row.participant === participant);
    for (const row of [...this.withheld.filter(gone), ...this.rows.filter(gone)]) {
      this.#remove(row);
    }
  }

  person(participant) {
    return this.people.get(participant) ?? NOBODY;
  }

  /** Whether a row begins a block below the row above it (undefined at the top). */
  opensBlock(above, row) {
    return !(
      above?.kind === "utterance" && above.participant === row.participant && above.coaching === row.coaching && above.late === row.late &&
      row.at_ms - above.end_ms <= this.blockJoinMs
    );
  }

  /** From the first word to the last, in finals. */
  get speechMs() {
    let first = this.earlier?.first_ms ?? Infinity, last = this.earlier?.last_ms ?? 0;
    for (const row of this.rows) {
      if (row.kind !== "utterance" || row.partial) continue;
      first = Math.min(first, row.at_ms);
      last = Math.max(last, row.end_ms);
    }
    return Math.max(0, last - first);
  }

  /** Percent of the conversation per participant, rounded; what is left over 100 is silence. */
  shares() {
    const people = [...this.people.values()];
    const whole = Math.max(this.speechMs, people.reduce((sum, one) => sum + one.talkMs, 0));
    return new Map(people.map((one) => [one.participant, whole ? Math.floor((100 * one.talkMs + Math.floor(whole / 2)) / whole) : 0]));
  }

  #partial(said) {
    const { id, text } = said;
    const known = this.byKey.get(id);
    if (known && !known.partial) return;
    if (text) this.#put(utterance(said, true));
    else if (known) this.#remove(known);
  }

  #final(said) {
    const { id, participant, start_ms, end_ms, revision } = said;
    const known = this.byKey.get(id);
    if (known && !known.partial && known.revision >= revision) return;
    if (known && !known.partial) this.#talk(known.participant, known.at_ms - known.end_ms);
    this.#put(utterance(said, false));
    this.#talk(participant, end_ms - start_ms);
  }

  /** Words were taken out of a line: it says what is left. */
  #redact({ id, text, revision }) {
    const known = this.byKey.get(id);
    if (known) this.#put({ ...known, text, revision, cut: known.cut && TAKEN_OUT });
  }

  #gap(seq, { participant, from_ms, to_ms, reason, detail = "" }) {
    this.gaps += 1;
    this.gapMs += to_ms - from_ms;
    this.changed.call = true;
    this.#put({ kind: "gap", key: `r-${seq}`, at_ms: from_ms, to_ms, seq, rank: LOSS, participant, reason, detail });
  }

  /** Returns what to call it in a row: going on hold and coming back make one, other changes none. */
  #meet(type, { participant, name, label, role, muted = false, hold = false, coaching = false }, at_ms) {
    const { state, heldMs = null } = this.people.get(participant) ?? {};
    const joined = type === "participant.joined";
    this.#change(participant, {
      name, label, role, muted, coaching, heldMs: hold ? heldMs ?? at_ms : null, ...(joined && { state: "joined", leftMs: null }),
    });
    for (const row of this.rows) if (row.participant === participant) this.changed.rows.add(row.key);
    if (joined || state !== "joined" || hold === (heldMs !== null)) return type;
    return `${type}/${hold ? "hold" : "unhold"}`;
  }

  /** An alert about words is marked there, and makes no row. */
  #find({ utterance, name, quote }) {
    this.found.set(utterance, [...(this.found.get(utterance) ?? []), { name, quote }]);
    this.changed.rows.add(utterance);
    return "";
  }

  #pause(paused) {
    this.paused = paused;
    this.changed.people = true;
  }

  #talk(participant, ms) {
    this.#change(participant, { talkMs: this.people.get(participant)?.talkMs ?? 0 });
    this.people.get(participant).talkMs += ms;
  }

  #change(participant, facts) {
    const one = this.people.get(participant) ?? person({ participant });
    this.people.set(participant, Object.assign(one, facts));
    this.changed.people = true;
  }

  #put(row) {
    const known = this.byKey.get(row.key);
    if (known && compare(known, row) === 0) {
      Object.assign(known, row);
    } else {
      if (known) this.#remove(known);
      const home = this.#homeOf(row);
      home.splice(indexIn(home, row), 0, row);
      this.byKey.set(row.key, row);
    }
    this.changed.rows.add(row.key);
  }

  #homeOf(row) {
    return this.horizon && compare(row, this.horizon) < 0 ? this.withheld : this.rows;
  }

  #remove(row) {
    const home = this.#homeOf(row);
    home.splice(indexIn(home, row), 1);
    this.byKey.delete(row.key);
    this.changed.rows.add(row.key);
  }
}

/** Where a row stands among rows in order; its own index if it is in, else the one where it would go. */
function indexIn(rows, row) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(rows[middle], row) < 0) low = middle + 1; else high = middle;
  }
  return low;
}

// What stands in the place of words that somebody took out (domain/redaction/by_hand.py).
const TAKEN_OUT = "[redacted]";

const horizonAt = ({ id, start_ms }) => ({ key: id, at_ms: start_ms, rank: SPEECH, seq: 0 });

// Utterances that start together are ordered by id and not by seq: a partial has no seq yet, and must not change place.
const utterance = ({ id, participant, start_ms, end_ms, text, revision = 0, coaching = false, late = false, cut = "" }, partial) =>
  ({ kind: "utterance", key: id, participant, at_ms: start_ms, end_ms, text, revision, coaching, late, cut, partial, seq: 0, rank: SPEECH });

const person = ({ participant, name = "", label = "", role = "other" }) =>
  ({ participant, name, label, role, state: "expected", leftMs: null, fork: "none", detail: "", talkMs: 0, muted: false, heldMs: null, coaching: false,
    health: "usual", behindMs: 0 });

/** Since when the call is on hold, which is when its customer, or all of several, are; null while it is not. */
export function onHoldSince(people) {
  const here = [...people].filter((one) => one.state === "joined");
  const customers = here.filter((one) => one.role === "customer");
  const waiting = customers.length ? customers : here.filter((one) => one.role === "other");
  if (!waiting.length || waiting.some((one) => one.heldMs === null)) return null;
  return here.reduce((since, one) => Math.max(since, one.heldMs ?? 0), 0);
}

/** What to call a participant: its name, else its label, else "Caller". */
export const called = ({ name, label }) => name.trim() || label.trim() || "Caller";
