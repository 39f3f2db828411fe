// What every script of the page shares: words, questions to the server, what is said in passing.
export const body = document.body;
export const $ = (what, within = document) => within.querySelector(what);
export const $$ = (what, within = document) => [...within.querySelectorAll(what)];
const words = JSON.parse(body.dataset.words || "{}");
export const say = (key, values = {}) => (words[key] || key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const ahead = Date.now() - Date.parse(body.dataset.now);  // a computer's own clock may be wrong
export const since = (moment) => Date.now() - ahead - Date.parse(moment);  // milliseconds
export const me = body.dataset.me;
export const wide = () => matchMedia("(min-width: 761px)").matches;

export function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

export function toast(text, link) {
  const box = document.createElement("div");
  box.className = "toast";
  box.textContent = text;
  if (link) {
    const anchor = document.createElement("a");
    [anchor.href, anchor.textContent] = link;
    box.append(anchor);
  } else {
    setTimeout(() => box.remove(), 5000);
  }
  $("#toasts").replaceChildren(box);
}

export const announce = (text) => { $("#heard").textContent = text; };

export function ended() {
  toast(say("live.ended"), [`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`, say("in.button")]);
}

// Asks the server; a background question does not make the session last.
export async function ask(url, { fields, background = false, signal } = {}) {
  const headers = { "X-Textback": "fragment" };
  if (background) headers["X-Background"] = "1";
  let answer;
  try {
    answer = await fetch(url, { method: fields ? "POST" : "GET", body: fields && new URLSearchParams(fields), headers, signal });
  } catch (error) {
    if (error.name !== "AbortError") { error.told = true; toast(say("live.lost")); }
    throw error;
  }
  if (answer.status === 401) { ended(); throw Object.assign(new Error("signed out"), { told: true }); }
  return answer;
}

// a question that failed was told in a toast: whoever asked it stops there
addEventListener("unhandledrejection", (event) => { if (event.reason?.told || event.reason?.name === "AbortError") event.preventDefault(); });

export function show(dialogHtml) {
  $("#dialog-body").innerHTML = dialogHtml;
  if (!$("#dialog").open) $("#dialog").showModal();
  $("#dialog-body :is(textarea, button)")?.focus();
}

export function ages() {
  for (const each of $$("time[data-age]")) {
    const minutes = Math.floor(since(each.dateTime) / 60000);
    const [key, n] = minutes < 1 ? ["now", 0] : minutes < 60 ? ["age.minutes", minutes]
      : minutes < 1440 ? ["age.hours", Math.floor(minutes / 60)] : ["age.days", Math.floor(minutes / 1440)];
    const text = say(key, { n });
    if (each.textContent !== text) each.textContent = text;
  }
}

export const stored = {  // a browser may forbid storage altogether
  get: (key, where = localStorage) => { try { return where.getItem(key); } catch { return null; } },
  set: (key, value, where = localStorage) => {
    try { if (value === null) where.removeItem(key); else where.setItem(key, value); } catch { /* then it is not remembered */ }
  },
};
