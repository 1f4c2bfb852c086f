// Who reads what of one connection, and how far each has come. No DOM, no clock, no network.
//
// A tab joins with the seq of the newest event on its page, and the connection may be ahead of that. Then it is opened
// anew from the lowest seq of each topic. Until then the newcomer waits, and of what is sent again to the others each gets
// only what is new to it: no hole, no double.

export const WALLBOARD = "wallboard";

export class Readers {
  constructor() {
    this.all = new Map(); // key: {topic, token, epoch, seq, waits}
    this.sent = new Map(); // topics of the connection: the seq that it has delivered
    this.epoch = null; // the store's life that the connection reads
  }

  get topics() {
    return [...new Set([...this.all.values()].map((reader) => reader.topic))];
  }

  /** epoch and seq: what the reader's page shows already; null for state. True: it waits for the connection to be opened anew. */
  join(key, { topic, token = "", epoch = null, seq = null }) {
    const inStep = seq !== null && epoch === this.epoch && seq >= (this.sent.get(topic) ?? Infinity);
    this.all.set(key, { topic, token, epoch, seq, waits: !inStep });
    return !inStep;
  }

  leave(key) {
    this.all.delete(key);
  }

  /** What to ask a new connection for: all topics, each from where its last reader stands. Nobody waits any more. */
  query() {
    const readers = [...this.all.values()];
    // Of two epochs the younger page's is likelier to be the store's; the others are told by ready().
    const epoch = readers.findLast((reader) => reader.epoch !== null)?.epoch ?? null;
    const query = new URLSearchParams(this.topics.map((topic) => ["topic", topic]));
    if (epoch !== null) query.set("epoch", epoch);
    const token = readers.findLast((reader) => reader.token)?.token;
    if (token) query.set("token", token);
    this.epoch = null;
    this.sent.clear();
    for (const reader of readers) reader.waits = false;
    for (const topic of this.topics) {
      const seqs = readers.filter((one) => one.topic === topic && one.epoch === epoch && one.seq !== null).map((one) => one.seq);
      const from = seqs.length ? Math.min(...seqs) : 0;
      if (from) query.append("after", `${topic.slice("conference:".length)}:${from}`);
      this.sent.set(topic, from);
    }
    return query;
  }

  /** The connection is open. Returns the readers whose history is of another life of the store. */
  ready(epoch) {
    this.epoch = epoch;
    return this.#lose((reader) => reader.epoch !== null && reader.epoch !== epoch);
  }

  /** The server cannot give what is behind a position. Returns the readers who lost history. */
  gap({ reason, topics }) {
    for (const topic of topics) this.sent.set(topic, 0);
    // Another epoch was found out by ready(), reader by reader.
    return reason === "other_epoch" ? [] : this.#lose((reader) => topics.includes(reader.topic));
  }

  /** A durable event. Returns the readers to whom it is new. A seq may be skipped: types that we do not know stay away. */
  durable(topic, seq) {
    this.sent.set(topic, seq);
    const keys = this.#keys((reader) => reader.topic === topic && !reader.waits && seq > (reader.seq ?? 0));
    for (const key of keys) this.all.get(key).seq = seq;
    return keys;
  }

  /** A partial or a frame of state. Returns its readers. */
  passing(topic) {
    return this.#keys((reader) => reader.topic === topic && !reader.waits);
  }

  /** Everybody who reads a topic, waiting or not. */
  of(topic) {
    return this.#keys((reader) => reader.topic === topic);
  }

  #lose(isLost) {
    const keys = this.#keys((reader) => !reader.waits && reader.seq !== null && isLost(reader));
    // Until it has loaded its history anew, such a reader takes whatever comes next.
    for (const key of keys) Object.assign(this.all.get(key), { epoch: this.epoch, seq: null });
    return keys;
  }

  #keys(wanted) {
    return [...this.all].filter(([, reader]) => wanted(reader)).map(([key]) => key);
  }
}
