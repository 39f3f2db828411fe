"""What Asterisk's agi_… variables say of a call (res_agi.c, setup_env)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ari_app.pbx.places import Kind, kind_of, trunk_name

__all__ = ["did_of", "extensions_of", "is_hidden"]


def did_of(headers: Mapping[str, str]) -> str:
    """The DID a request is about, "" when it shows none."""
    for name in ("agi_arg_1", "agi_dnid", "agi_extension"):
        said = headers.get(name, "").strip()
        if said and said != "unknown" and not (name == "agi_extension" and re.fullmatch(r"[a-z]", said)):
            return said
    return trunk_name(headers.get("agi_channel", ""))


def extensions_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Which extension calls, the surest first: what its channel is named after, then the route's argument."""
    channel = headers.get("agi_channel", "")
    device = trunk_name(channel).partition("/")[2] if kind_of(channel) is Kind.DEVICE else ""
    return tuple(each for each in (device, headers.get("agi_arg_1", "").strip()) if each)


def is_hidden(headers: Mapping[str, str]) -> bool:
    """Does the caller withhold their number: bits 6 and 7 of the presentation are 01 (ITU-T Q.931, table 4-11)."""
    said = headers.get("agi_callingpres", "")
    return said.isdecimal() and int(said) & 0x60 == 0x20
