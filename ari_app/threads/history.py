"""``store.history``: what the PBX's own records tell of calls that were missed here, and how far they were read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ari_app.clock import Clock
from ari_app.model import AnsweredBy, Call, Decision, Known, Outcome, OutgoingCall
from ari_app.threads.calls import Recorded, note_outgoing, note_reached, record_call
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.home import Home
from ari_app.threads.rows import call_of, moment, required, stamp, stamp_or_none
from ari_app.threads.told import erased, row_of, row_of_outgoing

__all__ = ["Beside", "History", "Marks", "New", "begin", "restored"]

_LONGEST = timedelta(hours=12)
"""Calls are looked up by their start."""
_LOST = "(ended IS NULL OR ended = coalesce(joined, started))"
"""Of a call to the outside whose end was not seen (``ringing.settle_calls``)."""


@dataclass(frozen=True, slots=True)
class Marks:
    """``began``: calls that ended before are none of this store's. ``seen``: those that ended until then are filed."""

    began: datetime
    seen: datetime | None


@dataclass(frozen=True, slots=True)
class New:
    """What of the calls told is not known here yet."""

    calls: tuple[Call, ...] = ()
    """Not filed, or filed as ``unseen`` and told otherwise; under the id they have, or will have, here."""
    outgoing: tuple[OutgoingCall, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.calls or self.outgoing)


@dataclass(frozen=True, slots=True)
class Beside:
    """``pairs``: our own calls by the ids that records have for them; ``ours``: all that ended in the time that is looked at."""

    pairs: Mapping[str, Call]
    ours: tuple[Call, ...]
    erased: frozenset[str]
    """Ids of records' calls whose number was erased here after them."""


def begin(tx: Transaction, now: datetime) -> None:
    """The store is opened: from its first call on, else from now, it is to have them all."""
    first = moment(tx.value("SELECT min(started) FROM call")) or now
    tx.run(
        "INSERT INTO history (one, began) VALUES (1, ?) ON CONFLICT DO UPDATE SET began = min(began, excluded.began)",
        (stamp(min(first, now)),),
    )


def restored(tx: Transaction, now: datetime) -> None:
    """The store is a backup's: who called before this may have been texted by the one whose place it takes."""
    begin(tx, now)
    tx.run("UPDATE history SET restored = ? WHERE one = 1", (stamp(now),))


class History:
    """Over one store. Raises StoreError."""

    def __init__(self, database: Database, clock: Clock, home: Home) -> None:
        self._database = database
        self._clock = clock
        self._home = home

    async def marks(self) -> Marks:
        """From where on calls are to be looked for."""
        now = self._clock.now()

        def look(reader: Reader) -> Marks:
            row = reader.one("SELECT began, seen FROM history WHERE one = 1")
            return Marks(now, None) if row is None else Marks(required(row["began"]), moment(row["seen"]))

        return await self._database.read(look)

    async def seen(self, until: datetime) -> None:
        """All that ended until then, and was missed here, is filed."""
        await self._database.write(lambda tx: tx.run("UPDATE history SET seen = ? WHERE one = 1", (stamp(until),)))

    async def new(self, calls: Sequence[Call], outgoing: Sequence[OutgoingCall] = ()) -> New:
        """What of these calls is not known yet. What was erased since is left out, as are calls to the outside without a number."""

        def look(reader: Reader) -> New:
            told = tuple(new for call in calls if (new := _new_call(reader, call)) is not None)
            return New(told, tuple(out for each in outgoing if (out := _new_outgoing(reader, each)) is not None))

        return await self._database.read(look)

    async def beside(self, calls: Sequence[Call], since: datetime) -> Beside:
        """What is filed here, to be compared with what the records tell."""

        def look(reader: Reader) -> Beside:
            pairs = {call.id: call_of(row) for call in calls if (row := row_of(reader, call)) is not None}
            rows = reader.each(
                "SELECT * FROM call INDEXED BY call_by_start WHERE started >= ? AND ended >= ?", (stamp(since - _LONGEST), stamp(since))
            )
            gone = frozenset(call.id for call in calls if call.id not in pairs and _erased(reader, call))
            return Beside(pairs, tuple(call_of(row) for row in rows), gone)

        return await self._database.read(look)

    async def note(self, calls: Sequence[Call], outgoing: Sequence[OutgoingCall]) -> None:
        """Who was reached, here or by a call back: to be known before anything is decided."""

        def work(tx: Transaction) -> None:
            for out in outgoing:
                if not erased(tx, out.number, out.ended or out.started):
                    tx.run(f"UPDATE outgoing SET ended = ? WHERE id = ? AND {_LOST}", (stamp_or_none(out.ended), out.id))  # noqa: S608
                    note_outgoing(tx, out)
            for call in calls:
                spoken = call.outcome is Outcome.ANSWERED and call.answered_by is AnsweredBy.EXTENSION and not call.machine
                if spoken and call.caller is not None and not _erased(tx, call):
                    note_reached(tx, call.id, call.caller, call.started + timedelta(seconds=call.rang))

        await self._database.write(work)

    async def file(
        self,
        calls: Sequence[Call],
        decide: Callable[[Call, Known], Decision],
        *,
        line_of: Callable[[Call], str],
        live: Collection[str],
    ) -> list[Recorded]:
        """File these calls, or settle those filed as ``unseen``, in one transaction: what became of those that were not known.

        ``live``: numbers with a call up. ``decide`` and ``line_of`` run in the transaction: they must be pure.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> list[Recorded]:
            done = [
                record_call(tx, call, decide, line=line_of(call), home=self._home, now=now, live=call.caller in live, late=True)
                for call in calls
                if not _erased(tx, call)
            ]
            return [each for each in done if each.new]

        return await self._database.write(work)


def _new_call(reader: Reader, call: Call) -> Call | None:
    row = row_of(reader, call)
    if row is None:
        return None if _erased(reader, call) else call
    settles = row["outcome"] == Outcome.UNSEEN.value and call.outcome is not Outcome.UNSEEN
    return replace(call, id=row["id"]) if settles else None


def _new_outgoing(reader: Reader, call: OutgoingCall) -> OutgoingCall | None:
    if call.number is None or erased(reader, call.number, call.ended or call.started):
        return None
    row = row_of_outgoing(reader, call)
    if row is None:
        return call
    lost = row["ended"] is None or row["ended"] == (row["joined"] or row["started"])
    return replace(call, id=row["id"]) if lost and stamp_or_none(call.ended) != row["ended"] else None


def _erased(reader: Reader, call: Call) -> bool:
    return erased(reader, call.caller, call.ended, call.presented)
