"""A run of `textback setup`: its steps shown, done in order, and all of this run undone when one of them fails."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Protocol

from ari_app.errors import SetupError, TextbackError
from ari_app.setup.journal import Journal, Undone

__all__ = ["Step", "run", "to_do"]


class Step(Protocol):
    """One thing setup does. Everything it changes goes through the journal, so that it can be taken out again."""

    @property
    def title(self) -> str:
        """What it does and to what, shown before it is done. Third person: "writes /etc/asterisk/textback_ari.conf: …". No secrets."""

    def needed(self) -> bool:
        """False: it is so already, ``do`` would change nothing. Raises SetupError."""

    def do(self, journal: Journal) -> None:
        """Does it. Raises TextbackError (SetupError for its own), with what is wrong and the fix."""


def to_do(steps: Sequence[Step]) -> list[Step]:
    """The steps that would change something now: what a run shows before it asks. None: all is so already."""
    return [step for step in steps if step.needed()]


def run(
    steps: Sequence[Step],
    journal: Journal,
    *,
    say: Callable[[str], object],
    undone: Callable[[Undone], None] | None = None,
) -> int:
    """Does what is needed, in order; returns how many steps did something.

    ``say`` hears each title before its step is done. When a step fails, or on Ctrl-C, SIGTERM and SIGHUP, all this run has done is undone
    (``undone`` hears of each piece) and the error goes on: TextbackError, KeyboardInterrupt. What earlier runs did stays. A process
    that is killed leaves the journal, from which the next run or `--undo` goes on.
    """
    mark = journal.mark()
    count = 0
    with _ended_by_signals():
        try:
            for step in steps:
                if step.needed():
                    say(step.title)
                    step.do(journal)
                    count += 1
        except BaseException as error:
            try:
                journal.undo(since=mark, told=undone)
            except TextbackError as other:
                raise SetupError(
                    f"{error}; and it could not be undone: {other.what}",
                    f"{other.fix}, then: textback setup --undo".removeprefix(", "),
                    code="setup_half_undone",
                ) from error
            raise
    return count


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP (the terminal is gone) end a run as Ctrl-C does: what it did is undone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
