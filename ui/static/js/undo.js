// Counts down the seconds in which a post can still be undone. Without this the button is there all the same, and
// the server says so when it comes too late.

const TICK_MS = 250;

function run(form) {
  const end = performance.now() + Number(form.dataset.undoSeconds) * 1000;
  const bar = form.querySelector("progress");
  const words = form.querySelector("[data-undo-words]");
  delete form.dataset.undoSeconds;
  const tick = () => {
    if (!form.isConnected) return;
    const left = Math.max(0, (end - performance.now()) / 1000);
    bar.value = left;
    words.textContent = words.dataset.undoWords.replace("{n}", new Intl.NumberFormat(document.documentElement.lang).format(Math.ceil(left)));
    if (left > 0) setTimeout(tick, TICK_MS);
    else close(form, words);
  };
  tick();
}

function close(form, words) {
  const hadFocus = form.contains(document.activeElement);
  form.querySelector("button").hidden = true;
  form.querySelector("progress").hidden = true;
  words.textContent = form.dataset.wordsOver;
  form.closest(".post")?.classList.remove("waiting");
  if (hadFocus) form.closest("[data-item]")?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("commons:undo-over"));
}

export function startUndo() {
  const visit = () => document.querySelectorAll("form[data-undo-seconds]").forEach(run);
  document.addEventListener("htmx:after:swap", visit);
  document.addEventListener("commons:shown", visit);
  visit();
}
