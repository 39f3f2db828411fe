"""The socket beside the store: real sockets, a real store behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import SystemClock
from ari_app.control import (
    LINE_LIMIT,
    ControlServer,
    ModemStatus,
    NotRunningError,
    PbxStatus,
    ServiceStatus,
    ask,
    service_status,
    socket_path,
)
from ari_app.desk import Desk
from ari_app.errors import StoreError, StoreLockedError, TextbackError
from ari_app.settings import Settings, parse
from ari_app.standing import Standing
from ari_app.threads import Store
from tests.contract.clinic import no_unlock

ALICE = "+15145550101"
STARTED = datetime(2026, 3, 2, 15, tzinfo=UTC)


def status() -> ServiceStatus:
    return ServiceStatus(
        pid=os.getpid(),
        version="0.1.0",
        started=STARTED,
        pbx=PbxStatus(connected=True, since=STARTED, asterisk="22.1", strange_contexts=("from-odd",), channelvars=False, lag_ms=3.5),
        modems=(ModemStatus(name="gsm1", state="ok", code="ready", what="registered", registered=True, signal=20),),
        loop_lag_ms_p99=1.5,
    )


def settings(path: Path) -> Settings:
    return parse(
        {
            "clinic": {"name": "C", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "p"},
            "store": {"path": str(path)},
            "line": [{"did": ["5145550210"], "name": "lab"}],
        }
    )


async def listening(path: Path, task: asyncio.Task[None]) -> None:
    """Wait until the server answers; what ended it instead is raised."""
    async with asyncio.timeout(20):
        while not task.done():
            with contextlib.suppress(NotRunningError):
                await service_status(path)
                return
            await asyncio.sleep(0.005)
    task.result()


@contextlib.asynccontextmanager
async def running(
    path: Path,
    *,
    patience: float = 30.0,
    tell: Callable[[], ServiceStatus] = status,
    unlock: Callable[[str], Awaitable[str]] = no_unlock,
) -> AsyncIterator[Store]:
    """A store and its control server, as the service has them."""
    store = Store(path, SystemClock())
    await store.open()
    server = ControlServer(socket_path(path), Desk(store, Standing(settings(path)), SystemClock()), tell, unlock, patience=patience)
    task = asyncio.create_task(server.run())
    try:
        await listening(path, task)
        yield store
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def raw(path: Path, sent: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(sent)
    await writer.drain()
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    found: dict[str, Any] = json.loads(line)
    return found


async def test_status_comes_back_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        assert await service_status(path) == status()


async def test_a_text_is_on_disk_when_the_answer_comes_and_goes_once(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path) as store:
        args = {"number": "514 555-0101", "text": "Bonjour é 🎉\nà vous", "act": "form-1"}
        first = await ask(socket_path(path), "send", args)
        again = await ask(socket_path(path), "send", args)
        assert (first["state"], first["new"], again["new"]) == ("queued", True, False)
        assert again["message"] == first["message"]
        thread = await store.thread(ALICE)
        assert [message["text"] for message in thread["messages"]] == [args["text"]]


async def test_texts_without_an_id_are_texts_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path) as store:
        for _ in range(2):
            await ask(socket_path(path), "send", {"number": ALICE, "text": "encore"})
        assert len((await store.thread(ALICE))["messages"]) == 2


async def test_done_and_reopen_by_number_and_by_id(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path) as store:
        thread = (await ask(socket_path(path), "send", {"number": ALICE, "text": "oui"}))["thread"]
        assert await ask(socket_path(path), "done", {"named": ALICE}) == {"thread": thread, "state": "done", "changed": True}
        assert (await ask(socket_path(path), "done", {"named": f"#{thread}"}))["changed"] is False
        assert (await ask(socket_path(path), "reopen", {"named": str(thread)}))["state"] == "to_answer"
        assert (await store.thread(ALICE))["state"] == "to_answer"


@pytest.mark.parametrize(
    ("op", "args", "code"),
    [
        ("send", {"number": "12", "text": "x"}, "no_number"),
        ("send", {"number": "5551234", "text": "x"}, "no_number"),
        ("send", {"number": ALICE, "text": "  "}, "no_text"),
        ("send", {"number": ALICE, "text": "x" * 5000}, "too_long"),
        ("send", {"number": ALICE, "text": "x", "act": "has space"}, "bad_id"),
        ("send", {"number": ALICE, "text": "x", "act": ""}, "bad_id"),
        ("send", {"number": ALICE, "text": "x", "line": "gone"}, "no_line"),
        ("done", {"named": ALICE}, "not_found"),
        ("done", {"named": "999"}, "not_found"),
        ("reopen", {"named": "Alice"}, "no_number"),
        ("erase", {}, "unknown_op"),
        ("send", {"number": ALICE}, "bad_request"),
        ("send", {"number": ALICE, "text": 5}, "bad_request"),
        ("send", {"number": ALICE, "text": "x", "to": "y"}, "bad_request"),
        ("status", {"x": 1}, "bad_request"),
    ],
)
async def test_a_no_keeps_its_code_and_fix(tmp_path: Path, op: str, args: dict[str, Any], code: str) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        with pytest.raises(TextbackError) as caught:
            await ask(socket_path(path), op, args)
    assert caught.value.code == code
    assert caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize(
    "sent",
    [b"\n", b"hello\n", b"[]\n", b'{"op": 1}\n', b'{"op": "send", "args": []}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b'{"op": "status"'],
)
async def test_what_is_no_request_is_told_so_and_the_next_one_is_served(tmp_path: Path, sent: bytes) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        if sent.endswith(b"\n"):
            assert (await raw(socket_path(path), sent))["error"]["code"] == "bad_request"
        else:
            _, writer = await asyncio.open_unix_connection(str(socket_path(path)))
            writer.write(sent)
            writer.close()
            await writer.wait_closed()
        assert (await service_status(path)).pid == os.getpid()


async def test_a_bug_of_the_service_is_not_told_as_the_askers_mistake(tmp_path: Path) -> None:
    breaks = False

    def tell() -> ServiceStatus:
        if breaks:
            raise ValueError("not the request's fault")
        return status()

    path = tmp_path / "t.db"
    async with running(path, tell=tell):
        breaks = True
        assert (await raw(socket_path(path), b'{"op": "status"}\n'))["error"]["code"] == "internal"


async def test_what_is_too_long_to_ask_is_named_before_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "t.db"  # where nobody listens
    with pytest.raises(TextbackError) as caught:
        await ask(socket_path(path), "send", {"number": ALICE, "text": "x", "line": "l" * LINE_LIMIT})
    assert (caught.value.code, caught.value.what) == ("too_large", f"the line is too long ({LINE_LIMIT} characters)")


async def test_a_request_without_end_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        assert (await raw(socket_path(path), b"x" * (LINE_LIMIT + 10)))["error"]["code"] == "too_large"


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path, patience=0.05):
        reader, writer = await asyncio.open_unix_connection(str(socket_path(path)))
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_sim_may_take_longer_than_a_client(tmp_path: Path) -> None:
    async def slow(modem: str) -> str:
        await asyncio.sleep(0.2)
        return f"{modem}: ready"

    path = tmp_path / "t.db"
    async with running(path, patience=0.05, unlock=slow):
        assert (await ask(socket_path(path), "unlock", {"modem": "gsm1"}))["what"] == "gsm1: ready"


async def test_only_its_owner_may_ask_and_nothing_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    before = os.umask(0)
    try:
        async with running(path):
            mode = socket_path(path).stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not socket_path(path).exists()
    with pytest.raises(NotRunningError):
        await service_status(path)


async def test_the_socket_of_a_killed_service_is_no_service_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(path)))
    with pytest.raises(NotRunningError):
        await service_status(path)
    async with running(path):
        assert (await service_status(path)).version == "0.1.0"


async def test_a_socket_that_is_answered_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        second = ControlServer(
            socket_path(path), Desk(Store(tmp_path / "u.db", SystemClock()), Standing(settings(path)), SystemClock()), status, no_unlock
        )
        with pytest.raises(StoreLockedError, match="another textback answers"):
            await second.run()
        assert (await service_status(path)).version == "0.1.0"


async def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    socket_path(path).write_text("precious")
    with pytest.raises(StoreError, match="in the way"):
        async with running(path):
            pass
    assert socket_path(path).read_text() == "precious"


async def test_a_folder_too_deep_for_a_socket_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    path = deep / "textback.db"
    async with running(path):
        assert (await service_status(path)).version == "0.1.0"
        assert socket_path(path).exists()
    assert not socket_path(path).exists()
    with pytest.raises(NotRunningError):
        await service_status(path)


async def test_a_name_too_long_for_any_socket_is_refused_with_the_fix(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 120)
    with pytest.raises(StoreError, match="too long for a socket") as caught:
        await ask(socket_path(path), "status")
    assert "store.path" in caught.value.fix


@pytest.mark.parametrize("answer", [b"", b"half", b"not json\n"])
async def test_a_service_lost_while_it_is_asked(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "t.db"

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(die, str(socket_path(path))):
        with pytest.raises(TextbackError) as caught:
            await ask(socket_path(path), "status")
    assert caught.value.code == "no_answer"
    assert not isinstance(caught.value, NotRunningError)


async def test_a_service_that_hangs_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "t.db"

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(hang, str(socket_path(path))):
        with pytest.raises(TextbackError) as caught:
            await ask(socket_path(path), "status", patience=0.05)
    assert caught.value.code == "no_answer"


async def test_a_newer_service_may_say_more_and_a_foreign_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    said: dict[str, Any] = {**status().model_dump(mode="json"), "mood": "fine"}

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(json.dumps({"result": said}).encode() + b"\n")
        writer.close()

    async with await asyncio.start_unix_server(tell, str(socket_path(path))):
        assert await service_status(path) == status()
        del said["pbx"]
        with pytest.raises(TextbackError, match="another version"):
            await service_status(path)


async def test_a_stop_while_a_client_is_connected(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        reader, writer = await asyncio.open_unix_connection(str(socket_path(path)))
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_hundred_at_once_are_all_served(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path) as store:
        asked = [ask(socket_path(path), "send", {"number": ALICE, "text": "x", "act": f"a{n % 50}"}) for n in range(100)]
        answers = [answer for answer in await asyncio.gather(*asked, return_exceptions=True) if isinstance(answer, dict)]
        assert len((await store.thread(ALICE))["messages"]) == len({answer["message"] for answer in answers})
        assert len(answers) > 50


async def test_members_are_managed_by_the_running_service(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with running(path) as store:
        asked = {"verb": "add_member", "args": {"login": "anne", "name": "Anne", "role": "staff", "extension": "101"}}
        added = await ask(socket_path(path), "staff", asked)
        assert (added["login"], added["role"], added["active"]) == ("anne", "staff", True)
        made = await ask(
            socket_path(path), "staff", {"verb": "make_key", "args": {"member": 1, "use": "phone", "brand": "snom", "label": "x"}}
        )
        assert set(made) == {"key", "token"}
        assert [key.id for key in await store.members.keys()] == [made["key"]["id"]]
        assert [each["login"] for each in await ask(socket_path(path), "staff", {"verb": "members"})] == ["anne"]
        with pytest.raises(TextbackError) as taken:
            await ask(socket_path(path), "staff", asked)
        assert taken.value.code == "login_taken"


@pytest.mark.parametrize(
    "asked",
    [{}, {"verb": "thread"}, {"verb": "members", "args": []}, {"verb": "members", "args": {"by": 1}}, {"verb": "members", "more": 1}],
)
async def test_what_is_no_verb_for_commands_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    path = tmp_path / "t.db"
    async with running(path):
        with pytest.raises(TextbackError) as caught:
            await ask(socket_path(path), "staff", asked)
        assert caught.value.code == "bad_request"
