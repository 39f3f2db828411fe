"""A text in place of waiting: ``AGI(agi://127.0.0.1:4573/offer)`` in a greeting or before a queue.

The caller hears "to go on by text message, press 1" in their language. 1: the text is noted, they hear that it comes, the call is ended
and the text goes at once. Any other end of it, and everywhere a text cannot go (hidden number, landline, opted out, mode watch, a limit):
nothing is said, and the dialplan goes on. ``agi://…/offer,yes``: they pressed 1 already, in a queue's announcement, or their call was
declined; where a text cannot go they are told so. ``agi://…/offer,may`` only says whether one can: it sets ``TEXTBACK_OFFER`` ("1", "0")
and ``TEXTBACK_LANGUAGE``.
"""

from __future__ import annotations

import asyncio

import structlog

from agi.caller import ANSWER_WITHIN
from agi.prompts import Prompts
from agi.protocol import Request
from agi.speech import Speech
from ari_app.desk import Desk
from ari_app.errors import RefusedError, TextbackError
from ari_app.model import Language

__all__ = ["Offer"]

log = structlog.get_logger()

_THINKS = 3.0
"""Seconds to press a key after the words."""
_KEY = "1"
_NOTED_WITHIN = 3.0
"""Seconds a caller who asked for a text is held for the word that it is noted; then the dialplan goes on, and the text goes all the same
when it comes to be noted."""


class Offer:
    """The route. ``language``: the clinic's first, for who cannot be told anything better."""

    def __init__(self, desk: Desk, speech: Speech, prompts: Prompts, language: Language) -> None:
        self._desk = desk
        self._speech = speech
        self._prompts = prompts
        self._language = language

    async def serve(self, request: Request) -> None:
        """One call. Raises RequestError when the caller hangs up meanwhile."""
        match request.headers.get("agi_arg_1", "").strip():
            case "yes":
                await self._asked(request)
            case "may":
                language = await self._may(request)
                await request.set_variable("TEXTBACK_OFFER", "0" if language is None else "1")
                if language is not None:
                    await request.set_variable("TEXTBACK_LANGUAGE", language)
            case _:
                language = await self._may(request)
                if language is not None and await self._wants(request, language):
                    await self._asked(request)

    async def _may(self, request: Request) -> Language | None:
        """The language to offer it in; None where a text cannot go, or that is not known in time."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._desk.may_ask(request.headers.get("agi_uniqueid", ""))
        except TimeoutError:
            log.warning("offer_not_made", reason="not known in time")
        except TextbackError as error:
            log.info("offer_not_made", reason=error.facts.get("reason", error.code))
        return None

    async def _wants(self, request: Request, language: Language) -> bool:
        with self._speech.voice() as voice:
            await request.answer()
            key = await self._prompts.say(request, voice, "offer", language, keys=_KEY)
            if key is None:
                return False
            return _KEY in (key, "" if key else await request.wait_for_digit(_THINKS))

    async def _asked(self, request: Request) -> None:
        """Note it, say so, end the call."""
        try:
            async with asyncio.timeout(_NOTED_WITHIN):
                language = await self._desk.ask(request.headers.get("agi_uniqueid", ""))
        except TimeoutError:
            log.error("text_not_promised", reason="not noted in time")
            return
        except TextbackError as error:
            log.info("text_not_promised", reason=error.facts.get("reason", error.code))
            if isinstance(error, RefusedError):
                await self._tell(request, "cannot", self._language)
            return
        await self._tell(request, "will_text", language)
        await request.hang_up()

    async def _tell(self, request: Request, name: str, language: Language) -> None:
        with self._speech.voice() as voice:
            await request.answer()
            if await self._prompts.say(request, voice, name, language) is None:
                # what cannot be spoken: a sound that every Asterisk has
                await request.stream("vm-goodbye" if name == "will_text" else "beep", lasts=3.0, keys="")
