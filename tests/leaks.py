"""Does a log hold what it must not: texts, passwords, PINs, whole telephone numbers. Used on every log of a full run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Leak", "leaks"]

_NUMBER = re.compile(r"\+\d{8,15}")
_WORDS = 4
"""Words in a row that give a text away: fewer are in every other sentence."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A line that should not be, and what of it."""

    line: int
    what: str
    found: str


def leaks(
    log: str, *, texts: Iterable[str] = (), secrets: Iterable[str] = (), pins: Iterable[str] = (), numbers: Iterable[str] = ()
) -> list[Leak]:
    """Everything private in ``log``.

    ``texts``: messages, looked for whole, in runs of four words, and as hexadecimal UTF-16 or UTF-8. ``secrets``: passwords, anywhere.
    ``pins``: only where they stand alone, since their digits are in times and ids. ``numbers``: E.164, with and without the "+" and the
    country code; any E.164 with its "+" is a leak in any case.
    """
    wanted: list[tuple[str, re.Pattern[str]]] = [("a telephone number", _NUMBER)]
    wanted += [("a text", re.compile(re.escape(each), re.IGNORECASE)) for text in texts for each in _traces(text)]
    wanted += [("a secret", re.compile(re.escape(each))) for each in secrets]
    wanted += [("a PIN", re.compile(rf"(?<![\w.:]){re.escape(each)}(?![\w.:])")) for each in pins]
    for number in numbers:
        digits = number.removeprefix("+")
        wanted.append(("a telephone number", re.compile(rf"(?<!\d){re.escape(digits)}(?!\d)")))
        if digits.startswith("1"):
            wanted.append(("a telephone number", re.compile(rf"(?<!\d){re.escape(digits[1:])}(?!\d)")))
    return [
        Leak(position, what, match[0])
        for position, line in enumerate(log.splitlines(), 1)
        for what, pattern in wanted
        if (match := pattern.search(line)) is not None
    ]


def _traces(text: str) -> set[str]:
    words = text.split()
    runs = {" ".join(words[start : start + _WORDS]) for start in range(max(1, len(words) - _WORDS + 1))}
    spelt = {escaped for run in runs for escaped in (json.dumps(run)[1:-1], ascii(run)[1:-1])}
    return {each for each in {*runs, *spelt, text.encode("utf-16-be").hex(), text.encode().hex()} if each}
