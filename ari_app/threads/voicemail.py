"""Messages left: to which call each belongs, where it lies in the spool, who heard it, what was said in it (``store.voicemail``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from ari_app.board import Actor
from ari_app.clock import Clock
from ari_app.errors import NotFoundError
from ari_app.events import CallChanged, VoicemailChanged
from ari_app.model import Call, Known, Language, Priority, Reason
from ari_app.threads import people, urgent
from ari_app.threads.audit import audit
from ari_app.threads.calls import number_of
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.home import Home
from ari_app.threads.known import gather
from ari_app.threads.matching import Found, Left, Unmatched, match
from ari_app.threads.persons import people_of, standing
from ari_app.threads.rows import call_of, moment, stamp, stamp_or_none

__all__ = ["NEW", "OLD", "Facts", "Misplaced", "Placed", "Prioritize", "Voicemails", "WaitingForWords"]

_T = TypeVar("_T")
Prioritize = Callable[[Call, Known], Priority | None]

NEW = ("INBOX", "Urgent")
"""Folders of app_voicemail in which lies what nobody listened to."""
OLD = "Old"
"""Where it lies after that."""
_ONE_LISTENING = timedelta(minutes=10)
"""A player asks for a sound piece by piece: that is audited once."""
_FRESH = timedelta(hours=1)
"""So long after it was left, a message found makes its thread wait even where the call did not."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a message lies now. ``folder`` None: it is gone from that mailbox; ``listened``: while somebody listened there on a phone."""

    message: str
    mailbox: str
    context: str
    folder: str | None
    listened: bool = False


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A message that lies among those nobody heard and was heard here, or the other way round."""

    id: int
    message: str
    mailbox: str
    context: str
    folder: str
    to: str


@dataclass(frozen=True, slots=True)
class WaitingForWords:
    """A message to be written down. ``language``: the caller's, where it is known."""

    id: int
    seconds: float
    language: Language | None


@dataclass(frozen=True, slots=True)
class Facts:
    """For doctor. ``since``: when the first call was seen; ``known``: messages of the last 30 days; ``oldest``: of those that wait."""

    since: datetime | None
    known: frozenset[str]
    waiting: int
    """For their transcript."""
    oldest: datetime | None
    failed: int
    misplaced: int


class Voicemails:
    """Messages left in the PBX's voicemail. Their sound is kept here: what becomes of it there takes nothing away."""

    def __init__(self, database: Database, clock: Clock, home: Home) -> None:
        self._database = database
        self._clock = clock
        self._home = home

    async def _act(self, work: Callable[[Transaction, datetime], _T]) -> _T:
        now = self._clock.now()
        return await self._database.write(lambda tx: work(tx, now))

    # -- finding

    async def match(self, left: Left, internal: tuple[int, int], *, known_since: datetime | None) -> Found | Unmatched:
        """The call a message was left in.

        ``internal``: shortest and longest extension; ``known_since``: calls from then on are all known (None: not yet).
        """
        now = self._clock.now()
        return await self._database.read(
            lambda reader: match(reader, left, country=self._home.country, internal=internal, now=now, known_since=known_since)
        )

    async def known(self, messages: Collection[str]) -> frozenset[str]:
        """Those of these that are filed."""
        rows = await self._database.read(
            lambda reader: reader.all(
                "SELECT message FROM voicemail WHERE message IN (SELECT value FROM json_each(?))", (json.dumps(list(messages)),)
            )
        )
        return frozenset(row["message"] for row in rows)

    async def in_mailbox(self, mailbox: str, context: str) -> dict[str, str]:
        """Messages that lie in a mailbox, and in which folder, as far as was last seen."""
        rows = await self._database.read(
            lambda reader: reader.all(
                "SELECT message, folder FROM voicemail WHERE mailbox = ? AND context = ? AND folder IS NOT NULL", (mailbox, context)
            )
        )
        return {row["message"]: row["folder"] for row in rows}

    async def mailboxes(self) -> frozenset[tuple[str, str]]:
        """Mailbox and context of everything that lies in the spool."""
        rows = await self._database.read(
            lambda reader: reader.all("SELECT DISTINCT mailbox, context FROM voicemail WHERE folder IS NOT NULL")
        )
        return frozenset((row["mailbox"], row["context"]) for row in rows)

    async def file(
        self, left: Left, found: Found, sound: tuple[str, bytes] | None, *, transcribe: bool, priority: Prioritize
    ) -> int | None:
        """Put a message into its thread; None when it is there. ``sound``: content type and bytes.

        ``priority``: what puts its thread before others, where only now it is known that a message was left.
        """

        def work(tx: Transaction, now: datetime) -> int | None:
            voicemail = _file(tx, left, found, now, sound=sound, transcribe=transcribe)
            if voicemail is not None and _now_known(tx, found.call):
                _raise(tx, found, priority, self._home, now)
            return voicemail

        return await self._act(work)

    async def placed(self, places: Iterable[Placed]) -> None:
        """Messages were moved in the spool, by a phone or by us."""
        listed = tuple(places)

        def work(tx: Transaction, now: datetime) -> None:
            for each in listed:
                _place(tx, each, now)

        if listed:
            await self._act(work)

    # -- people

    async def listen(self, voicemail: int, by: Actor) -> tuple[str, bytes]:
        """Content type and bytes of a message's sound; who listens is audited. Raises NotFoundError: ``no_voicemail``, ``no_sound``."""
        await self._act(lambda tx, now: _listen(tx, voicemail, by, now))
        return await self._database.read(lambda reader: _sound(reader, voicemail))  # megabytes: not the writer's work

    async def heard(self, voicemail: int, on: bool, by: Actor) -> bool:
        """Mark a message heard, or not; False where it was so. Raises NotFoundError: ``no_voicemail``."""
        return await self._act(lambda tx, now: _heard(tx, voicemail, on, by, now))

    async def misplaced(self) -> tuple[Misplaced, ...]:
        """What the spool does not show as it is here."""
        rows = await self._database.read(lambda reader: reader.all(f"SELECT * FROM voicemail WHERE {_MISPLACED} ORDER BY id"))  # noqa: S608
        return tuple(
            Misplaced(row["id"], row["message"], row["mailbox"], row["context"], row["folder"], OLD if row["heard"] else NEW[0])
            for row in rows
        )

    # -- what was said

    async def next_for_words(self) -> WaitingForWords | None:
        """The oldest message that waits to be written down."""
        return await self._database.read(_next_for_words)

    async def sound(self, voicemail: int) -> bytes:
        """For the engine. Raises NotFoundError."""
        return (await self._database.read(lambda reader: _sound(reader, voicemail)))[1]

    async def written_down(self, voicemail: int, text: str, language: Language | None) -> None:
        """What a machine understood."""
        await self._end(voicemail, "done", text, language)

    async def not_written_down(self, voicemail: int, state: Literal["failed", "off"]) -> None:
        """There will be no transcript: it ``failed``, or the engine does not speak the language (``off``)."""
        await self._end(voicemail, state)

    async def _end(self, voicemail: int, state: str, text: str | None = None, language: Language | None = None) -> None:
        def work(tx: Transaction, _: datetime) -> None:
            tx.run(
                "UPDATE voicemail SET transcription = ?, transcript = ?, language = ? WHERE id = ? AND transcription = 'waiting'",
                (state, text, language, voicemail),
            )
            _tell(tx, voicemail)

        await self._act(work)

    # -- doctor

    async def facts(self) -> Facts:
        """What doctor looks at."""
        lately = stamp(self._clock.now() - timedelta(days=30))
        return await self._database.read(lambda reader: _facts(reader, lately))


_SILENT = (Reason.INTERNAL.value, Reason.MACHINE.value)
"""Nobody is answered."""
_MISPLACED = "(folder IN ('INBOX', 'Urgent') AND heard IS NOT NULL) OR (folder = 'Old' AND heard IS NULL)"


def _file(tx: Transaction, left: Left, found: Found, now: datetime, *, sound: tuple[str, bytes] | None, transcribe: bool) -> int | None:
    if tx.one("SELECT 1 FROM voicemail WHERE message = ?", (left.message,)) is not None:
        return None
    heard = left.folder not in NEW
    voicemail = tx.insert(
        "voicemail",
        {
            "call": found.call,
            "thread": found.thread,
            "message": left.message,
            "mailbox": left.mailbox,
            "context": left.context,
            "folder": left.folder,
            "at": stamp(left.at),
            "seconds": left.seconds,
            "heard": stamp_or_none(now if heard else None),
            "transcription": "waiting" if transcribe and sound is not None else "off",
        },
    )
    if sound is not None:
        tx.insert("recording", {"voicemail": voicemail, "type": sound[0], "sound": sound[1]})
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(min(left.at, now)), found.thread))
    if not heard and now - left.at < _FRESH:
        # somebody spoke with them before, or so it looked: a message left waits all the same
        waits = "UPDATE call SET to_answer = 1 WHERE id = ? AND NOT to_answer AND reason NOT IN (?, ?)"
        if tx.run(waits, (found.call, *_SILENT)):
            people.waits(tx, found.thread, left.at)
    tx.notify(VoicemailChanged(voicemail, found.thread))
    return voicemail


def _now_known(tx: Transaction, call: str) -> bool:
    """A message was left in this call; True when that was not known. Its text that is still to go is decided again when it is due."""
    changed = tx.run("UPDATE call SET voicemail_left = 1 WHERE id = ? AND NOT voicemail_left", (call,)) > 0
    if changed:
        tx.notify(CallChanged(call))
    return changed


def _raise(tx: Transaction, found: Found, priority: Prioritize, home: Home, now: datetime) -> None:
    row = tx.one(
        """SELECT c.* FROM call c JOIN thread t ON t.id = c.thread
            WHERE c.id = ? AND c.to_answer AND t.state = 'to_answer' AND c.reason NOT IN (?, ?)""",
        (found.call, *_SILENT),
    )
    if row is not None:
        call = call_of(row)
        known = gather(tx, call=call.id, number=number_of(call), line=row["line"], ended=call.ended, now=now, live=False)
        urgent.raised(tx, found.thread, priority(call, known), home, now)


def _place(tx: Transaction, place: Placed, now: datetime) -> None:
    row = tx.one("SELECT id, mailbox, context, folder, heard FROM voicemail WHERE message = ?", (place.message,))
    if row is None or (row["mailbox"], row["context"], row["folder"]) == (place.mailbox, place.context, place.folder):
        return
    if row["folder"] is not None and (row["mailbox"], row["context"]) != (place.mailbox, place.context):
        # a copy, of one left in several mailboxes at once: the first one seen is followed, and whoever heard another heard it
        if place.folder is not None and place.folder not in NEW and row["heard"] is None:
            tx.run("UPDATE voicemail SET heard = ? WHERE id = ?", (stamp(now), row["id"]))
            _tell(tx, row["id"])
        return
    was_new = row["folder"] is None or row["folder"] in NEW
    is_new = place.folder in NEW
    tx.run(
        "UPDATE voicemail SET mailbox = ?, context = ?, folder = ? WHERE id = ?", (place.mailbox, place.context, place.folder, row["id"])
    )
    if place.listened or (place.folder is not None and was_new and not is_new):
        tx.run("UPDATE voicemail SET heard = coalesce(heard, ?) WHERE id = ?", (stamp(now), row["id"]))
    elif is_new and not was_new:
        # put back among the new ones, on a phone: somebody is to listen again
        tx.run("UPDATE voicemail SET heard = NULL, heard_by = NULL WHERE id = ?", (row["id"],))
    _tell(tx, row["id"])


def _tell(tx: Transaction, voicemail: int) -> None:
    thread = tx.value("SELECT thread FROM voicemail WHERE id = ?", (voicemail,))
    if thread is not None:
        tx.notify(VoicemailChanged(voicemail, thread))


def _row(reader: Reader, voicemail: int) -> Any:
    row = reader.one("SELECT * FROM voicemail WHERE id = ?", (voicemail,))
    if row is None:
        raise NotFoundError(f"there is no voicemail {voicemail}", "it may have been erased; look at the thread again", code="no_voicemail")
    return row


def _sound(reader: Reader, voicemail: int) -> tuple[str, bytes]:
    row = reader.one("SELECT type, sound FROM recording WHERE voicemail = ?", (voicemail,))
    if row is None:
        raise _not_kept(voicemail)
    return row["type"], row["sound"]


def _not_kept(voicemail: int) -> NotFoundError:
    return NotFoundError(f"the sound of voicemail {voicemail} is not kept here", "listen to it on a phone", code="no_sound")


def _listen(tx: Transaction, voicemail: int, by: Actor, now: datetime) -> None:
    row = _row(tx, voicemail)
    if tx.one("SELECT 1 FROM recording WHERE voicemail = ?", (voicemail,)) is None:
        raise _not_kept(voicemail)
    which = f"voicemail {voicemail}"
    already = tx.one(
        "SELECT 1 FROM audit WHERE thread = ? AND at >= ? AND act = 'voicemail_played' AND who = ? AND face = ? AND what = ?",
        (row["thread"], stamp(now - _ONE_LISTENING), by.name, by.face.value, which),
    )
    if already is None:
        audit(tx, by, "voicemail_played", now, thread=row["thread"], what=which)


def _heard(tx: Transaction, voicemail: int, on: bool, by: Actor, now: datetime) -> bool:
    row = _row(tx, voicemail)
    if (row["heard"] is not None) == on:
        return False
    tx.run(
        "UPDATE voicemail SET heard = ?, heard_by = ? WHERE id = ?",
        (stamp_or_none(now if on else None), by.name if on else None, voicemail),
    )
    audit(tx, by, "voicemail_heard" if on else "voicemail_unheard", now, thread=row["thread"], what=f"voicemail {voicemail}")
    _tell(tx, voicemail)
    return True


def _next_for_words(reader: Reader) -> WaitingForWords | None:
    row = reader.one(
        """SELECT v.id, v.seconds, t.number, c.wrote, c.language FROM voicemail v INDEXED BY voicemail_waiting
            JOIN thread t ON t.id = v.thread LEFT JOIN contact c ON c.number = t.number
            WHERE v.transcription = 'waiting' ORDER BY v.at LIMIT 1"""
    )
    if row is None:
        return None
    language = row["wrote"] or row["language"] or standing(people_of(reader, row["number"])).language
    return WaitingForWords(row["id"], row["seconds"], language)


def _facts(reader: Reader, lately: str) -> Facts:
    return Facts(
        since=moment(reader.value("SELECT min(started) FROM call")),
        known=frozenset(row["message"] for row in reader.all("SELECT message FROM voicemail WHERE at >= ?", (lately,))),
        waiting=reader.value("SELECT count(*) FROM voicemail WHERE transcription = 'waiting'"),
        oldest=moment(reader.value("SELECT min(at) FROM voicemail WHERE transcription = 'waiting'")),
        failed=reader.value("SELECT count(*) FROM voicemail WHERE transcription = 'failed' AND at >= ?", (lately,)),
        misplaced=reader.value(f"SELECT count(*) FROM voicemail WHERE {_MISPLACED}"),  # noqa: S608  (our own)
    )
