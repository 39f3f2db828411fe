"""A store, a spool and a clock of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_app.events import Notice
from ari_app.threads import Store
from tests.threads.world import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def heard() -> list[Notice]:
    """Every notice of ``store``, in order."""
    return []


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    made = tmp_path / "voicemail"
    made.mkdir()
    return made


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock, heard: list[Notice]) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "textback.db", clock, on_notices=heard.extend)
    await opened.open()
    yield opened
    await opened.close()
