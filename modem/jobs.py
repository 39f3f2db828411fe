"""Jobs that share one connection: all run until one fails, and what failed ends the connection for all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from modem.at import Dialogue
from modem.errors import LinkLostError

__all__ = ["share"]


async def share(dialogue: Dialogue, *jobs: Coroutine[Any, Any, None]) -> None:
    """Run jobs that end only by failing, and watch that the port is there. Raises what the first one raised."""
    await _first_failure(*(_ending(dialogue, job) for job in jobs), _until_lost(dialogue))


async def _ending(dialogue: Dialogue, job: Coroutine[Any, Any, None]) -> None:
    """Run a job whose failure ends the connection: before anybody who waits for a turn begins a text that would be cut off."""
    try:
        await job
    except Exception:
        dialogue.lost(LinkLostError("the modem is set up anew"))
        raise


async def _until_lost(dialogue: Dialogue) -> None:
    raise await dialogue.ended()


async def _first_failure(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all until one fails, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for task, result in zip(tasks, results, strict=True) if task in done and isinstance(result, BaseException)]
    raise failures[0]
