"""Who is told: a real mail server (aiosmtpd) and a real HTTP server, which refuse and hang as they are told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from ari_app.settings import Settings, parse

SECRET = "clé-des-alarmes"
TO = ["reseau@clinique.example", "garde@clinique.example"]


def settings(folder: Path, **alarm: Any) -> Settings:
    """A clinic's, with [alarm]."""
    return parse(
        {
            "clinic": {"name": "Clinique Tremblay", "number": "+15145550199"},
            "pbx": {"ari": "http://127.0.0.1:9", "username": "textback", "password": "p4ss"},
            "modem": [{"name": "gsm1", "daily_budget": 100}],
            "store": {"path": str(folder / "textback.db"), "backup": {"folder": str(folder / "backups")}},
            "alarm": {"disk": 16, **alarm},
        }
    )


@dataclass
class Mailbox:
    """Mail that arrived. ``refuses``: answers to RCPT, by turn; then it takes all."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    """For whom, of all letters."""
    only: str = ""
    """Takes mail for this one alone."""

    @property
    def email(self) -> dict[str, Any]:
        return {"to": TO, "sender": "textback@clinique.example", "host": "localhost", "port": self.port}

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses.pop(0)
        if self.only and address != self.only:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.taken += envelope.rcpt_tos
        return "250 taken as 42"


@asynccontextmanager
async def mailbox(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, password: str = ""
) -> AsyncIterator[Mailbox]:
    """A mail server on a free port of localhost."""
    box = Mailbox()

    def login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"textback", password.encode()), handled=False)

    def protocol() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example",
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=login if password else None,
            auth_required=bool(password),
            auth_require_tls=starttls is not None,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "localhost", 0, ssl=tls)
    ports = {sock.getsockname()[0]: sock.getsockname()[1] for sock in server.sockets}
    box.port = ports.get("::1", next(iter(ports.values())))
    try:
        yield box
    finally:
        server.close()


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a server that accepts and says nothing."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "localhost", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.close()


@dataclass
class Receiver:
    """POSTs that were signed by us. ``statuses``: answered by turn, then 204."""

    port: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    @property
    def webhook(self) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{self.port}/hook", "secret": SECRET}

    async def up(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = int(self._runner.addresses[0][1])

    async def down(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = f"{request.headers['X-Textback-Timestamp']}.".encode() + body
        assert request.headers["X-Textback-Signature"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        document = json.loads(body)
        assert request.headers["X-Textback-Id"] == document["id"]
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 204:
            self.told.append(document)
        return web.Response(status=status)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    await found.up()
    try:
        yield found
    finally:
        await found.down()
