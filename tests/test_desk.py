"""What a face may do with threads and texts, over a real store: who answers, when, what is refused and in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ari_app.board import Box, CallEntry, Face, NoteEntry, OutgoingEntry, TextEntry, ThreadState
from ari_app.desk import SHELL
from ari_app.errors import NotFoundError, PbxUnavailableError, RefusedError, TextbackError
from ari_app.events import ThreadChanged
from ari_app.model import OutgoingCall
from tests.desk_world import Clinic, actor, clinic
from tests.threads.world import ALICE, BOB, START, inbound, nothing, raw


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path) as opened:
        yield opened


async def writes(house: Clinic, words: str, number: str = ALICE) -> None:
    """A caller's text comes in."""
    await house.store.keep(raw(inbound(number, words, house.clock.at), house.clock.at), nothing)


# -- the inbox


async def test_read_is_not_answered(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    (row,) = await house.desk.inbox(anne)
    assert (row.thread, row.state, row.opened, row.waits_since) == (thread, ThreadState.TO_ANSWER, False, START)
    view = await house.desk.thread(anne, thread)
    assert view.row.opened
    assert [type(entry) for entry in view.entries] == [CallEntry]
    counts = await house.desk.counts()
    assert (counts.to_answer, counts.unopened) == (1, 0)


async def test_each_reading_of_a_thread_is_audited_and_an_open_page_that_looks_again_is_not(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    await house.desk.thread(anne, thread)
    await house.desk.thread(anne, thread, refresh=True)
    await house.desk.thread(actor((await house.desk.members(by=SHELL))[0], Face.PHONE, "192.168.1.9"), thread)
    told = await house.desk.audit(SHELL, thread=thread)
    assert [(each.who, each.act, each.face, each.address) for each in told] == [
        ("Anne", "read", Face.PHONE, "192.168.1.9"),
        ("Anne", "read", Face.WEB, "192.0.2.1"),
    ]


async def test_who_never_read_a_thread_reads_nothing_of_it_unseen_by_turning_to_what_is_older(house: Clinic) -> None:
    """A page's own looks are told by what the browser says of them: that must not open a thread without a trace."""
    anne, beth = await house.member(), await house.member("Beth")
    thread = await house.caller()
    later = house.clock.now() + timedelta(days=1)
    await house.desk.thread(anne, thread, before=later)
    await house.desk.thread(anne, thread, before=later)
    await house.desk.thread(beth, thread, refresh=True)
    assert [each.who for each in await house.desk.audit(SHELL, thread=thread)] == ["Beth", "Anne"]
    house.clock.move(hours=2)
    await house.desk.thread(anne, thread, refresh=True)
    assert [each.who for each in await house.desk.audit(SHELL, thread=thread)] == ["Anne", "Beth", "Anne"], "a page left open till then"


async def test_lines_that_are_not_there_are_named(house: Clinic) -> None:
    with pytest.raises(NotFoundError, match=r"'dental'.*main, lab") as caught:
        await house.desk.inbox(SHELL, Box.ALL, line="dental")
    assert caught.value.code == "no_line"
    for thread in (7, -1):
        with pytest.raises(NotFoundError):
            await house.desk.thread(SHELL, thread)


async def test_a_search_finds_what_it_holds_and_nothing_odd_breaks_it(house: Clinic) -> None:
    anne = await house.member()
    await writes(house, "J'ai cassé une dent")
    await house.caller(BOB)
    (found,) = await house.desk.search(anne, "casse")
    (audited,) = await house.desk.audit(SHELL, act="searched")
    assert (audited.who, audited.what) == ("Anne", f"#{found.row.thread}")
    assert found.row.number == ALICE
    for odd in ("", "   ", '"', "*", "a AND", "NEAR(", "\x00", "\ud800", "(((", "-", "x" * 5000, "'; DROP TABLE thread"):
        assert await house.desk.search(anne, odd) == ()


# -- answering


async def test_a_reply_is_queued_settles_the_thread_and_holds_it(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    written = await house.desk.reply(thread, "Bonjour!", by=anne, act="form-1", seen=0)
    again = await house.desk.reply(thread, "Bonjour!", by=anne, act="form-1", seen=0)
    assert (written.thread, written.state, written.new) == (thread, "queued", True)
    assert (again.message, again.new) == (written.message, False)
    view = await house.desk.thread(anne, thread)
    assert view.row.state is ThreadState.ANSWERED
    assert view.row.holder is not None
    assert view.row.holder.name == "Anne"
    assert view.row.holder.until == house.clock.at + timedelta(minutes=5)
    (text,) = [entry for entry in view.entries if isinstance(entry, TextEntry)]
    assert (text.text, text.author) == ("Bonjour!", "Anne")


async def test_two_people_cannot_answer_the_same_caller_unknowingly(house: Clinic) -> None:
    anne, bob = await house.member(), await house.member("Bob")
    thread = await house.caller()
    seen = (await house.desk.thread(bob, thread)).seen
    await house.desk.claim(thread, by=anne)
    with pytest.raises(RefusedError, match="Anne") as held:
        await house.desk.reply(thread, "De Bob", by=bob, act="b-1", seen=seen)
    assert held.value.code == "held"
    assert held.value.facts["name"] == "Anne"
    await house.desk.reply(thread, "D'Anne", by=anne, act="a-1")
    with pytest.raises(RefusedError) as meanwhile:
        await house.desk.reply(thread, "De Bob", by=bob, act="b-1", seen=seen, takeover=True)
    assert meanwhile.value.code == "answered_meanwhile"
    newer = int(meanwhile.value.facts["seen"])
    assert newer == (await house.desk.thread(bob, thread)).seen
    assert (await house.desk.reply(thread, "De Bob", by=bob, act="b-1", seen=newer, takeover=True)).new, "knowingly"
    view = await house.desk.thread(bob, thread)
    assert view.row.holder is not None
    assert view.row.holder.name == "Bob"


async def test_a_claim_ends_when_its_holder_is_idle_and_when_they_say_so(house: Clinic) -> None:
    anne, bob = await house.member(), await house.member("Bob")
    thread = await house.caller()
    until = (await house.desk.claim(thread, by=anne)).until
    with pytest.raises(RefusedError):
        await house.desk.claim(thread, by=bob)
    await house.desk.let_go(thread, by=bob)
    with pytest.raises(RefusedError):
        await house.desk.claim(thread, by=bob)
    house.clock.at = until
    assert (await house.desk.claim(thread, by=bob)).name == "Bob"
    await house.desk.let_go(thread, by=bob)
    assert (await house.desk.claim(thread, by=anne)).name == "Anne"
    assert (await house.desk.claim(thread, by=bob, takeover=True)).name == "Bob"
    with pytest.raises(RefusedError) as nobody:
        await house.desk.claim(thread, by=SHELL)
    assert nobody.value.code == "forbidden"


async def test_the_desk_writes_first_to_any_number_as_people_write_it(house: Clinic) -> None:
    anne = await house.member()
    written = await house.desk.send("(514) 555-0102", "Votre lunette est prête", by=anne, line="lab")
    (row,) = await house.desk.rows((written.thread,))
    assert (row.number, row.line, row.known) == (BOB, "lab", True)


@pytest.mark.parametrize(
    ("number", "text", "code"),
    [
        ("12", "x", "no_number"),
        (ALICE, "  ", "no_text"),
        (ALICE, "x" * 5000, "too_long"),
        (ALICE, "é" * 2448 + "x", "too_long"),
        (ALICE, "日" * 1200, "too_long"),
        (ALICE, "\ud800", "not_utf8"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_the_fix(house: Clinic, number: str, text: str, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await house.desk.send(number, text, by=await house.member(), act="one")
    assert (caught.value.code, bool(caught.value.fix)) == (code, True)


async def test_who_opted_out_is_not_texted_and_the_reason_is_said(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    await house.store.keep(raw(inbound(ALICE, "ARRET", START), START), lambda text: house.standing.policy.react(text, START, {}))
    view = await house.desk.thread(anne, thread)
    assert view.opted_out == START
    with pytest.raises(RefusedError, match="no more texts") as caught:
        await house.desk.reply(thread, "Bonjour", by=anne, act="x")
    assert (caught.value.code, caught.value.facts["at"]) == ("opted_out", START.isoformat().replace("+00:00", ".000000Z"))


async def test_a_call_without_a_number_is_a_row_done_by_hand(house: Clinic) -> None:
    anne = await house.member(extension="101")
    thread = await house.caller(None)
    for wanted in (house.desk.reply(thread, "x", by=anne, act="x"), house.desk.call_back(thread, by=anne)):
        with pytest.raises(RefusedError) as caught:
            await wanted
        assert caught.value.code == "no_number"
    assert (await house.desk.done(thread, by=anne)).changed
    assert await house.desk.inbox(anne) == ()
    assert [row.thread for row in await house.desk.inbox(anne, Box.DONE)] == [thread]


# -- later


async def test_a_text_waits_for_its_hour_and_can_be_called_off(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    at = START + timedelta(days=1)
    written = await house.desk.reply(thread, "Demain", by=anne, act="later", at=at)
    view = await house.desk.thread(anne, thread)
    (text,) = [entry for entry in view.entries if isinstance(entry, TextEntry)]
    assert (text.scheduled, text.state, view.row.scheduled) == (at, "queued", 1)
    house.clock.at = at + timedelta(minutes=1)
    assert not (await house.desk.reply(thread, "Demain", by=anne, act="later", at=at)).new, "the same form again, when its hour is past"
    assert await house.desk.call_off(written.message, by=anne)
    assert not await house.desk.call_off(written.message, by=anne)
    assert (await house.desk.rows((thread,)))[0].scheduled == 0
    with pytest.raises(RefusedError) as gone:
        await house.desk.call_off((await house.desk.reply(thread, "Maintenant", by=anne, act="now")).message, by=anne)
    assert gone.value.code in {"too_late", "not_scheduled"}


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (START, "in_past"),
        (START - timedelta(minutes=1), "in_past"),
        (START + timedelta(days=61), "too_far"),
        (datetime(2026, 3, 3, 9), "bad_time"),  # noqa: DTZ001 - that is what is refused
    ],
)
async def test_an_hour_that_cannot_be_kept_is_refused(house: Clinic, at: datetime, code: str) -> None:
    anne = await house.member()
    thread = await house.caller()
    with pytest.raises(RefusedError) as caught:
        await house.desk.reply(thread, "Un jour", by=anne, act="x", at=at)
    assert caught.value.code == code
    assert [row.thread for row in await house.desk.inbox(anne)] == [thread], "and nothing changed"


async def test_a_thread_that_is_put_off_comes_back_at_its_hour_and_when_something_comes_in(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    for _ in range(2):
        await house.desk.snooze(thread, house.clock.at + timedelta(hours=2), by=anne)
        assert await house.desk.inbox(anne) == ()
        assert [row.thread for row in await house.desk.inbox(anne, Box.SNOOZED)] == [thread]
        house.clock.move(minutes=5)
        await writes(house, "Allo?")
        assert [row.thread for row in await house.desk.inbox(anne)] == [thread]
    await house.desk.snooze(thread, house.clock.at + timedelta(hours=2), by=anne)
    await house.desk.snooze(thread, None, by=anne)
    assert [row.thread for row in await house.desk.inbox(anne)] == [thread], "taken up again by hand"
    for wrong in (house.clock.at, house.clock.at + timedelta(days=400)):
        with pytest.raises(RefusedError):
            await house.desk.snooze(thread, wrong, by=anne)


# -- what stands in a thread


async def test_notes_names_language_and_urgency(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    other = await house.caller(BOB)
    note = await house.desk.note(thread, "Demande le Dr Roy.\nRappeler après 16 h", by=anne, act="n-1")
    assert await house.desk.note(thread, "Demande le Dr Roy.\nRappeler après 16 h", by=anne, act="n-1") == note
    await house.desk.rename(thread, "  Mme   Côté ", by=anne)
    await house.desk.speak(thread, "en", by=anne)
    house.heard.clear()
    await house.desk.urgent(thread, True, by=anne)
    assert ThreadChanged(thread) in house.heard
    view = await house.desk.thread(anne, thread)
    assert (view.row.name, view.language, view.row.urgent, view.row.known) == ("Mme Côté", "en", True, True)
    assert [(entry.author, entry.text) for entry in view.entries if isinstance(entry, NoteEntry)] == [
        ("Anne", "Demande le Dr Roy.\nRappeler après 16 h")
    ]
    assert [row.thread for row in await house.desk.inbox(anne)] == [thread, other], "urgent first"
    await house.desk.rename(thread, " ", by=anne)
    await house.desk.speak(thread, None, by=anne)
    view = await house.desk.thread(anne, thread, refresh=True)
    assert (view.row.name, view.language) == (None, None)


@pytest.mark.parametrize(
    ("verb", "value", "code"),
    [
        ("rename", "x" * 81, "too_long"),
        ("rename", "Eve \u202etxet", "bad_characters"),
        ("rename", "a\x1bb", "bad_characters"),
        ("rename", "\ud800", "not_utf8"),
        ("speak", "de", "no_language"),
        ("note", "", "no_text"),
        ("note", " \n", "no_text"),
        ("note", "x" * 2001, "too_long"),
    ],
)
async def test_what_cannot_stand_in_a_thread_is_refused(house: Clinic, verb: str, value: str, code: str) -> None:
    anne = await house.member()
    thread = await house.caller()
    more = {"act": "n"} if verb == "note" else {}
    with pytest.raises(RefusedError) as caught:
        await getattr(house.desk, verb)(thread, value, by=anne, **more)
    assert caught.value.code == code


async def test_acts_on_a_thread_that_is_not_there_say_so(house: Clinic) -> None:
    anne = await house.member(extension="101")
    acts = [
        house.desk.reply(9, "x", by=anne, act="a"),
        house.desk.claim(9, by=anne),
        house.desk.let_go(9, by=anne),
        house.desk.done(9, by=anne),
        house.desk.reopen(9, by=anne),
        house.desk.snooze(9, START + timedelta(hours=1), by=anne),
        house.desk.note(9, "x", by=anne, act="b"),
        house.desk.urgent(9, True, by=anne),
        house.desk.rename(9, "x", by=anne),
        house.desk.speak(9, "fr", by=anne),
        house.desk.call_back(9, by=anne),
        house.desk.again(9, by=anne),
        house.desk.call_off(9, by=anne),
        house.desk.reached("nothing", by=anne),
        house.desk.fill(anne, 9, -1),
    ]
    for act in acts:
        with pytest.raises(NotFoundError):
            await act
    assert await house.acts() == [("shell", "add_member")]


# -- calling back


async def test_a_call_back_rings_the_members_phone_shows_in_the_thread_and_settles_when_they_were_reached(house: Clinic) -> None:
    anne = await house.member(extension="101")
    thread = await house.caller()
    await house.desk.rename(thread, "Mme Côté", by=anne)
    asked = await house.desk.call_back(thread, by=anne)
    assert house.telephones.placed == [(asked.id, "101", ALICE, "Mme Côté")]
    view = await house.desk.thread(anne, thread)
    (call,) = [entry for entry in view.entries if isinstance(entry, OutgoingEntry)]
    assert (call.by, call.joined, call.reached, view.row.state) == ("Anne", None, False, ThreadState.TO_ANSWER)
    house.clock.move(seconds=1)
    assert await house.desk.call_back(thread, by=anne) == asked, "a double click is one call"
    house.clock.move(seconds=30)
    assert (await house.desk.call_back(thread, by=anne)).id != asked.id
    with pytest.raises(RefusedError) as nobody:
        await house.desk.reached(asked.id, by=anne)
    assert nobody.value.code == "not_joined"
    dialled = OutgoingCall(id="1772463600.99", number=ALICE, started=house.clock.at, joined=house.clock.at, ended=None)
    await house.store.note_outgoing(dialled)
    await house.store.acts.call_back_linked(asked.id, dialled.id)
    assert (await house.desk.rows((thread,)))[0].state is ThreadState.TO_ANSWER, "a patient's voicemail answers too"
    await house.desk.reached(asked.id, by=anne)
    assert (await house.desk.rows((thread,)))[0].state is not ThreadState.TO_ANSWER


async def test_a_call_back_that_cannot_be_placed_says_why_and_shows_it(house: Clinic) -> None:
    anne, bob = await house.member(extension="101"), await house.member("Bob")
    thread = await house.caller()
    with pytest.raises(RefusedError) as caught:
        await house.desk.call_back(thread, by=bob)
    assert caught.value.code == "no_extension"
    for refusal in (
        RefusedError("extension 101 is not registered", "see the telephone", code="phone_offline"),
        PbxUnavailableError("Asterisk is not there", "start it"),
    ):
        house.telephones.refusal = refusal
        with pytest.raises(TextbackError) as said:
            await house.desk.call_back(thread, by=anne)
        assert said.value is refusal, "and asked again at once it is tried again"
    failed = [entry.failed for entry in (await house.desk.thread(anne, thread)).entries if isinstance(entry, OutgoingEntry)]
    assert failed == ["pbx_unavailable", "phone_offline"]
