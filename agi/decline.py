"""*768: the call that rings is not taken, its caller gets a text. ``AGI(agi://127.0.0.1:4573/decline)``.

Of the calls that ring, the one that rings the dialler's own phone, else the only one there is. Who dials is known by their phone, as for
*767 (``agi.inbox``). The declined caller is told that a text comes by the route ``offer,yes`` (context textback-declined).
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from agi.headers import extensions_of
from agi.prompts import Prompts
from agi.protocol import Request
from agi.speech import Speech
from ari_app.board import Actor, Face, Member, Ringing
from ari_app.desk import Desk, Doors
from ari_app.errors import TextbackError
from ari_app.model import Language

__all__ = ["Decline"]

log = structlog.get_logger()

_SAID = {"not_ringing": "nobody_rings", "answered": "put_through", "no_text_goes": "no_text"}
"""Code of a refusal → what is said."""


class Decline:
    """The route. ``language``: the clinic's first."""

    def __init__(self, desk: Desk, doors: Doors, speech: Speech, prompts: Prompts, language: Language) -> None:
        self._desk = desk
        self._doors = doors
        self._speech = speech
        self._prompts = prompts
        self._language = language

    async def serve(self, request: Request) -> None:
        """One call of a member's phone. Raises RequestError when it is hung up meanwhile."""
        member, extension = await self._who(extensions_of(request.headers))
        language = (member.language if member is not None else None) or self._language
        if member is None:
            log.warning("decline_refused", reason="no member has this extension")
            said = "not_allowed"
        else:
            said = await self._decline(member, extension)
        with self._speech.voice() as voice:
            await request.answer()
            if await self._prompts.say(request, voice, said, language) is None:
                await request.stream("beep", lasts=2.0, keys="")
        await request.hang_up()

    async def _who(self, extensions: Sequence[str]) -> tuple[Member | None, str]:
        for extension in extensions:
            member = await self._doors.member_of(extension)
            if member is not None:
                return member, extension
        return None, ""

    async def _decline(self, member: Member, extension: str) -> str:
        """What came of it, as the name of a prompt."""
        by = Actor(member=member.id, name=member.name, role=member.role, face=Face.VOICE, address=extension)
        try:
            chosen = _chosen(await self._desk.ringing(by), extension)
            if isinstance(chosen, str):
                return chosen
            await self._desk.decline(chosen.id, by=by)
        except TextbackError as error:
            log.info("call_not_declined", reason=error.facts.get("reason", error.code))
            return _SAID.get(error.code, "trouble")
        return "declined"


def _chosen(ringing: Sequence[Ringing], extension: str) -> Ringing | str:
    """The call that is meant, else the prompt that says why there is none."""
    own = [each for each in ringing if extension in each.extensions]
    if own:
        return own[0]
    if len(ringing) == 1:
        return ringing[0]
    return "several_ring" if ringing else "nobody_rings"
