"""Calling back with one act: the member's own phone rings, and who picks it up is put through to the caller.

The PBX dials the caller as if the member had: from ``pbx.dial_context``, with the member's own extension as caller ID in the dialplan,
so that outbound routes and the number they show are the usual ones. Only the telephone's display is told whom it rings for
(CONNECTEDLINE). No call enters Stasis and no dialplan line changes.
"""

from __future__ import annotations

import re

from ari_app.errors import PbxRequestError, RefusedError
from ari_app.numbers import dialled, national
from ari_app.pbx.ari import AriClient
from ari_app.pbx.placed import new_id
from ari_app.settings import Settings

__all__ = ["Dialler"]

_RINGS = 30
"""Seconds the member's phone rings."""


class Dialler:
    """Places call backs, and knows who is being called."""

    def __init__(self, ari: AriClient, settings: Settings) -> None:
        self._ari = ari
        self._pbx = settings.pbx
        self._country = settings.clinic.country
        self._calling: dict[str, str] = {}
        self._told: set[str] = set()
        """Call backs that ``place`` ended itself and said why."""

    new_id = staticmethod(new_id)

    def calling(self) -> frozenset[str]:
        """E.164 numbers that are being called back: from the first ring of a member's phone, before the PBX dials them."""
        return frozenset(self._calling.values())

    async def place(self, call_back: str, extension: str, number: str, name: str | None = None) -> None:
        """Ring the phone of ``extension``; who picks up is put through to ``number`` (E.164). Returns while it rings.

        ``call_back``: an id of ``new_id()``. ``name``: whom the telephone shows beside the number. Raises RefusedError
        (``no_extension``, ``no_phone``, ``phone_offline``, ``not_rung``, ``no_route``), PbxUnavailableError, PbxAuthError (a user that
        may only read), PbxRequestError. How it went on is told by the watcher: OutgoingDialled, CallBackEnded.
        """
        if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", extension) is None:
            raise RefusedError("the extension is none", "write it as the telephone has it, such as 101", code="no_extension")
        device = self._pbx.device.replace("{extension}", extension)
        plain = national(number, self._country)
        outside = dialled(number, self._country, self._pbx.dial)
        variables = {"CALLERID(num)": extension, "CONNECTEDLINE(num,i)": plain}
        if name:
            variables["CONNECTEDLINE(name,i)"] = name
        self._calling[call_back] = number
        try:
            await self._ring(call_back, device, outside, variables)
            await self._check_route(call_back, outside)
        except BaseException:
            self._calling.pop(call_back, None)
            raise

    def ended(self, call_back: str) -> bool:
        """It is over: the number is no longer being called. False: ``place`` said why already."""
        self._calling.pop(call_back, None)
        return call_back not in self._told

    def known(self, live: frozenset[str]) -> None:
        """Only these are up: what ended while nothing was heard is over."""
        for call_back in self._calling.keys() - live:
            self.ended(call_back)

    async def _ring(self, call_back: str, device: str, dialled: str, variables: dict[str, str]) -> None:
        try:
            await self._ari.originate(
                call_back, device, context=self._pbx.dial_context, extension=dialled, rings=_RINGS, variables=variables
            )
        except PbxRequestError as error:
            if error.status != 500:
                raise
            raise await self._no_phone(device) from error

    async def _no_phone(self, device: str) -> RefusedError:
        """Asterisk says no more than "Allocation failed" (500, on 16 and 22): look why."""
        technology, _, resource = device.partition("/")
        state = await self._ari.endpoint_state(technology, resource.partition("@")[0])
        if state == "offline":
            return RefusedError(f"the phone {device} is not registered", "see that it is on and on the network", code="phone_offline")
        if state is None and technology != "Local":
            return RefusedError(
                f"Asterisk has no phone {device}", "correct the member's extension, or pbx.device in textback.toml", code="no_phone"
            )
        return RefusedError(f"Asterisk could not ring {device}", "see Asterisk's log, and pbx.device in textback.toml", code="not_rung")

    async def _check_route(self, call_back: str, dialled: str) -> None:
        """A number that the dialplan does not take would end in silence after the member picked up: seen while it rings, it ends at once.

        Only a channel can ask the dialplan (ARI reads no function without one). Gone already, it has nothing to ask.
        """
        context = self._pbx.dial_context
        if await self._ari.variable(call_back, f"DIALPLAN_EXISTS({context},{dialled},1)") == "0":
            self._told.add(call_back)
            await self._ari.hang_up(call_back)
            raise RefusedError(
                f"Asterisk's dialplan has no way out for this number in [{context}]",
                "set pbx.dial_context and pbx.dial in textback.toml to how a telephone dials outside",
                code="no_route",
            )
