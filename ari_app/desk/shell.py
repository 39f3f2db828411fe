"""The desk for commands: verbs by name, with JSON in and JSON out, whether the running service does them or the command itself."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from ari_app.desk.base import SHELL
from ari_app.desk.desk import Desk
from ari_app.errors import RefusedError

__all__ = ["VERBS", "perform"]

VERBS = frozenset(
    {
        "send",
        "again",
        "done",
        "reopen",
        "members",
        "add_member",
        "change_member",
        "set_password",
        "set_pin",
        "end_sessions",
        "keys",
        "make_key",
        "revoke_key",
        "audit",
        "settings",
        "set_exceptions",
        "set_wording",
        "delete_contact",
        "pause",
        "record_exported",
        "erase",
        "purge",
    }
)
"""Methods of ``Desk`` that may be asked so; their annotations say what each takes."""


_AS_WRITTEN = ConfigDict(arbitrary_types_allowed=True)


async def perform(desk: Desk, verb: str, args: dict[str, Any]) -> Any:
    """Do a verb as ``SHELL``, which may all; its result as JSON values.

    Raises RefusedError, code ``bad_request``, for a verb there is not or arguments it does not take, and what the verb raises.
    """
    if verb not in VERBS or "by" in args:
        raise RefusedError(f"commands cannot ask for {verb!r} like this", f"it knows {', '.join(sorted(VERBS))}", code="bad_request")
    try:
        done = await validate_call(config=_AS_WRITTEN)(getattr(desk, verb))(**args, by=SHELL)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False))
        raise RefusedError(f"the request is wrong: {wrong}", "use the textback command of the same version", code="bad_request") from error
    return to_jsonable_python(done)
