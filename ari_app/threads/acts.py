"""``store.acts``: what people here do, each one transaction with its row in the audit; notices leave after its commit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TypeVar

from ari_app.board import Actor, Holder, ThreadView
from ari_app.clock import Clock
from ari_app.model import Language
from ari_app.threads import declining, holding, ready, remarks, ringing, staff, timeline
from ari_app.threads.audit import audit
from ari_app.threads.database import Database, Transaction
from ari_app.threads.home import Home

__all__ = ["Acts"]

_T = TypeVar("_T")


class Acts:
    """Every act says who does it (``by``). Raises NotFoundError for a thread or text that is not there, RefusedError with the fix."""

    def __init__(self, database: Database, clock: Clock, home: Home) -> None:
        self._database = database
        self._clock = clock
        self._home = home

    async def _act(self, work: Callable[[Transaction, datetime], _T]) -> _T:
        now = self._clock.now()
        return await self._database.write(lambda tx: work(tx, now))

    # -- texts

    async def queue_staff(
        self,
        number: str,
        text: str,
        act: str,
        *,
        line: str | None = None,
        modem: str | None = None,
        scheduled: datetime | None = None,
        seen: int | None = None,
        blind: bool = False,
        takeover: bool = False,
        by: Actor,
    ) -> staff.Queued:
        """Queue a person's text, once per ``act`` (see ``staff.queue_staff`` and ``staff.Written``)."""
        written = staff.Written(
            number=number,
            text=text,
            act=f"client:{act}",
            by=by,
            line=line,
            modem=modem,
            scheduled=scheduled,
            seen=seen,
            blind=blind,
            takeover=takeover,
        )
        return await self._act(lambda tx, now: staff.queue_staff(tx, written, self._home, now))

    async def send_again(self, message: int, by: Actor, *, takeover: bool = False) -> staff.Queued:
        """Queue a copy of a text that did not go, or may not have (see ``staff.send_again``)."""
        return await self._act(lambda tx, now: staff.send_again(tx, message, by, self._home, now, takeover=takeover))

    async def call_off(self, message: int, by: Actor) -> bool:
        """Cancel a text that waits for its hour (see ``staff.call_off``)."""
        return await self._act(lambda tx, now: staff.call_off(tx, message, by, now))

    # -- threads

    async def opened(self, thread: int, by: Actor, *, before: datetime | None = None, limit: int = 50) -> ThreadView:
        """Somebody reads a thread: it is no longer unopened, and that they do is written down before anything of it is shown."""

        def work(tx: Transaction, now: datetime) -> ThreadView:
            holding.opened(tx, thread, by, now)
            return timeline.thread_view(tx, thread, now, before=before, limit=limit)

        return await self._act(work)

    async def claim(self, thread: int, by: Actor, takeover: bool = False) -> Holder:
        """A member answers a thread, or goes on doing so (see ``holding.claim``)."""
        return await self._act(lambda tx, now: holding.claim(tx, thread, by, now, takeover=takeover))

    async def let_go(self, thread: int, by: Actor) -> bool:
        """The holder stops answering; False where they were not."""
        return await self._act(lambda tx, now: holding.let_go(tx, thread, by, now))

    async def expire_claims(self, now: datetime) -> int:
        """Let go of threads that were left idle. How many. To be called about twice a minute."""
        return await self._database.write(lambda tx: holding.expire_claims(tx, now))

    async def mark_done(self, thread: int, by: Actor) -> bool:
        """Tick a thread off, with its texts that failed; False when there was nothing to tick off."""
        return await self._act(lambda tx, now: staff.mark_done(tx, thread, by, now))

    async def reopen(self, thread: int, by: Actor) -> bool:
        """Put a thread back to be answered; False when it was."""
        return await self._act(lambda tx, now: staff.reopen(tx, thread, by, now))

    async def snooze(self, thread: int, until: datetime, by: Actor) -> None:
        """Put a thread off (see ``holding.snooze``)."""
        await self._act(lambda tx, now: holding.snooze(tx, thread, until, by, now))

    async def wake(self, now: datetime) -> int:
        """End the snoozes that are over. How many."""
        return await self._database.write(lambda tx: holding.wake(tx, now))

    async def next_wake(self) -> datetime | None:
        """When the next snooze is over."""
        return await self._database.read(holding.next_wake)

    async def note(self, thread: int, text: str, by: Actor, act: str) -> int:
        """Keep words for staff only, once per ``act``; the note's id."""
        return await self._act(lambda tx, now: remarks.note(tx, thread, text, by, now, act=act))

    async def urgent(self, thread: int, on: bool, by: Actor) -> bool:
        """Put a thread before the others, or back; False when it stood so."""
        return await self._act(lambda tx, now: remarks.urgent(tx, thread, on, by, now))

    async def name(self, thread: int, name: str | None, by: Actor) -> bool:
        """Name the caller; False when they were named so."""
        return await self._act(lambda tx, now: remarks.name(tx, thread, name, by, now))

    async def language(self, thread: int, language: Language | None, by: Actor) -> bool:
        """The language of the caller; False when it was so."""
        return await self._act(lambda tx, now: remarks.language(tx, thread, language, by, now))

    async def opt_out(self, thread: int, on: bool, by: Actor) -> bool:
        """No more texts to the caller, or texts again, as they said to a person; False when it was so."""
        return await self._act(lambda tx, now: remarks.opt_out(tx, thread, on, by, now))

    # -- calls

    async def call_back_begun(self, asked: str, thread: int, extension: str, by: Actor) -> None:
        """A member asks for a call to the caller (see ``ringing.call_back_begun``)."""
        await self._act(lambda tx, now: ringing.call_back_begun(tx, asked, thread, by, now, extension=extension))

    async def call_back_failed(self, asked: str, why: str) -> None:
        """It was not placed, or nobody here picked up."""
        await self._act(lambda tx, now: ringing.call_back_failed(tx, asked, why, now))

    async def call_back_linked(self, asked: str, outgoing: str) -> None:
        """The PBX made this leg to the caller for it."""
        await self._database.write(lambda tx: ringing.call_back_linked(tx, asked, outgoing))

    async def settle_calls(self, call_backs: Collection[str], legs: Collection[str]) -> None:
        """The PBX is seen again, and only these are up (see ``ringing.settle_calls``)."""
        await self._act(lambda tx, now: ringing.settle_calls(tx, call_backs, legs, now))

    async def declined(self, number: str, line: str, by: Actor) -> int:
        """A member declined this caller's call (see ``declining.declined``); the thread."""
        return await self._act(lambda tx, now: declining.declined(tx, number, line, by, now))

    async def reached(self, outgoing: str, by: Actor) -> bool:
        """A person spoke with the caller on this call (see ``ringing.reached``)."""
        return await self._act(lambda tx, now: ringing.reached(tx, outgoing, by, now))

    # -- the house

    async def save_canned(self, which: int | None, language: Language | None, label: str, text: str, by: Actor) -> int:
        """Write a ready reply; its id."""
        return await self._act(lambda tx, now: ready.save_canned(tx, which, by, now, language=language, label=label, text=text))

    async def remove_canned(self, which: int, by: Actor) -> None:
        """Take a ready reply away."""
        await self._act(lambda tx, now: ready.remove_canned(tx, which, by, now))

    async def move_canned(self, which: int, by: Actor, *, up: bool) -> bool:
        """Put a ready reply one place up or down; False where there is none."""
        return await self._act(lambda tx, now: ready.move_canned(tx, which, by, now, up=up))

    async def set_setting(self, key: str, value: str | None, by: Actor) -> None:
        """Keep a setting over textback.toml's (``value``: JSON), or go back to the file's."""
        await self._act(lambda tx, now: ready.set_setting(tx, key, value, by, now))

    async def audited(self, by: Actor, act: str, thread: int | None = None, what: str = "") -> None:
        """Write down what changes nothing here: a list looked at, an export, a door that stayed shut."""
        await self._act(lambda tx, now: audit(tx, by, act, now, thread=thread, what=what))
