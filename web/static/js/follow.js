// Follow: at the bottom means following; scrolling up stops it at once and keeps the place; nothing steals the view.

const AT_BOTTOM_PX = 4;
const NEAR_EDGE_PX = 600;

export class Follow {
  /** scroller: what scrolls. onChange(following), onEdge(-1 | 1): the reader comes near the top or the bottom. */
  constructor(scroller, { onChange, onEdge }) {
    Object.assign(this, { scroller, onChange, onEdge });
    this.following = true;
    this.top = 0;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // A window or sheet that changes size must not look like a reader who scrolls.
    new ResizeObserver(() => this.following && this.#pin()).observe(scroller);
    document.addEventListener("selectionchange", () => {
      const selection = document.getSelection();
      if (this.following && !selection.isCollapsed && scroller.contains(selection.anchorNode)) this.set(false);
    });
  }

  set(following) {
    if (following) this.#pin();
    if (following === this.following) return;
    this.following = following;
    this.onChange(following);
  }

  /** Run a change of the content: pinned to the bottom while following, else with the reader's row where it was. */
  keepPlace(change) {
    if (this.following) {
      change();
      this.#pin();
      return;
    }
    const anchor = this.#rowInView();
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) {
      const moved = anchor.getBoundingClientRect().top - before;
      if (moved) this.scroller.scrollTop += moved;
    }
    this.top = this.scroller.scrollTop;
  }

  /** Bring a row into view, in the middle; stops following. */
  show(element) {
    this.set(false);
    element.scrollIntoView({ block: "center", behavior: "instant" });
    this.top = this.scroller.scrollTop;
  }

  get nearTop() {
    return this.scroller.scrollTop < NEAR_EDGE_PX;
  }

  get #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #pin() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.top = this.scroller.scrollTop;
  }

  #scrolled() {
    const { scrollTop } = this.scroller;
    const down = scrollTop > this.top;
    if (scrollTop < this.top && this.#distance > AT_BOTTOM_PX) this.set(false);
    this.top = scrollTop;
    if (this.nearTop) this.onEdge(-1);
    else if (this.#distance < NEAR_EDGE_PX) this.onEdge(1);
    if (down && this.#distance <= AT_BOTTOM_PX && document.getSelection().isCollapsed) this.set(true);
  }

  #rowInView() {
    const { top } = this.scroller.getBoundingClientRect();
    for (const list of this.scroller.querySelectorAll("ol")) {
      // Rows are in order, so the first one that ends below the edge is found by halving.
      const rows = list.children;
      let low = 0, high = rows.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (rows[middle].getBoundingClientRect().bottom <= top) low = middle + 1; else high = middle;
      }
      if (rows[low]) return rows[low];
    }
    return null;
  }
}
