"""Labs for tests: one real Asterisk a version, taken down with the module that asked for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.lab.lab import Lab


@pytest.fixture(scope="module", params=["22", "16"])
def line(request: pytest.FixtureRequest) -> str:
    """The Asterisk line under test."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(line: str) -> AsyncIterator[Lab]:
    """A running lab of this line. Where the line cannot be had (sid moves), its tests are skipped and say so."""
    lab = await Lab.up(line, f"test-{line}-{os.getpid()}")
    try:
        if lab.record.line != line:
            pytest.skip(f"Asterisk {line} cannot be had from Debian now")
        yield lab
    finally:
        await lab.down()
