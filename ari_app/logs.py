"""Logs: events with keys, on stderr, pretty on a terminal and JSON lines otherwise. Nothing private gets through.

Four nets, whatever a caller logs: values under private keys are hidden, the secrets of the settings are struck out wherever they
stand, telephone numbers are shortened, and nothing steers the terminal of who reads. Tracebacks keep their frames; the words of an
exception stay only where its class is known to speak of no text.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import sys
import traceback
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

import structlog

from ari_app.contact_settings import ContactsSettings
from ari_app.errors import SettingsError, TextbackError
from ari_app.numbers import shortened
from ari_app.settings import Settings

__all__ = ["clean", "secrets_of", "set_up"]

_PRIVATE = frozenset(
    {"authorization", "body", "content", "message_text", "password", "pdu", "pin", "secret", "sms", "text", "token", "url", "user_data"}
)
_HIDDEN = "[hidden]"
_NUMBER = re.compile(r"\+\d{8,15}")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONG_SECRET = 9
_DEEP = 4
_SPEAKS_PLAINLY: tuple[type[BaseException], ...] = (TextbackError, OSError, sqlite3.Error, ImportError, TimeoutError)

_Excinfo = tuple[type[BaseException], BaseException, TracebackType | None]


def clean(text: str) -> str:
    """A caller's words without what could steer a terminal or turn the line round; what was there shows as "�"."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


class _Stream:
    """Writes lines and never raises: a log that cannot be written must not stop a service that works."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=self._stream, flush=True)

    log = debug = info = warning = warn = error = critical = fatal = exception = failure = msg

    def __call__(self, *_: object) -> _Stream:
        return self


class _Handler(logging.Handler):
    """The same for what libraries log."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._out = _Stream(stream)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a library's bad format string is not worth a traceback of our own
            line = f"a log line of {record.name} could not be written: {type(error).__name__}"
        self._out.msg(line)


class _Guard:
    """The structlog processor that hides, strikes out and shortens."""

    def __init__(self, secrets: Collection[str]) -> None:
        known = sorted({each for each in secrets if each}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(_pattern, known))) if known else None

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: _HIDDEN if key.lower() in _PRIVATE else self._clean(value, _DEEP) for key, value in event.items()}

    def _clean(self, value: Any, deep: int) -> Any:
        if isinstance(value, str):
            return self._guarded(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if deep and isinstance(value, Mapping):
            return {str(key): _HIDDEN if str(key).lower() in _PRIVATE else self._clean(item, deep - 1) for key, item in value.items()}
        if deep and isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
            return [self._clean(item, deep - 1) for item in value]
        return self._guarded(self._plain(value))

    def _guarded(self, text: str) -> str:
        text = clean(text)
        if self._secrets is not None:
            text = self._secrets.sub(_HIDDEN, text)
        return _NUMBER.sub(lambda match: shortened(match[0]), text) if "+" in text else text

    @staticmethod
    def _plain(value: object) -> str:
        if isinstance(value, BaseException):
            return _words(value)
        return _HIDDEN if isinstance(value, bytes | bytearray) else str(value)


def _pattern(secret: str) -> str:
    """A PIN must not eat into longer numbers and ids: what is short is struck out only where it stands alone."""
    exact = re.escape(secret)
    return exact if len(secret) >= _LONG_SECRET else rf"(?<![\w.]){exact}(?![\w.])"


def _words(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, _SPEAKS_PLAINLY) and not isinstance(error, UnicodeError) else name


def _traceback(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """``exc_info`` becomes ``exception``: where it happened, without the values of variables."""
    given = event.pop("exc_info", None)
    found: Any = sys.exc_info() if given is True else given
    error = found if isinstance(found, BaseException) else found[1] if isinstance(found, tuple) else None
    if error is not None:
        event["exception"] = "\n".join(_frames(error))
    event.pop("stack_info", None)
    return event


def _frames(error: BaseException) -> list[str]:
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = traceback.extract_tb(cause.__traceback__)
        here = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        lines = [*here, _words(cause), *(["which led to", *lines] if lines else [])]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


def _first_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """asyncio shows the repr of a failed task, exception and all, below its first line: the traceback tells it, guarded."""
    if str(event.get("logger", "")).startswith("asyncio"):
        event["event"] = str(event.get("event", "")).partition("\n")[0]
    return event


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret of textback.toml and the files it names; those that cannot be read are left out (whoever needs them says so)."""
    found: list[str | None] = []
    with contextlib.suppress(SettingsError):
        found.append(settings.pbx.read_password())
    for modem in settings.modem:
        with contextlib.suppress(SettingsError):
            found += modem.read_secrets()
    ami = settings.pbx.ami
    if ami is not None:
        found.append(ami.secret)
        if ami.secret_file is not None:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                found.append(ami.secret_file.read_text(encoding="utf-8").strip())
    if settings.pbx.cdr is not None:
        with contextlib.suppress(SettingsError):
            found += _of_url(settings.pbx.cdr.read_url() or "")
    found += _of_contacts(settings.contacts)
    with contextlib.suppress(SettingsError):
        found.append(settings.alarm.email.read_password() if settings.alarm.email is not None else None)
    with contextlib.suppress(SettingsError):
        found.append(settings.alarm.webhook.read_secret() if settings.alarm.webhook is not None else None)
    return tuple(each for each in found if each)


def _of_url(url: str) -> list[str | None]:
    with contextlib.suppress(ValueError):
        password = urlsplit(url).password
        return [url, password, unquote(password)] if password else [url]
    return [url]


def _of_contacts(contacts: ContactsSettings) -> list[str | None]:
    found: list[str | None] = []
    source, filing = contacts.source, contacts.filing
    if source is not None and source.kind == "ldap":
        with contextlib.suppress(SettingsError):
            found.append(source.read_password())
    if source is not None and source.kind == "sql":
        with contextlib.suppress(SettingsError, ValueError):
            found += _of_url(source.read_url())
    if filing is not None and filing.webhook is not None:
        with contextlib.suppress(SettingsError):
            found.append(filing.read_secret())
    return found


def set_up(*, level: int = logging.INFO, secrets: Collection[str] = (), stream: TextIO | None = None, pretty: bool | None = None) -> None:
    """Send every log of this process to ``stream`` (stderr). Libraries speak from warning on. ``pretty``: else when it is a terminal."""
    out = stream or sys.stderr
    human = out.isatty() if pretty is None else pretty
    guard = _Guard(secrets)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _traceback,
        guard,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not human),
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"), exception_formatter=structlog.dev.plain_traceback)
        if human
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stream(out),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _first_line, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
