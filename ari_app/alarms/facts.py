"""Everything alarms and metrics go by, gathered at one moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ari_app.backup import last
from ari_app.clock import Clock
from ari_app.errors import StoreError
from ari_app.settings import Settings
from ari_app.status import ServiceStatus
from ari_app.threads import Store
from ari_app.threads.alarms import House

__all__ = ["Disk", "Facts", "gather"]


@dataclass(frozen=True, slots=True)
class Disk:
    """Room for the service's user where ``folder`` lies. Bytes."""

    folder: Path
    free: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How all stands."""

    now: datetime
    status: ServiceStatus
    house: House | None
    """None while the store cannot be read."""
    disks: tuple[Disk, ...]
    """Of the store and of the backups."""
    store_bytes: int
    """Of the file and its write-ahead log."""
    backup: datetime | None
    """When the newest backup was made; None where there never was one."""
    certificate: datetime | None
    """When the portal's certificate ends; None without one that can be read."""


async def gather(settings: Settings, store: Store, clock: Clock, status: Callable[[], ServiceStatus]) -> Facts:
    """Look at everything; files beside the event loop."""
    try:
        house = await store.alarms.house()
    except StoreError:
        house = None
    disks, size, backup, certificate = await asyncio.to_thread(_files, settings, clock.now())
    return Facts(now=clock.now(), status=status(), house=house, disks=disks, store_bytes=size, backup=backup, certificate=certificate)


def _files(settings: Settings, now: datetime) -> tuple[tuple[Disk, ...], int, datetime | None, datetime | None]:
    path = settings.store.path
    folders = dict.fromkeys((path.parent, settings.store.backup.folder))
    disks = tuple(disk for folder in folders if (disk := _disk(folder)) is not None)
    size = sum(_size(each) for each in (path, path.with_name(f"{path.name}-wal")))
    return disks, size, _backup(settings, now), _ends(settings.portal.certificate)


def _size(file: Path) -> int:
    """0 for one that is not there, or on a disk that fails: who watches the disk must not fall with it."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _backup(settings: Settings, now: datetime) -> datetime | None:
    try:
        newest = last(settings, now)
    except StoreError:
        return None  # doctor says what is wrong with the folder
    return None if newest is None else newest.at


def _disk(folder: Path) -> Disk | None:
    """None for a folder that is not there, or that may not be looked at."""
    try:
        at = os.statvfs(folder)
    except OSError:
        return None
    return Disk(folder, at.f_bavail * at.f_frsize, at.f_blocks * at.f_frsize)


def _ends(certificate: Path | None) -> datetime | None:
    """When the first certificate of a PEM file is no longer valid (RFC 5280 4.1.2.5)."""
    if certificate is None:
        return None
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None  # doctor says what is wrong with it
