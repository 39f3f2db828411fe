"""For every test: no statement of the application reads a growing table whole (``tests/plans.py``)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plans import Plans

_PLANS = Plans()
_PLANS.listen()  # from the first connection on, for as long as this process lives


@pytest.fixture(autouse=True)
def no_growing_table_is_read_whole() -> Iterator[None]:
    """Fails the test in which such a statement is first met."""
    before = set(_PLANS.findings)
    yield
    new = [(finding, file) for finding, file in _PLANS.findings.items() if finding not in before]
    assert not new, "reads a growing table whole (tests/plans.py says what may, and why): " + "; ".join(
        f"{file}: {step}: {sql}" for (step, sql), file in new
    )
