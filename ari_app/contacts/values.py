"""Cells into our words: numbers to E.164, languages and kinds by their usual words, names and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ari_app.contacts.columns import plain
from ari_app.contacts.table import tidy
from ari_app.contacts.usual import KINDS, LANGUAGES, NO_TAGS, NO_TEXTS, NOTHING
from ari_app.model import NO_TEXT, Kind, Language
from ari_app.numbers import e164
from ari_app.person import PersonNumber

__all__ = ["LONGEST_LABEL", "LONGEST_NAME", "kind_of", "language_of", "name_of", "numbers_of", "tags_of", "whole"]

LONGEST_NAME = 80
"""Characters."""
LONGEST_LABEL = 40
_MOST_TAGS = 50
_LONGEST_TAG = 40

_SEPARATORS = re.compile(r"\s*(?::::|[\n;,/|]|\s(?:ou|or|et|and|&)\s)\s*", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:\b(?:ext|extn|extension|poste|post|pst|int|interne)\b\.?|(?<=[\d\s)])[x#])\s*[:.]?\s*\d+\s*$", re.IGNORECASE)
_LABELLED = re.compile(r"(?P<before>[^\d+]*?)\s*(?P<number>[+(]{0,2}\d[\d\s().\-–·]*\d)\s*(?P<after>\D*)", re.DOTALL)
_SEVERAL = re.compile(r"[#,;]")
"""Behind one of these phonenumbers sees an extension, and people write another number."""
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?\(?([2-9]\d\d)\)?[ .-]?([2-9]\d\d)[ .-]?(\d{4})", re.ASCII)
_SCIENTIFIC = re.compile(r"\d[.,]\d+[eE]\+?\d+")
_EDGES = " \t.:;,-–()[]*/\"'"

_COMPANY = re.compile(r"\b(?:inc|ltee|ltd|llc|llp|corp|enr|senc|sencrl|co|sa|sarl|gmbh|dmd|md|dds|dr|jr|sr|phd|ing)\b", re.IGNORECASE)


def name_of(text: str) -> str:
    """A name as people say it: "Tremblay, Marie" is "Marie Tremblay". Several names behind a number are joined by commas."""
    name = tidy(text)[:LONGEST_NAME]
    last, comma, first = name.partition(",")
    if comma and first.strip() and last.strip() and "," not in first and _COMPANY.search(plain(first)) is None:
        name = f"{first.strip()} {last.strip()}"
    return name.strip(" ,;")


def language_of(text: str) -> Language | None:
    """None for what is neither French nor English."""
    return LANGUAGES.get(plain(text))


def kind_of(text: str, kinds: Mapping[str, Kind]) -> Kind | None:
    """By ``kinds`` first, plain words as keys; None for a word nobody knows. Of several lines the first that is known counts."""
    words = [plain(line) for line in text.split("\n")]
    return next((known for table in (kinds, KINDS) for word in words if (known := table.get(word)) is not None), None)


def tags_of(text: str) -> tuple[str, ...]:
    """Sorted, each once, without blanks and in small letters; what asks for no texts is "no-text"."""
    found = set()
    for each in re.split(r":::|[,;|\n]", text):
        word = tidy(each).strip(" *#").casefold()
        if word and word not in NO_TAGS:
            plainly = re.sub(r"[^\w.+&'’/]+", "-", word).strip("-._+&'’/")
            found.add(NO_TEXT if plain(word) in NO_TEXTS else plainly[:_LONGEST_TAG])
    found.discard("")
    return tuple(sorted(found)[:_MOST_TAGS])


def whole(text: str) -> str:
    """What a program wrote as a number though it is none: "5145550123.0" is "5145550123"."""
    before, point, after = text.partition(".")
    return before if point and before.isdecimal() and set(after) == {"0"} else text


def numbers_of(text: str, country: str, label: str | None = None) -> tuple[list[PersonNumber], list[tuple[str, str]]]:
    """The numbers of a cell, and what of it is none, with why. One number, or several with a separator between, words beside them."""
    text = whole(text.strip())
    number = None if _SEVERAL.search(text) else _number(text, country)
    if number is not None:
        return [PersonNumber(number=number, label=label)], []
    if _is_nothing(text):
        return [], []
    found, wrong = [], []
    pieces = [text] if _labelled(text, country) is not None else _SEPARATORS.split(text)
    for piece in pieces:
        if _is_nothing(piece):
            continue
        said = _labelled(piece, country)
        if said is None:
            wrong.append((piece.strip(), _why_not(piece)))
        else:
            found.append(PersonNumber(number=said[0], label=said[1] or label))
    return found, wrong


@lru_cache
def _is_north_american(country: str) -> bool:
    return e164("212 555 0100", country) == "+12125550100"


def _number(text: str, country: str) -> str | None:
    """E.164; of North America only what its plan can have: neither area code nor exchange begins with 0 or 1 (NANPA, NXX-NXX-XXXX)."""
    if _is_north_american(country) and (plainly := _NORTH_AMERICAN.fullmatch(text)) is not None:
        return f"+1{plainly[1]}{plainly[2]}{plainly[3]}"  # as e164 would, in a tenth of the time: files have them by the 100,000
    number = e164(text, country)
    return None if number is None or (number.startswith("+1") and (number[2] in "01" or number[5] in "01")) else number


def _is_nothing(piece: str) -> bool:
    """An empty cell, a mask ("(___) ___-____", "(514) -"), zeros, "n/a"."""
    digits = [letter for letter in piece if letter.isdigit()]
    if digits:
        return (not any(letter.isalpha() for letter in piece) and len(digits) <= 3) or set(digits) == {"0"}
    return plain(piece) in NOTHING


def _labelled(piece: str, country: str) -> tuple[str, str | None] | None:
    """A number with words before or after it: "cell: 514 555-0101", "450 555-0102 (mère)"."""
    if _EXTENSION.search(piece):
        return None
    match = _LABELLED.fullmatch(piece.strip())
    if match is None:
        return None
    number = _number(match["number"], country)
    if number is None:
        return None
    words = " ".join(tidy(part).strip(_EDGES) for part in (match["before"], match["after"]))
    return number, tidy(words)[:LONGEST_LABEL] or None


def _why_not(piece: str) -> str:
    digits = sum(letter.isdigit() for letter in piece)
    if _EXTENSION.search(piece):
        return "it has an extension: no text reaches one"
    if _SCIENTIFIC.fullmatch(piece.strip()):
        return "a spreadsheet has shortened it: format the column as text and write it again"
    if not digits:
        return "it is no phone number"
    if digits == 7:
        return "the area code is missing"
    if digits < 7:
        return "it has too few digits"
    return "it is no phone number of this country; write others with + and the country's code"
