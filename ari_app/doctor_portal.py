"""What doctor says of the portal: who may sign in, who can reach it, its certificate, its phones."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from ari_app.probes import Finding
from ari_app.provisioning import reaches
from ari_app.settings import PortalSettings, Settings

__all__ = ["certificate", "judge_portal"]

_SOON = timedelta(days=30)
_WIDE = {4: 8, 6: 32}
"""Bits of a network's prefix per IP version: one with fewer is no clinic's."""


def judge_portal(settings: Settings, administrators: int, phones: int) -> Iterator[Finding]:
    """What the settings and the store say. ``administrators``: members who may change things; ``phones``: keys of phones not revoked."""
    if not administrators:
        yield Finding(
            "warn",
            "no_administrator",
            "no member is an administrator: nobody can change settings in the portal, nor see who did what",
            "add one: textback staff add LOGIN --name NAME --role administrator",
        )
    portal = settings.portal
    if portal.certificate is None and not portal.proxies and not _loopback(portal):
        yield Finding(
            "warn",
            "portal_plain",
            f"the portal listens at {portal.listen} without TLS: passwords and patients' texts can be read on the way",
            "set portal.certificate and portal.key, or let a proxy with TLS stand before it (portal.proxies)",
        )
    yield from _phones(settings, phones)


def _phones(settings: Settings, phones: int) -> Iterator[Finding]:
    allowed = settings.portal.phones.allow
    if phones and not allowed:
        yield Finding(
            "warn",
            "phones_nobody",
            f"{phones} phones have a token, and portal.phones.allow is empty: none is answered",
            'write their network there, such as allow = ["192.168.1.0/24"], or revoke them: textback staff phone revoke ID',
        )
    if allowed and reaches(settings) == "none":
        yield Finding(
            "warn",
            "phones_address",
            f"phones may ask, and portal.listen is {settings.portal.listen}: which address they use is not known",
            'set portal.base_url, such as "http://192.168.1.10:8790"',
        )
    networks = map(ipaddress.ip_network, allowed)
    wide = [str(network) for network in networks if network.prefixlen < _WIDE[network.version]]
    if wide:
        yield Finding(
            "warn",
            "phones_wide",
            f"portal.phones.allow has {', '.join(wide)}: a leaked token opens the inbox from nearly anywhere",
            "write the phones' own network there",
        )
    if settings.portal.phones.push and settings.pbx.ami is None:
        yield Finding(
            "warn",
            "push_no_ami",
            "portal.phones.push is on and there is no [pbx.ami]: no phone is told anything",
            "add [pbx.ami] with a user that may write system, or set push = false",
        )


def _loopback(portal: PortalSettings) -> bool:
    host = portal.listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate(path: Path, key: Path, now: datetime, zone: tzinfo = UTC) -> Finding:
    """Can the portal use this certificate, and for how long. Looked at as OpenSSL does, in a handshake with ourselves."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(path, key, password=lambda: "")  # a key with a password would be asked for on the terminal
        ends = _ends(server, path)
    except ssl.SSLCertVerificationError as error:
        return Finding("bad", "certificate", f"the certificate {path} is no good: {error.verify_message}", "renew it")
    except ssl.SSLError as error:
        said = (error.reason or "not PEM").replace("_", " ").lower()
        return Finding(
            "bad",
            "certificate",
            f"portal.certificate {path} and portal.key {key} cannot be used ({said})",
            "write PEM files that belong together, the key without a password",
        )
    except OSError as error:
        unread = path if not _readable(path) else key
        return Finding("bad", "certificate", f"cannot read {unread} ({error.strerror})", "let the service's user read it")
    until = f"the portal's certificate is good until {ends.astimezone(zone):%Y-%m-%d}"
    if ends - now < _SOON:
        return Finding("warn", "certificate_ends", until, "renew it, then systemctl restart textback")
    return Finding("ok", "certificate", until)


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _ends(server: ssl.SSLContext, path: Path) -> datetime:
    """When the first certificate of a file ends. Raises SSLCertVerificationError when it did, or is not valid yet."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(path)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # it vouches for itself: only dates and form are looked at
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for _ in range(3):  # TLS 1.3 takes two turns, TLS 1.2 three
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    said = ours.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC)
