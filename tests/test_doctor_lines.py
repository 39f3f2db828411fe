"""What doctor shows of several lines, and what of them it doubts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ari_app.doctor_lines import judge_lines
from ari_app.model import Trigger
from ari_app.policy.lines import lines_of
from ari_app.settings import Settings, parse
from tests.contract.clinic import fill
from tests.test_doctor import look, settings_at

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
"""A Monday, noon in Montréal."""
LONG_AGO = NOON - timedelta(weeks=9)
DENTIST = {"did": ["5145550210"], "name": "dentist", "clinic": "Dentiste Lachine", "number": "+15145550210", "language": "fr"}
LAB = {"did": ["5145550211", "51455503*"], "name": "lab", "hours": "Mo-Fr 13:00-17:00", "modem": "gsm2", "reply": False}


def house(*lines: dict[str, Any], **modem: str) -> Settings:
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique", "number": "+15145550199"},
        "pbx": {"username": "textback", "password": "x"},
        "hours": {"open": "Mo-Fr 08:00-17:00"},
        "modem": [{"name": "gsm1", "port": "/dev/ttyUSB2", **modem}, {"name": "gsm2", "port": "/dev/ttyUSB5"}],
        "line": list(lines),
    }
    return parse(document)


def told(settings: Settings, *dids: str, oldest: datetime | None = LONG_AGO, **sims: str) -> dict[str, str]:
    """What is doubted, by code; each has a fix."""
    found = [each for each in judge_lines(settings, dids, oldest, sims, NOON) if each.code != "line"]
    assert all(each.fix for each in found if each.state != "ok")
    return {each.code: each.what for each in found}


def test_without_lines_nothing_is_said() -> None:
    assert list(judge_lines(house(), ["5145550210"], LONG_AGO, {}, NOON)) == []


def test_each_line_is_shown_as_it_stands_now() -> None:
    shown = [each.what for each in judge_lines(house(DENTIST, LAB), ["5145550210", "5145550399"], LONG_AGO, {}, NOON)]
    assert shown == [
        "main: Clinique, (514) 555-0199, open now until Mon 17:00 (hours)",
        "dentist: Dentiste Lachine, (514) 555-0210, DID 5145550210, open now until Mon 17:00 (hours), in fr",
        "lab: Clinique, (514) 555-0199, DID 5145550211, 51455503*, closed now until Mon 13:00 (hours), by modem gsm2, sends no texts",
    ]


def test_a_pattern_claimed_twice() -> None:
    second = {"did": ["5145550210"], "name": "other"}
    assert "the line dentist before it" in told(house(DENTIST, second), "5145550210")["line_doubled"]
    within = {"did": ["5145550305"], "name": "within"}
    assert "the line lab before it" in told(house(LAB, within), "5145550305")["line_doubled"]
    assert "line_doubled" not in told(house(within, LAB), "5145550305", "5145550211")


def test_a_line_no_call_came_in_on() -> None:
    assert "5145550211, 51455503*" in told(house(DENTIST, LAB), "+15145550210")["line_silent"]
    assert "line_silent" not in told(house(DENTIST, LAB), "5145550210", "5145550301")
    assert told(house(DENTIST, LAB), oldest=NOON - timedelta(weeks=7)) == {}
    assert told(house(DENTIST, LAB), oldest=None) == {}


def test_numbers_no_line_claims_are_named() -> None:
    found = told(house(DENTIST), "5145550210", "5145550500", "")
    assert found == {"line_unclaimed": "calls on 5145550500 count for the main line, as no [[line]] claims them"}


def test_the_number_of_a_sim_is_no_number_of_a_line() -> None:
    assert "modem gsm1" in told(house(DENTIST, number="+15145550210"), "5145550210")["line_sim_number"]
    assert "modem gsm2" in told(house(DENTIST), "5145550210", gsm2="+15145550210")["line_sim_number"]
    assert told(house(DENTIST, number="+15145550188"), "5145550210") == {}


def test_each_clinic_of_the_house_signs_its_own_texts() -> None:
    lines = lines_of(house(DENTIST, LAB))
    for name, clinic, number in (
        ("dentist", "Dentiste Lachine", "514 555-0210"),
        ("lab", "Clinique", "514 555-0199"),
        ("main", "Clinique", ""),
    ):
        for language in ("fr", "en"):
            text = lines[name].text(Trigger.MISSED, language, None, NOON)
            assert text.startswith(clinic)
            assert number in text
            assert lines[name].notice("stop", language, None, NOON).count("Dentiste Lachine") == (name == "dentist")


async def test_doctor_has_them(tmp_path: Path) -> None:
    """Of the store's own calls: the line "lab" of that clinic."""
    config = settings_at(tmp_path, "http://127.0.0.1:9")
    await fill(config)
    items = [(item.state, item.code) for item in (await look(config)).items if item.part == "line"]
    assert items[:2] == [("ok", "line"), ("ok", "line")]
