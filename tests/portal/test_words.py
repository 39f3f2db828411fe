"""The words of the pages: both languages have every one, and every one that a page asks for is there."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agi import words as spoken
from ari_app.board import CallEntry, OutgoingEntry, TextEntry
from ari_app.errors import PbxAuthError, PbxRequestError, PbxUnavailableError, RefusedError
from ari_app.model import DecisionKind, Language, MessageKind, MessageState, NotDialled, Outcome, Reached, Reason
from ari_app.portal.phone_words import Words
from ari_app.portal.phones.brands import BRANDS
from ari_app.portal.speech import Speech
from ari_app.portal.words import WORDS
from ari_app.provisioning import BRANDS as TOLD
from ari_app.provisioning import sheet
from ari_app.settings import parse
from tests.portal.phone_samples import flow

PORTAL = Path(__file__).parents[2] / "ari_app" / "portal"
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BOTH = [Speech(code, ZoneInfo("America/Toronto"), "CA", NOW) for code in ("en", "fr")]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_every_word_with_the_same_values() -> None:
    for key, (english, french) in WORDS.items():
        assert english.strip(), key
        assert french.strip(), key
        assert fields(english) == fields(french), key


def test_french_never_breaks_a_line_before_a_colon() -> None:
    assert not [key for key, (_, french) in WORDS.items() if " :" in french]


@pytest.mark.parametrize("brand", TOLD)
def test_what_is_printed_for_a_phone_has_words(brand: str) -> None:
    for allowed in (["192.168.1.0/24"], []):
        given = parse(
            {
                "clinic": {"name": "Clinique", "number": "+15145550100"},
                "pbx": {"username": "textback", "password": "x", "ami": {"username": "t", "secret": "x"}},
                "portal": {"phones": {"allow": allowed, "push": True}},
            }
        )
        found = sheet(given, "x" * 22, brand)
        assert not [note.code for note in found.notes if f"sheet.{note.code}" not in WORDS]
        assert "the phone" not in found.where or f"sheet.where.{brand}" in WORDS


def test_every_word_a_template_or_a_handler_names_is_there() -> None:
    asked = set()
    for file in [*PORTAL.glob("templates/*.html"), *PORTAL.glob("*.py")]:
        text = file.read_text(encoding="utf-8")
        asked |= {
            (file.name, key) for key in re.findall(r"""\b(?:t|self|say|t\.__call__)\(\s*["']([a-z_]+(?:\.[a-z_]+)+)["']\s*[,)]""", text)
        }
        asked |= {(file.name, f"{key}.one") for key in re.findall(r"""t\.count\(["']([a-z_.]+)["']""", text)}
    assert len(asked) > 100
    assert not [each for each in asked if each[1] not in WORDS]


@pytest.mark.parametrize("t", BOTH, ids=["en", "fr"])
def test_whatever_may_happen_has_words(t: Speech) -> None:
    for state in MessageState:
        assert t(f"state.{state}")
    for reached in Reached:
        assert t(f"reach.{reached}")
    for reason in Reason:
        assert t(f"why.{reason}")
    for kind in DecisionKind:
        assert t(f"decision.{kind}")
    for outcome in Outcome:
        assert t(f"call.{outcome}")


def test_refusals_of_desk_doors_and_store_are_said_in_french() -> None:
    codes = set()
    for room in ("desk", "threads"):
        for file in (PORTAL.parent / room).glob("*.py"):
            for error in re.findall(r"RefusedError\((.*?)\n?\s*\)\s*(?:from error)?\n", file.read_text(encoding="utf-8"), re.DOTALL):
                codes |= set(re.findall(r'code="([a-z_]+)"', error))
    assert {"held", "opted_out", "answered_meanwhile"} <= codes
    # what only the API and the shell can bring about: a program reads the code, an administrator English
    of_programs = {"bad_id", "bad_request", "bad_time", "no_key", "no_brand", "no_member", "not_active", "paused_in_file"}
    missing = {code for code in codes - of_programs if f"refused.{code}" not in WORDS or f"refused.{code}.fix" not in WORDS}
    assert not missing


def refused_by_the_dialler() -> set[str]:
    """What keeps a member's phone from being rung, as the dialler says it."""
    return set(re.findall(r'code="([a-z_]+)"', (PORTAL.parent / "pbx" / "dial.py").read_text(encoding="utf-8")))


def test_why_a_call_back_is_refused_is_said_in_french() -> None:
    codes = refused_by_the_dialler() | {PbxAuthError.code, PbxRequestError.code, PbxUnavailableError.code}
    assert {"phone_offline", "not_rung", "no_route"} <= codes
    assert not {code for code in codes if f"refused.{code}" not in WORDS or f"refused.{code}.fix" not in WORDS}
    assert not {code for code in codes if code not in Words("fr")}


def test_why_nobody_was_dialled_is_said_on_page_and_phone_and_by_voice() -> None:
    codes = {*NotDialled, *refused_by_the_dialler(), PbxUnavailableError.code} - {"no_extension"}  # that is known before it is asked for
    _, french = BOTH
    said: dict[str, set[str]] = {}
    languages: tuple[Language, ...] = ("fr", "en")
    for code in (*codes, "never_heard_of"):
        entry = OutgoingEntry(id="1", at=NOW, by="Lou", joined=None, ended=NOW, talked=None, reached=False, failed=str(code))
        drawn = flow(BRANDS["yealink"].shape, "fr")
        said[code] = {french.outgoing(entry), drawn.said(entry), spoken.not_called(entry, NOW, "fr")}
        for language in languages:
            assert "Lou" in flow(BRANDS["yealink"].shape, language).said(entry)
            assert "Lou" in spoken.not_called(entry, NOW, language)
    generic = said.pop("never_heard_of")
    assert len(generic) == 3
    assert not [code for code, words in said.items() if words & generic]
    assert not [code for code, words in said.items() if any(code in each for each in words)]


def test_a_refusal_is_said_with_its_facts_and_one_without_words_as_it_is() -> None:
    english, french = BOTH
    held = RefusedError("Anna is answering", "wait", code="held", facts={"name": "Anna", "until": "2026-03-02T15:05:00+00:00"})
    assert english.refusal(held)[0] == "Anna is answering this caller."
    assert french.refusal(held)[0] == "Anna est en train de répondre à cet appelant."
    assert french.refusal(RefusedError("odd", "mend it", code="never_heard_of")) == ("odd", "mend it")
    assert french.refusal(RefusedError("Anna is answering", "wait", code="held")) == ("Anna is answering", "wait")


def test_times_are_the_clinics_and_ages_are_rounded_down() -> None:
    english, french = BOTH
    assert english.when(NOW) == "10:00"
    assert french.when(NOW) == "10\u00a0h\u00a000"
    assert french.when(NOW - timedelta(days=1)) == "hier à 10\u00a0h\u00a000"
    assert english.day(datetime(2025, 3, 3, 15, tzinfo=UTC)) == "Mon 3 Mar 2025"
    ages = [timedelta(seconds=59), timedelta(seconds=61), timedelta(minutes=59), timedelta(hours=23, minutes=59), timedelta(hours=49)]
    assert [english.age(NOW - each) for each in ages] == ["now", "1 min", "59 min", "23 h", "2 d"]
    assert french.age(NOW - timedelta(days=2)) == "2 j"
    assert [english.length(each) for each in (9.6, 65, 3900)] == ["10\u00a0s", "1\u00a0min\u00a005\u00a0s", "1\u00a0h\u00a005"]


def test_a_failure_is_told_in_words_with_its_code_and_a_call_with_its_reason() -> None:
    _, french = BOTH
    text = TextEntry(
        id=1, at=NOW, incoming=False, kind=MessageKind.STAFF, text="x", state=MessageState.FAILED, note=None, what="unassigned",
        code="CMS 1", author="Anne", parts=1, confirmed=None, scheduled=None, again=True, modem=None,
    )  # fmt: skip
    assert french.cause(text) == "le numéro ne reçoit pas de textos (CMS 1)"
    call = CallEntry(
        id="1.1", at=NOW, ended=NOW, outcome=Outcome.MISSED, answered_by=None, reached=Reached.QUEUE, rang=12,
        decision=DecisionKind.SILENCE, reason=Reason.COOLDOWN, line="main", voicemail_left=False, handed_on=False,
    )  # fmt: skip
    assert french.call(call) == "Appel manqué, dans la file"
    assert french.why(call) == "Pas de texto\u00a0: texto déjà envoyé récemment"
