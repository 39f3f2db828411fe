"""What a caller's text asks of us: STOP, START, HELP in French and English, or that it is no person's text at all.

Carriers want STOP, ARRET, HELP, AIDE and INFO understood whatever the case (CWTA short code guidelines 3.9; good practice for a SIM).
A keyword counts only when nothing but it, courtesies and punctuation are in the text: in a clinic "arrêt de travail" is a sick note.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from ari_app.model import Language

__all__ = ["Keyword", "Meaning", "automatic", "meaning"]


class Keyword(StrEnum):
    """What the sender wants of the service itself."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A keyword and the language it is in, None where both share it ("stop", "info")."""

    keyword: Keyword
    language: Language | None


def _phrases(keyword: Keyword, language: Language | None, text: str) -> dict[str, Meaning]:
    return {phrase.strip(): Meaning(keyword, language) for phrase in text.split(",")}


# plain: lower case, no accents, words parted by one blank
_PHRASES: dict[str, Meaning] = {
    **_phrases(Keyword.STOP, None, "stop, stopall, stop all, stop sms, sms stop, stop texto, stop textos, stop texte, stop texto sms"),
    **_phrases(
        Keyword.STOP,
        "en",
        "end, quit, cancel, unsubscribe, unsub, unsubscribe me, stop texting, stop texting me, stop messaging me, stop text, stop texts, "
        "stop all texts, stop the texts, stop these texts, stop sending texts, stop sending me texts, stop messages, stop messaging, "
        "stop sending messages, stop sending me messages, stop sending me messages, stop the messages, stop these messages, "
        "stop contacting me, no more texts, no more messages, do not text me, dont text me, don t text me, "
        "do not text, do not text me again, dont text me again, don t text me again, dont text me anymore, don t text me anymore, "
        "do not text me anymore, remove me, remove me from your list, remove my number, take me off your list, take me off the list, "
        "opt out, optout, opt me out, end texts, quit texting me, revoke",
    ),
    **_phrases(
        Keyword.STOP,
        "fr",
        "arret, arrets, arreter, arretez, arrete, arretez tout, arret sms, arret texto, arret textos, arret texte, arret des textos, "
        "arreter les textos, arretez les textos, arretez les sms, arreter les sms, arreter les messages, arretez les messages, "
        "arretez de m ecrire, arrete de m ecrire, arretez de me texter, arrete de me texter, arretez de m envoyer des textos, "
        "arretez de m envoyer des messages, arretez de m envoyer des sms, "
        "cesser, cessez, cesser les textos, cessez les textos, cessez de m ecrire, cessez de me texter, "
        "desabonner, desabonne, desabonnement, desabonnez moi, desabonne moi, me desabonner, se desabonner, desabonnez, "
        "desinscrire, desinscription, desinscrivez moi, me desinscrire, "
        "plus de textos, plus de texto, plus de sms, plus de messages, plus aucun texto, pas de textos, pas de texto, "
        "ne plus recevoir, ne plus recevoir de textos, ne plus recevoir de messages, "
        "je ne veux plus de textos, je ne veux plus de messages, je ne veux plus recevoir de textos, je ne veux plus recevoir de messages, "
        "je veux plus de textos, je veux plus de messages, je veux me desabonner, je veux me desinscrire, "
        "ne m ecrivez plus, ne me textez plus, ne me texter plus, enlevez moi de la liste, enlevez moi de votre liste, "
        "retirez moi de la liste, retirez moi de votre liste, fin, fini les textos, annuler l abonnement",
    ),
    **_phrases(
        Keyword.START, "en", "start, unstop, subscribe, resubscribe, resume, opt in, optin, start texts, start texting, start texting me"
    ),
    **_phrases(
        Keyword.START,
        "fr",
        "reprendre, reprise, reprenez, reabonner, reabonnement, abonner, abonnement, reabonnez moi, me reabonner, reprendre les textos, "
        "activer, reactiver, recommencer",
    ),
    **_phrases(Keyword.HELP, None, "info, infos, information, informations"),
    **_phrases(Keyword.HELP, "en", "help, help me"),
    **_phrases(Keyword.HELP, "fr", "aide, aidez moi, a l aide, aider"),
}

_COURTESY = re.compile(
    r"\b(?:s il vous plait|s il te plait|s v p|svp|stp|merci beaucoup|merci bien|merci|please|pls|plz|thank you|thanks|thx|very much|"
    r"bonjour|bonsoir|allo|salut|hello|hi|hey|sorry|desole|ok|okay|"
    r"right now|now|immediately|maintenant|immediatement|tout de suite)\b"
)


def plain(text: str) -> str:
    """Lower case, without accents, marks, punctuation or emoji; words parted by one blank."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("œ", "oe").replace("æ", "ae")
    letters = "".join(char for char in folded if not unicodedata.combining(char))
    return " ".join(re.findall(r"[a-z0-9]+|[^\W\d_]+", letters))


def meaning(text: str) -> Meaning | None:
    """The keyword a text is, None for anything a person should read as words."""
    words = plain(text)
    if len(words) > 100:
        return None
    bare = " ".join(_COURTESY.sub(" ", words).split())
    once = " ".join(word for index, word in enumerate(bare.split()) if index == 0 or bare.split()[index - 1] != word)
    return _PHRASES.get(words) or _PHRASES.get(bare) or _PHRASES.get(once)


_AUTOMATIC = re.compile(
    r"^(?:(?:ceci est une? )?(?:reponse|message) automatiques?\b|(?:this is an )?auto(?:matic|mated)? ?(?:reply|response|message)\b"
    r"|autoreply\b"
    r"|out of (?:the )?office\b|absent du bureau\b)"
    r"|\bi m driving\b|\bi am driving\b|\bje conduis\b|\bje suis au volant\b|\bje suis en train de conduire\b"
    r"|\bdo not reply to this\b|\bne pas repondre a ce\b|\bi(?: am|m| m) (?:currently )?out of (?:the )?office\b"
    r"|\bdriving with (?:do not disturb|focus)\b|\bi m not receiving notifications\b|\bje ne recois pas (?:de|les) notifications\b"
    r"|\bsent from my car\b|\bmessage envoye automatiquement\b|\bsent automatically\b"
)


def automatic(text: str) -> bool:
    """Is the text an automatic reply (a driving mode, an out-of-office, a robot): answering it would start a loop."""
    return _AUTOMATIC.search(plain(text)) is not None
