"""What comes thick and fast, told by a hand clock."""

from __future__ import annotations

from ari_app.clock import Pace
from tests.threads.world import HandClock


def test_a_burst_is_no_load_and_what_goes_on_is() -> None:
    clock = HandClock()
    pace = Pace(clock, 10.0, burst=20)
    assert not any(pace.busy() for _ in range(20))
    assert pace.busy()
    clock.move(seconds=1)
    assert not pace.busy(9)
    assert pace.busy()


def test_as_many_as_are_allowed_for_ever_are_no_load() -> None:
    clock = HandClock()
    pace = Pace(clock, 10.0, burst=20)
    for _ in range(1000):
        clock.move(seconds=1)
        assert not pace.busy(10)


def test_a_storm_is_forgotten_two_bursts_later() -> None:
    clock = HandClock()
    pace = Pace(clock, 10.0, burst=20)
    assert pace.busy(100_000)
    clock.move(seconds=2)
    assert pace.busy()
    clock.move(seconds=2)
    assert not pace.busy()
