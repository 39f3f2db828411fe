"""What commands bring to the store, by way of the running service or without one: people in batches, a look at the source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_jsonable_python

from ari_app.board import Actor
from ari_app.contacts.sync import Sync
from ari_app.person import Record, Synced
from ari_app.threads.contacts import Contacts

__all__ = ["Door", "batches"]

_ROOM = 48 * 1024
"""Bytes of JSON a batch may have: a request to the service may have 64 KiB (``control.LINE_LIMIT``)."""
_MOST = 500


class _Apply(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verb: Literal["apply"]
    records: list[Record]


class _Imported(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verb: Literal["imported"]
    synced: Synced


class _Sync(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    verb: Literal["sync"]
    force: bool = False


def batches(records: Iterable[Record]) -> Iterator[list[dict[str, Any]]]:
    """Records as JSON values, as many at a time as one request takes."""
    batch: list[dict[str, Any]] = []
    room = _ROOM
    for record in records:
        said = _said(record)
        size = len(json.dumps(said)) + 2
        if batch and (size > room or len(batch) == _MOST):
            yield batch
            batch, room = [], _ROOM
        batch.append(said)
        room -= size
    if batch:
        yield batch


def _said(record: Record) -> dict[str, Any]:
    return {
        "external": record.external,
        "name": record.name,
        "kind": record.kind.value,
        "language": record.language,
        "tags": record.tags,
        "numbers": [{"number": each.number, "label": each.label} for each in record.numbers],
    }


class Door:
    """``args`` has "verb": "apply" with "records", "imported" with "synced", or "sync" with "force"."""

    def __init__(self, contacts: Contacts, sync: Sync, by: Actor) -> None:
        self._contacts = contacts
        self._sync = sync
        self._by = by

    async def __call__(self, args: dict[str, Any]) -> dict[str, Any]:
        """Raises ValidationError for what it does not know, and TextbackError as store and source raise it."""
        match args.get("verb"):
            case "imported":
                await self._contacts.synced(_Imported.model_validate(args).synced, by=self._by)
                return {}
            case "sync":
                asked = _Sync.model_validate(args)
                found: dict[str, Any] = to_jsonable_python(await self._sync.once(force=asked.force))
                return found
        return asdict(await self._contacts.apply(_Apply.model_validate(args).records, "import"))
