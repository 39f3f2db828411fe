"""What doctor says of AMI: only where push is wanted, and each thing that keeps phones from being told."""

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


async def test_it_is_asked_only_where_phones_are_to_be_told() -> None:
    async with server() as (fake, ami):
        assert await look(settings(ami, push=False)) is None
        assert await look(settings(None)) is None
        found = await look(settings(ami, device="SIP/{extension}"))
        assert found is not None
        assert (found.state, found.code) == ("warn", "push_not_pjsip")
        assert fake.heard == []


@pytest.mark.parametrize(
    ("commands", "state", "code"),
    [
        ("Ping: ok\r\nModuleLoad: ok\r\nPJSIPNotify: ok", "ok", "ami"),
        ("Ping: ok\r\nModuleLoad: ok", "warn", "ami_no_notify"),
        ("Ping: ok", "warn", "ami_no_right"),
    ],
)
async def test_what_the_user_may_do(commands: str, state: str, code: str) -> None:
    async with server() as (fake, ami):
        fake.answers["ListCommands"] = f"Success\r\n{commands}"
        found = await look(settings(ami))
    assert found is not None
    assert (found.state, found.code) == (state, code)
    assert bool(found.fix) == (state != "ok")


async def test_a_login_refused_and_nobody_there() -> None:
    async with server() as (fake, ami):
        fake.answers["Login"] = "Error"
        refused = await look(settings(ami))
    away = await look(settings(ami))
    assert refused is not None
    assert away is not None
    assert (refused.code, away.code) == ("ami_refused", "ami_unreachable")
    assert "manager.conf" in refused.fix
    assert SECRET not in refused.what + refused.fix


async def test_a_secret_that_cannot_be_read_is_said_of_the_settings_alone() -> None:
    ami = AmiSettings(username="textback", secret_file=Path("/nowhere/secret"))
    assert await look(settings(ami)) is None
