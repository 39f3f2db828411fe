"""What any face may do: write to a caller, tick a thread off, take it up again. Each face asks here, and here are the rules."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import MessageState
from ari_app.numbers import e164
from ari_app.settings import MAIN_LINE, Settings
from ari_app.threads import Store
from ari_app.threads.staff import STAFF_PARTS

__all__ = ["Desk", "Marked", "Written", "check_text", "is_utf8", "known_modem", "number_or_thread", "shown"]

_ACT = re.compile(r"[\x21-\x7e]{1,100}")
_LONGEST_TEXT = STAFF_PARTS * 153
"""Characters. A part of a long text holds at most 153 (GSM 7-bit, 3GPP TS 23.040 9.2.3.24.1): what is longer fits in no alphabet."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Written:
    """A text that is on disk. ``new`` False: this act was done before, nothing was added."""

    message: int
    thread: int
    state: MessageState
    new: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A thread's new state. ``changed`` False: it stood so already."""

    thread: int
    state: str
    changed: bool


def number_or_thread(named: str, country: str) -> str | int:
    """E.164 of a number as a person writes it, or a thread's id (up to six digits, "#" before it or not).

    Raises RefusedError, code ``no_number``, for anything else.
    """
    number = e164(named, country)
    if number is not None:
        return number
    match = re.fullmatch(r"#?([0-9]{1,6})", named.strip())
    if match is None:
        raise RefusedError(f"{shown(named)} is no phone number", "write it as +15145550123, or a thread's id", code="no_number")
    return int(match[1])


def check_text(number: str, text: str, country: str, *, act: str | None = None) -> str:
    """What can be said of a person's text before the store is asked; returns the E.164 of whom it is for.

    ``act``: 1 to 100 printable ASCII characters. Raises RefusedError: ``no_number``, ``not_utf8``, ``too_long``, ``bad_id``.
    """
    dialled = e164(number, country)
    if dialled is None:
        raise RefusedError(f"{shown(number)} is no phone number", "write it as +15145550123", code="no_number")
    if not is_utf8(text):
        raise RefusedError("the text is not UTF-8", "write it again as UTF-8", code="not_utf8")
    if len(text) > _LONGEST_TEXT:
        raise RefusedError(
            f"the text has {len(text)} characters, and {_LONGEST_TEXT} ({STAFF_PARTS} SMS) is the most",
            "shorten it, or send it in two",
            code="too_long",
        )
    if act is not None and not _ACT.fullmatch(act):
        raise RefusedError("the id is empty, too long or has spaces", "use 1 to 100 letters, digits or signs", code="bad_id")
    return dialled


def known_modem(name: str, modems: Sequence[str]) -> None:
    """Raises NotFoundError, code ``no_modem``, for a name that no [[modem]] has."""
    if name not in modems:
        known = f"use one of: {', '.join(modems)}" if modems else "there is no [[modem]] in textback.toml yet"
        raise NotFoundError(f"there is no modem {shown(name)}", known, code="no_modem")


def is_utf8(text: str) -> bool:
    """False for half a surrogate pair, which Python makes of bytes that are no UTF-8, and JSON allows: no file and no SMS holds it."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def shown(written: str) -> str:
    """What somebody wrote, for an error: whole, or how it begins."""
    return repr(written) if len(written) <= _SHOWN else f"{written[:_SHOWN]!r}… ({len(written)} characters)"


class Desk:
    """The acts of people, over the store. Every act is committed when its call returns.

    Rules that need the store (opted out, same act twice, length in SMS, 24 h until a text that could not leave fails) are checked in
    the transaction that writes.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._country = settings.clinic.country
        self._lines = (MAIN_LINE, *(settings.line_name(line) for line in settings.line))
        self._modems = tuple(modem.name for modem in settings.modem)

    async def send(
        self,
        number: str,
        text: str,
        *,
        act: str | None = None,
        line: str | None = None,
        modem: str | None = None,
        author: str | None = None,
    ) -> Written:
        """Queue a person's text to ``number``, as written in the clinic's country. The same ``act`` twice is one text.

        ``act``: an id made by the caller of this, 1 to 100 printable ASCII characters; without one the text is a new act.
        ``line``: the line whose thread it belongs to; else the number's latest. ``modem``: the only one that may carry it.
        Raises RefusedError, NotFoundError with the fix.
        """
        dialled = check_text(number, text, self._country, act=act)
        self._known_line(line)
        if modem is not None:
            known_modem(modem, self._modems)
        queued = await self._store.queue_staff(dialled, text, act or uuid.uuid4().hex, line=line, author=author, modem=modem)
        return Written(queued.message, queued.thread, queued.state, queued.new)

    async def again(self, message: int, *, author: str | None = None) -> Written:
        """Send the words of a text anew that failed, is unknown or not confirmed: a deliberate act, the caller may get them twice.

        Once per text. Raises NotFoundError, RefusedError.
        """
        queued = await self._store.send_again(message, author=author)
        return Written(queued.message, queued.thread, queued.state, queued.new)

    async def done(self, named: str, *, line: str | None = None) -> Marked:
        """Tick the thread of a number, or a thread by its id, off. Raises NotFoundError, RefusedError."""
        thread = await self._thread(named, line)
        return Marked(thread, "done", await self._store.mark_done(thread))

    async def reopen(self, named: str, *, line: str | None = None) -> Marked:
        """Put the thread of a number, or a thread by its id, back to be answered. Raises NotFoundError, RefusedError."""
        thread = await self._thread(named, line)
        return Marked(thread, "to_answer", await self._store.reopen(thread))

    async def _thread(self, named: str, line: str | None) -> int:
        self._known_line(line)
        key = number_or_thread(named, self._country)
        if isinstance(key, int):
            return key
        return int((await self._store.thread(key, line))["id"])

    def _known_line(self, line: str | None) -> None:
        if line is not None and line not in self._lines:
            raise NotFoundError(f"there is no line {shown(line)}", f"use one of: {', '.join(self._lines)}", code="no_line")
