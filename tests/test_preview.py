"""What the last days would have sent: call records replayed through the real policy, with the memory of the replay itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from ari_app.errors import SettingsError
from ari_app.model import Reason
from ari_app.pbx.cdr import Read, Row
from ari_app.preview import Preview, look_back, preview
from ari_app.settings import Settings, parse
from tests.contract.clinic import answer, error, run, write_settings
from tests.pbx.test_cdr import a_row, line_of

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
"""A Monday, noon in Montréal."""
UNTIL = NOON + timedelta(days=4)
CALLER, OTHER = "5145550101", "5145550102"


def settings(**changes: Any) -> Settings:
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique", "number": "+15145550199"},
        "pbx": {"username": "textback", "password": "x"},
        "reply": {"mode": "watch"},
    }
    for part, more in changes.items():
        document[part] = {**document[part], **more} if isinstance(document.get(part), dict) else more
    return parse(document)


def row(at: datetime, src: str = CALLER, *, seconds: int = 20, serial: int = 1, **changes: Any) -> Row:
    uniqueid = f"{at.timestamp():.0f}.{serial}"
    about = {"start": at.replace(tzinfo=None), "src": src, "duration": seconds, "uniqueid": uniqueid, "linkedid": uniqueid}
    return a_row(**{**about, "channel": f"PJSIP/voipms-{serial:08x}", **changes})


def taken(at: datetime, src: str = CALLER, *, serial: int = 1, **changes: Any) -> Row:
    return row(at, src, serial=serial, disposition="ANSWERED", billsec=10, **changes)


def called_back(at: datetime, number: str = CALLER, *, serial: int = 1) -> Row:
    channel = {"channel": f"PJSIP/101-{serial:08x}", "dstchannel": "PJSIP/voipms-0000ffff", "data": f"PJSIP/{number}@voipms,300"}
    return taken(at, "101", serial=serial, context="from-internal", dst=number, **channel)


def seen(*rows: Row, days: int = 30, until: datetime = UNTIL, **changes: Any) -> Preview:
    return preview(settings(**changes), Read(rows), until, days)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_one_missed_call_is_one_text_though_the_mode_is_watch() -> None:
    found = seen(row(NOON))
    assert (found.calls, found.missed, found.texts, found.segments) == (1, 1, 1, 1)
    assert found.reasons == {Reason.MISSED: 1}
    assert found.by_hour[12] == 1
    assert sum(found.by_hour) == 1
    assert found.worst is not None
    assert (found.worst.date.isoformat(), found.worst.texts) == ("2026-03-02", 1)
    assert found.by_language == {"both": 1}
    assert found.language_unknown == 1
    (example,) = found.examples
    assert example.caller == "+1514…01"
    assert CALLER not in str(found.document())
    assert example.at == NOON + timedelta(seconds=50)


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ((row(NOON), row(NOON + minutes(60), serial=2)), {"missed": 1, "cooldown": 1}),
        ((row(NOON), row(NOON + timedelta(hours=25), serial=2)), {"missed": 2}),
        ((row(NOON), row(NOON + minutes(60), OTHER, serial=2)), {"missed": 2}),
        # two calls within the delay: one text, after the later
        ((row(NOON, seconds=5), row(NOON + timedelta(seconds=20), serial=2)), {"missed": 1, "cooldown": 1}),
        ((row(NOON), taken(NOON + timedelta(seconds=30), serial=2)), {"reached_later": 1, "answered": 1}),
        ((row(NOON), taken(NOON + minutes(60), serial=2)), {"missed": 1, "answered": 1}),
        ((row(NOON), called_back(NOON + timedelta(seconds=25), serial=2)), {"called_back": 1}),
        ((row(NOON), called_back(NOON + timedelta(seconds=25), OTHER, serial=2)), {"missed": 1}),
        ((row(NOON, seconds=1),), {"short_ring": 1}),
        ((row(NOON, "anonymous"),), {"anonymous": 1}),
        ((row(NOON, "8005550101"),), {"not_textable": 1}),
        ((row(NOON, "5145550199"),), {"excluded": 1}),
        ((taken(NOON, app="ConfBridge", dstchannel=""),), {"unseen": 1}),
    ],
)
def test_each_call_comes_to_what_it_would_have(rows: tuple[Row, ...], reasons: dict[str, int]) -> None:
    found = seen(*rows)
    assert {reason.value: count for reason, count in found.reasons.items()} == reasons
    assert found.texts == sum(count for reason, count in reasons.items() if reason == "missed")


def test_two_calls_within_the_delay_get_their_text_after_the_later() -> None:
    found = seen(row(NOON, seconds=5), row(NOON + timedelta(seconds=20), serial=2))
    assert [each.at for each in found.examples] == [NOON + timedelta(seconds=20 + 20 + 30)]


def test_limits_of_a_number_of_a_day_and_of_a_burst() -> None:
    often = tuple(row(NOON + minutes(30 * count), serial=count) for count in range(6))
    found = seen(*often, reply={"cooldown": "1m", "per_number_limit": 2})
    assert found.reasons == {Reason.MISSED: 2, Reason.LIMIT: 4}
    many = tuple(row(NOON + minutes(30 * count), f"51455502{count:02d}", serial=count) for count in range(6))
    assert seen(*many, reply={"daily_limit": 4}).reasons == {Reason.MISSED: 4, Reason.LIMIT: 2}
    storm = tuple(row(NOON + timedelta(seconds=count), f"51455502{count:02d}", serial=count) for count in range(9))
    assert seen(*storm, reply={"burst": 5}).reasons == {Reason.MISSED: 5, Reason.BURST: 4}


def test_closed_and_by_line() -> None:
    night = row(NOON + timedelta(hours=9))
    lab = row(NOON, OTHER, serial=2, dst="5145550210")
    fax = row(NOON, "5145550103", serial=3, dst="5145550211")
    lines = [{"did": ["5145550210"], "name": "lab"}, {"did": ["5145550211"], "name": "fax", "reply": False}]
    found = seen(night, lab, fax, hours={"open": "Mo-Fr 08:00-17:00"}, line=lines)
    assert found.reasons == {Reason.LINE_OFF: 1, Reason.CLOSED: 1, Reason.MISSED: 1}
    assert found.by_line == {"lab": 1, "main": 1}


def test_what_records_leave_out_is_said() -> None:
    assert any("no call from outside" in note for note in seen().notes)
    strange = row(NOON, context="app-misc")
    found = seen(strange)
    assert (found.calls, found.strange) == (0, {"app-misc": 1})
    assert any("app-misc (1)" in note for note in found.notes)
    night = seen(row(NOON), hours={"follow": "Custom:DAYNIGHT1"})
    assert any("Custom:DAYNIGHT1" in note for note in night.notes)
    assert any("begin on 2026-03-02" in note for note in night.notes)
    assert any("hidden" in note for note in found.notes)
    assert any("newest 1 rows" in note for note in preview(settings(), Read((row(NOON),), cut=True), UNTIL).notes)


def test_only_the_days_asked_for() -> None:
    old, new = row(UNTIL - timedelta(days=3)), row(UNTIL - timedelta(hours=1), serial=2)
    assert seen(old, new, days=1).calls == 1
    assert seen(old, new, days=7).calls == 2
    assert seen(old, new, days=7).texts_a_day == pytest.approx(2 / 3, abs=0.05)


_CALLS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.booleans(), st.integers(0, 90)), max_size=40)


@tries(max_examples=30, deadline=None)
@given(_CALLS)
def test_nothing_is_lost_and_no_limit_is_passed(calls: list[tuple[int, int, bool, int]]) -> None:
    """Every call comes to one reason; nobody gets two texts within the cooldown."""
    rows = [
        (taken if answered else row)(NOON + minutes(at), f"514555010{who}", serial=serial, duration=max(seconds, 10 * answered))
        for serial, (at, who, answered, seconds) in enumerate(calls)
    ]
    found = seen(*rows, reply={"cooldown": "24h"})
    assert sum(found.reasons.values()) == found.calls == len(calls)
    assert found.texts == sum(found.by_hour) == sum(day.texts for day in found.by_day)
    assert found.texts <= 4 * 2
    assert found.segments >= found.texts


def test_no_records_to_look_at() -> None:
    with pytest.raises(SettingsError) as failed:
        look_back(settings(), UNTIL)
    assert failed.value.code == "no_cdr"
    assert "[pbx.cdr]" in failed.value.fix


def test_the_command(tmp_path: Path) -> None:
    """With neither service nor store."""
    records, zone = tmp_path / "Master.csv", settings().clinic.zone
    lately = (datetime.now(UTC) - timedelta(days=2)).astimezone(zone).replace(tzinfo=None, microsecond=0)
    rows = [a_row(start=lately), a_row(start=lately + minutes(60), channel="PJSIP/voipms-00000003")]
    records.write_text("".join(line_of(each) for each in rows), "utf-8")
    config = write_settings(tmp_path, f'[pbx.cdr]\ncsv = "{records}"\n')
    document = answer(config, "preview")
    assert (document["days"], document["calls"], document["texts"]) == (30, 2, 1)
    assert document["reasons"] == {"missed": 1, "cooldown": 1}
    said = run(config, "preview").stdout
    assert "1 texts would have gone (1 SMS)" in said
    assert "had a text shortly before" in said
    assert answer(config, "preview", "--days", "1")["calls"] == 0
    assert not (tmp_path / "textback.db").exists()
    records.unlink()
    assert error(config, "preview")["code"] == "cdr_missing"
    assert error(write_settings(tmp_path), "preview")["code"] == "no_cdr"
