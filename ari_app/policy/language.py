"""In which language a text is written: French or English, or no telling. Offline, by lingua (github.com/pemistahl/lingua-rs).

lingua reads sentences well and two words badly: it would see French in "Marie Tremblay" and English in "ok". So numbers, addresses and
what people of both languages write are taken out first, the spelling of texting is written out, and a text of few words counts only by
words that one language alone has. Unsure stays unsure: a wrong switch of language annoys more than none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from lingua import Language as Lingua
from lingua import LanguageDetector, LanguageDetectorBuilder

from ari_app.model import Language
from ari_app.policy.language_words import ENGLISH, FRENCH, NAMES, NEUTRAL, SAID, SPELT

__all__ = ["of", "warm"]

_LONGEST = 600
"""Characters that are looked at: more tell no more."""
_FEW = 3
"""Words up to which lingua is not believed."""
_SURE = 0.9
"""How sure lingua must be of a sentence with words that one language alone has; without any of them ``_VERY_SURE``."""
_VERY_SURE = 0.97

_NOISE = re.compile(
    r"(?:https?://|www\.)\S+|\S+@\S+"  # addresses of the web and of mail
    r"|\d[\w-]*,? (?:rue|av|ave|avenue|boul|boulevard|ch|chemin|rang|montée|place)\b\.?(?: (?:de|du|des|la|le|l'|d')*[A-ZÉ][\w'’-]*)*",
)
_COURTESY = re.compile(
    r"\b(?:merci (?:beaucoup|bien|infiniment|à vous|a vous)|(?<!no )(?:thank you|thanks)(?: (?:very much|so much|a lot|again))?)\b"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

_ELIDED = re.compile(r"(?:[jcnmts]|qu|jusqu|lorsqu|puisqu|quelqu|aujourd)'\w", re.IGNORECASE)
"""French: "j'ai", "qu'il". "d'" and "l'" begin names too."""
_CONTRACTED = re.compile(r"\w(?:n't|'(?:m|re|ll|ve|d))$", re.IGNORECASE)


@cache
def _detector() -> LanguageDetector:
    return LanguageDetectorBuilder.from_languages(Lingua.FRENCH, Lingua.ENGLISH).with_preloaded_language_models().build()


def warm() -> None:
    """Read lingua's models: some 0.2 s of one core and 80 MB, once. To be called in a thread, before the first text."""
    _by_lingua("any words", _SURE)


def of(text: str) -> Language | None:
    """ "fr", "en", or None where the text does not tell."""
    words = _words(text)
    told = [word for word in words if _plain(word) not in NAMES]
    french, english = sum(_is_french(word) for word in told), sum(_is_english(word) for word in told)
    if len(words) > _FEW:
        found = _by_lingua(" ".join(words), _SURE if french or english else _VERY_SURE)
        if found is not None and (french >= english if found == "fr" else english >= french):
            return found
    if french and french >= 2 * english:
        return "fr"
    if english and english >= 2 * french:
        return "en"
    return None


def _by_lingua(text: str, sure: float) -> Language | None:
    # of a script that neither is written in it says 0 for both
    how_sure = {each.language: each.value for each in _detector().compute_language_confidence_values(text)}
    if how_sure[Lingua.FRENCH] >= sure:
        return "fr"
    return "en" if how_sure[Lingua.ENGLISH] >= sure else None


def _words(text: str) -> list[str]:
    """Words that may tell: as written, texting spelt out."""
    text = unicodedata.normalize("NFC", text[:_LONGEST]).replace("’", "'").replace("ʼ", "'")
    given = _WORD.findall(_COURTESY.sub(" ", _NOISE.sub(" ", text).lower()))
    words: list[str] = []
    for position, word in enumerate(given):
        pair = " ".join(given[position : position + 2])
        plain = _plain(word)
        spelt = SAID.get(pair) or SPELT.get(word) or SPELT.get(plain)
        if spelt is not None:
            words += spelt.replace("-", " ").split()
        elif plain not in NEUTRAL and not any(char.isdigit() for char in word):
            words.append(word)
    return [word for word in words if _plain(word) not in NEUTRAL]


def _plain(word: str) -> str:
    bare = "".join(char for char in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(char))
    return bare.replace("œ", "oe").replace("'", "")


def _is_french(word: str) -> bool:
    return _ELIDED.match(word) is not None or _plain(word) in FRENCH


def _is_english(word: str) -> bool:
    return _CONTRACTED.search(word) is not None or _plain(word) in ENGLISH
