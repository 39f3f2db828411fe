"""Parts of long texts: any order, any repetition, any mixture of texts with one reference; each whole text is filed exactly once."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.threads import Store
from ari_app.threads.inbound import PARTIAL_AFTER
from ari_app.threads.parts import CLOSE, Kept, sets
from modem.pdu import Deliver, decode
from modem.sim_pdu import encode_deliver
from tests.threads.world import ALICE, BOB, START, HandClock, nothing, raw

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def words(parts: int, word: str) -> str:
    """A text of so many parts that is like no other."""
    return " ".join(f"{word}{number:03}" for number in range(148 * parts // (len(word) + 4)))


def stamped(sender: str, text: str, stamps: list[datetime], **how: Any) -> list[str]:
    """The PDUs of a text, each with a time stamp of its own."""
    pdus = [encode_deliver(sender, text, at, **how)[number] for number, at in enumerate(stamps)]
    assert len(pdus) == len(encode_deliver(sender, text, START, **how))
    return pdus


def ticking(parts: int, start: datetime = START, gap: timedelta = 4 * SECOND) -> list[datetime]:
    return [start + gap * number for number in range(parts)]


async def texts(store: Store, number: str = ALICE) -> list[tuple[str, str]]:
    return sorted((m["state"], m["text"]) for m in (await store.thread(number))["messages"])


async def feed(store: Store, clock: HandClock, *pdus: str) -> None:
    for pdu in pdus:
        await store.keep(raw(pdu, clock.at), nothing)


# -- any order


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]]]:
    """PDUs as they come in, each at least once, and the texts of each sender."""
    parts = draw(st.integers(2, 5))
    wide = draw(st.booleans())
    start = START
    coming: list[str] = []
    sent: dict[str, list[str]] = {ALICE: [], BOB: []}
    for number in range(draw(st.integers(1, 3))):
        gaps = draw(st.lists(st.integers(0, 40), min_size=parts - 1, max_size=parts - 1))
        stamps = [start + SECOND * past for past in itertools.accumulate(gaps, initial=0)]
        for sender, word in ((ALICE, f"anne{number}"), (BOB, f"bob{number}")):
            sent[sender].append(words(parts, word))
            coming += stamped(sender, words(parts, word), stamps, reference=3, wide=wide)
        start = stamps[-1] + CLOSE + SECOND * draw(st.integers(1, 7200))
    again = draw(st.lists(st.sampled_from(coming), max_size=6))
    return draw(st.permutations(coming + again)), sent


@given(arrivals(), st.sets(st.integers(0, 40), max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_order_any_repetition_any_mixture(arrived: tuple[list[str], dict[str, list[str]]], restarts: set[int]) -> None:
    coming, sent = arrived
    clock = HandClock()

    async def receive(path: Path) -> None:
        store = Store(path, clock)
        await store.open()
        for number, pdu in enumerate(coming):
            await feed(store, clock, pdu)
            clock.move(seconds=1)
            await store.settle_partials(nothing)
            if number in restarts:
                await store.close()
                store = Store(path, clock)
                await store.open()
        for sender, theirs in sent.items():
            assert await texts(store, sender) == sorted(("received", text) for text in theirs)
        counts = await store.counts()
        assert (counts["parts_waiting"], counts["partial"]) == (0, 0)
        clock.move(days=2)
        assert await store.settle_partials(nothing) == 0
        await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(receive(Path(folder) / "store.db"))


@given(arrivals(), st.lists(st.integers(0, 700), min_size=50, max_size=50))
@settings(max_examples=60, deadline=None)
def test_however_long_parts_are_on_their_way(arrived: tuple[list[str], dict[str, list[str]]], minutes: list[int]) -> None:
    """What was shown in part, or as a mixture, comes right when the rest is there. Nothing is shown twice."""
    coming, sent = arrived
    clock = HandClock()

    async def receive(path: Path) -> None:
        store = Store(path, clock)
        await store.open()
        for pdu, past in zip(coming, minutes, strict=False):
            await feed(store, clock, pdu)
            clock.move(seconds=past * 10)
            await store.settle_partials(nothing)
        await feed(store, clock, *coming)
        for sender, theirs in sent.items():
            assert await texts(store, sender) == sorted(("received", text) for text in theirs)
        await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(receive(Path(folder) / "store.db"))


@given(st.data())
def test_sets_depend_on_the_parts_alone(data: st.DataObject) -> None:
    """What was not there yet when a part came makes no difference."""
    parts = data.draw(st.integers(2, 6))
    first = ticking(parts, gap=SECOND * data.draw(st.integers(0, 60)))
    second = ticking(parts, first[-1] + SECOND * data.draw(st.integers(61, 86000)), SECOND * data.draw(st.integers(0, 60)))
    pdus = stamped(ALICE, words(parts, "one"), first, reference=3) + stamped(ALICE, words(parts, "two"), second, reference=3)
    decoded = [part for pdu in pdus if isinstance(part := decode(pdu), Deliver)]
    there = data.draw(st.permutations(range(len(decoded))))[: data.draw(st.integers(parts, 2 * parts))]
    found = sets([Kept(row, decoded[index], START, None) for row, index in enumerate(there)])
    whole = {frozenset(range(parts)), frozenset(range(parts, 2 * parts))}
    for wanted in whole:
        if wanted <= set(there):
            assert wanted in {frozenset(there[one.row] for one in text) for text in found}
    assert sorted(one.row for text in found for one in text) == list(range(len(there)))


def test_of_two_texts_in_a_row_each_keeps_its_own_parts() -> None:
    """The second's first part is nearer in time to the first's last than that is to its own."""
    pdus = stamped(ALICE, words(2, "one"), ticking(2, gap=10 * SECOND), reference=3)
    pdus += stamped(ALICE, words(2, "two"), ticking(2, START + 12 * SECOND, 10 * SECOND), reference=3)
    decoded = [part for pdu in pdus if isinstance(part := decode(pdu), Deliver)]
    for order in itertools.permutations(range(4)):
        found = sets([Kept(row, decoded[index], START, None) for row, index in enumerate(order)])
        assert {frozenset(order[one.row] for one in text) for text in found} == {frozenset((0, 1)), frozenset((2, 3))}


# -- one after the other


async def test_a_text_is_never_made_of_two_that_wait_for_parts(store: Store, clock: HandClock) -> None:
    first = stamped(ALICE, words(2, "one"), ticking(2), reference=3)
    second = stamped(ALICE, words(2, "two"), ticking(2, START + timedelta(hours=1)), reference=3)
    await feed(store, clock, first[0], second[1])
    assert await store.threads() == [], "each number is there, but an hour apart"
    await feed(store, clock, first[1])
    assert await texts(store) == [("received", words(2, "one"))]
    await feed(store, clock, second[0])
    assert await texts(store) == [("received", words(2, "one")), ("received", words(2, "two"))]


async def test_a_phone_that_lost_its_signal_meanwhile_is_waited_for_no_longer_than_for_missing_parts(
    store: Store, clock: HandClock
) -> None:
    pdus = stamped(ALICE, words(3, "slow"), ticking(3, gap=CLOSE + SECOND), reference=3)
    await feed(store, clock, *pdus)
    clock.move(seconds=PARTIAL_AFTER.total_seconds() - 1)
    assert await store.settle_partials(nothing) == 0
    clock.move(seconds=1)
    assert await store.settle_partials(nothing) == 1
    assert await texts(store) == [("partial", words(3, "slow"))]
    thread = await store.thread(ALICE)
    assert (thread["state"], thread["messages"][0]["note"]) == ("to_answer", "sent far apart, perhaps parts of two texts")
    assert await store.settle_partials(nothing) == 0


async def test_who_always_uses_one_reference_is_read_as_the_texts_come(store: Store, clock: HandClock) -> None:
    for number in range(4):
        at = START + 20 * SECOND * number
        await feed(store, clock, *stamped(ALICE, words(2, f"text{number}"), ticking(2, at), reference=0))
        assert len(await texts(store)) == number + 1
    assert {text for _, text in await texts(store)} == {words(2, f"text{number}") for number in range(4)}


async def test_each_part_that_comes_late_is_shown_until_all_are_there(store: Store, clock: HandClock) -> None:
    pdus = stamped(ALICE, words(4, "late"), ticking(4), reference=3)
    await feed(store, clock, pdus[2])
    clock.move(minutes=10)
    assert await store.settle_partials(nothing) == 1
    notes = [(await store.thread(ALICE))["messages"][0]["note"]]
    for pdu in (pdus[0], pdus[3], pdus[0], pdus[1]):
        clock.move(hours=1)
        await feed(store, clock, pdu)
        (message,) = (await store.thread(ALICE))["messages"]
        notes.append(message["note"])
    assert notes == [f"part {missing} of 4 missing" for missing in ("1, 2, 4", "2, 4", "2", "2")] + [None]
    assert await texts(store) == [("received", words(4, "late"))]


async def test_a_part_shown_with_another_text_by_mistake_finds_its_own(store: Store, clock: HandClock) -> None:
    first = stamped(ALICE, words(3, "one"), ticking(3), reference=3)
    second = stamped(ALICE, words(3, "two"), ticking(3, START + timedelta(hours=1)), reference=3)
    await feed(store, clock, first[0], second[1])
    clock.move(minutes=10)
    assert await store.settle_partials(nothing) == 1
    await feed(store, clock, *first[1:])
    (whole,) = [text for state, text in await texts(store) if state == "received"]
    assert whole == words(3, "one")
    assert sorted(m["note"] or "" for m in (await store.thread(ALICE))["messages"]) == ["", "part 1, 3 of 3 missing"]
    await feed(store, clock, second[0], second[2])
    assert await texts(store) == [("received", words(3, "one")), ("received", words(3, "two"))]


async def test_a_part_the_sender_s_phone_sent_twice_is_not_shown_as_a_text_of_its_own(store: Store, clock: HandClock) -> None:
    """The phone did not hear that the SMS centre took the part, and sent it again: another time stamp, all else the same."""
    stamps = ticking(2)
    pdus = stamped(ALICE, words(2, "once"), stamps, reference=3)
    again = stamped(ALICE, words(2, "once"), [at + 9 * SECOND for at in stamps], reference=3)
    await feed(store, clock, pdus[0], again[0], pdus[1])
    clock.move(minutes=10)
    assert await store.settle_partials(nothing) == 0
    assert await texts(store) == [("received", words(2, "once"))]
    assert (await store.counts())["parts_waiting"] == 0


async def test_parts_without_a_date_are_joined_whenever_they_come(store: Store, clock: HandClock) -> None:
    pdus = [pdu.replace("62302051", "00000000") for pdu in stamped(ALICE, words(2, "dateless"), [START, START], reference=3)]
    await feed(store, clock, pdus[1])
    clock.move(hours=1)
    await feed(store, clock, pdus[0])
    assert await texts(store) == [("received", words(2, "dateless"))]


async def test_a_long_text_said_twice_is_two(store: Store, clock: HandClock) -> None:
    for hours in (0, 1):
        await feed(store, clock, *stamped(ALICE, words(2, "again"), ticking(2, START + timedelta(hours=hours)), reference=3))
    assert await texts(store) == [("received", words(2, "again"))] * 2


async def test_one_text_whose_sender_is_written_in_two_ways(store: Store, clock: HandClock) -> None:
    pdus = [stamped(sender, words(2, "one"), ticking(2), reference=3)[number] for number, sender in enumerate((ALICE, "5145550101"))]
    await feed(store, clock, *pdus)
    assert await texts(store) == [("received", words(2, "one"))]


@pytest.mark.parametrize("wide", [False, True])
async def test_sixteen_parts_backwards(store: Store, clock: HandClock, wide: bool) -> None:
    text = "Ça fait mal depuis hier soir, surtout la nuit 🙂 " * 22
    pdus = stamped(ALICE, text[:1000], ticking(16), reference=300, wide=wide)
    assert len(pdus) == 16
    await feed(store, clock, *reversed(pdus))
    assert await texts(store) == [("received", text[:1000])]


async def test_parts_that_waited_while_the_service_was_down_are_shown(store: Store, clock: HandClock) -> None:
    pdus = stamped(ALICE, words(3, "old"), ticking(3), reference=3)
    await feed(store, clock, pdus[0])
    clock.move(hours=1)
    await feed(store, clock, pdus[1])
    clock.move(days=3)
    assert await store.settle_partials(nothing) == 1
    assert [state for state, _ in await texts(store)] == ["partial"]


async def test_a_part_the_network_brings_days_later_completes_its_text(store: Store, clock: HandClock) -> None:
    pdus = stamped(ALICE, words(2, "slow"), ticking(2), reference=3)
    await feed(store, clock, pdus[1])
    clock.move(minutes=10)
    assert await store.settle_partials(nothing) == 1
    clock.move(days=3)
    await feed(store, clock, pdus[0])
    assert await texts(store) == [("received", words(2, "slow"))]


async def test_a_flood_of_first_parts_holds_nothing_up(store: Store, clock: HandClock) -> None:
    """Somebody's phone that repeats itself under one reference, and never sends the rest."""
    flood = [stamped(ALICE, words(2, f"w{number:03}"), ticking(2, START + 10 * SECOND * number), reference=3) for number in range(600)]
    for first, _ in flood:
        await feed(store, clock, first)
    await feed(store, clock, flood[300][1])
    assert await texts(store) == [("received", words(2, "w300"))]
    clock.move(minutes=10)
    assert await store.settle_partials(nothing) == 599
