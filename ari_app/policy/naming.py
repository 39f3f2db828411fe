"""The name a caller gives in a text: offered to staff, who take it with one key or not.

Only what they say of themselves: "c'est Marie Tremblay", "my name is John Smith", "Marie Tremblay, j'ai mal à une dent". Never whom they
greet or thank, a child or a parent they write for, a place or a business. In doubt none: a wrong name in the files is worse than none.
"""

from __future__ import annotations

import re
import unicodedata

from ari_app.policy.language_words import ENGLISH, FRENCH, NAMES, NEUTRAL

__all__ = ["given_name"]

_LONGEST = 600
"""Characters that are looked at: who gives a name gives it soon."""
_MOST_WORDS, _MOST_LETTERS = 5, 40

_STRONG = re.compile(
    r"(?:\b(?:je m'appell?e|je me nomme|moi je m'appelle|mon nom\s?(?:est\b|c'est\b|:)|mon nom complet est|my (?:full )?name is|my name's)"
    r"|(?:^|[\n.!,;])\s*(?:nom(?: complet)?|name|full name)\s?(?::|is\b|est\b|c'est\b))\s*:?\s*",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"(?:^|[\n.!,;:]|\b(?:bonjour|bonsoir|allo|allô|salut|hi|hello|hey|oui|yes|ok))\s*"
    r"(?:moi c'est|c'est|cest|c|ici|this is|it's|its|it is|(?P<being>je suis|i am|i'm|im))\s+",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\s*(?:bonjour|bonsoir|allo|allô|salut|hi|hello|hey|good (?:morning|afternoon|evening))\s*[,.!\n]+\s*", re.IGNORECASE
)
_AT_END = re.compile(
    r"(?:\b(?:merci|thanks|thank you|cordialement|regards|bonne journée)(?: (?:beaucoup|so much))?\s*[,.!]*\s*[\n,]|\n|\s[-–—]\s?)\s*$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W\d_]+(?:[.'’-][^\W\d_]+)*\.?", re.UNICODE)
_PARTICLE_WORDS = "de du des la le les d l van von der den ben bin el al da dos das di del st ste saint mac mc"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_TITLES = {"mme": "Mme", "mrs": "Mrs", "mr": "Mr", "ms": "Ms", "m": "M."}
_AFTER = re.compile(
    r"\s*(?:,?\s*(?:ma|mon|notre|my|our)\s+(?:fille|fils|gars|garçon|bébé|enfant|mère|père|mari|femme|conjointe?|chum|blonde|soeur|frère"
    r"|petit|daughter|son|kid|child|baby|mom|mum|mother|dad|father|husband|wife|boyfriend|girlfriend|dog|cat|chien|chat)\b"
    r"|(?:qui|que|who|that|ou|or)\b|'s\b|’s\b|\?)",
    re.IGNORECASE,
)
_ENDED = re.compile(r"\s*[,.;:!\n(–—-]|\s*\+?\d|\s+(?:besoin|rdv|rendez-vous|je\b|j'|i\b|i'm|need|pour|for)\b", re.IGNORECASE)
_HERE = re.compile(r"\s*(?:ici|à l'appareil|here|speaking)\b", re.IGNORECASE)
_STOP_WORDS = """
    correct beau note genial super pret prete normal vrai faux complet complete rendu tard pressant grave facile difficile cher special
    montreal quebec laval longueuil gatineau sherbrooke brossard terrebonne levis saguenay repentigny ottawa toronto canada trois rivieres
    haiti france maroc algerie york port hopital hospital clinique clinic pharmacie pharmacy centre center ecole school laboratoire lab
    labo garage bureau restaurant universite university cegep college clsc chum chuq muhc hotel banque bank caisse cabinet place rue chemin
    street road coutu uniprix familiprix brunet shoppers sun life blue cross shield croix bleue manulife medavie desjardins ssq visa
    mastercard amex interac docteur doctor dr dre google facebook instagram android iphone samsung siri invisalign botox deep laser
    emergency anglais francais english french spanish espagnol arabe client cliente patient patiente sorry sure allergique diabetique
    asthmatique handicape anxieuse anxieux nerveux nerveuse inquiet inquiete ravi ravie content contente malade enceinte
    joyeux joyeuse joyeuses fete fetes happy merry noel christmas easter paques halloween jesus dieu god
"""
_STOP = frozenset(_STOP_WORDS.split())
_COMMON = (FRENCH | ENGLISH | NEUTRAL | _STOP) - NAMES


def given_name(text: str) -> str | None:
    """The name its writer gives as their own, tidied; None where there is none to be sure of."""
    text = unicodedata.normalize("NFC", text[:_LONGEST]).replace("’", "'").strip()
    shouted = text.isupper()
    for found in _STRONG.finditer(text):
        name = _name(text, found.end(), any_case=True)
        if name is not None:
            return name
    for found in _WEAK.finditer(text):
        name = None if shouted else _name(text, found.end())
        # "je suis Québécoise", "I'm Canadian": what follows is a name only where it has two words
        if name is not None and not (found["being"] and " " not in name):
            return name
    return _bare(text, shouted=shouted)


def _bare(text: str, *, shouted: bool) -> str | None:
    """First thing in the text, before a stop, or last, after a courtesy: at least two words, none of which is another word."""
    start = greeted.end() if (greeted := _GREETING.match(text)) else 0
    name, end = _read(text, start, any_case=shouted)
    if name is not None and " " in name and _alone(name):
        rest = text[end:]
        here = _HERE.match(rest)
        if (not rest or here or _ENDED.match(rest)) and not _AFTER.match(rest):
            return name
    if name is not None and start == 0 and _HERE.match(text[end:]) and _alone(name) and "?" not in text[end : end + 12]:
        return name
    return _signed(text)


def _signed(text: str) -> str | None:
    tokens = list(_TOKEN.finditer(text))
    for count in (4, 3, 2):
        if len(tokens) > count:
            start = tokens[-count].start()
            name, end = _read(text, start, any_case=False)
            if name is not None and " " in name and end == len(text.rstrip(" .!")) and _AT_END.search(text[:start]) and _alone(name):
                return name
    return None


def _alone(name: str) -> bool:
    return all(_plain(word) not in _COMMON for word in name.split())


def _name(text: str, start: int, *, any_case: bool = False) -> str | None:
    """The name that begins at ``start``, unless what follows says that it is another's."""
    name, end = _read(text, start, any_case=any_case)
    if name is None or _AFTER.match(text[end:]):
        return None
    sentence = re.split(r"[.!\n]", text[end:], maxsplit=1)[0]
    if "?" in sentence and not re.match(r"\s*[,;.]|\s+(?:et|and|j'|je|i|could|can|pouvez|est-ce)\b", text[end:], re.IGNORECASE):
        return None
    alone = " " not in name and _plain(name) in NAMES
    return None if alone and not any_case else name


def _read(text: str, start: int, *, any_case: bool) -> tuple[str | None, int]:
    """(the name that begins at ``start``, where it ends)."""
    words: list[str] = []
    held: list[str] = []  # particles that a name must follow
    end = at = start
    title = ""
    while len(words) + len(held) < _MOST_WORDS:
        gap = len(text[at:]) - len(text[at:].lstrip(" "))
        found = _TOKEN.match(text, at + gap)
        if found is None or (gap == 0 and at != start):
            break
        word, plain = found[0], _plain(found[0])
        if not words and not title and plain in _TITLES and (word[0].isupper() or any_case):
            title = _TITLES[plain]
        elif words and plain in _PARTICLES and not word.isupper():
            held.append(word.rstrip("."))
        elif (not any_case and not word[0].isupper()) or (plain in _COMMON and (any_case or not words or word[0].islower())):
            break
        else:
            words += [*held, word.rstrip(".") if len(word) > 2 else word]
            held = []
            end = found.end() - (1 if word.endswith(".") and len(word) > 2 else 0)
            if word.endswith(".") and len(word) > 2:
                break
        at = found.end()
    name = " ".join(words)
    if not words or words[-1].endswith("'s") or len(name) > _MOST_LETTERS or max(map(len, words)) < 2:
        return None, start
    if name.islower() or name.isupper():
        name = " ".join(word if word.lower() in _PARTICLES and word.islower() else word.title() for word in words)
    return (f"{title} {name}" if title else name), end


def _plain(word: str) -> str:
    bare = "".join(char for char in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(char))
    return bare.replace("'", "").rstrip(".")
