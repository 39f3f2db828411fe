"""The portal alone, over a store that is there: what ``scripts/bench portal`` asks.

Prints one JSON line with port and cookie when it is ready, and ends with its stdin.

Beside the product's own routes it has ``/bench/one``: SELECT 1 through the same server, session, readers and store, for comparison.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

import structlog
from aiohttp import web

from ari_app.board import Role
from ari_app.clock import SystemClock
from ari_app.desk import SHELL, Desk, Doors
from ari_app.portal.security import cookie_name
from ari_app.portal.server import application
from ari_app.settings import parse
from ari_app.standing import Standing
from ari_app.threads import Store

PASSWORD = "a long one for the bench"
"""Of a store that lives for minutes, on loopback."""


async def main(path: Path) -> None:
    """Serve ``path`` until stdin ends."""
    gc.collect()
    gc.freeze()  # as ``textback run`` does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock = SystemClock()
    standing = Standing(
        parse(
            {
                "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
                "pbx": {"username": "nobody", "password": "none"},
                "store": {"path": str(path)},
            }
        )
    )
    store = Store(path, clock)
    await store.open()
    doors = Doors(store, standing, clock)
    desk = Desk(store, standing, clock)
    if "bench" not in {member.login for member in await desk.members(by=SHELL)}:
        await desk.add_member("bench", "Bench", Role.ADMINISTRATOR, password=PASSWORD, by=SHELL)
    token = await doors.sign_in("bench", PASSWORD, "127.0.0.1")
    app = application(standing, desk, doors, clock)

    async def one(_request: web.Request) -> web.Response:
        return web.json_response(await store._database.read(lambda reader: reader.value("SELECT 1")))

    app.router.add_get("/bench/one", one)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(json.dumps({"port": runner.addresses[0][1], "cookie": f"{cookie_name(https=False)}={token}"}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    doors.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
