"""The port itself: locks, ends, and a kernel that takes no more; played by hand on a pty."""

from __future__ import annotations

import asyncio
import os
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import serial

from modem.at import Dialogue
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.link import Link
from modem.sending import submit
from modem.types import NotSent, Submit, Unknown
from modem.urcs import Urc, UrcKind

PART = Submit("+15145550123", 1, 1, "00" + "11" * 20, 20)


@dataclass
class Pty:
    """Both ends of a pty; ``path`` is what the link opens."""

    master: int
    slave: int
    path: str

    def close_master(self) -> None:
        os.close(self.master)
        self.master = -1

    def fill(self) -> None:
        """Write to the modem until the kernel takes no more."""
        os.set_blocking(self.slave, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.slave, b"\r" * 64)
        with suppress(BlockingIOError):
            while True:
                os.write(self.slave, b"\r")

    async def heard(self, what: bytes) -> None:
        """Read as the modem until ``what`` came."""
        os.set_blocking(self.master, False)
        data = b""
        async with asyncio.timeout(5):
            while what not in data:
                with suppress(BlockingIOError):
                    data += os.read(self.master, 4096)
                await asyncio.sleep(0.002)

    def say(self, data: bytes) -> None:
        """Write as the modem."""
        os.write(self.master, data)


@pytest.fixture
def pty() -> Iterator[Pty]:
    master, slave = os.openpty()
    tty.setraw(slave)
    pty = Pty(master, slave, os.ttyname(slave))
    yield pty
    for fd in (pty.master, pty.slave):
        if fd >= 0:
            os.close(fd)


def talk(link: Link, urcs: list[Urc]) -> Dialogue:
    dialogue = Dialogue(link, urcs.append, probe=0.5, settle=0.01)
    link.attach(dialogue.feed, dialogue.lost)
    return dialogue


async def in_step(pty: Pty, dialogue: Dialogue) -> None:
    """Answer the AT a dialogue begins with."""

    async def first() -> None:
        async with dialogue.turn():
            pass

    begun = asyncio.create_task(first())
    await pty.heard(b"AT\r")
    pty.say(b"\r\nOK\r\n")
    await begun


async def yes() -> bool:
    return True


async def test_a_port_is_locked(pty: Pty) -> None:
    link = await Link.open(pty.path)
    with pytest.raises(ModemError) as caught:
        await Link.open(pty.path)
    assert caught.value.code == "port_busy"
    link.close()
    (await Link.open(pty.path)).close()


async def test_no_flow_control_is_asked_for(pty: Pty) -> None:
    """Defect 5: a modem board with three wires would never be clear to send."""
    link = await Link.open(pty.path)
    try:
        inputs, _, control, *_ = termios.tcgetattr(pty.slave)
        assert not control & termios.CRTSCTS
        assert not inputs & (termios.IXON | termios.IXOFF)
    finally:
        link.close()


async def test_a_cancelled_opening_leaves_the_port_free(pty: Pty) -> None:
    opening = asyncio.create_task(Link.open(pty.path))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(5):
        while True:
            with suppress(ModemError):
                (await Link.open(pty.path)).close()
                break
            await asyncio.sleep(0.01)


async def test_the_end_of_the_port_is_told_at_once(pty: Pty) -> None:
    """Defects 3 and 4: gsmmodem's caller waits 5 or 35 s."""
    link = await Link.open(pty.path)
    dialogue = talk(link, [])
    await in_step(pty, dialogue)
    asking = asyncio.create_task(dialogue.command("AT+CSQ", "+CSQ:", timeout=60))
    await pty.heard(b"AT+CSQ\r")
    pty.close_master()
    with pytest.raises(LinkLostError):
        await asyncio.wait_for(asking, 5)
    assert not dialogue.alive
    with pytest.raises(LinkLostError):
        await dialogue.command("AT", timeout=1)


async def test_a_stick_that_takes_nothing_holds_nobody_up_as_it_is_closed(pty: Pty) -> None:
    """A pty never keeps what was written to it, so the stick's port says so itself; the kernel waits 30 s for it."""
    closing = threading.Event()

    class Stick(serial.Serial):
        out_waiting = 3

        def close(self) -> None:
            closing.wait(5)
            super().close()

    port = Stick(pty.path, timeout=0)
    link = Link(port, pty.path)
    link.close()
    assert port.is_open, "closing waits elsewhere"
    closing.set()
    async with asyncio.timeout(5):
        while port.is_open:  # noqa: ASYNC110 - a port has no event
            await asyncio.sleep(0.01)


async def test_a_write_the_kernel_does_not_take_says_how_much_it_took(pty: Pty) -> None:
    link = await Link.open(pty.path, patience=0.1)
    try:
        with pytest.raises(LinkLostError) as caught:
            await link.write(b"\r" * 1_000_000)
        assert 0 < caught.value.written < 1_000_000
    finally:
        link.close()


async def test_a_write_goes_on_when_the_kernel_takes_more(pty: Pty) -> None:
    link = await Link.open(pty.path)
    try:
        writing = asyncio.create_task(link.write(b"a" * 20_000 + b"\x1a"))
        await pty.heard(b"\x1a")
        await writing
    finally:
        link.close()


async def test_a_pdu_whose_ctrl_z_stays_behind_is_not_sent(pty: Pty) -> None:
    """The kernel takes only a beginning of the PDU: nothing can have gone."""
    link = await Link.open(pty.path, patience=0.2)
    dialogue = talk(link, [])
    await in_step(pty, dialogue)

    async def commit() -> bool:
        pty.fill()
        return True

    sending = asyncio.create_task(submit(dialogue, PART, commit, prompt=2, result=2, in_doubt=2))
    await pty.heard(b"AT+CMGS=20\r")
    pty.say(b"\r\n> ")
    assert isinstance(await sending, NotSent)
    assert not dialogue.alive


async def test_a_pdu_that_left_whole_and_went_unanswered_is_unknown(pty: Pty) -> None:
    link = await Link.open(pty.path)
    dialogue = talk(link, [])
    await in_step(pty, dialogue)
    sending = asyncio.create_task(submit(dialogue, PART, yes, prompt=2, result=60, in_doubt=60))
    await pty.heard(b"AT+CMGS=20\r")
    pty.say(b"\r\n> ")
    await pty.heard(b"\x1a")
    pty.close_master()
    assert isinstance(await sending, Unknown)


async def test_a_report_whose_two_lines_come_before_and_after_a_resync(pty: Pty) -> None:
    urcs: list[Urc] = []
    link = await Link.open(pty.path)
    dialogue = talk(link, urcs)
    await in_step(pty, dialogue)
    asking = asyncio.create_task(dialogue.command("AT+CLCC", "+CLCC:", timeout=5))
    await pty.heard(b"AT+CLCC\r")
    pty.say(b"\r\n+CDS: 3\r\n\r\nOK\r\n")
    assert (await asking).lines == ()
    await in_step(pty, dialogue)  # since OK alone may have answered something else
    pty.say(b"00112233\r\n")
    async with asyncio.timeout(5):
        while not urcs:  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0.01)
    assert urcs == [Urc(UrcKind.REPORT, "+CDS: 3", pdu="00112233", length=3)]
    link.close()


async def test_a_late_answer_is_not_taken_for_another_commands(pty: Pty) -> None:
    """After an answer that did not come, AT is asked first, and what belongs to the old command falls away."""
    link = await Link.open(pty.path)
    dialogue = talk(link, [])
    await in_step(pty, dialogue)
    with pytest.raises(NoAnswerError):
        await dialogue.command("AT+CSQ", "+CSQ:", timeout=0.02)
    asking = asyncio.create_task(dialogue.command("AT+CREG?", "+CREG:", timeout=2))
    await pty.heard(b"\x1b\rAT\r")
    pty.say(b"\r\n+CSQ: 5,99\r\n\r\nOK\r\n\r\nOK\r\n")
    await pty.heard(b"AT+CREG?\r")
    pty.say(b"\r\n+CREG: 0,1\r\n\r\nOK\r\n")
    reply = await asking
    assert reply.lines == ("+CREG: 0,1",)
    link.close()


async def test_an_ok_that_answers_something_else_is_found_out(pty: Pty) -> None:
    """Noise, or an answer too many: else every reply from here on would be taken for the next command's."""
    link = await Link.open(pty.path)
    dialogue = talk(link, [])
    await in_step(pty, dialogue)
    asking = asyncio.create_task(dialogue.command('AT+CPMS="SM"', "+CPMS:", timeout=5))
    await pty.heard(b'AT+CPMS="SM"\r')
    pty.say(b"\r\nOK\r\n")
    assert (await asking).lines == ()
    asking = asyncio.create_task(dialogue.command("AT+CMGL=4", "+CMGL:", timeout=5, body=True))
    await pty.heard(b"\x1b\rAT\r")
    pty.say(b"\r\n+CPMS: 0,20\r\n\r\nOK\r\n\r\nOK\r\n")
    await pty.heard(b"AT+CMGL=4\r")
    pty.say(b"\r\n+CMGL: 1,0,,3\r\n00112233\r\n\r\nOK\r\n")
    assert (await asking).lines == ("+CMGL: 1,0,,3", "00112233")
    link.close()


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (b'\r\n+CMTI: "SM",3\r\n\r\n+CMTI: "ME",4\r\n', [UrcKind.STORED, UrcKind.STORED]),
        (b'\r\n+CDSI: "SR",1\r\n', [UrcKind.REPORT_STORED]),
        (b"\r\n+CMT: ,23\r\n0791\r\n", [UrcKind.MESSAGE]),
        (b'\r\n+CMT: "Clinique, rue 5",23\r\n0791\r\n', [UrcKind.MESSAGE]),
        (b"\r\n+CDS: 25\r\n^RSSI:17\r\n0006\r\n", [UrcKind.OTHER, UrcKind.REPORT]),
        (b"\r\n+CBM: 88\r\n0011\r\n", [UrcKind.OTHER]),
        (b"\r\n+CDS: 25\r\nnot a pdu\r\n", [UrcKind.FULL]),
        (b'\r\n^SMMEMFULL: "SM"\r\n', [UrcKind.FULL]),
        (b'\r\n+CIEV: "SMSFULL",1\r\n', [UrcKind.FULL]),
        (b'\r\n+QIND: "smsfull","SM"\r\n', [UrcKind.FULL]),
        (b'\r\n+CRING: VOICE\r\n\r\n+CLIP: "",128,,,,1\r\n\r\nNO CARRIER\r\n', [UrcKind.CALL] * 3),
        (b'\r\n+CUSD: 0,"un\r\n+CMTI: "SM",1\r\ndeux",15\r\n', [UrcKind.STORED, UrcKind.USSD]),
        (b"\r\nRDY\r\n", [UrcKind.RESTARTED]),
        (b"\r\n*ATREADY: 1\r\n", [UrcKind.RESTARTED]),
        (b"\r\nSMS Ready\r\n\r\n^BOOT:1,0,0,0,72\r\n", [UrcKind.STARTING] * 2),
        (b"\r\n+ZDONR: 1\r\n\r\n^RSSI:17\r\n\r\nRING\r\n", [UrcKind.OTHER, UrcKind.OTHER, UrcKind.CALL]),
        (b"\r\nOKAY see you\r\nERRORS happen\r\n", []),  # defect 6: no final results
    ],
)
@pytest.mark.parametrize("inside", [False, True])
async def test_unsolicited_lines_by_type_alone_and_inside_a_reply(pty: Pty, said: bytes, kinds: list[UrcKind], inside: bool) -> None:
    """Defects 1, 7 and 11."""
    link = await Link.open(pty.path)
    urcs: list[Urc] = []
    dialogue = talk(link, urcs)
    await in_step(pty, dialogue)
    asking = asyncio.create_task(dialogue.command("AT+CSQ", "+CSQ:", timeout=5))
    await pty.heard(b"AT+CSQ\r")
    pty.say((said if inside else b"") + b"\r\n+CSQ: 21,99\r\n" + (said if inside else b"") + b"\r\nOK\r\n" + (b"" if inside else said * 2))
    assert (await asking).lines == ("+CSQ: 21,99",)
    async with asyncio.timeout(5):
        while len(urcs) < 2 * len(kinds):  # noqa: ASYNC110 - lines have no event
            await asyncio.sleep(0.002)
    assert [urc.kind for urc in urcs] == kinds * 2
    link.close()
