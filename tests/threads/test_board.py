"""What staff see: the parts of the inbox in their order, a thread's time line page by page, remarks, ready replies, settings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ari_app.board import Box, CallEntry, Entry, NoteEntry, TextEntry, ThreadState
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import ContactChanged, Notice, SettingsChanged, ThreadChanged
from ari_app.model import MessageKind, Outcome, Reason
from ari_app.threads import Store
from tests.threads.crew import a_member, missed, row, texted
from tests.threads.world import ALICE, BOB, STAFF, Clerk, HandClock, a_call, inbound, nothing, raw

CAROL = "+15145550103"


async def inbox(store: Store, box: Box = Box.TO_ANSWER, **page: object) -> list[int]:
    return [row.thread for row in await store.board.rows(box, **page)]  # type: ignore[arg-type]


async def test_what_is_urgent_then_what_is_new(store: Store, clock: HandClock) -> None:
    threads = []
    for number in (ALICE, BOB, CAROL):
        threads.append(await missed(store, number))
        clock.move(minutes=1)
    alice, bob, carol = threads
    assert await inbox(store) == [carol, bob, alice]
    assert await store.acts.urgent(bob, True, STAFF)
    assert not await store.acts.urgent(bob, True, STAFF)
    assert await inbox(store) == [bob, carol, alice]
    assert (await row(store, bob)).urgent
    await texted(store, "hello")
    assert await inbox(store) == [bob, alice, carol]
    assert await inbox(store, Box.ALL) == [alice, carol, bob]
    assert await inbox(store, limit=1, offset=1) == [alice]
    assert [found[0] for found in await store.board.waiting()] == [alice, bob, carol], "the longest first"
    assert await store.board.urgent() == {bob}
    await store.acts.mark_done(bob, STAFF)
    assert await store.board.urgent() == frozenset()


async def test_each_line_has_an_inbox_of_its_own(store: Store, clock: HandClock) -> None:
    main, dental = await missed(store), await missed(store, line="dental")
    clock.move(minutes=1)
    done = await missed(store, BOB, line="dental")
    await store.acts.mark_done(done, STAFF)
    assert await inbox(store, line="main") == [main]
    assert await inbox(store, line="dental") == [dental]
    assert await inbox(store, Box.ALL, line="dental") == [done, dental]
    assert await inbox(store, Box.DONE, line="dental") == [done]
    assert await inbox(store, Box.DONE, line="main") == await inbox(store, line="none such") == []
    assert (await store.board.counts()).to_answer == 2
    assert (await store.board.counts("dental")).to_answer == 1
    by_line = await store.board.counts_by_line()
    assert {line: counts.to_answer for line, counts in by_line.items()} == {"main": 1, "dental": 1}


async def test_a_row_says_who_it_is_and_what_was_last(store: Store, clock: HandClock) -> None:
    since = clock.now()
    alice = await missed(store)
    drawn = await row(store, alice)
    assert (drawn.number, drawn.name, drawn.known, drawn.line) == (ALICE, None, False, "main")
    assert (drawn.waits_since, drawn.changed, drawn.state) == (since, since, ThreadState.TO_ANSWER)
    assert isinstance(drawn.last, CallEntry)
    assert (drawn.last.outcome, drawn.last.reason, drawn.last.rang) == (Outcome.MISSED, Reason.COOLDOWN, 20.0)
    clock.move(minutes=3)
    await texted(store, "Bonjour")
    drawn = await row(store, alice)
    assert isinstance(drawn.last, TextEntry)
    assert (drawn.last.text, drawn.last.incoming, drawn.known) == ("Bonjour", True, True)
    assert (drawn.waits_since, drawn.changed) == (since, clock.now()), "it waits since the call"
    nobody = await row(store, await missed(store, None))
    assert (nobody.number, nobody.name, nobody.known) == (None, None, False)
    await store.keep(raw(inbound("BANK", "a code", clock.now()), clock.now()), nothing)
    (bank,) = [each for each in await store.board.rows(Box.ALL) if each.name == "BANK"]
    assert (bank.number, bank.state) == (None, ThreadState.TO_ANSWER)


async def test_neither_the_services_words_nor_a_text_called_off_are_news_of_a_row(store: Store, clock: HandClock) -> None:
    call = a_call(ended=clock.now())
    recorded = await store.record_call(call, Clerk().first(clock.now()), line="main")
    assert recorded.message
    clock.move(seconds=5)
    assert isinstance((await row(store, recorded.thread)).last, CallEntry), "what is answered, not the machine's answer"
    anne = await a_member(store, "anne")
    later = await store.acts.queue_staff(ALICE, "Demain?", "one", scheduled=clock.now() + timedelta(hours=1), by=anne)
    found = (await row(store, recorded.thread)).last
    assert isinstance(found, TextEntry)
    assert found.text == "Demain?"
    await store.acts.call_off(later.message, by=anne)
    assert isinstance((await row(store, recorded.thread)).last, CallEntry)
    assert [entry.type for entry in (await store.board.thread(recorded.thread)).entries] == ["text", "text", "call"]


async def test_rows_come_as_asked(store: Store) -> None:
    alice, bob = await missed(store), await missed(store, BOB)
    assert [found.thread for found in await store.board.rows_of((bob, 99, alice, bob))] == [bob, alice]
    assert await store.board.rows_of(()) == ()


async def test_a_time_line_page_by_page_loses_nothing(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    for number in range(7):
        clock.move(minutes=1)
        await texted(store, f"text {number}")
        await store.acts.note(thread, f"note {number}", anne, f"n{number}")  # of the same moment
        if number % 3 == 0:
            await store.acts.queue_staff(ALICE, f"answer {number}", f"a{number}", by=anne)
    whole = (await store.board.thread(thread, limit=100)).entries
    assert len(whole) == 1 + 7 + 7 + 3
    assert list(whole) == sorted(whole, key=lambda entry: entry.at, reverse=True)
    for limit in (1, 2, 3, 5):
        seen: list[Entry] = []
        before, pages = None, 0
        while True:
            view = await store.board.thread(thread, before=before, limit=limit)
            seen += view.entries
            pages += 1
            if not view.older:
                break
            before = view.entries[-1].at
        assert seen == list(whole), limit
        assert pages > 1
    assert view.seen == max(entry.id for entry in whole if isinstance(entry, TextEntry))


async def test_a_thread_tells_what_is_known_of_its_caller(store: Store) -> None:
    thread = await missed(store)
    view = await store.board.thread(thread)
    assert (view.language, view.opted_out, view.not_textable, view.seen, view.older) == (None, None, None, 0, False)
    with pytest.raises(NotFoundError):
        await store.board.thread(99)


async def test_notes_are_for_staff_and_once(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    thread, other = await missed(store), await missed(store, BOB)
    anne = await a_member(store, "anne")
    clock.move(minutes=1)
    heard.clear()
    note = await store.acts.note(thread, "call the husband", anne, "n1")
    assert heard == [ThreadChanged(thread)]
    assert await store.acts.note(thread, "call the husband", anne, "n1") == note
    drawn = await row(store, thread)
    assert drawn.last == NoteEntry(id=note, at=clock.now(), author="Anne", text="call the husband")
    assert drawn.state is ThreadState.TO_ANSWER, "a note answers nobody"
    for text, act, code in (("  ", "n2", "no_text"), ("another", "n1", "id_used")):
        with pytest.raises(RefusedError) as told:
            await store.acts.note(other, text, anne, act)
        assert told.value.code == code
    assert "husband" not in str(await store.board.audit())


async def test_a_name_is_the_caller_s_in_every_thread(store: Store, heard: list[Notice]) -> None:
    thread, other, nobody = await missed(store), await missed(store, line="dental"), await missed(store, None)
    anne = await a_member(store, "anne")
    heard.clear()
    assert await store.acts.name(thread, "Éloïse Côté", anne)
    assert not await store.acts.name(thread, "Éloïse Côté", anne)
    assert set(heard) == {ContactChanged(ALICE), ThreadChanged(thread), ThreadChanged(other)}
    assert {found.name for found in await store.board.rows_of((thread, other))} == {"Éloïse Côté"}
    assert (await row(store, other)).known
    assert await store.acts.language(thread, "fr", anne)
    assert (await store.board.thread(other)).language == "fr"
    assert await store.acts.name(thread, None, anne)
    assert (await row(store, thread)).name is None
    with pytest.raises(RefusedError) as told:
        await store.acts.name(nobody, "Somebody", anne)
    assert told.value.code == "no_number"
    assert "Côté" not in str(await store.board.audit())
    assert [(one.act, one.what) for one in await store.board.audit(thread=thread)] == [
        ("name", "removed"),
        ("language", "fr"),
        ("name", ""),
    ]


async def test_ready_replies(store: Store, heard: list[Notice]) -> None:
    anne = await a_member(store, "anne")
    heard.clear()
    both = await store.acts.save_canned(None, None, "Address", "12 Main Street", anne)
    french = await store.acts.save_canned(None, "fr", "Rappel", "Nous vous rappelons {opens}.", anne)
    await store.acts.save_canned(None, "en", "Call", "We call you.", anne)
    assert heard == [SettingsChanged("canned")] * 3
    assert [each.id for each in await store.board.canned("fr") or ()] == [both, french]
    assert len(await store.board.canned() or ()) == 3
    assert await store.acts.save_canned(french, "fr", "Rappel", "Nous vous rappelons demain.", anne) == french
    assert [each.text for each in await store.board.canned("fr") or ()] == ["12 Main Street", "Nous vous rappelons demain."]
    await store.acts.remove_canned(both, anne)
    assert [each.id for each in await store.board.canned("fr") or ()] == [french]
    for act in (store.acts.remove_canned(both, anne), store.acts.save_canned(both, None, "x", "y", anne)):
        with pytest.raises(NotFoundError):
            await act


async def test_settings_of_the_portal(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    anne = await a_member(store, "anne")
    heard.clear()
    await store.acts.set_setting("reply.mode", '"watch"', anne)
    await store.acts.set_setting("reply.mode", '"watch"', anne)
    assert await store.board.settings() == {"reply.mode": ('"watch"', clock.now(), "Anne")}
    assert heard == [SettingsChanged("reply.mode")]
    clock.move(minutes=1)
    await store.acts.set_setting("reply.mode", None, anne)
    assert await store.board.settings() == {}
    assert [(one.act, one.what) for one in await store.board.audit()][:2] == [
        ("unset_setting", "reply.mode"),
        ("set_setting", "reply.mode"),
    ]


async def test_an_automatic_text_is_not_a_person_s(store: Store, clock: HandClock) -> None:
    call = a_call(ended=clock.now() - timedelta(minutes=1))
    recorded = await store.record_call(call, Clerk().first(clock.now()), line="main")
    (text,) = [entry for entry in (await store.board.thread(recorded.thread)).entries if isinstance(entry, TextEntry)]
    assert (text.kind, text.author, text.incoming) == (MessageKind.AUTO, None, False)
    assert not (await row(store, recorded.thread)).known
