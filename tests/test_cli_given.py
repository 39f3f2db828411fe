"""What people write on the command line and may get wrong: numbers, texts, ids, how many, how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.desk import Desk
from ari_app.settings import load
from ari_app.threads import Store
from tests.contract.clinic import answer, error, run
from tests.contract.conftest import _logs_as_before, config, filled
from tests.threads.world import ALICE, BOB

__all__ = ["_logs_as_before", "config", "filled"]

MOST = str(2**31 - 1)

# -- how many


@pytest.mark.parametrize("command", [("calls",), ("threads",), ("thread", ALICE), ("why", ALICE)])
def test_how_many_has_an_end(filled: Path, command: tuple[str, ...]) -> None:
    for wrong in ("99999999999999999999", str(2**31), "-1", "1.5"):
        said = error(filled, *command, "--limit", wrong, code=2)
        assert "--limit" in said["what"]
        assert wrong in said["what"]
    assert answer(filled, *command, "--limit", MOST) == answer(filled, *command, "--limit", "0")


async def written(config: Path, texts: int) -> None:
    store = Store(load(config).store.path, SystemClock())
    await store.open()
    desk = Desk(store, load(config))
    for n in range(texts):
        await desk.send(BOB, f"text {n}")
    await store.close()


def test_a_long_thread_shows_the_newest_and_says_what_it_leaves_out(config: Path) -> None:
    asyncio.run(written(config, 60))
    whole = answer(config, "thread", BOB, "--limit", "0")
    assert [message["text"] for message in whole["messages"][:60]] == [f"text {n}" for n in reversed(range(60))]
    assert answer(config, "thread", BOB) == {**whole, "messages": whole["messages"][:50]}
    shown = run(config, "thread", BOB).stdout
    assert "text 59" in shown
    assert "text 9 " not in shown
    assert "Texts before 20" in shown
    assert "Calls before" not in shown
    assert "left out" not in run(config, "thread", BOB, "--limit", "0").stdout


def test_a_thread_of_exactly_so_many_leaves_nothing_out(filled: Path) -> None:
    whole = answer(filled, "thread", ALICE, "--limit", "0")
    texts, calls = len(whole["messages"]), len(whole["calls"])
    assert (texts, calls) == (2, 3)
    assert "left out" not in run(filled, "thread", ALICE, "--limit", "3").stdout
    assert answer(filled, "thread", ALICE, "--limit", "1") == {**whole, "messages": whole["messages"][:1], "calls": whole["calls"][:1]}
    cut = run(filled, "thread", ALICE, "--limit", "2").stdout
    assert ("Texts before" in cut, "Calls before" in cut) == (False, True)
    assert answer(filled, "thread", str(whole["id"]), "--limit", "1") == answer(filled, "thread", ALICE, "--limit", "1")


# -- how long


@pytest.mark.parametrize("wait", ["nan", "inf", "-inf", "-1", "soon", "1e999"])
def test_a_wait_is_a_finite_number_of_seconds(config: Path, wait: str) -> None:
    before = answer(config, "thread", BOB)
    said = error(config, "send", BOB, "x", "--wait", wait, code=2)
    assert "--wait" in said["what"]
    assert answer(config, "thread", BOB) == before
