// What was said, in an element: words, and chips in the place of those that were taken out; and where in it something
// stands. The text of the element is the text of the line, brackets and all.

// As sidecar/domain/redaction/marks.py has it.
const MARK = /\[([\p{L}\p{N}_][\p{L}\p{N}_ -]{0,39})\]/u;

/** Set an element's text by the smallest change, so that a selection in the part that stays survives. */
export function setText(element, text) {
  const node = element.firstChild;
  if (node?.nodeType !== Node.TEXT_NODE || node.nextSibling) {
    if (element.textContent !== text) element.textContent = text;
    return;
  }
  const old = node.data;
  if (old === text) return;
  let same = 0;
  while (same < old.length && same < text.length && old[same] === text[same]) same += 1;
  node.replaceData(same, old.length - same, text.slice(same));
}

/** The same for what somebody said. */
export function setSaid(element, text) {
  const marked = text.includes("[") && MARK.test(text);
  if (!marked && !element.firstElementChild) return setText(element, text);
  if (element.textContent === text) return;
  element.replaceChildren(...text.split(MARK).map((piece, n) => (n % 2 ? chip(piece) : piece)));
}

function chip(label) {
  const element = Object.assign(document.createElement("span"), { className: "chip" });
  element.append(bracket("["), label, bracket("]"));
  return element;
}

const bracket = (text) => Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: text });

/** The characters of an element's text from start to before end; null: it has not so many. */
export function rangeOf(element, start, end) {
  const from = placeOf(element, start), to = placeOf(element, end);
  if (!from || !to) return null;
  const range = new Range();
  range.setStart(...from);
  range.setEnd(...to);
  return range;
}

function placeOf(element, at) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (at <= node.length) return [node, at];
    at -= node.length;
  }
  return null;
}
