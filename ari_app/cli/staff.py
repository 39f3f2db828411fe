"""``staff``: the members of the clinic, their passwords and PINs."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Any

import click

from ari_app.board import Role
from ari_app.cli import access
from ari_app.cli.frame import Env, command
from ari_app.cli.people import everybody, who
from ari_app.cli.render import Screen
from ari_app.cli.staff_keys import key, phone
from ari_app.errors import RefusedError
from ari_app.settings import Settings

__all__ = ["staff"]

_ROLES = click.Choice([role.value for role in Role])
_LANGUAGES = click.Choice(["fr", "en", "auto"])


@click.group()
def staff() -> None:
    """The people who answer: who may sign in, their desk phones, their programs' keys.

    A password or PIN is asked for on the terminal or read from stdin, never given on the command line. Every change is in the audit.
    """


staff.add_command(phone)
staff.add_command(key)


def _do(settings: Settings, verb: str, **args: Any) -> Any:
    return asyncio.run(access.staff(settings, verb, args))


def _told(env: Env, member: dict[str, Any], what: str) -> None:
    env.answer(member, lambda screen: screen.say(f"{member['name']} ({member['login']}): {what}"))


@command(staff, "list")
def list_all(env: Env) -> None:
    """List the members: how each signs in, what each may, whose phone is which extension."""
    rows = everybody(env.settings)
    env.answer(rows, lambda screen: _draw(screen, rows))


def _draw(screen: Screen, rows: list[dict[str, Any]]) -> None:
    if not rows:
        screen.say("No members yet. Add the first: textback staff add LOGIN --name NAME --role administrator")
        return
    screen.table(
        ("login", "name", "role", "extension", "language", "password", "PIN", ""),
        [
            (
                row["login"],
                row["name"],
                row["role"],
                row["extension"] or "",
                row["language"] or "auto",
                "yes" if row["has_password"] else "no",
                "yes" if row["has_pin"] else "no",
                "" if row["active"] else "deactivated",
            )
            for row in rows
        ],
        whole=("login",),
    )


_name = click.option("--name", help="What others read: in threads, in the audit.")
_role = click.option("--role", type=_ROLES, help="staff answers callers; administrator also changes settings and sees the audit.")
_extension = click.option("--extension", metavar="EXT", help="Of their own phone: a call back rings it, the voice menu knows it.")
_language = click.option("--language", type=_LANGUAGES, help="Of their pages and of the voice menu; auto: as their browser asks.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from stdin (one line).")


@command(staff)
@click.argument("login")
@_name
@_role
@_extension
@_language
@_stdin
@click.option("--no-password", is_flag=True, help="Only a desk phone or a program: cannot sign in to the pages.")
def add(
    env: Env,
    *,
    login: str,
    name: str | None,
    role: str | None,
    extension: str | None,
    language: str | None,
    password_stdin: bool,
    no_password: bool,
) -> None:
    """Add a member who signs in as LOGIN. The password is asked for twice.

    Without --role they are staff. The first one should be an administrator.
    """
    if password_stdin and no_password:
        raise click.UsageError("--password-stdin and --no-password exclude each other")
    settings = env.settings
    member = _do(
        settings,
        "add_member",
        login=login,
        name=name or login,
        role=role or Role.STAFF.value,
        language=None if language == "auto" else language,
        extension=extension,
        password=None if no_password else _secret("Password", password_stdin, "--password-stdin"),
    )
    where = f", signs in at {settings.portal.address}" if member["has_password"] else ""
    _told(env, member, f"{member['role']}{where}")


@command(staff)
@click.argument("login")
@click.option("--login", "new_login", metavar="NEW", help="What they type to sign in from now on.")
@_name
@_role
@_extension
@click.option("--no-extension", is_flag=True, help="They have no phone of their own.")
@_language
def change(
    env: Env,
    *,
    login: str,
    new_login: str | None,
    name: str | None,
    role: str | None,
    extension: str | None,
    no_extension: bool,
    language: str | None,
) -> None:
    """Change what is known of the member LOGIN; what is not given stays."""
    if extension is not None and no_extension:
        raise click.UsageError("--extension and --no-extension exclude each other")
    given: dict[str, Any] = {
        "login": new_login,
        "name": name,
        "role": role,
        "extension": "" if no_extension else extension,
        "language": "" if language == "auto" else language,
    }
    fields = {field: value for field, value in given.items() if value is not None}
    if not fields:
        raise click.UsageError("nothing to change is given")
    settings = env.settings
    _told(env, _do(settings, "change_member", member=who(settings, login)["id"], **fields), "changed")


@command(staff)
@click.argument("login")
@_stdin
def password(env: Env, *, login: str, password_stdin: bool) -> None:
    """Give the member LOGIN a new password, asked for twice. It signs them out everywhere."""
    settings = env.settings
    member = who(settings, login)
    _do(settings, "set_password", member=member["id"], password=_secret("New password", password_stdin, "--password-stdin"))
    _told(env, who(settings, login), "new password, signed out everywhere")


@command(staff)
@click.argument("login")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN from stdin (one line).")
@click.option("--remove", is_flag=True, help="Ask for none any more.")
def pin(env: Env, *, login: str, pin_stdin: bool, remove: bool) -> None:
    """Give the member LOGIN a PIN: the voice menu and their desk phones then ask for it. It is asked for twice."""
    if pin_stdin and remove:
        raise click.UsageError("--pin-stdin and --remove exclude each other")
    settings = env.settings
    member = who(settings, login)
    _do(settings, "set_pin", member=member["id"], pin=None if remove else _secret("New PIN", pin_stdin, "--pin-stdin"))
    _told(env, who(settings, login), "no PIN" if remove else "new PIN")


@command(staff)
@click.argument("login")
def deactivate(env: Env, *, login: str) -> None:
    """Let the member LOGIN in no more: signed out everywhere, their phones and keys open nothing. What they did stays under their name."""
    _told(env, _do(env.settings, "change_member", member=who(env.settings, login)["id"], active=False), "deactivated")


@command(staff)
@click.argument("login")
def activate(env: Env, *, login: str) -> None:
    """Let the member LOGIN in again, with the password, phones and keys they had."""
    _told(env, _do(env.settings, "change_member", member=who(env.settings, login)["id"], active=True), "active")


@command(staff, "sign-out")
@click.argument("login")
def sign_out(env: Env, *, login: str) -> None:
    """Sign the member LOGIN out wherever they are signed in. Phones and keys are not sessions: revoke those."""
    member = who(env.settings, login)
    done = {"login": member["login"], "ended": _do(env.settings, "end_sessions", member=member["id"])}
    env.answer(done, lambda screen: screen.say(f"{done['ended']} sessions of {done['login']} ended."))


def _secret(what: str, from_stdin: bool, option: str) -> str:
    """A password or PIN: asked for twice without echo, or the first line of stdin."""
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise RefusedError(f"the {what.lower()} on stdin is not UTF-8", "send it as UTF-8", code="not_utf8") from error
    if not sys.stdin.isatty():
        raise click.UsageError(f"there is no terminal to ask for it on; give it on stdin with {option}")
    try:
        first, again = getpass.getpass(f"{what}: ", sys.stderr), getpass.getpass("Once more: ", sys.stderr)
    except EOFError:
        raise click.Abort from None
    if first != again:
        raise RefusedError("the two are not the same, nothing was changed", "try again", code="not_the_same")
    return first
