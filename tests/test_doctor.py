"""doctor: every item with what is wrong and the fix, against real sockets, ports and files."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import ssl
import tty
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import BasicAuth, web

from ari_app import probes
from ari_app.clock import SystemClock
from ari_app.control import ControlServer, ModemStatus, NotRunningError, PbxStatus, ServiceStatus, service_status, socket_path
from ari_app.desk import Desk
from ari_app.doctor import Examination, Item, examine, judge_clock, judge_outbox, judge_service
from ari_app.doctor_radio import judge_modems
from ari_app.errors import SettingsError
from ari_app.service import serve
from ari_app.settings import ModemSettings, PbxSettings, Settings, load, parse
from ari_app.standing import Standing
from ari_app.threads import Store
from tests.contract.clinic import fill, no_unlock, write_settings

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def status(**changes: Any) -> ServiceStatus:
    pbx = {"connected": True, "since": NOW, "asterisk": "22.1.0", "channelvars": True, "lag_ms": 2.0, **changes.pop("pbx", {})}
    modem: dict[str, Any] = {"name": "gsm1", "state": "ok", "code": "ready", "what": "registered", "registered": True, "signal": 20}
    facts: dict[str, Any] = {"pid": 1, "version": "0.1.0", "started": NOW, "loop_lag_ms_p99": 1.5, "modems": (ModemStatus(**modem),)}
    return ServiceStatus(**{**facts, "pbx": PbxStatus(**pbx), **changes})


def of(items: list[Item] | tuple[Item, ...], part: str) -> list[tuple[str, str]]:
    return [(item.state, item.code) for item in items if item.part == part]


# -- Asterisk's ARI


@contextlib.asynccontextmanager
async def an_asterisk(
    answers: int = 200,
    *,
    body: str = '{"system": {"version": "22.1.0"}}',
    read_only: bool = False,
    tls: ssl.SSLContext | None = None,
    without_upgrade: int = 426,
    taken: bool = False,
    date: str | None = None,
) -> AsyncIterator[str]:
    """ARI's answers as Asterisk gives them (16 and 22 were asked), over a real socket. ``date``: by another clock."""
    dated = {} if date is None else {"Date": date}

    async def info(request: web.Request) -> web.Response:
        if answers != 200:
            return web.json_response({"message": "no"}, status=answers)
        given = BasicAuth.decode(request.headers["Authorization"])
        if (given.login, given.password) != ("textback", "p4ss"):
            return web.json_response({"message": "Authentication required"}, status=401)
        return web.Response(text=body, content_type="application/json")

    async def hang_up(_: web.Request) -> web.Response:
        if read_only:
            return web.json_response({"message": "Write access denied"}, status=403)
        return web.json_response({"message": "Channel not found"}, status=404)

    async def events(_: web.Request) -> web.Response:
        return web.Response(status=without_upgrade, headers=dated)

    async def application(_: web.Request) -> web.Response:
        return web.json_response({}, status=200 if taken else 404)

    app = web.Application()
    app.router.add_get("/ari/asterisk/info", info)
    app.router.add_get("/ari/events", events)
    app.router.add_get("/ari/applications/textback", application)
    app.router.add_delete("/ari/channels/textback-doctor", hang_up)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def pbx(base: str) -> PbxSettings:
    return PbxSettings(ari=base, username="textback", password="p4ss")


async def test_an_asterisk_that_answers() -> None:
    async with an_asterisk() as base:
        found = await probes.ari(pbx(base), "p4ss")
    assert (found.state, found.code) == ("ok", "pbx_answers")
    assert "22.1.0" in found.what


@pytest.mark.parametrize(
    ("answers", "code"),
    [(401, "pbx_auth"), (403, "pbx_forbidden"), (404, "pbx_no_ari"), (503, "pbx_loading"), (500, "pbx_odd"), (302, "pbx_odd")],
)
async def test_an_asterisk_that_refuses(answers: int, code: str) -> None:
    async with an_asterisk(answers) as base:
        found = await probes.ari(pbx(base), "p4ss")
    assert (found.state, found.code) == ("bad", code)
    assert found.fix


async def test_a_wrong_password_is_told_without_it() -> None:
    async with an_asterisk() as base:
        found = await probes.ari(pbx(base), "wr0ng")
    assert found.code == "pbx_auth"
    assert "wr0ng" not in repr(found)


async def test_a_user_that_may_only_look() -> None:
    async with an_asterisk(read_only=True) as base:
        found = await probes.ari(pbx(base), "p4ss")
    assert (found.state, found.code) == ("bad", "pbx_read_only")


@pytest.mark.parametrize(("body", "code"), [("{}", "pbx_not_asterisk"), ("[]", "pbx_not_asterisk"), ("<html>", "pbx_unreachable")])
async def test_something_that_is_no_asterisk(body: str, code: str) -> None:
    async with an_asterisk(body=body) as base:
        found = await probes.ari(pbx(base), "p4ss")
    assert (found.state, found.code) == ("bad", code)


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = await probes.ari(pbx(f"http://127.0.0.1:{free.getsockname()[1]}"), "p4ss")
    assert found.code == "pbx_refused"


async def test_a_name_nobody_knows() -> None:
    found = await probes.ari(pbx("http://pbx.invalid:8088"), "p4ss")
    assert found.code == "pbx_name"


async def test_a_pbx_that_accepts_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PATIENCE", 0.1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        found = await probes.ari(pbx(f"http://127.0.0.1:{mute.getsockname()[1]}"), "p4ss")
    assert found.code == "pbx_timeout"


# -- the modem's port, while the service is down


@pytest.fixture
def terminal() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


async def test_a_port_where_nothing_answers(terminal: str) -> None:
    found = await probes.bearer(ModemSettings(name="gsm1", port=terminal))
    assert (found.state, found.code) == ("bad", "silent")
    assert "several ports" in found.fix


async def test_a_port_another_program_uses(terminal: str) -> None:
    other = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    found = await probes.bearer(ModemSettings(name="gsm1", port=terminal))
    os.close(other)
    assert (found.state, found.code) == ("bad", "port_busy")
    assert found.fix


async def test_a_port_that_is_not_there() -> None:
    found = await probes.bearer(ModemSettings(name="gsm1", port="/dev/ttyUSB-none"))
    assert (found.state, found.code) == ("bad", "no_port")


# -- the store's file


def test_a_file_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.touch(0o600)
    assert probes.files(path) == []
    path.chmod(0o640)
    (found,) = probes.files(path)
    assert (found.state, found.code, found.fix) == ("warn", "store_mode", f"chmod 600 {path}")


def test_a_file_of_another_owner_beside_the_store(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.touch(0o600)
    beside = tmp_path / "t.db-wal"
    beside.touch(0o600)
    if os.geteuid() == 0:  # nobody else may give a file away
        os.chown(path, 65534, 65534)
    codes = [found.code for found in probes.files(path)]
    assert codes == (["store_owner"] if os.geteuid() == 0 else [])


async def test_a_damaged_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db", SystemClock())
    await store.open()
    await store.close()
    assert (await probes.intact(tmp_path / "t.db")).state == "ok"
    with (tmp_path / "t.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    found = await probes.intact(tmp_path / "t.db")
    assert (found.state, found.code) == ("bad", "store_damaged")


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.db"
    monkeypatch.setattr(probes, "_LITTLE", 0)
    monkeypatch.setattr(probes, "_TOO_LITTLE", 0)
    assert probes.disk(path).state == "ok"
    monkeypatch.setattr(probes, "_LITTLE", 10**18)
    assert probes.disk(path).code == "disk_low"
    monkeypatch.setattr(probes, "_TOO_LITTLE", 10**18)
    assert probes.disk(path).code == "disk_full"


# -- what the service says of itself


def test_all_is_well() -> None:
    items = judge_service(status(), inbound=("from-trunk*",), calls=True)
    assert {item.state for item in items} == {"ok"}
    assert [item.part for item in items] == ["service", "pbx", "contexts", "modem gsm1", "loop"]
    assert "loop_lag_ms_p99 = 1.5" in items[-1].what
    assert "(signal 20 of 31)" in items[3].what


def test_a_pbx_that_is_lost() -> None:
    items = judge_service(status(pbx={"connected": False, "reason": "Asterisk closed the connection"}), inbound=("x",), calls=True)
    assert of(items, "pbx") == [("bad", "pbx_lost")]
    assert "Asterisk closed the connection" in items[1].what


def test_missing_channelvars_are_told_with_the_line_to_write() -> None:
    items = judge_service(status(pbx={"channelvars": False}), inbound=("x",), calls=True)
    assert ("warn", "channelvars") in of(items, "pbx")
    assert "channelvars = CALLERID(num-pres),VMSTATUS,TEXTBACK_OPTION" in items[2].fix
    assert of(judge_service(status(pbx={"channelvars": None}), inbound=("x",), calls=True), "pbx") == [("ok", "pbx_connected")]


def test_rules_that_go_by_a_menu_need_events_that_tell_it() -> None:
    for carried, told in ((False, [("ok", "pbx_connected"), ("warn", "channelvars_option")]), (True, [("ok", "pbx_connected")])):
        said = status(pbx={"options": carried})
        assert of(judge_service(said, inbound=("x",), calls=True, options=True), "pbx") == told
        assert of(judge_service(said, inbound=("x",), calls=True), "pbx") == [("ok", "pbx_connected")]


def test_events_that_were_lost() -> None:
    assert ("warn", "pbx_events") in of(judge_service(status(pbx={"overflows": 2}), inbound=("x",), calls=True), "pbx")


def test_contexts_that_are_neither_inbound_nor_internal_are_named() -> None:
    (item,) = [
        item
        for item in judge_service(status(pbx={"strange_contexts": ("from-voisin",)}), inbound=("from-trunk*",), calls=True)
        if item.part == "contexts"
    ]
    assert (item.state, item.code) == ("warn", "strange_contexts")
    assert "from-voisin" in item.what
    assert "from-trunk*" in item.what
    assert "from-voisin" in item.fix


def test_no_call_yet_is_told() -> None:
    assert of(judge_service(status(), inbound=("x",), calls=False), "contexts") == [("warn", "no_calls")]


def test_a_modem_that_is_not_well_says_so_itself() -> None:
    modem = ModemStatus(name="gsm1", state="bad", code="pin_refused", what="the SIM refused the PIN", fix="write the right one")
    (item,) = [item for item in judge_service(status(modems=(modem,)), inbound=("x",), calls=True) if item.part == "modem gsm1"]
    assert item == Item("modem gsm1", "bad", "pin_refused", "the SIM refused the PIN", "write the right one")


def test_a_loop_that_is_held() -> None:
    assert of(judge_service(status(loop_lag_ms_p99=25.0), inbound=("x",), calls=True), "loop") == [("warn", "loop_lag_ms_p99")]


def test_clocks() -> None:
    newest = (NOW + timedelta(hours=1)).isoformat()
    assert judge_clock(NOW, newest, None).code == "clock_back"
    assert judge_clock(NOW, NOW.isoformat(), status()).state == "ok"
    assert judge_clock(NOW, None, status(pbx={"lag_ms": -60_000.0})).code == "clocks_apart"
    assert judge_clock(NOW, None, status(pbx={"lag_ms": -60_000.0})).state == "warn"
    assert judge_clock(NOW, None, status(pbx={"lag_ms": 3_600_000.0})).state == "bad"
    assert "10:00:00 EST" in judge_clock(NOW, None, status(), zone=ZoneInfo("America/Toronto")).what
    assert "60.0 s" in judge_clock(NOW, None, status(pbx={"lag_ms": -60_000.0})).what


def test_the_outbox() -> None:
    facts: dict[str, Any] = {"queued": 0, "sending": 0, "unknown_lately": 0, "failed_lately": 0, "oldest_due": None}
    assert judge_outbox(NOW, facts).state == "ok"
    assert judge_outbox(NOW, {**facts, "oldest_due": (NOW - timedelta(minutes=5)).isoformat()}).state == "ok"
    assert judge_outbox(NOW, {**facts, "oldest_due": (NOW - timedelta(minutes=11)).isoformat()}).code == "outbox_stuck"
    assert judge_outbox(NOW, {**facts, "unknown_lately": 1}).code == "outbox_failed"
    assert judge_outbox(NOW, {**facts, "failed_lately": 1}).code == "outbox_failed"


# -- all of it


async def look(config: Path) -> Examination:
    settings = load(config)
    return await examine(settings, Store(settings.store.path, SystemClock(), read_only=True), origin=config)


@contextlib.asynccontextmanager
async def a_service(settings: Settings, said: ServiceStatus) -> AsyncIterator[None]:
    store = Store(settings.store.path, SystemClock())
    await store.open()
    server = asyncio.create_task(
        ControlServer(socket_path(settings.store.path), Desk(store, Standing(settings), SystemClock()), lambda: said, no_unlock).run()
    )
    try:
        async with asyncio.timeout(20):
            while not server.done():
                with contextlib.suppress(NotRunningError):
                    await service_status(settings.store.path)
                    break
                await asyncio.sleep(0.005)
        yield
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        await store.close()


def settings_at(folder: Path, base: str, extra: str = '[[modem]]\nname = "gsm1"\nport = "/dev/ttyUSB-none"\n') -> Path:
    path = write_settings(folder, extra)
    text = path.read_text("utf-8").replace("http://127.0.0.1:9", base).replace("p4ssw0rd-of-ari", "p4ss")
    path.write_text(text, "utf-8")
    return path


async def test_everything_well_is_ready(tmp_path: Path) -> None:
    async with an_asterisk() as base:
        config = settings_at(tmp_path, base)
        async with a_service(load(config), status()):
            found = await look(config)
    assert found.ready
    assert not found.bad
    assert of(found.items, "settings") == [("ok", "settings")]
    assert of(found.items, "store") == [("ok", "store")]
    assert of(found.items, "contexts") == [("warn", "no_calls")]


async def test_ready_needs_the_pbx_and_every_modem(tmp_path: Path) -> None:
    lost = ModemStatus(name="gsm2", state="warn", code="searching", what="looks for a network")
    async with an_asterisk() as base:
        config = settings_at(tmp_path, base)
        for said in (status(pbx={"connected": False}), status(modems=(*status().modems, lost)), status(modems=())):
            async with a_service(load(config), said):
                assert not (await look(config)).ready


async def test_with_the_service_down_the_pbx_and_the_ports_are_asked(tmp_path: Path) -> None:
    config = settings_at(tmp_path, "http://127.0.0.1:9")
    await fill(config)
    found = await look(config)
    assert not found.ready
    assert of(found.items, "service") == [("bad", "not_running")]
    ((state, code),) = of(found.items, "pbx")
    assert (state, code in {"pbx_down", "pbx_http_off"}) == ("bad", True)  # another test's Asterisk may run on this machine
    assert of(found.items, "modem gsm1") == [("bad", "no_port")]
    assert of(found.items, "store") == [("ok", "store")]


async def test_no_store_yet(tmp_path: Path) -> None:
    found = await look(settings_at(tmp_path, "http://127.0.0.1:9"))
    assert of(found.items, "store") == [("bad", "store")]
    assert found.bad


async def test_a_service_that_does_not_answer_is_told_and_its_port_left_alone(tmp_path: Path) -> None:
    config = settings_at(tmp_path, "http://127.0.0.1:9")
    await fill(config)

    async def die(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(die, str(socket_path(load(config).store.path))):
        found = await look(config)
    assert of(found.items, "service") == [("bad", "no_answer")]
    assert of(found.items, "modem gsm1") == []


async def test_settings_that_are_doubtful_or_wrong_are_items(tmp_path: Path) -> None:
    config = settings_at(tmp_path, "http://127.0.0.1:9", '[hours]\nopen = "Mo-Fr 8-25 o\'clock"\n')
    assert ("bad", "settings_problem") in of((await look(config)).items, "settings")
    config = settings_at(tmp_path, "http://127.0.0.1:9", '[reply]\nmode = "watch"\n[reply.text.fr]\nmissed = "Bonjour ☎ {clinic}"\n')
    config.chmod(0o644)
    items = (await look(config)).items
    assert of(items, "settings") == [("warn", "settings_problem"), ("warn", "settings_mode"), ("warn", "no_texts")]
    assert "U+260E" in items[0].what
    assert of(items, "modem") == [("warn", "no_modem")]


async def test_a_pin_that_systemd_keeps_is_not_missed_while_the_service_is_down(tmp_path: Path) -> None:
    """Its folder is there from the service's start to its stop."""
    modem = '[[modem]]\nname = "gsm1"\nport = "/dev/none"\npin_file = "/run/credentials/textback.service/gsm1-pin"\n'
    config = settings_at(tmp_path, "http://127.0.0.1:9", f'[reply]\nmode = "watch"\n{modem}')
    items = [item for item in (await look(config)).items if item.part == "settings"]
    assert [(item.state, item.code) for item in items] == [("warn", "credential_away"), ("warn", "no_texts")]
    assert "textback setup --mode send" in items[1].fix
    with pytest.raises(SettingsError, match="systemd gave no credential gsm1-pin to textback") as missed:
        await serve(load(config))
    assert missed.value.code == "credential_away"
    assert "LoadCredentialEncrypted=gsm1-pin:" in missed.value.fix


async def test_a_kannel_that_is_not_there_is_told_with_the_service_down(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/cgi-bin/sendsms"
        secrets = 'password = "s3cret-of-kannel"\nsecret = "0123456789abcdef"\n'
        table = f'[[modem]]\nname = "carrier"\nkind = "kannel"\nurl = "{url}"\nusername = "u"\nnumber = "+15145550188"\n{secrets}'
        items = (await look(settings_at(tmp_path, "http://127.0.0.1:9", table))).items
    assert of(items, "modem carrier") == [("bad", "kannel_refused")]
    assert "s3cret" not in repr(items)


async def test_a_password_file_that_is_gone(tmp_path: Path) -> None:
    document = {
        "clinic": {"name": "C", "number": "+15145550199"},
        "pbx": {"username": "u", "password_file": str(tmp_path / "gone")},
        "store": {"path": str(tmp_path / "t.db")},
    }
    settings = parse(document)
    found = await examine(settings, Store(settings.store.path, SystemClock(), read_only=True))
    assert of(found.items, "settings") == [("bad", "settings")]
    assert "pbx.password_file" in found.items[0].what


def test_every_bad_or_doubtful_item_has_a_fix() -> None:
    """Of what is judged; the contract's schema holds the rest."""
    failing = ModemStatus(name="gsm1", state="ok", code="ok", what="registered", carried=100, budget=100, tried=30, failed=4, failing=True)
    said = status(
        pbx={"connected": False, "channelvars": False, "overflows": 1, "strange_contexts": ("a", "b")},
        modems=(failing,),
        loop_lag_ms_p99=99.0,
    )
    items = judge_service(said, inbound=("x",), calls=False)
    assert all(item.fix for item in items if item.state != "ok")
    assert sum(item.state != "ok" for item in items) == 7


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, ["ok"]),
        ({"budget": 100, "carried": 89}, ["ok"]),
        ({"budget": 100, "carried": 90}, ["ok", "budget_near"]),
        ({"budget": 100, "carried": 100}, ["ok", "budget_spent"]),
        ({"tried": 25, "failed": 3, "failing": True}, ["ok", "modem_failing"]),
    ],
)
def test_what_a_modems_texts_show(changes: dict[str, Any], codes: list[str]) -> None:
    modem = ModemStatus(name="gsm1", state="ok", code="ok", what="registered", registered=True).model_copy(update=changes)
    assert [finding.code for _, finding in judge_modems([modem])] == codes
