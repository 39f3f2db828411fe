"""Which facts raise which alarm, and when it is raised and over."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.alarms.facts import Disk, Facts
from ari_app.alarms.watch import CODES, Judged, Ledger, judge
from ari_app.alarms.words import WORDS, fix, letter, what
from ari_app.person import Synced
from ari_app.settings import Settings, parse
from ari_app.status import HistoryStatus, ModemStatus, PbxStatus, ServiceStatus
from ari_app.threads.alarms import Alarm, Condition, House
from tests.alarms.receivers import settings
from tests.threads.world import START

MODEM = ModemStatus(name="gsm1", state="ok", code="ready", what="registered", registered=True, signal=20, carried=79, budget=100)
STATUS = ServiceStatus(
    pid=1, version="1", started=START - timedelta(days=9), pbx=PbxStatus(connected=True, since=START, lag_ms=3.0), modems=(MODEM,)
)
HOUSE = House(
    calls={},
    texts={},
    took=(),
    queued=0,
    sending=0,
    oldest_due=None,
    unknown=0,
    failed=0,
    to_answer=0,
    longest=None,
    newest_call=None,
    synced=(),
    open=(),
    telling=0,
)
WELL = Facts(
    now=START,
    status=STATUS,
    house=HOUSE,
    disks=(Disk(Path("/var/lib/textback"), 64 << 20, 1 << 30),),
    store_bytes=1,
    backup=START - timedelta(hours=47),
    certificate=START + timedelta(days=15),
)


@pytest.fixture
def clinic(tmp_path: Path) -> Settings:
    document = settings(tmp_path).model_dump(mode="json", exclude_unset=True)
    document["contacts"] = {"source": {"kind": "csv", "path": "/srv/clients.csv"}}
    document["pbx"]["password"], document["alarm"] = "p4ss", {"disk": 32}
    return parse(document)


def modem(**changes: Any) -> Facts:
    return replace(WELL, status=STATUS.model_copy(update={"modems": (MODEM.model_copy(update=changes),)}))


def pbx(**changes: Any) -> Facts:
    return replace(WELL, status=STATUS.model_copy(update={"pbx": STATUS.pbx.model_copy(update=changes)}))


def house(**changes: Any) -> Facts:
    return replace(WELL, house=replace(HOUSE, **changes))


def synced(hours: int) -> Facts:
    good = START - timedelta(hours=hours)
    said = Synced(
        source="sync",
        at=START,
        state="failed",
        what="",
        fix="",
        total=0,
        added=0,
        changed=0,
        removed=0,
        refused=0,
        good=good,
        code="source_csv",
    )
    return house(synced=(said,))


def test_where_all_is_well_nothing_is_raised(clinic: Settings) -> None:
    assert judge(WELL, clinic) == Judged((), frozenset())


def history(hours: float) -> Facts:
    unread = HistoryStatus(state="failed", read=START - timedelta(hours=hours), code="cdr_unreadable", what="x", fix="y")
    return replace(WELL, status=WELL.status.model_copy(update={"history": unread}))


RAISES = {
    "modem_down": modem(registered=False, state="warn", what="the network refuses +1 514 555-0123"),
    "texts_fail": modem(failing=True, failed=3, tried=25),
    "budget_near": modem(carried=80),
    "queue_old": house(queued=2, oldest_due=START - timedelta(minutes=11)),
    "pbx_lost": pbx(connected=False, reason="connection refused"),
    "disk_low": replace(WELL, disks=(Disk(Path("/x"), (32 << 20) - 1, 1 << 30),)),
    "backup_old": replace(WELL, backup=START - timedelta(hours=49)),
    "clocks_apart": pbx(lag_ms=-6000.0),
    "contacts_stale": synced(25),
    "history_stale": history(7),
    "certificate_ends": replace(WELL, certificate=START + timedelta(days=13)),
}
SPARES = {
    "queue_old": house(queued=2, oldest_due=START - timedelta(minutes=9)),
    "contacts_stale": synced(23),
    "history_stale": history(5),
    "backup_old": replace(WELL, backup=None),
    "certificate_ends": replace(WELL, certificate=None),
    "clocks_apart": pbx(lag_ms=4000.0),
}


@pytest.mark.parametrize("code", RAISES)
def test_each_fault_raises_its_alarm_and_no_other(clinic: Settings, code: str) -> None:
    assert [each.code for each in judge(RAISES[code], clinic).holds] == [code]


@pytest.mark.parametrize("code", SPARES)
def test_what_is_short_of_it_raises_none(clinic: Settings, code: str) -> None:
    assert judge(SPARES[code], clinic).holds == ()


def test_every_alarm_is_tried_here(clinic: Settings) -> None:
    assert [each.code for each in judge(WELL, clinic, unwritable="disk full").holds] == ["store_unwritable"]
    assert {*RAISES, "store_unwritable", "service_failed"} == set(CODES)


def test_of_what_cannot_be_looked_at_nothing_is_over(clinic: Settings) -> None:
    assert "backup_old" in judge(replace(WELL, backup=None), clinic).unknown
    store = str(clinic.store.path.parent)
    hidden = replace(WELL, disks=())
    assert "disk_low" in judge(hidden, clinic, open_=[("disk_low", store)]).unknown
    assert "disk_low" not in judge(hidden, clinic, open_=[("disk_low", "/no/more/watched")]).unknown


def test_an_alarm_does_not_come_and_go_at_its_edge(clinic: Settings) -> None:
    assert judge(modem(carried=75), clinic, open_=[("budget_near", "gsm1")]).holds
    assert not judge(modem(carried=69), clinic, open_=[("budget_near", "gsm1")]).holds
    near = replace(WELL, disks=(Disk(Path("/x"), 33 << 20, 1 << 30),))
    assert judge(near, clinic, open_=[("disk_low", "/x")]).holds
    assert not judge(near, clinic).holds


def test_what_cannot_be_told_now_is_neither_raised_nor_over(clinic: Settings) -> None:
    judged = judge(replace(pbx(lag_ms=None), house=None), clinic)
    assert judged == Judged((), frozenset({"queue_old", "contacts_stale", "clocks_apart"}))
    ledger = Ledger(timedelta(minutes=5))
    assert ledger.turn(judged, [("queue_old", ""), ("pbx_lost", "")], now=START, monotonic=0.0) == ([], [("pbx_lost", "")])


def test_what_is_over_soon_raises_none() -> None:
    down, well = Judged((Condition(code="pbx_lost"),), frozenset()), Judged((), frozenset())
    ledger = Ledger(timedelta(minutes=5))
    at = [
        ledger.turn(judged, [], now=START, monotonic=when)[0]
        for when, judged in ((0.0, down), (299.0, down), (300.0, well), (301.0, down), (599.0, down))
    ]
    assert at == [[]] * 5
    assert ledger.turn(down, [], now=START, monotonic=601.0)[0] == [(Condition(code="pbx_lost"), START)]


def test_a_clock_that_is_set_raises_nothing_early() -> None:
    down = Judged((Condition(code="pbx_lost"),), frozenset())
    ledger = Ledger(timedelta(minutes=5))
    ledger.turn(down, [], now=START, monotonic=0.0)
    assert ledger.turn(down, [], now=START + timedelta(days=1), monotonic=10.0)[0] == []


# -- words


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", CODES)
def test_both_languages_say_every_alarm_with_the_same_facts(code: str) -> None:
    fr, en = WORDS["fr"][code], WORDS["en"][code]
    assert fields(fr.what) == fields(en.what)
    assert fields(fr.fix) == fields(en.fix) <= {"subject"}
    assert fr.what != en.what


@pytest.mark.parametrize("code", RAISES)
def test_every_word_is_filled_and_no_number_is_told(clinic: Settings, code: str) -> None:
    (condition,) = judge(RAISES[code], clinic).holds
    alarm = Alarm(id=1, code=code, subject=condition.subject, facts=condition.facts, since=START, over=START)
    for language in ("fr", "en"):
        assert "–" not in what(code, condition.subject, condition.facts, language)
        for telling in ("raised", "over"):
            subject, body = letter(telling, alarm, language=language, clinic="C", host="h", zone=clinic.clinic.zone)
            assert "555" not in subject + body
            assert "{" not in subject + body


def test_an_alarm_of_another_version_is_told_by_its_code() -> None:
    assert what("flood", "cellar", {}) == "flood cellar"
    assert fix("flood", "cellar") == "textback doctor"
    assert "–" in what("budget_near", "gsm1", {"carried": 1})
