"""The routes ``caller``, ``offer`` and ``decline``, without an Asterisk: what a dialplan gets, and what callers are told."""

from __future__ import annotations

import asyncio
import shlex
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_app.board import Role
from ari_app.desk import SHELL
from ari_app.errors import StoreError
from ari_app.model import Call, Decision, Kind, Known, Outcome, Presentation, Reason
from ari_app.pbx.outputs import RingingChanged, Waiting
from ari_app.person import PersonNumber, Record
from ari_app.settings import AgiSettings
from tests.agi.house import House, house
from tests.threads.world import silence

CLIENT, STRANGER, LAB = "+14385550101", "+14385550102", "+14385550103"
MODEM = {"modem": [{"name": "m", "kind": "serial", "port": "auto"}]}
OFFER_FR, WILL_FR = "fr:Pour continuer par texto, faites le 1.", "fr:Merci. Nous vous envoyons un texto à ce numéro."


@pytest.fixture
async def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    for module in ("caller", "offer"):  # a machine busy with other tests needs longer
        monkeypatch.setattr(f"agi.{module}.ANSWER_WITHIN", 2.0)
    async with house(tmp_path, more=MODEM) as made:
        await made.store.contacts.apply(
            [
                Record(external="1", name='Zoé "Z" Roy', numbers=(PersonNumber(number=CLIENT),), language="en"),
                Record(external="2", name="Labo", kind=Kind.SUPPLIER, numbers=(PersonNumber(number=LAB),)),
            ],
            "import",
        )
        yield made


async def asks(clinic: House, route: str, keys: str = "", **headers: Any) -> list[str]:
    """What Asterisk is told to do."""
    telephone = await clinic.calls(keys, channel="PJSIP/trunk-0000001a", route=route, **headers)
    return telephone.commands


def variables(commands: list[str]) -> dict[str, str]:
    return dict(tuple(shlex.split(each)[2:4]) for each in commands if each.startswith("SET VARIABLE"))  # type: ignore[misc]


# -- caller


async def test_a_client_is_named_and_a_stranger_is_not(clinic: House) -> None:
    call = clinic.rings_in(CLIENT)
    told = variables(await asks(clinic, "caller", agi_uniqueid=call.id, agi_callerid="999"))
    assert told == {"CALLERID(name)": "Zoé Z Roy", "TEXTBACK_KIND": "client", "TEXTBACK_LANGUAGE": "en"}
    call = clinic.rings_in(STRANGER)
    told = variables(await asks(clinic, "caller", agi_uniqueid=call.id))
    assert told == {"TEXTBACK_KIND": "unknown", "TEXTBACK_LANGUAGE": "fr"}
    await clinic.missed(STRANGER)
    told = variables(await asks(clinic, "caller", agi_uniqueid=call.id))
    assert told == {"TEXTBACK_KIND": "prospect", "TEXTBACK_LANGUAGE": "fr"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("É" * 60, "É" * 30),
        ("Zoé Roy-L’Écuyer (mère), D'Amour & Cie", "Zoé Roy-L’Écuyer (mère), D'Amour & Cie"),
        ("Zoé`id` $(id) ${SHELL(id)} $[1] <1>; | Roy", "Zoéid (id) SHELL(id) 1 1  Roy"),
    ],
    ids=["long", "as names are", "active"],
)
async def test_a_name_fits_a_call_record_and_is_nothing_to_a_dialplan_or_a_shell(clinic: House, name: str, shown: str) -> None:
    await clinic.store.contacts.apply([Record(external="9", name=name, numbers=(PersonNumber(number="+14385550109"),))], "import")
    call = clinic.rings_in("+14385550109")
    assert variables(await asks(clinic, "caller", agi_uniqueid=call.id))["CALLERID(name)"] == shown


async def test_a_call_that_is_not_watched_is_known_by_the_number_it_shows(clinic: House) -> None:
    assert variables(await asks(clinic, "caller", agi_callerid="4385550101"))["CALLERID(name)"] == "Zoé Z Roy"
    for hidden in ({"agi_callerid": "unknown"}, {"agi_callerid": "4385550101", "agi_callingpres": "32"}):
        assert variables(await asks(clinic, "caller", **hidden)) == {"TEXTBACK_KIND": "unknown", "TEXTBACK_LANGUAGE": "fr"}
    call = clinic.rings_in(CLIENT, presentation=Presentation.PROHIBITED)
    assert "CALLERID(name)" not in variables(await asks(clinic, "caller", agi_uniqueid=call.id, agi_callerid="4385550101"))


async def test_who_is_urgent_goes_first_in_the_queue(clinic: House) -> None:
    thread = await clinic.missed(CLIENT)
    await clinic.desk.urgent(thread, True, by=SHELL)
    call = clinic.rings_in(CLIENT)
    assert variables(await asks(clinic, "caller", agi_uniqueid=call.id))["QUEUE_PRIO"] == "10"


async def test_what_is_not_known_in_time_or_not_at_all_holds_no_call(clinic: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: str) -> Any:
        await asyncio.Event().wait()

    async def fails(_: str) -> Any:
        raise StoreError("the disk is full")

    call = clinic.rings_in(CLIENT)
    for broken, event in ((never, "caller_not_answered"), (fails, "caller_not_answered")):
        monkeypatch.setattr(clinic.store.contacts, "caller", broken)
        with capture_logs() as logs:
            assert await asks(clinic, "caller", agi_uniqueid=call.id) == []
        assert [each["event"] for each in logs if each["event"].startswith("caller")] == [event]
        assert CLIENT not in str(logs)


# -- offer


async def test_1_is_noted_said_and_ends_the_call(clinic: House) -> None:
    call = clinic.rings_in(STRANGER)
    commands = await asks(clinic, "offer", "1", agi_uniqueid=call.id)
    assert [each.split()[0] for each in commands] == ["ANSWER", "STREAM", "WAIT", "ANSWER", "STREAM", "HANGUP"]
    assert [said.startswith(wanted) for said, wanted in zip(clinic.said(), (OFFER_FR, WILL_FR), strict=True)] == [True, True]
    asked: list[bool] = []

    def decide(filed: Call, _: Known) -> Decision:
        asked.append(filed.asked)
        return silence(Reason.LIMIT)()

    await clinic.store.record_call(call, decide, line="main")
    assert asked == [True]


async def test_who_presses_nothing_or_another_key_goes_on(clinic: House) -> None:
    call = clinic.rings_in(STRANGER)
    for key in ("", "2"):
        commands = await asks(clinic, "offer", key, agi_uniqueid=call.id)
        assert [each.split()[0] for each in commands] == ["ANSWER", "STREAM", "WAIT"]


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (None, {}),
        (STRANGER, {"presentation": Presentation.PROHIBITED}),
        (STRANGER, {"presentation": Presentation.UNKNOWN}),
        (LAB, {}),
        ("+18005550199", {}),
        (STRANGER, {"outcome": Outcome.ANSWERED}),
    ],
    ids=["none", "hidden", "unread", "supplier", "toll free", "talked"],
)
async def test_where_no_text_can_go_nothing_is_said(clinic: House, number: str | None, changes: dict[str, Any]) -> None:
    call = clinic.rings_in(number, **changes)
    assert await asks(clinic, "offer", "1", agi_uniqueid=call.id) == []
    told = variables(await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="may"))
    assert told == {"TEXTBACK_OFFER": "0"}
    assert clinic.said() == []


async def test_a_call_that_began_before_we_watched_may_be_promised_a_text(clinic: House) -> None:
    call = clinic.rings_in(STRANGER, outcome=Outcome.UNSEEN)
    assert variables(await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="may"))["TEXTBACK_OFFER"] == "1"


async def test_an_opt_out_a_pause_and_a_call_nobody_knows_are_offered_nothing(clinic: House) -> None:
    call = clinic.rings_in(STRANGER)
    thread = await clinic.missed(STRANGER)
    await clinic.desk.opt_out(thread, by=SHELL)
    assert await asks(clinic, "offer", "1", agi_uniqueid=call.id) == []
    await clinic.desk.lift_opt_out(thread, by=SHELL)
    assert variables(await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="may")) == {
        "TEXTBACK_OFFER": "1",
        "TEXTBACK_LANGUAGE": "fr",
    }
    await clinic.desk.pause(True, by=SHELL)
    assert await asks(clinic, "offer", "1", agi_uniqueid=call.id) == []
    await clinic.desk.pause(False, by=SHELL)
    assert await asks(clinic, "offer", "1", agi_uniqueid="nobody") == []


async def test_who_pressed_1_already_is_texted_or_told_that_it_cannot_be(clinic: House) -> None:
    call = clinic.rings_in(CLIENT)
    commands = await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="yes")
    assert [each.split()[0] for each in commands] == ["ANSWER", "STREAM", "HANGUP"]
    call = clinic.rings_in(LAB)
    commands = await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="yes")
    assert [each.split()[0] for each in commands] == ["ANSWER", "STREAM"], "and the dialplan goes on"
    assert clinic.said()[0].startswith("en:Thank you.")
    assert clinic.said()[1].startswith("fr:Nous ne pouvons pas vous écrire")


async def test_a_store_that_hangs_holds_nobody_who_asked(clinic: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("agi.offer._NOTED_WITHIN", 0.05)
    monkeypatch.setattr(clinic.store, "note_asked", never)
    call = clinic.rings_in(CLIENT)
    with capture_logs() as logs:
        assert await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="yes") == [], "the dialplan goes on"
    assert [each["reason"] for each in logs if each["event"] == "text_not_promised"] == ["not noted in time"]


async def test_without_speech_nothing_is_offered_and_who_asked_still_gets_it(clinic: House) -> None:
    clinic.speech = AgiSettings(speech=("no-such-engine", "{file}"), sounds=clinic.sounds)
    call = clinic.rings_in(STRANGER)
    with capture_logs():
        assert await asks(clinic, "offer", "1", agi_uniqueid=call.id) == ["ANSWER"]
        commands = await asks(clinic, "offer", agi_uniqueid=call.id, agi_arg_1="yes")
    assert commands == ["ANSWER", 'STREAM FILE "vm-goodbye" ""', "HANGUP"]


async def test_the_clinics_own_recording_is_played_and_one_that_cannot_be_is_spoken(clinic: House, tmp_path: Path) -> None:
    own = tmp_path / "own/fr/offer.wav"
    own.parent.mkdir(parents=True)
    clinic.speech = clinic.speech.model_copy(update={"recordings": tmp_path / "own"})
    call = clinic.rings_in(STRANGER)
    for channels, spoken in ((1, 0), (2, 1)):
        with wave.open(str(own), "wb") as sound:
            sound.setnchannels(channels)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes([0, 16]) * 800)
        with capture_logs() as logs:
            commands = await asks(clinic, "offer", agi_uniqueid=call.id)
        assert [each.split()[0] for each in commands] == ["ANSWER", "STREAM", "WAIT"]
        assert len(clinic.said()) == spoken
        assert [each["event"] for each in logs if "recording" in each["event"]] == ["recording_unused"] * spoken


# -- decline


async def test_768_says_why_it_declined_nothing(clinic: House) -> None:
    await clinic.staff()
    await clinic.desk.add_member("ann", "Ann", Role.STAFF, extension="202", language="fr", by=SHELL)

    async def dials(extension: str) -> str:
        await clinic.calls(channel=f"PJSIP/{extension}-0000001b", route="decline")
        return clinic.said()[-1]

    assert await dials("209") == "fr:Ce poste n'a pas accès aux appels. Voyez votre administrateur."
    assert await dials("201") == "en:No call is ringing."
    first, second = clinic.rings_in(STRANGER), clinic.rings_in(CLIENT)
    waits = [Waiting(each.id, each.caller, each.did, each.started, ()) for each in (first, second)]
    clinic.live.heard(RingingChanged(tuple(waits)))
    assert (await dials("202")).startswith("fr:Plusieurs appels sonnent")
    clinic.live.heard(RingingChanged((waits[0],)))
    assert await dials("201") == "en:That is not possible now.", "there is no AMI"
