"""Who goes before others: each condition alone, several together, what calls and texts come to, and what is said of rules at the start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ari_app.errors import SettingsError
from ari_app.model import EMERGENCY, AnsweredBy, Kind, Level, Outcome, Priority, Reason
from ari_app.policy import check_settings
from tests.policy.kit import CALLER, ENDED, call, inbound, known, policy, settings

HOUR = timedelta(hours=1)
ON_CALL, OTHER = "+15145550190", "+15145550191"
LINE = [{"did": ["5145550111"], "name": "urgences"}]


def of_call(rule: dict[str, Any], about: dict[str, Any] | None = None, caller: dict[str, Any] | None = None, **parts: Any) -> str | None:
    """Why the thread of such a call goes first by this rule alone."""
    house = policy(priority=[{"name": "r", **rule}], line=LINE, **parts)
    found = house.decide(call(**(about or {})), known(**(caller or {})), ENDED).priority
    return None if found is None else found.why


def of_text(rule: dict[str, Any], text: str = "Bonjour", **changes: Any) -> str | None:
    house = policy(priority=[{"name": "r", **rule}], line=LINE)
    found = house.react(inbound(text, **changes), ENDED, {}).priority
    return None if found is None else found.why


# a condition, what makes it hold and what does not: fields of the call and of what is known of its caller
OF_CALLS: list[tuple[dict[str, Any], tuple[dict[str, Any], dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]] = [
    ({"kind": ["client"]}, ({}, {"kind": Kind.CLIENT}), ({}, {"kind": None})),
    ({"kind": ["client", "staff"]}, ({}, {"kind": Kind.STAFF}), ({}, {"kind": Kind.SUPPLIER})),
    ({"kind": ["prospect"]}, ({}, {"kind": None}), ({}, {"number": None})),
    ({"tag": ["Greffé", "À rappeler"]}, ({}, {"tags": frozenset({"à-rappeler"})}), ({}, {"tags": frozenset({"greffe"})})),
    ({"tag": ["vip", "greffe"]}, ({}, {"tags": frozenset({"greffe", "x"})}), ({}, {"tags": frozenset({"x"})})),
    ({"line": ["urgences"]}, ({"did": "5145550111"}, {}), ({}, {})),
    ({"line": ["main"]}, ({}, {}), ({"did": "5145550111"}, {})),
    ({"option": ["9"]}, ({"option": "9"}, {}), ({"option": ""}, {})),
    ({"hours": "Tu 09:00-12:00"}, ({}, {}), ({"started": ENDED - 3 * HOUR}, {})),
    ({"calls": 2}, ({}, {"calls": (ENDED - HOUR,)}), ({}, {"calls": ()})),
    ({"calls": 2}, ({}, {"calls": (ENDED - HOUR,)}), ({}, {"calls": (ENDED - 12 * HOUR,)})),
    ({"calls": 3}, ({}, {"calls": (ENDED - HOUR, ENDED - 2 * HOUR)}), ({}, {"calls": (ENDED - HOUR,)})),
    ({"voicemail": True}, ({"voicemail_left": True}, {}), ({}, {})),
    ({"voicemail": False}, ({}, {}), ({"voicemail_left": True}, {})),
]


@pytest.mark.parametrize(("rule", "holds", "fails"), OF_CALLS)
def test_each_condition_of_a_call(rule: dict[str, Any], holds: tuple[Any, Any], fails: tuple[Any, Any]) -> None:
    assert of_call(rule, *holds) == "r"
    assert of_call(rule, *fails) is None


@pytest.mark.parametrize(
    ("rule", "text", "changes", "holds"),
    [
        ({"words": ["douleur*"]}, "j'ai des DOULEURS", {}, True),
        ({"words": ["douleur*"]}, "rendez-vous", {}, False),
        ({"words": ["fièvre", "fever"]}, "fievre depuis hier", {}, True),
        ({"words": ["fièvre"]}, "fievres", {}, False),
        ({"emergency": True}, "chest pain", {}, True),
        ({"emergency": True}, "toothache", {}, False),
        ({"emergency": False}, "toothache", {}, True),
        ({"kind": ["prospect"]}, "hello", {}, True),
        ({"kind": ["client"]}, "hello", {"kind": Kind.CLIENT}, True),
        ({"tag": ["vip"]}, "hello", {"tags": frozenset({"vip"})}, True),
        ({"line": ["urgences"]}, "hello", {"line": "urgences"}, True),
        ({"hours": "Tu 09:00-12:00"}, "hello", {}, True),
        ({"hours": "Tu 12:00-18:00"}, "hello", {}, False),
        ({"calls": 2}, "hello", {"calls": (ENDED - HOUR, ENDED - 2 * HOUR)}, True),
        ({"calls": 2}, "hello", {"calls": (ENDED - HOUR,)}, False),
        # of a call alone
        ({"option": ["9"]}, "9", {}, False),
        ({"voicemail": True}, "hello", {}, False),
        ({"voicemail": False}, "hello", {}, False),
    ],
)
def test_each_condition_of_a_text(rule: dict[str, Any], text: str, changes: dict[str, Any], *, holds: bool) -> None:
    found = of_text(rule, text, **changes)
    assert found in ("r", EMERGENCY) if holds else found is None


@pytest.mark.parametrize("rule", [{"words": ["bonjour"]}, {"emergency": True}, {"emergency": False}])
def test_what_is_of_a_text_holds_for_no_call(rule: dict[str, Any]) -> None:
    assert of_call(rule) is None


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = {"kind": ["client"], "calls": 2, "words": ["mal"]}
    about = {"kind": Kind.CLIENT, "calls": (ENDED - HOUR, ENDED - 2 * HOUR)}
    assert of_text(rule, "j'ai mal", **about) == "r"
    assert of_text(rule, "bonjour", **about) is None
    assert of_text(rule, "j'ai mal", **{**about, "kind": Kind.STAFF}) is None
    assert of_text(rule, "j'ai mal", **{**about, "calls": ()}) is None


def test_calls_are_of_the_clinic_s_day_and_this_one_counts_where_nobody_answered() -> None:
    rule = {"calls": 2}
    today, yesterday = (ENDED - 9 * HOUR,), (ENDED - 11 * HOUR,)  # 1 h, and 23 h the evening before
    assert of_call(rule, caller={"calls": today}) == "r"
    assert of_call(rule, caller={"calls": yesterday}) is None
    answered = {"outcome": Outcome.ANSWERED, "answered_by": AnsweredBy.OUTSIDE}
    assert of_call(rule, answered, {"calls": today}) is None
    assert of_call({"calls": 2}, answered, {"calls": (*today, ENDED - HOUR)}) == "r"


def test_the_highest_level_wins_and_the_first_of_that_level_is_why() -> None:
    rules = [
        {"name": "a", "level": "high", "kind": ["prospect"], "notify": OTHER},
        {"name": "b", "level": "urgent", "line": ["main"]},
        {"name": "c", "level": "urgent", "calls": 2, "notify": ON_CALL},
    ]
    found = policy(priority=rules).priority(call(), known(calls=(ENDED - HOUR,)), ENDED)
    assert found is not None
    assert (found.level, found.why, found.notify) == (Level.URGENT, "b", OTHER)
    assert policy(priority=rules[:1]).priority(call(), known(kind=Kind.CLIENT), ENDED) is None


def test_who_is_on_call_is_told_neither_who_nor_what() -> None:
    rules = [{"name": "Urgence", "line": ["main"], "notify": ON_CALL}]
    found = policy(priority=rules).priority(call(), known(), ENDED)
    assert found == Priority(
        Level.HIGH,
        "Urgence",
        ON_CALL,
        "Clinique Rosemont: quelqu'un attend une réponse sans tarder. Voyez les messages, ou appelez le 514 555-0100.",
    )
    for mode in ("watch", "off"):
        watched = policy(priority=rules, reply={"mode": mode}).priority(call(), known(), ENDED)
        assert watched == Priority(Level.HIGH, "Urgence")


def test_the_on_call_number_is_the_house_s_own() -> None:
    rules = [{"name": "x", "line": ["main"], "notify": CALLER}]
    decision = policy(priority=rules).decide(call(), known(), ENDED)
    assert (decision.reason, dict(decision.detail)["setting"]) == (Reason.EXCLUDED, "priority.0.notify")


@pytest.mark.parametrize("reason", [Reason.INTERNAL, Reason.MACHINE])
def test_what_no_person_waits_for_has_no_priority(reason: Reason) -> None:
    about = {"machine": True} if reason is Reason.MACHINE else {"presented": "101", "caller": None}
    decision = policy(priority=[{"name": "x", "line": ["main"]}]).decide(call(**about), known(), ENDED)
    assert (decision.reason, decision.priority) == (reason, None)


def test_hours_are_the_clinic_s_and_holidays_are_days_like_others_unless_named() -> None:
    christmas = ENDED.replace(month=12, day=25, hour=15)
    about = {"started": christmas, "ended": christmas}
    assert of_call({"hours": "Fr 09:00-12:00"}, about) == "r"
    assert of_call({"hours": "Fr 09:00-12:00; PH off"}, about) is None
    assert of_call({"hours": "PH 00:00-24:00"}, about) == "r"


# -- what is said of them at the start


@pytest.mark.parametrize(
    ("rule", "key", "what"),
    [
        ({"hours": "Mo-Fr 25:00"}, "priority.0.hours", "is no opening_hours expression"),
        ({"hours": "SH 09:00-12:00"}, "priority.0.hours", "school holidays"),
    ],
)
def test_hours_that_cannot_be_read_are_refused(rule: dict[str, Any], key: str, what: str) -> None:
    (bad,) = check_settings(settings(priority=[{"name": "x", **rule}]))
    assert (bad.key, bad.state) == (key, "bad")
    assert what in bad.what
    with pytest.raises(SettingsError, match=r"priority\.0\.hours"):
        policy(priority=[{"name": "x", **rule}])


def test_the_clinic_s_own_number_is_nobody_on_call() -> None:
    own = settings().clinic.number
    (bad,) = check_settings(settings(priority=[{"name": "x", "calls": 2, "notify": own}]))
    assert (bad.key, bad.state, bad.what) == ("priority.0.notify", "bad", "is the clinic's own number")


def test_no_rule_is_called_as_the_emergency_words_are() -> None:
    with pytest.raises(SettingsError, match=r"priority\.0\.name.*emergency words"):
        settings(priority=[{"name": "emergency", "calls": 2}])


@pytest.mark.parametrize(
    ("parts", "key", "what"),
    [
        ({"priority": [{"name": "x", "words": ["a*", "mal"]}]}, "priority.0.words", '"a*" is too short'),
        ({"priority": [{"name": "x", "words": ["mal"], "option": ["9"]}]}, "priority.0", "never holds"),
        ({"priority": [{"name": "x", "emergency": True, "voicemail": True}]}, "priority.0", "never holds"),
        ({"priority": [{"name": "x", "calls": 2, "notify": "+18005550199"}]}, "priority.0.notify", "no number that texts may go to"),
        ({"priority": [{"name": "x", "calls": 2, "notify": "+33142685300"}]}, "priority.0.notify", "is told nothing"),
        ({"priority": [{"name": "x", "calls": 2, "notify": ON_CALL}], "reply": {"mode": "watch"}}, "priority.0.notify", "is told nothing"),
    ],
)
def test_what_has_no_effect_is_pointed_out(parts: dict[str, Any], key: str, what: str) -> None:
    (problem,) = policy(**parts).problems()
    assert (problem.key, problem.state) == (key, "warn")
    assert what in problem.what
    assert problem.fix


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ({"emergency": {"words": {"fr": ["douleur", "le"]}}}, "emergency.words.fr"),
        ({"emergency": {"words": {"en": ["*"]}}}, "emergency.words.en"),
        ({"emergency": {"words": {"en": [""]}}}, "emergency.words.en"),
        ({"priority": [{"name": "x", "words": ["*"]}]}, "priority.0.words"),
        ({"priority": [{"name": "x", "words": ["mal", " "]}]}, "priority.0.words"),
    ],
)
def test_words_that_are_in_every_text_or_none_are_refused(parts: dict[str, Any], key: str) -> None:
    (bad,) = check_settings(settings(**parts))
    assert (bad.key, bad.state) == (key, "bad")
    with pytest.raises(SettingsError, match=key.replace(".", r"\.")):
        policy(**parts)


def test_good_rules_are_no_problem() -> None:
    rules = [
        {"name": "Dent tombée", "level": "urgent", "words": ["dent* tombée*", "knocked out tooth"], "notify": ON_CALL},
        {"name": "Trois appels", "calls": 3, "hours": "Mo-Su 07:00-22:00"},
    ]
    assert policy(priority=rules).problems() == ()
