"""A telephone at Asterisk's end of a FastAGI connection: it answers commands as res_agi does and presses keys from a list.

The keys are all that is made up; what Asterisk itself does with these commands is tested on the real one (tests/lab).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.agi.test_server import block

__all__ = ["HANG_UP", "Telephone", "engine"]

HANG_UP = "!"


def engine(folder: Path) -> tuple[str, ...]:
    """A speech command that writes down what it is to say ("fr:Bonjour." a line, in ``said``) and makes a short tone of it."""
    with wave.open(str(folder / "tone.wav"), "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(8000)
        tone.writeframes(bytes([0, 16]) * 80)
    script = folder / "engine.sh"
    where = shlex.quote(str(folder))
    script.write_text(f'#!/bin/sh\n{{ printf "%s:" "$1"; cat; }} >>{where}/said\ncp {where}/tone.wav "$2"\n', encoding="utf-8")
    return ("/bin/sh", str(script), "{language}", "{file}")


class Telephone:
    """One call. ``keys``: pressed one after the other, each when it is listened to; "" presses nothing that time.

    ``patient``: keys are pressed only once everything was said. After the last key nothing is pressed any more.
    """

    def __init__(self, keys: Iterable[str] = (), *, pins: Iterable[str] = (), patient: bool = True, route: str = "inbox") -> None:
        self._route = route
        self.commands: list[str] = []
        self.played = 0
        """Sound files that were there, and readable, when they were to be played."""
        self._keys: Iterator[str] = iter(keys)
        self._pins = iter(pins)
        self._patient = patient
        self._gone = False

    async def call(self, port: int, channel: str = "PJSIP/201-0000001a", **headers: str) -> None:
        """Until the other side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(block(**{"agi_network_script": self._route, "agi_channel": channel, "agi_callerid": "201", **headers}))
            while line := (await reader.readline()).decode().strip():
                self.commands.append(line)
                writer.write(self._answer(line).encode())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, command: str) -> str:
        words = shlex.split(command)
        match words[:2]:
            case ["STREAM", "FILE"]:
                self._play(words[2])
                return self._pressed("" if self._patient else next(self._keys, ""), " endpos=80")
            case ["WAIT", "FOR"]:
                return self._pressed(next(self._keys, ""))
            case ["SAY", "DIGITS"]:
                return "200 result=0\n"
            case ["GET", "DATA"]:
                self._play(words[2])
                pin = next(self._pins, "")
                return f"200 result={pin}\n" if pin else "200 result= (timeout)\n"
            case ["HANGUP"]:
                return "200 result=1\nHANGUP\n"
        return "200 result=0\n"

    def _pressed(self, key: str, more: str = "") -> str:
        if key == HANG_UP:
            self._gone = True
            return f"200 result=-1{more}\nHANGUP\n"
        return f"200 result={ord(key) if key else 0}{more}\n"

    def _play(self, name: str) -> None:
        if not self._gone and re.fullmatch(r"/.*/[0-9a-f]{32}", name):
            assert Path(f"{name}.sln").read_bytes()
            self.played += 1
