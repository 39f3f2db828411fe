"""A modem that comes back as another port, that is full, that has no network, that is frozen for good, whose SIM has another PIN.

Waits are those of the field but where nobody is waited for; a text out and texts in wait for the end of each fault.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from serial.tools.list_ports_common import ListPortInfo

from modem.sim_pdu import encode_deliver
from modem.simulator import Simulator
from modem.timing import Timing
from modem.types import Health
from tests.bench.radio import number, radio, rows, stamps, tally
from tests.bench.wired import LeapClock, Wired, wired
from tests.faults.fault import Recorder, record
from tests.modem.conftest import QUICK
from tests.threads.world import STAFF, until

CALLER = "+15145550188"
COUNTERS = ("AT+CPINR", "AT^CPIN", "AT+QPINC", "AT+SPIC", "AT+ZPINPUK")


@dataclass
class House:
    """One modem and what sends through it. ``out``, ``came``: the texts that went into its queue, and to its SIM."""

    simulator: Simulator
    running: Wired
    file: Path

    def __post_init__(self) -> None:
        self.out: list[str] = []
        self.came: list[str] = []

    @property
    def health(self) -> Health:
        return self.running.modems[0].health()

    async def send(self) -> str:
        """Queue a text; its number."""
        self.out.append(to := number(len(self.out)))
        await self.running.store.acts.queue_staff(to, "Bonjour", to, by=STAFF)
        self.running.outbox.wake()
        return to

    def write(self, count: int = 1) -> None:
        """A handset writes so many texts."""
        for _ in range(count):
            self.came.append(f"texte {len(self.came)}")
            self.simulator.text(CALLER, self.came[-1])

    def states(self) -> dict[str, str]:
        found = rows(self.file, "SELECT t.number, m.state FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out'")
        return {row["number"]: row["state"] for row in found}

    def received(self) -> list[str]:
        return [row["text"] for row in rows(self.file, "SELECT text FROM message WHERE direction = 'in'")]

    def held(self) -> int:
        """Messages in SIM and modem."""
        return sum(len(each) for each in self.simulator.state()["stores"].values())

    async def over(
        self, record_property: Recorder, since: float, *, ends: tuple[str, ...] = ("sent", "delivered"), timed: bool = True
    ) -> None:
        """Every text out is ``ends``, every one in is kept and gone from the modem: once. ``since``: when the fault ended."""
        await until(lambda: all(self.states().get(one) in {*ends} for one in self.out), 60)
        await until(lambda: len(self.received()) >= len(self.came) and not self.held(), 60)
        count = tally(self.simulator.journal()["entries"], self.states(), self.out)
        missed = [text for text in self.came if text not in self.received()]
        times = [at for at in stamps(self.simulator, "accepted") if at > since]
        record(
            record_property,
            texts_lost=len(count.lost) + len(count.unshown) + len(missed),
            texts_doubled=len(count.doubled) + len(self.received()) - len(set(self.received())),
            recovery_s=times[0] - since if timed and times else None,
        )
        assert (count.lost, count.unshown, count.doubled, count.spurious, missed) == ([], [], [], [], [])
        assert sorted(self.received()) == sorted(self.came)


@asynccontextmanager
async def house(
    folder: Path,
    port: str | None = None,
    *,
    timing: Timing = Timing(),  # noqa: B008 (frozen)
    before: Callable[[Simulator], object] | None = None,
    driver: dict[str, Any] | None = None,
    **simulator: Any,
) -> AsyncIterator[House]:
    """A modem at ``folder``/ttyUSB0. ``before``: done to it before the driver comes."""
    async with radio(folder / "ttyUSB0", report_ms=20, **simulator) as sim:
        if before is not None:
            before(sim)
        async with serving(folder, sim, port, timing=timing, **(driver or {})) as one:
            yield one


@asynccontextmanager
async def serving(folder: Path, sim: Simulator, port: str | None = None, *, timing: Timing, **driver: Any) -> AsyncIterator[House]:
    """The service at a modem that is there."""
    file = folder / "textback.db"
    async with wired(file, [port or str(folder / "ttyUSB0")], LeapClock(), timing=timing, **driver) as running:
        yield House(sim, running, file)


def plugged(*paths: Path) -> list[ListPortInfo]:
    found = []
    for path in paths:
        port = ListPortInfo(str(path))
        port.vid, port.location = 0x12D1, "1-1:1.0"
        found.append(port)
    return found


@pytest.mark.parametrize("found", ["same port", "another port, by its pattern", "another port, by its IMEI"])
async def test_unplugged(tmp_path: Path, record_property: Recorder, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    """And put back, where it was or as ttyUSB1."""
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: plugged(*tmp_path.glob("ttyUSB*")))
    async with house(tmp_path, f"{tmp_path}/ttyUSB*" if "pattern" in found else None) as one:
        await until(lambda: one.health.code == "ok")
        one.simulator.unplug()
        await until(lambda: one.health.code == "no_port")
        await one.send()
        one.write()
        back = "ttyUSB0" if found == "same port" else "ttyUSB1"
        one.simulator.replug(str(tmp_path / back))
        await one.over(record_property, time.monotonic())
        assert one.health.port == str(tmp_path / back)


async def test_full_of_texts(tmp_path: Path, record_property: Recorder) -> None:
    """What came while nobody read: SIM and modem are full, the rest waits in the network."""
    many = [f"texte {index}" for index in range(40)]

    def fill(sim: Simulator) -> None:
        for text in many:
            sim.text(CALLER, text)

    async with house(tmp_path, before=fill, stores={"SM": 5, "ME": 10, "SR": 5}) as one:
        one.came += many
        since = time.monotonic()
        await one.send()
        await one.over(record_property, since)


async def test_full_of_what_is_not_ours(tmp_path: Path, record_property: Recorder) -> None:
    """Drafts are left alone; what cannot be stored waits in the network until a person makes room."""
    (draft,) = encode_deliver(CALLER, "brouillon", datetime(2026, 3, 2, tzinfo=UTC))

    def fill(sim: Simulator) -> None:
        for store in ("SM", "ME", "SM", "ME"):
            assert sim._modem.stores.put(store, draft, 2)

    async with house(tmp_path, before=fill, stores={"SM": 2, "ME": 2, "SR": 5}) as one:
        await until(lambda: one.health.code == "store_full")
        one.write()
        out = await one.send()
        await until(lambda: one.states().get(out) == "delivered")
        assert one.received() == []
        assert one.held() == 4
        for held in one.simulator._modem.stores.held.values():
            held.clear()
        await one.send()
        one.simulator.unplug(50)  # as one does to use the SIM in a phone
        await one.over(record_property, time.monotonic())


@pytest.mark.parametrize("known", ["from the start", "as a text is refused"])
async def test_no_network(tmp_path: Path, record_property: Recorder, known: str) -> None:
    """Texts wait, whether the watch saw that the network is gone or the network's refusal (331) is the first word of it."""
    async with house(tmp_path) as one:
        await until(lambda: one.health.code == "ok")
        one.simulator.registration("searching")
        if known == "as a text is refused":
            assert one.health.code == "ok"
        else:
            one.simulator.unplug(50)
            await until(lambda: one.health.code == "not_registered")
        await one.send()
        one.write()
        await until(lambda: one.health.code == "not_registered" and set(one.states().values()) == {"queued"})
        one.simulator.registration("home")
        await one.over(record_property, time.monotonic())


async def test_no_message_centre(tmp_path: Path, record_property: Recorder) -> None:
    """The SIM's was erased as it ran: texts wait until there is one again."""
    async with house(tmp_path) as one:
        await until(lambda: one.health.code == "ok")
        one.simulator.fault("refuse", code=330)
        one.simulator.fault("error", command="AT+CSCA?", line='+CSCA: "",129\r\n\r\nOK', count=999)
        await one.send()
        await until(lambda: one.health.code == "no_smsc")
        one.write()
        one.simulator.clear()
        await one.over(record_property, time.monotonic())


@pytest.mark.bench
async def test_frozen_for_good(tmp_path: Path, record_property: Recorder) -> None:
    """Until a person unplugs it: a text whose Ctrl-Z had left is unknown, the others go."""
    async with house(tmp_path, timing=Timing(result=3)) as one:
        await until(lambda: one.health.code == "ok")
        one.simulator.fault("silence", at="ctrl_z")
        unsure = await one.send()
        await until(lambda: one.states().get(unsure) == "unknown", 60)
        await until(lambda: one.health.code == "silent", 120)
        waits = await one.send()
        one.write()
        one.simulator.unplug(500)
        await one.over(record_property, time.monotonic(), ends=("unknown", "delivered"))
        assert (one.states()[unsure], one.states()[waits]) == ("unknown", "delivered")


@pytest.mark.parametrize("counts", [True, False], ids=["the modem counts tries", "it counts none"])
async def test_wrong_pin(tmp_path: Path, record_property: Recorder, counts: bool) -> None:
    """Restarts, power cuts and three wrong PINs one after the other: never a third try. The right one opens, the text goes."""
    async with radio(tmp_path / "ttyUSB0", report_ms=20, pin="4711") as sim:
        for command in () if counts else COUNTERS:
            sim.fault("error", command=command, code=4, count=999)

        def tries() -> int:
            return sum(entry["line"].startswith("AT+CPIN=") for entry in sim.journal(events=["line"])["entries"])

        refusals = ("pin_refused", "pin_few_tries", "pin_few_tries") if counts else ("pin_refused", "pin_refused", "pin_few_tries")
        for turn, code in enumerate(refusals):
            async with serving(tmp_path, sim, timing=QUICK, pin=f"999{turn}") as one:
                await until(lambda: one.health.code == code)  # noqa: B023 (awaited here)
                if not turn:
                    await one.send()
                one.simulator.unplug(20)
                await sim.wait_event("opened", count=len(stamps(sim, "opened")) + 2)
                await until(lambda: one.health.code in {"pin_refused", "pin_few_tries"})
        made, left = tries(), sim.state()["pin_tries"]
        record_property("pin_tries", made)
        assert (made, left) == ((1, 2) if counts else (2, 1))
        sim.sim(pin="", tries=3)  # opened and switched off in a phone
        async with serving(tmp_path, sim, timing=QUICK, pin="9992") as one:
            one.out.append(number(0))
            sim.unplug(20)
            await one.over(record_property, time.monotonic(), timed=False)
    assert tries() == made
