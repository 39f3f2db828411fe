"""What Kannel tells us over HTTP: texts received (MO) and delivery reports (DLR), made into the PDUs a radio would have brought.

Kannel asks again until it is answered 200 (``http-request-retry``), so the answer waits for ``Door.keep``. What comes twice makes the same
PDU twice, which the store recognises. Escape codes of the URLs: Kannel 1.4.5 user guide, "Parameters (Escape Codes)".
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
import re
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from urllib.parse import parse_qsl, quote

import structlog
from aiohttp import web

from modem import made
from modem.alphabet import segments, septets
from modem.timing import Timing
from modem.types import Door, RawPdu

__all__ = ["Callbacks", "Query", "dlr_url", "received", "reported"]

Query = Mapping[str, bytes]
"""Parameters of a call-back, decoded to octets."""

_LONGEST = 128 * 1024
"""Octets of a request line: 255 parts joined by Kannel, percent-encoded, fit."""
_DATA, _UCS2 = 0x04, 0x08  # TP-DCS (3GPP TS 23.038 4)
_MOST = 140  # octets of user data in one SMS


class _Kind(IntEnum):
    """Kannel's DLR values (user guide, "Delivery Reports"; its gw/dlr.h)."""

    DELIVERED = 1
    FAILED = 2
    BUFFERED = 4
    ACCEPTED = 8
    REJECTED = 16
    EXPIRED = 0x20 | 2
    LOST_SIGHT = 0x40 | 2


# TP-ST (3GPP TS 23.040 9.2.3.15)
_RECEIVED, _UNCONFIRMED, _TRYING = 0x00, 0x01, 0x30
_NOT_OBTAINABLE, _VALIDITY_EXPIRED, _DELETED, _SERVICE_REJECTED = 0x43, 0x46, 0x48, 0x63

_STATES = {"EXPIRED": _VALIDITY_EXPIRED, "DELETED": _DELETED, "UNKNOWN": _UNCONFIRMED}
"""``stat:`` of an SMPP delivery receipt (SMPP 3.4 appendix B) that Kannel calls failed. UNDELIV and REJECTD say no more than that."""

_INVALID_DESTINATION = re.compile(r"0x0*(0b|33)\b", re.IGNORECASE)
"""ESME_RINVDSTADR and ESME_RINVNUMDESTS (SMPP 3.4 5.1.3), as Kannel quotes them in NACK/…: the number takes no texts."""


def dlr_url(base: str, secret: str, *, reference: int, recipient: str, submitted: datetime) -> str:
    """The ``dlr-url`` of one part: what a report needs, and escape codes Kannel fills in: %d value, %T seconds, %A the centre's words.

    "+" stands as %2B: that is no escape code, so Kannel leaves it alone.
    """
    ours = f"ref={reference}&to={quote(recipient, safe='')}&submitted={int(submitted.timestamp())}"
    return f"{base}/kannel/{secret}/dlr?{ours}&type=%d&at=%T&said=%A"


def received(query: Query) -> tuple[str, ...]:
    """The SMS-DELIVERs (hex) of a text received: ``from`` %p, ``text`` %b, ``udh`` %u, ``coding`` %c, ``charset`` %C, ``at`` %T, ``id`` %I.

    The concatenation reference of a text that Kannel joined is made of its id, so that it is the same each time. Raises ValueError naming
    the parameter that is missing or wrong.
    """
    for name in ("from", "text", "at"):
        if name not in query:
            raise ValueError(f"parameter {name} is missing")
    sender, at = _sender(query["from"]), _stamp(_number(query, "at"))
    reference = zlib.crc32(query.get("id") or query["text"]) & 0xFF
    header = _header(query.get("udh", b""))
    coding = _number(query, "coding", 0)
    if coding == 1:
        return _data(sender, query["text"], header, at, reference)
    if coding == 2:
        units = query["text"][: len(query["text"]) // 2 * 2]
        text = units.decode("utf-16-be", "surrogatepass")
    else:
        text = _decoded(query["text"], query.get("charset", b""))
    if header:
        wide = coding == 2 or segments(text).alphabet == "ucs2"
        octets = text.encode("utf-16-be", "surrogatepass") if wide else septets(text)
        with suppress(ValueError):  # more than one SMS holds: without its header all of it is kept
            return (made.deliver_raw(sender, octets, _UCS2 if wide else 0x00, header, at),)
    return made.deliver(sender, text, at, reference=reference)


def _data(sender: str, octets: bytes, header: bytes, at: datetime, reference: int) -> tuple[str, ...]:
    """8-bit data, one SMS or, where Kannel joined several, as many as it came in, the other elements of the header in each."""
    if len(header) + len(octets) <= _MOST:
        return (made.deliver_raw(sender, octets, _DATA, header, at),)
    elements = header[1:]
    room = _MOST - 1 - 5 - len(elements)
    chunks = [octets[start : start + room] for start in range(0, len(octets), room)] if room > 0 else []
    if not 0 < len(chunks) <= 255:
        raise ValueError("parameter text is longer than any SMS")
    return tuple(
        made.deliver_raw(
            sender, chunk, _DATA, bytes((5 + len(elements), 0x00, 3, reference, len(chunks), number)) + elements, at
        )
        for number, chunk in enumerate(chunks, start=1)
    )  # fmt: skip


def reported(query: Query) -> str:
    """The SMS-STATUS-REPORT (hex) of a delivery report: see ``dlr_url``. Raises ValueError naming the parameter that is wrong."""
    reference, recipient = _number(query, "ref"), query.get("to", b"").decode("ascii", "replace")
    if not recipient:
        raise ValueError("parameter to is missing")
    submitted = _number(query, "submitted")
    status = _status(_number(query, "type"), query.get("said", b"").decode("utf-8", "replace"))
    return made.report(reference, recipient, _stamp(submitted), _stamp(_number(query, "at", submitted)), status)


def _status(kind: int, said: str) -> int:
    """TP-ST for Kannel's DLR value and what the message centre said.

    Accepted and buffered are both "still trying": they prove that the part left, which settles one whose answer was lost. A failure
    nobody explains is "service rejected", what 23.040 makes of unknown values: it blames neither the number nor the text.
    """
    match kind:
        case _Kind.DELIVERED:
            return _RECEIVED
        case _Kind.BUFFERED | _Kind.ACCEPTED:
            return _TRYING
        case _Kind.EXPIRED:
            return _VALIDITY_EXPIRED
        case _Kind.LOST_SIGHT:
            return _UNCONFIRMED
        case _Kind.FAILED:
            found = re.search(r"\bstat:(\w+)", said)
            return _STATES.get(found[1].upper(), _SERVICE_REJECTED) if found else _SERVICE_REJECTED
        case _Kind.REJECTED:
            if _INVALID_DESTINATION.search(said):
                return _NOT_OBTAINABLE
            return _VALIDITY_EXPIRED if said.endswith("validity expired") else _SERVICE_REJECTED
        case _:
            raise ValueError(f"parameter type is {kind}, no delivery report value")


def _sender(octets: bytes) -> str:
    name = octets.decode("utf-8", "replace").strip()
    if re.fullmatch(r"\+?[0-9*#]+", name) is None:
        return name
    return name[:21] if name.startswith("+") else name[:20]  # what a TP address can hold


def _number(query: Query, name: str, default: int | None = None) -> int:
    value = query.get(name, b"")
    if not value and default is not None:
        return default
    if re.fullmatch(rb"-?[0-9]{1,12}", value) is None:
        raise ValueError(f"parameter {name} is {'no number' if value else 'missing'}")
    return int(value)


def _stamp(seconds: int) -> datetime:
    """A time a PDU can say. What lies outside 2000 … 2099 was no date at the message centre; the nearest says so each time alike."""
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
    return datetime.fromtimestamp(min(max(seconds, int(first.timestamp())), int(last.timestamp())), UTC)


def _header(octets: bytes) -> bytes:
    """The user data header, b"" for none or one that is not whole."""
    return octets if octets and octets[0] == len(octets) - 1 < _MOST else b""


def _decoded(octets: bytes, charset: bytes) -> str:
    try:
        return octets.decode(charset.decode("ascii") or "utf-8", "replace")
    except (LookupError, ValueError):  # no charset Python knows, or no name at all
        return octets.decode("utf-8", "replace")


class Callbacks:
    """The HTTP server Kannel calls: ``GET /kannel/SECRET/mo`` and ``…/dlr``; anything else is 404.

    ``listen``: host and port. A port that is taken is tried for until it is free. ``alive`` is called after each one that was kept.
    """

    def __init__(self, name: str, listen: str, secret: str, *, door: Door, timing: Timing, alive: Callable[[], None]) -> None:
        self._name = name
        self._listen = listen
        self._secret = secret
        self._door = door
        self._timing = timing
        self._alive = alive
        self._log = structlog.get_logger("modem").bind(modem=name)
        self.trouble = "it does not listen yet"
        """Why call-backs cannot come, "" while they can."""
        self.failing = ""
        """Why the last one could not be kept, "" while they can."""
        self.unreadable = ""
        """What is wrong with the last one, "" when nothing is."""

    async def run(self) -> None:
        """Listen until cancelled."""
        host, _, port = self._listen.rpartition(":")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        silent = logging.getLogger("modem.kannel.http")
        silent.setLevel(logging.CRITICAL + 1)  # what aiohttp would say quotes the request, the secret in it
        runner = web.AppRunner(app, access_log=None, handle_signals=False, logger=silent, max_line_size=_LONGEST, shutdown_timeout=5)
        await runner.setup()
        try:
            while True:
                try:
                    await web.TCPSite(runner, host.strip("[]"), int(port)).start()
                except (OSError, ValueError) as error:
                    what = f"nothing can listen at {self._listen}: {getattr(error, 'strerror', None) or error}"
                    if what != self.trouble:
                        self._log.error("modem.callbacks_down", what=what)
                    self.trouble = what
                    await asyncio.sleep(self._timing.retry_most * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                else:
                    self.trouble = ""
                    self._log.info("modem.callbacks_up", listen=self._listen)
                    await asyncio.Event().wait()
        finally:
            self.trouble = "it does not listen any more"
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        given = path.encode("utf-8", "surrogateescape")
        text, report = (hmac.compare_digest(given, f"/kannel/{self._secret}/{kind}".encode()) for kind in ("mo", "dlr"))
        if request.method != "GET" or not (text or report):
            return web.Response(status=404)
        said = {name: value.encode("latin-1") for name, value in parse_qsl(query, keep_blank_values=True, encoding="latin-1")}
        try:
            pdus = received(said) if text else (reported(said),)
        except ValueError as error:
            self.unreadable = f"{'a text received' if text else 'a delivery report'}: {error}"
            self._log.error("modem.callback_unreadable", what=self.unreadable)
            return web.Response(status=400)
        try:
            for pdu in pdus:
                await self._door.keep(RawPdu(self._name, pdu, datetime.now(UTC)))
        except Exception as error:  # noqa: BLE001 - whatever keeps it from the disk: Kannel has it and asks again
            self.failing = type(error).__name__
            self._log.error("modem.not_kept", error=self.failing)
            return web.Response(status=503)
        self.failing = self.unreadable = ""
        self._alive()
        return web.Response()  # a body would be texted to the sender
