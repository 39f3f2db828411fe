"""Statistics in the clinic's zone: what was missed when and why, who was texted, answered and spoken with, and how soon."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ari_app.board import Statistics
from ari_app.model import OutgoingCall, Reason
from ari_app.threads import Store
from tests.threads.crew import a_member, missed, texted
from tests.threads.test_staff import send
from tests.threads.world import ALICE, BOB, STAFF, Clerk, HandClock, a_call, answered, silence

MONTREAL = ZoneInfo("America/Toronto")
ST_JOHNS = ZoneInfo("America/St_Johns")
MONDAY = date(2026, 3, 2)


async def figures(store: Store, since: date = MONDAY, until: date = MONDAY, **how: object) -> Statistics:
    return await store.board.statistics(since, until, how.pop("zone", MONTREAL), **how)  # type: ignore[arg-type]


async def auto(store: Store, clock: HandClock, number: str = ALICE) -> None:
    """A missed call that is texted."""
    call = a_call(number, ended=clock.now())
    message = (await store.record_call(call, Clerk().first(clock.now()), line="main")).message
    clock.move(seconds=30)
    assert message
    assert await send(store, message) == "sent"


async def test_nothing_is_nothing(store: Store) -> None:
    assert await figures(store) == Statistics(
        since=MONDAY,
        until=MONDAY,
        calls=0,
        missed=0,
        by_hour=(0,) * 24,
        by_weekday=(0,) * 7,
        reasons={},
        callers=0,
        texted=0,
        wrote_back=0,
        recovered=0,
        first_reply=None,
    )


async def test_hours_and_days_are_the_clinic_s(store: Store, clock: HandClock) -> None:
    for at in (datetime(2026, 3, 3, 4, 59, tzinfo=UTC), datetime(2026, 3, 3, 5, 0, tzinfo=UTC), datetime(2026, 3, 2, 5, 0, tzinfo=UTC)):
        clock.at = at
        await missed(store, started=at, ended=at)
    monday = await figures(store)
    assert (monday.missed, monday.by_hour[23], monday.by_hour[0]) == (2, 1, 1)
    assert monday.by_weekday == (2, 0, 0, 0, 0, 0, 0)
    both = await figures(store, until=date(2026, 3, 3))
    assert both.by_day == {MONDAY: 2, date(2026, 3, 3): 1}
    assert both.by_weekday == (2, 1, 0, 0, 0, 0, 0)


async def test_a_zone_of_half_hours(store: Store, clock: HandClock) -> None:
    for at in (datetime(2026, 3, 2, 15, 29, tzinfo=UTC), datetime(2026, 3, 2, 15, 30, tzinfo=UTC)):
        clock.at = at
        await missed(store, started=at, ended=at)
    hours = (await figures(store, zone=ST_JOHNS)).by_hour
    assert (hours[11], hours[12]) == (1, 1)


async def test_the_hour_the_clocks_skip(store: Store, clock: HandClock) -> None:
    """In Montréal 2026-03-08 has 23 hours."""
    clock.at = datetime(2026, 3, 9, 3, 59, tzinfo=UTC)
    await missed(store, started=clock.at, ended=clock.at)
    sunday = await figures(store, date(2026, 3, 8), date(2026, 3, 8))
    assert (sunday.missed, sunday.by_hour[23]) == (1, 1)


async def test_calls_by_reason_without_machines_and_colleagues(store: Store, clock: HandClock) -> None:
    for reason in (Reason.COOLDOWN, Reason.COOLDOWN, Reason.LIMIT, Reason.INTERNAL, Reason.MACHINE):
        await store.record_call(a_call(ended=clock.now()), silence(reason), line="main")
    await store.record_call(answered(ended=clock.now()), silence(Reason.ANSWERED), line="main")
    got = await figures(store)
    assert (got.calls, got.missed, got.reasons) == (4, 3, {"cooldown": 2, "limit": 1})
    assert list(got.reasons) == ["cooldown", "limit"], "the most frequent first"


async def test_texted_and_answered_by_text(store: Store, clock: HandClock) -> None:
    await auto(store, clock)
    await auto(store, clock, BOB)
    await missed(store, "+15145550103")
    got = await figures(store)
    assert (got.callers, got.texted, got.wrote_back, got.recovered, got.first_reply) == (3, 2, 0, 0, None)
    clock.move(minutes=10)
    await texted(store, "I need an appointment")
    got = await figures(store)
    assert (got.wrote_back, got.recovered) == (1, 0), "a conversation has two sides"
    clock.move(minutes=5)
    await store.acts.queue_staff(ALICE, "tomorrow at nine?", "one", by=STAFF)
    got = await figures(store)
    assert (got.wrote_back, got.recovered) == (1, 1)
    assert got.first_reply == 16 * 60, "from the call, not from the text after it"


async def test_the_order_in_which_they_write_does_not_matter(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(minutes=1)
    await store.acts.queue_staff(ALICE, "you called?", "one", by=STAFF)
    clock.move(minutes=1)
    assert (await figures(store)).recovered == 0
    await texted(store, "yes")
    got = await figures(store)
    assert (got.recovered, got.texted, got.wrote_back) == (1, 0, 0)


async def test_who_calls_in_vain_again_meanwhile_is_in_the_same_conversation(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(minutes=1)
    await store.acts.queue_staff(ALICE, "you called?", "one", by=STAFF)
    clock.move(minutes=1)
    await missed(store)
    clock.move(minutes=1)
    await texted(store, "yes, nobody answers")
    assert (await figures(store)).recovered == 1


async def test_words_of_another_week_make_no_conversation(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(minutes=1)
    await store.acts.queue_staff(ALICE, "you called?", "one", by=STAFF)
    clock.move(days=6)
    await missed(store)
    clock.move(days=6)
    await texted(store, "hello")
    assert (await figures(store, until=date(2026, 3, 31))).recovered == 0


async def test_what_was_called_off_or_failed_is_no_reply(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(minutes=1)
    later = await store.acts.queue_staff(ALICE, "tomorrow?", "one", scheduled=clock.now() + timedelta(hours=1), by=STAFF)
    await texted(store, "hello?")
    assert (await figures(store)).recovered == 1
    await store.acts.call_off(later.message, STAFF)
    got = await figures(store)
    assert (got.recovered, got.first_reply) == (0, None)


@pytest.mark.parametrize("how", ["they rang again", "reached", "not reached", "too late"])
async def test_spoken_with(store: Store, clock: HandClock, how: str) -> None:
    await missed(store)
    clock.move(hours=2)
    if how == "too late":
        clock.move(days=7)
    if how == "they rang again":
        await store.record_call(answered(ended=clock.now()), silence(Reason.ANSWERED), line="main")
    else:
        at = clock.now()
        await store.note_outgoing(OutgoingCall(id="17.9", started=at, joined=at, ended=at, number=ALICE))
        if how != "not reached":
            await store.acts.reached("17.9", await a_member(store, "anne"))
    got = await figures(store)
    assert got.recovered == (how in {"they rang again", "reached"})
    assert (got.first_reply is None) == (how == "not reached")


async def test_the_median_of_first_replies(store: Store, clock: HandClock) -> None:
    for number, minutes in (("+15145550111", 1), ("+15145550112", 10), ("+15145550113", 4)):
        await missed(store, number)
        clock.move(minutes=minutes)
        await store.acts.queue_staff(number, "hello", number, by=STAFF)
        await store.acts.queue_staff(number, "more", f"{number} more", by=STAFF)
    assert (await figures(store)).first_reply == 240


async def test_a_caller_counts_once_and_hidden_ones_not(store: Store, clock: HandClock) -> None:
    for number in (ALICE, ALICE, None):
        await missed(store, number)
        clock.move(minutes=1)
    got = await figures(store)
    assert (got.missed, got.callers) == (3, 1)


async def test_of_one_line(store: Store, clock: HandClock) -> None:
    await missed(store)
    await missed(store, BOB, line="dental")
    clock.move(minutes=2)
    await store.acts.queue_staff(BOB, "hello", "one", by=STAFF)
    clock.move(minutes=2)
    await texted(store, "hi", BOB)
    dental, main = await figures(store, line="dental"), await figures(store, line="main")
    assert (dental.calls, dental.missed, dental.recovered, dental.first_reply) == (1, 1, 1, 120)
    assert (main.calls, main.missed, main.recovered, main.first_reply) == (1, 1, 0, None)


async def test_what_follows_the_period_still_counts_for_it(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(days=3)
    await store.acts.queue_staff(ALICE, "sorry for the delay", "one", by=STAFF)
    await texted(store, "no problem")
    got = await figures(store)
    assert (got.recovered, got.first_reply) == (1, timedelta(days=3).total_seconds())
    assert (await figures(store, date(2026, 3, 3), date(2026, 3, 9))).callers == 0
