"""Texts: to a number, into a thread, again, later, and what they will cost."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from ari_app.board import Actor, Face
from ari_app.desk.base import Base, Written
from ari_app.desk.checks import check_text, check_time, known_modem
from ari_app.desk.cost import Cost, cost_of
from ari_app.errors import RefusedError
from ari_app.threads.staff import Queued

__all__ = ["FURTHEST", "Writing"]

FURTHEST = timedelta(days=60)
"""How far ahead a text may be scheduled: who writes for next year has the wrong year."""


class Writing(Base):
    """Rules that need the store (opted out, held by another, same act twice, length in SMS) are checked in the transaction that writes."""

    async def send(
        self,
        number: str,
        text: str,
        *,
        by: Actor,
        act: str | None = None,
        line: str | None = None,
        modem: str | None = None,
        at: datetime | None = None,
    ) -> Written:
        """Queue a person's text to ``number``, as written in the clinic's country. The same ``act`` twice is one text.

        ``act``: an id made by the caller of this, 1 to 100 printable ASCII characters; without one the text is a new act.
        ``line``: the line whose thread it belongs to; else the number's latest. ``modem``: the only one that may carry it.
        ``at``: not before this instant, at most ``FURTHEST`` ahead. Raises RefusedError, NotFoundError with the fix; at the page
        ``answered_meanwhile`` too, where a colleague wrote to the number lately: this form shows nothing of it.
        """
        dialled = check_text(number, text, self._country, act=act)
        self._known_line(line)
        if modem is not None:
            known_modem(modem, self._modems)
        self._schedule(at)
        return _written(
            await self._store.acts.queue_staff(
                dialled, text, act or uuid.uuid4().hex, line=line, modem=modem, scheduled=at, blind=by.face is Face.WEB, by=by
            )
        )

    async def reply(
        self,
        thread: int,
        text: str,
        *,
        by: Actor,
        act: str,
        at: datetime | None = None,
        seen: int | None = None,
        takeover: bool = False,
    ) -> Written:
        """Answer a thread; whoever answers holds it from then on.

        ``seen``: ``ThreadView.seen`` of the thread as the writer saw it. Raises RefusedError ``held`` while another member holds it
        (``takeover`` answers all the same), ``answered_meanwhile`` when somebody else's text came since ``seen``, ``no_number`` for a
        call that showed none, ``in_past`` and ``too_far`` for the hour ``at``, and as ``send``.
        """
        row = await self._row(thread)
        if row.number is None:
            raise RefusedError("this caller showed no number", "mark it done, or wait for the next call", code="no_number")
        check_text(row.number, text, self._country, act=act)
        self._schedule(at)
        return _written(
            await self._store.acts.queue_staff(
                row.number, text, act, line=row.line, modem=None, scheduled=at, seen=seen, takeover=takeover, by=by
            )
        )

    async def again(self, message: int, *, by: Actor, takeover: bool = False) -> Written:
        """Send the words of a text anew that failed, is unknown or not confirmed: a deliberate act, the caller may get them twice.

        Once per text. Raises NotFoundError, RefusedError.
        """
        return _written(await self._store.acts.send_again(message, by, takeover=takeover))

    async def call_off(self, message: int, *, by: Actor) -> bool:
        """Cancel a text that waits for its hour; False when it was. Raises NotFoundError, RefusedError when it is on its way or gone."""
        return await self._store.acts.call_off(message, by)

    def segments_of(self, text: str) -> Cost:
        """What a text will cost, as it will leave."""
        return cost_of(text, fold=self._standing.settings.reply.compact)

    def _schedule(self, at: datetime | None) -> None:
        if at is not None:
            check_time(at, self._clock.now(), FURTHEST, what="text")


def _written(queued: Queued) -> Written:
    return Written(queued.message, queued.thread, queued.state, queued.new)
