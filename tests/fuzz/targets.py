"""What is fuzzed: where its input comes from, and what must hold whatever it is.

A check takes one example and raises AssertionError, or whatever escaped that should not. What may be raised is named in each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.mangling import mangled

__all__ = ["Check", "Target", "check_only"]

Check = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True)
class Target:
    """``opened``: what runs while examples are tried, in an empty folder; it gives the check."""

    name: str
    what: str
    samples: Callable[[], list[bytes]]
    opened: Callable[[Path], AbstractAsyncContextManager[Check]]
    tokens: tuple[bytes, ...] = ()
    lines: bool = False
    values: bool = False

    def examples(self) -> st.SearchStrategy[bytes]:
        """Samples, spoilt."""
        return mangled(self.samples(), self.tokens, lines=self.lines, values=self.values)


def check_only(check: Callable[[bytes, Path], None]) -> Callable[[Path], AbstractAsyncContextManager[Check]]:
    """For a check that needs nothing running."""

    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[Check]:
        async def one(data: bytes) -> None:
            check(data, folder)

        yield one

    return opened
