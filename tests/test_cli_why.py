"""``why``, reason by reason: each has a sentence with its facts, and the setting behind it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ari_app.cli.sentences import SENTENCES, TEXT_STATES, Facts, explain, setting_behind
from ari_app.model import (
    NO_TEXT,
    REPLIES,
    AnsweredBy,
    Call,
    DecisionKind,
    Kind,
    Known,
    MessageState,
    Outcome,
    Presentation,
    Reached,
    Reason,
)
from ari_app.policy import Policy
from ari_app.settings import Settings, parse
from tests.threads.world import ALICE, START, a_call


def settings() -> Settings:
    return parse(
        {
            "clinic": {"name": "C", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "p"},
            "hours": {"open": "Mo-Fr 08:00-12:00"},
            "reply": {"exclude": ["+15145550111"], "min_ring": "5s", "burst": 1},
            "modem": [{"name": "gsm1", "number": "+15145550177"}],
            "line": [
                {"did": ["5145550210"], "name": "fax", "reply": False},
                {"did": ["5145550220"], "name": "lab", "hours": "Mo 01:00-02:00"},
            ],
        }
    )


NOW = START + timedelta(seconds=30)
"""A Monday, 10:00 in Montréal: open."""
ANSWERED = {"outcome": Outcome.ANSWERED, "answered_by": AnsweredBy.EXTENSION}
CASES: list[tuple[Reason, dict[str, Any], dict[str, Any], str, str | None]] = [
    (Reason.INTERNAL, {"presented": "201", "caller": None}, {}, "An extension called: its number has 3 digits.", "pbx.internal_length"),
    (
        Reason.MACHINE,
        {"machine": True, "reached": Reached.FAX},
        {},
        "A machine was at the telephone, not a person who waits (a fax).",
        None,
    ),
    (Reason.MACHINE, {"machine": True}, {}, "A machine was at the telephone, not a person who waits.", "pbx.machines"),
    (Reason.LINE_OFF, {"did": "5145550210"}, {}, "The line fax sends no automatic texts.", "line.0.reply"),
    (Reason.ANONYMOUS, {"presentation": Presentation.PROHIBITED}, {}, "The caller hid the number.", None),
    (Reason.ANONYMOUS, {"presented": "", "caller": None}, {}, "The call came without a number.", None),
    (Reason.ANONYMOUS, {"presentation": Presentation.UNKNOWN}, {}, "It could not be seen whether the caller hides the number", None),
    (Reason.NOT_TEXTABLE, {"caller": "+18005550101"}, {}, "The number is toll-free", None),
    (Reason.NOT_TEXTABLE, {"caller": "+18765550101"}, {}, "The number is of a country that is not texted (JM).", "reply.countries"),
    (
        Reason.NOT_TEXTABLE,
        {},
        {"not_textable": "cms_28: no such number"},
        "An earlier text failed for good, so the number takes none (cms_28",
        None,
    ),
    (Reason.EXCLUDED, {"caller": "+15145550111"}, {}, "The number is on the list of those never texted.", "reply.exclude.0"),
    (Reason.EXCLUDED, {"caller": "+15145550177"}, {}, "The number is one of the clinic's own.", "modem.0.number"),
    (Reason.EXCLUDED, {}, {"kind": Kind.STAFF}, "The number is of somebody of the clinic's staff.", None),
    (Reason.EXCLUDED, {}, {"kind": Kind.SUPPLIER}, "The number is a supplier's.", None),
    (Reason.EXCLUDED, {}, {"tags": frozenset({NO_TEXT})}, "The number's contact has the tag no-text", None),
    (Reason.EXCLUDED, {"blacklisted": True}, {}, "The number is on the PBX's own blacklist.", None),
    (
        Reason.OPTED_OUT,
        {},
        {"opted_out": START - timedelta(days=1)},
        "The caller asked for no more texts at 2026-03-01 10:00.",
        None,
    ),
    (Reason.SUSPECT, {"suspect": True}, {}, "The carrier could not vouch for the number: it may be forged.", None),
    (Reason.ANSWERED, ANSWERED, {}, "Somebody here answered the call.", None),
    (
        Reason.ANSWERED,
        {**ANSWERED, "answered_by": AnsweredBy.OUTSIDE},
        {},
        "A telephone outside the PBX answered, perhaps a voicemail: the caller gets no text, and the thread stays to be answered.",
        "pbx.outside",
    ),
    (Reason.UNSEEN, {"outcome": Outcome.UNSEEN}, {}, "The call was not watched from its beginning", None),
    (
        Reason.HANDED_ON,
        {"handed_on": True, "reached": Reached.TRANSFER},
        {},
        "The caller spoke with somebody, was transferred and then",
        None,
    ),
    (
        Reason.HANDED_ON,
        {"handed_on": True, "reached": Reached.HOLD},
        {},
        "The caller spoke with somebody, was left on hold or parked",
        None,
    ),
    (Reason.SHORT_RING, {"rang": 1.5}, {}, "The caller hung up after 1.5 s, before the 5s a call must ring to count.", "reply.min_ring"),
    (
        Reason.STALE,
        {"ended": START - timedelta(hours=3)},
        {},
        "It was too late for a text: the call had ended more than 2h before.",
        "reply.max_age",
    ),
    (
        Reason.IN_CONVERSATION,
        {},
        {"last_person": START - timedelta(hours=2)},
        "A person wrote in this thread at 2026-03-02 08:00: the conversation counts as going on until 2026-03-02 20:00.",
        "reply.conversation",
    ),
    (
        Reason.COOLDOWN,
        {},
        {"last_auto": START - timedelta(hours=2), "last_auto_call": "1.7"},
        "The caller got a text at 2026-03-02 08:00 for call 1.7; the next one may go from 2026-03-03 08:00 on.",
        "reply.cooldown",
    ),
    (Reason.CALLED_BACK, {}, {"called_back": START}, "Staff called the number back at 2026-03-02 10:00. The thread stays", None),
    (Reason.REACHED_LATER, {}, {"reached": START}, "The caller rang again and reached somebody at 2026-03-02 10:00.", None),
    (Reason.LOOP, {}, {"looping": True}, "The number answers automatic texts with automatic texts.", None),
    (
        Reason.LIMIT,
        {},
        {"auto_today": 3},
        "This number had got 3 automatic texts in 24 hours, and 3 is the most.",
        "reply.per_number_limit",
    ),
    (
        Reason.LIMIT,
        {},
        {"all_today": 200},
        "The clinic had sent 200 automatic texts in 24 hours, and 200 is the most.",
        "reply.daily_limit",
    ),
    (Reason.BURST, {}, {"burst": 4}, "4 unknown numbers were texted within 10 minutes, and 1 is the most", "reply.burst"),
    (Reason.ASKED, {"asked": True}, {}, "The caller asked for a text, or staff declined the call for one.", None),
    (Reason.VOICEMAIL, {"voicemail_left": True}, {}, "The caller left a message in the voicemail.", None),
    (Reason.CLOSED, {"did": "5145550220"}, {}, "Nobody answered, and the line was closed by its hours.", "line.1.hours"),
    (Reason.MISSED, {}, {}, "Nobody answered.", "reply.delay"),
]


def told(call: Call, known: Known, chosen: Settings) -> Facts:
    """As ``why`` tells it: through the real policy."""
    decision = Policy(chosen).decide(call, known, NOW)
    row = {
        "decision": decision.kind.value,
        "reason": decision.reason.value,
        "line": decision.line,
        "detail": dict(decision.detail),
        "due": decision.due.isoformat() if decision.due else None,
        "text": {"state": "delivered"},
    }

    def say_time(at: Any) -> str:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return str(moment.astimezone(chosen.clinic.zone).strftime("%Y-%m-%d %H:%M"))

    return Facts(row, say_time)


@pytest.mark.parametrize(("reason", "changes", "known", "sentence", "key"), CASES)
def test_every_reason_has_a_sentence_with_its_facts_and_its_setting(
    reason: Reason, changes: dict[str, Any], known: dict[str, Any], sentence: str, key: str | None
) -> None:
    facts = told(a_call(**{"number": ALICE, **changes}), Known(number=ALICE, **known), settings())
    assert facts.row["reason"] == reason.value
    said = explain(facts)
    assert sentence in said
    assert "?" not in said
    assert said.startswith("No text. ") == (reason not in REPLIES)
    setting = setting_behind(facts, settings())
    assert (setting or {}).get("key") == key
    if setting:
        assert setting["value"]


def test_paused_says_what_it_would_have_been() -> None:
    for mode, sentence in (("watch", "textback only watches"), ("off", "Automatic texts are switched off.")):
        chosen = settings().model_copy(update={"reply": settings().reply.model_copy(update={"mode": mode})})
        facts = told(a_call(), Known(number=ALICE), chosen)
        assert facts.row["reason"] == "paused"
        assert sentence in explain(facts)
        assert explain(facts).endswith("Otherwise: missed.")
        setting = setting_behind(facts, chosen)
        assert setting is not None
        assert (setting["key"], setting["value"]) == ("reply.mode", mode)


def test_no_reason_is_without_a_case_and_none_without_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
    assert {case[0] for case in CASES} | {Reason.PAUSED} == set(Reason)
    outgoing = {state.value for state in MessageState} - {"received", "partial"}
    assert set(TEXT_STATES) == outgoing


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("kind", list(DecisionKind))
def test_facts_that_are_missing_break_no_sentence(reason: Reason, kind: DecisionKind) -> None:
    """Rows of an older version, and texts that expired in the queue, have fewer."""
    row: dict[str, Any] = {"decision": kind.value, "reason": reason.value, "line": "gone", "detail": {}, "due": None, "text": None}
    facts = Facts(row, str)
    assert explain(facts)
    setting_behind(facts, settings())


def test_a_setting_from_the_file_is_told_from_a_default() -> None:
    facts = told(a_call(rang=1.0), Known(number=ALICE), settings())
    assert setting_behind(facts, settings()) == {"key": "reply.min_ring", "value": "5s", "source": "textback.toml"}
    ruled = setting_behind(facts, settings(), {"reply.min_ring"})
    assert ruled == {"key": "reply.min_ring", "value": "5s", "source": "portal"}
    gone = parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": {"username": "u", "password": "p"}})
    excluded = told(a_call("+15145550111"), Known(number=ALICE), settings())
    assert setting_behind(excluded, gone) is None
