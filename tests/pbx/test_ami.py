"""The AMI client against a server that misbehaves on demand, over real sockets; what Asterisk itself does is tested in the lab."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.errors import PbxAuthError, PbxRequestError, PbxUnavailableError, SettingsError
from ari_app.pbx.ami import Ami, check, content_lines, variable
from ari_app.settings import AmiSettings
from tests.pbx.fake_ami import SECRET, Impatient, server


@asynccontextmanager
async def connected(settings: AmiSettings) -> AsyncIterator[tuple[Ami, Callable[[], int]]]:
    """A client, logged in; how often it was, so far."""
    ami, times = Ami(settings, Impatient()), [0]
    up = asyncio.Event()

    def count() -> None:
        times[0] += 1
        up.set()

    ami.on_connected.append(count)
    task = asyncio.create_task(ami.run())
    try:
        await asyncio.wait_for(up.wait(), 10)
        yield ami, lambda: times[0]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.005)


async def test_it_logs_in_without_events_and_repeats_a_header_for_a_list() -> None:
    async with server() as (fake, settings), connected(settings) as (ami, _):
        await ami.action("PJSIPNotify", {"Endpoint": "101", "Variable": ["b=2", "a=1", "c=3"]})
        (login,), (notify,) = fake.actions("Login"), fake.actions("PJSIPNotify")
        assert (login["Username"], login["Secret"], login["Events"]) == (["textback"], [SECRET], ["off"])
        assert (notify["Endpoint"], notify["Variable"]) == (["101"], ["b=2", "a=1", "c=3"])
        assert ami.status.connected


@pytest.mark.parametrize("broken", ["a\r\nAction: Command", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_begins_no_header(broken: str) -> None:
    async with server() as (fake, settings), connected(settings) as (ami, _):
        for headers in ({"Endpoint": broken}, {"Variable": ["a=1", broken]}, {broken: "x"}):
            with pytest.raises(ValueError, match="line break"):
                await ami.action("PJSIPNotify", headers)
        with pytest.raises(ValueError, match="line break"):
            await ami.notify("101", "Yealink-xml", "application/xml", f"<A>{broken}</A>")
        assert fake.actions("PJSIPNotify") == []


async def test_a_login_that_fails_is_said_with_the_fix_and_without_the_secret() -> None:
    async with server() as (fake, settings):
        fake.answers["Login"] = "Error"
        with pytest.raises(PbxAuthError) as refused:
            await check(settings)
        assert "manager.conf" in refused.value.fix
        assert SECRET not in str(refused.value)
        ami = Ami(settings, Impatient())
        task = asyncio.create_task(ami.run())
        await until(lambda: "refused" in ami.status.reason)
        assert not ami.status.connected
        fake.answers.clear()
        await until(lambda: ami.status.connected)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_does_not_speak_ami_or_does_not_listen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.pbx.ami._PATIENCE", 0.1)
    async with server() as (fake, settings):
        fake.answers["Login"] = ""
        with pytest.raises(PbxUnavailableError, match="did not answer"):
            await check(settings)
        fake.answers["Login"] = None
        with pytest.raises(PbxUnavailableError, match="closed the connection"):
            await check(settings)
    with pytest.raises(PbxUnavailableError, match="refused") as away:
        await check(settings)
    assert "enabled = yes" in away.value.fix


async def test_an_action_without_an_answer_is_told_to_who_asked_and_not_sent_again() -> None:
    async with server() as (fake, settings), connected(settings) as (ami, times):
        fake.answers["PJSIPNotify"] = None
        with pytest.raises(PbxUnavailableError, match="closed the connection before it answered"):
            await ami.notify("101", "Yealink-xml", "application/xml", "<A/>")
        fake.answers.clear()
        await until(lambda: times() == 2)
        await ami.notify("102", "Yealink-xml", "application/xml", "<A/>")
        assert [each["Endpoint"] for each in fake.actions("PJSIPNotify")] == [["101"], ["102"]]


async def test_while_it_is_away_an_action_is_refused_at_once() -> None:
    async with server() as (fake, settings), connected(settings) as (ami, times):
        fake.answers["Login"] = "Error"
        fake.hang_up()
        await until(lambda: not ami.status.connected)
        with pytest.raises(PbxUnavailableError, match="not connected"):
            await ami.notify("101", "Yealink-xml", "application/xml", "<A/>")
        fake.answers.clear()
        await until(lambda: times() == 2)


async def test_a_peer_that_stopped_answering_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.pbx.ami._PATIENCE", 0.2)
    async with server() as (fake, settings), connected(settings) as (_, times):
        await until(lambda: fake.actions("Ping"))
        fake.answers["Ping"] = ""
        await until(lambda: times() == 2)
        assert fake.logins == 2


async def test_what_asterisk_refuses_is_its_own_words() -> None:
    async with server() as (fake, settings), connected(settings) as (ami, _):
        fake.answers["PJSIPNotify"] = "Error"
        with pytest.raises(PbxRequestError, match="said so"):
            await ami.notify("999", "Yealink-xml", "application/xml", "<A/>")
        assert ami.status.connected


def test_the_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-the-file\n", encoding="utf-8")
    assert AmiSettings(username="textback", secret_file=path).read_secret() == "from-the-file"
    with pytest.raises(SettingsError, match=r"pbx\.ami\.secret_file"):
        AmiSettings(username="textback", secret_file=tmp_path / "none").read_secret()


def parsed(header: str) -> list[str]:
    """Asterisk's AST_STANDARD_APP_ARGS (main/app.c, app_separate_args) as it was measured on 16 and 22."""
    pieces, piece, quoted, depth, position = [], "", False, 0, 0
    while position < len(header):
        char = header[position]
        if char == "\\":
            position += 1
            piece += header[position] if position < len(header) else ""
        elif char == '"':
            quoted = not quoted
        elif char == "," and not quoted and depth == 0:
            pieces.append(piece)
            piece = ""
        else:
            depth += (char in "([") - (char in ")]")
            piece += char
        position += 1
    return [*pieces, piece]


@given(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=150))
def test_a_variable_comes_out_as_it_went_in(value: str) -> None:
    assert parsed(variable("Content", value)) == [f"Content={value}"]


def test_a_line_is_as_long_as_ami_reads_and_no_longer() -> None:
    room = 1024 - len("Variable: Content=\r\n")
    assert variable("Content", "x" * room)
    for value in ("x" * (room + 1), "é" * (room // 2 + 1), "," * (room // 2 + 1)):
        with pytest.raises(ValueError, match="1024 bytes"):
            variable("Content", value)


def test_a_long_body_is_cut_between_elements_only() -> None:
    items = "".join(f'<Item name="{number}, &quot;x&quot;">{"é" * 40}</Item>' for number in range(40))
    body = f'<?xml version="1.0" encoding="UTF-8"?><Menu>{items}</Menu>'
    lines = content_lines(body)
    assert len(lines) > 4
    assert all(len(f"Variable: {line}\r\n".encode()) <= 1024 for line in lines)
    values = [parsed(line)[0].removeprefix("Content=") for line in lines]
    assert "".join(values) == body
    assert all(value.startswith("<") and value.endswith(">") for value in values)
    with pytest.raises(ValueError, match="longer"):
        content_lines(f"<A>{'x' * 1100}</A>")
    assert re.fullmatch(r"Content=<A/>", content_lines("<A/>")[0])
