"""Which numbers may get an automatic text at all, and which are the house's own."""

from __future__ import annotations

from typing import Any

import pytest

from ari_app.model import Reason
from ari_app.policy.textable import House, refusal
from tests.policy.kit import DELAY, ENDED, call, known, policy, settings

HERE = ("CA", "US")


@pytest.mark.parametrize(
    "number", ["+15145550177", "+14385550177", "+14185551234", "+18195551234", "+12125550123", "+16135550199", "+18195559999"]
)
def test_canadian_and_american_numbers_may(number: str) -> None:
    assert refusal(number, HERE) is None


@pytest.mark.parametrize("code", ["800", "833", "844", "855", "866", "877", "888"])
def test_toll_free(code: str) -> None:
    assert refusal(f"+1{code}5551234", HERE) == {"rule": "toll_free"}


@pytest.mark.parametrize("number", ["+19005551234", "+15149761234", "+19769761234"])
def test_premium(number: str) -> None:
    assert refusal(number, HERE) == {"rule": "premium"}


# the +1 countries that one-ring fraud calls from
@pytest.mark.parametrize(
    ("code", "country"),
    [
        ("876", "JM"), ("658", "JM"), ("809", "DO"), ("829", "DO"), ("849", "DO"), ("473", "GD"), ("268", "AG"), ("284", "VG"),
        ("649", "TC"), ("664", "MS"), ("767", "DM"), ("784", "VC"), ("868", "TT"), ("869", "KN"), ("441", "BM"), ("242", "BS"),
        ("246", "BB"), ("264", "AI"), ("345", "KY"), ("721", "SX"), ("758", "LC"), ("787", "PR"), ("939", "PR"), ("340", "VI"),
        ("671", "GU"), ("684", "AS"), ("670", "MP"),
    ],
)  # fmt: skip
def test_other_countries_of_plan_1_are_foreign(code: str, country: str) -> None:
    found = refusal(f"+1{code}2345678", HERE)
    assert found is not None
    assert (found["rule"], found["country"]) == ("country", country)


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("+33612345678", "country"),
        ("+4915112345678", "country"),
        ("+33112345678", "country"),
        ("+16005551234", "kind"),
        ("+15005551234", "kind"),
        ("+881612345678", "country"),
        ("+10000000000", "impossible"),
        ("+15551234567", "impossible"),
        ("+15141234567", "impossible"),
        ("+1514555", "impossible"),
        ("+151455512345", "impossible"),
        ("+15551234", "impossible"),
        ("12345", "impossible"),
        ("", "impossible"),
        (None, "impossible"),
        ("anonymous", "impossible"),
        ("+", "impossible"),
    ],
)
def test_numbers_that_may_not(number: str | None, rule: str) -> None:
    found = refusal(number, HERE)
    assert found is not None
    assert found["rule"] == rule


def test_where_the_plan_tells_mobiles_from_landlines() -> None:
    assert refusal("+33612345678", ["FR"]) is None
    assert refusal("+33142685300", ["FR"]) == {"rule": "landline"}
    assert refusal("+18765550123", ["JM"]) is None


HOUSE: dict[str, Any] = {
    "reply": {"exclude": ["514 555-0140", "+15145550141"]},
    "modem": [{"name": "m1", "number": "+15145550150"}, {"name": "m2"}],
    "line": [
        {"did": ["5145550160", "1514555017?", "514555013?"], "name": "a"},
        {"did": ["+1514555018[0-4]", "s", "dahdi-1", "2*"], "name": "b", "number": "+15145550190", "on_call": "+15145550195"},
        {"did": ["*"], "name": "c"},
    ],
}


@pytest.mark.parametrize(
    ("number", "setting"),
    [
        ("+15145550100", "clinic.number"),
        ("+15145550140", "reply.exclude.0"),
        ("+15145550141", "reply.exclude.1"),
        ("+15145550150", "modem.0.number"),
        ("+15145550160", "line.0.did"),
        ("+15145550170", "line.0.did"),
        ("+15145550179", "line.0.did"),
        ("+15145550183", "line.1.did"),
        ("+15145550133", "line.0.did"),
        ("+15145550190", "line.1.number"),
        ("+15145550185", None),
        ("+15145550195", "line.1.on_call"),
        ("+12145550160", None),
        ("+15145551000", None),
        (None, None),
    ],
)
def test_numbers_of_the_house(number: str | None, setting: str | None) -> None:
    house = House.of(settings(**HOUSE))
    assert house.owner(number, number or "", "CA") == setting


def test_the_house_is_never_texted() -> None:
    rules = policy(**HOUSE)
    for caller in ("+15145550100", "+15145550150", "+15145550160", "+15145550174", "+15145550190", "+15145550140"):
        decision = rules.decide(call(caller=caller, presented=caller.removeprefix("+1")), known(number=caller), ENDED + DELAY)
        assert decision.reason is Reason.EXCLUDED


def test_lines_are_found_by_did() -> None:
    rules = policy(**HOUSE)
    assert rules.lines == ("main", "a", "b", "c")
    dids = {"5145550160": "a", "15145550171": "a", "5145550171": "c", "5145550182": "b", "s": "b", "201": "b", "7": "c", "": "c"}
    assert {did: rules.line_name(did) for did in dids} == dids
    assert policy().line_name("5145550100") == "main"
