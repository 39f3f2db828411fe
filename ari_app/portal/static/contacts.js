// Contacts are found as one types; without this the button does the same.
import { $, ask } from "./page.js";

const form = $("#contacts-form"), found = $("#contacts"), field = $("#words");
let asked = 0, soon = 0;

async function look(button) {
  const mine = ++asked;
  const answer = await ask("/contacts", { fields: new FormData(form, button) });
  const html = await answer.text();
  if (!answer.ok || mine !== asked) return;  // something else was asked for since
  const pressed = button && [button.name, button.value];
  found.innerHTML = html;
  if (pressed) ($(`button[name="${pressed[0]}"][value="${pressed[1]}"]`, found) || field).focus();
  if (pressed?.[0] === "offset") scrollTo(0, 0);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(soon);
  look(event.submitter?.name ? event.submitter : undefined).catch(() => {});
});
field.addEventListener("input", () => {
  clearTimeout(soon);
  soon = setTimeout(() => look().catch(() => {}), 150);
});
