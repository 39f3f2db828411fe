"""Where contacts are kept in step with: what each kind of source offers. Sources are read in a thread, never written."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ari_app.contacts.columns import Wanted
from ari_app.contacts.table import Table

__all__ = ["Source"]


class Source(Protocol):
    """``name`` as people call it, without a password. ``wanted``: its columns as the settings and its kind have them."""

    name: str
    wanted: Wanted

    def table(self) -> AbstractContextManager[Table]:
        """Its rows, while the block runs. Raises SourceError, also while rows are taken and at the end of the block."""
