"""What people do with a thread beside writing: take it, put it off, tick it off, note, name, call back."""

from __future__ import annotations

from datetime import datetime, timedelta

from ari_app.board import Actor, CallBack, Holder
from ari_app.desk.base import Base, Marked
from ari_app.desk.checks import check_act, check_line_of_text, check_time, check_words, number_or_thread
from ari_app.errors import RefusedError, TextbackError
from ari_app.model import Language
from ari_app.policy.wording import LANGUAGES

__all__ = ["LONGEST_NOTE", "Acting"]

LONGEST_NOTE = 2000
"""Characters."""
_LONGEST_NAME = 80
_FURTHEST_SNOOZE = timedelta(days=365)
_TWICE = 3.0
"""Seconds within which the same call back asked for again by the same member is a double click, not a second call."""


class Acting(Base):
    """Each act is committed, and audited, when its call returns. Raises NotFoundError for a thread that is not there."""

    async def claim(self, thread: int, *, by: Actor, takeover: bool = False) -> Holder:
        """Say that one answers this thread. Raises RefusedError, code ``held``, while another does, unless ``takeover``."""
        if by.member is None:
            raise RefusedError("only a member can hold a thread", "sign in as one", code="forbidden")
        return await self._store.acts.claim(thread, by, takeover)

    async def let_go(self, thread: int, *, by: Actor) -> None:
        """Give a thread that one holds free; one that another holds stays theirs."""
        await self._store.acts.let_go(thread, by)

    async def done(self, named: str | int, *, by: Actor, line: str | None = None) -> Marked:
        """Tick the thread of a number, or a thread by its id, off. Raises NotFoundError, RefusedError."""
        thread = await self._thread(named, line)
        return Marked(thread, "done", await self._store.acts.mark_done(thread, by))

    async def reopen(self, named: str | int, *, by: Actor, line: str | None = None) -> Marked:
        """Put the thread of a number, or a thread by its id, back to be answered. Raises NotFoundError, RefusedError."""
        thread = await self._thread(named, line)
        return Marked(thread, "to_answer", await self._store.acts.reopen(thread, by))

    async def snooze(self, thread: int, until: datetime | None, *, by: Actor) -> None:
        """Put a thread that waits off until an instant at most a year ahead; None takes it up again now.

        What comes in meanwhile brings it back. Raises RefusedError.
        """
        if until is not None:
            check_time(until, self._clock.now(), _FURTHEST_SNOOZE, what="snooze")
            await self._store.acts.snooze(thread, until, by)
        elif (await self._row(thread)).snoozed is not None:
            await self._store.acts.reopen(thread, by)

    async def note(self, thread: int, text: str, *, by: Actor, act: str) -> int:
        """Words for staff only; the note's id. The same ``act`` twice is one note. Raises RefusedError."""
        check_words(text, LONGEST_NOTE, what="note")
        check_act(act)
        if not text.strip():
            raise RefusedError("the note is empty", "write something", code="no_text")
        return await self._store.acts.note(thread, text, by, act)

    async def urgent(self, thread: int, on: bool, *, by: Actor) -> None:
        """Put a thread before the others, or back among them."""
        await self._store.acts.urgent(thread, on, by)

    async def rename(self, thread: int, name: str | None, *, by: Actor) -> None:
        """Name the caller; None or blanks take the name away. Raises RefusedError."""
        plain = None if name is None or not name.strip() else check_line_of_text(name, _LONGEST_NAME, what="name")
        await self._store.acts.name(thread, plain, by)

    async def speak(self, thread: int, language: Language | None, *, by: Actor) -> None:
        """The caller's language, in which they are texted from now on; None: not known. Raises RefusedError."""
        if language is not None and language not in LANGUAGES:
            raise RefusedError(f"there are no wordings in {language!r}", f"use one of: {', '.join(LANGUAGES)}", code="no_language")
        await self._store.acts.language(thread, language, by)

    async def call_back(self, thread: int, *, by: Actor) -> CallBack:
        """Ring the member's own phone, then the caller. What comes of it shows in the thread; it settles nothing until ``reached``.

        Raises RefusedError (``no_extension``, ``no_number``, ``not_running``, and what keeps the phone from ringing), PbxError.
        """
        row = await self._row(thread)
        extension = None if by.member is None else (await self._member(by.member)).extension
        if by.member is None or extension is None:
            raise RefusedError("you have no telephone here", "let an administrator enter your extension", code="no_extension")
        if row.number is None:
            raise RefusedError("this caller showed no number", "mark it done, or wait for the next call", code="no_number")
        if self._dialler is None:
            raise RefusedError("calls are placed by the running service only", "start it: systemctl start textback", code="not_running")
        now = self._clock.monotonic()
        if self._rung is not None:
            at, member, before = self._rung
            if (member, before.thread) == (by.member, thread) and now - at < _TWICE:
                return before
        asked = CallBack(id=self._dialler.new_id(), thread=thread, number=row.number)
        self._rung = (now, by.member, asked)
        await self._store.acts.call_back_begun(asked.id, thread, extension, by)
        try:
            await self._dialler.place(asked.id, extension, row.number, row.name)
        except TextbackError as error:
            self._rung = None
            await self._store.acts.call_back_failed(asked.id, error.code)
            raise
        return asked

    async def reached(self, outgoing: str, *, by: Actor) -> None:
        """Say that one spoke with the caller on an outgoing call: that settles the thread. Raises NotFoundError."""
        await self._store.acts.reached(outgoing, by)

    async def _thread(self, named: str | int, line: str | None) -> int:
        self._known_line(line)
        key = named if isinstance(named, int) else number_or_thread(named, self._country)
        if isinstance(key, int):
            return key
        return int((await self._store.thread(key, line))["id"])
