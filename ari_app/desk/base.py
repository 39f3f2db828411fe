"""What every part of the desk stands on: the store, the settings in force, who may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ari_app.board import Actor, CallBack, Face, Member, Role, Row
from ari_app.clock import Clock
from ari_app.desk.checks import shown
from ari_app.desk.passwords import Passwords
from ari_app.desk.throttle import Gate
from ari_app.errors import NotFoundError, RefusedError
from ari_app.ringing import LiveCalls
from ari_app.settings import MAIN_LINE
from ari_app.standing import Standing
from ari_app.threads import Store

__all__ = ["SHELL", "Base", "Dialler", "Marked", "Written"]

SHELL = Actor(member=None, name="shell", role=Role.ADMINISTRATOR, face=Face.SHELL)
"""Who uses the command line of this machine: who may open the store's file may all."""


class Dialler(Protocol):
    """Places calls (``ari_app.pbx.dial``)."""

    def new_id(self) -> str:
        """An id for a call that is to be placed."""

    async def place(self, id: str, extension: str, number: str, name: str | None = None) -> None:  # noqa: A002 - as the PBX calls it
        """Ring a member's own phone, then the caller. Raises RefusedError, PbxError when the PBX does not begin it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that is on disk. ``new`` False: this act was done before, nothing was added."""

    message: int
    thread: int
    state: str
    new: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A thread's new state. ``changed`` False: it stood so already."""

    thread: int
    state: str
    changed: bool


class Base:
    """The desk's parts share this."""

    def __init__(
        self,
        store: Store,
        standing: Standing,
        clock: Clock,
        dialler: Dialler | None = None,
        switches: Callable[[], Mapping[str, str]] | None = None,
        *,
        calls: LiveCalls | None = None,
    ) -> None:
        """``dialler``: without one nobody is called back from here. ``switches``: device states of the night switches, by name.

        ``calls``: those that are up; without it none is known of.
        """
        self._store = store
        self._standing = standing
        self._clock = clock
        self._dialler = dialler
        self._switches = switches or dict
        self._calls = calls
        self._passwords = Passwords()
        self._confirms = Gate(clock)
        self._seeding = asyncio.Lock()
        self._rung: tuple[float, int, CallBack] | None = None
        """The last call back: when (monotonic), by which member."""
        self._country = standing.settings.clinic.country
        self._lines = (MAIN_LINE, *(standing.settings.line_name(line) for line in standing.settings.line))
        self._modems = tuple(modem.name for modem in standing.settings.modem)

    def _known_line(self, line: str | None) -> None:
        if line is not None and line not in self._lines:
            raise NotFoundError(f"there is no line {shown(line)}", f"use one of: {', '.join(self._lines)}", code="no_line")

    @staticmethod
    def _administrator(by: Actor) -> None:
        if by.role is not Role.ADMINISTRATOR:
            raise RefusedError("only an administrator may do this", "ask one", code="forbidden")

    async def _row(self, thread: int) -> Row:
        rows = await self._store.board.rows_of((thread,))
        if not rows:
            raise NotFoundError(f"there is no thread {thread}", "go back to the inbox", code="no_thread")
        return rows[0]

    async def _member(self, member: int) -> Member:
        return await self._store.members.get(member)
