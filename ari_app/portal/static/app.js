// Begins everything; forms are sent without leaving the page.
import { $, $$, ages, ask, show, stored, toast } from "./page.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import { listen } from "./live.js";
import * as notify from "./notify.js";
import * as panes from "./panes.js";

async function act(form, button) {
  const fields = new FormData(form, button);
  const [, thread, kind] = form.action.match(/\/thread\/(\d+)\/([\w-]+)$/);
  if (form.matches("[data-reply]") && form.dataset.busy) return;
  form.dataset.busy = "1";
  try {
    const answer = await ask(form.action, { fields });
    if (!answer.ok) { show(await answer.text()); panes.refresh(thread); return; }
    const done = await answer.json();
    $("#dialog").close();
    if (kind === "opt-out") { location.reload(); return; }  // the box for a reply comes or goes
    const drop = form.closest("details[open]") || button?.closest("details[open]");
    if (drop) { drop.open = false; $("summary", drop).focus(); }
    if (kind === "reply" || kind === "note") panes.written(thread, done.nonce, kind);
    toast(done.said);
    panes.refresh(thread);
  } finally {
    delete form.dataset.busy;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-act]")) return;
  event.preventDefault();
  act(event.target, event.submitter).catch(() => {});
});
document.addEventListener("click", async (event) => {
  for (const open of $$("details.menu[open], details.drop[open]")) if (!open.contains(event.target)) open.open = false;
  const link = event.target.closest("a[data-dialog]");
  if (!link) return;
  event.preventDefault();
  show(await (await ask(link.href)).text());
});
document.addEventListener("keydown", (event) => {
  // Enter in the field for an hour means that hour, not the form's first button
  const later = event.key === "Enter" && event.target.matches('[name="at"]') && event.target.form?.querySelector('[name="later"]');
  if (!later) return;
  event.preventDefault();
  later.form.requestSubmit(later);
});
$("#sign-out")?.addEventListener("submit", () => {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("draft-")) stored.set(name, null, sessionStorage);
});

list.start();
panes.start();
notify.start();
keys.start();
$(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
setInterval(ages, 20000);
if ($("#ringing > *")) import("./ringing.js").then((calls) => calls.marked()).catch(() => {});
// a message listened to to its end is heard; what becomes of sound does not bubble
document.addEventListener("ended", (event) => event.target.closest(".voicemail")?.querySelector("form[data-ended]")?.requestSubmit(), true);
listen((name, data, leads) => {
  if (name === "rows") {
    list.changed(data);
    const open = panes.openThreads();
    for (const row of data.rows) if (open.includes(String(row.thread))) panes.refresh(String(row.thread)).catch(() => {});
    if (leads) notify.news(data.rows);
  } else if (name === "overdue") {
    if (leads) notify.overdue(data);
  } else if (name === "stale") {
    list.reload().catch(() => {});
    import("./ringing.js").then((calls) => calls.reload()).catch(() => {});
    for (const thread of panes.openThreads()) panes.refresh(thread).catch(() => {});
  } else if (name === "ringing") import("./ringing.js").then((calls) => calls.changed(data)).catch(() => {});
});
