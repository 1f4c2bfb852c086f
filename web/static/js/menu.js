// Menus that drop from a button are <details>, so that they open without this script. With it, Esc, a choice and a click
// elsewhere close them.

const menus = [...document.querySelectorAll("details.drop")];

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && menus.find((menu) => menu.open);
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
  event.preventDefault(); // this Esc is spent
}, { capture: true });

document.addEventListener("click", ({ target }) => {
  for (const menu of menus) if (!menu.contains(target) || target.closest(".menu a")) menu.open = false;
});
