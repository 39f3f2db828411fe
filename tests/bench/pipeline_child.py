"""The usual home-made text-back, as forums have it: an AMI listener (panoramisk) that runs ``gammu-smsd-inject`` for who was not answered.

One argument: JSON of port, username and secret of AMI, and the smsdrc. Prints "ready" once Asterisk says FullyBooted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import click
from panoramisk import Manager

__all__ = ["main"]

TEXT = "Clinique du Lab: nous avons manque votre appel. Repondez par texto, nous vous revenons bientot."


async def main(port: int, username: str, secret: str, smsdrc: str) -> None:
    """Listen until ended."""
    manager = Manager(host="127.0.0.1", port=port, username=username, secret=secret, ping_delay=3600)
    answered: set[str] = set()

    def dialled(_manager: Any, event: Any) -> None:
        if event.dialstatus == "ANSWER":
            answered.add(event.uniqueid)

    async def hung_up(_manager: Any, event: Any) -> None:
        if not event.channel.startswith("PJSIP/trunk-"):
            return
        if event.uniqueid in answered:
            answered.discard(event.uniqueid)
            return
        inject = await asyncio.create_subprocess_exec(
            "gammu-smsd-inject", "-c", smsdrc, "TEXT", f"+1{event.calleridnum}", "-text", TEXT, stdout=asyncio.subprocess.DEVNULL
        )
        await inject.wait()

    manager.register_event("DialEnd", dialled)
    manager.register_event("Hangup", hung_up)
    manager.register_event("FullyBooted", lambda *_: click.echo("ready"))
    await manager.connect()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
