// The lines above those that the page began with: fetched when the reader comes near them, one page at a time.

const PAGE = 500;
const TIMEOUT_MS = 15_000;

export class Older {
  /**
   * url: the list of utterances. cursor: where it goes on, null when there is nothing above. box: the note above the
   * rows. onLines(utterances, more): newest first; more: whether there are still older ones.
   */
  constructor({ url, cursor, box, onLines }) {
    Object.assign(this, { url, cursor, box, onLines });
    this.running = null;
    this.all = false;
    box.querySelector("button").addEventListener("click", () => this.load());
  }

  get more() {
    return this.cursor !== null;
  }

  /** The next page. False: there is none, or it could not be had, which the note then says. */
  load() {
    if (!this.more) return Promise.resolve(false);
    this.running ??= this.#fetch().finally(() => (this.running = null));
    return this.running;
  }

  /** Everything: to find a word or to show one speaker. */
  async loadAll() {
    if (this.all) return;
    this.all = true;
    while (await this.load());
    this.all = false;
  }

  async #fetch() {
    this.box.removeAttribute("data-failed");
    this.box.setAttribute("aria-busy", "true");
    try {
      const query = new URLSearchParams({ order: "desc", limit: PAGE, after: this.cursor });
      const answer = await fetch(`${this.url}?${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const { data, next_cursor: next } = await answer.json();
      this.cursor = next;
      this.onLines(data, this.more);
      return true;
    } catch {
      this.box.toggleAttribute("data-failed", true);
      return false;
    } finally {
      this.box.removeAttribute("aria-busy");
    }
  }
}
