"""AMI, for what ARI cannot do: SIP NOTIFY, Redirect, AstDB, voicemail. A wrapper of panoramisk that takes its sharp edges off.

- A line break in a value would begin a header of its own: refused.
- A login that fails is said, not passed over.
- An action that was not answered when the connection broke is not sent again on the next one: whoever asked is told.
- The connection is made again with jittered backoff, and one that stopped answering is no connection.

Sources: Asterisk's main/manager.c (line length, arguments of Variable), res/res_pjsip_notify.c.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

from ari_app.clock import Clock
from ari_app.errors import PbxAuthError, PbxError, PbxRequestError, PbxUnavailableError
from ari_app.settings import AmiSettings

__all__ = ["Ami", "AmiStatus", "Waiting", "check", "content_lines", "mailboxes_that_delete", "setting_of", "variable"]

log = structlog.get_logger("pbx.ami")

_PATIENCE = 5.0
"""Seconds an answer may take."""
_PULSE = 15.0
"""Seconds between looks whether the other end still answers."""
_BACKOFF = (0.5, 30.0)
"""Seconds before the first and, after doubling, between the later attempts; each drawn from the upper half of its span."""
_REFUSED = 60.0
"""Seconds before a login that was refused is tried again: somebody has to mend it first."""
_LINE = 1024
"""Bytes of one header line, its end included (main/manager.c, inbuf)."""

_ESCAPED = re.compile(r'[\\",()\[\]]')

_quiet = logging.getLogger("panoramisk.quiet")
_quiet.disabled = True  # it writes whole actions, the secret of a login among them


def variable(name: str, value: str) -> str:
    """A Variable header's value: "name=value" as it comes out of Asterisk's argument parser again.

    AST_STANDARD_APP_ARGS cuts at commas, drops quotes, takes a backslash for an escape and reads brackets. Raises ValueError for what
    no line of AMI holds.
    """
    line = f"{name}=" + _ESCAPED.sub(r"\\\g<0>", value)
    if re.search(r"[\r\n\0]", line):
        raise ValueError("a line break would begin another header")
    if len(f"Variable: {line}\r\n".encode()) > _LINE:
        raise ValueError(f"{name} is longer than a line of AMI holds ({_LINE} bytes)")
    return line


def content_lines(body: str) -> tuple[str, ...]:
    """An XML body as Variable headers: one where it fits, else cut between elements (Asterisk joins them with line breaks).

    Raises ValueError when there is no place to cut.
    """
    lines: list[str] = []
    gathered = ""
    for piece in re.split(r"(?<=>)(?=<)", body):
        try:
            variable("Content", gathered + piece)
        except ValueError:
            if not gathered:
                raise
            lines.append(variable("Content", gathered))
            gathered = ""
            variable("Content", piece)
        gathered += piece
    return (*lines, variable("Content", gathered))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mailbox changed (AMI event MessageWaiting)."""

    mailbox: str
    context: str
    channel: str | None
    """Who left a message or listened; None where a program moved something."""


class AmiStatus:
    """Is AMI there, for doctor: ``connected``, else ``reason``. ``mailboxes``: it tells of voicemail."""

    connected = False
    reason = "not tried yet"
    mailboxes = False


class _Manager(Manager):  # type: ignore[misc]
    """One connection: over when it breaks, never made again by itself."""

    def __init__(self, settings: AmiSettings, secret: str) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            host=settings.host,
            port=settings.port,
            username=settings.username,
            secret=secret,
            events="off",
            loop=loop,
            log=_quiet,
            ping_delay=10**8,  # its ping does not look whether it is answered
        )
        self.lost: asyncio.Future[None] = loop.create_future()
        self._tls = settings.tls

    def connection_lost(self, _exc: object) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    async def open(self) -> None:
        """Connect and log in. Raises PbxUnavailableError, PbxAuthError."""
        host, port = self.config["host"], self.config["port"]
        try:
            async with asyncio.timeout(_PATIENCE):
                made = await self.loop.create_connection(AMIProtocol, host, port, ssl=ssl.create_default_context() if self._tls else None)
        except TimeoutError as error:
            raise PbxUnavailableError(f"AMI at {host}:{port} does not answer") from error
        except ssl.SSLCertVerificationError as error:
            raise PbxUnavailableError(
                f"the certificate of AMI at {host}:{port} is not trusted ({error.verify_message})",
                "trust it as the one of pbx.ari (SSL_CERT_FILE), and write the name it is for in pbx.ami.host",
                code="ami_tls",
            ) from error
        except ssl.SSLError as error:
            raise PbxUnavailableError(
                f"AMI at {host}:{port} does not speak TLS as it should ({error.reason})",
                "set tlsenable = yes, tlsbindaddr and tlscertfile in manager.conf and pbx.ami.port to that port, or pbx.ami.tls = false",
                code="ami_tls",
            ) from error
        except OSError as error:
            raise PbxUnavailableError(
                f"AMI at {host}:{port} cannot be reached ({os.strerror(error.errno) if error.errno else error})",
                "set enabled = yes in manager.conf and pbx.ami.host and port to its address, then asterisk -rx 'manager reload'",
            ) from error
        ready: asyncio.Future[Any] = self.loop.create_future()
        ready.set_result(made)
        self.connection_made(ready)
        login = self.authenticated_future
        login.remove_done_callback(self.login)  # it would choke on a login that is not answered
        answer = await self.answer(login, "Login")
        if answer.response != "Success":
            raise PbxAuthError(
                f'Asterisk refused the AMI user "{self.config["username"]}"',
                "make pbx.ami.username and secret in textback.toml a user of manager.conf that this machine may use (permit), "
                "then asterisk -rx 'manager reload'",
            )

    async def answer(self, future: asyncio.Future[Any], action: str) -> Any:
        """Raises PbxUnavailableError when the connection breaks first, or nothing comes in time."""
        await asyncio.wait({future, self.lost}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            future.cancel()
            why = "closed the connection before it answered" if self.lost.done() else "did not answer"
            raise PbxUnavailableError(f"Asterisk {why} the AMI action {action}")
        return future.result()

    async def send(self, action: str, headers: Mapping[str, str | Sequence[str]]) -> Any:
        """One action; raises PbxRequestError when it is refused."""
        for name, value in headers.items():
            for each in (name, *([value] if isinstance(value, str) else value)):
                if re.search(r"[\r\n\0]", each):
                    raise ValueError(f"{action}: a line break would begin another header")
        if self.lost.done():
            raise PbxUnavailableError("AMI is not connected")
        answer = await self.answer(self.send_action({"Action": action, **headers}), action)
        # a list where events follow
        first = answer[0] if isinstance(answer, list) else answer
        if first.response != "Success":
            raise PbxRequestError(0, f"Asterisk refused the AMI action {action}: {first.message or first.response}")
        return answer

    def shut(self) -> None:
        self.close()
        self.awaiting_actions.clear()


class Ami:
    """An AMI connection that is made again when it breaks. Raises SettingsError when its secret cannot be read."""

    def __init__(self, settings: AmiSettings, clock: Clock) -> None:
        self._settings = settings
        self._secret = settings.read_secret()
        self._clock = clock
        self.on_connected: list[Callable[[], None]] = []
        """Each is called after each login."""
        self.on_waiting: Callable[[Waiting], None] | None = None
        """Told when a mailbox changed; to be set before ``run``."""
        self._manager: _Manager | None = None
        self.status = AmiStatus()

    async def run(self) -> None:
        """Hold a connection until cancelled."""
        attempt = 0
        while True:
            manager = _Manager(self._settings, self._secret)
            wait = min(_BACKOFF[1], _BACKOFF[0] * 2**attempt)
            attempt = min(attempt + 1, 10)
            try:
                await manager.open()
                await self._listen(manager)
                attempt = 0
                self._manager, self.status.connected, self.status.reason = manager, True, ""
                log.info("ami_connected")
                for told in self.on_connected:
                    told()
                await self._pulse(manager)
                reason = "Asterisk closed the connection"
            except PbxError as error:
                reason = str(error)
                if isinstance(error, PbxAuthError):
                    wait = _REFUSED
            finally:
                self._manager, self.status.connected, self.status.mailboxes = None, False, False
                manager.shut()
            self.status.reason = reason
            log.warning("ami_disconnected", reason=reason)
            await self._clock.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 — jitter, no secret

    async def _listen(self, manager: _Manager) -> None:
        """Hear of mailboxes, where somebody wants it, and of nothing else: the class "call" has some 100 events for each call."""
        told = self.on_waiting
        if told is None:
            return
        manager.register_event("MessageWaiting", lambda _, event: told(_waiting(event)))
        try:
            await manager.send("Filter", {"Operation": "Add", "Filter": "Event: MessageWaiting"})
            await manager.send("Events", {"EventMask": "call"})
            self.status.mailboxes = True
        except PbxRequestError as error:
            log.warning(
                "ami_tells_no_voicemail", reason=error.what, fix="give this user read = call and write = system,call,user in manager.conf"
            )

    async def _pulse(self, manager: _Manager) -> None:
        """Until the connection is over. Raises PbxError when the other end stops answering."""
        while not manager.lost.done():
            sleep = asyncio.ensure_future(self._clock.sleep(_PULSE))
            try:
                await asyncio.wait({sleep, manager.lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
            if not manager.lost.done():
                await manager.send("Ping", {})

    async def action(self, action: str, headers: Mapping[str, str | Sequence[str]]) -> Any:
        """One action, sent once; a list repeats its header. Raises ValueError, PbxUnavailableError, PbxRequestError."""
        if self._manager is None:
            raise PbxUnavailableError(f"AMI is not connected ({self.status.reason})")
        return await self._manager.send(action, headers)

    async def notify(self, endpoint: str, event: str, content_type: str, body: str) -> None:
        """A SIP NOTIFY (RFC 3265, outside any subscription) to every contact of a PJSIP endpoint. Success means queued, not received.

        Raises ValueError, PbxUnavailableError, PbxRequestError.
        """
        lines = [variable("Event", event), variable("Content-Type", content_type), *content_lines(body)]
        await self.action("PJSIPNotify", {"Endpoint": endpoint, "Variable": lines})

    async def redirect(self, channel: str, context: str) -> None:
        """Send a channel to ``s`` of a context, out of whatever it is in. Raises ValueError, PbxUnavailableError, PbxRequestError."""
        await self.action("Redirect", {"Channel": channel, "Context": context, "Exten": "s", "Priority": "1"})

    async def read(self, channel: str, name: str) -> str:
        """A channel's variable or function, "" where it is not set. Raises ValueError, PbxUnavailableError, PbxRequestError: it is gone."""
        answer = await self.action("Getvar", {"Channel": channel, "Variable": name})
        return str(answer.value)

    async def db_get(self, family: str, key: str) -> str | None:
        """A value of AstDB; None where there is none. Raises ValueError, PbxUnavailableError, PbxRequestError."""
        try:
            answer = await self.action("DBGet", {"Family": family, "Key": key})
        except PbxRequestError as error:
            if "not found" in error.what:
                return None
            raise
        return next((str(each.val) for each in answer if each.event == "DBGetResponse"), "")

    async def move_voicemail(self, mailbox: str, context: str, message: str, folder: str, to: str) -> None:
        """Move a message between folders of its mailbox; its lamp follows. Asterisk 18.20, 20.5 and later (app_voicemail.c).

        Raises ValueError, PbxUnavailableError, PbxRequestError.
        """
        where = {"Mailbox": mailbox, "Context": context}
        answer = await self.action("VoicemailMove", {**where, "Folder": folder, "ID": message, "ToFolder": to})
        if "failed" in answer.message:  # and Response: Success (seen on 22.10)
            raise PbxRequestError(0, f"Asterisk did not move the message: {answer.message.strip()}")

    async def refresh_voicemail(self, mailbox: str, context: str) -> None:
        """Have Asterisk look at a mailbox whose files were moved by others. Raises ValueError, PbxUnavailableError, PbxRequestError.

        The lamp of a phone follows where voicemail.conf has ``pollmailboxes = yes`` (seen on 16.28).
        """
        await self.action("VoicemailRefresh", {"Mailbox": mailbox, "Context": context})


def _waiting(event: Any) -> Waiting:
    mailbox, _, context = str(event.mailbox).partition("@")
    return Waiting(mailbox, context or "default", event.channel or None)


async def check(settings: AmiSettings) -> tuple[str, ...]:
    """Log in once and out again; which actions this user may use. Raises PbxUnavailableError, PbxAuthError, SettingsError."""
    manager = _Manager(settings, settings.read_secret())
    try:
        await manager.open()
        answer = await manager.send("ListCommands", {})
        return tuple(answer)
    finally:
        manager.shut()


async def mailboxes_that_delete(settings: AmiSettings) -> tuple[str, ...]:
    """Mailboxes whose messages Asterisk deletes once they are mailed (``delete = yes`` in voicemail.conf): "101@default".

    Raises PbxUnavailableError, PbxAuthError, PbxRequestError where this user may not ask, SettingsError.
    """
    manager = _Manager(settings, settings.read_secret())
    try:
        await manager.open()
        answer = await manager.send("VoicemailUsersList", {})
        listed = answer if isinstance(answer, list) else [answer]
        return tuple(f"{each.voicemailbox}@{each.vmcontext}" for each in listed if each.deletemessage == "Yes")
    finally:
        manager.shut()


async def setting_of(settings: AmiSettings, file: str, section: str, name: str) -> str | None:
    """A setting of one of Asterisk's files, with all that file includes; the last one wins; None where there is none.

    GetConfig is of the classes system and config (main/manager.c).

    Raises PbxUnavailableError, PbxAuthError, PbxRequestError, SettingsError.
    """
    manager = _Manager(settings, settings.read_secret())
    try:
        await manager.open()
        answer = await manager.send("GetConfig", {"Filename": file})
        lines = dict(answer.items())
    finally:
        manager.shut()
    value = None
    for key, text in lines.items():
        number = re.fullmatch(r"Line-(\d+)-\d+", key)
        if number is None or lines.get(f"Category-{number[1]}") != section:
            continue
        each, _, said = str(text).partition("=")
        if each.strip() == name:
            value = said.strip()
    return value
