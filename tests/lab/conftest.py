"""Labs for tests: one real Asterisk a version, taken down with the module that asked for it; and how they are shared out among workers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.lab.lab import Lab
from tests.lab.lines import LINES

_LONGEST = (
    "test_bars", "test_scenarios", "test_service_main", "test_service_hours", "test_pbx_asterisk", "test_dialplan_abuse",
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
    """A file's tests of one Asterisk belong together (``--dist loadgroup``), the longest files first."""

    def turn(item: pytest.Item) -> int:
        name = item.path.stem
        return _LONGEST.index(name) if name in _LONGEST else len(_LONGEST)

    for item in items:
        if item.get_closest_marker("lab") is not None:
            item.add_marker(pytest.mark.xdist_group(f"{_file(item)}-{_line(item)}"))
    items.sort(key=turn)


def _file(item: pytest.Item) -> str:
    return str(item.path.relative_to(Path(__file__).parents[2]).with_suffix("")).replace("/", ".")


def _line(item: pytest.Item) -> str:
    """The Asterisk line among a test's parameters, "" where its module brings up its own."""
    given = getattr(item, "callspec", None)
    return next((str(value) for value in given.params.values() if value in LINES), "") if given is not None else ""
