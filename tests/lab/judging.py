"""Holds what was told of a scenario's calls against its rows, field for field."""

from __future__ import annotations

from collections.abc import Sequence

from ari_app.model import Call, OutgoingCall
from tests.lab.scenario import Row, Scenario
from tests.lab.scenarios import numbers_of

__all__ = ["assert_rows"]

_FIELDS = (
    "outcome", "answered_by", "reached", "caller_hung_up", "voicemail_left", "handed_on", "machine", "presentation", "caller",
)  # fmt: skip


def assert_rows(scenario: Scenario, calls: Sequence[Call], outgoing: Sequence[OutgoingCall]) -> None:
    """Exactly the scenario's rows, in the order the calls came in, and its outgoing calls."""
    numbers = numbers_of(scenario)
    calls = sorted(calls, key=lambda call: (call.started, call.id))
    assert len(calls) == len(scenario.rows)
    assert len({call.id for call in calls}) == len(calls)
    for call, row in zip(calls, scenario.rows, strict=True):
        names = [name for name in _FIELDS if not (name == "presentation" and row.presentation is None)]
        wanted = {name: getattr(row, name) for name in names} | {"caller": numbers.caller_e164 if row.caller == "own" else row.caller}
        assert {name: getattr(call, name) for name in names} == wanted
        _assert_times(call, row)
        assert call.did == numbers.did
        assert call.context == "from-trunk"
    if not scenario.rows:
        assert [call.joined is not None for call in outgoing] == list(scenario.outgoing)


def _assert_times(call: Call, row: Row) -> None:
    low, high = row.rang
    assert low <= call.rang <= high, f"rang {call.rang}"
    assert call.started <= call.ended
