"""Inbound calls that are up: who waits for a person, and the PBX's hands on them. What staff may do with them is the desk's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ari_app.errors import NotFoundError, PbxRequestError, RefusedError
from ari_app.model import Call, Outcome
from ari_app.pbx.ami import Ami
from ari_app.pbx.blacklist import listed
from ari_app.pbx.outputs import Output, RingingChanged, Waiting

__all__ = ["DECLINED", "LiveCalls", "Watched"]

DECLINED = "textback-declined"
"""Context of the dialplan where a declined caller hears that a text comes (config/asterisk/extensions_textback.conf)."""


class Watched(Protocol):
    """What is asked of the watcher (``ari_app.pbx.watch``)."""

    def call_of(self, channel_id: str) -> Call | None:
        """The inbound call that a channel is, or was made for, as it would be filed if it ended now."""

    def bridged(self, channel_id: str) -> bool:
        """Is this channel known to be in a bridge with others."""

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        """Ids of the channels that ring for a call now."""

    def declined(self, call_id: str, *, on: bool = True) -> None:
        """The caller is sent away: whoever picks up in this very moment does not get to talk with them. ``on`` False: they were not."""


class LiveCalls:
    """``on_change`` is called when another call waits, or one does no more. Without ``ami`` a call is only watched."""

    def __init__(self, watched: Watched, ami: Ami | None, country: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._watched = watched
        self._ami = ami
        self._country = country
        self._on_change = on_change
        self.waiting: tuple[Waiting, ...] = ()
        """Oldest first."""

    @property
    def can_redirect(self) -> bool:
        """Is there an AMI to do it with."""
        return self._ami is not None

    def heard(self, output: Output) -> None:
        """The PBX said this."""
        if isinstance(output, RingingChanged):
            self.waiting = output.calls
            self._on_change()

    def of(self, channel: str) -> Call | None:
        """The inbound call of a channel (uniqueid), as it would be filed if it ended now; None for none that is up."""
        return self._watched.call_of(channel)

    async def blacklisted(self, call: Call) -> bool:
        """Does its caller stand in the PBX's blacklist. Answers within a second."""
        return await listed(self._ami, call.presented, self._country)

    async def send_away(self, call: str) -> None:
        """Send a caller whom nobody is joined to into ``DECLINED``, out of the ringing or the queue.

        Raises RefusedError ``answered`` (a person was put through meanwhile), ``no_ami``, ``no_dialplan``; NotFoundError ``not_ringing``;
        PbxError.
        """
        if self._ami is None:
            raise RefusedError("a call can be declined over AMI only", "set [pbx.ami] in textback.toml", code="no_ami")
        try:
            # Asterisk would send it into nothing, and end it
            if await self._ami.read(call, f"DIALPLAN_EXISTS({DECLINED},s,1)") == "0":
                raise RefusedError(
                    f"the dialplan has no context {DECLINED}",
                    "copy it from extensions_textback.conf, then asterisk -rx 'dialplan reload'",
                    code="no_dialplan",
                )
            if await self._answered(self._ami, call):
                raise RefusedError("this caller was just put through", "let them talk", code="answered")
            self._watched.declined(call)
            try:
                await self._ami.redirect(call, DECLINED)
            except BaseException:
                # not sent away, or nobody knows: who picks up then has answered it
                self._watched.declined(call, on=False)
                raise
        except PbxRequestError as error:
            if "channel" in error.what.lower():
                raise NotFoundError("this call is over", "see the thread", code="not_ringing") from error
            raise

    async def _answered(self, ami: Ami, call: str) -> bool:
        """Did somebody pick up: Asterisk knows it some milliseconds before we are told, its Dial before it bridges."""
        if not self._watched.bridged(call):  # else it is a Local channel that leads into a queue or a menu
            bridged, dialled, *phones = await asyncio.gather(
                ami.read(call, "BRIDGEPEER"), ami.read(call, "DIALSTATUS"), *(_state(ami, each) for each in self._watched.phones_of(call))
            )
            if bridged or dialled == "ANSWER" or "Up" in phones:
                return True
        now = self._watched.call_of(call)
        return now is not None and (now.outcome is Outcome.ANSWERED or now.handed_on)


async def _state(ami: Ami, channel: str) -> str:
    try:
        return await ami.read(channel, "CHANNEL(state)")
    except PbxRequestError:
        return ""  # it stopped ringing
