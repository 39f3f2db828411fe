"""The decision table: every reason alone, any two together, every boundary, and what holds for every call there can be."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.model import (
    CLOCK_SLACK,
    REPLIES,
    SILENCES,
    AnsweredBy,
    Call,
    Decision,
    DecisionKind,
    Kind,
    Known,
    Outcome,
    Presentation,
    Reached,
    Reason,
    Trigger,
)
from ari_app.policy import Policy
from ari_app.policy.policy import LIVE_PAUSE
from modem.alphabet import segments
from tests.policy.kit import CALLER, DELAY, ENDED, call, known, policy

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
STARTED = ENDED - timedelta(seconds=20)

# what makes each reason hold, and nothing earlier: "call.", "known." and settings ("table.key"), "now" after the call's end
ALONE: dict[Reason, dict[str, Any]] = {
    Reason.INTERNAL: {"call.presented": "101", "call.caller": None},
    Reason.MACHINE: {"call.machine": True},
    Reason.LINE_OFF: {"line": [{"did": ["5145550100"], "name": "prive", "reply": False}]},
    Reason.ANONYMOUS: {"call.presentation": Presentation.PROHIBITED},
    Reason.NOT_TEXTABLE: {"known.not_textable": "unknown subscriber"},
    Reason.EXCLUDED: {"reply.exclude": [CALLER]},
    Reason.OPTED_OUT: {"known.opted_out": ENDED - 900 * HOUR},
    Reason.SUSPECT: {"call.suspect": True},
    Reason.ANSWERED: {"call.outcome": Outcome.ANSWERED, "call.answered_by": AnsweredBy.EXTENSION},
    Reason.UNSEEN: {"call.outcome": Outcome.UNSEEN},
    Reason.HANDED_ON: {"call.handed_on": True},
    Reason.SHORT_RING: {"call.rang": 1.0},
    Reason.STALE: {"now": 3 * HOUR},
    Reason.IN_CONVERSATION: {"known.last_person": ENDED - HOUR},
    Reason.COOLDOWN: {"known.last_auto": ENDED - HOUR, "known.last_auto_call": "1763900000.7"},
    Reason.CALLED_BACK: {"known.called_back": ENDED + SECOND},
    Reason.REACHED_LATER: {"known.reached": ENDED + SECOND},
    Reason.LOOP: {"known.looping": True},
    Reason.LIMIT: {"known.auto_today": 3},
    Reason.BURST: {"known.burst": 15},
    Reason.PAUSED: {"reply.mode": "watch"},
    Reason.ASKED: {"call.asked": True},
    Reason.VOICEMAIL: {"call.voicemail_left": True},
    Reason.CLOSED: {"hours.open": "Sa 08:00-09:00"},
    Reason.MISSED: {},
}
EXCLUSIVE = {(Reason.ANSWERED, Reason.UNSEEN)}
"""No call is both."""
MEANT = {
    (Reason.SHORT_RING, Reason.ASKED),
    (Reason.SHORT_RING, Reason.VOICEMAIL),
    (Reason.UNSEEN, Reason.ASKED),
    *((reason, Reason.ASKED) for reason in (Reason.IN_CONVERSATION, Reason.COOLDOWN, Reason.CALLED_BACK, Reason.REACHED_LATER)),
}
"""A caller who pressed a key or spoke a message meant to call, however short: never short_ring. Who asked for a text gets it, whoever
wrote before, however lately, and though nobody saw how the call ended."""


def decided(facts: Mapping[str, Any], after: timedelta = DELAY) -> Decision:
    """Decide about a call with these facts, ``after`` its end unless they say when."""
    tables: dict[str, Any] = {}
    about_call: dict[str, Any] = {}
    about_caller: dict[str, Any] = {}
    for path, value in facts.items():
        owner, _, key = path.partition(".")
        if owner == "call":
            about_call[key] = value
        elif owner == "known":
            about_caller[key] = value
        elif key:
            tables.setdefault(owner, {})[key] = value
        elif owner != "now":
            tables[owner] = value
    now = ENDED + facts.get("now", after)
    return policy(**tables).decide(call(**about_call), known(**about_caller), now)


def test_the_table_has_every_reason() -> None:
    assert list(ALONE) == list(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_alone(reason: Reason) -> None:
    decision = decided(ALONE[reason])
    assert decision.reason is reason
    assert decision.kind is (DecisionKind.REPLY if reason in REPLIES else DecisionKind.SILENCE)


PAIRS = [pair for pair in itertools.combinations(Reason, 2) if pair not in EXCLUSIVE | MEANT]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda reason: reason.value)
def test_of_any_two_the_first_wins(first: Reason, second: Reason) -> None:
    clash = ALONE[first].keys() & ALONE[second].keys()
    assert not clash
    assert decided({**ALONE[second], **ALONE[first]}).reason is first


@pytest.mark.parametrize(("first", "second"), sorted(MEANT))
def test_who_did_something_meant_to_call(first: Reason, second: Reason) -> None:
    assert decided({**ALONE[first], **ALONE[second]}).reason is second


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        # internal: between the two lengths
        ({"call.presented": "1", "call.caller": None}, Reason.NOT_TEXTABLE),
        ({"call.presented": "10", "call.caller": None}, Reason.INTERNAL),
        ({"call.presented": "123456", "call.caller": None}, Reason.INTERNAL),
        ({"call.presented": "1234567", "call.caller": None}, Reason.NOT_TEXTABLE),
        ({"call.presented": "1234567", "call.caller": None, "pbx.internal_length": [2, 7]}, Reason.INTERNAL),
        ({"call.presented": "000", "call.caller": None}, Reason.ANONYMOUS),
        # machines
        ({"call.reached": Reached.FAX}, Reason.MACHINE),
        ({"call.reached": Reached.REMOTE}, Reason.MACHINE),
        *(({"call.reached": reached}, Reason.MISSED) for reached in Reached if reached not in (Reached.FAX, Reached.REMOTE)),
        # a hidden, missing or unread number
        ({"call.presented": "", "call.caller": None}, Reason.ANONYMOUS),
        ({"call.presented": "anonymous", "call.caller": None}, Reason.ANONYMOUS),
        ({"call.presented": "Unavailable", "call.caller": None, "call.presentation": Presentation.UNKNOWN}, Reason.ANONYMOUS),
        ({"call.presentation": Presentation.UNKNOWN}, Reason.ANONYMOUS),
        ({"call.presentation": Presentation.UNKNOWN, "call.outcome": Outcome.UNSEEN}, Reason.UNSEEN),
        # numbers
        ({"call.caller": "+15551234567"}, Reason.NOT_TEXTABLE),
        ({"call.caller": "+18005551234"}, Reason.NOT_TEXTABLE),
        ({"call.caller": "+12125550123"}, Reason.MISSED),
        ({"call.caller": "+12125550123", "reply.countries": ["CA"]}, Reason.NOT_TEXTABLE),
        # who answered, and where
        ({"call.outcome": Outcome.ANSWERED, "call.answered_by": AnsweredBy.OUTSIDE}, Reason.ANSWERED),
        ({"call.outcome": Outcome.ANSWERED, "call.answered_by": AnsweredBy.OUTSIDE, "pbx.outside": "trust"}, Reason.ANSWERED),
        # a short ring: only when the caller hung up, and to the millisecond
        ({"call.rang": 2.999}, Reason.SHORT_RING),
        ({"call.rang": 3.0}, Reason.MISSED),
        ({"call.rang": 0.0, "call.caller_hung_up": False}, Reason.MISSED),
        ({"call.rang": 0.0, "reply.min_ring": "0s"}, Reason.MISSED),
        # too old
        ({"now": 2 * HOUR}, Reason.MISSED),
        ({"now": 2 * HOUR + timedelta(microseconds=1)}, Reason.STALE),
        # a conversation
        ({"known.last_person": ENDED + DELAY - 12 * HOUR + SECOND}, Reason.IN_CONVERSATION),
        ({"known.last_person": ENDED + DELAY - 12 * HOUR}, Reason.MISSED),
        # cooldown
        ({"known.last_auto": ENDED + DELAY - 24 * HOUR + SECOND}, Reason.COOLDOWN),
        ({"known.last_auto": ENDED + DELAY - 24 * HOUR}, Reason.MISSED),
        ({"known.last_auto": STARTED, "reply.cooldown": "0s"}, Reason.COOLDOWN),
        ({"known.last_auto": STARTED - SECOND, "reply.cooldown": "0s"}, Reason.MISSED),
        # called back, or reached on another call: from this call's start on
        ({"known.called_back": STARTED}, Reason.CALLED_BACK),
        ({"known.called_back": STARTED - SECOND}, Reason.MISSED),
        ({"known.reached": STARTED}, Reason.REACHED_LATER),
        ({"known.reached": STARTED - SECOND}, Reason.MISSED),
        # stamps ahead of now: a little is two clocks, more is a clock that was set back, and says nothing
        *(
            (facts, reason)
            for name, holds in {
                "last_person": Reason.IN_CONVERSATION,
                "last_auto": Reason.COOLDOWN,
                "called_back": Reason.CALLED_BACK,
                "reached": Reason.REACHED_LATER,
            }.items()
            for facts, reason in (
                ({f"known.{name}": ENDED + DELAY + CLOCK_SLACK}, holds),
                ({f"known.{name}": ENDED + DELAY + CLOCK_SLACK + SECOND}, Reason.MISSED),
                ({f"known.{name}": ENDED + 2000 * HOUR}, Reason.MISSED),
            )
        ),
        # limits
        ({"known.auto_today": 2}, Reason.MISSED),
        ({"known.auto_today": 3}, Reason.LIMIT),
        ({"known.all_today": 199}, Reason.MISSED),
        ({"known.all_today": 200}, Reason.LIMIT),
        ({"reply.daily_limit": 0}, Reason.LIMIT),
        ({"known.burst": 14}, Reason.MISSED),
        ({"known.burst": 15}, Reason.BURST),
        ({"known.burst": 15, "known.known_contact": True}, Reason.MISSED),
        # modes
        ({"reply.mode": "off"}, Reason.PAUSED),
        ({"reply.mode": "watch"}, Reason.PAUSED),
        # open to closed in the same second
        ({"call.started": datetime(2026, 11, 24, 16, 59, 59, tzinfo=UTC)}, Reason.MISSED),
        ({"call.started": datetime(2026, 11, 24, 17, 0, tzinfo=UTC)}, Reason.CLOSED),
    ],
)
def test_boundaries(facts: dict[str, Any], reason: Reason) -> None:
    assert decided(facts).reason is reason


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        (ALONE[Reason.COOLDOWN], {"call": "1763900000.7", "until": (ENDED + 23 * HOUR).isoformat()}),
        (ALONE[Reason.IN_CONVERSATION], {"until": (ENDED + 11 * HOUR).isoformat()}),
        (ALONE[Reason.LIMIT], {"rule": "per_number_limit", "count": "3", "limit": "3"}),
        ({"known.all_today": 207}, {"rule": "daily_limit", "count": "207", "limit": "200"}),
        (ALONE[Reason.BURST], {"count": "15", "limit": "15"}),
        (ALONE[Reason.EXCLUDED], {"setting": "reply.exclude.0"}),
        (ALONE[Reason.NOT_TEXTABLE], {"rule": "learnt", "why": "unknown subscriber"}),
        ({"call.caller": "+18765550123"}, {"rule": "country", "country": "JM"}),
        (ALONE[Reason.ANONYMOUS], {"rule": "hidden"}),
        ({"call.presented": "", "call.caller": None}, {"rule": "no_number"}),
        ({"call.presentation": Presentation.UNKNOWN}, {"rule": "presentation_unread"}),
        ({"call.outcome": Outcome.ANSWERED, "call.answered_by": AnsweredBy.OUTSIDE}, {"by": "outside", "outside": "list"}),
        (ALONE[Reason.SHORT_RING], {"rang": "1.0", "min_ring": "3"}),
        ({**ALONE[Reason.PAUSED], **ALONE[Reason.VOICEMAIL]}, {"mode": "watch", "would": "voicemail"}),
        ({"hours.open": "Sa 08:00-09:00"}, {"hours": "hours", "opens": "2026-11-28T13:00:00+00:00"}),
    ],
)
def test_facts_for_why(facts: dict[str, Any], detail: dict[str, str]) -> None:
    found = decided(facts).detail
    assert {key: found.get(key) for key in detail} == detail


def test_a_reply_waits_for_its_delay_and_then_goes() -> None:
    early, late = decided({}, timedelta(0)), decided({}, DELAY)
    assert (early.kind, early.reason, early.due) == (DecisionKind.PENDING, Reason.MISSED, ENDED + DELAY)
    assert decided({}, DELAY - timedelta(milliseconds=1)).kind is DecisionKind.PENDING
    assert late.kind is DecisionKind.REPLY
    assert early.expires == late.expires == ENDED + 2 * HOUR
    assert early.text == late.text


def test_without_delay_it_goes_at_once() -> None:
    decision = decided({"reply.delay": "0s"}, timedelta(0))
    assert (decision.kind, decision.due) == (DecisionKind.REPLY, ENDED)


def test_while_the_caller_is_on_the_telephone_it_waits() -> None:
    decision = decided({"known.live": True}, HOUR)
    assert (decision.kind, decision.due) == (DecisionKind.PENDING, ENDED + HOUR + LIVE_PAUSE)
    assert decision.detail["waits_for"] == "live"
    assert decided({"known.live": True}, timedelta(0)).due == ENDED + DELAY
    assert decided({"known.live": True}, 2 * HOUR + SECOND).reason is Reason.STALE


def test_an_earlier_call_waits_for_the_later_one() -> None:
    later = ENDED + 5 * DELAY
    waiting = decided({"known.later_due": later})
    assert (waiting.kind, waiting.due, waiting.detail["waits_for"]) == (DecisionKind.PENDING, later, "later_call")
    assert decided({"known.later_due": later, "now": 5 * DELAY}).kind is DecisionKind.REPLY
    assert decided({"known.later_due": ENDED, "now": DELAY}).kind is DecisionKind.REPLY


def test_silence_needs_no_waiting() -> None:
    for reason in SILENCES:
        assert decided({**ALONE[reason], "known.live": True, "known.later_due": ENDED + HOUR}).kind is DecisionKind.SILENCE


@pytest.mark.parametrize(
    ("facts", "language", "source"),
    [
        ({"known.first": False}, "fr", "clinic"),
        ({"clinic.languages": ["en", "fr"], "known.first": False}, "en", "clinic"),
        ({"clinic.languages": ["fr"]}, "fr", "clinic"),
        ({"known.wrote": "en"}, "en", "wrote"),
        ({"known.wrote": "en", "known.language": "fr"}, "en", "wrote"),
        ({"known.wrote": "en", "clinic.languages": ["fr"]}, "fr", "clinic"),
        ({"known.wrote": "es", "known.language": "en"}, "en", "contact"),
        ({"line": [{"did": ["514*"], "name": "west", "language": "en"}]}, "en", "line"),
        ({"line": [{"did": ["514*"], "name": "west", "language": "en"}], "known.language": "fr"}, "fr", "contact"),
        ({"known.language": "es", "known.first": False}, "fr", "clinic"),
    ],
)
def test_language_and_where_it_comes_from(facts: dict[str, Any], language: str, source: str) -> None:
    decision = decided(facts)
    assert (decision.language, decision.language_from) == (language, source)
    assert decision.text is not None
    assert ("manqué" in decision.text) is (language == "fr")


@pytest.mark.parametrize(
    ("facts", "trigger"),
    [
        ({}, Trigger.MISSED),
        ({"call.asked": True}, Trigger.ASKED),
        ({"call.voicemail_left": True}, Trigger.VOICEMAIL),
        ({"hours.open": "Sa 08:00-09:00"}, Trigger.CLOSED),
        # rang a minute before opening, due after it: "we are closed" would be wrong by then
        (
            {"call.started": ENDED - 2 * HOUR - timedelta(minutes=1), "call.ended": ENDED - 2 * HOUR, "now": -2 * HOUR + DELAY},
            Trigger.MISSED,
        ),
    ],
)
def test_which_words(facts: dict[str, Any], trigger: Trigger) -> None:
    assert decided(facts).trigger is trigger


def test_a_call_from_before_opening_time_stays_a_closed_one() -> None:
    decision = decided({"call.started": ENDED - 2 * HOUR - timedelta(minutes=1), "call.ended": ENDED - 2 * HOUR, "now": -2 * HOUR + DELAY})
    assert (decision.reason, decision.open, decision.trigger) == (Reason.CLOSED, False, Trigger.MISSED)


def test_a_line_brings_its_words_number_modem_and_hours() -> None:
    west = {
        "did": ["5145550100"],
        "name": "west",
        "number": "+15145550199",
        "modem": "m2",
        "hours": "Sa 10:00-11:00",
        "text": {"fr": {"closed": "Ouest {number} {opens}"}},
    }
    decision = decided({"line": [west], "modem": [{"name": "m1"}, {"name": "m2"}]})
    assert (decision.line, decision.modem, decision.open) == ("west", "m2", False)
    assert decision.text == "Ouest 514 555-0199 samedi à 10 h"
    assert decided({"line": [west], "modem": [{"name": "m1"}, {"name": "m2"}], "call.did": "s"}).modem is None


def test_the_night_switch_of_the_call_s_start_decides() -> None:
    night = decided({"hours.follow": "Custom:DAYNIGHT1", "call.switches": {"Custom:DAYNIGHT1": "INUSE"}})
    assert (night.reason, night.open, night.detail["hours"]) == (Reason.CLOSED, False, "switch")
    assert "rouvre/reopens sous peu/soon" in (night.text or "")


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        ({"known.kind": Kind.STAFF}, ("kind", "staff")),
        ({"known.kind": Kind.SUPPLIER}, ("kind", "supplier")),
        ({"known.tags": frozenset({"no-text", "lab"}), "known.kind": Kind.CLIENT}, ("tag", "no-text")),
        ({"call.blacklisted": True}, ("blacklist", "pbx")),
        ({"reply.exclude": [CALLER], "known.kind": Kind.STAFF}, ("setting", "reply.exclude.0")),
    ],
)
def test_who_is_excluded_and_by_what(facts: dict[str, Any], detail: tuple[str, str]) -> None:
    decision = decided(facts)
    assert decision.reason is Reason.EXCLUDED
    assert detail in decision.detail.items()


def test_what_was_asked_for_is_due_at_once() -> None:
    asked = decided({"call.asked": True, "call.ended": ENDED, "known.later_due": ENDED + HOUR}, after=timedelta(0))
    assert (asked.kind, asked.reason, asked.trigger, asked.due) == (DecisionKind.REPLY, Reason.ASKED, Trigger.ASKED, ENDED)


# every call there can be


def mostly(usual: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The plain value four times in five, so that many calls come as far as a reply."""
    return st.integers(0, 4).flatmap(lambda dice: st.just(usual) if dice else others)


SELDOM = mostly(False, st.booleans())
MOMENTS = mostly(None, st.integers(-200_000, 200_000).map(lambda seconds: ENDED + timedelta(seconds=seconds)))
NUMBERS = mostly(
    CALLER,
    st.one_of(
        st.none(),
        st.sampled_from(["+18005551234", "+18765550123", "+15145550100", "+33612345678", "+1", "+", "", "101", "+15551234567"]),
        st.from_regex(r"\+[0-9]{1,15}", fullmatch=True),
        st.text(max_size=20),
    ),
)
CALLS = st.builds(
    Call,
    id=st.just("1764000000.1"),
    started=st.just(STARTED),
    ended=st.integers(0, 100_000).map(lambda seconds: STARTED + timedelta(seconds=seconds)),
    presented=st.one_of(NUMBERS.map(lambda number: number or ""), st.text(max_size=20)),
    caller=NUMBERS,
    presentation=mostly(Presentation.ALLOWED, st.sampled_from(Presentation)),
    did=st.one_of(st.text(max_size=15), st.sampled_from(["s", "5145550100", "101", "fax"])),
    context=st.just("from-trunk"),
    channel=st.just("PJSIP/trunk-1"),
    outcome=mostly(Outcome.MISSED, st.sampled_from(Outcome)),
    answered_by=st.sampled_from([None, *AnsweredBy]),
    reached=mostly(Reached.RING, st.sampled_from(Reached)),
    rang=st.floats(0, 100_000),
    caller_hung_up=st.booleans(),
    voicemail_left=st.booleans(),
    handed_on=SELDOM,
    machine=SELDOM,
    asked=st.booleans(),
    suspect=SELDOM,
    blacklisted=SELDOM,
    switches=st.dictionaries(st.just("Custom:DAYNIGHT1"), st.sampled_from(["INUSE", "NOT_INUSE", "UNKNOWN", ""])),
)
CALLERS = st.builds(
    Known,
    number=NUMBERS,
    language=st.sampled_from([None, "fr", "en", "es", ""]),
    wrote=st.sampled_from([None, "fr", "en", "es", ""]),
    kind=mostly(None, st.sampled_from(Kind)),
    tags=mostly(frozenset(), st.just(frozenset(("vip", "no-text")))),
    named=st.booleans(),
    first=st.booleans(),
    known_contact=st.booleans(),
    opted_out=MOMENTS,
    not_textable=mostly(None, st.just("absent")),
    last_person=MOMENTS,
    last_auto=MOMENTS,
    last_auto_call=st.sampled_from([None, "1.1"]),
    auto_today=mostly(0, st.integers(0, 5)),
    all_today=mostly(0, st.integers(0, 300)),
    burst=mostly(0, st.integers(0, 30)),
    reached=MOMENTS,
    called_back=MOMENTS,
    looping=SELDOM,
    live=SELDOM,
    later_due=MOMENTS,
)
HOUSES = [
    policy(hours={"follow": "Custom:DAYNIGHT1"}),
    policy(reply={"mode": "watch"}),
    policy(reply={"delay": "0s", "cooldown": "0s", "conversation": "0s", "max_age": "1h"}, line=[{"did": ["101", "fax"], "reply": False}]),
]


@settings(max_examples=200)
@given(house=st.sampled_from(HOUSES), about=CALLS, caller=CALLERS, after=st.integers(-10, 10_000))
def test_every_call_has_exactly_one_decision_that_keeps_the_rules(house: Policy, about: Call, caller: Known, after: int) -> None:
    now = about.ended + timedelta(seconds=after)
    decision = house.decide(about, caller, now)
    assert decision == house.decide(about, caller, now)
    if decision.reason in SILENCES:
        assert decision.kind is DecisionKind.SILENCE
        assert (decision.text, decision.due, decision.trigger) == (None, None, None)
        return
    # what must never be texted, whatever else is true
    assert about.outcome is Outcome.MISSED or (about.asked and about.outcome is Outcome.UNSEEN)
    assert about.presentation is Presentation.ALLOWED
    assert about.caller is not None
    assert about.caller.startswith("+")
    assert caller.opted_out is None
    for last in (caller.last_auto, caller.reached, caller.called_back):
        assert about.asked or last is None or last < about.started or last > now + CLOCK_SLACK
    assert caller.kind not in (Kind.STAFF, Kind.SUPPLIER)
    assert "no-text" not in caller.tags
    assert not about.blacklisted
    assert decision.due is not None
    assert decision.expires is not None
    assert now <= decision.expires
    assert (decision.kind is DecisionKind.REPLY) is (decision.due <= now)
    assert not (caller.live and decision.kind is DecisionKind.REPLY)
    assert decision.text
    assert "{" not in decision.text
    assert segments(decision.text).parts == 1
    assert all(isinstance(value, str) for value in decision.detail.values())
