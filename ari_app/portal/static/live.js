// The live stream. One tab holds it for all tabs of the browser, which have six connections to one server between them (HTTP/1.1).
import { $, ask, body, ended, say } from "./page.js";

let last = body.dataset.version;
let channel = null;
let heard = () => {};

function status(on) {
  const box = $("#live");
  if (!box) return;
  box.hidden = false;
  box.classList.toggle("is-off", !on);
  const text = say(on ? "live.on" : "live.off");
  if ($(".live-said", box).textContent !== text) $(".live-said", box).textContent = text;
}

function pass(name, data, leads) {
  if (name === "up" || name === "down") status(name === "up");
  else heard(name, data, leads);
}

function tell(name, data) {
  channel?.postMessage({ name, data, last });
  pass(name, data, true);
}

function open(over) {
  const source = new EventSource(`/live?since=${encodeURIComponent(last)}`);
  source.onopen = () => tell("up");
  for (const name of ["rows", "ringing", "overdue", "stale", "ended"]) {
    source.addEventListener(name, (event) => {
      if (event.lastEventId) last = event.lastEventId;
      if (name === "ended") { source.close(); tell("ended", {}); over(); return; }
      tell(name, JSON.parse(event.data));
    });
  }
  source.onerror = async () => {
    tell("down");
    if (source.readyState !== EventSource.CLOSED) return;  // it tries again by itself
    source.close();
    await new Promise((resume) => setTimeout(resume, 3000));
    try { await ask("/version", { background: true }); } catch (error) { if (error.message === "signed out") { over(); return; } }
    open(over);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }, { once: true });
}

export function listen(handler) {
  heard = (name, data, leads) => (name === "ended" ? ended() : handler(name, data, leads));
  const lead = () => new Promise((over) => open(over));
  if (!navigator.locks || !window.BroadcastChannel) { lead(); return; }
  const name = `textback-${body.dataset.me}-${document.documentElement.lang}`;
  channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => {
    last = data.last;
    pass(data.name, data.data, false);
  };
  let leading = false;
  navigator.locks.request(name, () => { leading = true; return lead(); });
  // whoever follows may have missed what came between drawing the page and now
  setTimeout(() => { if (!leading) { status(true); handler("stale", {}, false); } }, 500);
}
