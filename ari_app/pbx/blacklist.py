"""The PBX's own blacklist: family ``blacklist`` of AstDB, whose keys are numbers as the PBX's caller ID shows them.

Source: FreePBX's module blacklist and Asterisk's function BLACKLIST() (funcs/func_blacklist.c), which both read it.
"""

from __future__ import annotations

import asyncio

import structlog

from ari_app.errors import PbxError
from ari_app.numbers import e164, national
from ari_app.pbx.ami import Ami

__all__ = ["keys", "listed"]

log = structlog.get_logger("pbx.blacklist")

_FAMILY = "blacklist"
_PATIENCE = 1.0
"""Seconds: a call is not decided before."""


def keys(presented: str, country: str) -> tuple[str, ...]:
    """How a number may stand there: as the trunk shows it, as it is dialled here, with its country's code, in E.164."""
    number = e164(presented, country)
    if number is None:
        return ()
    shown = "".join(char for char in presented if char.isdigit() or char == "+")
    return tuple(dict.fromkeys((shown, national(number, country), number.removeprefix("+"), number)))


async def listed(ami: Ami | None, presented: str, country: str) -> bool:
    """Does a caller's number stand in it. False within a second where the PBX does not say."""
    asked = keys(presented, country)
    if ami is None or not ami.status.connected or not asked:
        return False
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.gather(*(ami.db_get(_FAMILY, each) for each in asked))
    except TimeoutError:
        log.warning("blacklist_unread", reason="Asterisk did not answer")
        return False
    except PbxError as error:
        log.warning("blacklist_unread", reason=error.what)
        return False
    return any(each is not None for each in found)
