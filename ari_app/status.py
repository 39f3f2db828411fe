"""What the running service says of itself: to commands over its socket, to its own alarms and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["HistoryStatus", "ModemStatus", "PbxStatus", "ServiceStatus", "StoreStatus"]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a command may be older or newer than the service it asks


class PbxStatus(_Words):
    """How the service stands with Asterisk."""

    connected: bool
    since: datetime | None
    """Since when it is connected, or is not."""
    reason: str = ""
    """Why it is not connected."""
    asterisk: str | None = None
    """Asterisk's version."""
    live_calls: int = 0
    strange_contexts: tuple[str, ...] = ()
    """Contexts with calls from outside that are neither inbound nor internal."""
    channelvars: bool | None = None
    """Do events carry CALLERID(num-pres); None before the first call."""
    options: bool | None = None
    """The same of TEXTBACK_OPTION."""
    lag_ms: float | None = None
    """Our clock less Asterisk's, at the last event."""
    unreadable: int = 0
    overflows: int = 0


class HistoryStatus(_Words):
    """How the PBX's own records are read, for calls that were missed here."""

    state: Literal["off", "waiting", "ok", "failed"] = "off"
    """``off``: none are named in the settings; ``waiting``: not read yet, as for without the PBX."""
    read: datetime | None = None
    """When they were last read well."""
    found: int = 0
    """Calls that were filed from them since the service started, or settled, where they had been listed as unseen."""
    texts: int = 0
    """To callers of those, queued."""
    skipped: int = 0
    """Lines or rows of the last read that are no record."""
    cut: bool = False
    """There was more than is read at once."""
    code: str = ""
    """What keeps them, or some of them, from being read."""
    what: str = ""
    fix: str = ""


class ModemStatus(_Words):
    """A bearer's name, its ``modem.types.Health``, and how it stands in the pool (``ari_app.pool.Standing``)."""

    name: str
    state: str
    code: str
    what: str
    fix: str = ""
    registered: bool = False
    signal: int | None = None
    model: str = ""
    imei: str = ""
    port: str = ""
    operator: str = ""
    own_number: str = ""
    forwarded: str = ""
    carried: int = 0
    """SMS that went, or may have, in the last 24 hours; ``budget`` is the most, None without limit."""
    budget: int | None = None
    tried: int = 0
    failed: int = 0
    """Of ``tried``; ``failing``: more than a tenth, so that others carry what they can."""
    failing: bool = False


class StoreStatus(_Words):
    """A store that took nothing when it was last written to: what and fix of the error."""

    code: str
    what: str
    fix: str
    kept: int = 0
    """How much of what the PBX said waits in memory for it."""


class ServiceStatus(_Words):
    """What only the running service knows; doctor reads the rest (queue, disk, settings) itself."""

    pid: int
    version: str
    started: datetime
    pbx: PbxStatus
    history: HistoryStatus = HistoryStatus()
    modems: tuple[ModemStatus, ...] = ()
    store: StoreStatus | None = None
    """None while it can be written."""
    loop_lag_ms_p99: float = 0.0
