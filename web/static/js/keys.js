// Keyboard shortcuts: dead while somebody types, and single keys can be switched off (WCAG 2.1.4).

const TYPING = 'input:not([type="checkbox"]):not([type="radio"]), textarea, select, [contenteditable]';

/** actions: key -> function. Keys of one character obey lettersOn(); the others always work. */
export function listenForKeys(actions, lettersOn) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return; // Esc closes it, and does nothing else
    if (event.key !== "Escape" && event.target.closest?.(TYPING)) return;
    if (event.key.length === 1 && !lettersOn()) return;
    const action = actions[event.key];
    if (!action) return;
    if (action(event) !== false) event.preventDefault();
  });
}
