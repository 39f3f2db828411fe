"""What is kept of the house: statistics, the audit, the ready replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime

from ari_app.board import Actor, Audited, Statistics
from ari_app.desk.base import Base
from ari_app.desk.checks import check_line_of_text, check_words
from ari_app.desk.replies import READY
from ari_app.desk.rules import LONGEST_WORDING, known_language
from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import Language
from ari_app.policy.wording import PLACEHOLDERS, check
from ari_app.standing import OWN_REPLIES

__all__ = ["CANNED_PLACEHOLDERS", "House"]

CANNED_PLACEHOLDERS = (*PLACEHOLDERS, "name")
"""What a ready reply may hold: those of wordings, and the caller's name (left out where it is not known)."""
_MOST_CANNED = 100
_LONGEST_LABEL = 40
_LONGEST_SPAN = 3660
"""Days of statistics."""


class House(Base):
    """The audit and changes are for administrators."""

    async def statistics(self, by: Actor, since: date, until: date, *, line: str | None = None) -> Statistics:
        """Counts of ``since`` up to and with ``until``, in the clinic's days, for every member. Raises RefusedError, NotFoundError."""
        del by
        self._known_line(line)
        if until < since:
            raise RefusedError("the last day is before the first", "choose them the other way round", code="bad_span")
        if (until - since).days > _LONGEST_SPAN:
            raise RefusedError("this is more than ten years", "choose fewer days", code="bad_span")
        return await self._store.board.statistics(since, until, self._standing.settings.clinic.zone, line)

    async def audit(
        self,
        by: Actor,
        *,
        before: int | None = None,
        limit: int = 100,
        thread: int | None = None,
        who: str | None = None,
        act: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Audited, ...]:
        """Who did or saw what, newest first; ``before``: the id of the last one seen."""
        self._administrator(by)
        return await self._store.board.audit(
            before=before, limit=min(max(limit, 1), 1000), thread=thread, who=who, act=act, since=since, until=until
        )

    # -- ready replies

    async def save_canned(self, canned: int | None, language: Language | None, label: str, text: str, *, by: Actor) -> int:
        """Write a ready reply, or a new one; its id. ``text`` may hold ``CANNED_PLACEHOLDERS``.

        Raises NotFoundError, RefusedError, SettingsError for a placeholder there is not.
        """
        self._administrator(by)
        if language is not None:
            known_language(language)
        plain = check_line_of_text(label, _LONGEST_LABEL, what="label")
        check_words(text, LONGEST_WORDING)
        check(text, "text", CANNED_PLACEHOLDERS)
        own = await self._own_replies(by)
        if canned is None and len(await self._store.board.canned() or ()) >= _MOST_CANNED:
            raise RefusedError(f"there are {_MOST_CANNED} ready replies", "remove one first", code="too_many")
        return await self._store.acts.save_canned(_own_id(own, canned), language, plain, text, by)

    async def remove_canned(self, canned: int, *, by: Actor) -> None:
        """Take a ready reply away. Raises NotFoundError."""
        self._administrator(by)
        own = await self._own_replies(by)
        found = _own_id(own, canned)
        assert found is not None  # noqa: S101 - given
        await self._store.acts.remove_canned(found, by)

    async def move_canned(self, canned: int, *, up: bool, by: Actor) -> None:
        """Put a ready reply one place up or down; at the end of the list it stays. Raises NotFoundError."""
        self._administrator(by)
        found = _own_id(await self._own_replies(by), canned)
        assert found is not None  # noqa: S101 - given
        await self._store.acts.move_canned(found, by, up=up)

    async def _own_replies(self, by: Actor) -> dict[int, int]:
        """Make the built-in replies the clinic's own, once; their new ids by the built-in ones."""
        async with self._seeding:
            if await self._store.board.canned() is not None:
                return {}
            languages = self._standing.settings.clinic.languages
            ready = [each for each in READY if each.language in languages]
            own = {each.id: await self._store.acts.save_canned(None, each.language, each.label, each.text, by) for each in ready}
            await self._store.acts.set_setting(OWN_REPLIES, json.dumps("own"), by)
            return own


def _own_id(own: Mapping[int, int], canned: int | None) -> int | None:
    """The id in the store of what may have been a built-in reply until now."""
    if canned is None or canned > 0:
        return canned
    if canned not in own:
        raise NotFoundError(f"there is no ready reply {canned}", "look at the list again", code="no_canned")
    return own[canned]
