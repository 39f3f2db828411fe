"""A store for each test, and one for all that only look."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ari_app.settings import Settings
from tests.backup.clinic import clinic
from tests.contract.conftest import _logs_as_before, filled

__all__ = ["_logs_as_before", "filled", "tmp_path"]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory: processes are killed here, no power is cut, and a disk that is busy with other tests need not be waited for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="textback-") as folder:
        yield Path(folder)


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    return clinic(tmp_path, filled)
