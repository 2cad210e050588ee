// Keeps what is half written, for each place by itself, in this browser's storage on this device.
//
// A field names its place with data-draft. Its words are kept while one types and put back when the page is opened
// again, also after the tab was closed. The server marks the field with data-draft-done on the one answer that says
// that the words were shared; only then are they forgotten. A refused form comes back with its words and stays kept.

const PREFIX = "commons-draft:";
const PAUSE_MS = 250;
const LIFE_MS = 90 * 24 * 3600 * 1000;

const keyOf = (field) => PREFIX + field.dataset.draft;

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function keep(field) {
  try {
    if (field.value.trim() === "" || field.value === field.defaultValue) localStorage.removeItem(keyOf(field));
    else localStorage.setItem(keyOf(field), JSON.stringify({ text: field.value, at: Date.now() }));
    tell(field);
  } catch {
    // Storage may be full or forbidden: the words are still in the field.
  }
}

function tell(field) {
  const note = field.form?.querySelector("[data-draft-note]");
  if (!note) return;
  note.dataset.plain ??= note.textContent;
  note.textContent = read(keyOf(field)) ? note.dataset.words : note.dataset.plain;
}

function forget(field) {
  field.removeAttribute("data-draft-done");
  localStorage.removeItem(keyOf(field));
  field.value = field.defaultValue;
  tell(field);
}

// Words that came back from an undone post stand in the field already; what was typed meanwhile comes below them.
function join(field) {
  const draft = field.value === field.defaultValue ? (read(keyOf(field))?.text ?? "") : field.value;
  field.removeAttribute("data-draft-returned");
  if (draft.trim() === "" || field.defaultValue.includes(draft)) field.value = field.defaultValue;
  else field.value = `${field.defaultValue}\n\n${draft}`;
  keep(field);
}

function restore(field) {
  const draft = read(keyOf(field));
  if (draft && field.value === field.defaultValue) field.value = draft.text;
  tell(field);
}

function visit(root) {
  for (const field of root.querySelectorAll("[data-draft]")) {
    if (field.hasAttribute("data-draft-done")) forget(field);
    else if (field.hasAttribute("data-draft-returned")) join(field);
    else restore(field);
  }
}

// Drafts of pages that nobody opened for a season are let go, so that storage does not fill for ever.
function sweep() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(PREFIX) && !((read(key)?.at ?? 0) > Date.now() - LIFE_MS)) localStorage.removeItem(key);
  }
}

export function startDrafts() {
  const timers = new WeakMap();
  document.addEventListener("input", ({ target }) => {
    if (!target.matches?.("[data-draft]")) return;
    clearTimeout(timers.get(target));
    timers.set(target, setTimeout(() => keep(target), PAUSE_MS));
  });
  // A tab that is closed within the pause loses nothing.
  addEventListener("pagehide", () => {
    for (const field of document.querySelectorAll("[data-draft]")) {
      if (field.value !== field.defaultValue && !field.form?.dataset.sent) keep(field);
    }
  });
  // The answer to a form may swap the page: what stands half-typed in another field is kept first.
  document.addEventListener("submit", ({ target }) => {
    for (const field of document.querySelectorAll("[data-draft]")) {
      if (field.value !== field.defaultValue) keep(field);
    }
    target.dataset.sent = "yes";
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    visit(document);
  });
  try {
    sweep();
    visit(document);
  } catch {
    // Without storage there are no drafts, and everything else goes on.
  }
}
