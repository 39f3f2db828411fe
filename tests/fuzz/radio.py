"""What a modem says: lines, texts, status reports."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from ari_app.threads import Store
from modem import ussd
from modem.at import Dialogue
from modem.calls import caller
from modem.frames import Frames
from modem.joining import join
from modem.pdu import Deliver, StatusReport, Undecodable, decode, submit
from modem.sim_pdu import encode_deliver, encode_report
from modem.types import Sent
from modem.urcs import Urc, UrcKind
from tests.fuzz.targets import Check, Target, check_only
from tests.threads.world import ALICE, STAFF, Clerk, HandClock, nothing, raw

__all__ = ["TARGETS"]

SENT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
_SENT = (1, 17, 255)
"""References of texts that went."""

_SAID = (
    b"\r\nOK\r\n",
    b'AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK\r\n\r\n+CMTI: "SM",3\r\n',
    b"\r\n+CMGS: 17\r\n\r\nOK\r\n\r\n+CDS: 25\r\n0006110B914151550521F36230409030850A6230409030950A00\r\n",
    b"\r\n+CMT: ,23\r\n07915141000000F0040B914151550521F300006230409030850A04C8329BFD06\r\n",
    b'\r\nRING\r\n\r\n+CLIP: "+15145550123",145,,,,0\r\n\r\nNO CARRIER\r\n',
    b'\r\n+CUSD: 0,"Solde : 12,40 $\n3 jours",15\r\n\r\n^RSSI:17\r\n\r\n^BOOT:1,2\r\n',
    b"\r\n+CMGL: 1,0,,23\r\n07915141000000F0040B914151550521F300006230409030850A04C8329BFD06\r\n\r\nOK\r\n",
    b"\r\n> \r\n+CMS ERROR: 38\r\n\r\n+CME ERROR: 515\r\n",
)
_LINES = (
    b"OK", b"ERROR", b">", b"> ", b"+CMS ERROR: 38", b"+CME ERROR: SIM busy", b"+CMT: ,23", b"+CDS: 25", b"+CMGS: 7", b"+CMGL: 1,0,,3",
    b'+CUSD: 0,"', b"RING", b"+CREG: 0,", b"^BOOT:1,2", b"AT\r", b"x" * 5000,
)  # fmt: skip


class _Port:
    """The other end of a dialogue: answers AT and AT+CREG? once it is quiet."""

    def __init__(self) -> None:
        self.urcs: list[Urc] = []
        self.dialogue = Dialogue(self, self.urcs.append, probe=0.05, tries=5, settle=0)

    async def write(self, data: bytes) -> None:
        self.dialogue.feed(b"\r\n+CREG: 0,1\r\n\r\nOK\r\n" if data.startswith(b"AT+CREG?") else b"\r\nOK\r\n")

    def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def _at(_folder: Path) -> AsyncIterator[Check]:
    async def check(data: bytes) -> None:
        whole, pieces = Frames(), Frames()
        frames = whole.feed(data)
        step = 1 + len(data) % 7
        assert [frame for at in range(0, len(data), step) for frame in pieces.feed(data[at : at + step])] == frames
        port = _Port()
        port.dialogue.feed(data)
        for _ in range(3):
            reply = await port.dialogue.command("AT+CREG?", "+CREG:", timeout=1)
            if "+CREG: 0,1" in reply.lines:
                break
        else:
            raise AssertionError("the dialogue does not find its way back")
        for urc in port.urcs:
            decode(urc.pdu)
            if urc.kind is UrcKind.CALL:
                assert set(caller(urc.line)[0]) <= set("+*#0123456789")
            elif urc.kind is UrcKind.USSD:
                ussd.message(urc.line).encode("utf-8")

    yield check


@cache
def _texts() -> tuple[str, ...]:
    texts = ("Bonjour", "Ma dent me fait mal 🙂", "long " * 60, "français é" * 40, "@£$¥èéùìòÇ" * 20)
    made = [pdu for text in texts for pdu in encode_deliver(ALICE, text, SENT)]
    return (*made, *encode_deliver("BELL", "Votre solde", SENT), *encode_deliver("12345", "code 4431", SENT))


def _reports() -> list[str]:
    statuses = (0x00, 0x20, 0x46)
    return [encode_report(reference, ALICE, SENT, SENT + timedelta(seconds=3), status) for reference in _SENT for status in statuses]


def _octets(pdus: list[str] | tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(pdu) for pdu in pdus]


def _pdu(data: bytes, _folder: Path) -> None:
    found = decode(data.hex())
    assert isinstance(found, Deliver | StatusReport | Undecodable)
    if isinstance(found, Deliver):
        assert found.sent_at is None or found.sent_at.utcoffset() == timedelta(0)
        assert found.part is None or 1 <= found.part.number <= found.part.parts <= 255
        together = join([found])
        together.text.encode("utf-8")  # no half of a character goes on
        assert len(together.text) < 1000
        assert isinstance(found.what, str)
    elif isinstance(found, StatusReport):
        assert 0 <= found.reference <= 255
        assert found.outcome in {"delivered", "pending", "failed"}
    odd = data.hex() + "0"
    assert isinstance(decode(odd), Undecodable)


@asynccontextmanager
async def _kept(folder: Path) -> AsyncIterator[Check]:
    """Into a store that sent three texts: whatever comes is kept, and what went is never to go again."""
    clock = HandClock()
    store = Store(folder / "textback.db", clock)
    await store.open()
    try:
        for reference in _SENT:
            message = (await store.acts.queue_staff(ALICE, "Bonjour", f"form:{reference}", by=STAFF)).message
            claimed = await store.claim(message, Clerk(), submit, live=False)
            assert claimed
            attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
            assert attempt
            await store.finish_attempt(attempt, Sent(reference))
        with closing(sqlite3.connect(f"file:{folder / 'textback.db'}?mode=ro", uri=True)) as file:

            async def check(data: bytes) -> None:
                clock.move(seconds=1)
                before = _count(file)
                await store.keep(raw(data.hex().upper(), clock.at), nothing)
                assert _count(file) >= before
                states = {state for (state,) in file.execute("SELECT state FROM message WHERE direction = 'out'")}
                assert states <= {"sent", "delivered", "failed"}, states

            yield check
    finally:
        await store.close()


def _count(file: sqlite3.Connection) -> int:
    return int(file.execute("SELECT (SELECT count(*) FROM inbound) + (SELECT count(*) FROM report)").fetchone()[0])


TARGETS = (
    Target("at", "lines of a modem", lambda: list(_SAID), _at, _LINES, lines=True),
    Target(
        "pdu", "a text that came in", lambda: _octets(_texts()), check_only(_pdu), (b"\x05\x00\x03\x01\x02\x01", b"\x00\x08", b"\x08\x04")
    ),
    Target("report", "a status report into the store", lambda: _octets([*_reports(), *_texts()]), _kept),
)
