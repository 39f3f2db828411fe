"""Administration: pause, opening exceptions, and the settings in force. The other pages have rooms of their own."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from ari_app.alarms.words import what
from ari_app.errors import RefusedError, SettingsError, TextbackError
from ari_app.portal import admin_audit, admin_canned, admin_contacts, admin_rules, admin_staff, admin_wording, me
from ari_app.portal.admin_frame import admin_page, saved
from ari_app.portal.admin_settings import flat
from ari_app.portal.entry import form
from ari_app.portal.frame import CLOCK, DESK, SETTINGS, actor, administrator, language
from ari_app.settings import HoursException

__all__ = ["add_routes"]


def add_routes(app: web.Application) -> None:
    """Everything under /admin, and /me."""
    app.router.add_get("/admin", _texts)
    app.router.add_post("/admin/pause", _pause)
    app.router.add_get("/admin/hours", _hours)
    app.router.add_post("/admin/hours", _set_hours)
    app.router.add_get("/admin/settings", _settings)
    for room in (admin_wording, admin_canned, admin_rules, admin_contacts, admin_staff, admin_audit, me):
        room.add_routes(app)


@administrator
async def _texts(request: web.Request) -> web.Response:
    return await _texts_page(request)


async def _texts_page(request: web.Request, refused: TextbackError | None = None) -> web.Response:
    desk, by = request.app[DESK], actor(request)
    alarms = [{"what": what(each.code, each.subject, each.facts, language(request)), "since": each.since} for each in await desk.alarms(by)]
    return admin_page(request, "admin_texts.html", refused=refused, stands=await desk.settings(by), alarms=alarms)


@administrator
async def _pause(request: web.Request) -> web.Response:
    on = (await form(request)).get("pause") == "on"
    try:
        await request.app[DESK].pause(on, by=actor(request))
    except RefusedError as error:
        return await _texts_page(request, error)
    return saved("/admin")


# -- opening exceptions


@administrator
async def _hours(request: web.Request) -> web.Response:
    return await _hours_page(request)


async def _hours_page(request: web.Request, refused: TextbackError | None = None, given: dict[str, str] | None = None) -> web.Response:
    stands = await request.app[DESK].settings(actor(request))
    clinic = request.app[SETTINGS].clinic
    return admin_page(
        request,
        "admin_hours.html",
        refused=refused,
        bad="hours.bad",
        stands=stands,
        exceptions=sorted(stands.exceptions, key=lambda each: each.date),
        usual=request.app[SETTINGS].hours.open,
        today=request.app[CLOCK].now().astimezone(clinic.zone).date(),
        given=given or {},
    )


@administrator
async def _set_hours(request: web.Request) -> web.Response:
    """One date added or changed, one removed, or the whole list given back to the file: by the button pressed."""
    fields = await form(request)
    desk, by = request.app[DESK], actor(request)
    try:
        if "reset" in fields:
            await desk.set_exceptions(None, by=by)
        else:
            stands = await desk.settings(by)
            dates = {each.date: _kept(each) for each in stands.exceptions}
            if "remove" in fields:
                dates.pop(_date(fields["remove"]), None)
            else:
                day = _date(fields.get("date", ""))
                opened = fields.get("what") == "open"
                dates[day] = {"date": day.isoformat()} | ({"open": fields.get("open", "").strip()} if opened else {"closed": True})
            await desk.set_exceptions([dates[day] for day in sorted(dates)], by=by)
    except (RefusedError, SettingsError) as error:
        return await _hours_page(request, error, fields)
    return saved("/admin/hours")


def _kept(each: HoursException) -> dict[str, Any]:
    return each.model_dump(mode="json", exclude_defaults=True)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError("hours.exception: this is no date", "write it as 2026-12-24") from error


# -- everything else


@administrator
async def _settings(request: web.Request) -> web.Response:
    stands = await request.app[DESK].settings(actor(request))
    rows = [
        row
        for row in flat(request.app[SETTINGS])
        if not row.key.startswith(("hours.exception", "reply.mode", "reply.text", "emergency.words"))
    ]
    return admin_page(request, "admin_settings.html", stands=stands, rows=rows)
