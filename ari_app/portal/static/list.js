// The list on the left: rows that come and go by themselves, the parts of the inbox, search as one types.
import { $, $$, announce, ages, ask, parsed, say, me } from "./page.js";
import { openThreads } from "./panes.js";

const MOST = 80;
const base = document.title;
let searching = null;

export function badge(waiting) {
  document.title = waiting ? `(${waiting}) ${document.title.replace(/^\(\d+\) /, "")}` : document.title.replace(/^\(\d+\) /, "");
  const icon = $("#icon");
  icon.dataset.calm ||= icon.href;
  icon.href = waiting ? icon.dataset.waiting : icon.dataset.calm;
}

export function counts(found) {
  for (const each of $$("[data-count]")) {
    const n = found[each.dataset.count];
    each.textContent = n;
    each.hidden = !n;
  }
  badge(found.to_answer);
}

export function marked() {
  const open = openThreads();
  for (const row of $$("#rows .row")) {
    const is = open.includes(row.dataset.thread);
    row.classList.toggle("is-open", is);
    const link = $(".row-link", row);
    if (is) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    const holder = $(".tag-holder", row);
    if (holder && row.dataset.holder === me) holder.lastChild.textContent = say("row.holder.you");
  }
}

function place(rows, fresh) {
  const order = fresh.dataset.order;
  const next = $$(".row", rows).find((row) => row !== fresh && row.dataset.order < order);
  if (next) next.before(fresh); else rows.append(fresh);
}

export function changed({ rows: found, counts: numbers }) {
  const list = $("#list"), rows = $("#rows");
  if (numbers) counts(numbers);
  if (!list || !rows) return;
  const { box, offset } = list.dataset;
  for (const each of found) {
    const old = document.getElementById(`row-${each.thread}`);
    if (box && !each.boxes.includes(box)) {
      const next = old?.contains(document.activeElement) && (old.nextElementSibling || old.previousElementSibling);
      old?.remove();
      if (next) $(".row-link", next).focus();
      continue;
    }
    if (!old && (!box || offset !== "0")) continue;
    const fresh = parsed(each.html).firstElementChild;
    const focused = old?.contains(document.activeElement);
    const moved = old?.dataset.order !== fresh.dataset.order;
    if (old && !moved) old.replaceWith(fresh);
    else if (box) { old?.remove(); place(rows, fresh); } else old.replaceWith(fresh);
    if (focused) $(".row-link", fresh).focus({ preventScroll: true });
    if (each.news && moved) {
      fresh.classList.add("is-fresh");
      announce(`${say(`notify.${each.news}`)}: ${$(".row-who", fresh).textContent}`);
    }
  }
  while (rows.children.length > MOST) rows.lastElementChild.remove();
  const empty = $("#empty");
  if (empty) empty.hidden = rows.children.length > 0;
  marked();
  ages();
}

let asked = 0;
async function put(asking) {
  const mine = ++asked;
  const answer = await asking;
  if (!answer.ok) return;
  const html = await answer.text();
  if (mine !== asked) return;  // something else was asked for since
  $("#side").innerHTML = html;
  marked();
  const n = $('[data-count="to_answer"]');
  badge(n && !n.hidden ? Number(n.textContent) : 0);
}

// Loads the list as it is now, where it is looked at.
export async function reload() {
  if (!$("#side")) return;
  const words = $("#q").value.trim();
  if (words) { await search(words, true); return; }
  const { box, offset } = $("#list").dataset;
  await put(ask(`/?box=${box || "to_answer"}&offset=${offset || 0}`, { background: true }));
}

export async function go(address) {
  $("#q").value = "";
  searching?.abort();
  await put(ask(address));
  if (openThreads().length === 0) history.replaceState(null, "", address);
}

async function search(words, background = false) {
  searching?.abort();
  searching = new AbortController();
  try {
    await put(ask("/search", { fields: { q: words }, background, signal: searching.signal }));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

export function start() {
  const side = $("#side"), field = $("#q");
  if (!side) return;
  let soon = 0;
  document.title = base;
  const n = $('[data-count="to_answer"]');
  badge(n && !n.hidden ? Number(n.textContent) : 0);
  field.addEventListener("input", () => {
    clearTimeout(soon);
    const words = field.value.trim();
    if (!words) searching?.abort();
    soon = setTimeout(() => (words ? search(words) : go("/")), 150);
  });
  $("#search").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(soon);
    if (field.value.trim()) search(field.value.trim()).then(() => $("#rows .row-link")?.focus());
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    $("#rows .row-link")?.focus();
  });
  side.addEventListener("click", (event) => {
    const link = event.target.closest("a.tab, a[data-list], a[data-end-search]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href")).then(() => $(`.tab[data-box="${link.dataset.box}"]`)?.focus());
  });
  marked();
}
