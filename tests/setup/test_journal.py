"""The journal of setup: each change announced first, undone as it stands, and healed after a kill at any moment."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ari_app.errors import SetupError
from ari_app.setup import files
from ari_app.setup.changes import AddBlock, Run, WriteFile
from ari_app.setup.files import Owner
from ari_app.setup.journal import BEGIN, END, Journal, Undone
from ari_app.setup.steps import Step, run, to_do
from tests.setup.trees import tree


def quiet(title: str) -> None:
    """Nobody looks on."""
    assert title


@dataclass(frozen=True)
class Fails:
    """A step that ends the run in the middle."""

    error: BaseException
    title: str = "fails"

    def needed(self) -> bool:
        return True

    def do(self, _journal: Journal) -> None:
        raise self.error


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A machine's folder with files of others in it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/theirs.conf").write_bytes(b"[general]\nno line break at the end; \xe9")
    (tmp_path / "etc/old.conf").write_bytes(b"old\n")
    (tmp_path / "etc/old.conf").chmod(0o604)
    return tmp_path


def some_steps(place: Path) -> list[Step]:
    flag = place / "etc/flag"
    return [
        Run("sets the flag", lambda: not flag.exists(), ["touch", str(flag)], ["rm", "-f", str(flag)], "the flag"),
        AddBlock("adds to theirs", place / "etc/theirs.conf", "#include ours.conf"),
        WriteFile("writes ours", place / "etc/ours.conf", lambda: b"secret\n"),
        WriteFile("writes over old", place / "etc/old.conf", lambda: b"new\n", 0o600),
        AddBlock("adds to new", place / "etc/new.conf", "x = y\n"),
    ]


def test_a_run_does_its_steps_twice_changes_nothing_and_undo_leaves_every_byte(place: Path) -> None:
    before = tree(place)
    said: list[str] = []
    steps = some_steps(place)
    with Journal(place / "textback/setup.json") as book:
        assert run(steps, book, say=said.append) == 5
    assert said == [step.title for step in steps]
    assert stat.S_IMODE((place / "textback/setup.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "etc/ours.conf").stat().st_mode) == 0o640
    theirs = (place / "etc/theirs.conf").read_bytes()
    assert theirs == before["etc/theirs.conf"][0] + b"\n" + BEGIN + b"#include ours.conf\n" + END
    done = tree(place)
    with Journal(place / "textback/setup.json") as book:
        assert to_do(steps) == []
        assert run(steps, book, say=quiet) == 0
        assert tree(place) == done
        assert book.held()[0] == f"lines of textback in {place}/etc/new.conf"
        assert {one.kept for one in book.undo()} == {""}
        assert book.undo() == ()
    assert tree(place) == before
    assert not (place / "textback").exists()


@pytest.mark.parametrize("error", [SetupError("it fails", "mend it"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_a_run_that_fails_takes_its_own_back_and_leaves_what_was_there(place: Path, error: BaseException) -> None:
    first = some_steps(place)[:2]
    with Journal(place / "setup.json") as book:
        run(first, book, say=quiet)
        before = tree(place)
        told: list[Undone] = []
        with pytest.raises(type(error)):
            run(
                [*some_steps(place), AddBlock("other lines", place / "etc/theirs.conf", "other"), Fails(error)],
                book,
                say=quiet,
                undone=told.append,
            )
        assert tree(place) == before
        assert len(told) == 4


# Interrupted, subprocess.run waits a quarter of a second for the shell it killed, and no longer: on a busy machine it is still there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signals_end_a_run_as_ctrl_c_does(place: Path) -> None:
    before = tree(place)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        handler = signal.getsignal(number)
        kill = Run("is told to end", lambda: True, ["sh", "-c", f"kill -{int(number)} $PPID"])
        with Journal(place / "setup.json") as book, pytest.raises(KeyboardInterrupt):
            run([*some_steps(place), kill], book, say=quiet)
        assert tree(place) == before
        assert signal.getsignal(number) == handler


def in_a_child(do: Callable[[], None], *, moment: int) -> bool:
    """Runs ``do`` in a process that is killed at its fsync of this number: a file half-way to its place, or just there. True: it ended."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def fsync(_handle: int) -> None:  # a process that is killed takes nothing off the disk: only a power cut would
            nonlocal count
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = fsync  # type: ignore[assignment]
        try:
            do()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_killed_at_any_moment_undo_or_the_next_run_heals(place: Path) -> None:
    before = tree(place)

    def a_run() -> None:
        with Journal(place / "setup.json") as book:
            run(some_steps(place), book, say=quiet)

    moment, ended = 0, False
    while not ended:
        moment += 1
        ended = in_a_child(a_run, moment=moment)
        if moment % 3 == 0:
            a_run()
            assert to_do(some_steps(place)) == []
        with Journal(place / "setup.json") as book:
            assert not [one for one in book.undo() if one.kept], moment
        assert tree(place) == before, moment
    assert moment > 24


def test_killed_in_the_middle_of_an_undo_the_next_goes_on(place: Path) -> None:
    before = tree(place)

    def an_undo() -> None:
        with Journal(place / "setup.json") as book:
            book.undo()

    moment, ended = 0, False
    while not ended:
        moment += 2
        with Journal(place / "setup.json") as book:
            run(some_steps(place), book, say=quiet)
        ended = in_a_child(an_undo, moment=moment)
        an_undo()
        assert tree(place) == before, moment
    assert moment > 8


def test_what_somebody_changed_since_stays_theirs_and_is_told(place: Path) -> None:
    with Journal(place / "setup.json") as book:
        run(some_steps(place), book, say=quiet)
        (place / "etc/ours.conf").write_bytes(b"another secret\n")
        (place / "etc/old.conf").unlink()
        new = place / "etc/new.conf"
        new.write_bytes(new.read_bytes().replace(b"x = y", b"x = z"))
        theirs = place / "etc/theirs.conf"
        theirs.write_bytes(b"first\n" + theirs.read_bytes() + b"last\n")
        (place / "etc/flag").unlink()
        (place / "etc/flag").mkdir()
        told = book.undo()
    assert [one.kept for one in told] == [
        "somebody changed them since", "somebody removed it since", "somebody changed it since", "",
        f"rm -f {place}/etc/flag: rm: cannot remove '{place}/etc/flag': Is a directory",
    ]  # fmt: skip
    assert (place / "etc/ours.conf").read_bytes() == b"another secret\n"
    assert not (place / "etc/old.conf").exists()
    assert new.read_bytes() == BEGIN + b"x = z\n" + END
    # their lines around ours stay, and do not run into each other
    assert theirs.read_bytes() == b"first\n[general]\nno line break at the end; \xe9\nlast\n"


def test_lines_of_ours_are_replaced_in_their_place_and_the_first_ones_come_back(place: Path) -> None:
    theirs = place / "etc/theirs.conf"
    before = theirs.read_bytes()
    with Journal(place / "setup.json") as book:
        book.add_block(theirs, "first")
        once = theirs.read_bytes()
        mark = book.mark()
        book.add_block(theirs, "second")
        assert theirs.read_bytes().count(BEGIN) == 1
        book.undo(since=mark)
        assert theirs.read_bytes() == once
        book.add_block(theirs, "third")
        book.undo()
    assert theirs.read_bytes() == before


def test_owner_mode_and_link_of_a_file_stay_and_no_half_file_is_ever_seen(place: Path) -> None:
    link, there = place / "etc/link.conf", place / "etc/old.conf"
    link.symlink_to("old.conf")
    if os.geteuid() == 0:
        os.chown(there, 1, 2)
    with Journal(place / "setup.json") as book:
        book.add_block(link, "x")
        assert link.is_symlink()
        assert stat.S_IMODE(there.stat().st_mode) == 0o604
        if os.geteuid() == 0:
            assert (there.stat().st_uid, there.stat().st_gid) == (1, 2)
        book.undo()
    assert there.read_bytes() == b"old\n"
    assert sorted(each.name for each in (place / "etc").iterdir()) == ["link.conf", "old.conf", "theirs.conf"]
    with pytest.raises(SetupError) as nobody:
        files.write(place / "etc/x", b"", owner=Owner("no-such-user"))
    assert nobody.value.code == "setup_owner"
    assert not (place / "etc/x").exists()


def test_two_setups_at_once_and_a_journal_that_is_none(place: Path) -> None:
    path = place / "setup.json"
    with Journal(path), pytest.raises(SetupError) as busy, Journal(path):
        pass
    assert busy.value.code == "setup_busy"
    path.write_text('{"version": 2, "entries": []}', "utf-8")
    with pytest.raises(SetupError) as strange, Journal(path):
        pass
    assert strange.value.code == "setup_journal"


def test_a_program_that_fails_is_told_and_what_it_may_have_done_is_taken_back(place: Path) -> None:
    flag = place / "flag"
    step = Run("half", lambda: True, ["sh", "-c", f"touch {flag}; echo no luck >&2; exit 3"], ["rm", "-f", str(flag)])
    with Journal(place / "setup.json") as book, pytest.raises(SetupError, match="no luck") as failed:
        run([step], book, say=quiet)
    assert failed.value.code == "setup_command"
    assert not flag.exists()
