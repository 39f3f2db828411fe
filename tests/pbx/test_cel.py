"""Channel event logs that a real Asterisk 22 and 16 wrote in the lab's scenarios, and the calls they become: the same as live.

``recorded/VERSION/cel.csv``: all scenarios of tests/lab played once, beside the Master.csv of test_cdr.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ari_app.model import AnsweredBy, Call, Outcome, Presentation, Reached
from ari_app.pbx.cdr import History
from ari_app.pbx.cel import SETTLES, CelLog, CelRow, calls_of_cel
from ari_app.pbx.cel_csv import LINES
from ari_app.pbx.config import WatchConfig
from ari_app.pbx.record_files import read_back
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of
from tests.pbx.test_cdr import CONFIG, of_scenario

RECORDED = Path(__file__).parent / "recorded"
EVER = datetime(2000, 1, 1, tzinfo=UTC)
FREEPBX = frozenset({"confbridge", "meetme", "mixmonitor", "queue", "stopmixmonitor", "voicemail", "voicemailmain"})
"""Applications FreePBX logs."""
SAMPLE = frozenset({"APP_START", "CHAN_START", "CHAN_END", "ANSWER", "HANGUP", "BRIDGE_ENTER", "BRIDGE_EXIT"})
"""Events of Asterisk's own example, which logs the applications Dial and Park."""
NO_HOLD = {"held_for_30_s_and_given_up"}
"""Of a log without STREAM_BEGIN, as 16 has it."""
NO_CONFIRMATION = {"confirm_never_accepted"}
"""Of a log without the Dial that asks for it."""
NO_PLACE = {"menu_abandoned", "closed_greeting", "fax_did", "voicemail_main_from_outside"}
"""Of a log that does not name the application which answered the caller."""
Rows = Sequence[CelRow]


@cache
def cel_of(line: str) -> tuple[CelRow, ...]:
    read = read_back(RECORDED / line / "cel.csv", LINES, lambda _: False, most=100_000)
    assert (read.cut, read.skipped) == (False, 0)
    return read.rows


def told(line: str) -> History:
    return calls_of_cel(cel_of(line), CONFIG, UTC)


def in_order(history: History, scenario: Scenario) -> list[Call]:
    return sorted(of_scenario(history, scenario), key=lambda call: (call.started, call.id))


@pytest.mark.parametrize("line", ["22", "16"])
def test_scenarios_of_the_lab(line: str) -> None:
    """Row for row as live, but for what no channel event log tells."""
    history = told(line)
    assert history.strange == {}
    assert len(history.calls) == sum(len(scenario.rows) for scenario in TABLE)
    for scenario in TABLE:
        for call, row in zip(in_order(history, scenario), scenario.rows, strict=True):
            said = (call.outcome, call.answered_by, call.reached, call.handed_on, call.machine)
            wanted = (row.outcome, row.answered_by, row.reached, row.handed_on, row.machine)
            if line == "16" and scenario.name in NO_HOLD:
                wanted = (Outcome.ANSWERED, AnsweredBy.EXTENSION, Reached.RING, False, False)
            assert said == wanted, scenario.name
            if scenario.name != "answered_then_dialplan_goes_on_to_voicemail":  # the first hang-up is told, here the phone's
                assert call.caller_hung_up == row.caller_hung_up, scenario.name
            numbers = numbers_of(scenario)
            assert call.caller == (numbers.caller_e164 if row.caller == "own" else row.caller), scenario.name
            assert (call.did, call.context) == (numbers.did, "from-trunk"), scenario.name
            assert row.rang[0] <= call.rang <= row.rang[1], scenario.name
            assert (call.presentation, call.voicemail_left) == (Presentation.UNKNOWN, False)
            assert call.started.timestamp() == pytest.approx(float(call.id.partition(".")[0]), abs=1)
    forwarded = [numbers_of(each).fields[name] for each, name in _forwards()]
    assert [call.number for call in history.outgoing] == [f"+1{number}" for number in forwarded]
    assert [call.joined is not None for call in history.outgoing] == [False, False, True]


def _forwards() -> Iterator[tuple[Scenario, str]]:
    by_name = {each.name: each for each in TABLE}
    yield by_name["forwarded_to_a_mobile_answered"], "mobile"
    yield by_name["forwarded_to_a_mobile_that_rings_out"], "deaf_mobile"
    yield by_name["outbound_call"], "mobile"


def of_apps(rows: Rows, names: frozenset[str]) -> Rows:
    return [row for row in rows if not row.eventtype.startswith("APP_") or row.appname.lower() in names]


def of_types(rows: Rows, types: frozenset[str]) -> Rows:
    return [row for row in rows if row.eventtype in types]


LOGS: dict[str, tuple[Callable[[Rows], Rows], set[str]]] = {
    "FreePBX": (lambda rows: of_apps(rows, FREEPBX), NO_CONFIRMATION | NO_PLACE),
    "Asterisk's example": (lambda rows: of_types(of_apps(rows, frozenset({"dial", "park"})), SAMPLE), NO_PLACE),
    "no applications": (lambda rows: of_apps(rows, frozenset()), NO_CONFIRMATION | NO_PLACE),
    "no bridges": (lambda rows: of_types(rows, SAMPLE - {"BRIDGE_ENTER", "BRIDGE_EXIT"}), {each.name for each in TABLE}),
    "no answers": (lambda rows: of_types(rows, SAMPLE - {"ANSWER"}), {each.name for each in TABLE}),
    "no hang-ups": (lambda rows: of_types(rows, SAMPLE - {"HANGUP"}), {each.name for each in TABLE}),
    "no extra column": (lambda rows: [replace(row, extra="") for row in rows], {each.name for each in TABLE}),
    "columns cut off": (
        lambda rows: [replace(row, extra=row.extra[:80], appdata=row.appdata[:20], peer=row.peer[:30]) for row in rows],
        {each.name for each in TABLE},
    ),
    "whole seconds": (lambda rows: [replace(row, eventtime=row.eventtime.replace(microsecond=0)) for row in rows], set()),
}


@pytest.mark.parametrize("line", ["22", "16"])
@pytest.mark.parametrize("log", LOGS)
def test_logs_that_tell_less(line: str, log: str) -> None:
    """What such a log cannot tell is unseen; never is an answered call missed. Without a row on hold or hand-over a call is answered."""
    less, untold = LOGS[log]
    history = calls_of_cel(less(cel_of(line)), CONFIG, UTC)
    answered = NO_HOLD | {"attended_transfer_left_ringing"}
    for scenario in TABLE:
        for call, row in zip(in_order(history, scenario), scenario.rows, strict=True):
            if row.outcome is Outcome.ANSWERED:
                assert call.outcome is not Outcome.MISSED, scenario.name
            if scenario.name not in untold | answered:
                assert (call.outcome, call.answered_by) == (row.outcome, row.answered_by), scenario.name
            elif call.outcome is not row.outcome:
                assert call.outcome is (Outcome.ANSWERED if call.answered_by else Outcome.UNSEEN), scenario.name
            if call.outcome is Outcome.MISSED:
                assert call.machine == row.machine, scenario.name


def one_by_one(line: str) -> list[Rows]:
    """The rows of each story in which a call was answered."""
    log = CelLog(CONFIG, UTC)
    log.add(cel_of(line))
    stories = {id(group): [row for _, row in group.rows] for group in log._groups.values()}
    return [rows for rows in stories.values() if any(call.outcome is Outcome.ANSWERED for call in told_of(rows, rows).values())]


def told_of(rows: Rows, known: Rows) -> dict[str, Call]:
    """Calls of these rows, of a log that has all types of ``known``, when nothing more will come of them."""
    log = CelLog(CONFIG, UTC)
    log._knows.update(row.eventtype for row in known)
    log.add(rows)
    log.tell(log.last + timedelta(days=1))
    return {each.call.id: each.call for each in log.calls(EVER)}


def holes(rows: list[CelRow], seed: int) -> Iterator[Rows]:
    """Less and less of a story: one row, one type, some channels, a stretch of time, any rows, all but a caller's own few."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    yield from (rows[:index] + rows[index + 1 :] for index in range(seed % 2, len(rows), 2))
    yield from ([row for row in rows if row.eventtype != kind] for kind in {row.eventtype for row in rows})
    channels = sorted({row.uniqueid for row in rows})
    for _ in range(3):
        gone = set(chance.sample(channels, chance.randrange(1, len(channels))))
        yield [row for row in rows if row.uniqueid not in gone]
        first, last = sorted(chance.sample(range(len(rows) + 1), 2))
        yield [*rows[:first], *rows[last:]]
        share = chance.random()
        yield [row for row in rows if chance.random() > share]
        spared = {"CHAN_START", "HANGUP", "CHAN_END"}
        yield [row for row in rows if (row.uniqueid == rows[0].uniqueid and row.eventtype in spared) or chance.random() < share**2]


@pytest.mark.parametrize("line", ["22", "16"])
def test_rows_that_are_missing_never_make_an_answered_call_missed(line: str) -> None:
    """Whatever is gone of a story. Above all it is the caller's own HANGUP, without which none is missed, that says ANSWER.

    One way is left: all rows of a second talk after a transfer are gone. Then the caller was handed on in vain, which is never texted.
    """
    looked = 0
    for rows in one_by_one(line):
        answered = {key for key, call in told_of(rows, cel_of(line)).items() if call.outcome is Outcome.ANSWERED}
        for left in holes(list(rows), seed=looked):
            looked += 1
            said = told_of(left, cel_of(line))
            wrong = [key for key in answered & said.keys() if said[key].outcome is Outcome.MISSED and not said[key].handed_on]
            assert not wrong, [(row.eventtype, row.channame, row.appname) for row in left]
    assert looked > 400


def test_each_call_is_told_once_and_only_when_it_is_over() -> None:
    """The log as it grows, read at any moment: what is told then is what the whole log tells."""
    rows = cel_of("22")
    whole = {call.id: call for call in told("22").calls}
    log = CelLog(CONFIG, UTC)
    seen: dict[str, Call] = {}
    for first in range(0, len(rows), 40):
        log.add(rows[first : first + 40])
        log.tell(log.last)
        for each in log.calls(EVER):
            assert seen.setdefault(each.call.id, each.call) is each.call
        assert all(call.ended <= log.last - SETTLES for call in seen.values())
    log.tell(log.last + SETTLES)
    assert {each.call.id: each.call for each in log.calls(EVER)} == whole
    assert not log._groups
    log.add(rows[:200])
    log.tell(log.last + SETTLES)
    assert {each.call.id for each in log.calls(EVER)} == whole.keys(), "a row told late begins no story"
    newest = max(call.ended for call in whole.values())
    log.drop(newest)
    assert [each.call.ended for each in log.calls(EVER)] == [newest]


def a_story(number: int = 7, *, at: datetime | None = None, name: str = "PJSIP/trunk-00000007") -> list[CelRow]:
    """A call that rings nobody and that the PBX ends after 20 s."""
    start = at or datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
    uniqueid = f"{start.timestamp():.0f}.{number}"
    row = CelRow(
        eventtype="CHAN_START",
        eventtime=start,
        cid_num="5145550101",
        exten="5145550199",
        context="from-trunk",
        channame=name,
        appname="",
        appdata="",
        uniqueid=uniqueid,
        linkedid=uniqueid,
    )
    end = start + timedelta(seconds=20)
    return [
        row,
        replace(row, eventtype="HANGUP", eventtime=end, extra='{"hangupcause":17,"hangupsource":"dialplan/builtin","dialstatus":""}'),
        replace(row, eventtype="CHAN_END", eventtime=end),
        replace(row, eventtype="LINKEDID_END", eventtime=end),
    ]


def test_times_are_known_by_the_uniqueid_whatever_zone_they_are_written_in() -> None:
    begun = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
    for zone in (UTC, ZoneInfo("America/Toronto"), ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-12))):
        written = [replace(row, eventtime=row.eventtime.astimezone(zone).replace(tzinfo=None)) for row in a_story()]
        (call,) = calls_of_cel(written, CONFIG, ZoneInfo("Europe/Paris")).calls
        assert (call.started, call.ended) == (begun, begun + timedelta(seconds=20))


def test_a_log_that_has_not_shown_what_it_logs_decides_nothing() -> None:
    (call,) = calls_of_cel(a_story(), CONFIG, UTC).calls
    assert call.outcome is Outcome.UNSEEN
    (call,) = told_of(a_story(), cel_of("16")).values()
    assert (call.outcome, call.caller_hung_up, call.caller) == (Outcome.MISSED, False, "+15145550101")


def test_what_was_up_when_asterisk_was_started_anew_is_unseen() -> None:
    """Its channels are numbered from 0 again; rows of a call cut off by it never come."""
    log = CelLog(CONFIG, UTC)
    log._knows.update(row.eventtype for row in cel_of("22"))
    begun, after = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC), datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
    log.add(a_story(300, at=begun)[:1])
    log.add(a_story(301, at=begun + timedelta(seconds=9), name="PJSIP/trunk-00000008"))
    log.tell(after)
    assert [each.call.id for each in log.calls(EVER)] == [f"{begun.timestamp() + 9:.0f}.301"]
    log.add(a_story(0, at=after, name="PJSIP/trunk-00000000"))
    log.tell(after + timedelta(minutes=1))
    assert [(each.call.id.partition(".")[2], each.call.outcome) for each in log.calls(EVER)] == [
        ("300", Outcome.UNSEEN),
        ("301", Outcome.MISSED),
        ("0", Outcome.MISSED),
    ]


def test_contexts_that_are_not_inbound_are_counted_by_their_calls() -> None:
    """Calls of outside numbers, but none where telephones of the house call."""
    other = [replace(row, context="from-carrier") for row in a_story(7)]
    house = [
        *(replace(row, context="from-internal", cid_num="101") for row in a_story(30, name="PJSIP/101-00000001")),
        *(replace(row, context="from-internal") for row in a_story(31, name="PJSIP/102-00000001")),
    ]
    history = calls_of_cel([*other, *(replace(row, context="from-carrier") for row in a_story(8)), *house], CONFIG, UTC)
    assert (history.calls, history.strange) == ((), {"from-carrier": 2})


def test_a_machine_is_no_person() -> None:
    """The same rows, and the telephone is a fax machine by the settings."""
    scenario = next(each for each in TABLE if each.name == "answered")
    phone = numbers_of(scenario).phone("a")
    config = WatchConfig(country="CA", inbound_contexts=("from-trunk",), machines=(f"PJSIP/{phone}*",))
    (call,) = of_scenario(calls_of_cel(cel_of("22"), config, UTC), scenario)
    assert (call.outcome, call.machine, call.reached) == (Outcome.MISSED, True, Reached.FAX)
