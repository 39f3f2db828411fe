"""``staff phone`` and ``staff key``: tokens that stand for a member, shown once."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import click

from ari_app.cli import access
from ari_app.cli.frame import Env, command
from ari_app.cli.people import every_key, who
from ari_app.cli.render import Screen
from ari_app.errors import NotFoundError
from ari_app.provisioning import BRANDS, services_url, sheet
from ari_app.settings import Settings

__all__ = ["key", "phone"]

_TOKEN = "x" * 22
"""As long as a token is (``secrets.token_urlsafe(16)``)."""


@click.group()
def phone() -> None:
    """Desk phones: the address each opens, and what to write into it."""


@click.group()
def key() -> None:
    """Keys of programs that use the JSON API in a member's name."""


def _draw(screen: Screen, rows: list[dict[str, Any]], none: str) -> None:
    if not rows:
        screen.say(none)
        return
    screen.table(
        ("id", "login", "brand", "label", "made", "last used", "from", ""),
        [
            (
                str(row["id"]),
                row["login"],
                row["brand"] or "",
                row["label"],
                screen.time(row["created"]),
                screen.time(row["used"]),
                row["address"] or "",
                "" if row["revoked"] is None else f"revoked {screen.time(row['revoked'])}",
            )
            for row in rows
        ],
        whole=("id", "login"),
    )


def _make(settings: Settings, login: str, use: str, brand: str | None, label: str) -> tuple[dict[str, Any], str]:
    """The new key and its token."""
    member = who(settings, login)
    args = {"member": member["id"], "use": use, "brand": brand, "label": label}
    made = asyncio.run(access.staff(settings, "make_key", args))
    return {**made["key"], "login": member["login"]}, made["token"]


def _revoke(env: Env, use: str, key_id: int) -> None:
    kept = next((row for row in every_key(env.settings, use, None) if row["id"] == key_id), None)
    if kept is None:
        kind, list_of = ("phone", "phone list") if use == "phone" else ("program's key", "key list")
        raise NotFoundError(f"there is no {kind} {key_id}", f"see `textback staff {list_of}`", code="no_key")
    done = {**asyncio.run(access.staff(env.settings, "revoke_key", {"key": key_id})), "login": kept["login"]}
    env.answer(done, lambda screen: screen.say(f"{done['label']} of {done['login']} opens nothing any more."))


@command(phone, "add")
@click.argument("login")
@click.option("--brand", type=click.Choice([*BRANDS]), required=True, help="Whose screens the phone shows.")
@click.option("--label", help="Which phone it is, for the list: its place, its MAC address.")
def add_phone(env: Env, *, login: str, brand: str, label: str | None) -> None:
    """Make the address that a desk phone of the member LOGIN opens, and show what to write into the phone.

    The address is shown this once: it opens the inbox in LOGIN's name, from the networks of portal.phones.allow, until it is revoked.
    """
    settings = env.settings
    services_url(settings, _TOKEN, brand)  # where there is no address, no token is made
    made, token = _make(settings, login, "phone", brand, label or BRANDS[brand])
    what = asdict(sheet(settings, token, brand))
    answer = {"key": made, **{name: what[name] for name in ("url", "where", "lines", "notes")}}
    env.answer(answer, lambda screen: _draw_sheet(screen, answer))


def _draw_sheet(screen: Screen, answer: dict[str, Any]) -> None:
    made = answer["key"]
    screen.say(f"Phone {made['id']} of {made['login']} ({BRANDS[made['brand']]}). Its address, shown this once:", style="bold")
    screen.paste(answer["url"])
    screen.say("")
    screen.say(f"For {answer['where']}:", style="bold")
    for line in answer["lines"]:
        screen.paste(line)
    screen.say("")
    for note in answer["notes"]:
        screen.say(f"- {note['text']}")
    screen.say(f"Lost or leaked: textback staff phone revoke {made['id']}")


@command(phone, "list")
@click.argument("login", required=False)
def list_phones(env: Env, *, login: str | None) -> None:
    """List the phones of LOGIN, or of everybody: when each was last used, and from where."""
    rows = every_key(env.settings, "phone", login)
    env.answer(rows, lambda screen: _draw(screen, rows, "No phones."))


@command(phone, "revoke")
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))
def revoke_phone(env: Env, *, key_id: int) -> None:
    """Let the phone ID (of the list) open nothing any more, at once."""
    _revoke(env, "phone", key_id)


@command(key, "add")
@click.argument("login")
@click.option("--label", required=True, help="Which program it is for.")
def add_key(env: Env, *, login: str, label: str) -> None:
    """Make a key with which a program acts as the member LOGIN. It is shown this once."""
    made, token = _make(env.settings, login, "api", None, label)

    def draw(screen: Screen) -> None:
        screen.say(f"Key {made['id']} of {made['login']}, shown this once:", style="bold")
        screen.paste(token)
        screen.say(f"A program sends it as `Authorization: Bearer …`. Lost or leaked: textback staff key revoke {made['id']}")

    env.answer({"key": made, "token": token}, draw)


@command(key, "list")
@click.argument("login", required=False)
def list_keys(env: Env, *, login: str | None) -> None:
    """List the keys of LOGIN's programs, or of everybody's."""
    rows = every_key(env.settings, "api", login)
    env.answer(rows, lambda screen: _draw(screen, rows, "No keys."))


@command(key, "revoke")
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))
def revoke_key(env: Env, *, key_id: int) -> None:
    """Let the key ID (of the list) open nothing any more, at once."""
    _revoke(env, "api", key_id)
