"""The service's back door for commands: a unix socket beside the store, one JSON line asked, one JSON line answered.

Asked ``{"op": "send", "args": {…}}``; answered ``{"result": {…}}`` or ``{"error": {"code", "what", "fix"}}``. Ops: ``status``,
``unlock``, ``send``, ``again``, ``done``, ``reopen``, ``staff`` with ``{"verb", "args"}`` for every verb of ``ari_app.desk.shell``, and
``contacts`` (``ari_app.contacts.importing.Door``).
The socket has mode 0600: who may open the store's file may ask, and may all.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from ari_app.desk import Desk
from ari_app.desk.shell import perform
from ari_app.errors import StoreError, StoreLockedError, TextbackError
from ari_app.status import ModemStatus, PbxStatus, ServiceStatus

__all__ = ["ControlServer", "ModemStatus", "NotRunningError", "PbxStatus", "ServiceStatus", "ask", "service_status", "socket_path"]

log = structlog.get_logger(__name__)

LINE_LIMIT = 64 * 1024
"""Bytes of the longest request. A text of the most parts is 2,448 characters, in JSON at most 12 bytes each."""
_ANSWER_LIMIT = 1024 * 1024
_ADDRESS_LIMIT = 107
"""Bytes a unix socket's path may have on Linux (sockaddr_un, unix(7)), its final zero not counted."""


class NotRunningError(TextbackError):
    """No service listens beside this store. The command does it itself, or says that the service must be started."""

    code = "not_running"


class _Unlock(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    modem: str


class _Verb(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    verb: str
    args: dict[str, Any] = {}


def socket_path(store: Path) -> Path:
    """Where the service of this store listens: ``<store.path>.sock``."""
    return store.with_name(store.name + ".sock")


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """What bind(2) and connect(2) take for ``path``; a long one is named by way of its folder's descriptor (proc(5))."""
    if len(os.fsencode(path)) <= _ADDRESS_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{folder}/{path.name}"
        if len(os.fsencode(short)) > _ADDRESS_LIMIT:
            raise StoreError(f"the file name {path.name} is too long for a socket", "give the store a shorter name (store.path)")
        yield short
    finally:
        os.close(folder)


class ControlServer:
    """Answers commands while ``run()`` runs."""

    def __init__(
        self,
        path: Path,
        desk: Desk,
        status: Callable[[], ServiceStatus],
        unlock: Callable[[str], Awaitable[str]],
        *,
        contacts: Callable[[dict[str, Any]], Awaitable[Any]] | None = None,
        patience: float = 30.0,
    ) -> None:
        """``status`` must be quick: it is called on the event loop.

        ``unlock``: enter the PIN of the modem so named once more; says what came of it, raises TextbackError. ``contacts``: takes imports.
        """
        self._path = path
        self._status = status
        self._patience = patience
        self._open: set[asyncio.Task[None]] = set()
        self._inode: int | None = None
        self._stopping = False
        self._ops: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "status": self._tell,
            "unlock": lambda args: _unlocked(unlock, _Unlock.model_validate(args)),
            **{verb: functools.partial(perform, desk, verb) for verb in ("send", "again", "done", "reopen")},
            "staff": lambda args: _staff(desk, _Verb.model_validate(args)),
            **({} if contacts is None else {"contacts": contacts}),
        }

    async def run(self) -> None:
        """Listen until cancelled; the socket is gone when this ends. Raises StoreError when it cannot be made.

        To be run by whoever holds the store's lock: a socket found here is then what a killed service left.
        """
        listener = self._listen()
        try:
            server = await asyncio.start_unix_server(self._accept, sock=listener, limit=LINE_LIMIT)
        except BaseException:
            listener.close()
            raise
        log.info("control_listening", path=str(self._path))
        try:
            await asyncio.get_running_loop().create_future()  # serve_forever would wait for clients that are still connected
        finally:
            self._stopping = True
            server.close()
            self._remove()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._clear()
            os.fchmod(listener.fileno(), 0o600)  # bind(2) makes the file with the socket's own mode: there is no moment it is open to all
            with _address(self._path) as address:
                listener.bind(address)
            listener.listen(16)
            self._inode = self._path.stat().st_ino
        except OSError as error:
            listener.close()
            raise StoreError(
                f"cannot listen at {self._path} ({error.strerror})", "let the service's user write in that folder, or set store.path"
            ) from error
        except BaseException:
            listener.close()
            raise
        return listener

    def _clear(self) -> None:
        """Take away what a killed service left; never something that is no socket, nor one that is answered."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise StoreError(f"{self._path} is in the way: it is no socket", "move it, or set store.path")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _address(self._path) as address:
            probe.settimeout(1.0)
            if probe.connect_ex(address) == 0:
                raise StoreLockedError(f"another textback answers at {self._path}", "stop that one first")
        self._path.unlink(missing_ok=True)

    def _remove(self) -> None:
        """Our own socket only: a second service may have put its own there."""
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if self._stopping:  # accepted just before the stop: not in the list of those to end
            writer.close()
            return
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            answer = await self._answer(reader)
            async with asyncio.timeout(self._patience):
                if answer is not None:
                    writer.write(json.dumps(answer).encode("ascii") + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError):
            log.info("control_gave_up")
        except asyncio.CancelledError:
            log.info("control_stopped")  # the service ends; raised again it would be logged as an error of the server's
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(self._patience):  # for the request alone: a SIM may take a minute to be unlocked
                line = await reader.readline()
        except ValueError:
            return _error("too_large", f"the request is longer than {LINE_LIMIT} bytes", "shorten what is in it")
        if not line:
            return None
        try:
            op, args = _request(line)
        except ValueError as error:
            return _error("bad_request", f"the request is wrong: {error}", "send one JSON object on one line")
        try:
            verb = self._ops.get(op)
            if verb is None:
                return _error(
                    "unknown_op", f"this service does not know {op!r}", f"restart it if it is old; it knows {', '.join(self._ops)}"
                )
            return {"result": await verb(args)}
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False))
            return _error("bad_request", f"the request is wrong: {wrong}", "use the textback command of the same version")
        except TextbackError as error:
            return _error(error.code, error.what, error.fix, error.facts)
        except Exception:
            log.exception("control_failed")
            return _error("internal", "the service failed at this", "see its log")

    async def _tell(self, args: dict[str, Any]) -> dict[str, Any]:
        if args:
            raise TextbackError("status takes no arguments", "leave them out", code="bad_request")
        return self._status().model_dump(mode="json")


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("op"), str):
        raise ValueError('it has no "op"')  # noqa: TRY004 - wrong data, not a wrong type in our code
    args = asked.get("args", {})
    if not isinstance(args, dict):
        raise ValueError('"args" is no object')  # noqa: TRY004
    return asked["op"], args


def _error(code: str, what: str, fix: str, facts: dict[str, str | int] | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "what": what, "fix": fix} | ({"facts": facts} if facts else {})}


async def _staff(desk: Desk, asked: _Verb) -> Any:
    return await perform(desk, asked.verb, asked.args)


async def _unlocked(unlock: Callable[[str], Awaitable[str]], args: _Unlock) -> dict[str, Any]:
    return {"modem": args.modem, "what": await unlock(args.modem)}


async def ask(path: Path, op: str, args: dict[str, Any] | None = None, *, patience: float = 35.0) -> Any:
    """Ask the service listening at ``path``; the result as JSON values. Seconds of ``patience`` for all of it.

    Raises NotRunningError when nobody listens, TextbackError with the service's own words when it says no, and with code ``no_answer``
    when it was lost after it was asked: what was asked may be done or not. ``too_large``: nothing was asked.
    """
    request = json.dumps({"op": op, "args": args or {}}).encode("ascii") + b"\n"
    if len(request) > LINE_LIMIT:
        longest, value = max((args or {}).items(), key=lambda arg: len(str(arg[1])))
        raise TextbackError(f"the {longest} is too long ({len(str(value))} characters)", "shorten it", code="too_large")
    try:
        async with asyncio.timeout(patience):
            reader, writer = await _connect(path)
            try:
                writer.write(request)
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            answer = json.loads(line)
    except (TimeoutError, ConnectionError, ValueError) as error:
        raise TextbackError("the service did not answer", "see its log, and whether it was done", code="no_answer") from error
    if "error" in answer:
        said = answer["error"]
        raise TextbackError(said["what"], said["fix"], code=said["code"], facts=said.get("facts"))
    return answer["result"]


async def service_status(store: Path) -> ServiceStatus:
    """The running service of this store. Raises as ``ask``."""
    try:
        return ServiceStatus.model_validate(await ask(socket_path(store), "status", patience=5.0))
    except ValidationError as error:
        raise TextbackError("the service speaks another version", "restart it: systemctl restart textback", code="no_answer") from error


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        with _address(path) as address:
            return await asyncio.open_unix_connection(address, limit=_ANSWER_LIMIT)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NotRunningError("the service is not running", "start it: systemctl start textback") from error
    except PermissionError as error:
        raise StoreError(f"not allowed to talk to the service at {path}", "run this as the service's user, or with sudo") from error
    except OSError as error:
        raise TextbackError(f"cannot talk to the service at {path} ({error.strerror})", "see its log", code="no_answer") from error
