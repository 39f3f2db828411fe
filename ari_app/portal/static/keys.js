// Shortcuts of one key; not while one writes, and not where they are switched off (WCAG 2.2, 2.1.4).
import { $, $$, stored } from "./page.js";
import { active, open, other, shut } from "./panes.js";
import { go } from "./list.js";

const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");

function step(by) {
  const links = $$("#rows .row-link");
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const open = at < 0 ? links.findIndex((link) => link.closest(".is-open")) : at;
  links[Math.min(Math.max(open + by, 0), links.length - 1)].focus();
}

function drop(name, field) {
  const details = active() && $(`[data-drop="${name}"]`, active());
  if (!details) return;
  details.open = true;
  $(field, details)?.focus();
}

const press = (name) => active() && $(`[data-key="${name}"]`, active())?.requestSubmit();

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  b: () => { const row = document.activeElement.closest(".row"); if (row) open(row.dataset.thread, { beside: true }); },
  "[": () => other(-1),
  "]": () => other(1),
  x: () => active() && shut(active()),
  r: () => active() && $("[data-reply] textarea", active())?.focus(),
  t: () => drop("canned", "[data-canned]"),
  e: () => press("done"),
  c: () => press("call"),
  a: () => press("keep"),
  i: () => press("ignore"),
  d: () => $("#ringing > *") && import("./ringing.js").then((calls) => calls.decline()),
  z: () => drop("snooze", "button"),
  n: () => drop("more", "textarea"),
  "/": () => $("#q")?.focus(),
  "+": () => { location.href = "/new"; },
  "?": () => $("#keys").showModal(),
};
["to_answer", "trouble", "snoozed", "all", "done"].forEach((box, at) => { KEYS[at + 1] = () => $("#side") && go(`/?box=${box}`); });

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const details = event.target.closest("details[open]");
      if (details) { details.open = false; $("summary", details).focus(); } else if (typing(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
    if (stored.get("textback-keys") === "0") return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  $("#show-keys")?.addEventListener("click", () => { $("#menu").open = false; $("#keys").showModal(); });
}
