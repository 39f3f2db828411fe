"""Work that blocks, in a thread of its own that nothing waits for at the end: a database or a share that hangs must not hold up a stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["in_thread"]

_T = TypeVar("_T")


async def in_thread(work: Callable[[], _T], name: str = "contacts") -> _T:
    """What ``work`` returns or raises. Cancelling the caller lets the thread go on by itself: ``work`` must be told some other way."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def run() -> None:
        result: Any = None
        failed: Exception | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  (handed to the caller)
            failed = error
        except BaseException as error:  # noqa: BLE001  (a library's panic ends its thread, not the caller's loop)
            failed = RuntimeError(type(error).__name__)
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:
            return  # the loop ended first

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
