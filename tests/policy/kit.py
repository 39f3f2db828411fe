"""Settings, calls and callers to decide about: each test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.model import Call, Inbound, Known, Outcome, Presentation, Reached
from ari_app.policy import Policy
from ari_app.settings import Settings, parse

CALLER = "+15145550177"
ENDED = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""A Tuesday, 10 h in Montréal: open."""
DELAY = timedelta(seconds=30)


def settings(**parts: Any) -> Settings:
    """A clinic in Montréal; ``parts`` replace or add keys of their table ("reply", "hours", "clinic", "pbx", "line" …)."""
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique Rosemont", "number": "+15145550100"},
        "pbx": {"username": "textback", "password": "secret"},
        "hours": {"open": "Mo-Fr 08:00-12:00,13:00-17:00"},
        "reply": {"delay": "30s"},
    }
    for name, part in parts.items():
        document[name] = {**document.get(name, {}), **part} if isinstance(part, dict) else part
    return parse(document)


_BUILT: dict[str, Policy] = {}


def policy(**parts: Any) -> Policy:
    """The policy of such a clinic. It has no state, so one serves every test that asks for the same."""
    key = repr(sorted(parts.items()))
    if key not in _BUILT:
        _BUILT[key] = Policy(settings(**parts))
    return _BUILT[key]


def call(**changes: Any) -> Call:
    """A missed call that rang for 20 s; ``changes`` are fields of Call."""
    base = Call(
        id="1764000000.1",
        started=ENDED - timedelta(seconds=20),
        ended=ENDED,
        presented="5145550177",
        caller=CALLER,
        presentation=Presentation.ALLOWED,
        did="5145550100",
        context="from-trunk",
        channel="PJSIP/trunk-00000001",
        outcome=Outcome.MISSED,
        answered_by=None,
        reached=Reached.RING,
        rang=20.0,
        caller_hung_up=True,
    )
    return replace(base, **changes)


def known(**changes: Any) -> Known:
    """A caller nobody has heard of."""
    return replace(Known(number=CALLER), **changes)


def inbound(text: str, **changes: Any) -> Inbound:
    """A text from a stranger."""
    base = Inbound(number=CALLER, text=text, received=ENDED, line="main", language=None, opted_out=False)
    return replace(base, **changes)
