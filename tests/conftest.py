"""For every test: no statement reads a growing table whole (``tests/plans.py``), hashing costs little, logs stay as they were found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import structlog
from argon2 import PasswordHasher

from tests.plans import Plans

_PLANS = Plans()
_PLANS.listen()  # from the first connection on, for as long as this process lives
_HASHER = "ari_app.desk.passwords.PasswordHasher"


@pytest.fixture(autouse=True)
def no_growing_table_is_read_whole() -> Iterator[None]:
    """Fails the test in which such a statement is first met."""
    before = set(_PLANS.findings)
    yield
    new = [(finding, file) for finding, file in _PLANS.findings.items() if finding not in before]
    assert not new, "reads a growing table whole (tests/plans.py says what may, and why): " + "; ".join(
        f"{file}: {step}: {sql}" for (step, sql), file in new
    )


@pytest.fixture(autouse=True)
def _logs_are_as_found() -> Iterator[None]:
    """A command that was run in this process has set up its own, and would silence those of the next test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """argon2id at a thousandth of the application's costs: hundreds of tests sign somebody in. Processes of their own cost as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_HASHER, partial(PasswordHasher, time_cost=1, memory_cost=64))
        yield


@pytest.fixture
def passwords_cost_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id as the application uses it."""
    monkeypatch.setattr(_HASHER, PasswordHasher)
