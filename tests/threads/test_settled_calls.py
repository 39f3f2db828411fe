"""Calls whose end was not seen, and call backs over a second trunk."""

from __future__ import annotations

from datetime import timedelta

from ari_app.events import Notice, ThreadChanged
from ari_app.model import OutgoingCall
from ari_app.threads import Store
from tests.threads.crew import a_member, missed
from tests.threads.test_ringing import outgoing
from tests.threads.world import ALICE, HandClock


async def test_a_later_try_takes_the_place_of_one_that_nobody_took_and_of_no_other(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    await store.acts.call_back_begun("back-1", thread, "201", await a_member(store, "anne"))
    at = clock.now()
    for leg, joined in (("17.1", None), ("17.2", at), ("17.3", None)):
        await store.note_outgoing(OutgoingCall(id=leg, started=at, joined=None, ended=None, number=ALICE))
        await store.acts.call_back_linked("back-1", leg)
        await store.note_outgoing(OutgoingCall(id=leg, started=at, joined=joined, ended=at, number=ALICE))
    assert {call.id: call.by for call in await outgoing(store, thread)} == {"17.1": None, "17.2": "Anne", "17.3": None}


async def test_what_is_up_at_the_pbx_goes_on_and_all_else_is_over(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    for asked in ("back-lost", "back-up", "back-failed", "back-linked"):
        await store.acts.call_back_begun(asked, thread, "201", anne)
    await store.acts.call_back_failed("back-failed", "busy")
    begun, joined = clock.now(), clock.now() + timedelta(seconds=9)
    for leg in ("17.1", "17.2", "17.3"):
        taken = None if leg == "17.3" else joined
        await store.note_outgoing(OutgoingCall(id=leg, started=begun, joined=taken, ended=None, number=ALICE))
    await store.acts.call_back_linked("back-linked", "17.1")
    clock.move(minutes=5)
    heard.clear()
    await store.acts.settle_calls({"back-up"}, {"17.2"})
    found = {call.id: call for call in await outgoing(store, thread)}
    assert {name: call.failed for name, call in found.items() if name.startswith("back")} == {
        "back-lost": "not_seen",
        "back-up": None,
        "back-failed": "busy",
    }
    assert (found["17.1"].ended, found["17.2"].ended, found["17.3"].ended) == (joined, None, begun)
    assert (found["17.1"].by, found["17.1"].talked, found["17.2"].talked) == ("Anne", 0.0, None)
    assert ThreadChanged(thread) in heard
    heard.clear()
    await store.acts.settle_calls({"back-up"}, {"17.2"})
    assert heard == []
