"""What tells people of the house that somebody waits, without being asked: lamps and push, who is overdue, what time ends.

One object for the service: it is told what the PBX said and what changed in the store, and has the jobs that act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from ari_app.board import Key, Member
from ari_app.clock import Clock
from ari_app.events import CallChanged, MessageChanged, Notice, StaffChanged, ThreadChanged
from ari_app.lamps import Lamps
from ari_app.overdue import Overdue, Reminders
from ari_app.pbx.ami import Ami
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import Attached, Detached, Output, SwitchTurned
from ari_app.phone_push import PhonePush
from ari_app.policy.hours import Opening
from ari_app.settings import MAIN_LINE, Settings
from ari_app.threads import Store

__all__ = ["Signals"]


class Signals:
    """``opening``: is a line open at an instant, given the night switches. ``on_overdue``: see ``Overdue``. Raises SettingsError."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        ari: AriClient,
        clock: Clock,
        *,
        opening: Callable[[str, datetime, Mapping[str, str]], Opening],
        switches: Callable[[], Mapping[str, str]],
        on_overdue: Callable[[tuple[int, ...]], None],
    ) -> None:
        phones = settings.portal.phones
        self._switches = switches
        self._store = store
        self.lamps = Lamps(
            ari,
            clock,
            app=settings.pbx.app,
            lines=(MAIN_LINE, *(settings.line_name(line) for line in settings.line)),
            counts=store.board.counts_by_line,
            urgent=store.board.urgent,
            overdue=lambda: self.overdue.lines,
            late=lambda: self.overdue.threads,
            blink=phones.overdue == "blink",
        )
        self.overdue = Overdue(
            store.board.waiting,
            opening,
            settings.portal.overdue,
            clock,
            on_change=self.lamps.changed,
            on_overdue=on_overdue,
        )
        self.reminders = Reminders(store.acts, clock)
        self.jobs: list[Callable[[], Coroutine[Any, Any, None]]] = [self.overdue.run, self.lamps.run, self.reminders.run]
        """What is to run beside the watcher."""
        self.ami = None if settings.pbx.ami is None else Ami(settings.pbx.ami, clock)
        self.push: PhonePush | None = None
        if self.ami is not None and not phones.push:
            self.jobs.append(self.ami.run)
        elif self.ami is not None:
            self.push = PhonePush(
                self.ami,
                clock,
                count=self._count,
                people=self._people,
                device=settings.pbx.device,
                language=settings.clinic.languages[0],
                address=settings.portal.address,
            )
            self.ami.on_connected.append(self.push.connected)
            self.jobs.append(partial(_pushing, self.ami, self.push))

    def heard(self, output: Output) -> None:
        """The PBX said this."""
        match output:
            case Attached():
                self.lamps.connected()
            case Detached():
                self.lamps.disconnected()
            case SwitchTurned():
                self.overdue.turned(self._switches())

    def noticed(self, notices: tuple[Notice, ...]) -> None:
        """This changed in the store."""
        threads = any(isinstance(notice, ThreadChanged | MessageChanged | CallChanged) for notice in notices)
        if threads:
            self.lamps.changed()
            self.overdue.changed()
            self.reminders.changed()
        if self.push is not None and (threads or any(isinstance(notice, StaffChanged) for notice in notices)):
            self.push.changed()

    async def _count(self) -> int:
        return (await self._store.board.counts()).to_answer

    async def _people(self) -> tuple[tuple[Member, ...], tuple[Key, ...]]:
        return await self._store.members.all(), await self._store.members.keys()


async def _pushing(ami: Ami, push: PhonePush) -> None:
    """AMI holds on until push has said good-bye."""
    async with asyncio.TaskGroup() as group:
        held = group.create_task(ami.run())
        try:
            await push.run()
        finally:
            held.cancel()
