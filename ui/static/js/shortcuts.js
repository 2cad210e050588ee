// Single keys: j and k walk through the posts, n goes to where one writes, / to the search, ? shows the help.
//
// The settings switch them off (data-shortcuts on the body): screen readers and dictation use the same keys.
// They never act while one types, with a modifier held, or while a dialog is open.

const isTyping = (element) =>
  element.isContentEditable || element.matches("input, textarea, select, [role=textbox], [contenteditable]");

function step(by) {
  const items = [...document.querySelectorAll("[data-item]")];
  if (items.length === 0) return;
  const here = items.indexOf(document.activeElement?.closest("[data-item]"));
  const first = items.findIndex((item) => item.getBoundingClientRect().bottom > 80);
  const next = here < 0 ? Math.max(first, 0) : Math.min(Math.max(here + by, 0), items.length - 1);
  items[next].focus({ preventScroll: true });
  items[next].scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("[data-search-field]");
  if (field) field.focus();
  else if (document.body.dataset.search) location.assign(document.body.dataset.search);
}

const ACTS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => document.getElementById("say")?.focus(),
  "/": search,
  "?": () => document.getElementById("shortcut-help")?.showModal(),
};

export function startShortcuts() {
  document.addEventListener("keydown", (event) => {
    if (document.body.dataset.shortcuts !== "on" || event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog:modal") || !Object.hasOwn(ACTS, event.key)) return;
    event.preventDefault();
    ACTS[event.key]();
  });
  // Escape closes an open menu and gives the focus back to what opened it.
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open], details.spaces-menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", ({ target }) => {
    for (const menu of document.querySelectorAll("details.menu[open], details.spaces-menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
}
