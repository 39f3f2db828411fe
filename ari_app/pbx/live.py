"""One call while it is up: what was seen of it, and what that comes to when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ari_app.model import AnsweredBy, Call, Outcome, OutgoingCall, Presentation, Reached
from ari_app.numbers import e164
from ari_app.pbx.events import Channel
from ari_app.pbx.places import dialled_number, place_of

__all__ = ["LiveCall", "LiveLeg", "presentation_of"]

NUM_PRES = "CALLERID(num-pres)"
VMSTATUS = "VMSTATUS"
OPTION = "TEXTBACK_OPTION"
_LONGEST_OPTION = 80
"""Characters."""


def presentation_of(value: str | None) -> Presentation:
    """Presentation from CALLERID(num-pres): "allowed…", "prohib…", "unavailable" or unknown."""
    text = (value or "").lower()
    if text.startswith("prohib"):
        return Presentation.PROHIBITED
    return Presentation.ALLOWED if text.startswith("allowed") else Presentation.UNKNOWN


@dataclass(slots=True, eq=False, kw_only=True)
class LiveCall:
    """An inbound call that is up."""

    id: str
    channel: str
    did: str
    context: str
    started: datetime
    country: str
    switches: Mapping[str, str]
    presented: str = ""
    presentation: Presentation = Presentation.UNKNOWN
    watched: bool = False
    """Its first event was seen."""
    gap: bool = False
    """We were deaf for a part of it."""
    place: Reached = Reached.NONE
    app: str = ""
    """The application it was last seen in."""
    machine: Reached | None = None
    joined: datetime | None = None
    by: AnsweredBy | None = None
    spot: tuple[str, str] | None = None
    """Context and extension it entered its bridge from."""
    handed: Reached | None = None
    """How it was handed on, until it is joined to somebody again."""
    waiting_since: datetime | None = None
    """Since when the person who had answered leaves the caller alone: on hold, or away."""
    waiting_until: datetime | None = None
    hung_up: bool = False
    """The far end asked for the end: whatever the PBX tears down after that is no news."""
    refused: bool = False
    """The PBX gave it a busy signal: hanging up is then all a caller can do, and some trunks do it at once."""
    voicemail_left: bool = False
    mailbox: str | None = None
    """The half of a Local channel, behind a Dial, that takes the message."""
    declined: bool = False
    """Staff declined it: whoever picked up in that very moment did not get to talk with the caller."""
    option: str = ""
    """What was chosen in a menu; the last one counts."""
    told: bool = False
    """A person was joined, and that was said."""
    asking: bool = False
    """Its presentation is being read over REST."""
    _number: str | None = field(default=None, init=False)

    @property
    def number(self) -> str | None:
        """The caller's number in E.164."""
        if self._number is None and self.presented:
            self._number = e164(self.presented, self.country)
        return self._number

    def see(self, channel: Channel, *, created: bool = False) -> bool:
        """Take over where the caller is, and its number and presentation: the first ones seen stay, a dialplan may rewrite them.

        True when the presentation must be asked for. At its creation (``created``) a PJSIP channel says "allowed" whatever the
        caller wants: P-Asserted-Identity and Privacy are read just after (seen on 16 and 22). Only "prohibited" is believed then.
        """
        if channel.app and channel.app != self.app and not self.hung_up:
            # a redirected call is told with the application of before, and its new one only by what happens next (seen on 22)
            self.enter_app(channel.app)
        if not self.presented and channel.number:
            self.presented = channel.number
        self.option = channel.variables.get(OPTION, "")[:_LONGEST_OPTION] or self.option
        if not self.presented or self.presentation is not Presentation.UNKNOWN:
            return False
        told = presentation_of(channel.variables.get(NUM_PRES))
        if not created or told is Presentation.PROHIBITED:
            self.presentation = told
        ask = not created and not self.asking and NUM_PRES not in channel.variables
        self.asking = self.asking or ask
        return ask

    def enter_app(self, app: str) -> None:
        """The caller's own channel is in this application now."""
        self.app = app
        self.refused = app.lower() in ("busy", "congestion")
        place = place_of(app)
        if place is not None:
            self.go(place)
        elif app.lower() == "playback" and self.place is Reached.NONE:
            self.place = Reached.MENU

    def go(self, place: Reached) -> None:
        """The caller is somewhere else now."""
        self.place = place
        self.waiting_since = self.waiting_until = None
        if place in (Reached.FAX, Reached.REMOTE):
            self.machine = place

    def join(self, at: datetime, by: AnsweredBy, held_since: datetime | None) -> None:
        """A person hears the caller, or has put the caller on hold since ``held_since``."""
        if self.joined is None:
            self.joined = at
        if self.by is not AnsweredBy.EXTENSION:
            self.by = by
        self.waiting_until = None
        if held_since is None:
            self.handed = self.waiting_since = None
        elif self.waiting_since is None:
            self.waiting_since = held_since

    def alone(self, at: datetime) -> None:
        """In a bridge where nobody is any more."""
        self.waiting_until = None
        if self.joined is not None and self.waiting_since is None:
            self.waiting_since = at

    def left(self, at: datetime, spot: tuple[str, str] | None = None) -> None:
        """Out of its bridge, and at ``spot`` of the dialplan.

        Anywhere else than where it came from, somebody sent it there: an operator's panel redirects (seen on 16 and 22: no transfer
        event, and the phone has not hung up). A dialplan that just goes on is still where it was.
        """
        if self.waiting_since is not None and self.waiting_until is None:
            self.waiting_until = at
        if spot is not None and self.spot is not None and spot != self.spot and not self.hung_up and self.handed is None:
            self.hand_on(Reached.TRANSFER)
        self.spot = None

    def hand_on(self, how: Reached) -> None:
        """Transferred or parked. Only somebody who had been served can be handed on."""
        if self.joined is not None:
            self.handed = how

    def unseen(self) -> Call:
        """The call as it stands, should nothing more be heard of it."""
        return self._call(self.started, Outcome.UNSEEN, None)

    def finish(self, ended: datetime, hold: timedelta) -> Call:
        """What the call came to. ``hold``: how long on hold counts as given up."""
        ended = max(ended, self.started)
        held = self.waiting_since is not None and (self.waiting_until or ended) - self.waiting_since >= hold
        lost = self.handed or (Reached.HOLD if held else None)
        if self.joined is not None and lost is None:
            return self._call(ended, Outcome.ANSWERED, None)
        return self._call(ended, Outcome.MISSED if self.watched and not self.gap else Outcome.UNSEEN, lost)

    def _call(self, ended: datetime, outcome: Outcome, lost: Reached | None) -> Call:
        return Call(
            id=self.id,
            started=self.started,
            ended=ended,
            presented=self.presented,
            caller=self.number,
            presentation=self.presentation,
            did=self.did,
            context=self.context,
            channel=self.channel,
            outcome=outcome,
            answered_by=self.by if outcome is Outcome.ANSWERED else None,
            reached=self.machine or lost or self.place,
            rang=max(0.0, ((self.joined or ended) - self.started).total_seconds()),
            caller_hung_up=self.hung_up and not self.refused,
            voicemail_left=self.voicemail_left,
            handed_on=lost is not None,
            machine=self.machine is not None,
            option=self.option,
            switches=self.switches,
        )


@dataclass(slots=True, eq=False, kw_only=True)
class LiveLeg:
    """An outgoing leg on a trunk."""

    id: str
    started: datetime
    country: str
    dialstring: str = ""
    leg_number: str = ""
    joined: datetime | None = None
    call_back: str | None = None
    """Id of the call back it was dialled for."""

    def see(self, channel: Channel) -> None:
        """The dialled number as the leg's own caller number, where Dial's dial string is not known."""
        if not self.leg_number and channel.number:
            self.leg_number = channel.number

    @property
    def number(self) -> str | None:
        """The number dialled, in E.164."""
        return dialled_number(self.dialstring, self.leg_number, self.country)

    def so_far(self, ended: datetime | None = None) -> OutgoingCall:
        """The leg as an outgoing call."""
        over = None if ended is None else max(ended, self.started)  # the PBX's clock may be set back meanwhile
        return OutgoingCall(id=self.id, started=self.started, joined=self.joined, ended=over, number=self.number, call_back=self.call_back)
