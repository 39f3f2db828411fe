"""Text of callers, made fit for small screens: what a phone's fonts lack or its XML parser refuses is replaced, the words are kept."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["cut", "plain", "wrapped"]

EMOJI = "[emoji]"
UNKNOWN = "[?]"

_TOKENS = {
    "🙂": ":)", "😀": ":)", "😃": ":)", "😄": ":)", "😊": ":)", "☺": ":)", "😁": ":D", "😂": ":D", "🤣": ":D", "😉": ";)",
    "🙁": ":(", "😞": ":(", "😢": ":'(", "😭": ":'(", "☹": ":(", "😟": ":(", "😡": ">:(", "❤": "<3", "♥": "<3", "💕": "<3", "😘": ":*",
    "👍": "[ok]", "👌": "[ok]", "✅": "[ok]", "✔": "[ok]", "👎": "[non/no]", "❌": "[x]", "🙏": "[merci/thanks]",
}  # fmt: skip
"""The few that carry the sense of a text; any other is ``EMOJI``."""

_SPACES = re.compile(r"[^\S\n]+")
_RUNS = re.compile(rf"(?:{re.escape(EMOJI)}\s?){{2,}}")
_BLANK_LINES = re.compile(r"\n{3,}")


def plain(text: str) -> str:
    """The text in characters of the Basic Multilingual Plane that XML 1.0 and phone fonts know: accents kept, lines kept.

    Control characters, marks of writing direction, other invisible ones and lone surrogates go; emoji and pictographs become short
    tokens; letters dressed up for style (mathematical bold, full width) become plain ones. Twice is the same as once.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    shown = "".join(_shown(char) for char in text)
    shown = _RUNS.sub(lambda run: EMOJI + (" " if run.group().endswith(" ") else ""), shown)
    # what stood between a letter and its accent may be gone now
    return unicodedata.normalize("NFC", _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", shown)).strip())


def _shown(char: str) -> str:
    if char == "\n" or " " <= char <= "~":
        return char
    token = _TOKENS.get(char)
    if token is not None:
        return token
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp") or char == "\t":
        return "\n" if category in ("Zl", "Zp") else " "
    if "\u0300" <= char <= "\u036f":
        return ""  # an accent that makes no letter with what it stands on: stacked for show
    # skin tones (Sk) and variation selectors (Mn) only dress the sign before them
    if category in ("Cc", "Cf", "Cs") or "\ufe00" <= char <= "\ufe0f" or "\U0001f3fb" <= char <= "\U0001f3ff" or char == "\u20e3":
        return ""
    if category in ("Co", "Cn"):
        return UNKNOWN
    if ord(char) > 0xFFFF or "\uff01" <= char <= "\uff5e":
        simple = unicodedata.normalize("NFKC", char)
        if all(ord(each) <= 0xFFFF for each in simple):
            return simple
        return EMOJI if category == "So" else UNKNOWN
    if category == "So" and "\u2300" <= char <= "\u2bff":
        return EMOJI
    return char


def cut(text: str, most: int) -> str:
    """At most ``most`` characters on one line, "…" where something was cut off."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters, broken between words where there is a space to break at."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        rest = paragraph.strip()
        while len(rest) > width:
            at = rest.rfind(" ", 0, width + 1)
            at = at if at > 0 else width
            lines.append(rest[:at].rstrip())
            rest = rest[at:].lstrip()
        lines.append(rest)
    return lines
