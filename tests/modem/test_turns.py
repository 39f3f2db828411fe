"""Whose turn it is."""

from __future__ import annotations

import asyncio

import pytest

from modem.turns import Turns


async def holding(turns: Turns, name: str, done: list[str], *, urgent: bool = False) -> None:
    async with turns.take(urgent=urgent):
        done.append(name)
        await asyncio.sleep(0)


async def test_in_order_and_the_urgent_first() -> None:
    turns, done = Turns(), list[str]()
    names = ["a", "b", "c", "U1", "d", "U2", "e"]
    tasks = [asyncio.create_task(holding(turns, name, done, urgent=name.startswith("U"))) for name in names]
    await asyncio.sleep(0)
    assert turns.waiting == 6
    await asyncio.gather(*tasks)
    assert done == ["a", "U1", "U2", "b", "c", "d", "e"]
    assert turns.waiting == 0


@pytest.mark.parametrize("steps", range(6))
async def test_who_is_cancelled_holds_nobody_up(steps: int) -> None:
    """At whatever moment: waiting, handed the turn and not yet awake, holding it."""
    turns, done = Turns(), list[str]()
    tasks = [asyncio.create_task(holding(turns, name, done)) for name in "abcde"]
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in tasks[1:3]:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)
        async with turns.take():
            pass
    assert [name for name in done if name not in "bc"] == ["a", "d", "e"]
    assert turns.waiting == 0


async def test_nobody_who_comes_as_it_is_passed_on_gets_between() -> None:
    turns, done = Turns(), list[str]()
    first = asyncio.create_task(holding(turns, "a", done))
    second = asyncio.create_task(holding(turns, "b", done))
    while "a" not in done or not first.done():  # noqa: ASYNC110 - one step of the loop at a time
        await asyncio.sleep(0)
    late = asyncio.create_task(holding(turns, "late", done))
    await asyncio.gather(first, second, late)
    assert done == ["a", "b", "late"]


async def test_an_exception_passes_it_on() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="mine"):
        async with turns.take():
            raise ValueError("mine")
    async with asyncio.timeout(5), turns.take():
        pass
