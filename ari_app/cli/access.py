"""How commands come to the store: reading beside the service, changing through it, or as the store's owner when it is down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from ari_app.clock import SystemClock
from ari_app.control import NotRunningError, ask, socket_path
from ari_app.desk import SHELL, Desk
from ari_app.desk.shell import perform
from ari_app.errors import StoreLockedError
from ari_app.settings import Settings
from ari_app.standing import Standing
from ari_app.threads import Store

__all__ = ["act", "as_owner", "contacts", "reading", "staff", "theirs"]

_PATIENCE = 10.0
"""Seconds a command waits for a store that another command holds, or that a service just starting has locked and does not serve yet."""
_AGAIN = 0.1
_LONG = 900.0
"""Seconds the service may take for a look at the clinic's own database."""


@contextlib.contextmanager
def as_owner(path: Path) -> Iterator[None]:
    """Root acts as whoever owns the store (its folder, when there is no store yet), so that no file of root's is left there."""
    owner = _owner(path)
    if os.geteuid() != 0 or owner is None or owner.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def theirs(path: Path, folder: Path) -> bool:
    """Whoever owns the store may put things into this folder."""
    owner = _owner(path)
    return owner is not None and folder.exists() and folder.stat().st_uid == owner.st_uid


def _owner(path: Path) -> os.stat_result | None:
    """Of the store, of its folder when there is no store yet."""
    return next((each.stat() for each in (path, path.parent) if each.exists()), None)


@contextlib.asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Store]:
    """The store to look at, whether the service runs or not. Raises StoreError when it cannot be read."""
    path = settings.store.path
    with as_owner(path):
        store = Store(path, SystemClock(), read_only=True, country=settings.clinic.country)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


async def act(settings: Settings, op: str, args: dict[str, Any]) -> Any:
    """Do one of the desk's acts (``send``, ``again``, ``done``, ``reopen``): by the running service, else here under the store's lock."""
    return await _do(settings, op, args, op, args)


async def staff(settings: Settings, verb: str, args: dict[str, Any]) -> Any:
    """Do any verb of ``ari_app.desk.shell`` in the same way; its result as JSON values."""
    return await _do(settings, "staff", {"verb": verb, "args": args}, verb, args)


async def _do(settings: Settings, op: str, asked: dict[str, Any], verb: str, args: dict[str, Any]) -> Any:
    path = settings.store.path
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while True:
        with contextlib.suppress(NotRunningError):
            return await ask(socket_path(path), op, asked)
        try:
            return await _here(settings, verb, args)
        except StoreLockedError:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(_AGAIN)


async def _here(settings: Settings, verb: str, args: dict[str, Any]) -> Any:
    clock = SystemClock()
    with as_owner(settings.store.path):
        store = Store(settings.store.path, clock, country=settings.clinic.country, compact=settings.reply.compact)
        await store.open()
        try:
            standing = Standing(settings)
            await standing.read(store)
            return await perform(Desk(store, standing, clock), verb, args)
        finally:
            await store.close()


@contextlib.asynccontextmanager
async def contacts(settings: Settings) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[Any]]]:
    """What takes contacts (``importing.Door``), for as long as they come: the running service, else the store, held all the while."""
    from ari_app.contacts.importing import Door  # noqa: PLC0415 - no other command needs what reads files
    from ari_app.contacts.sync import Sync  # noqa: PLC0415

    path = settings.store.path
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while True:
        with contextlib.suppress(NotRunningError):
            await ask(socket_path(path), "status")
            yield lambda args: ask(socket_path(path), "contacts", args, patience=_LONG)
            return
        with as_owner(path):
            clock = SystemClock()
            store = Store(path, clock, country=settings.clinic.country)
            try:
                await store.open()
            except StoreLockedError:
                if loop.time() > deadline:
                    raise
            else:
                try:
                    yield Door(store.contacts, Sync(settings, store.contacts, clock), SHELL)
                finally:
                    await store.close()
                return
        await asyncio.sleep(_AGAIN)
