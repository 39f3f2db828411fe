// Notifications and a sound, for who asked for them in this browser. Never what somebody wrote; the number only where that is ticked.
import { $, $$, say, stored, toast } from "./page.js";

const wants = (what) => stored.get(`textback-${what}`) === "1";
const seen = new Map();
let audio = null;

function ring() {
  if (!wants("sound")) return;
  audio ||= new AudioContext();
  audio.resume();
  [660, 880].forEach((pitch, step) => {
    const tone = audio.createOscillator(), loud = audio.createGain(), at = audio.currentTime + step * 0.16;
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0.0001, at);
    loud.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
    loud.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    tone.connect(loud).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.32);
  });
}

function notify(title, text, tag, address) {
  if (!wants("notify") || !window.Notification || Notification.permission !== "granted" || document.hasFocus()) return;
  const shown = new Notification(title, { body: text, tag });
  shown.onclick = () => { window.focus(); location.href = address; shown.close(); };
}

export function news(rows) {
  let any = false;
  for (const row of rows) {
    const before = seen.get(row.thread);
    seen.set(row.thread, row.key);
    if (!row.news || before === row.key) continue;
    any = true;
    notify(say(`notify.${row.news}`), wants("number") ? row.number : "", `thread-${row.thread}`, `/thread/${row.thread}`);
  }
  if (any) ring();
}

export function overdue(data) {
  notify(data.said, "", "overdue", "/");
  ring();
}

export function start() {
  for (const row of $$("#rows .row")) seen.set(Number(row.dataset.thread), row.dataset.key);
  const prefs = $("#prefs");
  if (!prefs) return;
  prefs.hidden = false;
  for (const box of $$("[data-pref]", prefs)) {
    const { pref } = box.dataset;
    box.checked = pref === "keys" ? stored.get("textback-keys") !== "0" : wants(pref);
    box.addEventListener("change", async () => {
      if (pref === "notify" && box.checked) {
        const allowed = window.Notification ? await Notification.requestPermission() : "denied";
        if (allowed !== "granted") { box.checked = false; toast(say("notify.denied")); }
      }
      stored.set(`textback-${pref}`, box.checked ? "1" : "0");
      if (pref === "sound" && box.checked) ring();
    });
  }
}
