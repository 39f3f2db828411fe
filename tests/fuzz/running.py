"""Plays a target: what was kept, then new examples; what fails is made small and kept."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz import doors, files, radio, switchboard
from tests.fuzz.targets import Check, Target

__all__ = ["TARGETS", "Outcome", "kept", "play"]

TARGETS: dict[str, Target] = {each.name: each for room in (radio, switchboard, doors, files) for each in room.TARGETS}
KEPT = Path(__file__).parent / "kept"
_ROUND = 2000
"""Examples of one seed."""


@dataclass
class Outcome:
    """What came of it."""

    examples: int = 0
    seconds: float = 0.0
    failing: bytes | None = None
    error: BaseException | None = None


def kept(name: str) -> list[Path]:
    """Examples that once failed, or that lead to odd places."""
    return sorted((KEPT / name).glob("*.bin"))


def play(
    target: Target, *, most: int | None = None, seconds: float | None = None, told: Callable[[str], None] = lambda _text: None
) -> Outcome:
    """Kept examples, then ``most`` new ones, the same each time, or new ones for ``seconds``. Stops at the first that fails."""
    outcome = Outcome()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"textback-fuzz-{target.name}-") as folder, asyncio.Runner() as runner:
        opened = target.opened(Path(folder))
        check = runner.run(opened.__aenter__())
        try:
            for path in kept(target.name):
                _try(runner, check, path.read_bytes(), outcome)
            turn = 0
            while most is None or outcome.examples < most:
                if outcome.error is not None or (seconds is not None and time.monotonic() - start > seconds):
                    break
                number = turn if seconds is None else time.time_ns()
                _round(runner, check, target, outcome, most=most or _ROUND, number=number)
                turn += 1
                told(f"{target.name}: {outcome.examples} examples in {time.monotonic() - start:.0f} s")
        finally:
            runner.run(opened.__aexit__(None, None, None))
    outcome.seconds = time.monotonic() - start
    return outcome


def _round(runner: asyncio.Runner, check: Check, target: Target, outcome: Outcome, *, most: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=most, deadline=None, database=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)
    )
    @given(target.examples())
    def tried(data: bytes) -> None:
        _try(runner, check, data, outcome)

    try:
        tried()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome.error = error


def _try(runner: asyncio.Runner, check: Check, data: bytes, outcome: Outcome) -> None:
    outcome.examples += 1
    outcome.failing = data
    with structlog.testing.capture_logs():
        runner.run(asyncio.wait_for(check(data), 60))
    outcome.failing = None


def keep(name: str, data: bytes) -> Path:
    """Put an example among the kept."""
    path = KEPT / name / f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
