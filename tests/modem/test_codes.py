"""What the error codes mean for a text."""

from __future__ import annotations

import pytest

from modem.codes import error_code, outcome
from modem.types import Refused, Unknown


@pytest.mark.parametrize(
    ("final", "code", "permanent", "number_at_fault"),
    [
        ("+CMS ERROR: 38", "CMS 38", False, False),
        ("+CMS ERROR:38", "CMS 38", False, False),
        ("+cms error: network out of order", "CMS 38", False, False),
        ("+CMS ERROR: 1", "CMS 1", True, True),
        ("+CMS ERROR: Unassigned (unallocated) number", "CMS 1", True, True),
        ("+CMS ERROR: 28", "CMS 28", True, True),
        ("+CMS ERROR: 30", "CMS 30", True, True),
        ("+CMS ERROR: 8", "CMS 8", True, False),
        ("+CMS ERROR: 500", "CMS 500", False, False),
        ("+CMS ERROR: 513", "CMS 513", False, False),
        ("+CMS ERROR: flux capacitor empty", "CMS", False, False),
        ("+CME ERROR: 14", "CME 14", False, False),
        ("+CME ERROR: SIM busy", "CME 14", False, False),
        ("ERROR", "ERROR", False, False),
        ("COMMAND NOT SUPPORT", "ERROR", False, False),
    ],
)
def test_refusals(final: str, code: str, permanent: bool, number_at_fault: bool) -> None:
    """Defect 6: verbose errors and those without a blank are errors as well."""
    found = outcome(final)
    assert isinstance(found, Refused)
    assert (found.code, found.permanent, found.number_at_fault) == (code, permanent, number_at_fault)
    assert found.what


@pytest.mark.parametrize("final", ["+CMS ERROR: 332", "+CMS ERROR: network timeout", "+CME ERROR: 31", "+CMS ERROR: 197"])
def test_a_network_that_did_not_answer_or_has_a_duplicate_may_have_the_text(final: str) -> None:
    assert isinstance(outcome(final), Unknown)


def test_words_of_a_code() -> None:
    assert error_code("+CMS ERROR: 331") == ("CMS", 331, "no network service")
    assert error_code("+CME ERROR: 9999") == ("CME", 9999, "code of the modem's maker")
