"""What callers are told on the telephone: the clinic's own recordings where it has some, else spoken.

A recording lies at LANGUAGE/NAME.wav below [agi] recordings ("fr/offer.wav"), mono, 16 bits, 8, 16, 22.05, 44.1 or 48 kHz. Names:
``offer``, ``will_text``, ``cannot`` for callers, ``declined``, ``nobody_rings``, ``several_ring``, ``put_through``, ``no_text``,
``not_allowed`` and ``trouble`` for staff who dial *768.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import MappingProxyType

import structlog

from agi.protocol import Request
from agi.speech import Said, Speech, Voice
from ari_app.model import Language
from ari_app.speech import SpeechError

__all__ = ["NAMES", "Prompts"]

log = structlog.get_logger()

_WORDS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        # name: French, English
        "offer": ("Pour continuer par texto, faites le 1.", "To go on by text message, press 1."),
        "will_text": (
            "Merci. Nous vous envoyons un texto à ce numéro. Répondez-y quand vous voulez. Au revoir.",
            "Thank you. We are texting you at this number. Answer whenever you like. Goodbye.",
        ),
        "cannot": (
            "Nous ne pouvons pas vous écrire à ce numéro. Restez en ligne, s'il vous plaît.",
            "We cannot text you at this number. Please stay on the line.",
        ),
        "declined": ("C'est fait. Cette personne reçoit un texto.", "Done. The caller gets a text."),
        "nobody_rings": ("Aucun appel ne sonne.", "No call is ringing."),
        "several_ring": (
            "Plusieurs appels sonnent, et aucun sur votre poste. Choisissez à l'écran.",
            "Several calls are ringing, and none on your phone. Choose on the screen.",
        ),
        "put_through": ("Quelqu'un vient de répondre.", "Somebody has just answered."),
        "no_text": (
            "On ne peut pas écrire à ce numéro. Prenez l'appel, s'il vous plaît.",
            "This caller cannot be texted. Please take the call.",
        ),
        "not_allowed": (
            "Ce poste n'a pas accès aux appels. Voyez votre administrateur.",
            "This extension may not decline calls. Ask your administrator.",
        ),
        "trouble": ("Ce n'est pas possible en ce moment.", "That is not possible now."),
    }
)
NAMES = tuple(_WORDS)
_FOR_CALLERS = ("offer", "will_text", "cannot")
_ANNOUNCED = ("offer",)
"""What a queue announces by itself (periodic-announce)."""


class Prompts:
    """``languages``: the clinic's, spoken ahead of the first call, so that nobody waits for the speech engine."""

    def __init__(self, speech: Speech, languages: Sequence[Language]) -> None:
        self._speech = speech
        self._languages = tuple(languages)

    async def warm(self) -> None:
        """Speak what callers are told, so that it lies ready, and publish what queues announce. What fails is doctor's to tell."""
        for language in self._languages:
            for name in _FOR_CALLERS:
                try:
                    sound = await self._speech.sound(_said(name, language))
                    if sound is not None and name in _ANNOUNCED:
                        await asyncio.to_thread(self._speech.publish, sound, name, language)
                except SpeechError as error:
                    log.error("cannot_speak", code=error.code, what=error.what, fix=error.fix)
                    return

    async def say(self, request: Request, voice: Voice, name: str, language: Language, *, keys: str = "") -> str | None:
        """Say a prompt; the key of ``keys`` that stopped it, "" when none did. None where it could not be said. Raises RequestError."""
        try:
            sounds = await voice.say([_said(name, language)])
        except SpeechError as error:
            log.error("cannot_speak", code=error.code, what=error.what, fix=error.fix)
            return None
        for sound in sounds:
            if key := await request.stream(sound.name, lasts=sound.seconds, keys=keys):
                return key
        return ""


def _said(name: str, language: Language) -> Said:
    french, english = _WORDS[name]
    return Said(french if language == "fr" else english, language, fixed=True, recording=name)
