"""The store as the house uses it: one object, verbs in the words of the domain. The rooms behind it each hold one topic."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import structlog

from ari_app.clock import Clock
from ari_app.errors import StoreError
from ari_app.events import Notice
from ari_app.model import Call, Decision, Inbound, Known, OutgoingCall, Reaction
from ari_app.settings import MAIN_LINE
from ari_app.threads import agenda, calls, declining, ending, history, inbound, radio, reports, sending, views
from ari_app.threads.acts import Acts
from ari_app.threads.alarms import Alarms
from ari_app.threads.contacts import Contacts
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.home import Home
from ari_app.threads.known import gather
from ari_app.threads.look import Board
from ari_app.threads.members import Members
from ari_app.threads.privacy import Privacy
from ari_app.threads.rows import stamp
from ari_app.threads.voicemail import Voicemails
from modem.types import NotSent, RawPdu, Refused, SendResult, Sent, Submit, Unknown

__all__ = ["Store"]

_T = TypeVar("_T")

LATELY = timedelta(days=7)
"""How long a text that went wrong is news."""

log = structlog.get_logger(__name__)


class Store:
    """Calls, decisions, threads and texts in one SQLite file.

    ``on_notices`` is called on the event loop after each commit that changed something people see. ``read_only``: for commands that
    only look, beside a running service or without one. ``notice_life``: how long a notice waits for a modem before it is too late.
    ``compact``: texts leave folded (``modem.compact``).
    Functions passed in (``decide``, ``react``, ``split``) run inside the writing transaction on the writer's thread: they must be pure.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        on_notices: Callable[[tuple[Notice, ...]], None] | None = None,
        read_only: bool = False,
        country: str = "CA",
        notice_life: timedelta = calls.AUTO_LIFE,
        compact: bool = False,
    ) -> None:
        self.path = path
        self._clock = clock
        self._read_only = read_only
        self._home = Home(MAIN_LINE, country, notice_life, compact)
        self._database = Database(path, on_notices=on_notices, read_only=read_only)
        self.board = Board(self._database, clock)
        """What staff see."""
        self.acts = Acts(self._database, clock, self._home)
        """What staff do."""
        self.contacts = Contacts(self._database, clock, self._home)
        """The people behind numbers."""
        self.members = Members(self._database, clock)
        """Who they are."""
        self.voicemail = Voicemails(self._database, clock, self._home)
        """Messages left in the PBX's voicemail."""
        self.privacy = Privacy(self._database, clock)
        """One person's record, its erasure, and what is kept for long enough."""
        self.alarms = Alarms(self._database, clock)
        """What the administrator is told of, and what metrics are made of."""
        self.history = history.History(self._database, clock, self._home)
        """What the PBX's own records tell."""

    async def open(self) -> None:
        """Lock, check and migrate the file, then settle what a stop left unfinished.

        Raises StoreLockedError while another process holds the store for writing, StoreError when the file cannot be used.
        """
        await self._database.open()
        if not self._read_only:
            now = self._clock.now()
            try:
                unknown = await self._database.write(lambda tx: _settle_stop(tx, now))
            except BaseException:
                await self._database.close()
                raise
            if unknown:
                log.warning("texts_unknown_after_stop", texts=unknown)

    async def check(self) -> None:
        """Look through all of the file for damage, where opening it, which does not wait long, did not. Raises StoreError."""
        await self._database.check()

    async def damage(self) -> NoReturn:
        """Wait for damage of the file that is met while it is used, and raise it (StoreError, ``store_damaged``)."""
        await self._database.damage()

    @property
    def trouble(self) -> StoreError | None:
        """Why the last write was not done (disk full, locked, damaged); None when it was."""
        return self._database.trouble

    async def close(self) -> None:
        """Finish what was asked, let go of the file. Idempotent."""
        await self._database.close()

    # -- calls

    async def record_call(self, call: Call, decide: Callable[[Call, Known], Decision], *, line: str, live: bool = False) -> calls.Recorded:
        """File a finished call: thread, call, decision and queued text in one transaction, once per call id.

        ``line`` is the name of the line of its DID; ``live``: another call with this number is up.
        """
        now = self._clock.now()
        return await self._database.write(lambda tx: calls.record_call(tx, call, decide, line=line, home=self._home, now=now, live=live))

    async def note_asked(self, call: str, member: int | None = None) -> int | None:
        """A text was asked for while this call is up, by its caller or by the member who declined it: its id; None once it is filed."""
        now = self._clock.now()
        return await self._database.write(lambda tx: calls.note_asked(tx, call, member, now))

    async def forget_asked(self, asked: int) -> None:
        """This one could not be promised after all; what else asks for a text of the same call stands."""
        await self._database.write(lambda tx: calls.forget_asked(tx, asked))

    async def known(self, number: str | None, line: str) -> Known:
        """What is known of a caller now, as a call of theirs on this line would be decided by it."""
        now = self._clock.now()
        return await self._database.read(lambda reader: gather(reader, call="", number=number, line=line, ended=now, now=now, live=False))

    async def thread_of(self, number: str, line: str) -> int | None:
        """The thread of a number on a line, None where there is none yet."""
        return await self._database.read(lambda reader: declining.thread_of(reader, number, line))

    async def note_started(self, call: Call) -> None:
        """An inbound call is up: kept as ``call``, so that it is listed even if its end is never heard of."""
        await self._database.write(lambda tx: calls.note_started(tx, call))

    async def open_calls(self) -> list[Call]:
        """Inbound calls that were up when last heard of and are not filed; those joined to a person count as answered."""
        return await self._database.read(calls.open_calls)

    async def note_outgoing(self, call: OutgoingCall) -> None:
        """An outgoing call was joined, or ended: staff may have called back."""
        await self._database.write(lambda tx: calls.note_outgoing(tx, call))

    async def note_reached(self, call: str, number: str, at: datetime) -> None:
        """A caller was joined to a person on an inbound call that is still up."""
        await self._database.write(lambda tx: calls.note_reached(tx, call, number, at))

    # -- outbox

    async def agenda(
        self,
        *,
        ready: Collection[str],
        awaited: Collection[str] = (),
        known_modems: Collection[str],
        live: Collection[str],
        held: bool,
    ) -> agenda.Agenda:
        """What may go now by the modems ``ready``, and when the next row is due (see ``agenda.agenda``)."""
        now = self._clock.now()
        return await self._database.read(
            lambda reader: agenda.agenda(reader, now, ready=ready, awaited=awaited, known_modems=known_modems, live=live, held=held)
        )

    async def attempts(self, within: timedelta) -> list[radio.Attempt]:
        """What the modems were given in the last ``within``, oldest first."""
        now = self._clock.now()
        return await self._database.read(lambda reader: radio.attempts_since(reader, now - within, now))

    async def forget_modems(self, known: Collection[str]) -> None:
        """Conversations and bound texts let go of modems that are none of ``known`` (see ``ending.forget_modems``)."""
        await self._database.write(lambda tx: ending.forget_modems(tx, known))

    async def oldest_waiting(self) -> dict[str | None, datetime]:
        """Since when a due text waits, by the modem it waits for; None: for any."""
        now = self._clock.now()
        return await self._database.read(lambda reader: radio.oldest_waiting(reader, now))

    async def claim(
        self,
        message: int,
        decide: Callable[[Call, Known, datetime], Decision],
        split: Callable[[str, str, int], tuple[Submit, ...]],
        *,
        live: bool,
    ) -> sending.Claimed | None:
        """Decide again and mark the text ``sending``; None when it does not go now (put off, cancelled, gone)."""
        now = self._clock.now()

        def folded(number: str, text: str, reference: int) -> tuple[Submit, ...]:
            return split(number, self._home.folded(text), reference)

        return await self._database.write(lambda tx: sending.claim(tx, message, decide, folded, now=now, live=live))

    async def begin_attempt(self, part: int, *, modem: str) -> int | None:
        """Between prompt and PDU: the attempt's id once it is on disk; None calls the part off."""
        now = self._clock.now()
        return await self._database.write(lambda tx: sending.begin_attempt(tx, part, modem=modem, now=now))

    async def finish_attempt(self, attempt: int, result: SendResult, *, others: Collection[str] = ()) -> bool:
        """What became of an attempt. True: the next part of the text may go. Reports that came early are matched here.

        ``others``: modems that could carry the text instead (see ``sending.finish_attempt``).
        """
        now = self._clock.now()

        def work(tx: Transaction) -> bool:
            more = sending.finish_attempt(tx, attempt, result, now, others)
            if isinstance(result, Sent | Unknown):
                modem = tx.value("SELECT modem FROM attempt WHERE id = ?", (attempt,))
                reports.match_waiting(tx, now, modem=modem, reference=result.reference if isinstance(result, Sent) else None)
            return more

        return await self._database.write(work)

    async def release(self, message: int, result: Refused | NotSent, *, modem: str | None = None) -> None:
        """A claimed text met no prompt at ``modem``: nothing left, queued again."""
        now = self._clock.now()
        await self._database.write(lambda tx: sending.release(tx, message, result, now, modem=modem))

    async def settle(self, message: int, what: str) -> None:
        """Sending a claimed text ended without a result: unknown where it may have left, else queued again."""
        now = self._clock.now()
        await self._database.write(lambda tx: ending.settle(tx, message, what, now))

    async def fail(self, message: int, code: str, what: str) -> None:
        """Put a text aside that cannot be handled; it is shown as failed."""
        await self._database.write(lambda tx: ending.fail(tx, message, code, what))

    async def expire(self) -> int:
        """End the texts whose time is over. How many."""
        now = self._clock.now()
        return await self._database.write(lambda tx: ending.expire(tx, now))

    # -- what comes in

    async def keep(self, raw: RawPdu, react: Callable[[Inbound], Reaction]) -> None:
        """Commit a received PDU, whatever it is: text, part, status report or what nobody can read."""
        await self._database.write(lambda tx: inbound.keep(tx, raw, react, self._home))

    async def settle_partials(self, alarm: Callable[[Inbound], Reaction]) -> int:
        """Show long texts whose missing parts are overdue. To be called about once a minute. ``alarm``: see ``Policy.alarm``."""
        now = self._clock.now()
        return await self._database.write(lambda tx: inbound.settle_partials(tx, now, self._home, alarm))

    async def settle_unconfirmed(self) -> int:
        """Mark texts whose status reports are overdue. How many. To be called about once a minute."""
        now = self._clock.now()
        return await self._database.write(lambda tx: reports.settle_unconfirmed(tx, now))

    async def pin_refused(self, sim: str, digest: str) -> None:
        """The SIM refused this PIN."""
        now = stamp(self._clock.now())
        await self._database.write(
            lambda tx: tx.run("INSERT INTO pin_refused (sim, digest, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (sim, digest, now))
        )

    async def pin_known_bad(self, sim: str, digest: str) -> bool:
        """Was this PIN refused by this SIM."""
        found = await self._database.read(
            lambda reader: reader.one("SELECT 1 FROM pin_refused WHERE sim = ? AND digest = ?", (sim, digest))
        )
        return found is not None

    async def pin_forget(self, sim: str) -> None:
        """The SIM is open: its PINs may be tried again."""
        await self._database.write(lambda tx: tx.run("DELETE FROM pin_refused WHERE sim = ?", (sim,)))

    # -- looking

    async def calls(self, **filters: Any) -> list[dict[str, Any]]:
        """Calls, newest first: ``since``, ``number``, ``limit``, ``decision``, ``reason``, ``outcome`` (see ``views.calls``)."""
        return await self._look(lambda reader: views.calls(reader, **filters))

    async def why(self, subject: str, *, limit: int = 0) -> list[dict[str, Any]]:
        """The facts of a call by its id, or of every call of a number. Raises NotFoundError."""
        return await self._look(lambda reader: views.why(reader, subject, limit=limit))

    async def threads(self, **filters: Any) -> list[dict[str, Any]]:
        """Threads, last changed first: ``state``, ``since``, ``number``, ``limit`` (see ``views.threads``)."""
        return await self._look(lambda reader: views.threads(reader, **filters))

    async def thread(self, number: str, line: str | None = None, *, limit: int = 0) -> dict[str, Any]:
        """One thread with its messages and calls. Raises NotFoundError."""
        return await self._look(lambda reader: views.thread(reader, number, line, limit=limit))

    async def thread_by_id(self, thread: int, *, limit: int = 0) -> dict[str, Any]:
        """The same by id, for threads without a number. Raises NotFoundError."""
        return await self._look(lambda reader: views.thread_by_id(reader, thread, limit=limit))

    async def message(self, message: int) -> dict[str, Any]:
        """One message with its thread. Raises NotFoundError."""
        return await self._look(lambda reader: views.message(reader, message))

    async def contact(self, number: str) -> dict[str, Any] | None:
        """What is kept of a number beside its threads."""
        return await self._look(lambda reader: views.contact(reader, number))

    async def counts(self) -> dict[str, Any]:
        """Numbers for doctor; ``…_lately``: within ``LATELY``."""
        lately = self._clock.now() - LATELY
        return await self._look(lambda reader: views.counts(reader, lately))

    async def search(self, text: str, *, limit: int = 50) -> list[dict[str, Any]]:
        """Messages with these words, and those of contacts so named."""
        return await self._look(lambda reader: views.search(reader, text, limit=limit))

    async def _look(self, question: Callable[[Reader], _T]) -> _T:
        return await self._database.read(question)


def _settle_stop(tx: Transaction, now: datetime) -> int:
    history.begin(tx, now)
    unknown = ending.recover(tx, now)
    reports.match_waiting(tx, now)
    return unknown
