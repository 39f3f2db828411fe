"""A telephone call to a modem's SIM as one of the clinic's calls: patients call the number that texted them."""

from __future__ import annotations

from ari_app.model import Call, Outcome, Presentation, Reached
from ari_app.numbers import e164
from ari_app.settings import Settings
from modem.types import VoiceCall

__all__ = ["call_of"]

CONTEXT = "sim"
"""Stands where a call over a trunk has its context."""


def call_of(voice: VoiceCall, settings: Settings) -> Call:
    """The missed call that a rejected one is. Its DID is the SIM's number, so that a [[line]] may claim it; else the modem's name.

    It never counts as hung up by its caller: it was rejected here, or would have been.
    """
    number = next((modem.number for modem in settings.modem if modem.name == voice.modem), None)
    return Call(
        id=f"sim.{voice.modem}.{voice.started.timestamp():.3f}",
        started=voice.started,
        ended=voice.ended,
        presented=voice.number,
        caller=e164(voice.number, settings.clinic.country),
        presentation=Presentation.PROHIBITED if voice.withheld else Presentation.ALLOWED,
        did=number or voice.modem,
        context=CONTEXT,
        channel=f"SIM/{voice.modem}",
        outcome=Outcome.MISSED,
        answered_by=None,
        reached=Reached.NONE,
        rang=max((voice.ended - voice.started).total_seconds(), 0.0),
        caller_hung_up=False,
    )
