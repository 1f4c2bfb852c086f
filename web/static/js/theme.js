// Runs before the first paint (a classic script in the head), so that a chosen theme never flashes the other one.
"use strict";
try {
  const theme = localStorage.getItem("sidecar.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's choice stands.
}
