"""Which inbound calls wait to be taken, and whose phones ring for them now. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ari_app.model import Presentation, Reached
from ari_app.pbx.events import Channel
from ari_app.pbx.live import LiveCall
from ari_app.pbx.outputs import RingingChanged, Waiting
from ari_app.pbx.places import place_of, trunk_name

__all__ = ["Rings"]


class Rings:
    """Told of every channel that belongs to a call; says when what waits has changed."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        """Ids of calls that may look otherwise than before."""
        self.deaf = False
        """Nothing is known while nothing is heard."""
        self._calls: dict[str, str] = {}
        """Channel that rings → the call it rings for."""
        self._phones: dict[str, dict[str, str]] = {}
        """Call → the channels that ring for it → the phone's endpoint."""
        self._shown: dict[str, Waiting] = {}

    def see(self, channel: Channel, call: str) -> None:
        """A phone's channel made on behalf of a call, in the state it is in."""
        if channel.state == "Ringing":
            if self._calls.setdefault(channel.id, call) != call:
                self.gone(channel.id)
                self._calls[channel.id] = call
            self._phones.setdefault(call, {})[channel.id] = trunk_name(channel.name)
            self.touched.add(call)
        else:
            self.gone(channel.id)

    def gone(self, channel_id: str) -> None:
        """This channel rings no more."""
        call = self._calls.pop(channel_id, None)
        if call is not None:
            self.touched.add(call)
            ringing = self._phones[call]
            del ringing[channel_id]
            if not ringing:
                del self._phones[call]

    def lost(self) -> None:
        """Nothing is heard any more: who rings is seen anew."""
        self.deaf = True
        self.touched.update(self._shown)
        self._calls.clear()
        self._phones.clear()

    def phones(self, call: str) -> tuple[str, ...]:
        """Ids of the channels that ring for a call."""
        return tuple(self._phones.get(call, ()))

    def told(self, calls: Mapping[str, LiveCall]) -> RingingChanged | None:
        """What waits, oldest first, where that changed."""
        if not self.touched:
            return None
        changed = False
        for call_id in self.touched:
            now = None if self.deaf else self._waiting(calls.get(call_id))
            if now != self._shown.get(call_id):
                changed = True
                if now is None:
                    del self._shown[call_id]
                else:
                    self._shown[call_id] = now
        self.touched.clear()
        return RingingChanged(tuple(sorted(self._shown.values(), key=lambda each: (each.since, each.id)))) if changed else None

    def _waiting(self, call: LiveCall | None) -> Waiting | None:
        """Somebody who waits for a person: a phone rings for them, or they are in a queue."""
        if call is None or call.hung_up or call.joined is not None or call.machine is not None:
            return None
        phones = tuple(sorted(set(self._phones.get(call.id, {}).values())))
        if not phones and place_of(call.app) is not Reached.QUEUE:
            return None
        number = None if call.presentation is Presentation.PROHIBITED else call.number
        return Waiting(call.id, number, call.did, call.started, phones)
