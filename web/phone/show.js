// What both pages show: a pill in words and state, and a level.

const FLOOR_DB = -60;

export function showPill(pill, state, words) {
  pill.dataset.state = state;
  const slot = pill.querySelector('[data-slot="words"]');
  if (slot.textContent !== words) slot.textContent = words;
}

/** level: 0 to 1, shown on a scale of loudness. */
export function showLevel(meter, level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-6));
  const percent = Math.round(Math.max(0, 1 - decibels / FLOOR_DB) * 100);
  if (meter.getAttribute("aria-valuenow") === String(percent)) return;
  meter.setAttribute("aria-valuenow", percent);
  meter.firstElementChild.setAttribute("width", `${percent}%`);
}
