"""Calls to the SIM's own number: the clinic's missed calls, like any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ari_app.model import Call, Known, Outcome, Presentation, Reason
from ari_app.policy import Policy
from ari_app.settings import Settings, parse
from ari_app.sim_calls import call_of
from modem.types import VoiceCall

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)


def settings(**line: object) -> Settings:
    return parse(
        {
            "clinic": {"name": "C", "number": "+15145550100"},
            "pbx": {"username": "u", "password": "p"},
            "modem": [{"name": "gsm1", "number": "+15145550177"}, {"name": "gsm2"}],
            **({"line": [line]} if line else {}),
        }
    )


def called(number: str, *, withheld: bool = False, modem: str = "gsm1") -> Call:
    return call_of(VoiceCall(modem, number, withheld, AT, AT + timedelta(seconds=2.5)), settings())


@pytest.mark.parametrize(
    ("number", "withheld", "caller", "reason"),
    [
        ("+15145550123", False, "+15145550123", Reason.MISSED),
        ("5145550123", False, "+15145550123", Reason.MISSED),
        ("", True, None, Reason.ANONYMOUS),
        ("+15145550123", True, "+15145550123", Reason.ANONYMOUS),
        ("", False, None, Reason.ANONYMOUS),
        ("+15145550177", False, "+15145550177", Reason.EXCLUDED),
    ],
)
def test_what_it_comes_to(number: str, withheld: bool, caller: str | None, reason: Reason) -> None:
    call = called(number, withheld=withheld)
    assert (call.caller, call.outcome, call.presented) == (caller, Outcome.MISSED, number)
    assert (call.presentation is Presentation.PROHIBITED) == withheld
    decision = Policy(settings()).decide(call, Known(number=caller), AT + timedelta(seconds=40))
    assert decision.reason is reason


def test_the_same_call_handed_in_twice_is_one() -> None:
    assert called("+15145550123").id == called("+15145550123").id
    assert called("+15145550123").id != called("+15145550123", modem="gsm2").id


def test_a_line_may_claim_the_sims_number() -> None:
    policy = Policy(settings(did=["+15145550177"], name="mobile", reply=False))
    assert policy.decide(called("+15145550123"), Known(number="+15145550123"), AT).reason is Reason.LINE_OFF
    assert policy.decide(called("+15145550123", modem="gsm2"), Known(number="+15145550123"), AT).line == "main"
