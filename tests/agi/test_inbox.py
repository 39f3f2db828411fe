"""The voice inbox over real sockets and the real desk and store: what it says, what each key does, and that it always ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agi.headers import extensions_of
from ari_app.board import Box, Face, Member, VoicemailEntry
from ari_app.desk import SHELL, Written
from ari_app.model import Kind, Level, Priority, Reaction
from ari_app.person import PersonNumber, Record
from ari_app.settings import AgiSettings
from tests.agi.house import COLLEAGUE, House, house
from tests.agi.telephone import HANG_UP, Telephone
from tests.left import leave
from tests.threads.world import ALICE, BOB, START


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


# -- who calls


@pytest.mark.parametrize(
    ("channel", "argument", "found"),
    [
        ("PJSIP/201-0000001a", "", ("201",)),
        ("SIP/201-0000001a", "202", ("201", "202")),
        ("PJSIP/trunk-0000001a", "", ("trunk",)),
        ("DAHDI/1-1", "201", ("1", "201")),
        ("Local/201@from-internal-0000001a;2", "", ()),
        ("", " 201 ", ("201",)),
    ],
)
def test_the_phone_says_who_calls_and_the_caller_id_never(channel: str, argument: str, found: tuple[str, ...]) -> None:
    headers = {"agi_channel": channel, "agi_arg_1": argument, "agi_callerid": "209"}
    assert extensions_of(headers) == found


@pytest.mark.parametrize("channel", ["PJSIP/999-0000001a", "PJSIP/trunk-0000001a", "Local/201@from-internal-0000001a;2"])
async def test_a_phone_of_no_member_hears_that_and_nothing_else(clinic: House, channel: str) -> None:
    await clinic.staff()
    await clinic.missed(ALICE)
    telephone = await clinic.calls("7", channel)
    assert clinic.said() == ["fr:Ce poste n'a pas accès aux messages. Voyez votre administrateur."]
    assert telephone.commands[-1] == "HANGUP"
    assert len(await clinic.waiting()) == 1


async def test_the_dialplan_may_say_who_calls(clinic: House) -> None:
    await clinic.staff()
    await clinic.calls((), "DAHDI/7-1", agi_arg_1="201")
    assert clinic.said()[0] == "en:Nobody is waiting."


async def test_who_left_is_let_in_no_more(clinic: House) -> None:
    await clinic.staff()
    await clinic.desk.change_member(clinic.marie.id, active=False, by=SHELL)
    await clinic.calls()
    assert clinic.said() == ["fr:Ce poste n'a pas accès aux messages. Voyez votre administrateur."]


async def test_the_pin_opens_and_nothing_is_told_before(clinic: House) -> None:
    await clinic.staff(pin="2580")
    await clinic.missed(ALICE)
    telephone = await clinic.calls(pins=["1111", "2580"])
    assert clinic.said()[:3] == ["en:Your code, then the pound key.", "en:That is not the code.", "en:One caller waits, for 1 minute."]
    assert [command.split()[-2:] for command in telephone.commands if command.startswith("GET DATA")] == [["6000", "8"]] * 2


@pytest.mark.parametrize("pins", [["1111", "2222", "3333"], ["", "", ""], ["99999999", "0", "1"]])
async def test_three_wrong_pins_and_the_call_is_over(clinic: House, pins: list[str]) -> None:
    await clinic.staff(pin="2580")
    await clinic.missed(ALICE)
    telephone = await clinic.calls("7", pins=[*pins, "2580"])
    assert len([command for command in telephone.commands if command.startswith("GET DATA")]) == 3
    assert telephone.commands[-1] == "HANGUP"
    assert not [line for line in clinic.said() if "5 1 4" in line]
    assert len(await clinic.waiting()) == 1


async def test_guessing_at_pins_is_slowed_from_call_to_call(clinic: House) -> None:
    await clinic.staff(pin="2580")
    for _ in range(3):
        await clinic.calls(pins=["1111", "2222", "3333"])
    await clinic.calls(pins=["2580"])
    assert clinic.said()[-1] == "en:Too many tries. Try again later."


# -- what is told


async def test_nobody_waits(clinic: House) -> None:
    await clinic.staff()
    telephone = await clinic.calls()
    assert clinic.said() == ["en:Nobody is waiting.", "en:Goodbye."]
    assert telephone.commands[0] == "ANSWER"
    assert telephone.commands[-1] == "HANGUP"
    assert telephone.played == 2


async def test_who_waits_is_told_with_their_call_and_their_texts_each_in_its_language(clinic: House) -> None:
    await clinic.staff()
    await clinic.missed(ALICE)
    clinic.clock.move(minutes=5)
    await clinic.wrote(ALICE, "Bonjour, je voudrais un rendez-vous demain matin")
    clinic.clock.move(minutes=5)
    await clinic.wrote(ALICE, "please call me back, thanks")
    clinic.clock.move(minutes=15)
    await clinic.calls()
    assert clinic.said()[:6] == [
        "en:One caller waits, for 25 minutes.",
        "en:5 1 4, 5 5 5, 0 1 0 1. Missed call, 25 minutes ago. Text, 20 minutes ago.",
        "fr:Bonjour, je voudrais un rendez-vous demain matin",
        "en:Text, 15 minutes ago. please call me back, thanks",
        "en:1, again. 2, next. 3, reply. 4, call back. 7, done. 9, this menu.",
        "en:Goodbye.",
    ]


async def test_it_speaks_the_member_s_language_else_the_clinic_s(clinic: House) -> None:
    await clinic.staff(language=None)
    await clinic.missed(ALICE, voicemail_left=True)
    await clinic.missed(None)
    clinic.clock.move(hours=26)
    await clinic.calls(["2"])
    assert clinic.said()[0] == "fr:2 personnes attendent. La première depuis 26 heures."
    assert "fr:Numéro masqué. Appel manqué, il y a 26 heures." in clinic.said()
    assert "fr:5 1 4, 5 5 5, 0 1 0 1. Nouvel appelant. Appel manqué, il y a 26 heures. A laissé un message vocal." in clinic.said()


async def test_a_known_caller_is_named_and_an_urgent_one_said_to_be(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.desk.rename(thread, "Alice Côté", by=SHELL)
    await clinic.desk.urgent(thread, True, by=SHELL)
    await clinic.desk.claim(thread, by=clinic.lea)
    await clinic.calls()
    assert f"en:Alice Côté. Urgent. {COLLEAGUE} is answering. Missed call, 1 minute ago." in clinic.said()


async def test_why_somebody_goes_first_what_they_are_and_the_name_they_gave(clinic: House) -> None:
    await clinic.staff()
    await clinic.wrote(
        ALICE,
        "my face is swelling",
        Reaction(priority=Priority(Level.URGENT, "emergency"), offered="Paul Roy"),
    )
    await clinic.wrote(BOB, "the crowns are ready", Reaction(priority=Priority(Level.HIGH, "Suivi de chirurgie")))
    supplier = Record(external="9", name="Labo Nord", kind=Kind.SUPPLIER, numbers=(PersonNumber(number=BOB),))
    await clinic.store.contacts.apply([supplier], "import")
    await clinic.calls(["2"])
    told = " ".join(clinic.said())
    assert "5 1 4, 5 5 5, 0 1 0 1. Urgent: emergency words. Gives the name Paul Roy. Text," in told
    assert "Labo Nord. Priority: Suivi de chirurgie. Supplier. Text," in told
    assert told.count("6, keep this name.") == 1


async def test_the_name_they_gave_is_kept_by_a_key_and_no_other_than_was_told(clinic: House) -> None:
    await clinic.staff()
    await clinic.wrote(ALICE, "this is Paul Roy", Reaction(offered="Paul Roy"))
    (thread,) = await clinic.waiting()
    await clinic.calls(["6", "6"])
    assert "en:The name is kept." in clinic.said()
    assert "en:There is no name to keep." in clinic.said()
    (row,) = await clinic.desk.rows((thread,))
    assert (row.name, row.offered, row.kind) == ("Paul Roy", None, Kind.PROSPECT)
    await clinic.wrote(BOB, "this is Bob", Reaction(offered="Bob Roy"))

    def keys() -> Iterator[str]:
        with sqlite3.connect(clinic.folder / "textback.db", timeout=10) as file:
            file.execute("UPDATE contact SET offered = 'Robert Roy' WHERE number = ?", (BOB,))
        file.close()
        yield from ("6", "6")

    await clinic.calls(keys())
    assert "Gives the name Robert Roy." in " ".join(clinic.said())
    rows = {row.number: row.name for row in await clinic.desk.inbox(SHELL, Box.ALL)}
    assert rows[BOB] == "Robert Roy"


async def test_a_message_left_is_played_by_a_key_and_heard_when_it_was_played_whole(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    path = clinic.folder / "textback.db"
    left = [leave(path, thread, clinic.clock.now(), seconds=seconds) for seconds in (2.0, 75.0)]
    mute = leave(path, thread, clinic.clock.now(), sound=None)
    telephone = await clinic.calls(["5", "1"])
    told = " ".join(clinic.said())
    assert "Missed call, 1 minute ago. 2 voicemails to hear." in told
    assert "en:End of the message." in clinic.said()
    assert clinic.said()[2] == "en:5, hear the message."
    assert telephone.played > 8
    view = await clinic.desk.thread(SHELL, thread, refresh=True)
    heard = {entry.id: entry.heard_by for entry in view.entries if isinstance(entry, VoicemailEntry)}
    assert heard == {left[0]: "Marie", left[1]: "Marie", mute: None}
    assert "voicemails" not in " ".join(clinic.said()[-3:]), "all of them were heard"
    # again: the newest one
    once = await clinic.calls(["5"])
    none = await clinic.calls(["9"])
    assert once.played == none.played + 2, "the message and its end"


async def test_a_message_that_a_key_stops_is_not_heard_and_the_key_counts(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    voicemail = leave(clinic.folder / "textback.db", thread, clinic.clock.now(), seconds=75.0)
    # who waits, the reading, the keys and the message: a key during each sound, where there is one
    telephone = await clinic.calls(["", "5", "7"], patient=False)
    assert "Voicemail of 1 minute and 15 seconds." in " ".join(clinic.said())
    assert await clinic.waiting() == [], "7 while it played: done"
    (entry,) = (each for each in (await clinic.desk.thread(SHELL, thread, refresh=True)).entries if isinstance(each, VoicemailEntry))
    assert (entry.id, entry.heard) == (voicemail, None)
    assert telephone.commands


async def test_there_may_be_no_message_or_none_that_can_be_played(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.calls(["5"])
    assert "en:There is no message to hear." in clinic.said()
    assert "en:5, hear the message." not in clinic.said()
    leave(clinic.folder / "textback.db", thread, clinic.clock.now(), sound=b"no sound at all")
    await clinic.calls(["5"])
    assert "en:This message cannot be played here." in clinic.said()


async def test_what_was_answered_is_not_read_again(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.wrote(ALICE, "the first question")
    await clinic.desk.reply(thread, "an answer", by=clinic.lea, act="a")
    clinic.clock.move(minutes=10)
    await clinic.wrote(ALICE, "the second question")
    await clinic.calls()
    told = " ".join(clinic.said())
    assert "second question" in told
    assert "first question" not in told
    assert "Missed call" not in told


async def test_a_text_of_ten_thousand_characters_is_cut_and_a_hostile_one_is_only_words(clinic: House) -> None:
    await clinic.staff()
    await clinic.wrote(ALICE, "word " * 480)
    await clinic.wrote(BOB, "<b>[[x]] ]]> \u202e$(reboot) `id` {file}")
    await clinic.calls("2")
    told = clinic.said()
    assert max(len(line) for line in told) < 700
    assert "en:The rest is on the screen." in told
    assert any("<b> x > $(reboot) `id` {file}" in line for line in told)


async def test_each_is_heard_once_and_all_of_more_than_a_page(clinic: House) -> None:
    await clinic.staff()
    for number in range(60):
        await clinic.missed(f"+1514555{1000 + number}")
    await clinic.calls(["2"] * 70)
    assert clinic.said()[0] == "en:60 callers wait. The first for 1 minute."
    assert len([line for line in clinic.said() if "Missed call" in line]) == 60
    assert clinic.said()[-2:] == ["en:Nobody else is waiting.", "en:Goodbye."]


async def test_reading_is_audited_with_the_extension(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.calls("1")
    found = [each for each in await clinic.desk.audit(SHELL) if each.thread == thread and each.face is Face.VOICE]
    assert [(each.who, each.address, each.act) for each in found] == [("Marie", "201", "read")]


# -- what the keys do


async def test_done_and_next_and_again(clinic: House) -> None:
    await clinic.staff()
    await clinic.missed(ALICE)
    second = await clinic.missed(BOB, ended=START)
    await clinic.calls(["1", "9", "5", "2", "7"])
    assert len([line for line in clinic.said() if "Missed call" in line]) == 3
    [waits] = await clinic.waiting()
    assert waits in {second, second - 1}


async def test_a_ready_reply_is_sent_once_under_the_member_s_name(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    keys = await clinic.ready("Call us", "Call us, please.")
    await clinic.calls(["3", *keys, "5", "1"])
    assert await clinic.texts(thread) == [("Call us, please.", "Marie")]
    assert any("Call us." in line for line in clinic.said())
    assert clinic.said()[-3:] == ["en:Sent.", "en:Nobody else is waiting.", "en:Goodbye."]
    assert await clinic.waiting() == []


async def test_replies_are_offered_in_the_caller_s_language(clinic: House) -> None:
    await clinic.staff()
    await clinic.wrote(ALICE, "Hello, can you call me back please")
    await clinic.wrote(BOB, "Bonjour, je voudrais un rendez-vous")
    await clinic.calls(["3", "*", "2", "3", "*"])
    told = " ".join(clinic.said())
    assert "en:1, We will call back." in told
    assert "fr:1, Nous rappelons." in told


@pytest.mark.parametrize(
    "keys", [["3", "*"], ["3", "1", "*"], ["3", "1", "#"], ["3", "1", HANG_UP], ["3", "1"], ["3", HANG_UP], [HANG_UP], ["3", "8"]]
)
async def test_nothing_is_sent_that_was_not_confirmed(clinic: House, keys: list[str]) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.calls(keys)
    assert await clinic.texts(thread) == []
    assert await clinic.waiting() == [thread]


async def test_more_replies_than_keys_come_in_pages(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    for number in range(12):
        keys = await clinic.ready(f"Reply {number}", f"This is reply {number}.")
    pages = len(await clinic.desk.canned(SHELL, "fr")) // 9 + 1
    assert "0" in keys
    await clinic.calls(["3", *["0"] * pages, *keys, "1"])
    assert await clinic.texts(thread) == [("This is reply 11.", "Marie")]


async def test_another_who_is_answering_is_named_before_anything_goes(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    keys = await clinic.ready("Tomorrow", "Come tomorrow at 9.")
    await clinic.desk.claim(thread, by=clinic.lea)
    await clinic.calls(["3", *keys, "1", "*"])
    assert await clinic.texts(thread) == []
    assert f"en:{COLLEAGUE} is answering." in clinic.said()
    await clinic.calls(["3", *keys, "1", "1"])
    assert await clinic.texts(thread) == [("Come tomorrow at 9.", "Marie")]


@pytest.mark.parametrize("holds", [False, True])
async def test_an_answer_that_came_meanwhile_is_told_before_anything_goes(clinic: House, holds: bool) -> None:
    """Once, also where who gave it still holds the thread."""
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    keys = await clinic.ready("Tomorrow", "Come tomorrow at 9.")
    reply = clinic.desk.reply

    async def slow(number: int, text: str, **more: Any) -> Written:
        if len(await clinic.texts(thread)) == 0:
            await reply(thread, "I was quicker.", by=clinic.lea, act="quick")
            if not holds:
                await clinic.desk.let_go(thread, by=clinic.lea)
        return await reply(number, text, **more)

    clinic.desk.reply = slow  # type: ignore[assignment, method-assign] # the other writes between the key and the desk
    await clinic.calls(["3", *keys, "1", "1"])
    assert f"en:{COLLEAGUE} has just answered." in clinic.said()
    assert await clinic.texts(thread) == [("I was quicker.", COLLEAGUE), ("Come tomorrow at 9.", "Marie")]


async def test_who_wants_no_texts_gets_none(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    await clinic.wrote(ALICE, "STOP", Reaction(opt=True, reopens=False))
    await clinic.calls(["3", "1", "1"])
    assert await clinic.texts(thread) == []
    assert "en:This person wants no texts: nothing is sent." in clinic.said()


async def test_a_hidden_number_is_neither_written_to_nor_called(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(None)
    await clinic.calls(["3", "4", "7"])
    assert "en:This number cannot be written to." in clinic.said()
    assert "en:This number cannot be called back." in clinic.said()
    assert clinic.rings.placed == []
    assert thread not in await clinic.waiting()


@pytest.mark.parametrize("keys", [["4", HANG_UP], ["4"]])
async def test_call_back_hangs_up_first_and_rings_the_member_s_phone(clinic: House, keys: list[str]) -> None:
    await clinic.staff()
    await clinic.missed(ALICE)
    telephone = await clinic.calls(keys, then=lambda: clinic.rings.placed)
    assert clinic.said()[-1] == "en:Hang up. Your phone will ring."
    assert telephone.commands[-1] == "HANGUP"
    assert clinic.rings.placed == [("201", ALICE)]
    assert len(await clinic.waiting()) == 1


async def test_a_call_back_that_the_pbx_refuses_leaves_the_caller_waiting(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    clinic.rings.down = True

    def refused() -> list[str]:
        return [entry["reason"] for entry in logs if entry["event"] == "call_back_failed"]

    with capture_logs() as logs:
        await clinic.calls(["4"], then=refused)
    assert refused() == ["pbx_unavailable"]
    assert await clinic.waiting() == [thread]
    clinic.clock.move(minutes=3)
    await clinic.calls()
    # whoever asked had hung up: it is told the next time
    assert [line for line in clinic.said() if "Marie tried to call back, 3 minutes ago: the PBX did not answer." in line]


# -- when something is wrong


async def test_without_speech_numbers_are_said_by_asterisk_and_the_keys_work(clinic: House) -> None:
    await clinic.staff()
    thread = await clinic.missed(ALICE)
    clinic.speech = AgiSettings(speech=("no-such-engine", "{file}"), sounds=clinic.sounds)
    telephone = await clinic.calls(["7"])
    assert 'SAY DIGITS "5145550101" "0123456789*#"' in telephone.commands
    assert 'STREAM FILE "beep" "0123456789*#"' in telephone.commands
    assert thread not in await clinic.waiting()


async def test_a_store_that_fails_is_told_and_the_call_ends(clinic: House) -> None:
    await clinic.staff()
    await clinic.missed(ALICE)
    telephone = Telephone(["1"])
    async with clinic.server() as server:
        member = await clinic.doors.member_of("201")
        assert member is not None

        async def gone(extension: str) -> Member | None:  # noqa: ARG001 (as the real one)
            await clinic.store.close()
            return member

        clinic.doors.member_of = gone  # type: ignore[method-assign] # the store goes after the door was opened
        await telephone.call(server.port)
    assert clinic.said() == ["en:That is not possible now. Try again later."]
    assert telephone.commands[-1] == "HANGUP"


async def test_no_log_line_says_who_called_or_what_was_written(clinic: House) -> None:
    await clinic.staff(pin="2580")
    await clinic.missed(ALICE)
    await clinic.wrote(ALICE, "a secret of mine")
    clinic.speech = AgiSettings(speech=("no-such-engine", "{file}"), sounds=clinic.sounds)
    with capture_logs() as logs:
        await clinic.calls(["1", "4"], pins=["9999", "2580"])
    assert logs
    for private in ("5550101", "secret", "2580", "9999"):
        assert private not in str(logs)


# -- whatever is pressed


@effort(deadline=None, max_examples=40)
@given(
    keys=st.lists(st.sampled_from([*"0123456789*#", "", "3", "1", "1"]), max_size=30),
    patient=st.booleans(),
    hangs_up=st.booleans(),
)
def test_whatever_is_pressed_it_ends_and_nothing_is_sent_twice(keys: list[str], patient: bool, hangs_up: bool) -> None:
    async def call(folder: Path) -> None:
        async with house(folder) as clinic:
            await clinic.staff()
            threads = [await clinic.missed(number) for number in (ALICE, BOB, None)]
            with capture_logs() as logs:
                await clinic.calls([*keys, HANG_UP] if hangs_up else keys, patient=patient)
            assert not [entry for entry in logs if entry["event"] in {"agi_failed", "agi_timed_out", "voice_failed"}]
            confirmed = sum(1 for first, second in zip(["", *keys], keys, strict=False) if second == "1")
            sent = [await clinic.texts(thread) for thread in threads]
            assert sum(len(texts) for texts in sent) <= confirmed
            assert all(len(texts) <= 1 for texts in sent)
            assert len(clinic.rings.placed) <= 1

    with TemporaryDirectory() as folder:
        asyncio.run(call(Path(folder)))
