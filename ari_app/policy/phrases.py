"""Finding an administrator's words in a caller's text: whatever the case, accents and small words between.

A phrase is one or more words; a * at the end of a word stands for any ending, three dots stand for any few words between. "saignement
qui n'arrête pas" is found in "le saignement n'arrete vraiment pas": articles and other light words may be there or not, and words like
"very" may come between.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from ari_app.policy.keywords import plain
from ari_app.policy.language_words import SPELT

__all__ = ["LIGHT", "Phrases", "meaning_less", "words_of"]

_LIGHT_WORDS = """
    le la les l un une des d de du au aux a dans sur me te se lui qui que qu n ne c ca sa est sont etait ont j m s t y en
    mon ma mes son ses notre votre
    the an my his her our your their this that is are was were has been of to in on at it its with
"""
LIGHT = frozenset(_LIGHT_WORDS.split())
"""May be left out of a phrase, and stand between its words."""
_BETWEEN_WORDS = """
    tres trop vraiment beaucoup si tellement bien assez super encore toujours tout toute toutes
    rendu rendue devenu devenue feel feels feeling gets getting becoming very really so much still even just quite lot badly whole
"""
_BETWEEN = LIGHT | frozenset(_BETWEEN_WORDS.split())
_MOST_BETWEEN = 4
_GAP, _MOST_IN_GAP = "...", 8
_NEAR_FROM, _SWAPPED_FROM = 6, 4
"""Letters from which a word may have one wrong, or two that changed places: in shorter ones that makes another word."""
_ELIDED = 3
_SPELT = {word: plain(said) for word, said in SPELT.items()} | {"pu": "plus"}
_CONTRACTED = re.compile(r"\b(can|don|doesn|didn|won|isn|aren|wasn|haven|hasn|couldn|wouldn|shouldn) t\b")
_SHORT_OF = re.compile(r"\b(i) (m)\b|\b(he|she|it) (s)\b")


def words_of(text: str) -> list[str]:
    """Its words as phrases are compared with: plain, texting spelt out, "can't" as "cant"."""
    spelt = " ".join(_SPELT.get(word, word) for word in plain(text).split())
    joined = _CONTRACTED.sub(r"\1t", spelt)
    return _SHORT_OF.sub(lambda found: "".join(filter(None, found.groups())), joined).split()


def meaning_less(phrase: str) -> bool:
    """Would the phrase be found in nearly every text, or in none: without a letter or digit, or of light words or one letter alone."""
    stems = (word.removesuffix("*") for word in _split(phrase))
    return sum(len(word) for word in stems if word not in LIGHT and word != _GAP) <= 1


class Phrases:
    """Some phrases. ``near``: one letter of a long word may be wrong."""

    def __init__(self, phrases: Iterable[str], *, near: bool = False) -> None:
        self._near = near
        self._by_first: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        vocabulary: set[str] = set()
        for phrase in phrases:
            words = _split(phrase)
            kept = tuple(word for word in words if word not in LIGHT) or tuple(words)
            if kept:
                self._by_first[kept[0]].append(kept)
                vocabulary.update(word for word in kept if word != _GAP)
        self._exact = frozenset(word for word in vocabulary if not word.endswith("*"))
        self._by_letter: defaultdict[str, list[str]] = defaultdict(list)
        for word in vocabulary:
            if word.endswith("*") or (near and len(word) >= _SWAPPED_FROM):
                self._by_letter[word[0]].append(word)
        self._meant = lru_cache(maxsize=2000)(self._find)

    def found(self, text: str) -> bool:
        """Is one of them in the text."""
        return next(self.spans(words_of(text)), None) is not None

    def spans(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """(first word, word after the last) of each that is found in these words."""
        meant = [self._meant(word) for word in words]
        for start, firsts in enumerate(meant):
            for first in firsts:
                for phrase in self._by_first.get(first, ()):
                    end = _follow(phrase, words, meant, start)
                    if end is not None:
                        yield start, end

    def _find(self, word: str) -> frozenset[str]:
        """Words of the phrases that this one may be."""
        forms = [word]
        if len(word) > _ELIDED and ((word[0] in "cdlmnst" and word[1] in "aeiouh") or word[0] == "j"):
            forms.append(word[1:])  # "narrete", "jsaigne", as they are typed
        return frozenset(each for form in forms for each in self._like(form))

    def _like(self, word: str) -> Iterator[str]:
        if word in self._exact:
            yield word
        for other in self._by_letter.get(word[0], ()):
            stem = other.removesuffix("*")
            if other != stem and word.startswith(stem):
                yield other
            elif self._near and len(stem) >= _NEAR_FROM:
                heads = (word[: len(stem) + more] for more in (-1, 0, 1)) if other != stem else (word,)
                if any(_one_off(head, stem) for head in heads):
                    yield other
            elif self._near and len(stem) >= _SWAPPED_FROM and _swapped(word[: len(stem)] if other != stem else word, stem):
                yield other


def _split(phrase: str) -> list[str]:
    """Words of a phrase, each with its * where it has one."""
    marked = re.sub(r"\*(?!\w)", " zstarz ", re.sub(r"\.{3}|…", " zgapz ", phrase))
    words: list[str] = []
    for word in words_of(marked):
        if word == "zgapz":
            words += [_GAP] if words else []
        elif word != "zstarz":
            words.append(word)
        elif words:
            words[-1] += "*"
    return words[:-1] if words[-1:] == [_GAP] else words


def _follow(phrase: tuple[str, ...], words: Sequence[str], meant: Sequence[frozenset[str]], start: int) -> int | None:
    """Where the phrase ends that begins at ``start``; None where its words do not follow."""
    at, anything = start + 1, False
    for wanted in phrase[1:]:
        if wanted == _GAP:
            anything = True
            continue
        skipped, most, anything = 0, _MOST_IN_GAP if anything else _MOST_BETWEEN, False
        while at < len(words) and wanted not in meant[at]:
            if skipped == most or (most == _MOST_BETWEEN and words[at] not in _BETWEEN):
                return None
            at, skipped = at + 1, skipped + 1
        if at == len(words):
            return None
        at += 1
    return at


def _one_off(word: str, other: str) -> bool:
    """Equal, or one letter is wrong, missing or too many, or two have changed places."""
    if abs(len(word) - len(other)) > 1:
        return False
    same = next((place for place, pair in enumerate(zip(word, other, strict=False)) if pair[0] != pair[1]), min(len(word), len(other)))
    left, right = word[same:], other[same:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or _swapped(word, other)


def _swapped(word: str, other: str) -> bool:
    """Two letters beside each other have changed places."""
    wrong = [place for place, pair in enumerate(zip(word, other, strict=False)) if pair[0] != pair[1]]
    if len(word) != len(other) or len(wrong) != 2 or wrong[1] != wrong[0] + 1:
        return False
    return word[wrong[0]] == other[wrong[1]] and word[wrong[1]] == other[wrong[0]]
