"""A program we did not write works with the simulator: python-gsmmodem-new's own modem class."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from gsmmodem.modem import GsmModem, SentSms

from modem.simulator import Simulator

PATIENT = "+15145550123"


def exchange(port: str, answered: threading.Event) -> tuple[str, int, list[tuple[str, str]]]:
    """Send a text, wait for its report, then for an answer."""
    got: list[tuple[str, str]] = []

    def receive(sms: object) -> None:
        got.append((getattr(sms, "number", ""), getattr(sms, "text", "")))
        answered.set()

    modem = GsmModem(port, 115200, smsReceivedCallbackFunc=receive)
    modem.connect()
    try:
        sent = modem.sendSms(PATIENT, "Bonjour de gsmmodem: [é] €", waitForDeliveryReport=True, deliveryTimeout=10)
        assert answered.wait(10)
        return modem.model, sent.status, got
    finally:
        modem.close()


async def test_gsmmodem_sends_and_receives(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem", report_ms=100) as sim:
        peer = asyncio.create_task(asyncio.to_thread(exchange, str(tmp_path / "modem"), threading.Event()))
        assert [text["text"] for text in await sim.wait(PATIENT)] == ["Bonjour de gsmmodem: [é] €"]
        await sim.wait_event("deleted")  # the report was read
        sim.text(PATIENT, "bien reçu, à lundi")
        assert await peer == ("Simulated modem", SentSms.DELIVERED, [(PATIENT, "bien reçu, à lundi")])
        await sim.wait_event("deleted", count=2)
