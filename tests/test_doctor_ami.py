"""What doctor says of AMI: each thing that keeps calls from being declined, the blacklist from being read, phones from being told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ari_app.doctor_ami import look
from ari_app.settings import AmiSettings, Settings, parse
from tests.pbx.fake_ami import SECRET, server


def settings(ami: AmiSettings | None, *, push: bool = True, **pbx: Any) -> Settings:
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique du Parc", "number": "+15145550100", "timezone": "America/Toronto"},
        "pbx": {"username": "textback", "password": "x", **pbx},
        "portal": {"phones": {"push": push}},
    }
    if ami is not None:
        document["pbx"]["ami"] = ami.model_dump(exclude_none=True)
    return parse(document)


ALL = "Ping: ok\r\nRedirect: ok\r\nGetvar: ok\r\nDBGet: ok"


async def test_it_is_asked_wherever_ami_is_set() -> None:
    async with server() as (fake, ami):
        assert await look(settings(None)) == []
        fake.answers["ListCommands"] = f"Success\r\n{ALL}"
        (found,) = await look(settings(ami, push=False))
        assert (found.state, found.code) == ("ok", "ami")
        (found,) = await look(settings(ami, device="SIP/{extension}"))
        assert (found.state, found.code) == ("warn", "push_not_pjsip")


@pytest.mark.parametrize(
    ("commands", "codes"),
    [
        (f"{ALL}\r\nModuleLoad: ok\r\nPJSIPNotify: ok", ["ami"]),
        (f"{ALL}\r\nModuleLoad: ok", ["ami_no_notify"]),
        (ALL, ["ami_no_right"]),
        ("Ping: ok\r\nModuleLoad: ok\r\nPJSIPNotify: ok\r\nDBGet: ok", ["ami_no_redirect"]),
        ("Ping: ok\r\nRedirect: ok\r\nGetvar: ok\r\nPJSIPNotify: ok", ["ami_no_blacklist"]),
        ("Ping: ok", ["ami_no_redirect", "ami_no_blacklist", "ami_no_right"]),
    ],
)
async def test_what_the_user_may_do(commands: str, codes: list[str]) -> None:
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = f"Success\r\n{commands}"
        found = await look(settings(ami))
    assert [each.code for each in found] == codes
    assert all(bool(each.fix) == (each.state != "ok") for each in found)


async def test_a_login_refused_and_nobody_there() -> None:
    async with server() as (fake, ami):
        fake.answers["Login"] = "Error"
        (refused,) = await look(settings(ami))
    (away,) = await look(settings(ami))
    assert (refused.code, away.code) == ("ami_refused", "ami_unreachable")
    assert "manager.conf" in refused.fix
    assert SECRET not in refused.what + refused.fix


async def test_a_secret_that_cannot_be_read_is_said_of_the_settings_alone() -> None:
    ami = AmiSettings(username="textback", secret_file=Path("/nowhere/secret"))
    assert await look(settings(ami)) == []
