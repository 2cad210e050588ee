// Copies a link with one press. Without this the link can be marked and copied as any other words.

const BACK_MS = 4000;

async function copy(button, box) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(box.textContent.trim());
  } catch {
    getSelection().selectAllChildren(box); // the browser does not let us: then it is marked, ready to be copied
    return;
  }
  button.textContent = button.dataset.wordsDone;
  button.setAttribute("aria-live", "polite");
  setTimeout(() => (button.textContent = words), BACK_MS);
}

export function startCopying() {
  if (!navigator.clipboard) return;
  for (const row of document.querySelectorAll("[data-copy-row]")) {
    row.hidden = false;
    const button = row.querySelector("[data-copy]");
    button.addEventListener("click", () => copy(button, row.previousElementSibling));
  }
}
