"""The JSON API: what the page can do, for programs. Routes, description and answers come from the table in ``api_endpoints``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from ari_app import __version__
from ari_app.board import Actor, Role
from ari_app.errors import NotFoundError, RefusedError, TextbackError
from ari_app.portal import frame
from ari_app.portal.api_administration import ADMINISTRATION
from ari_app.portal.api_calls import CALLS, SOUND, SOUND_DESCRIBED, sound_of
from ari_app.portal.api_contacts import CONTACTS
from ari_app.portal.api_description import describe
from ari_app.portal.api_endpoints import INBOX
from ari_app.portal.api_frame import BASE, Ask, Endpoint, Error, Wrong, bearer, status_of
from ari_app.portal.api_live import DESCRIBED, PATH, events
from ari_app.portal.security import cookie_name, received
from ari_app.setting_types import say

__all__ = ["add_routes", "description", "refusal"]

log = structlog.get_logger("portal.api")

ENDPOINTS = (*INBOX.table, *CALLS.table, *CONTACTS.table, *ADMINISTRATION.table)

_MORE = {PATH: events, SOUND: sound_of}
_ERROR = TypeAdapter(Error)
_WAIT = 60
"""Seconds, where a refusal does not say how many."""


def add_routes(app: web.Application) -> None:
    """Everything under /api/v1. A path or method that is not there is answered as JSON too."""
    methods: dict[str, list[str]] = defaultdict(list)
    for each in ENDPOINTS:
        methods[each.path].append(each.method)
    methods["/openapi.json"].append("GET")
    for each in ENDPOINTS:
        app.router.add_route(each.method, BASE + each.path, _served(each))
    app.router.add_route("GET", f"{BASE}/openapi.json", frame.public(_describe))
    for path, answer in _MORE.items():
        app.router.add_route("GET", path, frame.public(_beside(answer)))
        methods[path.removeprefix(BASE)].append("GET")
    for path, known in methods.items():
        app.router.add_route("*", BASE + path, frame.public(_wrong_method(", ".join(sorted(known)))))
    app.router.add_route("*", BASE + "{tail:(/.*)?}", frame.public(_nowhere))


def description(server: str = "/", *, https: bool = True) -> dict[str, Any]:
    """The API's OpenAPI 3.1 document."""
    return describe(
        ENDPOINTS,
        {PATH: {"get": DESCRIBED}, SOUND: {"get": SOUND_DESCRIBED}},
        version=__version__,
        server=server,
        cookie=cookie_name(https=https),
    )


def refusal(error: TextbackError) -> web.Response:
    """An error as the API says it."""
    status = status_of(error)
    headers = {"Cache-Control": "no-store"}
    if status == web.HTTPTooManyRequests.status_code:
        headers["Retry-After"] = str(error.facts.get("seconds", _WAIT))
    elif status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    elif status == web.HTTPMethodNotAllowed.status_code:
        headers["Allow"] = str(error.facts["allowed"])
    body = _ERROR.dump_json(Error(Wrong(error.code, error.what, error.fix)))
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _served(each: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        try:
            by = await _who(request)
            if each.role is Role.ADMINISTRATOR and by.role is not Role.ADMINISTRATOR:
                raise RefusedError("only an administrator may do this", "ask one", code="forbidden")
            answer = await each.handler(Ask(request.app[frame.DESK], by), **await _given(each, request))
        except TextbackError as error:
            if status_of(error) == web.HTTPServiceUnavailable.status_code:
                log.warning("api_unavailable", endpoint=each.handler.__name__, code=error.code)
            return refusal(error)
        # a deed done before is answered as it was then, and nothing was made
        status = 200 if each.repeats and not answer.new else each.status
        body = each.dump(answer)
        return web.Response(body=body or None, status=status, content_type="application/json" if body else None)

    return frame.public(serve)


async def _who(request: web.Request) -> Actor:
    """The member behind a bearer token, else behind the session. Raises RefusedError: ``signed_out``."""
    token = bearer(request)
    if token is not None:
        found = await request.app[frame.DOORS].key(token, "api", frame.address(request))
        if found is not None:
            return found[0]
        raise RefusedError("this key is unknown or was revoked", "make another: textback staff key", code="signed_out")
    return frame.actor(request)


async def _given(each: Endpoint, request: web.Request) -> dict[str, Any]:
    """What the handler is called with. Raises RefusedError with every wrong member, NotFoundError for an id that can be none."""
    given: dict[str, Any] = {}
    for name, adapter in each.parameters.items():
        try:
            given[name] = adapter.validate_python(request.match_info[name])
        except ValidationError as error:
            raise NotFoundError(f"there is no {name} of that id", "ask for one that is listed") from error
    if each.query is not None:
        twice = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
        if twice:
            raise RefusedError(f"{twice[0]}: is there twice", "write it once", code="invalid")
        given["query"] = _valid(each.query.model_validate, dict(request.query))
    if each.body is not None:
        if request.content_type != "application/json":
            raise RefusedError("the body is not said to be JSON", "send it with Content-Type: application/json", code="not_json")
        try:
            raw = await received(request.read())
        except web.HTTPRequestEntityTooLarge as error:
            raise RefusedError("the body is too big", "send less", code="too_big") from error
        except RefusedError as error:
            raise RefusedError("the body cannot be read", "send it as its Content-Encoding says", code="bad_json") from error
        given["body"] = _valid(each.body.model_validate_json, raw)
    return given


def _valid(validate: Callable[[Any], Any], value: object) -> Any:
    try:
        return validate(value)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        if wrong[0]["type"] == "json_invalid":
            raise RefusedError("the body is not JSON", "send a JSON object in UTF-8", code="bad_json") from error
        raise RefusedError("; ".join(say(item) for item in wrong), "mend these members", code="invalid") from error


def _beside(
    answer: Callable[[web.Request, Actor], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What is no JSON, and so no endpoint of the table."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request, await _who(request))
        except TextbackError as error:
            return refusal(error)

    return serve


async def _describe(request: web.Request) -> web.Response:
    server = (request.app[frame.SETTINGS].portal.base_url or "/").rstrip("/") or "/"
    return web.json_response(description(server, https=frame.https(request)))


def _wrong_method(allowed: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def refuse(request: web.Request) -> web.Response:
        return refusal(
            RefusedError(f"{request.method} is not possible here", f"use {allowed}", code="wrong_method", facts={"allowed": allowed})
        )

    return refuse


async def _nowhere(_: web.Request) -> web.Response:
    return refusal(NotFoundError("there is nothing at this address", f"see {BASE}/openapi.json", code="no_endpoint"))
