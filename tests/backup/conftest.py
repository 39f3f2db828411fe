"""A store for each test, and one for all that only look."""

from __future__ import annotations

from pathlib import Path

import pytest

from ari_app.settings import Settings
from tests.backup.clinic import clinic
from tests.contract.conftest import _logs_as_before, filled

__all__ = ["_logs_as_before", "filled"]


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    return clinic(tmp_path, filled)
