"""What a phone asks for, done at the desk and answered with a screen. Addresses are those that ``screen_flow`` writes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from ari_app.board import Actor, Box, Canned, Ringing, ThreadState, ThreadView
from ari_app.desk import Desk
from ari_app.errors import NotFoundError, RefusedError, TextbackError
from ari_app.model import Language, MessageState
from ari_app.portal.phone_words import Words
from ari_app.portal.phones.gate import Deeds, Gate, Phone
from ari_app.portal.screen_flow import BOXES, Flow, mark_of, stamp_of
from ari_app.portal.screens import Link, Screen

__all__ = ["Pages", "told"]

_ENTRIES = 50
"""Of a thread, for reading."""
_LAST = 10
"""Of a thread, to know its last words."""


def told(error: TextbackError, words: Words, name: str = "") -> str:
    """Why not, in the phone's language."""
    key = "not_found" if isinstance(error, NotFoundError) else error.code
    try:
        return words(key, **{"name": name or words("somebody"), **error.facts})
    except (KeyError, IndexError):
        return words("refused")


@dataclass(frozen=True, slots=True)
class Pages:
    """One request of one phone."""

    desk: Desk
    gate: Gate
    deeds: Deeds
    phone: Phone
    flow: Flow
    fallback: Language
    """In which ready replies are offered while a caller's language is not known."""

    async def answer(self, path: str, typed: str) -> Screen:
        """The screen for a path below the phone's own; ``typed`` is what came from a field. Raises TextbackError."""
        if path.startswith("k/"):
            return await self._pin(path, typed)
        if self.gate.locked(self.phone):
            return self.flow.pin(self.phone.member.name)
        for pattern, page in _PAGES:
            found = pattern.fullmatch(path)
            if found:
                return await page(self, typed, **found.groupdict())
        return self.flow.error(self.flow.words("no_page"))

    @property
    def _by(self) -> Actor:
        return self.phone.actor

    async def _view(self, thread: str | int, limit: int = _LAST, *, read: bool = False) -> ThreadView:
        return await self.desk.thread(self._by, int(thread), limit=limit, refresh=not read)

    async def _canned(self, view: ThreadView) -> tuple[Canned, ...]:
        return await self.desk.canned(self._by, view.language or self.fallback)

    # ---- looking

    async def _inbox(self, _typed: str, letter: str | None, offset: str | None) -> Screen:
        box = next((box for box, each in BOXES.items() if each == letter), Box.TO_ANSWER)
        skip = int(offset or 0)
        rows = await self.desk.inbox(self._by, box, limit=self.flow.shape.rows + 1, offset=skip)
        rings = None if skip or box is not Box.TO_ANSWER else await self._rings()
        return self.flow.inbox(rows, await self.desk.counts(), offset=skip, box=box, rings=rings)

    async def _rings(self) -> Ringing | None:
        """The call that rings at the member's own phone, else at any; the one that waits longest. None that cannot be declined."""
        calls = [call for call in await self.desk.ringing(self._by) if call.declinable]
        own = self.phone.member.extension
        return next((call for call in calls if own in call.extensions), calls[0] if calls else None)

    async def _thread(self, _typed: str, thread: str) -> Screen:
        view = await self._view(thread, read=True)
        return self.flow.thread(view, await self._canned(view))

    async def _reading(self, _typed: str, thread: str, page: str) -> Screen:
        return self.flow.reading(await self._view(thread, _ENTRIES, read=True), int(page))

    async def _ready(self, _typed: str, thread: str, first: str) -> Screen:
        view = await self._view(thread)
        return self.flow.ready(view, await self._canned(view), int(first))

    # ---- writing

    async def _write(self, _typed: str, thread: str, nonce: str | None) -> Screen:
        view = await self._view(thread)
        return self.flow.write(view, (self.deeds.draft(self.phone, nonce) if nonce else None) or "")

    async def _confirm(self, typed: str, thread: str, seen: str, nonce: str) -> Screen:
        if (shown := self.deeds.shown(self.phone, nonce)) is not None:
            return shown
        text = typed.strip() or self.deeds.draft(self.phone, nonce) or ""
        if not text:
            return self.flow.write(await self._view(thread))
        self.deeds.typed(self.phone, nonce, text)
        return self.flow.confirm(int(thread), text, self.desk.segments_of(text).parts, int(seen), nonce)

    async def _send_typed(self, _typed: str, thread: str, seen: str, nonce: str, over: str | None) -> Screen:
        async with self.deeds.one_at_a_time(self.phone):
            if (shown := self.deeds.shown(self.phone, nonce)) is not None:
                return shown
            text = self.deeds.draft(self.phone, nonce)
            if text is None:
                return self.flow.error(self.flow.words("draft_gone"), Link(f"t/{thread}/w"))
            return await self._reply(int(thread), text, int(seen), nonce, f"s/{{seen}}/{nonce}", over=over is not None)

    async def _send_ready(self, _typed: str, thread: str, canned: str, seen: str, nonce: str, over: str | None) -> Screen:
        async with self.deeds.one_at_a_time(self.phone):
            if (shown := self.deeds.shown(self.phone, nonce)) is not None:
                return shown
            text = await self.desk.fill(self._by, int(thread), int(canned))
            return await self._reply(int(thread), text, int(seen), nonce, f"c/{canned}/{{seen}}/{nonce}", over=over is not None)

    async def _reply(self, thread: int, text: str, seen: int, nonce: str, link: str, *, over: bool) -> Screen:
        """Send; ``link`` is the address of this deed below the thread, for a second try that takes the thread over."""
        at = f"t/{thread}"
        try:
            written = await self.desk.reply(thread, text, by=self._by, act=f"phone-{self.phone.key.id}-{nonce}", seen=seen, takeover=over)
        except RefusedError as error:
            who = str(error.facts.get("name") or self.flow.words("somebody"))
            if error.code == "held":
                until = error.facts.get("until")
                again = Link(f"{at}/{link.format(seen=seen)}/o")
                return self.flow.held(thread, who, datetime.fromisoformat(str(until)) if until else None, again)
            view = await self._view(thread)
            if error.code == "answered_meanwhile":
                newer, held = error.facts.get("seen", view.seen), "holder" in error.facts
                anyway = Link(f"{at}/{link.format(seen=newer)}{'/o' if over or held else ''}")
                return self.flow.answered(thread, who, anyway, held=held)
            return self.flow.error(told(error, self.flow.words, self.flow.name(view.row)), Link(at))
        return self.deeds.did(self.phone, nonce, self.flow.sent(await self._view(thread), text, MessageState(written.state)))

    # ---- other deeds

    async def _call(self, _typed: str, thread: str, nonce: str) -> Screen:
        async with self.deeds.one_at_a_time(self.phone):
            if (shown := self.deeds.shown(self.phone, nonce)) is not None:
                return shown
            if not self.deeds.is_ours(nonce):
                return self.flow.error(self.flow.words("stale"), Link(f"t/{thread}"))
            try:
                await self.desk.call_back(int(thread), by=self._by)
            except NotFoundError:
                raise
            except TextbackError as error:
                return self.flow.error(told(error, self.flow.words), Link(f"t/{thread}"))
            return self.deeds.did(self.phone, nonce, self.flow.calling(await self._view(thread)))

    async def _decline(self, _typed: str, call: str, nonce: str) -> Screen:
        async with self.deeds.one_at_a_time(self.phone):
            if (shown := self.deeds.shown(self.phone, nonce)) is not None:
                return shown
            rings = next((each for each in await self.desk.ringing(self._by) if each.id == call), None)
            if rings is None:
                return self.flow.error(self.flow.words("not_ringing"))
            try:
                thread = await self.desk.decline(call, by=self._by)
            except TextbackError as error:
                code = "taken" if error.code == "answered" else error.code
                return self.flow.error(self.flow.words(code) if code in self.flow.words else told(error, self.flow.words))
            return self.deeds.did(self.phone, nonce, self.flow.declined(rings, thread))

    async def _keep(self, _typed: str, thread: str, mark: str, nonce: str) -> Screen:
        """The name that was shown, and no other that the caller gave since."""
        async with self.deeds.one_at_a_time(self.phone):
            if (shown := self.deeds.shown(self.phone, nonce)) is not None:
                return shown
            view = await self._view(thread)
            name = view.row.offered
            if name is None or mark_of(name) != mark:
                return self.flow.changed(view)
            await self.desk.take_name(int(thread), by=self._by)
            return self.deeds.did(self.phone, nonce, self.flow.kept(int(thread), name))

    async def _done(self, _typed: str, thread: str, stamp: str) -> Screen:
        async with self.deeds.one_at_a_time(self.phone):
            view = await self._view(thread)
            if view.row.state is ThreadState.DONE:
                return self.flow.done(view)
            if stamp_of(view.row) != stamp:
                return self.flow.changed(view)
            await self.desk.done(int(thread), by=self._by)
            return self.flow.done(view)

    # ---- the PIN

    async def _pin(self, path: str, typed: str) -> Screen:
        found = _PIN.fullmatch(path)
        name = self.phone.member.name
        if found is None or not self.deeds.is_ours(found["nonce"]):
            return self.flow.pin(name) if self.gate.locked(self.phone) else await self._inbox("", None, None)
        nonce, keyed = found["nonce"], found["keyed"] or ""
        if not self.flow.shape.writes and not keyed.endswith("-"):
            return self.flow.keypad(name, nonce, keyed)
        async with self.deeds.one_at_a_time(self.phone):
            # the address stays in the phone's history with the PIN in it: it opens once
            if self.deeds.shown(self.phone, nonce) is not None:
                return self.flow.pin(name) if self.gate.locked(self.phone) else await self._inbox("", None, None)
            right = await self.gate.try_pin(self.phone, keyed.removesuffix("-") if keyed else typed.strip())
            self.deeds.did(self.phone, nonce, self.flow.pin(name))
        return await self._inbox("", None, None) if right else self.flow.pin(name, wrong=True)


_N = r"[A-Za-z0-9_-]{8,16}"
_THREAD = r"t/(?P<thread>\d{1,15})"
_PIN = re.compile(rf"k/(?P<nonce>{_N})(?:/(?P<keyed>\d{{0,12}}-?))?")
_PAGES: tuple[tuple[re.Pattern[str], Callable[..., Awaitable[Screen]]], ...] = tuple(
    (re.compile(pattern, re.ASCII), page)
    for pattern, page in (
        (r"(?:(?P<letter>[iax])/(?P<offset>\d{1,6}))?", Pages._inbox),
        (_THREAD, Pages._thread),
        (rf"{_THREAD}/r/(?P<page>\d{{1,4}})", Pages._reading),
        (rf"{_THREAD}/n/(?P<first>\d{{1,4}})", Pages._ready),
        (rf"{_THREAD}/w(?:/(?P<nonce>{_N}))?", Pages._write),
        (rf"{_THREAD}/f/(?P<seen>\d{{1,15}})/(?P<nonce>{_N})", Pages._confirm),
        (rf"{_THREAD}/s/(?P<seen>\d{{1,15}})/(?P<nonce>{_N})(?P<over>/o)?", Pages._send_typed),
        (rf"{_THREAD}/c/(?P<canned>-?\d{{1,15}})/(?P<seen>\d{{1,15}})/(?P<nonce>{_N})(?P<over>/o)?", Pages._send_ready),
        (rf"{_THREAD}/b/(?P<nonce>{_N})", Pages._call),
        (rf"q/(?P<call>[^/]{{1,150}})/(?P<nonce>{_N})", Pages._decline),
        (rf"{_THREAD}/o/(?P<mark>[0-9a-f]{{12}})/(?P<nonce>{_N})", Pages._keep),
        (rf"{_THREAD}/d/(?P<stamp>[0-9a-f]{{1,16}})", Pages._done),
    )
)
