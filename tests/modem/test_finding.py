"""Which port is opened: by identity, whatever the ports are called, and never one that another driver has."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from serial.tools.list_ports_common import ListPortInfo

from modem import ports
from modem.claims import Claims
from modem.driver import SerialModem
from modem.errors import ModemError
from modem.link import Link
from modem.probe import probe
from modem.simulator import Simulator
from modem.types import NotSent, Sent
from tests.modem.conftest import QUICK, Keeper, MakeRig, going, running

ONE, TWO, THREE = "490154203237518", "356938035643809", "351756051523999"
NUMBER = "+15145550123"
PATIENT = replace(QUICK, replaced=60)
"""No other modem is taken for the one that is away."""


@asynccontextmanager
async def driver(port: object, **options: object) -> AsyncIterator[SerialModem]:
    modem = SerialModem("any", str(port), door=Keeper(), on_ready=lambda: None, **{"timing": PATIENT, **options})  # type: ignore[arg-type]
    async with running(modem):
        yield modem


async def until(*modems: SerialModem, code: str = "ok") -> None:
    try:
        async with asyncio.timeout(20):
            while any(modem.health().code != code for modem in modems):  # noqa: ASYNC110 - health has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never {code}: {[modem.health() for modem in modems]}")


async def sends(modem: SerialModem, sim: Simulator, words: str = "bonjour") -> None:
    """A text goes out by this modem."""
    (part,) = modem.split(NUMBER, words, 0)
    async with asyncio.timeout(20):
        while isinstance(result := await modem.send(part, going), NotSent):  # noqa: ASYNC110 - nor has being able to send
            await asyncio.sleep(0.02)
    assert isinstance(result, Sent)
    await sim.wait(NUMBER)
    assert words in [text["text"] for text in sim.inbox(NUMBER)]


class Babbler:
    """A port that is no modem: it says something for whatever it hears, or all the time."""

    def __init__(self, path: Path, answer: bytes, *, unasked: bool = False) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        path.symlink_to(os.ttyname(self._slave))
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._hear)
        self.heard = b""
        self._unasked = self._loop.create_task(self._babble()) if unasked else None

    def _hear(self) -> None:
        self.heard += os.read(self._master, 4096)
        self._say()

    def _say(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._master, self._answer)

    async def _babble(self) -> None:
        while True:
            self._say()
            await asyncio.sleep(0.005)

    def close(self) -> None:
        if self._unasked is not None:
            self._unasked.cancel()
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as found:
        yield found


# one modem


async def test_renumbered_and_found_by_a_pattern_without_imei(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Another stick, free, stands at the better place meanwhile: it is not taken for ours."""
    sim = await stack.enter_async_context(Simulator(tmp_path / "tty5", imei=ONE))
    modem = await stack.enter_async_context(driver(tmp_path / "tty*"))
    await until(modem)
    other = await stack.enter_async_context(Simulator(tmp_path / "tty0", imei=TWO))
    sim.unplug()
    await until(modem, code="no_port")
    sim.replug(str(tmp_path / "tty12"))
    await sends(modem, sim)
    assert modem.health().imei == ONE
    assert modem.health().port == str(tmp_path / "tty12")
    assert other.inbox(NUMBER) == []


async def test_a_replaced_modem_is_taken_when_the_old_one_is_nowhere(tmp_path: Path, stack: AsyncExitStack, logs: list[object]) -> None:
    old = await stack.enter_async_context(Simulator(tmp_path / "old", imei=ONE))
    modem = await stack.enter_async_context(driver(tmp_path / "*", timing=QUICK))
    await until(modem)
    old.unplug()
    new = await stack.enter_async_context(Simulator(tmp_path / "new", imei=TWO))
    await sends(modem, new)
    assert modem.health().imei == TWO
    assert [entry["event"] for entry in logs].count("modem.replaced") == 1  # type: ignore[index]


async def test_a_replaced_modem_at_a_path(tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    old = await stack.enter_async_context(Simulator(tmp_path / "modem", imei=ONE))
    modem = await stack.enter_async_context(driver(tmp_path / "modem", timing=replace(QUICK, replaced=1.0)))
    await until(modem)
    old.unplug()
    new = await stack.enter_async_context(Simulator(tmp_path / "modem", imei=TWO))
    await until(modem, code="wrong_modem")
    await sends(modem, new)
    assert modem.health().imei == TWO


async def test_another_imei_than_configured_is_never_taken(tmp_path: Path, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(Simulator(tmp_path / "other", imei=TWO))
    modem = await stack.enter_async_context(driver(tmp_path / "*", imei=ONE, timing=replace(QUICK, replaced=0)))
    await until(modem, code="no_port")
    meant = await stack.enter_async_context(Simulator(tmp_path / "zmeant", imei=ONE))
    await sends(modem, meant)


async def test_a_modem_that_tells_no_imei_is_served(tmp_path: Path, stack: AsyncExitStack) -> None:
    sim = await stack.enter_async_context(Simulator(tmp_path / "modem"))
    sim.fault("error", command="AT+CGSN", count=999)
    modem = await stack.enter_async_context(driver(tmp_path / "m*"))
    await until(modem)
    sim.unplug()
    await until(modem, code="no_port")
    sim.replug()
    await sends(modem, sim)


async def test_a_port_that_comes_ends_the_pause(tmp_path: Path, stack: AsyncExitStack) -> None:
    modem = await stack.enter_async_context(driver(tmp_path / "*", timing=replace(QUICK, retry_first=600, retry_most=600)))
    await until(modem, code="no_port")
    sim = await stack.enter_async_context(Simulator(tmp_path / "modem"))
    await sends(modem, sim)


# several


@pytest.mark.parametrize("entries", [("*", "*", "*"), ("tty*", "tty*", "tty2"), ("tty0", "*", "tty*"), ("*", "tty*", "tty1")])
async def test_each_driver_has_its_own_and_keeps_it(tmp_path: Path, stack: AsyncExitStack, entries: tuple[str, ...]) -> None:
    """All ports are mixed up at once, as when a hub is replugged: everybody finds his own again."""
    imeis = (ONE, TWO, THREE)
    sims = [await stack.enter_async_context(Simulator(tmp_path / f"tty{place}", imei=imei)) for place, imei in enumerate(imeis)]
    modems = [await stack.enter_async_context(driver(tmp_path / entry)) for entry in entries]
    await until(*modems)
    had = [modem.health().imei for modem in modems]
    assert sorted(had) == sorted(imeis)
    if entries == ("*", "*", "*"):
        for turn in (1, 2):
            for sim in sims:
                sim.unplug()
            for place, sim in enumerate(sims):
                sim.replug(str(tmp_path / f"tty{(place + turn) % 3}"))
            for modem in modems:
                sim = sims[imeis.index(modem.health().imei or had[modems.index(modem)])]
                await sends(modem, sim, f"tour {turn}")
            assert [modem.health().imei for modem in modems] == had


async def test_one_stick_with_two_ports_and_two_drivers(tmp_path: Path, stack: AsyncExitStack) -> None:
    """The second driver gets nothing, though a port of the stick is free and answers."""
    sim = await stack.enter_async_context(Simulator(tmp_path / "tty0", quiet=[tmp_path / "tty1"], imei=ONE))
    first = await stack.enter_async_context(driver(tmp_path / "tty*"))
    await until(first)
    second = await stack.enter_async_context(driver(tmp_path / "tty*"))
    await until(second, code="no_port")
    assert "in use" in second.health().what
    await sends(first, sim)
    assert not second.ready


async def test_a_modem_configured_by_imei_is_left_to_its_driver(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Also while that one has not got it yet."""
    async with AsyncExitStack() as later:
        owner = await later.enter_async_context(driver(tmp_path / "absent", imei=ONE))
        await until(owner, code="no_port")
        await stack.enter_async_context(Simulator(tmp_path / "tty0", imei=ONE))
        modem = await stack.enter_async_context(driver(tmp_path / "tty*"))
        await until(modem, code="no_port")
        assert "in use" in modem.health().what
    await until(modem)  # the owner is gone


async def test_modems_behind_one_bridge_are_modems_of_their_own(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A USB device with four serial ports and a modem at each, as GSM pools are built."""
    sims = [await stack.enter_async_context(Simulator(tmp_path / f"tty{place}", imei=imei)) for place, imei in enumerate((ONE, TWO))]
    found = []
    for place in range(2):
        port = ListPortInfo(str(tmp_path / f"tty{place}"))
        port.vid, port.location = 0x0403, f"1-3:1.{place}"
        found.append(port)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)
    modems = [await stack.enter_async_context(driver("auto")) for _ in range(2)]
    await until(*modems)
    assert {modem.health().imei for modem in modems} == {ONE, TWO}
    assert [len(sim.journal(events=["booted"])["entries"]) for sim in sims] == [1, 1]


@pytest.mark.parametrize(
    ("vendor", "modem"), [("12d1", True), ("2C7C", True), ("0403", False), ("1a86", False), ("", False), ("zz", False)]
)
def test_what_is_a_modem_as_a_whole(vendor: str, modem: bool) -> None:
    assert ports.is_modem(vendor) is modem


def test_claims() -> None:
    claims = Claims()
    assert claims.take("a", "one", "two")
    assert not claims.take("b", "three", "two")
    assert claims.take("c", "three")
    assert claims.taken("a", "three")
    assert not claims.taken("a", "one")
    claims.leave("a", "two")
    assert claims.take("b", "two")
    claims.leave("a")
    assert claims.take("b", "one")


# what wrong ports cost


WRONG = {
    "mute": (b"", False),
    "echo": (b"AT\r", False),
    "half an answer": (b"\r\nO", False),
    "OK to everything": (b"\r\nOK\r\n", False),
    "an error to everything": (b"\r\nERROR\r\n", False),
    "a GPS receiver": (b"$GPGSV,3,1,11,03,03,111,00,04,15,270,00,06,01,010,00*74\r\n", True),
    "noise": (bytes(range(256)), True),
    "a flood without an end": (b"x" * 4096, True),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_port_is_asked_little_and_not_for_long(tmp_path: Path, kind: str) -> None:
    """However it behaves, what it costs is bounded by ``Timing.port``: here all other waits are far too long."""
    wrong = Babbler(tmp_path / "0", WRONG[kind][0], unasked=WRONG[kind][1])
    timing = replace(QUICK, find=0.1, port=0.5, command=600, slow=600, probe=600)
    answers = kind in {"OK to everything", "an error to everything"}
    try:
        async with Simulator(tmp_path / "1", imei=ONE), asyncio.timeout(30):
            assert await ports.find(ONE, timing, port=str(tmp_path / "*")) == str(tmp_path / "1")
            if not answers:
                assert await ports.imei_at(str(tmp_path / "0"), timing) is None
    finally:
        wrong.close()
    assert wrong.heard.count(b"AT\r") <= 2 * timing.probes + 2
    assert wrong.heard.count(b"AT+") <= 2


async def test_the_ports_of_a_stick_are_asked_in_order_and_sticks_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sticks of which each has two mute ports before the one that answers; the first stick's answer settles it."""
    mute = [[Babbler(tmp_path / f"{stick}{port}", b"") for port in (0, 1)] for stick in range(3)]
    try:
        async with AsyncExitStack() as stack:
            for number, imei in enumerate((ONE, TWO, THREE)):
                await stack.enter_async_context(Simulator(tmp_path / f"{number}2", imei=imei, quiet=[tmp_path / f"{number}3"]))
            places = [ports.Place(str(tmp_path / f"{number}{port}"), f"1-{number}") for number in range(3) for port in range(4)]
            monkeypatch.setattr(ports, "candidates", lambda: tuple(places))
            assert await ports.find(THREE, QUICK) == str(tmp_path / "22")
            assert await ports.find(None, QUICK, held=lambda stick: stick == "1-0") == str(tmp_path / "12")
            assert await ports.find(None, QUICK, accept=lambda imei: imei != ONE) == str(tmp_path / "12")
        assert all(b"AT\r" in port.heard for stick in mute for port in stick)
    finally:
        for stick_ports in mute:
            for port in stick_ports:
                port.close()


async def test_two_who_look_at_once_share_the_answer(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "1", imei=ONE) as sim:
        found = await asyncio.gather(*(ports.imei_at(str(tmp_path / "1"), QUICK) for _ in range(5)))
        assert found == [ONE] * 5
        assert len(sim.journal(events=["line"])["entries"]) <= 3
        with pytest.raises(ModemError, match="not there"):
            await ports.imei_at(str(tmp_path / "2"), QUICK)
        cancelled = asyncio.create_task(ports.imei_at(str(tmp_path / "1"), QUICK))
        other = asyncio.create_task(ports.imei_at(str(tmp_path / "1"), QUICK))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert await other == ONE


async def test_sending_again_after_a_replug_behind_mute_ports(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Bar 4, with the waits of real life: a stick with four mute ports comes back under other names and registers slowly."""
    timing = replace(PATIENT, find=0.25, port=0.9, probe=1.0, retry_first=0.5, retry_most=5.0, ports=0.5)
    mute = [tmp_path / f"tty{place}" for place in range(4)]
    sim = await stack.enter_async_context(Simulator(tmp_path / "tty4", mute=mute, imei=ONE, profile="ec25", registration_ms=500))
    modem = await stack.enter_async_context(driver(tmp_path / "tty*", timing=timing))
    await until(modem)
    sim.unplug()
    await until(modem, code="no_port")
    before = len(sim.journal(events=["opened"])["entries"])
    sim.replug(str(tmp_path / "tty9"))
    await sends(modem, sim)
    assert len(sim.journal(events=["opened"])["entries"]) - before <= 4


def test_places_of_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ttyUSB10", "ttyUSB2", "ttyUSB1"):
        (tmp_path / name).write_text("")
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB2")
    monkeypatch.setattr(ports, "candidates", lambda: (ports.Place(str(tmp_path / "ttyUSB10"), "1-1"),))
    found = ports.places(str(tmp_path / "*"))
    assert [Path(place.path).name for place in found] == ["ttyUSB10", "by-id", "ttyUSB1"]
    assert found[0].stick == "1-1"
    assert ports.is_pattern("auto")
    assert ports.is_pattern("/dev/ttyUSB[0-3]")
    assert not ports.is_pattern("/dev/ttyUSB0")
    assert not ports.is_pattern("socket://[::1]:4000")


# probe


async def test_probe_tells_what_every_port_says(tmp_path: Path, stack: AsyncExitStack) -> None:
    (tmp_path / "d").touch()
    mute = Babbler(tmp_path / "c", b"")
    stack.callback(mute.close)
    await stack.enter_async_context(Simulator(tmp_path / "a", imei=ONE, number="+15145550100"))
    locked = await stack.enter_async_context(Simulator(tmp_path / "b", imei=TWO, pin="1234"))
    await stack.enter_async_context(Simulator(tmp_path / "e", imei=THREE))
    held = await Link.open(str(tmp_path / "e"))
    stack.callback(held.close)
    found = {Path(answer.port).name: answer for answer in await probe(str(tmp_path / "*"), QUICK)}
    one = found["a"]
    assert (one.code, one.imei, one.sim, one.registration, one.signal) == ("answers", ONE, "READY", "home", 21)
    assert "Simulated" in one.model
    assert "302990" in one.operator or "Simulated" in one.operator
    assert one.own_number == "+15145550100"
    assert (found["b"].sim, found["b"].pin_tries, found["b"].own_number) == ("SIM PIN", 3, "")
    assert one.pin_tries is None
    assert locked.state()["pin_tries"] == 3
    assert {name: answer.code for name, answer in found.items()} == {
        "a": "answers", "b": "answers", "c": "silent", "d": "port_failed", "e": "port_busy",
    }  # fmt: skip
    assert all(answer.fix for answer in found.values() if answer.code != "answers")
    assert len(mute.heard) <= QUICK.probes * 6


async def test_probe_of_one_path_and_of_a_modem_that_falls_silent(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "a", imei=ONE) as sim:
        sim.fault("silence", at="command", command="AT+CPIN")
        (answer,) = await probe(str(tmp_path / "a"), QUICK)
    assert (answer.code, answer.imei, answer.sim) == ("answers", ONE, "")
    (answer,) = await probe(str(tmp_path / "a"), QUICK)
    assert answer.code == "no_port"
    assert answer.fix


async def test_probe_leaves_a_modem_in_service_alone(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    (answer,) = await probe(str(rig.sim.state()["link"]), QUICK)
    assert answer.code == "port_busy"
    assert isinstance(await rig.send(), Sent)
