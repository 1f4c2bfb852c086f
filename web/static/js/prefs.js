// What a reader has chosen, kept in this browser. Storage may be forbidden: then it lasts as long as the page.

const memory = new Map();

export function preference(name, fallback) {
  try {
    return localStorage.getItem(`sidecar.${name}`) ?? memory.get(name) ?? fallback;
  } catch {
    return memory.get(name) ?? fallback;
  }
}

export function setPreference(name, value) {
  memory.set(name, value);
  try {
    localStorage.setItem(`sidecar.${name}`, value);
  } catch {
    // Kept in memory.
  }
}

/** Tie a group of radio buttons to a preference; onChange(value) is called for a new choice. */
export function bindChoice(name, fallback, onChange = () => {}) {
  const radios = document.querySelectorAll(`input[type="radio"][name="${name}"]`);
  for (const radio of radios) {
    radio.checked = radio.value === preference(name, fallback);
    radio.addEventListener("change", () => {
      setPreference(name, radio.value);
      onChange(radio.value);
    });
  }
}

/** The colours menu, on every page. theme.js applied the choice before the first paint. */
export function bindTheme() {
  bindChoice("theme", "system", (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  });
}
