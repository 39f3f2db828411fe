"""Search as it is typed, over real indexes."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ari_app.board import NoteEntry, TextEntry, VoicemailEntry
from ari_app.threads import Store
from ari_app.threads.database import Transaction
from ari_app.threads.finding import wanted
from ari_app.threads.rows import stamp
from tests.threads.crew import a_member, missed, texted
from tests.threads.world import ALICE, BOB, STAFF, Clerk, HandClock, a_call

ELOISE, SMITH = "+15145550123", "+14385559876"


@pytest.fixture
async def clinic(store: Store, clock: HandClock) -> Store:
    """Éloïse wrote and has a note; Smith called; somebody unnamed wrote of results."""
    anne = await a_member(store, "anne")
    for number, name in ((ELOISE, "Éloïse Côté-Roy"), (SMITH, "John Smith"), (BOB, None)):
        thread = await missed(store, number)
        if name:
            await store.acts.name(thread, name, STAFF)
        clock.move(minutes=1)
        if number == ELOISE:
            await texted(store, "Je voudrais mon ordonnance d'amoxicilline, s'il vous plaît", ELOISE)
            await store.acts.note(thread, "Allergie: pénicilline", anne, "n1")
        if number == BOB:
            await texted(store, "Are my results in?", BOB)
    return store


async def found(store: Store, words: str) -> set[str]:
    return {hit.row.number or "" for hit in await store.board.search(words)}


@pytest.mark.parametrize("words", ["é", "elo", "ELOISE", "éloïse", "cote", "roy", "eloise cot", "Côté-R", "  roy  ", "cot elo"])
async def test_names_by_any_beginning_of_their_words(clinic: Store, words: str) -> None:
    expected = set() if words == "cot elo" else {ELOISE}  # only the last word is a beginning
    assert await found(clinic, words) == expected


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("5550123", {ELOISE}),
        ("514-555", {ELOISE, BOB}),
        ("(514) 555-0123", {ELOISE}),
        ("+1 514 555", {ELOISE, BOB}),
        ("+15145550123", {ELOISE}),
        ("0123", {ELOISE}),
        ("9876", {SMITH}),
        ("987", {SMITH}),
        ("98", set()),
        ("0000", set()),
    ],
)
async def test_digits_anywhere_in_a_number(clinic: Store, words: str, who: set[str]) -> None:
    assert await found(clinic, words) == who


@pytest.mark.parametrize("words", ["smith 438", "438 smith", "smi 9876"])
async def test_a_name_and_digits(clinic: Store, words: str) -> None:
    assert await found(clinic, words) == (set() if words.startswith("smi ") else {SMITH})
    assert await found(clinic, words.replace("438", "514").replace("9876", "0123")) == set()


async def test_texts_and_notes_with_what_was_said(clinic: Store) -> None:
    for words in ("ordonn", "ORDONNANCE d'amox", "plait", "s'il vous"):
        (hit,) = await clinic.board.search(words)
        assert isinstance(hit.entry, TextEntry), words
        assert "amoxicilline" in hit.entry.text
    (hit,) = await clinic.board.search("penic")
    assert isinstance(hit.entry, NoteEntry)
    (hit,) = await clinic.board.search("eloi")
    assert hit.entry is None
    assert await found(clinic, "results in") == {BOB}
    assert await found(clinic, "results out") == set()


async def test_what_was_said_into_the_voicemail_is_found_by_its_transcript(clinic: Store, clock: HandClock) -> None:
    call = a_call(SMITH, ended=clock.now())
    thread = (await clinic.record_call(call, Clerk().first(clock.now()), line="main")).thread
    left = {"call": call.id, "thread": thread, "mailbox": "100", "context": "default", "folder": "INBOX", "at": stamp(clock.now())}

    def keep(tx: Transaction) -> int:
        return tx.insert("voicemail", {**left, "message": "m1", "seconds": 4.5, "transcription": "waiting"})

    voicemail = await clinic._database.write(keep)
    assert await found(clinic, "dentist") == set()
    said = "This is about the dentist's référence"
    await clinic._database.write(
        lambda tx: tx.run("UPDATE voicemail SET transcript = ?, transcription = 'done' WHERE id = ?", (said, voicemail))
    )
    for words in ("dentist", "REFER", "about the dent"):
        (hit,) = await clinic.board.search(words)
        assert isinstance(hit.entry, VoicemailEntry), words
        assert (hit.row.thread, hit.entry.transcript) == (thread, said)


async def test_who_is_named_so_comes_before_who_wrote_so(clinic: Store, clock: HandClock) -> None:
    clock.move(minutes=1)
    await texted(clinic, "It is about John Smith", BOB)
    assert [hit.row.number for hit in await clinic.board.search("john smith")] == [SMITH, BOB]
    assert len(await clinic.board.search("john smith", limit=1)) == 1


async def test_a_thread_is_found_once_by_its_newest(clinic: Store, clock: HandClock) -> None:
    for number in range(3):
        clock.move(minutes=1)
        await texted(clinic, f"my results again {number}", BOB)
    (hit,) = await clinic.board.search("results")
    assert isinstance(hit.entry, TextEntry)
    assert hit.entry.text == "my results again 2"


async def test_texts_of_the_service_are_no_words_of_anybody(store: Store, clock: HandClock) -> None:
    call = a_call(ALICE, ended=clock.now())
    await store.record_call(call, Clerk().first(clock.now()), line="main")
    assert await store.board.search("missed") == ()


async def test_what_changes_is_found_as_it_is(clinic: Store) -> None:
    (hit,) = await clinic.board.search("eloise")
    await clinic.acts.name(hit.row.thread, "Zoé", STAFF)
    assert await found(clinic, "eloise") == set()
    assert await found(clinic, "zoe") == {ELOISE}


@given(words=st.text(max_size=30))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_are_a_query(words: str) -> None:
    asked = wanted(words)
    file = sqlite3.connect(":memory:")
    file.execute("CREATE VIRTUAL TABLE t USING fts5 (name, number)")
    file.execute("CREATE VIRTUAL TABLE d USING fts5 (number, tokenize='trigram')")
    for table, query in (("t", asked.name), ("d", asked.digits), ("t", asked.text)):
        if query is not None:
            file.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH ?", (query,)).fetchall()  # noqa: S608
    file.close()


@pytest.mark.parametrize("words", ["", " ", "?", "***", '"', "NEAR(", "a" * 500, "\0", "\ud800", "😀", "-", "AND OR NOT", "name:", "é" * 3])
async def test_odd_words_are_answered(clinic: Store, words: str) -> None:
    assert await clinic.board.search(words) == ()
