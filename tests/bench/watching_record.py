"""Records what Asterisk says of simple calls, over ARI and over AMI at once, for ``tests.bench.watching_replay``.

    python -m tests.bench.watching_record

writes ``tests/bench/recorded/NAME.ari`` (one event a line, as it came, of the types the watcher asks for) and ``NAME.ami`` (every event
of the class "call", as it came). Each call is made alone on a lab of its own.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

import aiohttp

from ari_app.pbx.events import READ_TYPES
from tests.lab.lab import Lab
from tests.lab.scenario import Scenario, play
from tests.lab.scenarios import TABLE, numbers_of

__all__ = ["RECORDED", "SIMPLE"]

RECORDED = Path(__file__).parent / "recorded"
SIMPLE = (
    "one_phone_rings_out",
    "caller_gives_up_while_ringing",
    "answered",
    "answered_and_phone_hangs_up",
    "ring_group_one_busy",
    "ring_group_one_busy_other_answers",
    "unregistered_phone",
    "refused_with_hangup_17",
)
"""Calls that a listener without our rules tells right: phones on one Dial, no voicemail, no Local channels."""
_QUIET = 1.0
"""Seconds after a call in which the last it is told of comes."""


async def main() -> None:
    lab = await Lab.up("22", "record", modem=False)
    try:
        await lab.ami.action("Events", EventMask="off")
        for scenario in TABLE:
            if scenario.name in SIMPLE:
                await _record(lab, scenario)
    finally:
        await lab.down()


async def _record(lab: Lab, scenario: Scenario) -> None:
    token = base64.b64encode(f"textback:{lab.record.ari_password}".encode()).decode()
    ami, writer = await asyncio.open_connection("127.0.0.1", lab.record.ports.ami, limit=1 << 24)
    login = f"Action: Login\r\nUsername: lab\r\nSecret: {lab.record.ami_secret}\r\nEvents: call\r\n\r\n"
    writer.write(login.encode())
    async with aiohttp.ClientSession(lab.ari_url, headers={"Authorization": f"Basic {token}"}) as session:
        ari = await session.ws_connect("/ari/events", params={"app": "record", "subscribeAll": "true"}, max_msg_size=0)
        wanted = [{"type": each} for each in READ_TYPES if each != "DeviceStateChanged"]
        async with session.put("/ari/applications/record/eventFilter", json={"allowed": wanted}) as answer:
            answer.raise_for_status()
        said: list[str] = []
        heard: list[str] = []

        async def of_ami() -> None:
            while True:
                event = (await ami.readuntil(b"\r\n\r\n")).decode()
                if event.startswith("Event: ") and not event.startswith("Event: FullyBooted"):
                    said.append(event)

        async def of_ari() -> None:
            heard.extend([message.data + "\n" async for message in ari])

        tasks = [asyncio.create_task(of_ami()), asyncio.create_task(of_ari())]
        await asyncio.sleep(_QUIET)
        said.clear()
        heard.clear()
        await play(lab, scenario, numbers_of(scenario))
        await asyncio.sleep(_QUIET)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    writer.close()
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{scenario.name}.ari").write_text("".join(heard), encoding="utf-8")
    (RECORDED / f"{scenario.name}.ami").write_text("".join(said), encoding="utf-8", newline="")
    sys.stdout.write(f"{scenario.name}: {len(heard)} events of ARI, {len(said)} of AMI\n")


if __name__ == "__main__":
    asyncio.run(main())
