"""What a scenario is, and the stage it plays on: its own DID, caller, phones, queue and parking lot, so that all play side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ari_app.model import AnsweredBy, Outcome, Presentation, Reached
from tests.lab.listener import Event, channels
from tests.lab.numbering import Numbers
from tests.lab.paths import Paths
from tests.lab.scripts import Caller, Phone
from tests.lab.sipp import Agent, TrunkCall

if TYPE_CHECKING:
    from tests.lab.lab import Lab

__all__ = ["Row", "Scenario", "Stage", "answered", "missed", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a call's ``Call`` must say, field for field."""

    outcome: Outcome
    reached: Reached
    caller_hung_up: bool
    rang: tuple[float, float]
    """Seconds, from … to: the machine's load is in the upper one."""
    answered_by: AnsweredBy | None = None
    voicemail_left: bool = False
    handed_on: bool = False
    machine: bool = False
    presentation: Presentation | None = Presentation.ALLOWED
    """None: not compared, because Asterisk's versions differ and nothing rests on it."""
    caller: str | None = "own"
    """E.164; "own" is the scenario's caller."""
    presented: str | None = None
    """None: not compared."""


def answered(reached: Reached, *, hung_up: bool, rang: tuple[float, float], by: AnsweredBy = AnsweredBy.EXTENSION, **more: Any) -> Row:
    """A row of a call somebody took."""
    return Row(outcome=Outcome.ANSWERED, reached=reached, caller_hung_up=hung_up, rang=rang, answered_by=by, **more)


def missed(reached: Reached, *, hung_up: bool, rang: tuple[float, float], **more: Any) -> Row:
    """A row of a call nobody took."""
    return Row(outcome=Outcome.MISSED, reached=reached, caller_hung_up=hung_up, rang=rang, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One situation of issue 2, section 3. Texts may hold {did} {a} {b} {c} {group} {queue} {lot} {slot} {mobile} {name}."""

    name: str
    plan: tuple[str, ...]
    """The DID's dialplan, one application a line."""
    play: Callable[[Stage], Awaitable[None]]
    rows: tuple[Row, ...]
    more: str = ""
    """Contexts of its own."""
    queue: tuple[str, ...] = ()
    """Members of {queue}."""
    parking_seconds: int = 60
    """After so long in {lot} the phone that parked the call is rung again."""
    outgoing: tuple[bool, ...] = ()
    """Outgoing calls to {mobile} that are no leg of an inbound call: was each joined."""
    seconds: float = 45.0
    """How long it may take, generously."""


class Stage:
    """Hands and eyes of one scenario while it plays."""

    def __init__(self, lab: Lab, scenario: Scenario, numbers: Numbers) -> None:
        self.lab = lab
        self.scenario = scenario
        self.numbers = numbers
        self._start = self._looked = len(lab.listener.heard)
        self._calls: set[str] = set()

    def phone(self, letter: str, how: Phone, *, name: str | None = None) -> AbstractAsyncContextManager[dict[str, Agent]]:
        """Plug in phone ``letter`` (or the endpoint ``name``)."""
        return self.lab.phones({name or self.numbers.phone(letter): how})

    @asynccontextmanager
    async def call(self, **how: Any) -> AsyncIterator[TrunkCall]:
        """A call from this scenario's caller to its DID. The block ends when the call is over."""
        caller = replace(Caller(self.numbers.caller, self.numbers.did), **how)
        if caller.audio:
            caller = replace(caller, audio=str(self.lab.record.folder / caller.audio))
        async with self.lab.trunk_call(caller) as agent:
            yield agent
            await agent.over()

    @asynccontextmanager
    async def desk_call(self, letter: str, target: str, **how: Any) -> AsyncIterator[TrunkCall]:
        """A call made by phone ``letter``."""
        caller = replace(Caller(self.numbers.phone(letter), target), **how)
        async with self.lab.desk_call(caller) as agent:
            yield agent
            await agent.over()

    async def wait(self, look: Callable[[Event], str | None], what: str, *, after: int | None = None) -> str:
        """What ``look`` finds in an event of this scenario's time."""
        return await self.lab.listener.wait(look, f"{self.scenario.name}: {what}", after=self._start if after is None else after)

    def mark(self) -> int:
        """The event stream's position now, for ``after``."""
        return len(self.lab.listener.heard)

    async def channel(self, letter: str, what: str, **fits: Any) -> str:
        """The name of a channel of phone ``letter`` (or "caller") once an event of type ``fits["type"]`` shows it in ``fits["state"]``."""
        return (await self._seen(letter, what, **fits))["name"]

    async def _seen(
        self,
        letter: str,
        what: str,
        *,
        event: str | None = None,
        state: str | None = None,
        app: str | None = None,
        exten: str | None = None,
        after: int | None = None,
    ) -> dict[str, str]:
        found: list[dict[str, Any]] = []

        def look(heard: Event) -> str | None:
            if event is not None and heard["type"] != event:
                return None
            for channel in channels(heard):
                if (
                    self.is_of(letter, channel)
                    and state in (None, channel["state"])
                    and exten in (None, channel["dialplan"]["exten"])
                    and (app is None or channel["dialplan"].get("app_name", "").lower() == app.lower())
                ):
                    found.append(channel)
                    return str(channel["name"])
            return None

        await self.wait(look, what, after=after)
        return found[-1]

    def is_of(self, letter: str, channel: dict[str, Any]) -> bool:
        """Is this channel phone ``letter``'s, or the caller's."""
        name = channel["name"]
        if letter == "caller":
            return bool(name.startswith("PJSIP/trunk-") and channel["id"] in self._inbound())
        return bool(name.startswith(f"PJSIP/{self._endpoint(letter)}-"))

    def _endpoint(self, letter: str) -> str:
        return self.numbers.phone(letter) if len(letter) == 1 else letter

    def _inbound(self) -> set[str]:
        """Ids of the inbound calls to this scenario's DID."""
        heard = self.lab.listener.heard
        for event in heard[self._looked :]:
            if event["type"] == "ChannelCreated" and event["channel"]["dialplan"]["exten"] == self.numbers.did:
                self._calls.add(event["channel"]["id"])
        self._looked = len(heard)
        return self._calls

    async def ringing(self, letter: str, after: int | None = None) -> str:
        """Wait until a phone rings; its channel."""
        return await self.channel(letter, f"phone {letter} ringing", state="Ringing", after=after)

    async def joined(self, letter: str, after: int | None = None) -> str:
        """Wait until a phone (or the caller) is in a bridge; its channel."""
        return await self.channel(letter, f"{letter} in a bridge", event="ChannelEnteredBridge", after=after)

    async def talking(self, letter: str, after: int | None = None) -> str:
        """Wait until a path leads from the caller to a phone; the phone's channel."""
        paths, seen, caller = Paths(), self._start, ""

        def look(heard: Event) -> str | None:
            nonlocal seen, caller
            seen += 1
            paths.take(heard)
            if heard["type"] != "ChannelEnteredBridge":
                return None
            if self.is_of("caller", heard["channel"]):
                caller = heard["channel"]["name"]
            if not caller or seen <= (after or 0):
                return None
            return next((name for name in paths.from_(caller) if name.startswith(f"PJSIP/{self._endpoint(letter)}-")), None)

        return await self.wait(look, f"the caller talking to {letter}")

    async def held(self, letter: str, *, again: bool = False) -> str:
        """Wait until a phone put its call on hold (``again``: took it back)."""
        return await self.channel(letter, f"hold by {letter}", event="ChannelUnhold" if again else "ChannelHold")

    async def in_app(self, app: str, letter: str = "caller", after: int | None = None) -> str:
        """Wait until the caller (or a phone) is in a dialplan application; the channel."""
        return await self.channel(letter, f"{letter} in {app}", app=app, after=after)

    async def in_exten(self, exten: str, after: int | None = None) -> str:
        """Wait until the caller is at a dialplan extension; the channel."""
        return await self.channel("caller", f"caller at {exten}", exten=exten, after=after)

    async def gone(self, letter: str, after: int | None = None) -> str:
        """Wait until a phone's (or the caller's) channel has ended."""
        return await self.channel(letter, f"end of {letter}", event="ChannelDestroyed", after=after)

    async def settled(self) -> None:
        """Wait until every inbound call of this scenario has ended for Asterisk too."""
        for ident in self._inbound():
            await self.wait(
                lambda event, ident=ident: ident if event["type"] == "ChannelDestroyed" and event["channel"]["id"] == ident else None,  # type: ignore[misc]
                f"end of {ident}",
            )


async def play(lab: Lab, scenario: Scenario, numbers: Numbers) -> None:
    """Play one scenario to its end. Raises LabError or TimeoutError when it cannot be played as written."""
    stage = Stage(lab, scenario, numbers)
    async with asyncio.timeout(scenario.seconds + 60):
        await scenario.play(stage)
        await stage.settled()
