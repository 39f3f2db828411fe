"""One filled store for all that only look; a copy of it for each that changes something."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.contract.clinic import fill, write_settings


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings file of a filled store. Not to be changed."""
    config = write_settings(tmp_path_factory.mktemp("clinic"))
    asyncio.run(fill(config))
    return config


@pytest.fixture
def config(filled: Path, tmp_path: Path) -> Path:
    """The settings file of a copy."""
    for name in ("textback.db", "textback.db-wal"):
        source = filled.parent / name
        if source.exists():
            shutil.copy(source, tmp_path / name)
    return write_settings(tmp_path)
