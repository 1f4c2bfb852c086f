// A short word at the foot of the page, and the clipboard.

const SHOWN_MS = 2_500;
let timer;

export function toast(text) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.toggleAttribute("data-shown", true);
  clearTimeout(timer);
  timer = setTimeout(() => element.removeAttribute("data-shown"), SHOWN_MS);
}

/** Put text on the clipboard and say so. Without a secure context the clipboard is closed: then show the text. */
export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    toast(text);
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button.dataset.copy, "Copied"));
}
