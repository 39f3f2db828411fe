"""How a call back is dialled, as far as settings say; that it rings is tested on the real Asterisk (tests/lab/test_portal_pbx.py)."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from ari_app.clock import SystemClock
from ari_app.errors import PbxRequestError, PbxUnavailableError, RefusedError, SettingsError
from ari_app.pbx.ari import AriClient
from ari_app.pbx.dial import Dialler
from ari_app.settings import Settings, parse

NUMBER = "+15145550123"


def settings(ari: str = "http://127.0.0.1:8088", **pbx: Any) -> Settings:
    clinic = {"name": "Clinique du Parc", "number": "+15145550100", "timezone": "America/Toronto"}
    return parse({"clinic": clinic, "pbx": {"ari": ari, "username": "textback", "password": "x", **pbx}})


@pytest.mark.parametrize(
    ("key", "value"), [("device", "PJSIP/{national}"), ("device", "PJSIP/101"), ("dial", "{extension}"), ("dial", "9"), ("device", "")]
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"pbx\.{key}: "):
        settings(**{key: value})


def test_ami_needs_one_secret() -> None:
    for ami in ({"username": "textback"}, {"username": "textback", "secret": "a", "secret_file": "/etc/textback/ami"}):
        with pytest.raises(SettingsError, match=r"pbx\.ami\.secret: set either"):
            settings(ami=ami)


class Ari:
    """ARI's POST /channels, noting what it is asked and answering as told."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[dict[str, str], dict[str, str]]] = []

    async def originate(self, request: web.Request) -> web.Response:
        self.asked.append((dict(request.query), (await request.json())["variables"]))
        return web.json_response({"error": "Allocation failed"} if self.status != 200 else {}, status=self.status)

    async def endpoint(self, request: web.Request) -> web.Response:
        known = {"101": "online"}.get(request.match_info["resource"])
        return web.json_response({"state": known}, status=404 if known is None else 200)


async def placed(ari: Ari, number: str = NUMBER, *, extension: str = "101", name: str | None = None, **pbx: Any) -> Dialler:
    application = web.Application()
    application.router.add_post("/ari/channels", ari.originate)
    application.router.add_get("/ari/endpoints/{tech}/{resource}", ari.endpoint)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    used = settings(f"http://127.0.0.1:{runner.addresses[0][1]}", **pbx)
    client = AriClient(used.pbx, SystemClock())
    dialler = Dialler(client, used)
    try:
        await dialler.place("textback-callback-1", extension, number, name)
    finally:
        await client.close()
        await runner.cleanup()
    return dialler


@pytest.mark.parametrize(
    ("pbx", "number", "endpoint", "extension", "shown"),
    [
        ({}, NUMBER, "PJSIP/101", "5145550123", "5145550123"),
        ({"dial": "9{national}", "device": "SIP/{extension}"}, NUMBER, "SIP/101", "95145550123", "5145550123"),
        ({"dial": "{e164}"}, NUMBER, "PJSIP/101", NUMBER, "5145550123"),
        (
            {"dial": "0{digits}", "device": "Local/{extension}@from-internal"},
            NUMBER,
            "Local/101@from-internal",
            "015145550123",
            "5145550123",
        ),
        ({}, "+33145678901", "PJSIP/101", "01133145678901", "01133145678901"),
    ],
)
async def test_the_number_is_dialled_as_the_house_does_and_the_dialplan_sees_the_member(
    pbx: dict[str, str], number: str, endpoint: str, extension: str, shown: str
) -> None:
    ari = Ari()
    dialler = await placed(ari, number, name="Lou", **pbx)
    ((query, variables),) = ari.asked
    assert (query["endpoint"], query["extension"], query["context"], query["priority"]) == (endpoint, extension, "from-internal", "1")
    assert (query["channelId"], query["timeout"], "app" in query) == ("textback-callback-1", "30", False)
    assert variables == {"CALLERID(num)": "101", "CONNECTEDLINE(num,i)": shown, "CONNECTEDLINE(name,i)": "Lou"}
    assert dialler.calling() == {number}
    dialler.known(frozenset({"textback-callback-1"}))
    assert dialler.calling() == {number}
    dialler.known(frozenset())
    assert dialler.calling() == frozenset()


async def test_what_asterisk_cannot_ring_is_said_by_why() -> None:
    ari = Ari()
    ari.status = 500
    for extension, code in (("101", "not_rung"), ("999", "no_phone")):
        with pytest.raises(RefusedError) as refused:
            await placed(ari, extension=extension)
        assert refused.value.code == code
    ari.status = 409
    with pytest.raises(PbxRequestError):
        await placed(ari)


async def test_a_pbx_that_is_away_is_said_and_nobody_is_being_called() -> None:
    used = settings("http://127.0.0.1:9")
    client = AriClient(used.pbx, SystemClock())
    dialler = Dialler(client, used)
    try:
        with pytest.raises(PbxUnavailableError):
            await dialler.place(dialler.new_id(), "101", NUMBER)
    finally:
        await client.close()
    assert dialler.calling() == frozenset()
