// Calls that ring: drawn by the server, counted and marked here. Loaded when the first one rings.
import { $, $$, announce, ask, body, show, since, toast, say } from "./page.js";

const box = $("#ringing");
const told = new Set();
const SETTLE = 700;  // milliseconds
let ticks = 0;

// A key declines the call of one's own phone, else the only one that rings: never one of several others.
export function decline() {
  const forms = $$("form", box), mine = $(".is-mine form", box) || (forms.length === 1 && forms[0]);
  if (mine) mine.requestSubmit();
}

function count() {
  for (const each of $$("time[data-rings]", box)) {
    const seconds = Math.max(Math.floor(since(each.dateTime) / 1000), 0);
    each.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

export function marked() {
  const list = $(".ringing", box);
  for (const each of $$(".ring", box)) {
    const mine = Boolean(body.dataset.phone) && each.dataset.extensions.split(" ").includes(body.dataset.phone);
    each.classList.toggle("is-mine", mine);
    $(".ring-mine", each).hidden = !mine;
    if (mine && each.previousElementSibling) list.prepend(each);
    if (!told.has(each.dataset.call)) { told.add(each.dataset.call); announce(each.dataset.said); }
  }
  count();
  clearInterval(ticks);
  if (list) ticks = setInterval(count, 1000);
}

// What comes or moves under a pointer or a finger on its way to something else is not what was meant: it may be pressed a moment later.
function settle(before) {
  $$(".ring", box).forEach((each, at) => {
    if (before[at] === each.dataset.call) return;
    each.dataset.moved = "";
    setTimeout(() => delete each.dataset.moved, SETTLE);
  });
}

export function changed(data) {
  const before = $$(".ring", box).map((each) => ("moved" in each.dataset ? "" : each.dataset.call));
  const focused = box.contains(document.activeElement) && document.activeElement.closest(".ring")?.dataset.call;
  box.innerHTML = data.html;
  marked();
  settle(before);
  if (focused) ($$(".ring", box).find((each) => each.dataset.call === focused)?.querySelector("button") || $("#main")).focus();
}

// Something may have been missed: as it is now.
export async function reload() {
  const answer = await ask("/ringing", { background: true });
  if (answer.ok) changed(await answer.json());
}

box.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.busy || form.closest("[data-moved]")) return;
  form.dataset.busy = "1";
  try {
    const answer = await ask(form.action, { fields: new FormData(form) });
    if (!answer.ok) { show(await answer.text()); return; }
    const done = await answer.json();
    toast(done.said, [`/thread/${done.thread}`, say("ring.open")]);
    const said = $("#toasts").firstElementChild;
    setTimeout(() => said.remove(), 8000);
  } finally {
    delete form.dataset.busy;
  }
});
