"""What setup has to know of a store that may be there already."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from ari_app.board import Role
from ari_app.errors import SetupError

__all__ = ["administrator"]


def administrator(store: Path) -> bool:
    """Has it a member who is an administrator and may sign in. Raises SetupError for a file that cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'member'").fetchone():
                return False
            row = connection.execute("SELECT 1 FROM member WHERE role = ? AND active LIMIT 1", (Role.ADMINISTRATOR.value,)).fetchone()
    except sqlite3.Error as error:
        raise SetupError(f"{store} cannot be read ({error})", "see textback doctor", code="setup_store") from error
    return row is not None
