"""The usual steps: a file written, lines added to a file, a program run."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ari_app.setup.files import Owner, names, read
from ari_app.setup.journal import Journal, block, with_block

__all__ = ["AddBlock", "Run", "WriteFile"]


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A whole file of ours. ``content`` may be a secret: it is neither shown nor told (``repr`` included)."""

    title: str
    path: Path
    content: Callable[[], bytes]
    mode: int = 0o640
    owner: Owner | None = None

    def needed(self) -> bool:
        """The file is missing, or holds something else, or others may read it."""
        if read(self.path) != self.content():
            return True
        owner = names(self.path)
        wanted = self.owner or owner
        return (
            stat.S_IMODE(self.path.stat().st_mode) != self.mode
            or wanted.user not in (None, owner.user)
            or wanted.group not in (None, owner.group)
        )

    def do(self, journal: Journal) -> None:
        """Raises SetupError."""
        journal.write_file(self.path, self.content(), mode=self.mode, owner=self.owner)


@dataclass(frozen=True, slots=True)
class AddBlock:
    """Lines of ours at the end of a file of others, between markers."""

    title: str
    path: Path
    lines: str
    mode: int = 0o640
    owner: Owner | None = None

    def needed(self) -> bool:
        """The lines are not there, or other ones of ours are."""
        return block(read(self.path) or b"") != with_block(self.lines)

    def do(self, journal: Journal) -> None:
        """Raises SetupError."""
        journal.add_block(self.path, self.lines, mode=self.mode, owner=self.owner)


@dataclass(frozen=True, slots=True)
class Run:
    """A program, and the one that takes it back (either may be empty). No secrets in either."""

    title: str
    wanted: Callable[[], bool]
    command: Sequence[str]
    back: Sequence[str] = ()
    taken_back: str = ""
    """What `--undo` says it takes back: "the unit textback, enabled"."""

    def needed(self) -> bool:
        """What ``wanted`` says."""
        return self.wanted()

    def do(self, journal: Journal) -> None:
        """Raises SetupError."""
        journal.command(self.taken_back or self.title, self.command, self.back)
