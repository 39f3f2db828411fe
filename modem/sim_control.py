"""The control socket of the simulator: one JSON object a line in, one out."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call

__all__ = ["COMMANDS", "ControlServer", "obey"]

COMMANDS = (
    "text", "mms", "inbox", "wait", "deliver", "latency", "reports", "report", "registration", "sim", "signal", "resize", "reference",
    "call", "hang_up", "forwarding", "own_number", "ussd", "chatter", "fault", "clear", "unplug", "replug", "reboot", "journal",
    "wait_event", "state",
)  # fmt: skip
"""The methods of ``Simulator`` that may be called by name."""

_WORDS = {"from": "sender"}
_LIMIT = 1 << 20


async def obey(simulator: object, command: object) -> dict[str, Any]:
    """Do one command. What it returns is under ``result`` when it is a list, else beside ``ok``; errors are told, never raised."""
    if not isinstance(command, dict) or command.get("do") not in COMMANDS:
        return {"ok": False, "error": f'a command is a JSON object whose "do" is one of {", ".join(COMMANDS)}'}
    arguments = {_WORDS.get(str(key), str(key)): value for key, value in command.items() if key != "do"}
    try:
        call = validate_call(config=ConfigDict(strict=False))(getattr(simulator, command["do"]))
        result = call(**arguments)
        if inspect.isawaitable(result):
            result = await result
    except ValidationError as error:
        first = error.errors()[0]
        return {"ok": False, "error": f"{command['do']}: {'.'.join(map(str, first['loc']))}: {first['msg']}"}
    except (ValueError, OSError) as error:  # TimeoutError is an OSError
        return {"ok": False, "error": str(error)}
    return {"ok": True, **result} if isinstance(result, dict) else {"ok": True, "result": result}


class ControlServer:
    """Listens on a unix socket while the simulator runs. Commands of one connection are done one after the other."""

    def __init__(self, path: Path, simulator: object) -> None:
        self._path = path
        self._simulator = simulator
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError when the path cannot be used, FileExistsError when a simulator already listens there."""
        if self._path.is_socket():
            try:
                _, writer = await asyncio.open_unix_connection(self._path)
            except ConnectionRefusedError:
                self._path.unlink()  # left behind by one that was killed
            else:
                writer.close()
                raise FileExistsError(f"a simulator already listens on {self._path}: stop it or choose another --control")
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LIMIT)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            while line := await reader.readline():
                try:
                    command = json.loads(line)
                except ValueError as error:
                    answer: dict[str, Any] = {"ok": False, "error": f"not JSON: {error}"}
                else:
                    answer = await obey(self._simulator, command)
                writer.write(json.dumps(answer, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.LimitOverrunError, ValueError):
            return  # the client is gone, or sent a line no command can be
        except asyncio.CancelledError:
            return
        finally:
            writer.close()
