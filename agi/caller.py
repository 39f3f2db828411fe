"""Who calls, before a telephone rings: ``AGI(agi://127.0.0.1:4573/caller)``.

Sets on the asking channel ``CALLERID(name)`` (the names of the contacts behind the number, where there are any), ``TEXTBACK_KIND``
("client", "staff", "supplier", "prospect" who called or wrote before and is none of these, else "unknown"), ``TEXTBACK_LANGUAGE`` ("fr",
"en") and, for who goes before others, ``QUEUE_PRIO`` (5 high, 10 urgent; app_queue: the higher first). Answers within 50 ms, or sets
nothing: then go on as if not asked.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable

import structlog

from agi.headers import did_of, is_hidden
from agi.protocol import Request
from ari_app.desk import Desk
from ari_app.errors import TextbackError
from ari_app.model import Level

__all__ = ["ANSWER_WITHIN", "Caller"]

log = structlog.get_logger()

ANSWER_WITHIN = 0.05
"""Seconds a call is held for what we know."""
_LONGEST_NAME = 60
"""Octets of a caller ID's name in UTF-8: Asterisk's call records keep 79 of name and number (AST_MAX_EXTENSION), and cut what is longer in
the middle of a character, which a database refuses. Telephones show about 20."""
_ACTIVE = re.compile(r"[`$<>{}\[\];|]")
"""What is no part of a name, and means something to dialplans, and to the shells and databases they hand a name to."""
_PRIORITY = {Level.HIGH: "5", Level.URGENT: "10"}


class Caller:
    """The route."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def serve(self, request: Request) -> None:
        """One question. Raises RequestError when the caller hangs up before the answer."""
        headers = request.headers
        presented = "" if is_hidden(headers) else headers.get("agi_callerid", "")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                who = await self._desk.caller(headers.get("agi_uniqueid", ""), presented, did_of(headers))
        except TimeoutError:
            log.warning("caller_not_answered", within=ANSWER_WITHIN)
            return
        except TextbackError as error:
            log.error("caller_not_answered", what=error.code)
            return
        if name := _shown(who.names):
            await request.set_variable("CALLERID(name)", name)
        await request.set_variable("TEXTBACK_KIND", "unknown" if who.kind is None else who.kind.value)
        await request.set_variable("TEXTBACK_LANGUAGE", who.language)
        if who.level in _PRIORITY:
            await request.set_variable("QUEUE_PRIO", _PRIORITY[who.level])


def _shown(names: Iterable[str]) -> str:
    name = _ACTIVE.sub("", unicodedata.normalize("NFC", ", ".join(names)))
    return name.encode("utf-8", "ignore")[:_LONGEST_NAME].decode("utf-8", "ignore")
