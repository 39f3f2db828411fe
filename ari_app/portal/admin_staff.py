"""Administration: members, their passwords and PINs, and the keys of their phones and programs."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from ari_app.board import Member, Role
from ari_app.errors import NotFoundError, RefusedError, SettingsError, TextbackError
from ari_app.portal.admin_frame import admin_page, number, saved
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, SETTINGS, actor, administrator, say
from ari_app.portal.words import LANGUAGES, WORDS
from ari_app.provisioning import BRANDS, CODE, Note, services_url, sheet

__all__ = ["add_routes"]


def add_routes(app: web.Application) -> None:
    """GET and POST /admin/staff, /admin/staff/MEMBER; POST …/keys makes a key and shows it, this once."""
    app.router.add_get("/admin/staff", _list)
    app.router.add_post("/admin/staff", _add)
    app.router.add_get("/admin/staff/{member}", _show)
    app.router.add_post("/admin/staff/{member}", _change)
    app.router.add_post("/admin/staff/{member}/keys", _make_key)


@administrator
async def _list(request: web.Request) -> web.Response:
    return await _list_page(request)


async def _list_page(request: web.Request, refused: TextbackError | None = None, given: dict[str, str] | None = None) -> web.Response:
    members = await request.app[DESK].members(by=actor(request))
    shown = sorted(members, key=lambda each: (not each.active, each.name.casefold()))
    return admin_page(request, "admin_staff.html", refused=refused, members=shown, languages=LANGUAGES, given=given or {})


@administrator
async def _add(request: web.Request) -> web.Response:
    fields = await form(request)
    try:
        made = await request.app[DESK].add_member(
            fields.get("login", "").strip(),
            fields.get("name", ""),
            _role(fields),
            extension=fields.get("extension", "").strip() or None,
            language=_language(fields) or None,
            password=fields.get("password") or None,
            by=actor(request),
        )
    except RefusedError as error:
        return await _list_page(request, error, fields | {"password": ""})
    return saved(f"/admin/staff/{made.id}")


@administrator
async def _show(request: web.Request) -> web.Response:
    return await _member_page(request, await _asked(request))


async def _asked(request: web.Request) -> Member:
    """Raises NotFoundError."""
    try:
        member = number(request.match_info["member"])
    except RefusedError as error:
        raise NotFoundError("there is no such member", "go back to the list", code="no_member") from error
    return await request.app[DESK].member(member, by=actor(request))


async def _member_page(
    request: web.Request, member: Member, refused: TextbackError | None = None, given: dict[str, str] | None = None
) -> web.Response:
    keys = await request.app[DESK].keys(member.id, by=actor(request))
    return admin_page(
        request,
        "admin_member.html",
        refused=refused,
        member=member,
        own=member.id == actor(request).member,
        keys=keys,
        brands=BRANDS,
        languages=LANGUAGES,
        given=given or {},
    )


@administrator
async def _change(request: web.Request) -> web.Response:
    """By the button pressed: who they are, password, PIN, sessions, active or not, or a key revoked."""
    fields, member = await form(request), await _asked(request)
    desk, by, do = request.app[DESK], actor(request), fields.get("do", "")
    try:
        match do:
            case "password":
                await desk.set_password(member.id, fields.get("password", ""), current=fields.get("current"), by=by)
            case "pin":
                await desk.set_pin(member.id, fields.get("pin", "").strip() or None, by=by)
            case "sessions":
                await desk.end_sessions(member.id, by=by)
            case "deactivate" | "activate":
                await desk.change_member(member.id, active=do == "activate", by=by)
            case "revoke":
                await desk.revoke_key(number(fields.get("key")), by=by)
            case _:
                await desk.change_member(
                    member.id,
                    login=fields.get("login", "").strip(),
                    name=fields.get("name", ""),
                    role=_role(fields),
                    extension=fields.get("extension", "").strip(),
                    language=_language(fields),
                    by=by,
                )
    except RefusedError as error:
        return await _member_page(request, member, error, {name: value for name, value in fields.items() if name not in _SECRET})
    return saved(f"/admin/staff/{member.id}")


_SECRET = frozenset({"password", "current", "pin"})


@administrator
async def _make_key(request: web.Request) -> web.Response:
    """The token stands in this answer and nowhere else: so it is no redirect, and is not kept by the browser."""
    fields, member = await form(request), await _asked(request)
    desk, settings = request.app[DESK], request.app[SETTINGS]
    use: Literal["phone", "api"] = "api" if fields.get("use") == "api" else "phone"
    brand = (fields.get("brand") or None) if use == "phone" else None
    made: dict[str, Any] = {}
    try:
        if brand is not None:
            # before a key is made that no address could hold
            services_url(settings, "x" * _TOKEN, brand)
        key = await desk.make_key(member.id, use, brand, fields.get("label", ""), by=actor(request))
        if brand is not None:
            made["sheet"] = sheet(settings, key.token, brand)
            made["notes"] = [_said(request, note) for note in made["sheet"].notes]
            where = f"sheet.where.{brand}"  # most are names of files, which are the same everywhere
            made["where"] = say(request)(where) if where in WORDS else made["sheet"].where
    except (RefusedError, NotFoundError, SettingsError) as error:
        return await _member_page(request, member, error, fields)
    return admin_page(
        request,
        "print_key.html",
        member=member,
        key=key.key,
        token=key.token,
        sheet=made.get("sheet"),
        notes=made.get("notes", ()),
        where=made.get("where"),
    )


def _said(request: web.Request, note: Note) -> str:
    """A note in the reader's language, where its code has words."""
    key = f"sheet.{note.code}"
    if key not in WORDS:
        return note.text
    return say(request)(key, code=CODE, networks=", ".join(request.app[SETTINGS].portal.phones.allow))


_TOKEN = 22
"""Characters of a token."""


def _role(fields: dict[str, str]) -> Role:
    return Role.ADMINISTRATOR if fields.get("role") == Role.ADMINISTRATOR else Role.STAFF


def _language(fields: dict[str, str]) -> Literal["fr", "en", ""]:
    chosen = fields.get("language", "")
    return "fr" if chosen == "fr" else "en" if chosen == "en" else ""
