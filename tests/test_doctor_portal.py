"""doctor and the portal: who may sign in, who reaches it, its certificate, its phones."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_app.doctor_portal import certificate, judge_portal
from ari_app.settings import Settings, load, parse
from tests.contract.clinic import run, write_settings
from tests.contract.conftest import _logs_as_before
from tests.test_doctor_tls import a_certificate, openssl

__all__ = ["_logs_as_before"]

NOW = datetime.now(UTC)


def settings(**portal: object) -> Settings:
    ami = portal.pop("ami", None)
    pbx = {"username": "u", "password": "p"} | ({"ami": ami} if ami else {})
    return parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": pbx, "portal": portal})


def codes(found: Settings, administrators: int = 1, phones: int = 0) -> list[str]:
    findings = list(judge_portal(found, administrators, phones))
    assert all(finding.state == "warn" and finding.what and finding.fix for finding in findings)
    return [finding.code for finding in findings]


LAN, TLS = {"listen": "192.168.1.10:8790"}, {"certificate": "/c.pem", "key": "/k.pem"}


@pytest.mark.parametrize(
    ("portal", "said"),
    [
        ({}, []),
        ({"listen": "[::1]:8790"}, []),
        ({"listen": "localhost:8790"}, []),
        (LAN, ["portal_plain"]),
        ({"listen": "0.0.0.0:8790"}, ["portal_plain"]),
        ({"listen": "textback.lan:8790"}, ["portal_plain"]),
        (LAN | TLS, []),
        (LAN | {"proxies": ["192.168.1.2"]}, []),
        (LAN | TLS | {"phones": {"allow": ["192.168.1.0/24"]}}, []),
        ({"listen": "0.0.0.0:8790", "phones": {"allow": ["10.0.0.0/8"]}} | TLS, ["phones_address"]),
        ({"listen": "0.0.0.0:8790", "base_url": "https://t.example", "phones": {"allow": ["10.0.0.0/8"]}} | TLS, []),
        ({"phones": {"allow": ["0.0.0.0/0"]}}, ["phones_wide"]),
        ({"phones": {"allow": ["::/0"]}}, ["phones_wide"]),
        ({"phones": {"allow": ["192.168.1.20", "fd00:1::/48"]}}, []),
        ({"phones": {"push": True}}, ["push_no_ami"]),
        ({"phones": {"push": True}, "ami": {"username": "t", "secret": "s"}}, []),
    ],
)
def test_what_the_settings_say(portal: dict[str, object], said: list[str]) -> None:
    assert codes(settings(**portal)) == said


def test_somebody_must_be_an_administrator() -> None:
    assert codes(settings(), administrators=0) == ["no_administrator"]


def test_phones_that_no_network_may_ask_from_are_told() -> None:
    assert codes(settings(), phones=2) == ["phones_nobody"]
    assert codes(settings(phones={"allow": ["192.168.1.0/24"]}), phones=2) == []


async def test_a_certificate_is_told_with_its_end(tmp_path: Path) -> None:
    path, _ = await a_certificate(tmp_path)  # of 30 days
    found = certificate(path, tmp_path / "pbx.key", NOW - timedelta(days=5))
    assert (found.state, found.code, found.fix) == ("ok", "certificate", "")
    assert f"{NOW + timedelta(days=30):%Y-%m}" in found.what
    found = certificate(path, tmp_path / "pbx.key", NOW + timedelta(days=1))
    assert (found.state, found.code) == ("warn", "certificate_ends")
    assert "renew" in found.fix


async def test_a_certificate_that_ran_out(tmp_path: Path) -> None:
    path, _ = await a_certificate(tmp_path, ran_out=True)
    found = certificate(path, tmp_path / "pbx.key", NOW)
    assert (found.state, found.code) == ("bad", "certificate")
    assert "expired" in found.what


async def test_a_certificate_of_an_authority_is_looked_at_by_itself(tmp_path: Path) -> None:
    """As Let's Encrypt gives them: leaf and intermediate in one file, the root in none."""
    path, _ = await a_certificate(tmp_path)
    key = ("-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key")
    await openssl(tmp_path, "req", "-new", *key, "-subj", "/CN=leaf", "-out", "leaf.csr")
    sign = ("-CA", path.name, "-CAkey", "pbx.key", "-CAcreateserial", "-days", "90", "-out", "leaf.pem")
    await openssl(tmp_path, "x509", "-req", "-in", "leaf.csr", *sign)
    chain = tmp_path / "chain.pem"
    chain.write_bytes((tmp_path / "leaf.pem").read_bytes() + path.read_bytes())
    for file in (chain, tmp_path / "leaf.pem"):
        found = certificate(file, tmp_path / "leaf.key", NOW)
        assert (found.state, found.code) == ("ok", "certificate"), found


async def test_a_certificate_and_a_key_that_do_not_belong_together_or_cannot_be_read(tmp_path: Path) -> None:
    path, _ = await a_certificate(tmp_path)
    await openssl(tmp_path, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other.key")
    await openssl(tmp_path, "ec", "-in", "other.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    (tmp_path / "words.pem").write_text("no certificate", "utf-8")
    for file, key, words in (
        (path, "other.key", "mismatch"),
        (path, "locked.key", "cannot be used"),
        (tmp_path / "words.pem", "pbx.key", "cannot be used"),
        (path, "gone.key", "gone.key (No such file"),
        (tmp_path / "gone.pem", "pbx.key", "gone.pem (No such file"),
    ):
        found = certificate(file, tmp_path / key, NOW)
        assert (found.state, found.code) == ("bad", "certificate")
        assert words in found.what, found
        assert found.fix


def told(config: Path, part: str) -> list[tuple[str, str]]:
    """What the command says of one part."""
    return [(item["state"], item["code"]) for item in json.loads(run(config, "doctor", "--json").stdout)["items"] if item["part"] == part]


def staff(config: Path, *args: str) -> None:
    assert run(config, "staff", *args).exit_code == 0


def test_the_command_tells_who_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "spoken"
    folder.mkdir(0o750)
    config = write_settings(tmp_path, f'[agi]\nsounds = "{folder}"\n')
    staff(config, "add", "marc", "--no-password")
    assert told(config, "portal") == [("warn", "no_administrator")]
    assert told(config, "voice") == []
    staff(config, "add", "anne", "--role", "administrator", "--no-password")
    assert told(config, "portal") == [("ok", "portal")]
    staff(config, "phone", "add", "marc", "--brand", "snom")
    assert told(config, "portal") == [("warn", "phones_nobody")]
    staff(config, "phone", "revoke", "1")
    assert told(config, "portal") == [("ok", "portal")]
    staff(config, "change", "marc", "--extension", "202")
    assert told(config, "voice")


def test_the_command_tells_what_the_portal_rules(tmp_path: Path) -> None:
    config = write_settings(tmp_path, '[reply]\nmode = "send"\n')
    staff(config, "add", "anne", "--no-password")
    with sqlite3.connect(load(config).store.path) as store:
        row = ("2026-03-02T15:00:00Z", "Anne Roy")
        store.executemany(
            "INSERT INTO setting VALUES (?, ?, ?, ?)", [("reply.mode", '"watch"', *row), ("hours.exception", "no JSON", *row)]
        )
    assert sorted(told(config, "settings")) == [("warn", "paused"), ("warn", "setting_left_out")]
    assert "Anne Roy" in run(config, "doctor").stdout
