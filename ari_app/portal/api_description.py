"""The OpenAPI description of the JSON API, made from the table of endpoints: nothing is said twice, so nothing can drift.

Source: OpenAPI Specification 3.1.0, whose schemas are JSON Schema 2020-12 as pydantic writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from ari_app.portal.api_frame import BASE, Endpoint, Error

__all__ = ["describe"]

_ABOUT = """What the portal's page can do, as JSON. Times are ISO 8601 in UTC, telephone numbers E.164 or null, lists newest first.

A program sends `Authorization: Bearer TOKEN` with a key of use "api" (`textback staff key`); a page of the portal its session cookie.
An `act` is an id made by the caller, one per deed: the same again is the same text, so a request whose answer was lost is safely repeated.
Every refusal is `{"error": {"code", "what", "fix"}}`."""

_WHY = {
    400: "The body is not JSON.",
    401: "No key, or one that is unknown or revoked; no session, or one that is over.",
    403: "An administrator's, or asked by a page of another site.",
    404: "It is not there.",
    409: "Somebody else holds the thread or answered meanwhile, or the id or name is taken.",
    413: "The body is too big.",
    415: "The body is not said to be application/json.",
    422: "Understood, and against a rule: `code` says which.",
    429: "Too often. Retry-After says how many seconds to wait.",
    503: "Something this needs is down: the PBX, or the store.",
}


class _Schema(GenerateJsonSchema):
    """Every member of an answer is there, also one with a default; titles that repeat the name are left out."""

    def field_is_required(self, field: Any, *args: Any, **kwargs: Any) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, *args, **kwargs)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def describe(endpoints: Sequence[Endpoint], more: Mapping[str, Any], *, version: str, server: str, cookie: str) -> dict[str, Any]:
    """The document. ``more``: paths that are no endpoints of the table; ``server``: what its
    addresses begin with; ``cookie``: the session cookie's name."""
    inputs: list[tuple[tuple[int, str], JsonSchemaMode, TypeAdapter[Any]]] = [((-1, "error"), "serialization", TypeAdapter(Error))]
    for position, each in enumerate(endpoints):
        inputs += [((position, name), "validation", adapter) for name, adapter in each.parameters.items()]
        for name, model in (("query", each.query), ("body", each.body)):
            if model is not None:
                inputs.append(((position, name), "validation", TypeAdapter(model)))
        if each.answer is not None:
            inputs.append(((position, "answer"), "serialization", each.answer))
    made, shared = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}", schema_generator=_Schema)
    schemas = {key: schema for (key, _), schema in made.items()}
    components = shared.get("$defs", {})
    asked = {str(own.get("$ref", "")).rpartition("/")[2] for (_, name), own in schemas.items() if name == "query"}
    paths: dict[str, dict[str, Any]] = {}
    for position, each in enumerate(endpoints):
        own = {name: schema for (at, name), schema in schemas.items() if at == position}
        paths.setdefault(BASE + each.path, {})[each.method.lower()] = _operation(each, own, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "asterisk-textback",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "security": [{"key": []}, {"session": []}],
        "paths": {**paths, **more},
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in asked},
            "responses": {str(status): _refusal(status, schemas[-1, "error"]) for status in _WHY},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": 'A key of use "api".'},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "Of a member who signed in at the page."},
            },
        },
    }


def _operation(each: Endpoint, own: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": each.handler.__name__,
        "tags": [each.tag],
        "summary": each.summary,
        "responses": {str(status): _answer(each, status, own) for status in ((200, 201) if each.repeats else (each.status,))}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in each.statuses},
    }
    if each.description:
        operation["description"] = each.description
    parameters = [{"name": name, "in": "path", "required": True, "schema": own[name]} for name in each.parameters]
    if each.query is not None:
        parameters += _asked(own["query"], components)
    if parameters:
        operation["parameters"] = parameters
    if each.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": own["body"]}}}
    return operation


def _asked(schema: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    """A model of the query as parameters: OpenAPI lists each by itself."""
    model = components.get(schema.get("$ref", "").rpartition("/")[2], schema)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in model.get("required", ()),
            "schema": {key: value for key, value in member.items() if key != "description"},
        }
        | ({"description": member["description"]} if "description" in member else {})
        for name, member in model.get("properties", {}).items()
    ]


def _answer(each: Endpoint, status: int, own: dict[str, Any]) -> dict[str, Any]:
    said = {"description": HTTPStatus(status).phrase}
    if each.answer is None:
        return said
    return said | {"content": {"application/json": {"schema": own["answer"]["prefixItems"][0]}}}


def _refusal(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    refusal = {"description": _WHY[status], "content": {"application/json": {"schema": schema}}}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        refusal["headers"] = {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}}
    return refusal
