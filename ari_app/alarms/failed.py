"""Word of a service that ended and does not come back: it cannot say so itself."""

from __future__ import annotations

from datetime import datetime

import structlog

from ari_app.alarms.keeper import wait_of
from ari_app.alarms.ways import Way, ways
from ari_app.clock import Clock
from ari_app.errors import StoreError, TextbackError
from ari_app.settings import Settings
from ari_app.threads import Store
from ari_app.threads.alarms import Alarm, Condition

__all__ = ["tell_failed"]

log = structlog.get_logger("alarms")


async def tell_failed(settings: Settings, clock: Clock, result: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Raise the alarm ``service_failed`` and tell it: the ways that took it now, and those that are to be tried again.

    A way that was told of it is not told twice; the service itself tells that it is over, once it runs. Where the store is what fails,
    one way that took it is enough. ``result``: systemd's word for how the service ended.
    """
    condition = Condition(code="service_failed", facts={"result": result})
    found = ways(settings, clock)
    store = Store(settings.store.path, clock, country=settings.clinic.country)
    try:
        await store.open()
    except StoreError as error:
        return await _without(condition, found, clock, error)
    try:
        return await _keep(store, condition, found, clock)
    except StoreError as error:  # it opens, and takes nothing: a full disk, or one that is read-only
        return await _without(condition, found, clock, error)
    finally:
        await store.close()


async def _without(
    condition: Condition, found: tuple[Way, ...], clock: Clock, error: StoreError
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    log.error("alarm_not_stored", what=error.what, fix=error.fix)
    since = clock.now()
    alarm = Alarm(id=0, code=condition.code, subject="", facts=condition.facts, since=since, over=None)
    told = tuple([way.name for way in found if await _told(way, alarm, since) is None])
    return told, () if told else tuple(way.name for way in found)


async def _keep(store: Store, condition: Condition, found: tuple[Way, ...], clock: Clock) -> tuple[tuple[str, ...], tuple[str, ...]]:
    await store.alarms.raised(condition, clock.now(), tuple(way.name for way in found))
    owed = {each.way: each for each in await store.alarms.due() if each.alarm.key == condition.key and each.telling == "raised"}
    told, left = [], []
    for way in found:
        due = owed.get(way.name)
        if due is None:
            continue
        error = await _told(way, due.alarm, due.made)
        if error is None:
            await store.alarms.told(due)
            told.append(way.name)
        else:
            await store.alarms.put_off(due, clock.now() + wait_of(due.tries), str(error))
            left.append(way.name)
    return tuple(told), tuple(left)


async def _told(way: Way, alarm: Alarm, made: datetime) -> TextbackError | None:
    try:
        await way.tell("raised", alarm, made)
    except TextbackError as error:
        if error.code == "mail_partly":
            return None  # each try is a program of its own, that would write to the others again
        log.warning("alarm_not_told", way=way.name, alarm=alarm.code, what=error.what, fix=error.fix)
        return error
    return None
