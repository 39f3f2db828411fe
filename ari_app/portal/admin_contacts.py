"""Administration: where contacts come from, how the last import and the last look at the clinic's database ended."""

from __future__ import annotations

from aiohttp import web

from ari_app.model import Kind
from ari_app.portal.admin_frame import admin_page
from ari_app.portal.frame import DESK, SETTINGS, actor, administrator
from ari_app.portal.speech import Speech
from ari_app.portal.words import WORDS

__all__ = ["add_routes"]


def add_routes(app: web.Application) -> None:
    """GET /admin/contacts."""
    app.router.add_get("/admin/contacts", _show)


def _why(t: Speech, code: str) -> str:
    """Why a look failed and what to see to, in the reader's language; "" where only the detail tells."""
    return t(f"sync.why.{code}") if f"sync.why.{code}" in WORDS else ""


@administrator
async def _show(request: web.Request) -> web.Response:
    desk, by = request.app[DESK], actor(request)
    counts = await desk.contact_counts(by)
    source = request.app[SETTINGS].contacts.source
    return admin_page(
        request,
        "admin_contacts.html",
        looks={each.source: each for each in await desk.synced(by)},
        source=source.kind if source is not None else None,
        why=_why,
        counts=[(kind, counts.get(kind, 0)) for kind in Kind],
    )
