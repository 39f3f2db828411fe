"""Administration: who goes first (rules of textback.toml, in words), and the words that make a text urgent."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from ari_app.errors import RefusedError, SettingsError, TextbackError
from ari_app.model import Level, Trigger
from ari_app.portal.admin_frame import admin_page, saved
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, actor, administrator, say
from ari_app.portal.speech import Speech
from ari_app.priority_settings import PrioritySettings

__all__ = ["add_routes", "conditions"]


def add_routes(app: web.Application) -> None:
    """GET /admin/rules; POST /admin/rules/LANGUAGE with do=save or reset."""
    app.router.add_get("/admin/rules", _show)
    app.router.add_post("/admin/rules/{language}", _set)


def conditions(rule: PrioritySettings, t: Speech) -> Iterator[str]:
    """What must hold for a rule, each in a sentence."""
    lists = {
        "kind": tuple(t(f"kind.{kind}") for kind in rule.kind),
        "tag": rule.tag,
        "line": tuple(t.line(line) for line in rule.line),
        "option": rule.option,
        "words": tuple(f"“{word}”" if t.language == "en" else f"«\u00a0{word}\u00a0»" for word in rule.words),
    }
    for name, values in lists.items():
        if values:
            yield t(f"rules.{name}", values=t.either(values))
    if rule.hours is not None:
        yield t("rules.hours", values=rule.hours)
    if rule.calls is not None:
        yield t("rules.calls", values=rule.calls)
    for name, wanted in (("voicemail", rule.voicemail), ("emergency", rule.emergency)):
        if wanted is not None:
            yield t(f"rules.{name}.{'yes' if wanted else 'no'}")


@administrator
async def _show(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, refused: TextbackError | None = None, *, at: str = "", written: str = "") -> web.Response:
    """``at``: the language whose words were sent and refused, with what was ``written``."""
    t = say(request)
    stands = await request.app[DESK].settings(actor(request))
    rules = sorted(stands.priority, key=lambda rule: -Level[rule.level.upper()])
    return admin_page(
        request,
        "admin_rules.html",
        refused=refused,
        bad="emergency.bad",
        stands=stands,
        rules=[(rule, list(conditions(rule, t)), t.number(rule.notify)) for rule in rules],
        words=[(each, written if each.language == at else "\n".join(each.words)) for each in stands.emergency],
        safety=[each for each in stands.wordings if each.trigger is Trigger.SAFETY],
    )


@administrator
async def _set(request: web.Request) -> web.Response:
    fields, language = await form(request), request.match_info["language"]
    written = fields.get("words", "")
    words = None if fields.get("do") == "reset" else written.split("\n")
    try:
        await request.app[DESK].set_emergency_words(language, words, by=actor(request))
    except (RefusedError, SettingsError) as error:
        return await _page(request, error, at=language, written=written)
    return saved(f"/admin/rules?at={language}")
