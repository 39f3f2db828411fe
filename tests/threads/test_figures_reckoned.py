"""Statistics against the same figures reckoned by hand, over whatever callers and people here do, across both days that change clocks."""

from __future__ import annotations

import asyncio
import statistics as averages
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ari_app.board import Actor, Statistics
from ari_app.model import OutgoingCall, Reason
from ari_app.threads import Store
from tests.threads.crew import a_member, missed, texted
from tests.threads.test_staff import send
from tests.threads.world import Clerk, HandClock, a_call, answered, silence

WEEK = timedelta(days=7)
SPOKEN = timedelta(seconds=15)
"""Of an answered call, which rings for 5 of its 20 seconds."""
NUMBERS = ("+15145550131", "+15145550132")
SPRING, AUTUMN = datetime(2026, 3, 6, 4, 0, 30, tzinfo=UTC), datetime(2026, 10, 30, 4, 0, 30, tzinfo=UTC)
"""Shortly before clocks change in Canada. Half a minute past: no call lies across a midnight."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 29, 61, 60 * 7, 60 * 24, 60 * 24 * 4 + 13, 60 * 24 * 8)),
        st.sampled_from(("missed", "missed", "texted", "answered", "wrote", "replied", "called off", "reached", "rang out")),
        st.sampled_from(NUMBERS),
    ),
    min_size=1,
    max_size=14,
)


@dataclass
class Told:
    """What happened, as a list: what, of whom, when (the end of a call in vain, the beginning of words)."""

    events: list[tuple[str, str, datetime]] = field(default_factory=list)

    def of(self, number: str, *kinds: str) -> list[datetime]:
        return [at for what, who, at in self.events if who == number and what in kinds]


async def lived(store: Store, clock: HandClock, steps: list[tuple[int, str, str]]) -> Told:
    """Do all of it."""
    told, anne = Told(), await a_member(store, "anne")
    for act, (minutes, what, number) in enumerate(steps):
        clock.move(minutes=minutes)
        at = clock.now()
        if what == "texted":
            call = a_call(number, ended=at)
            message = (await store.record_call(call, Clerk().first(at), line="main")).message
            clock.move(seconds=15)
            went = message is not None and await send(store, message) == "sent"
            told.events.append(("texted" if went else "missed", number, at))
            continue
        told.events.append((what, number, at - SPOKEN if what == "answered" else at))
        await _done(store, what, number, anne, str(act))
    return told


async def _done(store: Store, what: str, number: str, by: Actor, act: str) -> None:
    at = store._clock.now()
    match what:
        case "missed":
            await missed(store, number)
        case "answered":
            await store.record_call(answered(number, ended=at), silence(Reason.ANSWERED), line="main")
        case "wrote":
            await texted(store, f"words {act}", number)
        case "replied":
            await store.acts.queue_staff(number, "hello", act, by=by)
        case "called off":
            later = await store.acts.queue_staff(number, "hello", act, scheduled=at + timedelta(days=1), by=by)
            await store.acts.call_off(later.message, by)
        case _:
            await store.note_outgoing(OutgoingCall(id=f"out.{act}", started=at, joined=at, ended=at, number=number))
            if what == "reached":
                await store.acts.reached(f"out.{act}", by)


def reckoned(told: Told, since: date, until: date, zone: ZoneInfo) -> dict[str, object]:
    """The figures, by the plainest way there is."""
    begin, end = datetime.combine(since, time(), zone), datetime.combine(until + timedelta(days=1), time(), zone)
    hours, weekdays, callers, texted_, wrote, recovered, took = Counter[int](), Counter[int](), 0, 0, 0, 0, []
    calls = sum(begin <= at < end for what, _, at in told.events if what in ("missed", "texted", "answered"))
    for number in NUMBERS:
        vain = [at for at in told.of(number, "missed", "texted") if begin <= at < end]
        with_text = [at for at in told.of(number, "texted") if begin <= at < end]
        for at in vain:
            hours[(at - timedelta(seconds=20)).astimezone(zone).hour] += 1
            weekdays[at.astimezone(zone).weekday()] += 1

        def after(call: datetime, *kinds: str, number: str = number) -> bool:
            return any(call < at <= call + WEEK for at in told.of(number, *kinds))

        callers += bool(vain)
        texted_ += bool(with_text)
        wrote += any(after(call, "wrote") for call in with_text)
        recovered += any(after(call, "answered", "reached") or (after(call, "wrote") and after(call, "replied")) for call in vain)
        waits = None
        for what, who, at in told.events:
            if who != number or at < begin:
                continue
            if what in ("replied", "answered", "reached") and at < end + WEEK and waits is not None:
                took.append((at - waits).total_seconds())
                waits = None
            elif what in ("missed", "texted", "wrote") and at < end:
                waits = waits or at
    return {
        "calls": calls,
        "missed": sum(hours.values()),
        "by_hour": tuple(hours[hour] for hour in range(24)),
        "by_weekday": tuple(weekdays[day] for day in range(7)),
        "callers": callers,
        "texted": texted_,
        "wrote_back": wrote,
        "recovered": recovered,
        "first_reply": averages.median(took) if took else None,
    }


@pytest.mark.parametrize("zone", ["America/Toronto", "America/St_Johns", "Asia/Kathmandu"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(begun=st.sampled_from((SPRING, AUTUMN)), steps=STEPS, first=st.integers(-1, 6), days=st.integers(0, 20))
def test_as_reckoned(zone: str, begun: datetime, steps: list[tuple[int, str, str]], first: int, days: int) -> None:
    since = begun.date() + timedelta(days=first)
    until = since + timedelta(days=days)

    async def both() -> tuple[Statistics, dict[str, object]]:
        with tempfile.TemporaryDirectory() as folder:
            clock = HandClock(at=begun)
            store = Store(Path(folder) / "textback.db", clock)
            await store.open()
            try:
                told = await lived(store, clock, steps)
                return await store.board.statistics(since, until, ZoneInfo(zone)), reckoned(told, since, until, ZoneInfo(zone))
            finally:
                await store.close()

    got, wanted = asyncio.run(both())
    assert {name: getattr(got, name) for name in wanted} == wanted, steps
    assert sum(got.by_day.values()) == got.missed == sum(got.reasons.values())
