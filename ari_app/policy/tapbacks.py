"""Reactions to a text ("tapbacks"), which phones send as a text of their own where the other side has no richer channel.

No standard has them. The forms are those iPhones and Google Messages write in English and French, as apps that read them know them:
QUIK (quik-sms/quik PR 533 and its ``emojis/en.json``), Fossify Messages PR 779, and French ones reported from use (Leicas/matrisms:
"a attribué la mention « Adore » à « … »"). Google puts U+200B, or U+200C to take back, round the emoji, and U+200A round the quoted text.

A reaction quotes a text, or names what was sent, and says nothing else: "Liked the clinic a lot" is a person's sentence. In doubt it is
none: a reaction taken for a text costs a look, a text taken for a reaction costs a patient an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ari_app.policy.keywords import plain

__all__ = ["Tapback", "tapback"]


@dataclass(frozen=True, slots=True)
class Tapback:
    """A reaction."""

    emoji: str
    """What it is shown as; "" for a sticker, or where the phone does not tell."""
    quoted: str
    """The text reacted to, which the phone may have cut short ("…"); "" for a picture and the like."""
    removed: bool = False
    """The sender took an earlier reaction back."""


_LIKE, _LOVE, _DISLIKE, _LAUGH, _EMPHASIS, _QUESTION = "👍", "❤️", "👎", "😂", "‼️", "❓"
_WRITTEN = "*"
"""In the tables: the emoji stands in the text."""

# What stands before the quoted text, as ``plain`` gives it.
_VERBS = {
    _LIKE: "liked, a aime",
    _LOVE: "loved, a adore",
    _DISLIKE: "disliked, n a pas aime",
    _LAUGH: "laughed at, a ri de, a ri a",
    _EMPHASIS: "emphasized, emphasised, a insiste sur, a souligne, a mis en evidence, a mis l accent sur",
    _QUESTION: "questioned, a pose une question sur, a questionne, a remis en question, s est interroge sur, s est interrogee sur,"
    "s est interroge e sur",
    "": "reacted with a sticker to, a reagi avec un autocollant a",
    _WRITTEN: "reacted to, a reagi a, a reagi avec a, a reagi par a, a attribue la mention a",
}
_NAMES = {
    _LIKE: "like, aime, j aime, pouce leve",
    _LOVE: "heart, adore, j adore, coeur",
    _DISLIKE: "dislike, n aime pas, je n aime pas, pouce baisse",
    _LAUGH: "laugh, haha, ha ha, rire, rires",
    _EMPHASIS: "exclamation, exclamation mark, point d exclamation, insistance",
    _QUESTION: "question, question mark, point d interrogation",
    "": "reaction, sticker, autocollant",
}
_NAMED = "a attribue la mention {} a, a ajoute un {} a, a ajoute une {} a"
_TAKEN_BACK = (
    "removed a {} from, removed an {} from, removed {} from, a supprime {} de, a retire {} de, a enleve {} de,"
    "a supprime {} a, a retire {} a, a enleve {} a"
)
_ARTICLES = ("", "un ", "une ", "le ", "la ", "l ", "son ", "sa ", "la mention ", "la reaction ")
_BARE = {"to", "a"}
"""Google's whole wording: an emoji and this."""
_THINGS = (
    "an image, a photo, a picture, a video, a movie, an attachment, an audio message, a voice message, a sticker, a gif, a link, a contact,"
    "a location, une image, une photo, une video, un film, une piece jointe, un message audio, un message vocal, un autocollant, un gif,"
    "un lien, un contact, une position"
)


def _words(listed: str) -> list[str]:
    return [words.strip() for words in listed.split(",")]


_FORMS: dict[str, tuple[str, bool]] = {
    **{words: (emoji, False) for emoji, verbs in _VERBS.items() for words in _words(verbs)},
    **{form.format(name): (emoji, False) for emoji, names in _NAMES.items() for name in _words(names) for form in _words(_NAMED)},
    **{
        " ".join(form.format(article + name).split()): (emoji, True)
        for emoji, names in {**_NAMES, _WRITTEN: ""}.items()
        for name in _words(names)
        for form in _words(_TAKEN_BACK)
        for article in (_ARTICLES if form.startswith("a ") else ("",))
    },
}
"""Wording to (emoji, taken back)."""
_LONGEST = max(map(len, _FORMS)) + 20
"""Characters before the quoted text, an emoji and marks included."""

_UNSEEN = re.compile("[\u200b\u200c\u200e\u200f\u2060\ufeff]")
_GOOGLES = re.compile("[\u200a\u200b\u200c]")
_EMOJI = re.compile("[^\\w\\s\x00-\xa8\xaa-\xad\xaf-\xff\u2010-\u2027\u2032-\u203a]+|[#*0-9]\ufe0f?\u20e3")
"""Symbols, joiners and modifiers; no letter, digit, blank or mark of punctuation but ‼ and ⁉."""
_MARKS = {"“": "”", "«": "»", "„": "“", '"': '"'}
_CUT = ("…", "...")


def tapback(text: str) -> Tapback | None:
    """The reaction a text is, None for anything a person wrote."""
    shown = _UNSEEN.sub("", text).strip()
    for head, mark, quoted in _splits(shown):
        found = _form(head, bare=mark != '"' or _GOOGLES.search(text) is not None)
        if found is not None:
            emoji, removed = found
            return Tapback(emoji, quoted, removed)
    words = plain(shown) if len(shown) <= _LONGEST else ""
    for thing in _words(_THINGS):
        if words.endswith(f" {thing}"):
            found = _form(shown, thing)
            if found is not None:
                return Tapback(found[0], "", found[1])
    return None


def _form(head: str, thing: str = "", *, bare: bool = True) -> tuple[str, bool] | None:
    """What the wording before a quoted text, or before and with the ``thing`` reacted to, says. ``bare``: an emoji and "to" will do."""
    written = _EMOJI.findall(head)
    words = plain(_EMOJI.sub(" ", head)).removesuffix(thing).strip()
    if len(written) == 1:
        emoji, removed = (_WRITTEN, False) if bare and words in _BARE else _FORMS.get(words, ("", False))
        return (written[0], removed) if emoji == _WRITTEN else None
    emoji, removed = _FORMS.get(words, (_WRITTEN, False))
    return None if written or emoji == _WRITTEN else (emoji, removed)


def _splits(text: str) -> Iterator[tuple[str, str, str]]:
    """(what stands before, opening mark, quoted text) for every quotation that runs to the end of the text."""
    for start, mark in enumerate(text[:_LONGEST]):
        if mark in _MARKS and start > 0:
            quoted = _quoted(text[start + 1 :], mark)
            if quoted:
                yield text[:start], mark, quoted


def _quoted(rest: str, mark: str) -> str:
    """The quoted text if it takes the ``rest`` wholly, a full stop after it aside; "" if it does not."""
    close, depth = _MARKS[mark], 1
    for at, char in enumerate(rest):
        if char == close:
            depth -= 1
        elif char == mark:
            depth += 1
        if depth == 0:
            return rest[:at].strip() if rest[at + 1 :].strip() in ("", ".") else ""
    return rest.strip() if rest.endswith(_CUT) else ""
