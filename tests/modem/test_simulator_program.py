"""The simulator as a program: options, control socket, talk mode, journal file, a clean end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modem import sim_journal
from modem.sim_control import COMMANDS
from modem.sim_profiles import PROFILES
from modem.simulator import Simulator
from tests.modem.simulator_client import Client, submits

CALLER = "+15145550199"
PROGRAM = (sys.executable, "-m", "modem.simulator")


@dataclass
class Running:
    """A simulator in a process of its own."""

    process: asyncio.subprocess.Process
    folder: Path

    @property
    def link(self) -> Path:
        return self.folder / "modem"

    @property
    def control(self) -> Path:
        return self.folder / "control"

    def left(self) -> list[str]:
        """Names of the files in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_text().splitlines()]

    async def talk(self, *arguments: str, status: int = 0) -> str:
        """Run the program's talk mode; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "--control", str(self.control), *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        told, _ = await process.communicate()
        assert process.returncode == status, told.decode()
        return told.decode()

    async def ask(self, *commands: object) -> list[dict[str, Any]]:
        """Give commands over one connection."""
        reader, writer = await asyncio.open_unix_connection(self.control)
        answers = []
        for command in commands:
            line = command if isinstance(command, bytes) else json.dumps(command).encode()
            writer.write(line + b"\n")
            answers.append(json.loads(await reader.readline()))
        writer.close()
        await writer.wait_closed()
        return answers


@asynccontextmanager
async def program(folder: Path, *options: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "--link", str(folder / "modem"),
        "--control", str(folder / "control"),
        "--journal", str(folder / "journal.jsonl"),
        *options,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert json.loads(await process.stdout.readline())["ready"] is True
        yield Running(process, folder)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise


async def test_a_text_out_and_its_answer(tmp_path: Path) -> None:
    """The first five minutes of a user, journal included."""
    before = time.monotonic()
    async with program(tmp_path, "--number", "+15145550111", "--report-ms", "0") as running:
        with Client(running.link) as client:
            await client.quiet()
            assert "+CMGS: 1" in await client.submit(submits(CALLER, "Bonjour 😀")[0])
            told = await running.talk("inbox", CALLER, "--wait", "1")
            assert told.endswith("from +15145550111: Bonjour 😀\n")
            await running.talk("text", CALLER, "Oui, à 14 h")
            await client.until(b'+CMTI: "SM",1\r\n')
        assert await running.talk("inbox", "+15145550000") == "nothing yet\n"
        state = json.loads(await running.talk("state"))
        assert state["stores"]["SM"]["1"]["text"] == "Oui, à 14 h"
    assert running.process.returncode == 0
    assert running.left() == ["journal.jsonl"]
    entries = running.journal()
    by_event = {entry["event"]: entry for entry in entries}
    assert {"plugged", "booted", "opened", "line", "prompt", "ctrl_z", "accepted", "arrived", "report", "stored", "urc"} <= set(by_event)
    assert by_event["ctrl_z"]["number"] == CALLER
    assert by_event["prompt"]["t"] <= by_event["ctrl_z"]["t"] <= by_event["accepted"]["t"]
    assert all(before <= entry["t"] <= time.monotonic() for entry in entries)


async def test_options(tmp_path: Path) -> None:
    async with program(tmp_path, "--pin", "1234", "--profile", "sim800", "--latency-ms", "7", "--imei", "1" * 15) as running:
        with Client(running.link) as client:
            assert "SIM PIN" in await client.ask("AT+CPIN?")
            assert "1" * 15 in await client.ask("AT+CGSN")
            assert "SIM800" in await client.ask("AT+CGMM")
        ((state,),) = [await running.ask({"do": "state"})]
        assert (state["network"]["latency_ms"], state["sim"], state["ok"]) == (7, "SIM PIN", True)


async def test_every_control_command(tmp_path: Path) -> None:
    async with program(tmp_path) as running:
        commands: list[dict[str, Any]] = [
            {"do": "latency", "ms": 1.5},
            {"do": "reports", "status": 64, "ms": 1},
            {"do": "registration", "state": "roaming"},
            {"do": "signal", "level": 9},
            {"do": "resize", "store": "SM", "size": 2},
            {"do": "reference", "next": 9},
            {"do": "fault", "kind": "refuse", "code": 38, "count": 3},
            {"do": "state"},
            {"do": "clear"},
            {"do": "text", "from": CALLER, "text": "é" * 200},
            {"do": "deliver", "pdu": "0004AABBCC"},
            {"do": "inbox", "number": CALLER},
            {"do": "wait", "number": CALLER, "count": 0},
            {"do": "call", "from": CALLER, "rings": 1, "every_ms": 1},
            {"do": "wait_event", "event": "urc", "match": {"line": "NO CARRIER"}},
            {"do": "journal", "since": 1, "events": ["sent"]},
            {"do": "mms", "from": CALLER, "subject": "Ordonnance"},
            {"do": "report", "number": CALLER, "reference": 7},
            {"do": "forwarding", "reason": "unconditional", "number": "+15145550111"},
            {"do": "ussd", "text": "Solde: 5 $", "code": "*100#"},
            {"do": "chatter", "say": ["+CSQ: 20,99"], "lines": 3, "every_ms": 0},
            {"do": "hang_up"},
            {"do": "sim", "pin": "", "tries": 3},
            {"do": "own_number", "written": False},
            {"do": "reboot"},
            {"do": "unplug", "back_ms": 5000},
            {"do": "replug"},
            {"do": "unplug"},
            {"do": "state"},
        ]
        answers = await running.ask(*commands)
        assert [answer for answer in answers if not answer["ok"]] == []
        assert [name for name in COMMANDS if name not in {command["do"] for command in commands}] == []
        assert answers[7]["faults"] == [{"kind": "refuse", "count": 3, "skip": 0, "code": 38}]
        assert answers[9]["parts"] == 2
        assert [entry["text"] for entry in answers[15]["entries"]] == ["é" * 200]
        assert answers[-1]["device"] is None
        assert not running.link.exists()


async def test_bad_commands_are_answered_with_the_fix(tmp_path: Path) -> None:
    async with program(tmp_path) as running:
        answers = await running.ask(
            b"not json",
            [1],
            {"do": "stop"},
            {"do": "__init__"},
            {"do": "text", "from": CALLER},
            {"do": "text", "from": CALLER, "text": "x", "colour": "red"},
            {"do": "latency", "ms": "soon"},
            {"do": "latency", "ms": -1},
            {"do": "registration", "state": "asleep"},
            {"do": "fault", "kind": "explode"},
            {"do": "resize", "store": "XX", "size": 1},
            {"do": "signal", "level": 55},
            {"do": "reference", "next": 256},
            {"do": "reports", "status": 256},
            {"do": "wait", "number": CALLER, "timeout": 0.01},
            {"do": "text", "from": "+" + "1" * 30, "text": "x"},
        )
        assert [answer["ok"] for answer in answers] == [False] * len(answers)
        told = [answer["error"] for answer in answers]
        for error, part in zip(
            told,
            ("not JSON", '"do" is one of', '"do" is one of', '"do" is one of', "text: text: Missing", "text: colour: Unexpected",
             "latency: ms: Input should be", "0 or more", "registration: state: Input should be", "use one of", "it has SM, ME, SR",
             "0 to 31", "0 to 255", "0 to 255", "has not 1 texts", "20 digits"),
            strict=True,
        ):  # fmt: skip
            assert part in error
        assert "no fault is called" in await running.talk("do", '{"do": "fault", "kind": "explode"}', status=1)
        assert "not JSON" in await running.talk("do", "{", status=2)


async def test_without_a_simulator_the_fix_is_told(tmp_path: Path) -> None:
    nothing = Running(None, tmp_path)  # type: ignore[arg-type]
    assert "start one with --link" in await nothing.talk("state", status=1)


async def test_a_second_on_the_same_socket_is_refused_and_a_dead_one_replaced(tmp_path: Path) -> None:
    async with program(tmp_path) as running:
        second = Simulator(tmp_path / "other", control=running.control)
        with pytest.raises(FileExistsError, match="already listens"):
            await second.start()
        assert not (tmp_path / "other").is_symlink()
        running.process.kill()
        await running.process.wait()
        assert running.link.is_symlink()
        async with Simulator(running.link, control=running.control):
            with Client(running.link) as client:
                assert "OK" in await client.ask("AT")
    assert not running.link.is_symlink()


async def test_a_waiting_client_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with program(tmp_path) as running:
        reader, writer = await asyncio.open_unix_connection(running.control)
        writer.write(b'{"do": "wait", "number": "+1514", "timeout": 600}\n{"do": "state"}\n')
        await running.ask({"do": "state"})
        running.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert await asyncio.wait_for(running.process.wait(), 10) == 0
        writer.close()


def test_help_names_the_numbers_and_the_faults() -> None:
    told = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    assert "…5559402  refused for good" in told
    assert "no_answer" in told
    commands = subprocess.run([*PROGRAM, "do", "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"  {name}: " in commands for name in COMMANDS)
    assert "text: from: str, text: str" in commands
    bare = subprocess.run(PROGRAM, capture_output=True, text=True, check=False)
    assert (bare.returncode, "--link PATH" in bare.stderr) == (2, True)


def test_the_documentation_names_every_make_and_command() -> None:
    told = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert [name for name in (*PROFILES, *COMMANDS) if f"`{name}`" not in told] == []


def test_every_journal_event_is_explained() -> None:
    """The names given to ``journal.add`` are those of the docstring of ``modem.sim_journal``."""
    folder = Path(sim_journal.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("sim_*.py"))
    written = set(re.findall(r'journal\.add\(\s*"(\w+)"', source)) | {"opened", "closed"}
    assert len(written) > 20
    assert [name for name in sorted(written) if f"``{name}``" not in (sim_journal.__doc__ or "")] == []
