"""doctor and contacts: how the last look at the clinic's own database ended, and what stands in its way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.doctor_contacts import judge_contacts
from ari_app.logs import secrets_of
from ari_app.model import Kind
from ari_app.person import Synced
from ari_app.settings import Settings, parse

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
CSV: dict[str, Any] = {"kind": "csv", "path": "/srv/clients.csv"}
LDAP: dict[str, Any] = {"kind": "ldap", "server": "ldap://directory.example", "base": "dc=x"}
WELL = Synced(
    source="sync", at=NOW, state="ok", what="CSV, utf-8", fix="", total=12, added=1, changed=2, removed=3, refused=4, good=NOW,
)  # fmt: skip


def settings(source: dict[str, Any] | None, **more: Any) -> Settings:
    contacts = ({} if source is None else {"source": source}) | more
    return parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": {"username": "u", "password": "p"}, "contacts": contacts})


def told(source: dict[str, Any] | None, *states: Synced, **counts: int) -> dict[str, tuple[str, str]]:
    kinds = {Kind(kind): count for kind, count in counts.items()}
    found = list(judge_contacts(settings(source).contacts, kinds, states, NOW))
    assert all(each.what and (each.fix or each.state == "ok") for each in found)
    return {each.code: (each.state, each.what) for each in found}


def test_who_uses_no_contacts_is_told_nothing() -> None:
    assert told(None) == {}


def test_how_many_there_are_and_the_last_import() -> None:
    said = told(None, replace(WELL, source="import"), client=10, supplier=2)
    assert said["contacts"][0] == "ok"
    assert "12 contacts (10 client, 2 supplier)" in said["contacts"][1]
    assert "1 added, 2 changed, 3 removed, 4 rows refused" in said["contacts"][1]


@pytest.mark.parametrize(
    ("changes", "code", "state"),
    [
        ({}, "contacts_synced", "ok"),
        ({"total": 0}, "contacts_none", "warn"),
        ({"refused": 13}, "contacts_rows", "warn"),
        ({"state": "failed", "what": "it is down", "fix": "start it"}, "contacts_failed", "warn"),
        ({"state": "failed", "what": "it is down", "fix": "start it", "good": NOW - timedelta(days=3)}, "contacts_failed", "bad"),
        ({"state": "failed", "what": "it is down", "fix": "start it", "good": None}, "contacts_failed", "bad"),
        ({"state": "refused", "what": "it has 2 of 12", "fix": "see it"}, "contacts_refused", "bad"),
    ],
)
def test_how_the_last_look_ended(changes: dict[str, Any], code: str, state: str) -> None:
    assert told(CSV, replace(WELL, **changes))[code][0] == state


def test_nothing_was_read_yet() -> None:
    assert told(CSV)["contacts_never"][0] == "warn"


@pytest.mark.parametrize(
    ("source", "code", "state"),
    [
        (LDAP, "ldap_plain", "warn"),
        ({**LDAP, "username": "cn=x", "password_file": "/nowhere/password"}, "settings", "bad"),
        ({"kind": "sql", "url_file": "/nowhere/url", "query": "SELECT 1"}, "settings", "bad"),
        ({"kind": "sql", "url": "mssql://u:p@db/clinic", "query": "SELECT 1"}, "no_driver", "bad"),
        ({"kind": "sql", "url": "sqlite:////srv/clinic.db", "query": "DELETE FROM client"}, "settings", "bad"),
    ],
)
def test_what_stands_in_the_way(source: dict[str, Any], code: str, state: str) -> None:
    assert told(source, WELL)[code][0] == state


@pytest.mark.parametrize("changes", [{"start_tls": True}, {"server": "ldaps://directory.example"}, {"server": "ldap://127.0.0.1"}])
def test_a_directory_that_is_asked_safely(changes: dict[str, Any]) -> None:
    assert "ldap_plain" not in told(LDAP | changes, WELL)


def test_the_secrets_of_sources_are_struck_out_of_logs(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://reader:p%40ss-of-it@db/clinic\n")
    filing = {"webhook": "https://dossiers.example/hook", "secret": "secret-of-filing"}
    sql = secrets_of(settings({"kind": "sql", "url_file": str(secret), "query": "SELECT 1"}, filing=filing))
    assert {"p@ss-of-it", "p%40ss-of-it", "secret-of-filing", "postgresql://reader:p%40ss-of-it@db/clinic"} <= set(sql)
    assert "ldap-pass" in secrets_of(settings({**LDAP, "username": "cn=x", "password": "ldap-pass"}))
    assert secrets_of(settings({"kind": "sql", "url_file": "/nowhere/url", "query": "SELECT 1"})) == ("p",)
