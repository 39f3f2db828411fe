"""What doctor says of the PBX beyond its first answer: why nobody listens, who has our place, its clock, certificate and call records.

And what the service found in them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from ari_app import probes
from ari_app.errors import PbxError, SettingsError, TextbackError
from ari_app.pbx.ami import setting_of
from ari_app.pbx.cdr import cut_off
from ari_app.preview import read_records
from ari_app.probes import Finding
from ari_app.settings import PbxSettings, Settings
from ari_app.status import HistoryStatus

__all__ = ["judge_history", "look", "records"]

_PATIENCE = 5.0
_APART = timedelta(seconds=5)
_USELESS = timedelta(minutes=10)
_SOON = timedelta(days=30)
_FORGETS = 22
"""Asterisk 16 keeps an application nobody listens to any more, 22 does not (both seen): from then on it tells that somebody does."""
_LATELY = timedelta(days=14)


async def look(settings: PbxSettings, password: str, *, connected: bool, now: datetime, proc: Path = Path("/proc")) -> list[Finding]:
    """Each way the PBX can be away, by name. ``connected``: the service is, and says more itself. Changes nothing.

    ``proc``: proc(5), to see whether an Asterisk runs on this machine.
    """
    found = await probes.ari(settings, password)
    here = _is_here(settings.ari)
    if found.code == "pbx_refused" and here:
        return [_nobody_listens(found, proc)]
    if found.code == "pbx_timeout" and await _opens(settings.ari):
        return [
            Finding(
                "bad",
                "pbx_frozen",
                f"Asterisk at {settings.ari} takes connections and answers nothing within {_PATIENCE:.0f} s: it hangs",
                "see asterisk -rx 'core show uptime'; if that hangs too, systemctl restart asterisk",
            )
        ]
    if connected:
        return [*_ending(settings.ari, await _certificate(settings.ari), now)] if found.state == "ok" else [found]
    if found.state != "ok":
        return [found]
    return [found, *await _more(settings, password, found, now), *_ending(settings.ari, await _certificate(settings.ari), now)]


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _nobody_listens(found: Finding, proc: Path) -> Finding:
    """Is it Asterisk that is away, or its HTTP server alone."""
    runs = False
    for each in proc.glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            runs = runs or each.read_text("utf-8", "replace").strip() == "asterisk"
    if runs:
        return Finding(
            "bad",
            "pbx_http_off",
            f"Asterisk runs, and {found.what}: its HTTP server is off, or elsewhere",
            "set enabled = yes, bindaddr and bindport in http.conf (FreePBX: Advanced Settings, Asterisk Builtin mini-HTTP server), "
            "then asterisk -rx 'module reload http'; or correct pbx.ari",
        )
    return Finding("bad", "pbx_down", f"no Asterisk runs on this machine, and {found.what}", "systemctl start asterisk, and see its log")


async def _opens(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _more(settings: PbxSettings, password: str, found: Finding, now: datetime) -> list[Finding]:
    """While the service is not connected: would the events be there, has another our place, is it the same time there."""
    token = base64.b64encode(f"{settings.username}:{password}".encode()).decode("ascii")
    base = settings.ari.rstrip("/")
    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with aiohttp.ClientSession(headers={"Authorization": f"Basic {token}"}, timeout=timeout) as http:
            # asked without its handshake: Asterisk subscribes nobody then
            async with http.get(f"{base}/ari/events", params={"app": settings.app}, allow_redirects=False) as answer:
                events, date = answer.status, answer.headers.get("Date")
            async with http.get(f"{base}/ari/applications/{settings.app}", allow_redirects=False) as answer:
                taken = answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return []  # it answered a moment ago, and will be asked again
    more = []
    if events in (403, 404, 501):
        more.append(
            Finding(
                "bad",
                "pbx_no_events",
                f"{base} answers, and has no event socket ({events}): no call is seen",
                "load res_http_websocket.so, res_ari_events.so and res_stasis.so (asterisk -rx 'module load …'), or let a proxy between "
                "pass /ari/events with its Upgrade header",
            )
        )
    version = re.search(r"Asterisk (?:certified[/-])?(\d+)", found.what)
    if taken and version is not None and int(version[1]) >= _FORGETS:
        more.append(
            Finding(
                "bad",
                "pbx_replaced",
                f'another client is subscribed to Asterisk as "{settings.app}" while this service is not',
                "stop the other textback, or give this one an application name of its own (pbx.app)",
            )
        )
    return [*more, *_clock(date, now)]


def _clock(date: str | None, now: datetime) -> Iterator[Finding]:
    """By the Date header (RFC 9110 6.6.1), of whole seconds."""
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return
    if there.tzinfo is None:
        there = there.replace(tzinfo=UTC)
    apart = abs(now - there)
    if apart > _APART:
        state = "bad" if apart > _USELESS else "warn"
        told = f"this clock and Asterisk's are {apart.total_seconds():.0f} s apart"
        yield Finding(state, "clocks_apart", told, "keep both right by NTP")


async def _certificate(url: str) -> datetime | None:
    """When Asterisk's certificate ends; None without TLS, and where it is not trusted, which was said."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=ssl.create_default_context())
    except (OSError, TimeoutError):
        return None
    shown = writer.get_extra_info("peercert") or {}
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    ends = shown.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None


def _ending(url: str, ends: datetime | None, now: datetime) -> Iterator[Finding]:
    if ends is not None and ends - now < _SOON:
        yield Finding(
            "warn",
            "pbx_certificate_ends",
            f"the certificate of {url} is good until {ends:%Y-%m-%d} only: the PBX is not heard from then on",
            "renew it (tlscertfile in http.conf), then asterisk -rx 'module reload http'; and the copy it is trusted by, if any",
        )


async def records(settings: Settings, now: datetime, zone: tzinfo, *, etc: Path = Path("/etc/asterisk")) -> list[Finding]:
    """Can the call records of [pbx.cdr] be read, and do they have the calls that reached no telephone. None without [pbx.cdr]."""
    cdr = settings.pbx.cdr
    if cdr is None:
        return []
    try:
        read = await asyncio.to_thread(read_records, cdr, cut_off(now - _LATELY, zone))
    except TextbackError as error:
        return [Finding("warn", error.code, error.what, error.fix)]
    if not read.rows:
        found = Finding(
            "warn",
            "cdr_silent",
            f"the call records have no call of the last {_LATELY.days} days",
            "see asterisk -rx 'cdr show status', and that pbx.cdr names what it writes to",
        )
    else:
        found = Finding("ok", "cdr", f"call records can be read: {len(read.rows)} rows of the last {_LATELY.days} days")
    more = []
    if read.rows and not any(row.uniqueid for row in read.rows):
        more.append(
            Finding(
                "warn",
                "cdr_no_uniqueid",
                "the call records have no uniqueid: a call of theirs is told from one seen live by its channel and second alone",
                "write loguniqueid = yes under [csv] in cdr.conf, then asterisk -rx 'module reload cdr_csv.so'; "
                "a table needs a column uniqueid",
            )
        )
    if await _unanswered(settings, etc) is False:
        more.append(
            Finding(
                "warn",
                "cdr_unanswered",
                "Asterisk keeps no record of calls that reached no telephone (unanswered = no)",
                "write unanswered = yes under [general] in cdr.conf (FreePBX: cdr_general_custom.conf), "
                "then asterisk -rx 'module reload cdr'",
            )
        )
    return [found, *more]


def judge_history(history: HistoryStatus, zone: tzinfo) -> Iterator[Finding]:
    """What the running service makes of the records: the calls that were missed while it was away. Times in ``zone``."""
    if history.state == "off":
        yield Finding(
            "warn",
            "history_off",
            "calls that come while the service is down are not found again: [pbx.cdr] names no records",
            'write [pbx.cdr] csv = "/var/log/asterisk/cdr-csv/Master.csv", or for a database url_file = "/etc/textback/cdr-url"',
        )
    if history.code:
        yield Finding("warn", history.code, history.what, history.fix)
    elif history.read is not None:
        at = history.read.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
        yield Finding("ok", "history", f"the PBX's records were read at {at}: {history.found} calls found there since the service started")
    if history.cut:
        yield Finding(
            "warn",
            "history_cut",
            "the PBX's records have more rows of that time than are read at once: the oldest calls were left out",
            "textback verify --calls names them, where they matter",
        )


async def _unanswered(settings: Settings, etc: Path) -> bool | None:
    """``unanswered`` of cdr.conf: over AMI (GetConfig, which has it with all it includes), else from the file; None: not to be known."""
    if settings.pbx.ami is not None:
        try:
            value = await setting_of(settings.pbx.ami, "cdr.conf", "general", "unanswered")
        except (PbxError, SettingsError):
            pass  # said of AMI
        else:
            return _true(value)
    if not _is_here(settings.pbx.ari):
        return None
    try:
        text = (etc / "cdr.conf").read_text("utf-8", "replace")
    except OSError:
        return None
    general = re.search(r"^\s*\[general\](.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    if general is None or re.search(r"^\s*#", general[1], re.MULTILINE):
        return None  # what is included may say otherwise
    found = re.findall(r"^\s*unanswered\s*=>?\s*([^;\s]+)", general[1], re.MULTILINE | re.IGNORECASE)
    return _true(found[-1] if found else None)


def _true(value: str | None) -> bool:
    """As Asterisk reads it (``ast_true``); without it, no."""
    return (value or "").strip().lower() in {"yes", "true", "y", "t", "1", "on"}
