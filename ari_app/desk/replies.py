"""Ready replies a dental clinic can begin with, until it writes its own.

All in the GSM-7 alphabet (3GPP TS 23.038), so that each is one SMS. None asks for anything a text should not carry.
"""

from __future__ import annotations

from ari_app.board import Canned

__all__ = ["READY"]

_FRENCH = (
    ("Nous rappelons", "Bonjour {name}, merci de votre message. Nous vous rappelons dès que possible."),
    ("Quand vous convient-il?", "Bonjour {name}, quels jours et quelles heures vous conviennent pour un rendez-vous?"),
    ("C'est noté", "C'est noté, merci et bonne journée!"),
    ("Rendez-vous annulé", "Votre rendez-vous est annulé. Voulez-vous une autre date?"),
    ("Quel nom?", "Pour quel nom est le rendez-vous, SVP?"),
    ("Mieux au téléphone", "Le mieux est de nous en parler: appelez le {number}, ou dites-nous quand vous rappeler."),
    ("Fermé", "Nous sommes fermés et rouvrons {opens}. Nous vous répondrons à ce moment. Urgence: {emergency}"),
    ("Urgence", "Si la douleur est forte, si cela enfle ou saigne, appelez le {number}. En cas de danger: {emergency}"),
)
_ENGLISH = (
    ("We will call back", "Hello {name}, thank you for your message. We will call you back as soon as we can."),
    ("When suits you?", "Hello {name}, which days and times suit you for an appointment?"),
    ("Noted", "Noted, thank you. Have a good day!"),
    ("Appointment cancelled", "Your appointment is cancelled. Would you like another date?"),
    ("Which name?", "Under which name is the appointment, please?"),
    ("Better by phone", "It is best to talk about this: call {number}, or tell us when to call you."),
    ("Closed", "We are closed and reopen {opens}. We will answer you then. Emergency: {emergency}"),
    ("Urgent", "If the pain is strong, or it swells or bleeds, call {number}. If you are in danger: {emergency}"),
)

READY: tuple[Canned, ...] = tuple(
    Canned(id=-place, language=language, label=label, text=text)
    for place, (language, label, text) in enumerate([*(("fr", *each) for each in _FRENCH), *(("en", *each) for each in _ENGLISH)], 1)
)
"""Their ids are below 0: the store's own begin at 1."""
