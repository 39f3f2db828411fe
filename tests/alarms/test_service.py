"""The real service with a simulated modem: its health, its metrics, and what of both is named elsewhere; a modem that goes and comes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ari_app.alarms import Alarms
from ari_app.backup.manifest import Copy, write
from ari_app.clock import SystemClock
from ari_app.service import Service
from ari_app.settings import parse
from modem.simulator import Simulator
from tests.alarms.receivers import Receiver, receiver
from tests.contacts.test_service import free_port
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri
from tests.test_doctor_tls import a_certificate
from tests.threads.world import a_call

ROOT = Path(__file__).parents[2]
NUMBER = "+14385550911"
NAME = re.compile(r"\btextback_[a-z_]+\b")


class Later(Alarms):
    """Looks only once all is up: what is still starting would be an alarm that comes again soon."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.begin = asyncio.Event()

    async def run(self) -> None:
        await self.begin.wait()
        await super().run()


@dataclass
class House:
    service: Service
    sim: Simulator
    hook: Receiver
    session: aiohttp.ClientSession
    url: str
    ari: FakeAri

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(self.url + path, headers=headers, ssl=False) as answer:
            return answer.status, await answer.text()

    async def health(self) -> tuple[int, dict[str, str]]:
        status, text = await self.get("/healthz")
        return status, json.loads(text)["parts"]


async def until(what: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await what():  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    certificate, _ = await a_certificate(folder)
    (folder / "clients.csv").write_text("id;nom;tel\n1;Roy;514 555-0101\n", "utf-8")
    port = free_port()
    async with FakeAri.up() as ari, receiver() as hook, Simulator(folder / "modem", report_ms=5) as sim:
        document: dict[str, Any] = {
            "clinic": {"name": "Clinique", "number": "+15145550199"},
            "pbx": {"ari": ari.url, "username": USER, "password": PASSWORD, "cdr": {"csv": str(folder / "Master.csv")}},
            "modem": [{"name": "gsm1", "port": str(folder / "modem"), "daily_budget": 100}],
            "reply": {"delay": "0s"},
            "store": {"path": str(folder / "textback.db"), "backup": {"folder": str(folder / "backups")}},
            "portal": {
                "listen": f"127.0.0.1:{port}",
                "certificate": str(certificate),
                "key": str(folder / "pbx.key"),
                "proxies": ["127.0.0.2"],
            },
            "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(folder / "sounds")},
            "contacts": {"source": {"kind": "csv", "path": str(folder / "clients.csv")}},
            "alarm": {"after": "0s", "disk": 16, "language": "en", "webhook": hook.webhook},
        }
        (folder / "Master.csv").write_text("", "utf-8")
        (folder / "backups").mkdir()
        (copy := folder / "backups" / "textback-20261127T031500Z.db").write_bytes(b"")
        write(folder / "backups", [Copy(copy, SystemClock().now(), 0, "0" * 64, "m006_alarms", 0, 0)])
        service = Service(parse(document))
        service.alarms = alarms = Later(service.settings, service.store, service.clock, service.status, every=0.05)
        running = asyncio.create_task(service.run())
        try:
            async with aiohttp.ClientSession() as session:
                house = House(service, sim, hook, session, f"https://127.0.0.1:{port}", ari)
                await until(lambda: _is_up(house, running))
                alarms.begin.set()
                yield house
        finally:
            service.stop()
            await asyncio.wait_for(running, 30)


async def _is_up(house: House, running: asyncio.Task[None]) -> bool:
    assert not running.done(), running
    try:
        return (await house.health())[0] == 200
    except aiohttp.ClientConnectionError:
        return False


async def test_health_metrics_and_a_modem_pulled_out_and_put_back(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        assert await house.health() == (200, {"store": "ok", "pbx": "ok", "modems": "ok", "queue": "ok"})
        await _one_of_everything(house)
        await _metrics_are_well_formed(house)
        await _who_may_read(house)
        await _a_modem_goes_and_comes(house)


async def _one_of_everything(house: House) -> None:
    """A call that is texted, and an event by whose time the clocks are compared."""
    now = house.service.clock.now()
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    switch = {"name": "Custom:DAY", "state": "NOT_INUSE"}
    await house.ari.say({"type": "DeviceStateChanged", "application": "textback", "timestamp": at, "device_state": switch})
    await house.service.file(a_call(NUMBER, ended=now))
    house.service.outbox.wake()
    await house.sim.wait(NUMBER, 1, timeout=30)

    async def counted() -> bool:
        _, text = await house.get("/metrics")
        return "textback_text_delay_seconds_count 1.0" in text and all(
            f"textback_{each}" in text for each in ("pbx_clock", "contacts_synced", "history_read_")
        )

    await until(counted)


async def _metrics_are_well_formed(house: House) -> None:
    status, text = await house.get("/metrics")
    assert status == 200
    assert 'textback_calls_total{outcome="missed",reason="missed"} 1.0' in text
    assert 'textback_texts_total{kind="auto",state="sent"} 1.0' in text
    assert 'textback_modem_carried{modem="gsm1"} 1.0' in text
    assert 'textback_modem_registered{modem="gsm1"} 1.0' in text
    assert NUMBER[2:] not in text
    assert await asyncio.to_thread(_faults, text) == ""
    there = set(NAME.findall(text))
    for name in ("grafana-textback.json", "prometheus-textback.yml"):
        named = set(NAME.findall((ROOT / "config" / name).read_text(encoding="utf-8"))) - {"textback_failed"}
        assert len(named) > 10
        assert named - there == set(), name
    families = set(re.findall(r"^# TYPE (textback_\w+) ", text, flags=re.MULTILINE))
    documented = set(re.findall(r"`(textback_\w+)`", (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")))
    assert documented == families


def _faults(metrics: str) -> str:
    checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    return checked.stdout + checked.stderr


async def _who_may_read(house: House) -> None:
    lent = {"X-Forwarded-For": "192.0.2.7"}
    assert (await house.get("/metrics", **lent))[0] == 403  # a proxy nobody named lends its address to nobody
    assert (await house.get("/healthz", **lent))[0] == 200
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=connector) as proxy:
        for headers, status in (
            ({}, 403),
            (lent, 403),
            ({"X-Forwarded-For": "127.0.0.1"}, 200),
            ({"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}, 403),
        ):
            async with proxy.get(house.url + "/metrics", headers=headers, ssl=False) as answer:
                assert answer.status == status, headers


async def _a_modem_goes_and_comes(house: House) -> None:
    async def told(telling: str) -> bool:
        return [each["telling"] for each in house.hook.told if each["code"] == "modem_down"][-1:] == [telling]

    house.hook.told.clear()
    house.sim.unplug()
    await until(lambda: told("raised"))
    (raised,) = [each for each in house.hook.told if each["code"] == "modem_down"]
    assert (raised["subject"], raised["over"]) == ("gsm1", None)
    await until(lambda: _parts(house, "down"))
    assert 'textback_alarms_open{code="modem_down",subject="gsm1"} 1.0' in (await house.get("/metrics"))[1]
    house.sim.replug()
    await until(lambda: told("over"))
    await until(lambda: _parts(house, "ok"))


async def _parts(house: House, word: str) -> bool:
    status, parts = await house.health()
    return (status, parts["modems"]) == (200 if word == "ok" else 503, word)


def test_the_shipped_rules_fire_when_they_should() -> None:
    command = ["promtool", "test", "rules", str(Path(__file__).with_name("rules.test.yml"))]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    rules = (ROOT / "config" / "prometheus-textback.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"alert: (\w+)", rules)) == set(
        re.findall(r"alertname: (\w+)", Path(__file__).with_name("rules.test.yml").read_text())
    )


def test_the_dashboard_asks_the_data_source_that_is_chosen() -> None:
    board = json.loads((ROOT / "config" / "grafana-textback.json").read_text(encoding="utf-8"))
    variables = {each["name"]: each["type"] for each in board["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    assert len({each["id"] for each in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert panel["datasource"] == target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert 'job="$job"' in target["expr"]


def test_the_expressions_of_the_dashboard_are_prometheus(tmp_path: Path) -> None:
    board = json.loads((ROOT / "config" / "grafana-textback.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    plain = [each.replace("$job", "textback").replace("$instance", ".*") for each in asked]
    rules = [{"record": f"r{number}", "expr": each} for number, each in enumerate(plain)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    checked = subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
