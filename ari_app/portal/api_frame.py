"""How the JSON API is put together: a table of endpoints made of typed functions, from which both the routes and their description come.

A handler's signature is the only place that says what an endpoint takes and gives: path parameters by name, ``query`` and ``body`` as
pydantic models, the answer as the return annotation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Annotated, Any, TypeVar, cast, get_type_hints

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from ari_app.board import Actor, Role
from ari_app.desk import Desk
from ari_app.errors import NotFoundError, RefusedError, SettingsError, TextbackError

__all__ = ["BASE", "Ask", "Body", "Day", "Endpoint", "Endpoints", "Error", "Id", "Moment", "Query", "bearer", "status_of"]

BASE = "/api/v1"
_YEARS = range(2000, 2200)
"""Dates outside are mistakes, and near the ends of the calendar no arithmetic is possible."""

_STATUS = {
    "bad_login": 401,
    "signed_out": 401,
    "forbidden": 403,
    "not_allowed": 403,
    "cross_site": 403,
    "held": 409,
    "answered_meanwhile": 409,
    "id_used": 409,
    "login_taken": 409,
    "extension_taken": 409,
    "throttled": 429,
    "bad_json": 400,
    "not_json": 415,
    "too_big": 413,
    "wrong_method": 405,
}
"""HTTP status of a refusal by its code (RFC 9110, 15.5; RFC 6585, 4 for 429). Any other one is 422: understood, and against a rule."""


def status_of(error: TextbackError) -> int:
    """The HTTP status that says who may do what about an error."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, NotFoundError):
        return 404
    return 422 if isinstance(error, RefusedError | SettingsError) else 503


def bearer(request: web.Request) -> str | None:
    """The token of "Authorization: Bearer" (RFC 6750, 2.1); None without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _day(value: date) -> date:
    if value.year not in _YEARS:
        raise ValueError(f"is no year of ours; write one from {_YEARS[0]} to {_YEARS[-1]}")
    return value


def _moment(value: datetime) -> datetime:
    _day(value)
    return value.astimezone(UTC)


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""An integer as SQLite keeps it."""
Day = Annotated[date, AfterValidator(_day)]
"""A date of the clinic's zone, ISO 8601."""
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A time with its offset, ISO 8601."""


class Body(BaseModel):
    """What a request carries as JSON. An unknown member is a mistake and said to be one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Query(BaseModel):
    """What a request asks after the "?". An unknown name is a mistake and said to be one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong and the fix, for people; ``code`` is stable, for programs."""

    code: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Error:
    """Every answer that is not the one asked for."""

    error: Wrong


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, and what answers."""

    desk: Desk
    by: Actor


Handler = Callable[..., Awaitable[Any]]
_H = TypeVar("_H", bound=Handler)


@dataclass(frozen=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    handler: Handler
    role: Role
    creates: bool
    refuses: tuple[int, ...]
    tag: str

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler, include_extras=True)

    @cached_property
    def parameters(self) -> dict[str, TypeAdapter[Any]]:
        """Those in the path."""
        return {name: TypeAdapter(self._hints[name]) for name in re.findall(r"{(\w+)}", self.path)}

    @property
    def query(self) -> type[Query] | None:
        return self._hints.get("query")

    @property
    def body(self) -> type[Body] | None:
        return self._hints.get("body")

    @cached_property
    def answer(self) -> TypeAdapter[Any] | None:
        """Of a tuple that holds the answer alone: pydantic takes no configuration beside a bare dataclass. None: no body (204)."""
        answer, holder = self._hints["return"], cast(Any, tuple)
        return None if answer is type(None) else TypeAdapter(holder[answer], config=ConfigDict(use_attribute_docstrings=True))

    def dump(self, answer: object) -> bytes:
        """The answer as JSON."""
        return b"" if self.answer is None else self.answer.dump_json((answer,))[1:-1]

    @property
    def status(self) -> int:
        """When it went as asked."""
        return 204 if self.answer is None else 201 if self.creates else 200

    @property
    def repeats(self) -> bool:
        """Done before under the same ``act``, it answers 200 and makes nothing: so says ``new`` of its answer."""
        return self.creates and "new" in getattr(self._hints["return"], "__dataclass_fields__", {})

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every refusal it may give."""
        given = {401, 403, 429, 503, *self.refuses}
        if self.parameters:
            given.add(404)
        if self.query is not None:
            given.add(422)
        if self.body is not None:
            given |= {400, 413, 415, 422}
        if self.repeats:
            given.add(409)
        return tuple(sorted(given))

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return inspect.getdoc(self.handler).partition("\n")[0]  # type: ignore[union-attr]  # every endpoint has one: a test

    @property
    def description(self) -> str:
        """The rest of it."""
        return inspect.getdoc(self.handler).partition("\n")[2].strip()  # type: ignore[union-attr]


@dataclass
class Endpoints:
    """The table. Used as decorators, one per method."""

    table: list[Endpoint] = field(default_factory=list)

    def on(
        self,
        method: str,
        path: str,
        *,
        tag: str,
        role: Role = Role.STAFF,
        creates: bool = False,
        refuses: Collection[int] = (),
    ) -> Callable[[_H], _H]:
        """``refuses``: statuses beyond those that follow from its signature."""

        def add(handler: _H) -> _H:
            self.table.append(Endpoint(method, path, handler, role, creates, tuple(refuses), tag))
            return handler

        return add
