"""Every error a person may see. Each names what is wrong and the fix; the class says what the caller may do."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "FOR_GOOD",
    "NotFoundError",
    "PbxAuthError",
    "PbxError",
    "PbxReplacedError",
    "PbxRequestError",
    "PbxUnavailableError",
    "RefusedError",
    "SettingsError",
    "SetupError",
    "SourceError",
    "StoreClosedError",
    "StoreError",
    "StoreLockedError",
    "TextbackError",
]


FOR_GOOD = 3
"""The exit status with which config/textback.service is not restarted."""


class TextbackError(Exception):
    """Base: shown to the user as one line, ``what``, then ``fix``. ``code`` is stable and machine-read.

    ``status`` is the exit status of a command that ends with it. ``facts``: what a face needs to say the same in another language
    (who holds a thread, seconds to wait).
    """

    code = "error"
    status = 1

    def __init__(self, what: str, fix: str = "", *, code: str | None = None, facts: Mapping[str, str | int] | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.facts = dict(facts or {})
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}".strip() if self.fix else self.what


class SettingsError(TextbackError):
    """textback.toml cannot be used. The user mends the file; nothing was started."""

    code = "settings"


class SetupError(TextbackError):
    """`textback setup` cannot do a step. Shown to the administrator; what that run had done is undone. ``code``: "setup" or "setup_…"."""

    code = "setup"


class SourceError(TextbackError):
    """A file, database or directory of the clinic's contacts cannot be read. Shown to the user; nothing was changed."""

    code = "contacts_source"


class NotFoundError(TextbackError):
    """The call, number or thread asked for is not in the store. Shown to the user."""

    code = "not_found"


class RefusedError(TextbackError):
    """A rule forbids the act (opted out, not a number, too long). Shown to the user; trying again is useless."""

    code = "refused"


class StoreError(TextbackError):
    """The SQLite file cannot be opened or used. Shown to the user; nothing was written."""

    code = "store"


class StoreLockedError(StoreError):
    """Another textback service holds the store. Do not retry: stop that one first, or talk to it."""

    code = "store_locked"


class StoreClosedError(StoreError):
    """The store was closed while a call to it was made. A bug, or a shutdown under way."""

    code = "store_closed"


class PbxError(TextbackError):
    """Something between us and Asterisk."""

    code = "pbx"


class PbxAuthError(PbxError):
    """Asterisk refused the ARI user or password (401, 403). Stops the service: retrying would not help."""

    code = "pbx_auth"


class PbxReplacedError(PbxError):
    """Another client took our ARI application name. Stops the service for good: reconnecting would fight over it.

    Its exit status is ``FOR_GOOD``.
    """

    code = "pbx_replaced"
    status = FOR_GOOD


class PbxUnavailableError(PbxError):
    """Asterisk is not there or still loading. Transient: retried with backoff."""

    code = "pbx_unavailable"


class PbxRequestError(PbxError):
    """Asterisk answered a request with an error. ``status`` is the HTTP status; 404 is often fine."""

    code = "pbx_request"

    def __init__(self, status: int, what: str, fix: str = "") -> None:
        super().__init__(what, fix)
        self.status = status
