"""What doctor says of contacts: how many there are, how the last look at the clinic's own database ended, what stands in its way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlsplit

from ari_app.contact_settings import ContactsSettings, SourceSettings
from ari_app.contacts.sync import source_of
from ari_app.errors import SettingsError
from ari_app.model import Kind
from ari_app.person import Synced
from ari_app.probes import Finding

__all__ = ["judge_contacts"]

_LONG = timedelta(days=2)
"""Out of step for so long, callers are called by old names."""


def judge_contacts(
    settings: ContactsSettings, counts: Mapping[Kind, int], states: Sequence[Synced], now: datetime, zone: tzinfo = UTC
) -> Iterator[Finding]:
    """``counts`` and ``states`` as ``store.contacts`` has them. Nothing where no contacts are used."""
    kept = {each.source: each for each in states}
    if settings.source is not None:
        yield from _source(settings.source)
        yield _synced(kept.get("sync"), now, zone)
    total = sum(counts.values())
    if total or "import" in kept:
        by_kind = ", ".join(f"{count} {kind.value}" for kind, count in counts.items() if count)
        imported = f"; last import {_day(kept['import'].at, zone)}: {_counts(kept['import'])}" if "import" in kept else ""
        yield Finding("ok", "contacts", f"{total} contacts{f' ({by_kind})' if by_kind else ''}{imported}")


def _source(settings: SourceSettings) -> Iterator[Finding]:
    """Can it be used at all, and is what it is asked with safe on its way."""
    try:
        source_of(settings)
        settings.read_password()
    except SettingsError as error:
        yield Finding("bad", error.code, error.what, error.fix)
        return
    if settings.server is not None and settings.server.startswith("ldap://") and not settings.start_tls and not _here(settings.server):
        yield Finding(
            "warn",
            "ldap_plain",
            f"{settings.server} is asked without encryption: names and numbers, and the password, can be read on the way",
            'set start_tls = true in [contacts.source], or server to "ldaps://…"',
        )
    if settings.kind == "sql" and settings.read_url().startswith("mssql"):
        yield Finding(
            "ok",
            "mssql_user",
            "SQL Server has no transaction that only reads: give contacts.source.url a user who may only read (db_datareader)",
        )


def _here(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _synced(last: Synced | None, now: datetime, zone: tzinfo) -> Finding:
    if last is None:
        return Finding(
            "warn",
            "contacts_never",
            "contacts were not read from the clinic's own database yet",
            "start the service, or: textback contacts sync",
        )
    when = _day(last.at, zone)
    good = "never before" if last.good is None else f"last in step {_day(last.good, zone)}"
    match last.state:
        case "refused":
            return Finding("bad", "contacts_refused", f"at {when} the source was not obeyed ({good}): {last.what}", last.fix)
        case "failed":
            long = last.good is None or now - last.good > _LONG
            return Finding("bad" if long else "warn", "contacts_failed", f"at {when} ({good}): {last.what}", last.fix)
    if not last.total:
        return Finding(
            "warn",
            "contacts_none",
            f"at {when} the source had nobody who can be used ({last.refused} rows could not)",
            "see textback contacts sync --dry-run --errors FILE",
        )
    if last.refused > last.total:
        return Finding(
            "warn",
            "contacts_rows",
            f"at {when}: {last.total} contacts, and {last.refused} rows that cannot be used",
            "see why: textback contacts sync --dry-run --errors FILE",
        )
    return Finding("ok", "contacts_synced", f"in step with {last.what} since {when}: {last.total} contacts, {_counts(last)}")


def _counts(last: Synced) -> str:
    return f"{last.added} added, {last.changed} changed, {last.removed} removed, {last.refused} rows refused"


def _day(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
