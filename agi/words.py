"""What the voice menu says, in French and English: short sentences for the ear.

Numbers are written in digits: the speech engine says them in its language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from ari_app.board import CallEntry, OutgoingEntry, Row, TextEntry, VoicemailEntry
from ari_app.model import Language, Level

__all__ = [
    "MOST_SPOKEN",
    "ago",
    "answered_by",
    "cut",
    "digits_of",
    "happened",
    "held_by",
    "lasted",
    "left",
    "level",
    "not_called",
    "offered",
    "option",
    "say",
    "waiting",
    "who",
    "wrote",
]

MOST_SPOKEN = 600
"""Characters of a text that are read: about 45 seconds."""

_WORDS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        # key: French, English
        "not_allowed": (
            "Ce poste n'a pas accès aux messages. Voyez votre administrateur.",
            "This extension may not hear the messages. Ask your administrator.",
        ),
        "pin": ("Votre code, puis carré.", "Your code, then the pound key."),
        "pin_wrong": ("Ce n'est pas le bon code.", "That is not the code."),
        "pin_wait": ("Trop d'essais. Réessayez plus tard.", "Too many tries. Try again later."),
        "nobody": ("Personne n'attend.", "Nobody is waiting."),
        "no_more": ("Personne d'autre n'attend.", "Nobody else is waiting."),
        "bye": ("Au revoir.", "Goodbye."),
        "trouble": ("Ce n'est pas possible en ce moment. Réessayez plus tard.", "That is not possible now. Try again later."),
        "new": ("Nouvel appelant.", "New caller."),
        "staff": ("Membre du personnel.", "Staff."),
        "supplier": ("Fournisseur.", "Supplier."),
        "menu_listen": ("5, écouter le message.", "5, hear the message."),
        "menu_keep": ("6, garder ce nom.", "6, keep this name."),
        "kept": ("Le nom est gardé.", "The name is kept."),
        "no_name": ("Il n'y a pas de nom à garder.", "There is no name to keep."),
        "no_message": ("Il n'y a pas de message à écouter.", "There is no message to hear."),
        "no_sound": ("Ce message ne peut être joué ici.", "This message cannot be played here."),
        "message_end": ("Fin du message.", "End of the message."),
        "no_number": ("Numéro masqué.", "Hidden number."),
        "voicemail": ("A laissé un message vocal.", "Left a voicemail."),
        "more": ("La suite est à l'écran.", "The rest is on the screen."),
        "opted_out": ("Ne veut pas de textos.", "Wants no texts."),
        "menu": (
            "1, répéter. 2, suivant. 3, répondre. 4, rappeler. 7, terminé. 9, ce menu.",
            "1, again. 2, next. 3, reply. 4, call back. 7, done. 9, this menu.",
        ),
        "canned": ("Choisissez une réponse.", "Choose a reply."),
        "canned_more": ("0, plus de réponses.", "0, more replies."),
        "star_back": ("Étoile, retour.", "Star, back."),
        "no_canned": ("Il n'y a pas de réponse toute prête.", "There is no ready reply."),
        "confirm": ("1, envoyer. Étoile, annuler.", "1, send. Star, cancel."),
        "takeover": ("1, envoyer quand même. Étoile, annuler.", "1, send anyway. Star, cancel."),
        "sent": ("C'est envoyé.", "Sent."),
        "not_sent": ("Rien n'a été envoyé.", "Nothing was sent."),
        "done": ("Terminé.", "Done."),
        "calling": ("Raccrochez. Votre téléphone va sonner.", "Hang up. Your phone will ring."),
        "no_call": ("Ce numéro ne peut pas être rappelé.", "This number cannot be called back."),
        "no_reply": ("On ne peut pas écrire à ce numéro.", "This number cannot be written to."),
        "unplaced": ("le standard ne l'a pas passé", "the PBX did not place it"),
        "unplaced_not_picked_up": ("personne n'a décroché ici", "nobody here picked up"),
        "unplaced_busy": ("le poste d'ici était occupé", "the phone here was busy"),
        "unplaced_declined": ("le poste d'ici l'a refusé", "the phone here refused it"),
        "unplaced_dialled_nobody": ("aucun numéro n'a été composé", "no number was dialled"),
        "unplaced_not_seen": ("on n'en a pas vu la fin", "its end was not seen"),
        "unplaced_phone_offline": ("le poste d'ici n'était pas branché", "the phone here was not connected"),
        "unplaced_no_phone": ("le standard ne connaît pas ce poste", "the PBX knows no such phone"),
        "unplaced_not_rung": ("le poste d'ici n'a pu sonner", "the phone here could not be rung"),
        "unplaced_no_route": ("le standard n'a pas de sortie pour ce numéro", "the PBX has no way out for this number"),
        "unplaced_pbx_unavailable": ("le standard ne répondait pas", "the PBX did not answer"),
        "opted_out_refused": ("Cette personne ne veut pas de textos: rien n'est envoyé.", "This person wants no texts: nothing is sent."),
    }
)


def say(key: str, language: Language) -> str:
    """A fixed sentence. Raises KeyError for a key that has none."""
    french, english = _WORDS[key]
    return french if language == "fr" else english


def level(row: Row, language: Language) -> str:
    """How soon it is to be answered, and the rule that says so; "" for a thread like others."""
    if row.level is Level.NORMAL:
        return ""
    said = "Urgent" if row.level is Level.URGENT else "Prioritaire" if language == "fr" else "Priority"
    emergency = "mots d'urgence" if language == "fr" else "emergency words"
    return f"{said}: {emergency if row.why == 'emergency' else row.why}." if row.why else f"{said}."


def offered(name: str, language: Language) -> str:
    """The name that the caller gave, and nobody kept yet."""
    return f"Dit s'appeler {name}." if language == "fr" else f"Gives the name {name}."


def left(messages: Sequence[VoicemailEntry], language: Language) -> str:
    """Messages that are to be heard, at least one."""
    if len(messages) > 1:
        return f"{len(messages)} messages vocaux à écouter." if language == "fr" else f"{len(messages)} voicemails to hear."
    minutes, seconds = divmod(max(round(messages[0].seconds), 1), 60)
    both = " et " if language == "fr" else " and "
    length = both.join(
        each
        for each in (f"{minutes} minute{_s(minutes)}" if minutes else "", f"{seconds} {_seconds(seconds, language)}" if seconds else "")
        if each
    )
    return f"Message vocal de {length}." if language == "fr" else f"Voicemail of {length}."


def _seconds(count: int, language: Language) -> str:
    return f"{'seconde' if language == 'fr' else 'second'}{_s(count)}"


def held_by(name: str, language: Language) -> str:
    """Another member has it."""
    return f"{name} s'en occupe." if language == "fr" else f"{name} is answering."


def answered_by(name: str, language: Language) -> str:
    """Another member wrote first."""
    return f"{name} vient de répondre." if language == "fr" else f"{name} has just answered."


def option(digit: int, label: str) -> str:
    """One of the ready replies."""
    return f"{digit}, {label}."


def waiting(count: int, since: timedelta | None, language: Language) -> str:
    """How many callers wait, and since when the one that waits longest. ``count`` at least 1."""
    french = language == "fr"
    if count == 1:
        said, longest = ("Une personne attend", ", depuis") if french else ("One caller waits", ", for")
    else:
        said, longest = (f"{count} personnes attendent", ". La première depuis") if french else (f"{count} callers wait", ". The first for")
    return f"{said}." if since is None else f"{said}{longest} {lasted(since, language)}."


def lasted(span: timedelta, language: Language) -> str:
    """A length of time as one says it: minutes up to an hour and a half, hours up to a day and a half, then days."""
    minutes = max(int(span.total_seconds() // 60), 1)
    if minutes < 90:
        return f"{minutes} minute{_s(minutes)}"
    hours = (minutes + 30) // 60
    if hours < 36:
        return f"{hours} {'heure' if language == 'fr' else 'hour'}{_s(hours)}"
    days = (hours + 12) // 24
    return f"{days} {'jour' if language == 'fr' else 'day'}{_s(days)}"


def ago(at: datetime, now: datetime, language: Language) -> str:
    """How long ago."""
    span = lasted(now - at, language)
    return f"il y a {span}" if language == "fr" else f"{span} ago"


def happened(call: CallEntry, now: datetime, language: Language) -> str:
    """A call nobody took."""
    when = ago(call.ended, now, language)
    return f"Appel manqué, {when}." if language == "fr" else f"Missed call, {when}."


def not_called(call: OutgoingEntry, now: datetime, language: Language) -> str:
    """A call back of ours that came to nothing, and why: who asked for it by voice had hung up already."""
    key = f"unplaced_{call.failed}"
    why, when = say(key if key in _WORDS else "unplaced", language), ago(call.at, now, language)
    by = call.by or ""
    return f"Rappel de {by} non passé, {when}: {why}." if language == "fr" else f"{by} tried to call back, {when}: {why}."


def wrote(text: TextEntry, now: datetime, language: Language) -> str:
    """Before a text is read: when it came."""
    when = ago(text.at, now, language)
    return f"Texto, {when}." if language == "fr" else f"Text, {when}."


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def digits_of(number: str) -> str:
    """The digits people dial: a North American number's without its +1."""
    return re.sub(r"[^0-9]", "", number.removeprefix("+1"))


def who(name: str | None, number: str | None, language: Language) -> str:
    """A caller's name, else the number digit by digit."""
    if name:
        return f"{name}."
    if number is None:
        return say("no_number", language)
    digits = digits_of(number)
    groups = (digits[:3], digits[3:6], digits[6:]) if len(digits) == 10 else (digits,)
    return ", ".join(" ".join(group) for group in groups) + "."


def cut(text: str) -> tuple[str, bool]:
    """As much of a text as is read aloud, cut between words; and whether that is all of it."""
    if len(text) <= MOST_SPOKEN:
        return text, True
    head = text[:MOST_SPOKEN]
    return head[: head.rfind(" ")] if " " in head[MOST_SPOKEN // 2 :] else head, False
