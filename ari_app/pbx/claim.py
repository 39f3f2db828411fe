"""Whose application name it is at Asterisk. The name belongs to whoever subscribed last: two services of one name would take it from each
other without end, so each asks before it subscribes.

Asked is a user event to the application (``POST /events/user``), answered by a global variable; no channel is touched. That the name is
known there is no answer: Asterisk 16 keeps one that nobody listens to any more, and every Asterisk takes a while to see that a machine is
gone (both seen).
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from ari_app.clock import Clock
from ari_app.errors import PbxReplacedError, PbxRequestError
from ari_app.pbx.ari_rest import AriRest
from ari_app.pbx.events import ASKED, NONCE

__all__ = ["FIX", "Claim"]

FIX = "stop the other textback, or give this one an application name of its own (pbx.app)"
_PATIENCE = 3.0
"""Seconds a running service has to answer."""
_PAUSE = 0.1


class Claim:
    """The application ``app`` for ``owner``: words for people that name one service, the same at each of its starts."""

    def __init__(self, rest: AriRest, clock: Clock, app: str, owner: str) -> None:
        self._rest = rest
        self._clock = clock
        self._app = app
        self._owner = owner
        self._holder = f"TEXTBACK_SERVICE_{app}"
        self._answer = f"TEXTBACK_ANSWER_{app}"

    async def check(self) -> None:
        """Raises PbxReplacedError when another running service has the name, and any PbxError of asking."""
        if await self._nobody():
            return
        holder = await self._rest.get_global(self._holder)
        if holder == self._owner:
            return  # this one, before it was killed or cut off
        nonce = secrets.token_hex(8)
        try:
            await self._rest.user_event(ASKED, self._app, {NONCE: nonce})
        except PbxRequestError:
            return  # gone meanwhile
        deadline = self._clock.monotonic() + _PATIENCE
        while self._clock.monotonic() < deadline:
            if await self._rest.get_global(self._answer) == nonce:
                raise PbxReplacedError(f'another textback ({holder}) is subscribed to Asterisk as "{self._app}"', FIX)
            await self._clock.sleep(_PAUSE)

    async def take(self) -> None:
        """Say who has it, once subscribed."""
        await self._rest.set_global(self._holder, self._owner)

    async def answer(self, nonce: str) -> None:
        """Another asks."""
        with suppress(PbxRequestError):
            await self._rest.set_global(self._answer, nonce)

    async def _nobody(self) -> bool:
        try:
            await self._rest.application(self._app)
        except PbxRequestError as error:
            if error.status == 404:
                return True
            raise
        return False
