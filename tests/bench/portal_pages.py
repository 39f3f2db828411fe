"""Open live pages, as many as asked: a process of its own, so that what it costs is not the service's.

Told a JSON object (url, cookie, since, pages, marks, patience) as its argument. Prints ``"ready"`` once every page is
open; then, when every page saw every mark or time is up, how many marks each saw, and when the last of them saw each mark (monotonic).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

import aiohttp

_MARK = re.compile(rb"mark(\d+)end")


class Page:
    """One browser's stream of events."""

    def __init__(self, marks: int) -> None:
        self.seen: dict[int, float] = {}
        self.stale = 0
        self.opened = asyncio.Event()
        self.whole = asyncio.Event()
        self._marks = marks

    async def read(self, session: aiohttp.ClientSession, url: str) -> None:
        """Until the stream ends."""
        rest = b""
        async with session.get(url) as answer:
            answer.raise_for_status()
            async for chunk in answer.content.iter_any():
                self.opened.set()
                now = time.monotonic()
                events = (rest + chunk).split(b"\n\n")
                rest = events.pop()
                for event in events:
                    self.stale += b"event: stale" in event
                    for found in _MARK.findall(event):
                        self.seen.setdefault(int(found), now)
                if len(self.seen) == self._marks:
                    self.whole.set()


async def main(told: dict[str, Any]) -> None:
    """Look on until everything was seen, or ``patience`` seconds have gone."""
    pages = [Page(told["marks"]) for _ in range(told["pages"])]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Cookie": told["cookie"]}, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20
    ) as session:
        readers = [asyncio.create_task(page.read(session, f"{told['url']}/live?since={told['since']}")) for page in pages]
        await asyncio.wait_for(asyncio.gather(*(page.opened.wait() for page in pages)), 60)
        sys.stdout.write('"ready"\n')
        sys.stdout.flush()
        await asyncio.wait([asyncio.create_task(page.whole.wait()) for page in pages], timeout=told["patience"])
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    last: dict[int, float] = {}
    for page in pages:
        for mark, at in page.seen.items():
            last[mark] = max(last.get(mark, at), at)
    said = {"seen": [len(page.seen) for page in pages], "stale": sum(page.stale for page in pages), "last": last}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
