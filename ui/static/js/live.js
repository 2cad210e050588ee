// Keeps open pages in step with the node through one event stream per browser, not per tab: a browser holds only six
// connections to one address, and six tabs with a stream each would leave none for pages.
//
// The tabs elect one by a lock (Web Locks); it holds the stream and passes every event on (BroadcastChannel). When it
// closes, the lock falls to the next tab, which asks for what came since the last event.
//
// An event's data is JSON: {"place": "…", "kind": "new" | "changed" | "gone", "id": "…"}. A tab that shows the place
// (data-live-place) fetches the part as HTML from data-live-fragment, where {id} stands for the id, and puts it in.
// Nothing that one may be reading is moved: new posts above it wait behind a bar that says how many there are.

const LOCK = "commons-live";
const CHANNEL = "commons-live";
const MANY = 30;
const RETRY_MS = 3000;

let lastId = "";
const waiting = new Map(); // place → ids that arrived and are not shown yet

function listen(url, hear) {
  return new Promise(() => {
    let source;
    const open = () => {
      source = new EventSource(lastId ? `${url}?after=${encodeURIComponent(lastId)}` : url);
      source.onopen = () => hear({ kind: "open" });
      source.onmessage = (event) => hear({ ...JSON.parse(event.data), event: event.lastEventId });
      source.onerror = () => {
        hear({ kind: "trouble" });
        // A stream that the server ended for good does not try again by itself.
        if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
      };
    };
    open();
  });
}

function trouble(on) {
  const box = document.getElementById("live-trouble");
  if (!box || box.hidden === !on) return;
  box.textContent = on ? box.dataset.words : "";
  box.hidden = !on;
}

function handle(news) {
  if (news.event) lastId = news.event;
  if (news.kind === "open" || news.kind === "trouble") return trouble(news.kind === "trouble");
  for (const place of document.querySelectorAll(`[data-live-place="${CSS.escape(news.place)}"]`)) arrive(place, news);
}

function arrive(place, { kind, id }) {
  const shown = document.getElementById(`post-${id}`);
  if (kind === "gone") shown?.remove();
  else if (shown) exchange(place, id, shown);
  else if (kind === "new" && (place.dataset.liveOrder === "oldest-first" || document.hidden)) show(place, [id]);
  else if (kind === "new") wait(place, id);
}

async function part(place, id) {
  const answer = await fetch(place.dataset.liveFragment.replace("{id}", encodeURIComponent(id)), { headers: { Accept: "text/html" } });
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
}

// A reply comes in a wrapper that says how deep it stands; what is exchanged is the post itself.
const cardOf = (fresh) => (fresh.matches("[data-item]") ? fresh : fresh.querySelector("[data-item]"));

async function exchange(place, id, shown) {
  const fresh = await part(place, id);
  // What one is busy with stays: an open menu, a half-typed answer, the focus.
  if (!fresh || shown.contains(document.activeElement) && document.activeElement !== shown || shown.querySelector("details[open]")) return;
  const hadFocus = document.activeElement === shown;
  const card = cardOf(fresh);
  shown.replaceWith(card);
  if (hadFocus) card.focus({ preventScroll: true });
  settle(card);
}

async function show(place, ids) {
  const parts = await Promise.all(ids.map((id) => part(place, id)));
  for (const fresh of parts) {
    if (!fresh || document.getElementById(cardOf(fresh).id)) continue;
    if (place.dataset.liveOrder === "oldest-first") place.append(fresh);
    else place.querySelector("[data-live-bar]").after(fresh);
    settle(fresh);
  }
}

function settle(fresh) {
  globalThis.htmx?.process(fresh);
  document.dispatchEvent(new CustomEvent("commons:shown"));
}

function wait(place, id) {
  const ids = waiting.get(place) ?? new Set();
  ids.add(id);
  waiting.set(place, ids);
  const bar = place.querySelector("[data-live-bar]");
  const button = bar.querySelector("[data-live-show]");
  button.textContent = counted(ids.size);
  bar.hidden = false;
  say(button.textContent);
}

function counted(n) {
  const language = document.documentElement.lang;
  const forms = JSON.parse(document.getElementById("live-words").dataset.forms);
  const form = forms[new Intl.PluralRules(language).select(n)] ?? forms.other;
  return form.replace("{n}", new Intl.NumberFormat(language).format(n));
}

// A screen reader hears of new posts at most every few seconds, not of each.
let saying = 0;
function say(words) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    const voice = document.getElementById("said");
    if (voice) voice.textContent = words;
  }, 2000);
}

async function open(button) {
  const place = button.closest("[data-live-place]");
  const ids = [...(waiting.get(place) ?? [])];
  waiting.delete(place);
  button.closest("[data-live-bar]").hidden = true;
  if (ids.length > MANY) return location.reload();
  await show(place, ids);
  place.querySelector("[data-item]")?.focus();
}

export function startLive() {
  const url = document.body.dataset.live;
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-live-show]");
    if (button) open(button);
  });
  if (!url || !globalThis.EventSource) return;
  if (!navigator.locks || !globalThis.BroadcastChannel) return void listen(url, handle);
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => handle(data);
  navigator.locks.request(LOCK, () =>
    listen(url, (news) => {
      handle(news);
      channel.postMessage(news);
    }),
  );
}
