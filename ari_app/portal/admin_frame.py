"""What the pages of administration share: where one goes after a deed, and what is said of a refusal."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ari_app.errors import RefusedError, SettingsError, TextbackError
from ari_app.portal.api_frame import status_of
from ari_app.portal.frame import page, say, see_other

__all__ = ["PAGES", "admin_page", "number", "saved", "wrong"]

PAGES = (
    ("/admin", "admin.texts"),
    ("/admin/hours", "admin.hours"),
    ("/admin/wording", "admin.wording"),
    ("/admin/canned", "admin.canned"),
    ("/admin/rules", "admin.rules"),
    ("/admin/contacts", "admin.contacts"),
    ("/admin/staff", "admin.staff"),
    ("/admin/settings", "admin.settings"),
    ("/admin/audit", "admin.audit"),
)
"""Path and key of the name of each page, in their order."""


def saved(path: str) -> web.Response:
    """After a deed: the page is asked for anew, so that loading it again repeats nothing."""
    return see_other(f"{path}{'&' if '?' in path else '?'}saved")


def wrong(request: web.Request, error: TextbackError, key: str | None = None) -> tuple[str, str]:
    """What is wrong and the fix, in the reader's language. ``key``: the words for a value that cannot be (SettingsError)."""
    if isinstance(error, SettingsError) and key is not None:
        t = say(request)
        return t(key), t(f"{key}.fix")
    return say(request).refusal(error)


def admin_page(
    request: web.Request, template: str, *, refused: TextbackError | None = None, bad: str | None = None, **context: Any
) -> web.Response:
    """A page of administration; with a refusal, at the status that says so. ``bad``: as ``key`` of ``wrong``."""
    return page(
        request,
        template,
        status=200 if refused is None else status_of(refused),
        pages=PAGES,
        wrong=None if refused is None else wrong(request, refused, bad),
        saved="saved" in request.query,
        **context,
    )


def number(text: str | None, *, negative: bool = False) -> int:
    """An id out of an address or a form. Raises RefusedError, code ``bad_form``."""
    digits = (text or "").removeprefix("-") if negative else text or ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise RefusedError("this is no id", "load the page again", code="bad_form")
    return int(text or "")
