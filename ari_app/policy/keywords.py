"""What a caller's text asks of us: STOP, START, HELP in French and English, or that no person wrote it.

Carriers want STOP, ARRET, HELP, AIDE and INFO understood whatever the case (CWTA short code guidelines 3.9; good practice for a SIM).
A keyword counts only when nothing but it, courtesies and punctuation are in the text: in a clinic "arrêt de travail" is a sick note.
"Cancel", "end", "quit", "arrêter", "fin" alone are none: our own text asks what the caller needs, and they answer it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from ari_app.model import Language

__all__ = ["Keyword", "Meaning", "automatic", "meaning", "plain"]


class Keyword(StrEnum):
    """What the sender wants of the service itself."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A keyword."""

    keyword: Keyword
    language: Language | None
    """The language it is in, None where both share it ("stop", "info")."""
    sure: bool
    """False for words that may as well answer a question of staff ("no texts", "stop it")."""


# As ``plain`` gives them, parted by commas or lines.
_TABLE: tuple[tuple[Keyword, Language | None, bool, str], ...] = (
    (
        Keyword.STOP,
        None,
        True,
        """
        stop, stopall, stop all, stop sms, sms stop, stop texto, stop textos, textos stop, stop spam, s t o p
        """,
    ),
    (
        Keyword.STOP,
        "en",
        True,
        """
        unsubscribe, unsub, unsubscribe me, opt out, optout, opt me out, remove my number,
        stop texting, stop texting me, stop text, stop texts, stop all texts, stop the texts, stop these texts, stop your texts,
        stop sending texts, stop sending me texts, stop sending texts to me, stop texting this number, stop messaging,
        stop messaging me, stop message, stop messages, stop all messages, stop the messages, stop these messages,
        stop sending messages, stop sending me messages, stop sending these messages, stop sending me these messages,
        stop contacting me, stop writing to me, stop writing me, no more texts, no more text, no more messages,
        i want to unsubscribe, i want to opt out, i want no more texts, i don t want texts, i do not want texts,
        i don t want your texts, i don t want to get texts, i don t want any more texts, do not text, do not text me,
        do not text me again, do not text me anymore, do not text this number, do not message me, dont text, dont text me,
        dont text me again, dont text me anymore, dont message me, don t text, don t text me, don t text me again,
        don t text me anymore, don t text this number, don t message me, don t contact me, quit texting me, end texts, cancel texts
        """,
    ),
    (Keyword.STOP, "en", False, "no texts, remove me, stop it, stop this, leave me alone"),
    (
        Keyword.STOP,
        "fr",
        True,
        """
        arret, arrets, arret sms, arret texto, arret textos, arret texte, arret des textos, arret des sms, arret des messages,
        arret les textos, arret les sms, arret les messages, stop les textos, stop les sms, stop les messages, stop aux textos,
        stop vos textos, stop vos messages, stopper les textos, stopper les messages, stoppez les textos, stoppez les sms,
        stoppez les messages, stoppez vos textos, stoppez vos messages, stoppe les textos, stoppez de m ecrire, stoppez de me texter,
        arreter les textos, arreter les sms, arreter les messages, arreter les texte, arreter les textes, arreter de m ecrire,
        arreter de me texter, arreter de m envoyer des textos, arreter de m envoyer des messages, arretez les textos, arretez les sms,
        arretez les messages, arretez vos textos, arretez vos messages, arretez de m ecrire, arretez de me texter,
        arretez de m envoyer des textos, arretez de m envoyer des sms, arretez de m envoyer des messages, arrete les textos,
        arrete de m ecrire, arrete de me texter, cesser les textos, cessez les textos, cesser les messages, cessez les messages,
        cessez de m ecrire, cessez de me texter, cessez de m envoyer des textos, cessez de m envoyer des messages, desabonner,
        desabonne, desabonnez, desabonnement, desabonner moi, desabonnez moi, desabonne moi, me desabonner, se desabonner,
        je me desabonne, je veux me desabonner, je voudrais me desabonner, desinscrire, desinscription, desinscrivez moi,
        me desinscrire, je veux me desinscrire, plus de textos, plus de texto, plus de sms, plus de messages, plus aucun texto,
        plus aucun message, ne plus recevoir, ne plus recevoir de textos, ne plus recevoir de sms,
        ne plus recevoir de messages, ne plus recevoir vos textos, je ne veux plus de textos, je ne veux plus de messages,
        je ne veux plus de vos textos, je ne veux plus recevoir de textos, je ne veux plus recevoir de messages,
        je ne veux plus recevoir de sms, je ne veux plus recevoir vos textos,
        je veux plus recevoir de textos, je veux plus recevoir de messages, ne m ecrivez plus, ne me textez plus, ne me texter plus,
        ne me contactez plus, ne m envoyez plus de textos, ne m envoyez plus de messages,
        enlevez mon numero, retirez mon numero,
        supprimez mon numero
        """,
    ),
    (Keyword.STOP, "fr", False, "pas de textos, pas de texto, arretez ca, arrete ca, laissez moi tranquille"),
    (Keyword.START, None, True, "start, unstop"),
    (
        Keyword.START,
        "en",
        True,
        """
        resubscribe, subscribe, opt in, optin, opt me in, start texts, start texting, start texting me, text me again
        """,
    ),
    (Keyword.START, "en", True, "resume"),
    (
        Keyword.START,
        "fr",
        True,
        """
        reabonner, reabonnement, reabonnez moi, me reabonner, abonner, abonnez moi, m abonner, reprendre les textos,
        reprenez les textos, reprendre les messages
        """,
    ),
    (Keyword.START, "fr", True, "reprendre, reprenez, reprise"),
    (Keyword.HELP, None, True, "info, infos, information, informations"),
    (Keyword.HELP, "en", True, "help, help me"),
    (Keyword.HELP, "fr", True, "aide, a l aide, aidez moi"),
)
_PHRASES = {
    phrase.strip(): Meaning(keyword, language, sure)
    for keyword, language, sure, phrases in _TABLE
    for phrase in re.split(r"[,\n]", phrases)
    if phrase.strip()
}
_LONGEST = 120
"""Characters of plain words beyond which no text is a keyword and its courtesies."""

_COURTESY = re.compile(
    r"\b(?:s il (?:vous|te) plait|s v p|svp|stp|merci(?: (?:beaucoup|bien|d avance))?|please|pls|plz|"
    r"(?:thank you|thanks|thx|ty)(?: very much| a lot)?|"
    r"bonjour|bonsoir|bonne journee|allo|salut|hello|hi|hey|sorry|desole|ok|okay|"
    r"right now|now|immediately|maintenant|immediatement|tout de suite|madame|monsieur)\b"
)
_SIGNATURE = re.compile(r"\b(?:sent from my|envoye (?:de|depuis|a partir de) mon)(?: \w+){1,6}$")
"""A phone's, at the end of a text."""


def plain(text: str) -> str:
    """Lower case, without accents, punctuation or emoji; words parted by one blank."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("œ", "oe").replace("æ", "ae")
    letters = "".join(char for char in folded if not unicodedata.combining(char) and unicodedata.category(char) != "Cf")
    return " ".join(re.findall(r"[^\W_]+", letters))


def meaning(text: str) -> Meaning | None:
    """The keyword a text is, None for anything a person should read as words."""
    words = plain(text)
    if len(words) > _LONGEST:
        return None
    bare = " ".join(_COURTESY.sub(" ", _SIGNATURE.sub("", words)).split())
    return _PHRASES.get(words) or _PHRASES.get(bare) or _run(bare)


def _run(words: str) -> Meaning | None:
    """ "stop stop stop", "stop arret": one keyword however often said, in either language."""
    each = [_PHRASES.get(word) for word in words.split()]
    keywords = {found.keyword if found and found.sure else None for found in each}
    languages = {found.language for found in each if found and found.language}
    if len(keywords) != 1 or (keyword := keywords.pop()) is None:
        return None
    return Meaning(keyword, languages.pop() if len(languages) == 1 else None, sure=True)


_LABEL = re.compile(
    r"(?:ceci est une? )?(?:reponse|message|texto) auto(?:matique|matise|matisee)?|message d absence"
    r"|(?:this is an? )?auto(?:matic|mated)? ?(?:reply|response|responder|message|text)"
)
"""What a robot's text begins with, before a stop or colon; whatever follows is the robot's."""
_DATE = (
    r"(?: (?:\d+\w*|the|of|le|er|next|week|tomorrow|demain|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre))+"
)
_ROBOT = re.compile(
    rf"(?:je suis )?absente? du bureau(?: jusqu (?:au|a){_DATE}| cette semaine| aujourd hui)?"
    rf"|(?:i am |i m )?(?:currently )?out of (?:the )?office(?: until{_DATE}| this week| today)?"
    r"|(?:i m|i am) driving with (?:driving |car )?(?:focus|do not disturb)(?: while driving)?(?: (?:turned )?on)?"
    r"|(?:i m|i am) not receiving notifications|i ll see your message when i get where i m going"
    r"|if this is urgent|reply urgent(?: to send a notification through with your original message)?"
    r"|je verrai votre message (?:une fois arrivee?|a mon arrivee|(?:quand|lorsque) (?:je serai|j arriverai)(?: \w+){0,3})"
    r"|je ne recois pas (?:de|les|mes) notifications|en cas d urgence|repondez urgent(?: pour \w+ une notification(?: \w+){0,6})?"
    r"|(?:je conduis|je suis au volant) (?:avec|et) (?:le mode|la concentration)(?: \w+){0,3} activee?"
    r"|(?:i m|i am) driving(?: right now)?|(?:je conduis|je suis au volant)(?: (?:presentement|en ce moment|actuellement))?"
    r"|(?:please )?do not reply to this (?:message|text|sms|number)"
    r"|(?:veuillez |svp )?ne (?:pas repondre|repondez pas) a ce (?:message|texto|sms|numero)"
    r"|this (?:number|mailbox|inbox|phone) (?:is not|isn t) (?:monitored|able to receive (?:texts|messages|sms)|in service)"
    r"|(?:ce |cette )?(?:numero|boite|messagerie) (?:n est )?(?:pas|non) surveillee?|ce numero n accepte pas les (?:textos|messages|sms)"
    r"|(?:this )?(?:message|text|sms) (?:was )?(?:sent|generated) automatically"
    r"|(?:ce )?(?:message|texto|sms) (?:a ete )?(?:envoye|genere) automatiquement"
    r"|(?:your )?(?:message|text|texto|sms)(?: to [\d ]+)? (?:was )?(?:not (?:delivered|sent)|could not be delivered)"
    r"|votre (?:message|texto|sms)(?: (?:a|au) [\d ]+)? n a pas pu etre (?:livre|envoye|remis)"
)
"""Whole sentences, or pieces between commas, as driving modes, out-of-offices and carriers' robots write them."""
_PIECES = re.compile(r"[.,!:;…\n()–—]+|\s-+\s")


def automatic(text: str) -> bool:
    """Is the text wholly an automatic reply (a driving mode, an out-of-office, a carrier's robot): answering it may start a loop.

    A question, or one piece that no robot writes, and a person may have written it.
    """
    if "?" in unicodedata.normalize("NFKC", text):
        return False
    pieces = [words for piece in _PIECES.split(text) if (words := plain(piece))]
    return bool(pieces) and (_LABEL.fullmatch(pieces[0]) is not None or all(_ROBOT.fullmatch(piece) for piece in pieces))
