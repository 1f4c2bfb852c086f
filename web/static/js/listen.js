// Listen, in a demo: a frame of the emulator's listen page, made on the click (so that it may play) and gone on the next.

const button = document.getElementById("listen");
const panel = document.getElementById("listen-panel");

button?.addEventListener("click", () => show(!panel.firstChild));

function show(on) {
  if (on) panel.append(frame());
  else panel.replaceChildren();
  panel.hidden = !on;
  button.setAttribute("aria-pressed", String(on));
}

function frame() {
  const element = document.createElement("iframe");
  element.title = "Listening to this call";
  element.allow = "autoplay";
  const theme = document.documentElement.dataset.theme;
  element.src = theme ? `${button.dataset.frame}&theme=${theme}` : button.dataset.frame;
  return element;
}

/** The call is over: nothing to hear, nowhere to join. */
export function endListening() {
  if (!button || button.hidden) return;
  show(false);
  button.hidden = document.getElementById("speak").hidden = true;
}
