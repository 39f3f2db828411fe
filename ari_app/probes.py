"""What doctor looks at by itself, beside or without the service: Asterisk's ARI, the modems' ports, the store's file."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import pwd
import sqlite3
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from ari_app.errors import SettingsError
from ari_app.settings import ModemSettings, PbxSettings
from modem.errors import ModemError
from modem.kannel import check
from modem.kannel_sending import Account
from modem.ports import find, is_pattern
from modem.probe import probe
from modem.timing import Timing

__all__ = ["Finding", "ari", "bearer", "disk", "files", "intact"]

_PATIENCE = 5.0
_LITTLE, _TOO_LITTLE = 500_000_000, 50_000_000
"""Bytes: a store of a busy clinic grows by some 100 MB a year, and SQLite's log needs room beside it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. ``state``: "ok", "warn" or "bad"; ``fix`` is empty when it is ok."""

    state: str
    code: str
    what: str
    fix: str = ""


async def ari(settings: PbxSettings, password: str) -> Finding:
    """Does Asterisk answer this ARI user, and may it write. Changes nothing: the write is the hang-up of a channel that is not there."""
    token = base64.b64encode(f"{settings.username}:{password}".encode()).decode("ascii")
    base = settings.ari.rstrip("/")
    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with aiohttp.ClientSession(headers={"Authorization": f"Basic {token}"}, timeout=timeout) as http:
            async with http.get(f"{base}/ari/asterisk/info", params={"only": "system"}, allow_redirects=False) as answer:
                if answer.status != 200:
                    return _status(answer.status, settings)
                found = await answer.json(content_type=None)
            async with http.delete(f"{base}/ari/channels/textback-doctor", allow_redirects=False) as answer:
                writes = answer.status != 403
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return _unreachable(error, base)
    try:
        version = str(found["system"]["version"])
    except (KeyError, TypeError):
        return Finding("bad", "pbx_not_asterisk", f"{base} answers, but not as Asterisk does", "set pbx.ari to Asterisk's HTTP server")
    if not writes:
        return Finding(
            "bad",
            "pbx_read_only",
            f'Asterisk {version} sees the ARI user "{settings.username}" as read-only: the service does not start, as it could filter '
            "no events, light no lamp and call nobody back",
            "set read_only = no for this user in ari.conf, then asterisk -rx 'module reload res_ari.so'",
        )
    return Finding("ok", "pbx_answers", f"Asterisk {version} answers at {base}")


def _status(status: int, settings: PbxSettings) -> Finding:
    base = settings.ari.rstrip("/")
    match status:
        case 401:
            return Finding(
                "bad",
                "pbx_auth",
                f'Asterisk refuses the ARI user "{settings.username}" or its password (401)',
                "make pbx.username and pbx.password the same as in ari.conf, then asterisk -rx 'module reload res_ari.so'",
            )
        case 403:
            return Finding(
                "bad",
                "pbx_forbidden",
                f'Asterisk forbids the ARI user "{settings.username}" to look (403)',
                "see this user in ari.conf and the permissions of http.conf, then asterisk -rx 'module reload res_ari.so'",
            )
        case 404:
            return Finding(
                "bad",
                "pbx_no_ari",
                f"{base} has no ARI (404): Asterisk is still loading, or ARI is off",
                "wait a moment; else set enabled = yes in ari.conf and see that res_ari.so is loaded",
            )
        case 503:
            return Finding("bad", "pbx_loading", "Asterisk is still loading (503)", "wait a moment")
    return Finding("bad", "pbx_odd", f"{base} answers with {status}", "set pbx.ari to Asterisk's HTTP server (http.conf)")


def _unreachable(error: Exception, base: str) -> Finding:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return _tls(error, base)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Finding("bad", "pbx_name", f"the name in {base} is not known", "write the PBX's address in pbx.ari")
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return Finding(
            "bad",
            "pbx_refused",
            f"nothing listens at {base}",
            "start Asterisk, and its HTTP server (enabled = yes in http.conf), or correct pbx.ari",
        )
    if isinstance(error, TimeoutError):
        return Finding(
            "bad", "pbx_timeout", f"{base} does not answer within {_PATIENCE:.0f} s", "see that Asterisk runs and no firewall is between"
        )
    return Finding(
        "bad", "pbx_unreachable", f"{base} cannot be used ({_plain(error)})", "set pbx.ari to Asterisk's HTTP server (http.conf)"
    )


_UNKNOWN_ISSUERS = frozenset({18, 19, 20, 21})
"""Self-signed, or signed by one this machine does not know. These and the next: X509_V_ERR_… of OpenSSL's x509_vfy.h."""
_OTHER_NAMES = frozenset({62, 64})
_TOO_EARLY_OR_LATE = frozenset({9, 10})


def _tls(error: Exception, base: str) -> Finding:
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return Finding(
            "bad",
            "pbx_tls",
            f"{base} does not speak TLS as it should ({_plain(error)})",
            "set tlsenable = yes and tlsbindaddr in Asterisk's http.conf and pbx.ari to that port, or write http:// for loopback",
        )
    fix = "give Asterisk another certificate (tlscertfile in http.conf)"
    if cause.verify_code in _UNKNOWN_ISSUERS:
        fix = (
            "let systemctl edit textback say [Service] Environment=SSL_CERT_FILE=/etc/textback/pbx.pem, a copy of that certificate "
            "(or its issuer's); set SSL_CERT_FILE for this command too. Or give Asterisk one of an authority this machine trusts "
            "(tlscertfile in http.conf)"
        )
    elif cause.verify_code in _OTHER_NAMES:
        fix = "write the name the certificate is for in pbx.ari, or give Asterisk one for this name (tlscertfile in http.conf)"
    elif cause.verify_code in _TOO_EARLY_OR_LATE:
        fix = "see this machine's clock, then renew Asterisk's certificate (tlscertfile in http.conf)"
    return Finding("bad", "pbx_tls", f"the certificate of {base} is not trusted ({cause.verify_message})", fix)


def _plain(error: Exception) -> str:
    return str(error) or type(error).__name__


async def bearer(settings: ModemSettings) -> Finding:
    """What can be told of a [[modem]] while the service is down (it holds the port): modem and SIM, or whether a Kannel answers.

    Changes nothing and sends nothing; a PIN is not tried.
    """
    try:
        if settings.kind == "kannel":
            return await _kannel(settings)
        port = await find(settings.imei, Timing(), port=settings.port) if is_pattern(settings.port) else settings.port
        (said,) = await probe(port)
        trouble = said.trouble(pin=settings.pin is not None or settings.pin_file is not None)
    except ModemError as error:
        trouble = error
    if trouble is not None:
        return Finding("bad", trouble.code, trouble.what, trouble.fix)
    network = f"registered with {said.operator or 'its network'}" if said.registration else "its network is known once the service runs"
    return Finding("ok", "modem_answers", f"{said.model or 'a modem'} answers at {port}: {network}")


async def _kannel(settings: ModemSettings) -> Finding:
    """Raises ModemError."""
    try:
        account = Account(settings.url or "", settings.username or "", settings.read_password(), settings.number or "", settings.smsc)
    except SettingsError as error:
        return Finding("bad", error.code, error.what, error.fix)
    trouble = await check(account, Timing())
    if trouble is not None:
        raise trouble
    return Finding("ok", "kannel_answers", f"Kannel answers at {settings.url} and knows {settings.username}")


def files(path: Path) -> list[Finding]:
    """Who owns the store's files, and who may read them."""
    found = []
    stands = path.stat()
    names = [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", ".lock"))]
    foreign = [each for each in names[1:] if each.exists() and each.stat().st_uid != stands.st_uid]
    if foreign:
        owner = _user(stands.st_uid)
        listed = " ".join(str(each) for each in foreign)
        found.append(Finding("bad", "store_owner", f"{listed}: not owned by {owner}, who owns the store", f"chown {owner}: {listed}"))
    if stands.st_mode & 0o077:
        found.append(
            Finding("warn", "store_mode", f"{path} may be read by others (mode {stands.st_mode & 0o777:03o})", f"chmod 600 {path}")
        )
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def disk(path: Path) -> Finding:
    """Room left where the store is, for who is not root."""
    at = os.statvfs(path.parent)
    free = at.f_bavail * at.f_frsize
    said = f"{free / 1e6:,.0f} MB free at {path.parent}"
    if free < _TOO_LITTLE:
        return Finding("bad", "disk_full", said, "free space now: what cannot be written cannot be sent")
    if free < _LITTLE:
        return Finding("warn", "disk_low", said, "free space")
    return Finding("ok", "disk", said)


async def intact(path: Path) -> Finding:
    """SQLite's own check of the whole file (https://sqlite.org/pragma.html#pragma_quick_check)."""
    return await asyncio.to_thread(_intact, path)


def _intact(path: Path) -> Finding:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said == "ok":
        log = path.with_name(path.name + "-wal")
        size = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        return Finding("ok", "store", f"{path}, {size / 1e6:,.1f} MB, sound")
    return Finding(
        "bad",
        "store_damaged",
        f"{path} is damaged: {said}",
        "run systemctl stop textback, then textback restore latest, then systemctl start textback; the damaged file is kept",
    )
