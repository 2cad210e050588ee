// Keeps open pages in step with the node through one event stream per browser, not per tab: a browser holds only six
// connections to one address, and six tabs with a stream each would leave none for pages.
//
// The tabs elect one by a lock (Web Locks); it holds the stream and passes every event on (BroadcastChannel). When it
// closes, the lock falls to the next tab, which asks for what came since the last event.
//
// An event's data is JSON with a place (data-live-place; "*" is every place) and a kind:
//   new, changed, gone   the post with this id; a new one may say which pending post it was
//   past                 a post that was brought from elsewhere: it goes where its date puts it, and is no news
//   many                 so many posts ("count") came at once that they are only counted
//   part                 something beside the posts: who is near, who is a member
//   missed               too much happened since this browser last heard
// A tab that shows the place fetches the post as HTML from data-live-fragment, where {id} stands for the id. For the
// last two it fetches its own page and takes from it the parts marked data-live-part, and the posts it lacks.
//
// Nothing that one is reading is moved: where the page was scrolled or a post has the focus, new posts above it wait
// behind a bar that says how many there are.

const LOCK = "commons-live";
const CHANNEL = "commons-live";
const MANY = 30;
const RETRY_MS = 3000;
const PAUSE_MS = 300;

let lastId = "";
const waiting = new Map(); // place → {ids, more}: what arrived and is not shown yet, by id or only counted

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
  // What came between the page's making and the stream's opening was told to nobody: the page is looked at once more.
  if (news.kind === "open" && document.querySelector("[data-live-place], [data-live-part]")) again("open");
  if (news.kind === "open" || news.kind === "trouble") return trouble(news.kind === "trouble");
  if (news.kind === "part" || news.kind === "missed") return again(news.kind);
  const places = news.place === "*" ? "[data-live-place]" : `[data-live-place="${CSS.escape(news.place)}"]`;
  for (const place of document.querySelectorAll(places)) arrive(place, news);
}

function arrive(place, { kind, id, was, count }) {
  const shown = document.getElementById(`post-${id}`) ?? (was && document.getElementById(`post-${was}`));
  if (kind === "many") wait(place, null, count);
  else if (kind === "gone") shown?.remove();
  else if (shown) exchange(place, id, shown);
  else if (isClosed(place)) return;
  else if (isNews(kind) && isInPlace(place, true)) show(place, [id]);
  else if (kind === "new") wait(place, id);
}

// One page of a long thread that goes on: what arrives stands on a later one.
const isClosed = (place) => place.dataset.liveOrder === "closed";
const isNews = (kind) => kind === "new" || kind === "past";

// Whether a post may come in where it belongs, and need not wait behind the bar.
const isInPlace = (place, mayShow) =>
  place.dataset.liveOrder === "oldest-first" || (mayShow && (document.hidden || nobodyReads(place)));

// At the top of a page that one has not begun to walk through, a new post may come in where it belongs.
const nobodyReads = (place) =>
  scrollY < 40 && place.querySelector("[data-live-bar]")?.hidden && !place.contains(document.activeElement) && !place.querySelector("details[open]");

// Several events often come together: the page is fetched once for all of them.
let due = 0;
// Why: parts were told of; a post should be signed by now; the stream opened, and something may have come in a moment
// before; much may be missed, which then waits behind the bar.
const WHY = ["part", "signed", "open", "missed"];
let lacking = "part";
const note = (why) => void (lacking = WHY.indexOf(why) > WHY.indexOf(lacking) ? why : lacking);
function again(why) {
  note(why);
  clearTimeout(due);
  due = setTimeout(async () => {
    const [asked, pending] = [lacking, [...document.querySelectorAll('[id^="post-pending-"]')]];
    lacking = "part";
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Live": "part" } }).catch(() => null);
    if (!answer?.ok) return note(asked);
    // A page that only waits goes on to where the node now sends it.
    if (answer.redirected && document.querySelector("[data-live-leave]")) return location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const fresh of page.querySelectorAll("[data-live-part][id]")) swap(document.getElementById(fresh.id), fresh);
    const signed = pending.filter((post) => !page.getElementById(post.id));
    if (asked === "open" || asked === "missed" || (asked === "signed" && signed.length)) compare(page, asked, signed);
  }, PAUSE_MS);
}

// `signed` are shown posts that waited for the end of their undo time, and wait no longer: they are there by their ids.
function compare(page, asked, signed) {
  for (const post of signed) post.remove();
  for (const place of document.querySelectorAll("[data-live-place]")) {
    const there = page.querySelector(`[data-live-place="${CSS.escape(place.dataset.livePlace)}"]`);
    for (const fresh of there?.querySelectorAll("[data-item]") ?? []) {
      const shown = document.getElementById(fresh.id);
      if (shown) swap(shown, fresh);
      else if (isClosed(place)) continue;
      else if (signed.length || isInPlace(place, asked !== "missed") || "past" in fresh.dataset) show(place, [fresh.id.replace("post-", "")]);
      else wait(place, fresh.id.replace("post-", ""));
    }
  }
}

// What one is busy with stays: an open menu, a half-typed answer, the focus.
const isBusy = (shown) =>
  shown.querySelector("details[open]") || (shown.contains(document.activeElement) && document.activeElement !== shown);

function swap(shown, fresh) {
  if (!shown || isBusy(shown)) return;
  const hadFocus = document.activeElement === shown;
  shown.replaceWith(fresh);
  if (hadFocus) fresh.focus({ preventScroll: true });
  settle(fresh);
}

async function part(place, id) {
  const address = place.dataset.liveFragment.replace("{id}", encodeURIComponent(id));
  const answer = await fetch(address, { headers: { Accept: "text/html", "X-Live": "part" } });
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
}

// A reply comes in a wrapper that says how deep it stands; what is exchanged is the post itself.
const cardOf = (fresh) => (fresh.matches("[data-item]") ? fresh : fresh.querySelector("[data-item]"));

async function exchange(place, id, shown) {
  const fresh = await part(place, id);
  if (fresh) swap(shown, cardOf(fresh));
}

async function show(place, ids) {
  const parts = await Promise.all(ids.map((id) => part(place, id)));
  for (const fresh of parts) {
    if (!fresh || document.getElementById(cardOf(fresh).id)) continue;
    if (place.dataset.liveOrder === "oldest-first") place.append(fresh);
    else if (!putByDate(place, fresh)) continue;
    settle(fresh);
  }
}

// A post stands before the first that is older. What is older than all that is shown belongs to another page; if it
// is news it is shown all the same, at the head.
function putByDate(place, fresh) {
  const dated = Number(fresh.dataset.dated);
  const shown = [...place.querySelectorAll(":scope > [data-item]")];
  const next = shown.find((other) => Number(other.dataset.dated) <= dated);
  if (next && next !== shown[0]) next.before(fresh);
  else if (!next && shown.length && !("liveMore" in place.dataset)) place.append(fresh);
  else if (next || !shown.length || !("past" in fresh.dataset)) place.querySelector("[data-live-bar]").after(fresh);
  else return false;
  return true;
}

function settle(fresh) {
  globalThis.htmx?.process(fresh);
  document.dispatchEvent(new CustomEvent("commons:shown"));
}

function wait(place, id, count = 0) {
  const held = waiting.get(place) ?? { ids: new Set(), more: 0 };
  if (id) held.ids.add(id);
  held.more += count;
  waiting.set(place, held);
  const bar = place.querySelector("[data-live-bar]");
  if (!bar) return;
  const button = bar.querySelector("[data-live-show]");
  button.textContent = counted(held.ids.size + held.more);
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
  const { ids, more } = waiting.get(place) ?? { ids: new Set(), more: 0 };
  waiting.delete(place);
  button.closest("[data-live-bar]").hidden = true;
  if (more > 0 || ids.size > MANY) return location.reload();
  await show(place, [...ids]);
  place.querySelector("[data-item]")?.focus();
}

export function startLive() {
  const url = document.body.dataset.live;
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-live-show]");
    if (button) open(button);
  });
  if (!url || !globalThis.EventSource) return;
  // That a post was signed may have been told before the page that shows it as waiting was there.
  document.addEventListener("commons:undo-over", () => again("signed"));
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
