"""A real mail server and a real receiver of POSTs, with all that may be wrong with them."""

from __future__ import annotations

import asyncio
import re
import threading
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_app import webhook
from ari_app.alarms import ways as rooms
from ari_app.alarms.ways import AlarmError, Way, ways
from ari_app.errors import SettingsError
from ari_app.logs import secrets_of
from ari_app.threads.alarms import Alarm
from tests.alarms.receivers import TO, mailbox, receiver, settings, silent
from tests.test_doctor_tls import a_certificate
from tests.threads.world import START, HandClock

ALARM = Alarm(id=7, code="modem_down", subject="gsm1", facts={"says": "no carrier", "modem_code": "x"}, since=START, over=None)
OVER = Alarm(id=7, code="modem_down", subject="gsm1", facts={"says": "no carrier"}, since=START, over=START + timedelta(minutes=9))


def way(folder: Path, **alarm: Any) -> Way:
    (found,) = ways(settings(folder, **alarm), HandClock())
    return found


async def refused(folder: Path, **alarm: Any) -> AlarmError:
    with pytest.raises(AlarmError) as told:
        await way(folder, **alarm).tell("raised", ALARM)
    assert told.value.fix
    return told.value


# -- e-mail


async def test_a_letter_in_clear(tmp_path: Path) -> None:
    async with mailbox() as box:
        said = await way(tmp_path, email=box.email).tell("raised", ALARM)
        await way(tmp_path, email=box.email).tell("raised", ALARM)
        await way(tmp_path, email=box.email, language="en").tell("over", OVER)
        await way(tmp_path, email=box.email).tell("test", None)
    assert all(each in said for each in TO)
    raised, again, over, tried = box.letters
    assert raised["Subject"] == "[textback] Clinique Tremblay – Alarme – Le modem gsm1 n’est pas inscrit au réseau (no carrier)"
    assert (raised["From"], raised["To"], raised["Auto-Submitted"]) == ("textback@clinique.example", ", ".join(TO), "auto-generated")
    assert parsedate_to_datetime(raised["Date"]) == START
    assert re.fullmatch(r"<[0-9a-f]{32}\.textback@clinique\.example>", raised["Message-ID"])
    assert raised["Message-ID"] == again["Message-ID"]  # a mail program shows it once
    assert len({each["Message-ID"] for each in box.letters}) == 3
    assert "Depuis\N{NO-BREAK SPACE}: 2026-03-02 10:00 EST" in raised.get_content()
    assert "This is over: The modem gsm1 is not registered with the network (no carrier)." in over.get_content()
    assert "Over since: 2026-03-02 10:09 EST" in over.get_content()
    assert "Ceci est un essai" in tried.get_content()


async def test_starttls_and_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = await a_certificate(tmp_path, "DNS:localhost")
    login = {"tls": "starttls", "username": "textback", "password": "motdepasse"}
    async with mailbox(starttls=context, password="motdepasse") as box:
        assert (await refused(tmp_path, email=box.email | login)).code == "mail_tls"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await way(tmp_path, email=box.email | login).tell("raised", ALARM)
        assert (await refused(tmp_path, email=box.email | login | {"password": "autre"})).code == "mail_login"
        assert (await refused(tmp_path, email=box.email)).code == "mail_refused"  # it wants STARTTLS first
    assert len(box.letters) == 1


async def test_tls_from_the_first_byte_and_a_certificate_nobody_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = await a_certificate(tmp_path, "DNS:localhost")
    async with mailbox(tls=context) as box:
        told = await refused(tmp_path, email=box.email | {"tls": "tls"})
        assert (told.code, "self-signed" in told.what, "SSL_CERT_FILE" in told.fix) == ("mail_tls", True, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await way(tmp_path, email=box.email | {"tls": "tls"}).tell("raised", ALARM)
    async with mailbox() as plain:
        assert (await refused(tmp_path, email=plain.email | {"tls": "tls"})).code == "mail_tls"
        assert (await refused(tmp_path, email=plain.email | {"tls": "starttls"})).code == "mail_tls"
    assert len(box.letters) == 1


async def test_a_server_that_puts_off_and_one_that_refuses(tmp_path: Path) -> None:
    async with mailbox() as box:
        box.refuses = ["451 4.7.1 greylisted"] * 2
        told = await refused(tmp_path, email=box.email)
        assert (told.code, told.facts["status"], "greylisted" in told.what) == ("mail_refused", 451, True)
        box.only = TO[1]
        said = await way(tmp_path, email=box.email).tell("raised", ALARM)
        assert f"refused: {TO[0]} (550 no such mailbox)" in said
    assert len(box.letters) == 1


async def test_a_server_that_is_not_there_or_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with silent() as port:
        email = {"to": TO[:1], "sender": "t@c.example", "port": port}
        hanging = asyncio.create_task(way(tmp_path, email=email).tell("raised", ALARM))
        while not any(each.name == "alarm-mail" for each in threading.enumerate()):  # noqa: ASYNC110 - a thread tells nobody
            await asyncio.sleep(0)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging  # a stop of the service waits for no mail server
        monkeypatch.setattr(rooms, "_PATIENCE", 0.2)
        assert (await refused(tmp_path, email=email)).code == "mail_slow"
    assert (await refused(tmp_path, email=email)).code == "mail_down"
    assert (await refused(tmp_path, email=email | {"host": "mail.invalid"})).code == "mail_down"


async def test_a_password_that_cannot_be_read(tmp_path: Path) -> None:
    email = {"to": TO, "sender": "t@c.example", "username": "u", "password_file": str(tmp_path / "none")}
    with pytest.raises(SettingsError, match=r"alarm\.email\.password"):
        await way(tmp_path, email=email).tell("raised", ALARM)


def test_their_secrets_are_known_to_the_log(tmp_path: Path) -> None:
    email = {"to": TO, "sender": "t@c.example", "username": "u", "password": "mot-de-passe"}
    chosen = settings(tmp_path, email=email, webhook={"url": "http://127.0.0.1:9/h", "secret": "le-secret"})
    assert {"mot-de-passe", "le-secret"} <= set(secrets_of(chosen))


# -- webhook


async def test_a_signed_post(tmp_path: Path) -> None:
    async with receiver() as there:
        assert await way(tmp_path, webhook=there.webhook).tell("raised", ALARM) == "it answers 204"
        await way(tmp_path, webhook=there.webhook).tell("raised", ALARM)
        await way(tmp_path, webhook=there.webhook, language="en").tell("over", OVER)
        await way(tmp_path, webhook=there.webhook).tell("test", None)
    raised, again, over, tried = there.told
    assert raised == again
    assert (raised["code"], raised["subject"], raised["telling"], raised["since"], raised["over"]) == (
        "modem_down",
        "gsm1",
        "raised",
        "2026-03-02T15:00:00+00:00",
        None,
    )
    assert over["what"].startswith("The modem gsm1")
    assert over["over"] == "2026-03-02T15:09:00+00:00"
    assert (tried["telling"], "code" in tried) == ("test", False)
    assert len({each["id"] for each in there.told}) == 3


async def test_a_receiver_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as there:
        there.statuses = [500, 302]
        told = await refused(tmp_path, webhook=there.webhook)
        assert (told.code, told.facts["status"]) == ("webhook_status", 500)
        assert "redirects" in (await refused(tmp_path, webhook=there.webhook)).fix
    assert (await refused(tmp_path, webhook=there.webhook)).code == "webhook_down"
    _, context = await a_certificate(tmp_path)
    async with mailbox(tls=context) as box:
        assert (await refused(tmp_path, webhook=there.webhook | {"url": f"https://localhost:{box.port}/h"})).code == "webhook_tls"
    monkeypatch.setattr(webhook, "_PATIENCE", aiohttp.ClientTimeout(total=0.2))
    async with silent() as port:
        assert (await refused(tmp_path, webhook=there.webhook | {"url": f"http://localhost:{port}/h"})).code == "webhook_slow"
