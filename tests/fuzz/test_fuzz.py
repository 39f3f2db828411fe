"""Each target with what was kept and a few hundred new examples, the same each time."""

from __future__ import annotations

import pytest

from tests.fuzz.running import TARGETS, play

MOST = {"agi": 60, "phone": 80, "ami": 60, "report": 150, "config": 120}
"""Those that cost more each."""


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_spoilt_input_is_survived(name: str) -> None:
    outcome = play(TARGETS[name], most=MOST.get(name, 300))
    if outcome.error is not None:
        raise AssertionError(f"{outcome.failing!r}") from outcome.error
    assert outcome.examples >= MOST.get(name, 300)
