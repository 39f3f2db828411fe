"""Labs for tests: one real Asterisk a version, taken down with the module that asked for it; and how they are shared out among workers."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.lab.lab import Lab
from tests.lab.lines import LINES

_LONGEST = (
    "test_scenarios", "test_bars", "test_pbx_kills", "test_service_main", "test_service_hours", "test_pbx_asterisk", "test_dialplan_abuse",
    "test_real_asterisk", "test_portal_browser", "test_service_standing", "test_dialplan_asking", "test_portal_pbx_service",
)  # fmt: skip
"""Files that take longest, the longest first: begun first, they end while others still run."""


@pytest.fixture(scope="module", params=LINES)
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))


class _PerAsterisk(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests of one Asterisk line go to one worker: they share it.

    xdist's own way, ``--dist loadgroup``, does nothing under pytest 9.2 (seen with xdist 3.8).
    """

    def _split_scope(self, nodeid: str) -> str:
        line = re.search(rf"[\[-]({'|'.join(LINES)})[-\]]", nodeid)
        return f"{nodeid.partition('::')[0]} {line[1] if line else ''}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Of ``--dist loadscope`` alone."""
    return _PerAsterisk(config, log) if config.getvalue("dist") == "loadscope" else None
