"""Texts nobody confirmed: shown as such, learnt from after the second, and sent again only by a person."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import MessageChanged, Notice
from ari_app.threads import Store
from ari_app.threads.migrations import MIGRATIONS, _wrap, migrate
from ari_app.threads.reports import CONFIRMED_WITHIN
from modem.sim_pdu import encode_report
from modem.types import Refused, SendResult, Sent, Unknown
from tests.threads.test_sending import attempt, claimed
from tests.threads.world import ALICE, ANNE, BOB, STAFF, HandClock, inbound, nothing, raw

LATE = CONFIRMED_WITHIN + timedelta(seconds=1)


async def goes(store: Store, number: str, act: str, result: SendResult) -> int:
    """A text of staff, and what came of its one part."""
    message = (await store.acts.queue_staff(number, "hello", act, by=STAFF)).message
    await attempt(store, (await claimed(store, message)).parts[0].id, result)
    return message


async def report(store: Store, clock: HandClock, reference: int, number: str) -> None:
    await store.keep(raw(encode_report(reference, number, clock.at, clock.at, 0), clock.at), nothing)


async def unconfirmed(store: Store, message: int) -> bool:
    return bool(await store._database.read(lambda r: r.value("SELECT unconfirmed FROM message WHERE id = ?", (message,))))


async def not_textable(store: Store, number: str) -> str | None:
    contact = await store.contact(number)
    return contact["not_textable"] if contact else None


async def twice_without_report(store: Store, clock: HandClock) -> None:
    for act, reference in (("x", 11), ("y", 12)):
        await goes(store, ALICE, act, Sent(reference))
        clock.move(seconds=LATE.total_seconds())
        await report(store, clock, 200 + reference, BOB)
        await store.settle_unconfirmed()
    assert await not_textable(store, ALICE) is not None


async def test_a_text_without_report_is_marked_once_others_were_reported(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    silent = await goes(store, ALICE, "a", Sent(1))
    other = await goes(store, BOB, "b", Sent(2))
    clock.move(seconds=CONFIRMED_WITHIN.total_seconds() - 1)
    await report(store, clock, 2, BOB)
    assert await store.settle_unconfirmed() == 0, "its time is not over"
    clock.move(seconds=2)
    heard.clear()
    assert await store.settle_unconfirmed() == 1
    assert heard == [MessageChanged(silent, (await store.message(silent))["thread"])]
    assert await unconfirmed(store, silent)
    assert not await unconfirmed(store, other)
    assert await store.settle_unconfirmed() == 0
    assert await not_textable(store, ALICE) is None, "once may be a phone that is off"


async def test_a_modem_that_brings_no_reports_proves_nothing(store: Store, clock: HandClock) -> None:
    await report(store, clock, 77, BOB)
    clock.move(minutes=1)
    message = await goes(store, ALICE, "a", Sent(1))
    clock.move(seconds=LATE.total_seconds())
    assert await store.settle_unconfirmed() == 0
    assert not await unconfirmed(store, message)


async def test_twice_without_report_takes_no_texts_until_one_is_delivered(store: Store, clock: HandClock) -> None:
    for act, reference in (("a", 1), ("b", 2)):
        assert await not_textable(store, ALICE) is None
        await goes(store, ALICE, act, Sent(reference))
        clock.move(seconds=LATE.total_seconds())
        await report(store, clock, 200 + reference, BOB)
        assert await store.settle_unconfirmed() == 1
    assert "no delivery report" in str(await not_textable(store, ALICE))
    await report(store, clock, 2, ALICE)  # it was off
    assert await not_textable(store, ALICE) is None


async def test_a_delivery_in_between_begins_anew(store: Store, clock: HandClock) -> None:
    for act, reference, delivered in (("a", 1, False), ("b", 2, True), ("c", 3, False)):
        await goes(store, ALICE, act, Sent(reference))
        if delivered:
            await report(store, clock, reference, ALICE)
        clock.move(seconds=LATE.total_seconds())
        await report(store, clock, 200 + reference, BOB)
        await store.settle_unconfirmed()
    assert await not_textable(store, ALICE) is None


async def test_who_writes_takes_texts(store: Store, clock: HandClock) -> None:
    await twice_without_report(store, clock)
    await store.keep(raw(inbound(ALICE, "bonjour", clock.at), clock.at), nothing)
    assert await not_textable(store, ALICE) is None


async def test_who_wrote_since_begins_anew(store: Store, clock: HandClock) -> None:
    await twice_without_report(store, clock)
    await store.keep(raw(inbound(ALICE, "bonjour", clock.at), clock.at), nothing)
    clock.move(minutes=1)
    await goes(store, ALICE, "z", Sent(13))
    clock.move(seconds=LATE.total_seconds())
    await report(store, clock, 213, BOB)
    assert await store.settle_unconfirmed() == 1
    assert await not_textable(store, ALICE) is None


async def test_a_long_text_that_came_in_part_is_not_confirmed_and_proves_that_the_number_takes_texts(
    store: Store, clock: HandClock
) -> None:
    for act, reference in (("a", 1), ("b", 3)):
        message = (await store.acts.queue_staff(ALICE, "x" * 200, act, by=STAFF)).message
        for index, part in enumerate((await claimed(store, message)).parts):
            await attempt(store, part.id, Sent(reference + index))
        clock.move(seconds=LATE.total_seconds())
        await report(store, clock, reference, ALICE)
        assert await store.settle_unconfirmed() == 1
        assert await store.settle_unconfirmed() == 0
        assert await unconfirmed(store, message)
    assert await not_textable(store, ALICE) is None
    await report(store, clock, 4, ALICE)
    assert not await unconfirmed(store, message)


async def test_a_part_reported_late_leaves_the_rest_unconfirmed(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, "x" * 200, "a", by=STAFF)).message
    for index, part in enumerate((await claimed(store, message)).parts):
        await attempt(store, part.id, Sent(1 + index))
    clock.move(seconds=LATE.total_seconds())
    await report(store, clock, 200, BOB)
    assert await store.settle_unconfirmed() == 1
    await report(store, clock, 1, ALICE)
    assert await unconfirmed(store, message)
    assert await store.settle_unconfirmed() == 0


@pytest.mark.parametrize("result", [Unknown("no result"), Refused("CMS 10", "call barred", permanent=True)])
async def test_a_person_sends_again_what_did_not_go_once(store: Store, result: SendResult) -> None:
    message = await goes(store, ALICE, "a", result)
    again = await store.acts.send_again(message, by=ANNE)
    assert (again.new, again.message != message) == (True, True)
    assert (await store.acts.send_again(message, by=STAFF)).message == again.message
    assert not (await store.acts.send_again(message, by=STAFF)).new
    row = await store.message(again.message)
    assert (row["text"], row["kind"], row["author"], row["state"]) == ("hello", "staff", "anne", "queued")


async def test_sent_again_stays_so_when_the_first_is_settled_meanwhile(store: Store, clock: HandClock) -> None:
    message = await goes(store, ALICE, "a", Unknown("no result"))
    again = await store.acts.send_again(message, by=STAFF)
    await report(store, clock, 1, ALICE)
    assert (await store.message(message))["state"] == "delivered"
    assert (await store.acts.send_again(message, by=STAFF)).message == again.message, "asked once more since the answer was lost"


async def test_the_rest_of_a_long_text_that_was_sent_again_does_not_follow(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, "x" * 200, "a", by=STAFF)).message
    await attempt(store, (await claimed(store, message)).parts[0].id, Unknown("no result"))
    await store.acts.send_again(message, by=STAFF)
    await report(store, clock, 1, ALICE)
    assert (await store.message(message))["state"] == "unknown", "the caller has all of it from the second"


async def test_what_went_is_not_sent_again(store: Store, clock: HandClock) -> None:
    message = await goes(store, ALICE, "a", Sent(1))
    with pytest.raises(RefusedError, match="is sent"):
        await store.acts.send_again(message, by=STAFF)
    clock.move(seconds=LATE.total_seconds())
    await report(store, clock, 200, BOB)
    await store.settle_unconfirmed()
    assert (await store.acts.send_again(message, by=STAFF)).new, "nobody confirmed it"
    await store.keep(raw(inbound(ALICE, "bonjour", clock.at), clock.at), nothing)
    theirs = (await store.thread(ALICE))["messages"][0]["id"]
    with pytest.raises(RefusedError, match="is received"):
        await store.acts.send_again(theirs, by=STAFF)
    with pytest.raises(NotFoundError):
        await store.acts.send_again(999, by=STAFF)


async def test_a_store_of_before_gains_what_this_version_needs(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        MIGRATIONS.apply(_wrap(old), stop_before="m002_pool")
        old.execute("INSERT INTO contact (number, created) VALUES (?, ?)", (ALICE, "2026-03-01T10:00:00.000000Z"))
        old.execute(
            "INSERT INTO thread (line, number, state, created, changed) VALUES ('main', ?, 'done', ?, ?)",
            (ALICE, *["2026-03-01T10:00:00.000000Z"] * 2),
        )
    old.close()
    store = Store(path, clock)
    await store.open()
    assert (await store.thread(ALICE))["state"] == "done"
    message = await goes(store, ALICE, "a", Sent(1))
    assert not await unconfirmed(store, message)
    await store.close()
    with sqlite3.connect(path) as again:
        migrate(again)
    again.close()
