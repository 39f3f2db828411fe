"""Every scenario of issue 2, section 3: what is dialled, who does what, and the exact row it must come to.

The index in the table gives a scenario its numbers (numbering.py). Long ones come first, so that the others play beside them.
"""

from __future__ import annotations

from tests.lab.numbering import Numbers
from tests.lab.scenario import Scenario
from tests.lab.scenes.handing import HANDING
from tests.lab.scenes.numbers import NUMBERS
from tests.lab.scenes.ringing import RINGING
from tests.lab.scenes.waiting import WAITING

__all__ = ["TABLE", "Numbers", "numbers_of"]

TABLE: tuple[Scenario, ...] = (*HANDING, *RINGING, *WAITING, *NUMBERS)


def numbers_of(scenario: Scenario) -> Numbers:
    """The numbers of a scenario of the table."""
    return Numbers(TABLE.index(scenario))
