"""Members and keys as commands tell them, and whom a login names."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import TypeAdapter

from ari_app.board import Key, Member
from ari_app.cli.access import reading
from ari_app.errors import NotFoundError
from ari_app.settings import Settings

__all__ = ["every_key", "everybody", "who"]


_MEMBERS: TypeAdapter[tuple[Member, ...]] = TypeAdapter(tuple[Member, ...])
_KEYS: TypeAdapter[tuple[Key, ...]] = TypeAdapter(tuple[Key, ...])


def everybody(settings: Settings) -> list[dict[str, Any]]:
    """All members, by name."""

    async def look() -> list[dict[str, Any]]:
        async with reading(settings) as store:
            found: list[dict[str, Any]] = _MEMBERS.dump_python(await store.members.all(), mode="json")
            return found

    return asyncio.run(look())


def who(settings: Settings, login: str) -> dict[str, Any]:
    """The member who signs in so; upper and lower case are the same. Raises NotFoundError, code ``no_member``."""
    for member in everybody(settings):
        if member["login"].casefold() == login.casefold():
            return member
    raise NotFoundError(f"no member signs in as {login[:40]!r}", "see `textback staff list`", code="no_member")


def every_key(settings: Settings, use: str, login: str | None) -> list[dict[str, Any]]:
    """The keys of this use ("phone", "api"), of one member or of all, newest first, each with its member's login."""
    only = None if login is None else who(settings, login)["id"]
    logins = {member["id"]: member["login"] for member in everybody(settings)}

    async def look() -> list[dict[str, Any]]:
        async with reading(settings) as store:
            found: list[dict[str, Any]] = _KEYS.dump_python(await store.members.keys(only), mode="json")
            return found

    return [{**row, "login": logins[row["member"]]} for row in asyncio.run(look()) if row["use"] == use]
