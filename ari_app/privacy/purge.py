"""The end of what was kept for long enough ([store.retention]): once an hour in the service, or when `textback purge` asks for it."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

from ari_app.clock import Clock
from ari_app.errors import StoreError
from ari_app.operate_settings import RetentionSettings
from ari_app.privacy.erase import note_erasures
from ari_app.settings import Settings
from ari_app.threads import Store
from ari_app.threads.purging import CLASSES, Kept

__all__ = ["Purge", "kept", "purge"]

_FIRST = 60.0
_EVERY = 3600.0
_LOOKED_FOR = 2000
"""Rows looked for at once, over a reading connection."""
_AT_ONCE = (2, 40)
"""Rows of one transaction, the fewest and the most: a text with its parts, reports and words in the index is one of these."""
_HELD = 0.02
"""Seconds that a transaction should take at most: fewer rows go in the next one where it took longer."""
_BREATH = 0.01
"""Seconds between transactions, in which others write: as long as the last one took, and no less than this."""

log = structlog.get_logger(__name__)


def kept(retention: RetentionSettings) -> Kept:
    """[store.retention] as the store takes it."""
    return Kept(texts=retention.texts, calls=retention.calls, recordings=retention.recordings, audit=retention.audit)


async def purge(store: Store, retention: RetentionSettings, clock: Clock, *, within: float | None = None) -> tuple[dict[str, int], bool]:
    """Take away what is old: rows by class, and whether more is left because so many seconds (``within``) are over. Raises StoreError."""
    until = None if within is None else clock.monotonic() + within
    spans, counts, more, at_once = kept(retention), Counter[str](), False, _AT_ONCE[1]
    for name in CLASSES:
        while not more and (ids := await store.privacy.old(name, spans, _LOOKED_FOR)):
            took = begin = 0
            while begin < len(ids):
                before = clock.monotonic()
                took += await store.privacy.take(name, ids[begin : begin + at_once], spans)
                held = clock.monotonic() - before
                begin += at_once
                at_once = max(at_once // 2, _AT_ONCE[0]) if held > _HELD else min(at_once + 2, _AT_ONCE[1])
                await asyncio.sleep(max(_BREATH, held))
                if until is not None and clock.monotonic() > until:
                    more = True
                    break
            counts[name] += took
            if not took:
                break
    found = {name: count for name, count in counts.items() if count}
    if not await store.privacy.tidy():
        log.warning("purged_words_in_log", fix="the next purge empties it; end programs that hold the store open, such as an sqlite3 shell")
    return found, more


class Purge:
    """The service's own hand."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """A minute after the start, then each hour, until cancelled."""
        wait = _FIRST
        while True:
            await self._clock.sleep(wait)
            wait = _EVERY
            try:
                counts, _ = await purge(self._store, self._settings.store.retention, self._clock)
                if counts:
                    log.info("purged", **counts)
                await note_erasures(self._store, self._settings)
            except StoreError as error:
                log.error("not_purged", what=error.what, fix=error.fix)
