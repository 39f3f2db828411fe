"""The makes of modem the simulator plays: what each says, knows, lacks and does, as a client on the pty sees it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from modem.sim_pdu import decode_report
from modem.sim_profiles import PROFILES
from modem.simulator import Simulator
from tests.modem.simulator_client import FINAL, Client, submits

CALLER = "+15145550199"
REFUSED = re.compile(r"\r\n(ERROR|COMMAND NOT SUPPORT|\+CM[ES] ERROR: .*)\r\n$")


@asynccontextmanager
async def plugged(tmp_path: Path, profile: str, **options: Any) -> AsyncIterator[tuple[Simulator, Client]]:
    """A modem of that make and a client that asked for no echo."""
    async with Simulator(tmp_path / "modem", profile=profile, **{"report_ms": 1, "attach_ms": 5, **options}) as sim:
        with Client(tmp_path / "modem") as client:
            await client.ask("ATE0")
            yield sim, client


async def ask(client: Client, line: str) -> str:
    """As ``Client.ask``, but "COMMAND NOT SUPPORT" is a result too."""
    client.write(line.encode() + b"\r")
    return (await client.until(re.compile(FINAL.pattern + rb"|\r\nCOMMAND NOT SUPPORT\r\n"))).decode("latin-1")


@pytest.mark.parametrize("profile", PROFILES)
async def test_all_send_receive_and_report(tmp_path: Path, profile: str) -> None:
    """Whatever it chatters meanwhile."""
    async with plugged(tmp_path, profile) as (sim, client):
        assert "OK" in await client.ask("AT+CNMI=2,1,0,1,0")
        pdu = submits(CALLER, "bonjour")[0]
        client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
        await client.until(b">")
        client.write(pdu.encode() + b"\x1a")
        await client.until(b"+CMGS: 1\r\n")
        await client.until(re.compile(rb"\+CDS: \d+\r\n[0-9A-F]+\r\n"))
        sim.text(CALLER, "oui")
        store = PROFILES[profile].sizes[0][0]
        await client.until(f'+CMTI: "{store}",1\r\n'.encode())
        assert sim.inbox(CALLER)[0]["text"] == "bonjour"
        assert sim.state()["stores"][store][1]["text"] == "oui"


@pytest.mark.parametrize(
    ("profile", "command", "answer"),
    [
        ("generic", "AT+CPINR", r"\+CPINR: SIM PIN,2,3"),
        ("huawei", "AT^CPIN?", r"\^CPIN: SIM PIN,2,10,2,10,3"),
        ("e3372", "AT^CPIN?", r"\^CPIN: SIM PIN,2,10,2,10,3"),
        ("sim800", "AT+SPIC", r"\+SPIC: 2,10,3,10"),
        ("sim7600", "AT+SPIC", r"\+SPIC: 2,10,3,10"),
        ("sim7670", "AT+SPIC", r"\+SPIC: 2,10,3,10"),
        ("ec25", "AT+QPINC?", r'\+QPINC: "SC",2,10'),
        ("zte", "AT+ZPINPUK=?", r"\+ZPINPUK: 2,10"),
    ],
)
async def test_tries_of_the_pin(tmp_path: Path, profile: str, command: str, answer: str) -> None:
    """Each make counts with one command, before the PIN, and refuses the others'."""
    counters = {"AT+CPINR", "AT^CPIN?", "AT+SPIC", "AT+QPINC?", "AT+ZPINPUK=?"}
    async with plugged(tmp_path, profile, pin="1234") as (sim, client):
        sim.chatter(lines=0)
        assert "ERROR" in await client.ask("AT+CPIN=9999")
        assert re.search(answer, await ask(client, command))
        for other in counters - {command}:
            assert REFUSED.search(await ask(client, other)), other


def test_every_make_has_a_counter() -> None:
    assert all(profile.knows & {"+CPINR", "^CPIN", "+SPIC", "+QPINC", "+ZPINPUK"} for profile in PROFILES.values())


@pytest.mark.parametrize(
    ("profile", "command", "iccid"),
    [
        ("generic", "AT+CCID", "+CCID: "),
        ("huawei", "AT^ICCID?", "^ICCID: "),
        ("sim800", "AT+CCID", "+CCID: "),
        ("sim7600", "AT+CICCID", "+ICCID: "),
        ("ec25", "AT+QCCID", "+QCCID: "),
    ],
)
async def test_the_number_of_the_sim(tmp_path: Path, profile: str, command: str, iccid: str) -> None:
    """The same SIM, told by another command."""
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(lines=0)
        assert f"{iccid}89302720720123456789\r\n" in await ask(client, command)


@pytest.mark.parametrize(
    ("profile", "stores", "modes"),
    [
        ("generic", '("SM","ME","SR")', "(0,1,2,3),(0,1,2,3),(0),(0,1,2),(0,1)"),
        ("huawei", '("SM")', "(0,1,2,3),(0,1,2,3),(0,2),(0,1,2),(0,1)"),
        ("e3372", '("SM","ME")', "(0,1,2,3),(0,1,2,3),(0,2),(0,1,2),(0,1)"),
        ("sim800", '("SM","ME")', "(0,1,2,3),(0,1,2,3),(0,2),(0,1),(0,1)"),
        ("sim7600", '("ME","SM","SR")', "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)"),
        ("ec25", '("ME","SM","SR")', "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)"),
        ("zte", '("ME","SM","SR")', "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)"),
    ],
)
async def test_stores_and_indications(tmp_path: Path, profile: str, stores: str, modes: str) -> None:
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(lines=0)
        assert f"+CPMS: {stores}," in await client.ask("AT+CPMS=?")
        assert f"+CNMI: {modes}\r\n" in await client.ask("AT+CNMI=?")
        refused = "AT+CNMI=2,1,0,2,0" if profile == "sim800" else "AT+CNMI=2,1,0,3,0"
        assert "+CMS ERROR: 302" in await client.ask(refused)
        if modes.startswith("(0,1,2),"):
            assert "+CMS ERROR: 302" in await client.ask("AT+CNMI=3,1,0,1,0")


@pytest.mark.parametrize("profile", ["huawei", "e3372"])
async def test_a_stored_report_where_there_is_no_store_for_it(tmp_path: Path, profile: str) -> None:
    """Huawei sticks keep reports among the texts."""
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(lines=0)
        await client.ask("AT+CNMI=2,1,0,2,0")
        await client.submit(submits(CALLER, "x")[0])
        await client.until(b'+CDSI: "SM",1\r\n')
        assert sim.state()["stores"]["SM"][1]["reference"] == 1


async def test_the_ec25_names_the_wrong_store_of_a_report(tmp_path: Path) -> None:
    async with plugged(tmp_path, "ec25") as (sim, client):
        await client.ask("AT+CNMI=2,1,0,2,0")
        await client.submit(submits(CALLER, "x")[0])
        await client.until(b'+CDSI: "SM",0\r\n')
        assert list(sim.state()["stores"]["SR"]) == [1]
        await client.ask('AT+CPMS="SR"')
        pdu = (await client.ask("AT+CMGR=1")).split("\r\n")[2]
        assert decode_report(pdu).recipient == CALLER


async def test_the_zte_tells_no_status(tmp_path: Path) -> None:
    async with plugged(tmp_path, "zte") as (sim, client):
        sim.chatter(lines=0)
        sim.text(CALLER, "x")
        assert re.match(r"\r\n\+CMGR: ,,\d+\r\n[0-9A-F]+\r\n", await client.ask("AT+CMGR=1"))


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("huawei", b'^SMMEMFULL: "SM"'),
        ("e3372", b'^SMMEMFULL: "SM"'),
        ("ec25", b'+QIND: "smsfull","ME"'),
        ("zte", b'+ZSMMEMFULL: "ME"'),
    ],
)
async def test_a_full_store_is_said_once(tmp_path: Path, profile: str, line: bytes) -> None:
    async with plugged(tmp_path, profile, stores={PROFILES[profile].sizes[0][0]: 1}) as (sim, client):
        for text in ("one", "two", "three"):
            sim.text(CALLER, text)
        await client.until(line + b"\r\n")
        await client.ask("AT")
        assert line not in client.heard
        assert sim.state()["network"]["waiting"] == 2


@pytest.mark.parametrize("profile", ["huawei", "e3372"])
async def test_an_unknown_command_of_huawei(tmp_path: Path, profile: str) -> None:
    async with plugged(tmp_path, profile) as (_, client):
        assert (await ask(client, "AT+NOSUCH")).endswith("\r\nCOMMAND NOT SUPPORT\r\n")
        assert (await ask(client, "AT+CCID")).endswith("\r\nCOMMAND NOT SUPPORT\r\n")


async def test_a_stick_without_voice_never_rings(tmp_path: Path) -> None:
    async with plugged(tmp_path, "e3372") as (sim, client):
        sim.chatter(lines=0, say=[])
        assert REFUSED.search(await ask(client, "AT+CLIP=1"))
        assert sim.call(CALLER, rings=3, every_ms=1) == {"call": "unreachable"}
        assert await client.ask("AT") == "\r\nOK\r\n"
        assert [entry["by"] for entry in sim.journal(events=["call_ended"])["entries"]] == ["network"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_reset(tmp_path: Path, profile: str) -> None:
    """USB modems that leave the bus come back by themselves; the others keep their port. Settings are gone either way."""
    leaves = PROFILES[profile].away_ms > 0
    async with plugged(tmp_path, profile, away_ms=30 if leaves else None) as (sim, client):
        await client.ask("AT+CNMI=2,1,0,1,0")
        client.write(b"AT+CFUN=1,1\r")
        await client.until(b"OK\r\n")
        await sim.wait_event("booted", count=2)
        assert client.gone.is_set() == leaves
        plugs = [entry["event"] for entry in sim.journal(events=["plugged", "unplugged"])["entries"]]
        assert plugs == (["plugged", "unplugged", "plugged"] if leaves else ["plugged"])
        assert sim.state()["cnmi"] == [0, 0, 0, 0, 0]


def test_which_leave_the_bus() -> None:
    assert {name for name, profile in PROFILES.items() if profile.away_ms} == {"huawei", "sim7600", "ec25"}


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("huawei", [b"^BOOT:"]),
        ("e3372", [b"^SYSSTART"]),
        ("sim800", [b"RDY", b"+CPIN: SIM PIN", b"Call Ready", b"SMS Ready"]),
        ("sim7600", [b"RDY", b"+CPIN: SIM PIN", b"SMS DONE", b"PB DONE"]),
        ("sim7670", [b"*ATREADY: 1", b"+CPIN: SIM PIN"]),
        ("ec25", [b"RDY", b"+CPIN: SIM PIN", b"+QIND: SMS DONE"]),
        ("zte", [b"+ZUSIMR:2"]),
    ],
)
async def test_what_a_start_says(tmp_path: Path, profile: str, said: list[bytes]) -> None:
    async with plugged(tmp_path, profile, pin="1234") as (sim, client):
        sim.chatter(lines=0, say=[])
        sim.reboot()
        for line in said:
            await client.until(line)


@pytest.mark.parametrize(("profile", "prompt"), [("sim7670", b"\r\n>\r\n"), ("ec25", b"\r\n> "), ("zte", b"\r\n> ")])
async def test_the_prompt(tmp_path: Path, profile: str, prompt: bytes) -> None:
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(lines=0, say=[])
        client.write(b"AT+CMGS=20\r")
        assert await client.until(prompt) == prompt


@pytest.mark.parametrize(
    ("profile", "silencer", "lines"),
    [
        ("huawei", "AT^CURC=0", (b"^RSSI:", b"^BOOT:", b"^DSFLOWRPT:")),
        ("e3372", "AT^CURC=0", (b"^HCSQ:", b"^RSSI:", b"^CERSSI:")),
        ("zte", "AT+CPMS?", (b"+ZUSIMR:",)),
    ],
)
async def test_chatter_and_how_it_is_silenced(tmp_path: Path, profile: str, silencer: str, lines: tuple[bytes, ...]) -> None:
    """By itself, between a command and its reply, until the maker's own command; again after a restart."""
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(every_ms=1, lines=0)
        for line in lines:
            await client.until(line)
        sim.chatter(every_ms=0, lines=1)
        client.heard = b""
        assert re.match(r"\r\n[\^+].*\r\n\r\n\+CSQ: 21,99\r\n\r\n[\^+].*\r\n\r\nOK\r\n$", await client.ask("AT+CSQ"))
        await client.ask(silencer)
        assert await client.ask("AT+CSQ") == "\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
        sim.reboot()
        await client.ask("ATE0")
        assert "+CSQ: 21,99\r\n\r\nOK\r\n" not in await client.ask("AT+CSQ")


@pytest.mark.parametrize(("profile", "lines"), [("zte", (b"+ZDONR:", b"+ZPASR:")), ("huawei", (b"^SRVST:2", b"^MODE:5,4"))])
async def test_what_is_said_when_the_network_is_found(tmp_path: Path, profile: str, lines: tuple[bytes, ...]) -> None:
    async with plugged(tmp_path, profile) as (sim, client):
        sim.registration("searching")
        client.heard = b""
        sim.registration("roaming")
        for line in lines:
            await client.until(line)


async def test_chatter_inside_a_list_of_texts(tmp_path: Path) -> None:
    """Before every third line that begins something, in turn, never between a header and its PDU: the same each time."""

    async def heard(folder: Path) -> str:
        async with plugged(folder, "generic") as (sim, client):
            for number in range(4):
                sim.text(CALLER, f"text {number}", reference=1)
            sim.chatter(lines=3, say=["^RSSI:17", "+CSQ: 3,99"])
            reply = await client.ask("AT+CMGL=4")
            assert len(sim.journal(events=["urc"])["entries"]) == reply.count("^RSSI:17") + reply.count("+CSQ: 3,99")
            return re.sub(r"[0-9A-F]{40,}", "PDU", reply)

    (tmp_path / "again").mkdir()
    first = await heard(tmp_path)
    assert first.count("^RSSI:17") == 1
    assert first.count("+CSQ: 3,99") == 1
    assert first.count("\r\nPDU\r\n") == 4
    assert not re.search(r"\+CMGL[^\r]*\r\n\r\n", first)
    assert first == await heard(tmp_path / "again")


async def test_sim7600_tells_its_signal_when_asked_to(tmp_path: Path) -> None:
    async with plugged(tmp_path, "sim7600") as (sim, client):
        await client.ask("AT+AUTOCSQ=1,1")
        sim.chatter(every_ms=1)
        await client.until(b"\r\n+CSQ: 21,99\r\n")
        await client.ask("AT+AUTOCSQ=0")


async def test_the_sim_is_busy_after_a_start_and_after_its_pin(tmp_path: Path) -> None:
    async with plugged(tmp_path, "sim800", pin="1234", sim_ms=100) as (sim, client):
        await client.ask("AT+CMEE=1")
        assert await client.ask("AT+CPIN?") == "\r\n+CME ERROR: 14\r\n"
        await free(client)
        assert await client.ask("AT+CPIN=1234") == "\r\nOK\r\n"
        assert await client.ask("AT+CPMS?") == "\r\n+CMS ERROR: 314\r\n"
        assert "+CREG: 0,0" in await client.ask("AT+CREG?")
        await free(client)
        assert "+CREG: 0,1" in await client.ask("AT+CREG?")
        assert sim.state()["sim"] == "READY"


async def free(client: Client) -> None:
    """Ask until the SIM answers."""
    while "ERROR" in await client.ask("AT+CPIN?"):
        pass


async def test_ports_that_answer_and_never_announce(tmp_path: Path) -> None:
    """Both ports talk, each with a dialogue of its own; only the first announces; a restart silences both."""
    async with Simulator(tmp_path / "modem", quiet=[tmp_path / "second"], report_ms=1, attach_ms=5) as sim:
        with Client(tmp_path / "modem") as first, Client(tmp_path / "second") as second:
            await first.quiet()
            assert await second.ask("AT+CGMM") == "\r\nSimulated modem\r\n\r\nOK\r\n"
            first.write(b"AT+CMGS=20\r")
            await first.until(b"> ")
            assert await second.ask("AT+CSQ") == "\r\n+CSQ: 21,99\r\n\r\nOK\r\n"  # the prompt is the other port's
            first.write(b"\x1b")
            await first.until(FINAL)
            sim.text(CALLER, "x")
            await first.until(b"+CMTI:")
            assert "+CMGS: 1" in await second.submit(submits(CALLER, "by the second port")[0])
            await first.until(b"+CDS:")
            assert await second.ask("AT") == "\r\nOK\r\n"
            assert second.heard == b""
            assert [entry["line"] for entry in sim.journal(events=["line"])["entries"] if entry.get("port") == 1][:2] == [
                "AT+CGMM",
                "AT+CSQ",
            ]
            sim.unplug()
            await second.gone.wait()
        assert not (tmp_path / "second").is_symlink()


@pytest.mark.parametrize(
    ("profile", "form"),
    [("generic", '+CLIP: "{}",{},,,,{}'), ("huawei", '+CLIP: "{}",{},,,,{}'), ("sim800", '+CLIP: "{}",{},"",0,"",{}')],
)
async def test_caller_id(tmp_path: Path, profile: str, form: str) -> None:
    """International, national, withheld, not available, from a payphone (TS 27.007 7.6)."""
    cases: list[tuple[str, Any, tuple[str, int, int]]] = [
        (CALLER, None, (CALLER, 145, 0)),
        ("5145550199", None, ("5145550199", 129, 0)),
        ("", None, ("", 128, 1)),
        ("", "unavailable", ("", 128, 2)),
        ("", "payphone", ("", 128, 3)),
    ]
    async with plugged(tmp_path, profile) as (sim, client):
        sim.chatter(lines=0, say=[])
        await client.ask("AT+CLIP=1")
        for sender, caller_id, told in cases:
            sim.call(sender, rings=1, every_ms=1, caller_id=caller_id)
            assert form.format(*told).encode() in await client.until(b"NO CARRIER\r\n")
        sim.call("", rings=1, every_ms=1, clip="+CLIP: ,128")
        assert await client.until(b"NO CARRIER\r\n") == b"\r\nRING\r\n\r\n+CLIP: ,128\r\n\r\nNO CARRIER\r\n"
