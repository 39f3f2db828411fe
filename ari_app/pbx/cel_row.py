"""One row of the channel event log (CEL), as its readers give it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ari_app.pbx.event_types import Bridge

__all__ = ["CelRow"]

_PAIR = re.compile(r'"(\w+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?[0-9]+))')
"""Of the JSON in ``extra``: a table may have cut it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CelRow:
    """``eventtime``: aware where the log has seconds of the epoch, else as written, without a zone."""

    eventtype: str
    eventtime: datetime
    cid_num: str
    exten: str
    context: str
    channame: str
    appname: str
    appdata: str
    uniqueid: str
    linkedid: str
    peer: str = ""
    """Names of whoever else is in the bridge, with commas between."""
    extra: str = ""

    def extra_of(self, name: str) -> str:
        """A value of ``extra``, "" for none."""
        return next((text or number for key, text, number in _PAIR.findall(self.extra) if key == name), "") if self.extra else ""

    @property
    def cause(self) -> int:
        """Q.850 cause of a HANGUP, 0 for none."""
        value = self.extra_of("hangupcause")
        return int(value) if value.isdigit() else 0

    @property
    def bridge(self) -> Bridge | None:
        """The bridge of BRIDGE_ENTER and BRIDGE_EXIT; None where the log does not tell it."""
        identity = self.extra_of("bridge_id")
        if not identity:
            return None
        return Bridge(identity, "holding" if self.extra_of("bridge_technology") == "holding_bridge" else "mixing")
