"""What the network says by USSD is kept as a text of "USSD"."""

from __future__ import annotations

import asyncio

import pytest

from modem import sim_alphabet
from modem.pdu import Deliver
from modem.simulator import Simulator
from modem.types import Sent
from modem.ussd import message
from tests.modem.conftest import MakeRig, Rig

BALANCE = "Votre solde est de 12,50 $ jusqu'au 31.12. Merci!"


def packed(text: str) -> str:
    """GSM-7, packed, by the simulator's own codec."""
    return sim_alphabet.packed(b"".join(sim_alphabet.septets(char) or b"" for char in text)).hex().upper()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (f'+CUSD: 0,"{BALANCE}",15', BALANCE),
        (f'+CUSD: 1,"{BALANCE}"', BALANCE),
        (f'+CUSD:0,"{BALANCE}", 15', BALANCE),
        ('+CUSD: 0,"Solde:\n1) SMS\n2) Appels",15', "Solde:\n1) SMS\n2) Appels"),
        ('+CUSD: 0,"never ended', "never ended"),
        ('+CUSD: 0,"2050",15', "2050"),
        ('+CUSD: 0,"5145550199",15', "5145550199"),
        (f'+CUSD: 0,"{BALANCE.encode("utf-16-be").hex().upper()}",72', BALANCE),
        (f'+CUSD: 0,"{"Привет, мир".encode("utf-16-be").hex()}",72', "Привет, мир"),
        (f'+CUSD: 0,"{"Ваш баланс".encode("utf-16-be").hex()}",15', "Ваш баланс"),
        (f'+CUSD: 0,"{"您的余额".encode("utf-16-be").hex()}",17', "您的余额"),
        ('+CUSD: 0,"CAFE BABE",15', "CAFE BABE"),
        ("+CUSD: 2", ""),
        ("+CUSD: 4", ""),
        ('+CUSD: 0,"",15', ""),
        ("+CUSD:", ""),
        ("+CUSD: nonsense", ""),
    ],
)
def test_messages(line: str, text: str) -> None:
    assert message(line) == text


@pytest.mark.parametrize("text", [BALANCE, "Your balance is 7.20 EUR, valid until 2026-12-31", "Rufen Sie *100# für Ihr Guthaben"])
def test_messages_in_packed_septets(text: str) -> None:
    assert message(f'+CUSD: 0,"{packed(text)}",15') == text


def texts(rig: Rig) -> list[tuple[str, str]]:
    return [(one.sender, one.text) for one in rig.keeper.decoded if isinstance(one, Deliver)]


@pytest.mark.parametrize("profile", ["generic", "huawei", "sim800"])
@pytest.mark.parametrize("text", [BALANCE, "Solde:\n1) SMS\n2) Appels", "Ваш баланс 10 руб", "x" * 182])
async def test_what_the_network_says_is_kept(make_rig: MakeRig, profile: str, text: str) -> None:
    rig = await make_rig(profile=profile)
    await rig.until(lambda: rig.sim._modem.settings.accepted.get("+CUSD") == "1", "asked for")
    rig.sim.ussd(text)
    await rig.until(lambda: len(rig.keeper.kept) >= 1 and "".join(said for _, said in texts(rig)) == text, "kept")
    assert {sender for sender, _ in texts(rig)} == {"USSD"}
    assert isinstance(await rig.send(), Sent)


async def test_lines_of_ussd_between_everything_else(make_rig: MakeRig) -> None:
    """A text of several lines, an announcement within, an answer to a command within: all come through."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.text("+15145550199", "bonjour")
    rig.sim.fault("inside", command="AT+CSQ", line='+CUSD: 1,"Menu\r\n1) Un\r\n2) Deux",15')
    await rig.until(lambda: ("USSD", "Menu\n1) Un\n2) Deux") in texts(rig), "kept")
    await rig.until(lambda: ("+15145550199", "bonjour") in texts(rig), "the text as well")
    assert rig.ready_calls == [1]


async def test_ussd_whose_end_is_lost_swallows_nothing_for_long(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("garbage", hex=b'\r\n+CUSD: 0,"never ended\r\n'.hex())
    await asyncio.sleep(0.02)
    rig.sim.text("+15145550199", "bonjour")
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: ("+15145550199", "bonjour") in texts(rig), "the text is kept")
    await rig.until(lambda: len(rig.keeper.reports) == 1, "and the report")


async def test_strangers_do_no_harm(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        for line in (
            "+CUSD:",
            "+CUSD: 9,",
            '+CUSD: 0,"\ud7ff"'.encode("utf-8", "replace").decode("latin-1"),
            "+CLIP:",
            "^CEND",
            "+CMT:",
            "+CDS:",
        ):
            sim.fault("inside", command="AT+C", line=line)

    rig = await make_rig(before=lay)
    await rig.ready()
    assert isinstance(await rig.send(), Sent)
