"""The rule of what answered means, for everybody who is joined at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ari_app.model import AnsweredBy
from ari_app.model import Reached as Place
from ari_app.pbx.graph import Station
from ari_app.pbx.live import LiveCall, LiveLeg
from ari_app.pbx.outputs import OutgoingJoined, Output, Reached
from ari_app.pbx.places import Kind, place_of

__all__ = ["judge"]


def judge(
    members: Sequence[Station],
    calls: Mapping[str, LiveCall],
    legs: Mapping[str, LiveLeg],
    at: datetime,
    *,
    is_machine: Callable[[str], bool],
    trust_outside: bool,
) -> list[Output]:
    """Note in the calls and outgoing legs among ``members`` (all joined to each other) who is served, and by whom.

    A person is a device that is Up in a mixing bridge, no machine, no other inbound caller, and has not handed its call on.
    """
    out: list[Output] = []
    parties = [one for one in members if one.kind is Kind.DEVICE and one.up and not one.gone and _mixing(one)]
    people = [one for one in parties if one.id not in calls and not is_machine(one.name)]
    inside = any(one.id not in legs for one in people)
    for one in members:
        call = calls.get(one.id)
        # a caller who hangs up in the moment of the answer is joined after that (seen on 16), and was answered
        if call is not None and not call.declined and _mixing(one) and (not call.hung_up or (people and call.joined is None)):
            if people:
                held = [each.held_since for each in people if each.held_since is not None]
                call.join(at, AnsweredBy.EXTENSION if inside else AnsweredBy.OUTSIDE, max(held) if len(held) == len(people) else None)
                if not call.told and (inside or trust_outside):
                    call.told = True
                    out.append(Reached(call.id, call.number, at))
            elif any(is_machine(each.name) for each in parties):
                call.machine = Place.FAX
            else:
                if len(parties) <= 1:
                    call.alone(at)
                _behind_locals(call, members)
        leg = legs.get(one.id)
        if leg is not None and leg.joined is None and one in people and inside:
            leg.joined = at
            out.append(OutgoingJoined(leg.so_far()))
    return out


def _mixing(station: Station) -> bool:
    return station.room is not None and station.room.mixing


def _behind_locals(call: LiveCall, members: Sequence[Station]) -> None:
    """The caller hears what the far half of a Local channel is in: voicemail, a queue, a menu."""
    for one in members:
        place = place_of(one.app) if one.kind is Kind.LOCAL and one.room is None else None
        if place is not None and place is not call.place:
            call.go(place)
        if place is Place.VOICEMAIL:
            call.mailbox = one.id
