"""Holds what was told of a scenario's calls against its rows, field for field."""

from __future__ import annotations

from collections.abc import Sequence

from ari_app.model import Call, OutgoingCall
from tests.lab.scenario import Scenario
from tests.lab.scenarios import numbers_of

__all__ = ["assert_rows"]

_FIELDS = (
    "outcome", "answered_by", "reached", "caller_hung_up", "voicemail_left", "handed_on", "machine", "presentation", "caller",
)  # fmt: skip


def assert_rows(scenario: Scenario, calls: Sequence[Call], outgoing: Sequence[OutgoingCall]) -> None:
    """Exactly the scenario's rows, in the order the calls came in, and its outgoing calls."""
    numbers = numbers_of(scenario)
    calls = sorted(calls, key=lambda call: (call.started, call.id))
    assert len(calls) == len(scenario.rows), f"{len(calls)} calls, not {len(scenario.rows)}"
    assert len({call.id for call in calls}) == len(calls)
    for call, row in zip(calls, scenario.rows, strict=True):
        wanted = {name: getattr(row, name) for name in _FIELDS} | {"caller": numbers.caller_e164 if row.caller == "own" else row.caller}
        if row.presentation is None:
            del wanted["presentation"]
        wrong = [f"{name}: {getattr(call, name)}, not {value}" for name, value in wanted.items() if getattr(call, name) != value]
        assert not wrong, f"call {call.id}: {'; '.join(wrong)}"
        low, high = row.rang
        assert low <= call.rang <= high, f"rang {call.rang}, not {low} to {high}"
        assert call.started <= call.ended
        assert (call.did, call.context) == (numbers.did, "from-trunk")
    if not scenario.rows:
        assert [call.joined is not None for call in outgoing] == list(scenario.outgoing), outgoing
