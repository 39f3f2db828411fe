"""What `textback setup` has changed on this machine, on disk before each change, so that all of it can be taken out again.

Whatever setup changes goes through here. A process that is killed between two lines leaves at most a change announced and not made, or
made and not marked as made; undoing looks at what stands, so both come out the same.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ari_app.errors import SetupError
from ari_app.setup.files import Owner, names, read, refused, remove, tidy, write

__all__ = ["BEGIN", "END", "JOURNAL", "Journal", "Undone", "block", "with_block", "without_block"]

JOURNAL = Path("/etc/textback/setup.json")
BEGIN, END = b"; textback: begin (made by textback setup; textback setup --undo takes it out)\n", b"; textback: end\n"
_MARK = BEGIN.partition(b" (")[0]
"""Of a block whatever became of its ends of line."""
_PATIENCE = 600.0
"""Seconds: fwconsole reload takes minutes on a small machine with many extensions."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of one change when it was taken out. ``kept`` is why it was left, empty when it is out."""

    what: str
    kept: str = ""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    made: bool = False
    """False: announced, and perhaps not made."""


class _File(_Entry):
    kind: Literal["file"] = "file"
    path: Path
    before: str | None
    """Base64 of what stood there; None: there was no file."""
    before_mode: int = 0
    before_user: str = ""
    before_group: str = ""
    after: str
    """SHA-256 of what was written, hexadecimal."""


class _Block(_Entry):
    kind: Literal["block"] = "block"
    path: Path
    replaced: str = ""
    """A block of ours that stood there before."""
    text: str
    """Every character put at the end of the file, markers and a missing end of line before them included (Latin-1: bytes as they are)."""
    new: bool
    """There was no such file."""


class _Folder(_Entry):
    kind: Literal["folder"] = "folder"
    path: Path


class _Command(_Entry):
    kind: Literal["command"] = "command"
    title: str
    undo: list[str]


_Any = Annotated[_File | _Block | _Folder | _Command, Field(discriminator="kind")]


class _Book(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    entries: list[_Any] = []


class Journal:
    """Makes changes, each announced on disk first, and takes them out, newest first.

    Use it as a context: two setups at once are refused (SetupError "setup_busy"). The file (JSON, mode 0600: it keeps what stood in files
    before) is there while there is something to undo.
    """

    def __init__(self, path: Path = JOURNAL) -> None:
        self.path = path
        self._entries: list[_Any] = []
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self._hold()
        if self._lock is not None:
            tidy(self.path)
        self._entries = self._read()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def mark(self) -> int:
        """Where a run begins: what ``undo(since=…)`` goes back to."""
        return len(self._entries)

    def held(self) -> tuple[str, ...]:
        """What `--undo` would take out, newest first, in words."""
        return tuple(_words(entry) for entry in reversed(self._entries))

    # changes

    def write_file(self, path: Path, content: bytes, *, mode: int | None = None, owner: Owner | None = None) -> None:
        """Writes a whole file, over one that is there too (its owner and mode stay where None); a folder that is missing is made, 0750.

        Raises SetupError.
        """
        before = read(path)
        if not path.parent.is_dir():
            self.make_folder(path.parent, owner=owner)
        entry = _File(path=path, before=None, after=_digest(content))
        if before is not None:
            had = names(path)
            entry.before = base64.b64encode(before).decode("ascii")
            entry.before_mode = stat.S_IMODE(path.stat().st_mode)
            entry.before_user, entry.before_group = had.user or "", had.group or ""
        self._announce(entry)
        write(path, content, mode=mode, owner=owner)
        self._made(entry)

    def add_block(self, path: Path, lines: str, *, mode: int | None = None, owner: Owner | None = None) -> None:
        """Puts lines at the end of a file between marker comments, in place of a block of ours that is there; no other line changes.

        A file that is not there is made with ``mode`` and ``owner``; one that is keeps its own. Raises SetupError.
        """
        before = read(path)
        replaced = _found(before or b"")
        rest = without_block(before or b"")
        text = _joined(rest, lines)
        entry = _Block(path=path, text=text.decode("latin-1"), replaced=replaced.decode("latin-1"), new=before is None)
        if before is not None:
            mode, owner = None, None
        self._announce(entry)
        write(path, rest + text, mode=mode, owner=owner)
        self._made(entry)

    def make_folder(self, path: Path, *, mode: int = 0o750, owner: Owner | None = None) -> None:
        """Makes a folder and those above it that are missing; one that is there is left as it is. Raises SetupError."""
        if path.is_dir():
            return
        if not path.parent.is_dir():
            self.make_folder(path.parent, mode=mode, owner=owner)
        ids = (owner or Owner()).ids()
        entry = _Folder(path=path)
        if path == self.path.parent:
            self._own_folder()  # noted by itself: it goes last
        else:
            self._announce(entry)
        with refused(path, "made"):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, *ids)
            path.chmod(mode)
        if path != self.path.parent:
            self._made(entry)

    def command(self, title: str, do: Sequence[str], undo: Sequence[str]) -> None:
        """Runs one program (no shell), and notes the one that takes it back; either may be empty.

        ``title`` says what is taken back ("the unit textback, enabled"). Never put a secret in an argument: every user sees those.
        Raises SetupError "setup_command" with what the program said.
        """
        entry = _Command(title=title, undo=list(undo))
        if undo:
            self._announce(entry)
        if do:
            said = _ran(do)
            if said is not None:
                raise SetupError(f"{do[0]} failed: {said}", f"see what it says: {' '.join(do)}", code="setup_command")
        if undo:
            self._made(entry)

    # undoing

    def undo(self, *, since: int = 0, told: Callable[[Undone], None] | None = None) -> tuple[Undone, ...]:
        """Takes changes out, newest first, back to ``since``. What somebody changed since is theirs: it stays, and is told.

        May be broken off at any moment and begun again. Raises SetupError when the system refuses; what is left stays in the journal.
        """
        came = []
        while len(self._entries) > since:
            entry = self._entries[-1]
            holds_us = isinstance(entry, _Folder) and entry.path == self.path.parent
            if holds_us:
                self._forget()
            one = _undone(entry)
            if not holds_us:
                self._forget()
            if one is not None:
                came.append(one)
                if told is not None:
                    told(one)
        return tuple(came)

    # the file

    def _own_folder(self) -> None:
        if not self.path.parent.is_dir():
            with refused(self.path.parent, "made"):
                self.path.parent.mkdir(mode=0o750, parents=True)
            self._entries.insert(0, _Folder(path=self.path.parent, made=True))
        if self._lock is None:
            self._hold()
            if self.path.exists():  # of a run that was not there when this one began
                raise SetupError("another textback setup has run meanwhile", "run setup again", code="setup_busy")

    def _announce(self, entry: _Any) -> None:
        self._own_folder()
        self._entries.append(entry)
        self._save()

    def _made(self, entry: _Any) -> None:
        entry.made = True
        self._save()

    def _forget(self) -> None:
        """A full disk keeps nothing from being taken out: what stands in the journal too long is undone twice, which is nothing."""
        self._entries.pop()
        with contextlib.suppress(SetupError) if self._entries else contextlib.nullcontext():
            self._save()

    def _save(self) -> None:
        if self._entries:
            write(self.path, _Book(entries=self._entries).model_dump_json(indent=1).encode("utf-8"), mode=0o600)
        else:
            remove(self.path)

    def _read(self) -> list[_Any]:
        content = read(self.path)
        if content is None:
            return []
        try:
            return _Book.model_validate_json(content).entries
        except ValidationError as error:
            raise SetupError(
                f"{self.path} is no journal of this version of setup ({error.errors()[0]['msg']})",
                "run setup of the version that wrote it, or move the file away: then nothing it names is undone",
                code="setup_journal",
            ) from None

    def _hold(self) -> None:
        """A lock on the folder: it leaves no file behind."""
        if self._lock is not None or not self.path.parent.is_dir():
            return
        with refused(self.path.parent, "opened"):
            self._lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise SetupError("another textback setup is running", "wait for it to end", code="setup_busy") from None


def block(content: bytes) -> bytes | None:
    """The lines of our block in a file, without its markers; None: it has none."""
    return _found(content)[len(BEGIN) : -len(END)] or None


def without_block(content: bytes) -> bytes:
    """What others have written into a file."""
    return _without(content, _found(content))


def with_block(lines: str) -> bytes:
    """What ``block`` finds once ``lines`` were added."""
    return (lines.rstrip("\n") + "\n").encode("utf-8")


def _joined(rest: bytes, lines: str) -> bytes:
    return (b"\n" if rest and not rest.endswith(b"\n") else b"") + BEGIN + with_block(lines) + END


def _found(content: bytes) -> bytes:
    start = content.find(BEGIN)
    end = content.find(END, start)
    return b"" if start < 0 or end < 0 else content[start : end + len(END)]


def _without(content: bytes, text: bytes) -> bytes:
    """An end of line that came with the block stays where somebody wrote on after it: their line must not run into the one before."""
    if not text:
        return content
    head, _, tail = content.partition(text)
    return head + (b"\n" if text.startswith(b"\n") and tail else b"") + tail


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _words(entry: _Any) -> str:
    match entry:
        case _File():
            return str(entry.path)
        case _Block():
            return f"lines of textback in {entry.path}"
        case _Folder():
            return f"{entry.path}/"
    return entry.title


def _undone(entry: _Any) -> Undone | None:
    """None: there was nothing to take out. Raises SetupError."""
    match entry:
        case _File():
            return _undo_file(entry)
        case _Block():
            return _undo_block(entry)
        case _Folder():
            return _undo_folder(entry)
    said = _ran(entry.undo)
    if said is None:
        return Undone(_words(entry))
    return Undone(_words(entry), f"{' '.join(entry.undo)}: {said}") if entry.made else None


def _undo_file(entry: _File) -> Undone | None:
    tidy(entry.path)
    now = read(entry.path)
    before = None if entry.before is None else base64.b64decode(entry.before)
    if now == before:
        return None
    if now is None:
        return Undone(_words(entry), "somebody removed it since")
    if _digest(now) != entry.after:
        return Undone(_words(entry), "somebody changed it since")
    if before is None:
        remove(entry.path)
    else:
        write(entry.path, before, mode=entry.before_mode, owner=Owner(entry.before_user, entry.before_group))
    return Undone(_words(entry))


def _undo_block(entry: _Block) -> Undone | None:
    tidy(entry.path)
    now = read(entry.path)
    text = entry.text.encode("latin-1")
    if now is None or _MARK not in now:
        return None
    if now.count(text) != 1:
        return Undone(_words(entry), "somebody changed them since") if entry.made else None
    rest = _without(now, text) + entry.replaced.encode("latin-1")
    if entry.new and not rest:
        remove(entry.path)
    else:
        write(entry.path, rest)
    return Undone(_words(entry))


def _undo_folder(entry: _Folder) -> Undone | None:
    with refused(entry.path, "removed"):
        if not entry.path.is_dir():
            return None
        if any(entry.path.iterdir()):
            return Undone(_words(entry), "it is not empty")
        entry.path.rmdir()
    return Undone(_words(entry))


def _ran(argv: Sequence[str]) -> str | None:
    """None: it ended well. Else what it said, in one line."""
    try:
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False)  # noqa: S603 - no shell, our words
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return said[-1] if said else f"it ended with {done.returncode}"
