"""What people write on the command line and may get wrong: numbers, texts, ids, how many, how long."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.control import ask, socket_path
from ari_app.desk import SHELL, Desk
from ari_app.errors import RefusedError, TextbackError
from ari_app.settings import load
from ari_app.standing import Standing
from ari_app.threads import Store
from modem.alphabet import segments
from tests.contract.clinic import answer, error, program, run, service
from tests.contract.conftest import _logs_as_before, config, filled
from tests.contract.test_contract import STATUS
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
    desk = Desk(store, Standing(load(config)), SystemClock())
    for n in range(texts):
        await desk.send(BOB, f"text {n}", by=SHELL)
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


# -- numbers, texts and ids that cannot be meant


def refused(config: Path, *args: str) -> dict[str, str]:
    """The same error from the service and, with it down, from the command itself; nothing is written by either."""
    before = answer(config, "threads")
    down = error(config, *args)
    with service(config, STATUS):
        assert error(config, *args) == down
    assert answer(config, "threads") == before
    return down


@pytest.mark.parametrize("command", [("send", "{}", "x"), ("thread", "{}"), ("thread", "{}", "--done")])
def test_a_number_without_end_is_no_number(config: Path, command: tuple[str, ...]) -> None:
    said = refused(config, *(word.replace("{}", "5" * 100_000) for word in command))
    assert said["code"] == "no_number"
    assert said["what"] == f"'{'5' * 40}'… (100000 characters) is no phone number"
    assert "+15145550123" in said["fix"]


def test_a_number_without_end_to_look_for(filled: Path) -> None:
    said = error(filled, "calls", "--number", "5" * 100_000, code=2)
    assert "(100000 characters) is no phone number" in said["what"]
    assert len(said["what"]) < 200


@pytest.mark.parametrize("text", ["x" * 2449, "x" * 100_000, "é🙂" * 60_000])
def test_a_text_without_end_is_told_in_characters(config: Path, text: str) -> None:
    said = refused(config, "send", BOB, text)
    assert (said["code"], said["what"]) == ("too_long", f"the text has {len(text)} characters, and 2448 (16 SMS) is the most")


@pytest.mark.parametrize(("text", "parts"), [("é" * 2448, 16), ("x" * 2448, 16), ("\N{CYRILLIC SMALL LETTER ZHE}" * 1072, 16)])
def test_the_longest_texts_go(config: Path, text: str, parts: int) -> None:
    assert segments(text).parts == parts
    assert answer(config, "send", BOB, text)["state"] == "queued"
    assert answer(config, "thread", BOB)["messages"][0]["text"] == text


def test_an_id_or_a_line_without_end(config: Path) -> None:
    assert refused(config, "send", BOB, "x", "--id", "i" * 100_000)["code"] == "bad_id"
    said = refused(config, "send", BOB, "x", "--line", "l" * 100_000)
    assert (said["code"], said["what"]) == ("too_large", "the line is too long (100000 characters)")
    said = refused(config, "send", BOB, "x", "--line", "l" * 1000)
    assert said["what"] == f"there is no line '{'l' * 40}'… (1000 characters)"


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("send", BOB, "%"), "TEXT"),
        (("send", "%", "x"), "NUMBER"),
        (("send", BOB, "x", "--line", "%"), "--line"),
        (("send", BOB, "x", "--id", "%"), "--id"),
        (("thread", BOB, "--line", "%"), "--line"),
        (("why", "%"), "CALL_OR_NUMBER"),
        (("calls", "--number", "%"), "--number"),
    ],
)
def test_bytes_that_are_no_utf8(config: Path, up: bool, args: tuple[str, ...], what: str) -> None:
    """Through a process of its own: the bytes are the kernel's, and Python makes half surrogate pairs of them."""
    given = [os.fsencode(word).replace(b"%", b"caf\xe9") for word in args]
    before = answer(config, "threads")
    with service(config, STATUS) if up else contextlib.nullcontext():
        done = program(config, *map(os.fsdecode, given))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"textback: {what} is not UTF-8. Write it again as UTF-8\n"
    assert answer(config, "threads") == before


async def test_half_a_surrogate_pair_over_the_socket(config: Path) -> None:
    """JSON can name one. Whoever asks, the desk refuses it."""
    store = Store(load(config).store.path, SystemClock())
    await store.open()
    with pytest.raises(RefusedError) as caught:
        await Desk(store, Standing(load(config)), SystemClock()).send(BOB, "x\ud800", by=SHELL)
    assert caught.value.code == "not_utf8"
    await store.close()
    with service(config, STATUS), pytest.raises(TextbackError) as told:
        await ask(socket_path(load(config).store.path), "send", {"number": BOB, "text": "x\ud800"})
    assert (told.value.code, told.value.what) == ("not_utf8", "the text is not UTF-8")
