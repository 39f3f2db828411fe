"""vCards of every version in use (2.1; 3.0, RFC 2426; 4.0, RFC 6350): one card a person, read by vobject."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ari_app.contacts.csvs import LONGEST_LINE, bounded, encoding_of
from ari_app.contacts.table import Refused, Row, Table
from ari_app.errors import SourceError

__all__ = ["HEADER", "read_vcards"]

HEADER = ("uid", "fn", "tel", "lang", "categories", "org")
"""Of the table they come as."""

_LINES = 20_000
"""Lines one card may have: most are its photograph."""
_BEGIN = re.compile(r"\s*BEGIN\s*:\s*VCARD\s*", re.IGNORECASE)
_END = re.compile(r"\s*END\s*:\s*VCARD\s*", re.IGNORECASE)
_BULKY = re.compile(r"(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:]", re.IGNORECASE)
_APPLE = re.compile(r"_\$!<(.*)>!\$_")
_NO_VOICE = frozenset({"fax", "pager", "modem", "video", "x400", "internet"})
_NO_LABEL = frozenset({"voice", "pref", "text", "msg", "uri", "other", "internet"})


def read_vcards(file: BinaryIO, name: str, *, encoding: str | None = None) -> Table:
    """A table of a file opened for bytes; its rows are cards, and raise SourceError for an encoding it does not have."""
    found = encoding or encoding_of(file)
    return Table(what=f"vCard, {found}", rows=_rows(file, name, found), header=HEADER)


def _rows(file: BinaryIO, name: str, encoding: str) -> Iterator[Row | Refused]:
    import vobject  # noqa: PLC0415 - large, and of use to few

    logging.getLogger("vobject.base").disabled = True  # it logs the lines it cannot read: somebody's name and numbers
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline=None)
    number = 0
    try:
        for number, (card, whole) in enumerate(_cards(text), 1):
            if not whole:
                yield Refused(number, "", card[0].strip()[:200] if card else "", "the card has no end (END:VCARD)")
                continue
            try:
                cells = _cells(vobject.readOne("".join(card), allowQP=True, ignoreUnreadable=True))
            except Exception:  # noqa: BLE001 - vobject raises its own, and whatever a broken card makes of its parsers
                yield Refused(number, "", "", "the card cannot be read")
                continue
            if cells is not None:
                yield Row(number, cells)
    except UnicodeError:
        raise SourceError(f"{name} is not in {encoding}", "name its encoding, such as utf-8 or cp1252", code="encoding") from None
    finally:
        with contextlib.suppress(ValueError):  # closed already
            text.detach()  # the file is closed by who opened it


def _cards(text: io.TextIOWrapper) -> Iterator[tuple[list[str], bool]]:
    """The lines of each card without pictures, and whether it has an end. A card in a card (AGENT of 2.1) is left out."""
    card: list[str] = []
    depth, bulky = 0, False
    for line in bounded(text):
        if _BEGIN.fullmatch(line):
            if depth and len(card) > 1 and not _nested(card[-1]):
                yield card, False
                depth = 0
            depth += 1
            if depth == 1:
                card = [line]
            continue
        if not depth:
            continue
        if _END.fullmatch(line):
            depth -= 1
            if not depth:
                yield [*card, line], True
                card = []
            continue
        if depth > 1:
            continue
        bulky = (bulky and line[:1] in " \t") or _BULKY.match(line) is not None or len(line) > LONGEST_LINE
        if not bulky and len(card) < _LINES:
            card.append(line)
    if depth:
        yield card, False


def _nested(line: str) -> bool:
    return line.upper().startswith("AGENT")


def _cells(card: Any) -> list[str] | None:
    """None for a card that is nobody: a group of others."""
    content = card.contents
    if _first(content, "kind").lower() in {"group", "location", "application"}:
        return None
    labels = {each.group: str(each.value) for each in content.get("x-ablabel", ()) if each.group}
    numbers = [line for each in content.get("tel", ()) if (line := _number(each, labels))]
    return [
        _first(content, "uid"),
        _first(content, "fn") or _spoken(content),
        "\n".join(numbers),
        _first(content, "lang") or _first(content, "language"),
        ",".join(str(tag) for each in content.get("categories", ()) for tag in _list(each.value)),
        " ".join(str(part) for each in content.get("org", ())[:1] for part in _list(each.value)),
    ]


def _first(content: dict[str, Any], key: str) -> str:
    found = content.get(key)
    return str(found[0].value).strip() if found else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _spoken(content: dict[str, Any]) -> str:
    """Given and family name of N, where FN is missing (2.1 allows it)."""
    found = content.get("n")
    if not found:
        return ""
    name = found[0].value
    parts = (getattr(name, part, "") for part in ("given", "family"))
    return " ".join(" ".join(map(str, _list(part))) for part in parts).strip()


def _number(tel: Any, labels: dict[str, str]) -> str:
    """ "mobile: +15145550123"; a "tel:" URI (RFC 3966) as it is dialled; "" for a line nobody speaks on."""
    words = [word.lower() for given in tel.params.get("TYPE", ()) for word in re.split(r"[,\s\"]+", given)]
    words += [word.lower() for word in tel.singletonparams]
    if _NO_VOICE.intersection(words) and not {"voice", "cell"}.intersection(words):
        return ""
    value = str(tel.value).strip()
    if value.lower().startswith("tel:"):
        value, _, more = value[4:].partition(";")
        extension = re.search(r"(?:^|;)ext=([\d.-]+)", more)
        value += f" ext {extension[1]}" if extension else ""
    given = labels.get(tel.group or "", "")
    apple = _APPLE.fullmatch(given)
    label = (apple[1] if apple else given) or next((word for word in words if word.isalpha() and word not in _NO_LABEL), "")
    return f"{label}: {value}" if label and value else value
