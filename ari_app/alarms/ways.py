"""The ways an administrator is told: by e-mail, and by a signed POST to a program that watches.

E-mail is a text/plain message (RFC 5322, RFC 2045) marked as written by a program (Auto-Submitted, RFC 3834), so that no absent person's
answer comes back. A message told again after an answer was lost has the same Message-ID, and a POST the same X-Textback-Id.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import smtplib
import socket
import ssl
import threading
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

from ari_app.alarms.words import Telling, fix, letter, what
from ari_app.clock import Clock
from ari_app.errors import TextbackError
from ari_app.operate_settings import EmailSettings, WebhookSettings
from ari_app.settings import Settings
from ari_app.threads.alarms import Alarm
from ari_app.webhook import NotTakenError, post

__all__ = ["AlarmError", "Email", "Way", "Webhook", "ways"]

_PATIENCE = 20.0
"""Seconds a mail server may take for each of its answers; servers that keep spam away take ten on purpose."""
_FOR_GOOD = 500
"""Answers from here on are not asked for again; those below are "try later"."""


class AlarmError(TextbackError):
    """The administrator could not be told by one way. Tried again, for three days."""

    code = "alarm"


class _PutOffError(AlarmError):
    """``mail_partly``: some have it, ``those`` were put off (RFC 5321 4.2.1)."""

    code = "mail_partly"

    def __init__(self, what: str, fix: str, those: tuple[str, ...]) -> None:
        super().__init__(what, fix)
        self.those = those


class Way(Protocol):
    """One way of telling."""

    name: str

    async def tell(self, telling: Telling, alarm: Alarm | None, made: datetime | None = None) -> str:
        """Tell; what the other side answered. ``alarm`` None: a test. Raises AlarmError, SettingsError when a secret cannot be read.

        ``made``: when this telling came to be owed, by which it is known again; an alarm that comes again is told anew.
        """


def ways(settings: Settings, clock: Clock) -> tuple[Way, ...]:
    """Those that [alarm] sets."""
    found: list[Way] = []
    if settings.alarm.email is not None:
        found.append(Email(settings, settings.alarm.email, clock))
    if settings.alarm.webhook is not None:
        found.append(Webhook(settings, settings.alarm.webhook, clock))
    return tuple(found)


def _language(settings: Settings) -> str:
    return settings.alarm.language or settings.clinic.languages[0]


def _id(telling: Telling, alarm: Alarm | None, made: datetime) -> str:
    """64 hexadecimal digits, the same for the same telling."""
    about = "" if alarm is None else f"{alarm.id}|{alarm.code}|{alarm.subject}|{alarm.since.isoformat()}"
    return hashlib.sha256(f"{socket.gethostname()}|{telling}|{about}|{made.isoformat()}".encode()).hexdigest()


class Email:
    """[alarm.email]."""

    name = "email"

    def __init__(self, settings: Settings, email: EmailSettings, clock: Clock) -> None:
        self._settings = settings
        self._email = email
        self._clock = clock
        self._partly: tuple[str, tuple[str, ...]] = ("", ())
        """The message that some were put off for, and for whom: the others have it."""

    async def tell(self, telling: Telling, alarm: Alarm | None, made: datetime | None = None) -> str:
        """Raises AlarmError (``mail_down``, ``_slow``, ``_tls``, ``_login``, ``_refused``, ``_partly``), SettingsError."""
        password = await asyncio.to_thread(self._email.read_password)
        message = self.message(telling, alarm, made)
        known, those = self._partly
        sending = _Sending(self._email, password, message, those if message["Message-ID"] == known else self._email.to)
        try:
            said = await sending.done()
        except _PutOffError as error:
            self._partly = message["Message-ID"], error.those
            raise
        finally:
            sending.give_up()
        return said

    def message(self, telling: Telling, alarm: Alarm | None, made: datetime | None = None) -> EmailMessage:
        """As it is sent."""
        clinic, now = self._settings.clinic, self._clock.now()
        subject, body = letter(
            telling, alarm, language=_language(self._settings), clinic=clinic.name, host=socket.gethostname(), zone=clinic.zone
        )
        message = EmailMessage()
        message["From"] = self._email.sender
        message["To"] = ", ".join(self._email.to)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(now.astimezone(clinic.zone))
        message["Message-ID"] = f"<{_id(telling, alarm, made or now)[:32]}.textback@{self._email.sender.rpartition('@')[2].strip('[]')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


class _Sending:
    """One dialogue with the mail server, in a thread of its own: a server that hangs must not hold up a stop of the service."""

    def __init__(self, email: EmailSettings, password: str | None, message: EmailMessage, to: tuple[str, ...]) -> None:
        self._email = email
        self._to = to
        self._password = password
        self._message = message
        self._loop = asyncio.get_running_loop()
        self._result: asyncio.Future[str] = self._loop.create_future()
        self._socket: socket.socket | None = None

    async def done(self) -> str:
        threading.Thread(target=self._run, name="alarm-mail", daemon=True).start()
        return await self._result

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        held = self._socket
        if held is not None:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            said = self._send()
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits shall have it
            found = _error(error, self._email)
            self._hand(lambda: self._result.set_exception(found))
        else:
            self._hand(lambda: self._result.set_result(said))

    def _hand(self, how: object) -> None:
        def deliver() -> None:
            if not self._result.done() and callable(how):
                how()

        with contextlib.suppress(RuntimeError):  # the service is gone
            self._loop.call_soon_threadsafe(deliver)

    def _send(self) -> str:
        email, context = self._email, ssl.create_default_context()
        host = email.host.strip("[]")
        if email.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, email.port, timeout=_PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, email.port, timeout=_PATIENCE)
        try:
            self._socket = server.sock
            if email.tls == "starttls":
                server.starttls(context=context)
                self._socket = server.sock
            if email.username is not None:
                server.login(email.username, self._password or "")
            refused = server.send_message(self._message, to_addrs=self._to)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            self._socket = None
            server.close()
        taken = [each for each in self._to if each not in refused]
        left = "".join(f"; refused: {each} ({_said(code, text)})" for each, (code, text) in refused.items())
        said = f"{host}:{email.port} took it for {', '.join(taken)}{left}"
        later = tuple(each for each, (code, _) in refused.items() if code < _FOR_GOOD)
        if later:
            raise _PutOffError(f"alarm.email: {said}", "see the mail server's log; who has it not yet is tried again", later)
        return said


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {words}".split())[:200]


def _error(error: Exception, email: EmailSettings) -> AlarmError:
    at = f"alarm.email: {email.host}:{email.port}"
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, TimeoutError | ssl.SSLError):
        error = error.__context__  # smtplib says no more of it
    match error:
        case AlarmError():
            return error
        case smtplib.SMTPAuthenticationError():
            return AlarmError(
                f"{at} refuses the login ({_said(error.smtp_code, error.smtp_error)})",
                "set username and password as the mail server has them",
                code="mail_login",
            )
        case smtplib.SMTPRecipientsRefused():
            each, (code, text) = next(iter(error.recipients.items()))
            return AlarmError(
                f"{at} takes nothing for {each} ({_said(code, text)})",
                "correct alarm.email.to, or let this machine send there; it is tried again",
                code="mail_refused",
                facts={"status": code},
            )
        case smtplib.SMTPServerDisconnected():
            return AlarmError(f"{at} hung up", "see its log; and whether alarm.email.tls is as that port wants it", code="mail_down")
        case smtplib.SMTPResponseException():
            return AlarmError(
                f"{at} refuses it ({_said(error.smtp_code, error.smtp_error)})",
                "see its log; it is tried again",
                code="mail_refused",
                facts={"status": error.smtp_code},
            )
        case smtplib.SMTPNotSupportedError() | ssl.SSLError():
            return _tls(error, at)
        case TimeoutError():
            return AlarmError(f"{at} does not answer within {_PATIENCE:.0f} s", "see that it runs; it is tried again", code="mail_slow")
        case OSError():
            return AlarmError(
                f"{at} cannot be reached ({error.strerror or error})",
                "see that it runs, and host and port; it is tried again",
                code="mail_down",
            )
    return AlarmError(f"{at}: {type(error).__name__}", "see its log; it is tried again", code="mail_refused")


def _tls(error: Exception, at: str) -> AlarmError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return AlarmError(
            f"{at}: its certificate is not trusted ({error.verify_message}), nothing was sent",
            "give it one of an authority that this machine knows for that name, or name the authority's file in SSL_CERT_FILE",
            code="mail_tls",
        )
    if isinstance(error, ssl.SSLError):
        return AlarmError(
            f"{at} does not speak TLS as it should ({error.reason or error})",
            'set alarm.email.tls as that port wants it: mostly "starttls" for 587, "tls" for 465',
            code="mail_tls",
        )
    return AlarmError(
        f"{at} does not offer what the settings want ({error})",
        "set alarm.email.tls as that port wants it, and no username where it knows none",
        code="mail_tls",
    )


class Webhook:
    """[alarm.webhook]."""

    name = "webhook"

    def __init__(self, settings: Settings, webhook: WebhookSettings, clock: Clock) -> None:
        self._settings = settings
        self._webhook = webhook
        self._clock = clock

    async def tell(self, telling: Telling, alarm: Alarm | None, made: datetime | None = None) -> str:
        """Raises AlarmError (``webhook_down``, ``webhook_slow``, ``webhook_tls``, ``webhook_status``), SettingsError."""
        secret = await asyncio.to_thread(self._webhook.read_secret)
        told = _id(telling, alarm, made or self._clock.now())
        document = self.document(told, telling, alarm)
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        url = str(self._webhook.url)
        try:
            return f"it answers {await post(url, secret, told, lambda: body, self._clock)}"
        except NotTakenError as error:
            raise _not_taken(error) from error

    def document(self, told: str, telling: Telling, alarm: Alarm | None) -> dict[str, object]:
        """As docs/alarms.md has it."""
        head: dict[str, object] = {
            "id": told,
            "type": "alarm",
            "telling": telling,
            "clinic": self._settings.clinic.name,
            "host": socket.gethostname(),
        }
        if alarm is None:
            return head
        language = _language(self._settings)
        return head | {
            "code": alarm.code,
            "subject": alarm.subject,
            "what": what(alarm.code, alarm.subject, alarm.facts, language),
            "fix": fix(alarm.code, alarm.subject, language),
            "since": alarm.since.isoformat(),
            "over": None if alarm.over is None else alarm.over.isoformat(),
        }


def _not_taken(refused: NotTakenError) -> AlarmError:
    match refused.why:
        case "tls":
            return AlarmError(
                "alarm.webhook.url: its certificate is not trusted, nothing was sent",
                "give it one of an authority that this machine knows, or name the authority's file in SSL_CERT_FILE",
                code="webhook_tls",
            )
        case "slow":
            return AlarmError("alarm.webhook.url: no answer in time", "see that it runs; it is tried again", code="webhook_slow")
        case "down":
            return AlarmError("alarm.webhook.url: it cannot be reached", "see that it runs; it is tried again", code="webhook_down")
    status = refused.status
    fix_ = "write the address it redirects to" if 300 <= status < 400 else "see the log of what serves it; it is tried again"
    return AlarmError(f"alarm.webhook.url: it answers {status}", fix_, code="webhook_status", facts={"status": status})
