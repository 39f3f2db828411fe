"""Messages left: listening, and saying that one did."""

from __future__ import annotations

from ari_app.board import Actor
from ari_app.desk.base import Base

__all__ = ["Voicemail"]


class Voicemail(Base):
    """Every member may listen; who did is audited."""

    async def listen(self, voicemail: int, by: Actor) -> tuple[str, bytes]:
        """Content type and bytes of a message's sound. Playing it from here marks nothing: ``heard`` does.

        Raises NotFoundError: ``no_voicemail``, ``no_sound``.
        """
        return await self._store.voicemail.listen(voicemail, by)

    async def heard(self, voicemail: int, on: bool, by: Actor) -> bool:
        """Mark a message heard, or not; False where it was so. It is moved in the PBX's voicemail too, and the phone's lamp follows.

        Raises NotFoundError: ``no_voicemail``.
        """
        return await self._store.voicemail.heard(voicemail, on, by)
