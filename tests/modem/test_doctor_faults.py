"""Every fault of a modem that stands or leaves something behind is named by doctor: a code, what is wrong, a fix.

Faults that mend themselves before anybody looks (noise, ^RSSI between the lines, a refusal once) end in "ok". Held elsewhere: resets
(test_reset), two entries with one modem (test_finding), Kannel (test_kannel), PIN tries that are missing (test_pin).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ari_app.doctor_radio import judge_modem, judge_reports, without_port
from ari_app.probes import Finding, bearer
from ari_app.settings import ModemSettings
from ari_app.status import ModemStatus
from modem.errors import ModemError
from modem.link import Link
from modem.simulator import Simulator
from tests.modem.conftest import MakeRig, Rig

NUMBER = "+15145550123"
DOCS = Path(__file__).parents[2] / "docs"

Then = Callable[[Rig], Awaitable[object]]


@dataclass(frozen=True)
class Row:
    """A fault and the code by which doctor names it."""

    code: str
    state: str = "bad"
    says: str = ""
    """What stands in it, or in its fix."""
    before: Callable[[Simulator], object] | None = None
    """Done before the driver comes."""
    then: Then | None = None
    """Done once the modem is ready."""
    sim: dict[str, Any] = field(default_factory=dict)
    driver: dict[str, Any] = field(default_factory=dict)


def fault(kind: str, **more: Any) -> Callable[[Simulator], object]:
    return lambda sim: sim.fault(kind, **more)


def sending(kind: str, *, times: int = 1, **more: Any) -> Then:
    """Texts that meet the fault."""

    async def then(rig: Rig) -> None:
        rig.sim.fault(kind, **more)
        for _ in range(times):
            await rig.send_when_ready()

    return then


def breaking(at: str) -> Then:
    """A text during which the modem is pulled out for good."""

    async def then(rig: Rig) -> None:
        rig.sim.fault("unplug", at=at)
        await rig.send()

    return then


def at_once(act: Callable[[Simulator], object]) -> Then:
    async def then(rig: Rig) -> None:
        act(rig.sim)

    return then


def blocked(sim: Simulator) -> None:
    sim.sim(tries=0)


def no_sim(sim: Simulator) -> None:
    sim.sim(present=False)


def unplugged(sim: Simulator) -> None:
    sim.unplug()


def full(sim: Simulator) -> None:
    for _ in range(2):
        assert sim._modem.stores.put("SM", "00", 2) is not None


FAULTS = {
    # facts/modem.md, section 4
    "unplugged": Row("no_port", says="plug the modem in", then=at_once(unplugged)),
    "unplugged at the prompt": Row("no_port", then=breaking("prompt")),
    "unplugged after Ctrl-Z": Row("no_port", then=breaking("ctrl_z")),
    "unplugged after the network took it": Row("no_port", then=breaking("accepted")),
    "CMS 500 once": Row("ok", "ok", then=sending("refuse", code=500, times=2)),
    "CMS 500": Row("not_sending", "warn", "CMS 500", then=sending("refuse", code=500)),
    "CMS 38 again and again": Row(
        "not_sending", "warn", "the last 3 SMS did not go (CMS 38", then=sending("refuse", code=38, count=3, times=3)
    ),
    "CMS in words": Row("not_sending", "warn", "network out of order", then=sending("refuse", line="+CMS ERROR: network out of order")),
    "prompt refused": Row("not_sending", "warn", "CMS 302", then=sending("refuse_prompt", code=302)),
    "no +CMGS": Row("not_sending", "warn", "gave no result", then=sending("no_answer")),
    "silent": Row("silent", says="replug", then=at_once(fault("silence"))),
    "noise": Row("ok", "ok", then=sending("garbage", hex="00ff80fe0d0a676172626167650d0a")),
    "^RSSI inside replies": Row("ok", "ok", then=sending("inside", command="AT+CSQ", line="^RSSI:17")),
    "SIM full of what is not ours": Row("store_full", "warn", "delete them", before=full, sim={"stores": {"SM": 2}}),
    "texts that cannot be listed": Row("not_reading", says="SM", before=fault("error", command="AT+CMGL", count=99)),
    "stores that cannot be chosen": Row("not_reading", before=fault("error", command='AT+CPMS="SM"', count=99)),
    # SIM and network
    "no PIN given": Row("pin_needed", says="set pin", sim={"pin": "1234"}),
    "wrong PIN": Row("pin_refused", says="correct pin", sim={"pin": "1234"}, driver={"pin": "9999"}),
    "PUK": Row("puk", says="in a phone", before=blocked, sim={"pin": "1234"}, driver={"pin": "1234"}),
    "two tries left": Row("pin_few_tries", before=lambda sim: sim.sim(tries=2), sim={"pin": "1234"}, driver={"pin": "1234"}),
    "no SIM": Row("no_sim", says="insert the SIM", before=no_sim),
    "SIM that fails": Row("sim_failure", before=fault("error", command="AT+CPIN?", code=13, count=99)),
    "not registered": Row("not_registered", says="antenna", before=lambda sim: sim.registration("searching")),
    "registration lost": Row("not_registered", then=at_once(lambda sim: sim.registration("searching"))),
    "denied": Row("denied", says="carrier", before=lambda sim: sim.registration("denied")),
    "roaming": Row("roaming", "warn", before=lambda sim: sim.registration("roaming")),
    "no SMS centre": Row("no_smsc", says="AT+CSCA", sim={"smsc": ""}),
    "weak signal": Row("weak_signal", "warn", "signal 4 of 31", before=lambda sim: sim.signal(4)),
    "signal not known": Row("ok", "ok", before=lambda sim: sim.signal(99)),
    # port and modem
    "no PDU mode": Row("no_pdu_mode", before=fault("error", command="AT+CMGF", count=99)),
    "another modem": Row("wrong_modem", says="correct imei", driver={"imei": "490154203237518"}),
    "not forwarded": Row("not_forwarded", "warn", before=fault("error", command="AT+CCFC", count=9), driver={"forward": "+15145550199"}),
}


def judged(rig: Rig) -> Finding:
    """What doctor says of it."""
    return next(judge_modem(ModemStatus(name="one", **asdict(rig.driver.health()))))


@pytest.mark.parametrize("name", FAULTS)
async def test_doctor_names_it(make_rig: MakeRig, name: str) -> None:
    row = FAULTS[name]
    rig = await make_rig(before=row.before, driver=row.driver, **row.sim)
    if row.then is not None:
        await rig.ready()
        await row.then(rig)
    # one store after the other is found not to answer
    await rig.until(lambda: (said := judged(rig)).code == row.code and row.says in f"{said.what} | {said.fix}", row.code)
    found = judged(rig)
    assert found.state == row.state
    assert bool(found.fix) == (row.state != "ok")
    assert NUMBER not in repr(found)


@pytest.mark.parametrize("page", ["troubleshooting.md", "fr/depannage.md"])
def test_each_is_in_the_pages_that_help(page: str) -> None:
    told = (DOCS / page).read_text("utf-8")
    codes = {row.code for row in FAULTS.values()} - {"ok"} | {"port_busy", "no_reports", "no_serial_port", "permission"}
    assert {code for code in codes if f"`{code}`" not in told} == set()


DOWN: dict[str, tuple[str, str, Callable[[Simulator], object] | None, dict[str, Any]]] = {
    "well": ("modem_answers", "registered with Simulated Network", None, {}),
    "no PIN given": ("pin_needed", "set pin", None, {"pin": "1234"}),
    "two tries left": ("pin_few_tries", "2 of 3", lambda sim: sim.sim(tries=2), {"pin": "1234"}),
    "PUK": ("puk", "in a phone", blocked, {"pin": "1234"}),
    "no SIM": ("no_sim", "insert the SIM", no_sim, {}),
    "SIM that fails": ("sim_failure", "try it in a phone", fault("error", command="AT+CPIN?", code=13, count=9), {}),
    "SIM busy": ("modem_answers", "", fault("error", command="AT+CPIN?", code=14, count=9), {}),
    "not registered": ("not_registered", "antenna", lambda sim: sim.registration("searching"), {}),
    "denied": ("denied", "carrier", lambda sim: sim.registration("denied"), {}),
    "silent": ("silent", "several ports", fault("silence"), {}),
}


@pytest.mark.parametrize("name", DOWN)
async def test_doctor_names_it_with_the_service_down(tmp_path: Path, name: str) -> None:
    """A PIN is looked at and never tried."""
    code, says, before, options = DOWN[name]
    async with Simulator(tmp_path / "modem", **options) as sim:
        if before is not None:
            before(sim)
        found = await bearer(ModemSettings(name="gsm1", port=str(tmp_path / "modem"), pin="1234" if name == "two tries left" else None))
        lines = [entry["line"] for entry in sim.journal(events=["line"])["entries"]]
    assert (found.state, found.code) == ("ok" if code == "modem_answers" else "bad", code)
    assert says in f"{found.what} | {found.fix}"
    assert not [line for line in lines if line.startswith(("AT+CPIN=", "AT+CFUN", "AT+CMG"))]


async def test_a_modem_that_sends_again_is_well(make_rig: MakeRig) -> None:
    """So is one whose refusal was about the number alone."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("no_prompt")
    rig.sim.fault("refuse", code=1)
    await rig.send()
    await rig.until(lambda: judged(rig).code == "not_sending", "told")
    await rig.send_when_ready()
    assert judged(rig).code == "ok"


async def test_a_port_that_another_program_has(make_rig: MakeRig) -> None:
    """ModemManager, gammu-smsd and others."""
    rig = await make_rig()
    await rig.ready()
    port = rig.driver.health().port
    with pytest.raises(ModemError) as caught:
        await Link.open(port)
    assert (caught.value.code, f"fuser -v {port}" in caught.value.fix) == ("port_busy", True)


@pytest.mark.parametrize(
    ("reports", "codes"), [((9, 0), []), ((10, 0), ["no_reports"]), ((500, 0), ["no_reports"]), ((500, 1), []), ((0, 0), [])]
)
def test_a_modem_that_is_never_reported_on(reports: tuple[int, int], codes: list[str]) -> None:
    assert [(part, found.code) for part, found in judge_reports({"gsm1": reports})] == [("modem gsm1", code) for code in codes]


def test_a_stick_that_is_no_serial_port(tmp_path: Path) -> None:
    """HiLink, or mass storage: seen at the USB bus only. A modem with ports, a hub and a mouse are not told."""

    def plug(name: str, vendor: str, product: str, *ports: str) -> None:
        for port in ports or ("1.0",):
            (tmp_path / "bus/usb/devices" / name / port).mkdir(parents=True)
        for file, said in (("idVendor", vendor), ("idProduct", product), ("product", "HUAWEI Mobile")):
            (tmp_path / "bus/usb/devices" / name / file).write_text(f"{said}\n")

    plug("1-1", "12d1", "1506", "1-1:1.0/ttyUSB0/tty")
    plug("1-2", "12d1", "14dc", "1-2:1.0/net")
    plug("1-3", "2c7c", "0125", "1-3:1.2/tty/ttyACM0")
    plug("1-4", "046d", "c077")
    plug("usb1", "1d6b", "0002")
    (found,) = without_port(tmp_path)
    assert (found.state, found.code) == ("bad", "no_serial_port")
    assert "HUAWEI Mobile (12d1:14dc)" in found.what
    assert list(without_port(tmp_path / "nothing")) == []
