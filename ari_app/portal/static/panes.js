// Open threads: several beside each other, kept up to date without touching what is being written.
import { $, $$, ask, me, parsed, show, stored, wide } from "./page.js";
import { marked } from "./list.js";

const MOST = 3;
const panes = () => $$("#panes > .pane");
export const openThreads = () => panes().map((pane) => pane.dataset.thread);
const pane = (thread) => $(`#panes > .pane[data-thread="${thread}"]`);
let last = null;
export const active = () => (last?.isConnected ? last : panes()[0] || null);
const key = (thread) => `draft-${me}-${thread}`;

function address(threads) {
  const [first, ...rest] = threads;
  return first ? `/thread/${first}${rest.length ? `?${rest.map((each) => `beside=${each}`).join("&")}` : ""}` : "/";
}

function arranged(push) {
  const threads = openThreads();
  $("#panes > .nothing").hidden = threads.length > 0;
  document.body.classList.toggle("has-panes", threads.length > 0);
  if (push && location.pathname + location.search !== address(threads)) history.pushState(null, "", address(threads));
  marked();
}

const atEnd = (line) => line.scrollHeight - line.scrollTop - line.clientHeight < 60;

function begun(box) {
  const line = $(".line", box), text = $("[data-reply] textarea", box);
  line.scrollTop = line.scrollHeight;
  for (const each of $$("[data-at]", box)) each.hidden = false;
  if (text) {
    text.value ||= stored.get(key(box.dataset.thread), sessionStorage) || "";
    if (text.value) cost(text);
  }
}

// Opens a thread in place of the one last used, or beside it.
export async function open(thread, { beside = false } = {}) {
  const there = pane(thread);
  if (there) { last = there; there.focus(); return; }
  const answer = await ask(`/thread/${thread}`);
  const html = await answer.text();
  if (!answer.ok) { show(html); return; }
  const fresh = parsed(html).querySelector(".pane");
  const all = panes(), instead = all.length >= MOST || (!beside && all.length) ? (beside ? all.at(-1) : active()) : null;
  if (instead) instead.replaceWith(fresh); else $("#panes > .nothing").before(fresh);
  last = fresh;
  begun(fresh);
  arranged(true);
  fresh.focus();
}

export function shut(box) {
  const all = panes(), at = all.indexOf(box);
  box.remove();
  last = all[at + 1] || all[at - 1] || null;
  arranged(true);
  (last || $(`#row-${box.dataset.thread} .row-link`) || $("#q"))?.focus();
}

export function other(step) {
  const all = panes();
  if (!all.length) return;
  last = all[(all.indexOf(active()) + step + all.length) % all.length];
  last.focus();
}

function merge(line, fresh) {
  const end = atEnd(line);
  let after = null;
  for (const node of [...fresh.children]) {
    if (!node.id) continue;
    const old = [...line.children].find((each) => each.id === node.id);
    if (!old) { if (after) after.after(node); else line.append(node); after = node; continue; }
    if (old.outerHTML !== node.outerHTML && $("audio", old)?.paused !== false) { old.replaceWith(node); after = node; } else after = old;
  }
  if (end) line.scrollTop = line.scrollHeight;
}

const busy = new Map();

// Brings an open thread up to date; what comes while it is being asked for is asked for once more.
export async function refresh(thread) {
  const box = pane(thread);
  if (!box) return;
  if (busy.has(thread)) { busy.set(thread, true); return; }
  busy.set(thread, false);
  try {
    const answer = await ask(`/thread/${thread}`, { background: true });
    if (answer.status === 404) stored.set(key(thread), null, sessionStorage);
    if (!box.isConnected) return;
    if (answer.status === 404) {  // erased
      const at = document.activeElement;
      shut(box);
      if (at?.isConnected) at.focus();
    }
    if (!answer.ok) return;
    const fresh = parsed(await answer.text()).firstElementChild;
    for (const each of $$("[data-at]", fresh)) each.hidden = false;
    const inside = box.contains(document.activeElement);
    for (const name of ["head", "acts", "notice", "snooze", "later"]) {
      const old = $(`[data-part="${name}"]`, box), now = $(`[data-part="${name}"]`, fresh);
      if (!old || old.innerHTML.trim() === now.innerHTML.trim()) continue;
      const focused = $$("button", old).indexOf(document.activeElement);
      old.innerHTML = now.innerHTML;
      $$("button", old)[focused]?.focus();
    }
    merge($(".line", box), $('[data-part="line"]', fresh));
    if (inside && !box.contains(document.activeElement)) box.focus();  // what was focused is gone: the keys still mean this thread
    // with a draft begun, what came since is told before it is sent: another may have answered
    const form = $("[data-reply]", box);
    if (form && !form.elements.text.value.trim()) form.elements.seen.value = fresh.dataset.seen;
  } finally {
    const again = busy.get(thread);
    busy.delete(thread);
    if (again) refresh(thread);
  }
}

async function older(link) {
  const line = link.closest(".line"), box = link.closest(".pane");
  const answer = await ask(`/thread/${box.dataset.thread}?before=${encodeURIComponent(link.dataset.older)}`);
  if (!answer.ok) return;
  const from = line.scrollHeight - line.scrollTop;
  link.closest(".older").remove();
  const fresh = parsed(await answer.text());
  for (const day of $$(".day", fresh)) document.getElementById(day.id)?.remove();
  line.prepend(fresh);
  line.scrollTop = line.scrollHeight - from;
  line.focus();
}

// -- writing

let counting = 0;
function cost(text) {
  const box = $("[data-cost]", text.form);
  clearTimeout(counting);
  if (!text.value.trim()) { box.replaceChildren(); return; }
  counting = setTimeout(async () => {
    const answer = await ask("/segments", { fields: { text: text.value } });
    if (!answer.ok || !text.value.trim()) return;
    const found = await answer.json(), warning = document.createElement("b");
    warning.textContent = found.warning;
    box.replaceChildren(found.said, ...(found.warning ? [warning] : []));
  }, 150);
}

const claimed = new Map();
const HOLD = 120000;  // a claim lasts five minutes: said again while one writes on

async function claim(thread) {
  if (Date.now() - (claimed.get(thread) || 0) < HOLD) return;
  claimed.set(thread, Date.now());
  await ask(`/thread/${thread}/claim`, { fields: {} });
  refresh(thread);  // it is ours, or the pane says whose it is
}

async function free(thread) {
  if (!claimed.delete(thread)) return;
  await ask(`/thread/${thread}/let-go`, { fields: {} });
  refresh(thread);
}

function insert(text, words) {
  const at = text.selectionStart;
  text.setRangeText((at && text.value[at - 1] !== "\n" ? " " : "") + words, at, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}

export function written(thread, nonce, kind) {
  const box = pane(thread);
  if (!box) return;
  const form = kind === "reply" ? $("[data-reply]", box) : $(`form[action$="/${kind}"]`, box);
  if (!form) return;
  form.elements.text.value = "";
  form.elements.nonce.value = nonce;
  if (kind === "reply") {
    stored.set(key(thread), null, sessionStorage);
    claimed.set(thread, Date.now());  // whoever answers holds it
    $("[data-cost]", form).replaceChildren();
    const line = $(".line", box);
    line.scrollTop = line.scrollHeight;
  }
}

export function start() {
  for (const text of $$("[data-compose] textarea")) text.addEventListener("input", () => cost(text));
  const all = $("#panes");
  if (!all) return;
  panes().forEach(begun);
  arranged(false);
  // hours offered when the thread was opened are past by and by
  all.addEventListener("toggle", async (event) => {
    const drop = event.target;
    if (!drop.open || !["snooze", "later"].includes(drop.dataset.drop)) return;
    await refresh(drop.closest(".pane").dataset.thread);
    const at = $('[data-drop="later"] [name="at"]', drop.closest(".pane")), offered = $$("[data-at]", drop.closest(".pane")).at(-1);
    if (at && offered && at.value === at.defaultValue) at.value = at.defaultValue = offered.dataset.at;
  }, true);
  all.addEventListener("focusin", (event) => { last = event.target.closest(".pane") || last; });
  all.addEventListener("input", (event) => {
    const text = event.target;
    if (!text.matches("[data-reply] textarea")) return;
    const { thread } = text.closest(".pane").dataset;
    stored.set(key(thread), text.value || null, sessionStorage);
    cost(text);
    if (text.value.trim()) claim(thread).catch(() => claimed.delete(thread));
  });
  all.addEventListener("focusout", (event) => {
    const text = event.target;
    if (text.matches("[data-reply] textarea") && !text.value.trim()) free(text.closest(".pane").dataset.thread).catch(() => {});
  });
  all.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("[data-reply] textarea")) return;
    event.preventDefault();
    event.target.form.requestSubmit($(".reply-bar > .strong", event.target.form));
  });
  all.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-shut], a[data-older]");
    if (link?.dataset.older) { event.preventDefault(); await older(link); return; }
    if (link && wide()) { event.preventDefault(); shut(link.closest(".pane")); return; }
    const ready = event.target.closest("[data-canned]"), at = event.target.closest("[data-at]");
    if (ready) {
      event.preventDefault();
      const form = ready.form;
      const answer = await ask(ready.formAction, { fields: { canned: ready.value } });
      ready.closest("details").open = false;
      if (answer.ok) insert(form.elements.text, (await answer.json()).text); else show(await answer.text());
    }
    if (at) { at.form.elements.at.value = at.dataset.at; at.form.elements.later.focus(); }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".row-link, .row-beside");
    if (!link || event.ctrlKey || event.metaKey || !wide()) return;
    event.preventDefault();
    open(link.closest(".row").dataset.thread, { beside: event.shiftKey || link.matches(".row-beside") });
  });
  addEventListener("popstate", () => location.reload());
}
