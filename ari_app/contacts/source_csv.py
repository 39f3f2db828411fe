"""A file another program rewrites: read when it is still, and never taken for whole when it changed while it was read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import Wanted
from ari_app.contacts.files import open_file
from ari_app.contacts.table import Table
from ari_app.errors import SourceError

__all__ = ["FileSource", "Stamp", "UnsettledError"]


class UnsettledError(SourceError):
    """The file was written while it was read. To be read again once it is still."""

    code = "contacts_unsettled"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file was written, or replaced by another of its name."""

    inode: int
    size: int
    written: int
    """Nanoseconds, as the file's own system counts them."""


class FileSource:
    """CSV, a workbook or vCards."""

    def __init__(self, settings: SourceSettings) -> None:
        self.path: Path = settings.path or Path()
        self.name = str(self.path)
        self.wanted = Wanted.of(settings.columns)
        self._encoding = settings.encoding
        self._delimiter = settings.delimiter

    def stamp(self) -> Stamp | None:
        """None while there is no such file. Raises SourceError when that cannot be told."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"cannot look at {self.path} ({error.strerror})", "let the service's user read it and its folder") from error
        return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)

    @contextlib.contextmanager
    def table(self) -> Iterator[Table]:
        """Its rows. Raises UnsettledError at the end when it was written meanwhile, or replaced."""
        before = self.stamp()
        try:
            with open_file(self.path, encoding=self._encoding, delimiter=self._delimiter) as table:
                yield table
        except SourceError:
            self._still(before)  # half a file is no file: it is not worth an error
            raise
        self._still(before)

    def _still(self, before: Stamp | None) -> None:
        if before is not None and self.stamp() != before:
            raise UnsettledError(f"{self.path} was written while it was read", "nothing: it is read again once it is still")
