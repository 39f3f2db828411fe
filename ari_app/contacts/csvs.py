"""CSV as programs and spreadsheets write it (RFC 4180 as far as it is kept): any delimiter, any encoding, "sep=", a byte order mark."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator
from typing import BinaryIO

from ari_app.contacts.table import Refused, Row, Table
from ari_app.errors import SourceError

__all__ = ["LONGEST_LINE", "bounded", "encoding_of", "read_csv"]

_BLOCK = 1 << 20
_SAMPLE = 1 << 16
_SAMPLE_LINES = 100
_DELIMITERS = ";,\t|"
_RARE = "^~:#\x1f"
"""Between columns where none of those is: they stand in cells too."""
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SPOKEN = {"\t": "tabs"}
_MARKS = (  # UTF-32's mark begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = ("cp1252", "mac_roman", "cp850")
"""What Windows, old Macs and DOS write where French is spoken. In each the others' letters are other letters or signs."""
_LETTERS = frozenset("éèêëàâäçîïôöùûüÿœæñáíóúãõßåø")
_SIGNS = frozenset("°«»’‘“”–—…€£©®\xa0")
_LINES = 50
"""Lines one row may have: an address has some; a quotation mark that is never closed has all that follow."""
LONGEST_LINE = 100_000
"""Characters. A longer one is cut, and its row refused: csv would hold the interpreter, and all who wait for it, for seconds."""


def read_csv(file: BinaryIO, name: str, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """A table of a file opened for bytes. ``encoding`` and ``delimiter`` are found out where they are not given.

    Raises SourceError for an encoding there is not or the file does not have, and for a delimiter of more than one character.
    """
    found = encoding or encoding_of(file)
    try:
        "".encode(found)  # there are codecs that are none of text: hex, zlib
    except (LookupError, ValueError):
        raise SourceError(f"there is no encoding {found!r}", "write one such as utf-8, cp1252 or utf-16", code="encoding") from None
    lines = _lines(file, name, found)
    start = list(itertools.islice(lines, _SAMPLE_LINES))
    between, skipped = _given(delimiter), 0
    if start and start[0].lower().startswith("sep="):
        between = between or start.pop(0).rstrip("\r\n")[4:5]
        skipped = 1
    between = between or _delimiter(start)
    spoken = _SPOKEN.get(between, between)
    return Table(what=f"CSV, {found}, separated by {spoken}", rows=_rows(itertools.chain(start, lines), between, skipped))


def encoding_of(file: BinaryIO) -> str:
    """In which encoding a file is: by its mark, else UTF-8 where all of it is that, else by what its letters come to."""
    file.seek(0)
    head = file.read(_SAMPLE)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0:1000:2].count(0), head[1:1000:2].count(0)
    if 8 * max(even, odd) > len(head[:1000]):  # UTF-16 without a mark has one in every second place, a broken program one here and there
        return "utf-16-le" if odd >= even else "utf-16-be"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    telling: list[bytes] = []
    size, is_utf8 = 0, True
    while block := file.read(_BLOCK):
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        if size < _SAMPLE:
            lines = [line for line in block.splitlines(keepends=True) if not line.isascii()]
            telling += lines
            size += sum(map(len, lines))
        elif not is_utf8:
            break
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    return "utf-8" if is_utf8 else _of_letters(b"".join(telling)[:_SAMPLE])


def _of_letters(sample: bytes) -> str:
    """A few names are too little for statistics: what makes sense as French (or another western language) is taken first."""
    best, share = max(((name, _sense(sample, name)) for name in _WESTERN), key=lambda each: each[1])
    if share < 0.5:
        import charset_normalizer  # noqa: PLC0415 - large, and asked for other alphabets alone

        found = charset_normalizer.from_bytes(sample).best()
        if found is not None:
            return str(found.encoding)
    return best


def _sense(sample: bytes, encoding: str) -> float:
    """Share of the letters beyond ASCII that stand where such letters do: small ones, or capitals at the beginning or among capitals."""
    text = f" {sample.decode(encoding, 'replace')} "
    good = total = 0
    for before, letter, after in zip(text, text[1:], text[2:], strict=False):
        if letter.isascii():
            continue
        total += 1
        small = letter.lower()
        inside = before.islower() or (after.islower() and before.isalpha())
        alone = before.isascii() or after.isascii()  # a word of nothing but such letters is of another alphabet
        good += letter in _SIGNS or (small in _LETTERS and alone and (letter == small or not inside))
    return good / total if total else 1.0


def _not_so(name: str, encoding: str) -> SourceError:
    return SourceError(f"{name} is not in {encoding}", "name its encoding, such as utf-8, cp1252 or utf-16", code="encoding")


def _given(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    one = _NAMED.get(delimiter.lower(), delimiter)
    if len(one) != 1 or one in '"\r\n' or unicodedata.category(one)[0] in "LN":
        raise SourceError(f"{delimiter!r} cannot separate columns", 'write one character, such as ";" or ",", or "tab"', code="delimiter")
    return one


def _delimiter(sample: list[str]) -> str:
    """The one that gives most rows the same number of columns, and the most of them."""

    def worth(delimiter: str) -> tuple[int, int]:
        widths: Counter[int] = Counter()
        with contextlib.suppress(csv.Error):
            widths.update(len(row) for row in csv.reader(sample, delimiter=delimiter) if len(row) > 1)
        width, rows = max(widths.items(), key=lambda each: each[1], default=(0, 0))
        return (rows, width)

    best = max(_DELIMITERS, key=worth)
    return best if 2 * worth(best)[0] >= len(sample) else max(best + _RARE, key=worth)


def _lines(file: BinaryIO, name: str, encoding: str) -> Iterator[str]:
    """Lines with their ends, without a byte order mark."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        for line in bounded(text):
            yield line.removeprefix("\ufeff")
    except UnicodeError:
        raise _not_so(name, encoding) from None
    finally:
        with contextlib.suppress(ValueError):  # closed already
            text.detach()  # the file is closed by who opened it


def bounded(text: io.TextIOWrapper) -> Iterator[str]:
    """Its lines; of one that is too long to be of use the beginning, a character more than ``LONGEST_LINE``."""
    while line := text.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(("\n", "\r")):
            line = text.readline(LONGEST_LINE + 1)


def _rows(lines: Iterator[str], delimiter: str, skipped: int) -> Iterator[Row | Refused]:
    """Rows, each counted once however many lines it has.

    A quotation mark that is never closed costs its own row alone: what it swallowed is read again from the next line on.
    """
    number = skipped
    held: deque[str] = deque()
    """Lines to be read again."""
    while True:
        taken: list[str] = []
        cut = False

        def feed(taken: list[str] = taken) -> Iterator[str]:
            nonlocal cut
            while len(taken) < _LINES:
                line = held.popleft() if held else next(lines, None)
                if line is None:
                    break
                taken.append(line)
                yield line
            cut = True

        number += 1
        why = ""
        try:
            cells = next(csv.reader(feed(), delimiter=delimiter), None)
        except csv.Error:
            cells, why = [], "a cell is too long: a quotation mark is opened in it and never closed"
        if not taken:
            return
        if any(len(line) > LONGEST_LINE for line in taken):
            why = f"its line is longer than {LONGEST_LINE} characters"
        elif cut and not _closed(taken, delimiter):
            why = "a quotation mark is opened in it and never closed"
        if why:
            held.extendleft(reversed(taken[1:]))
            yield Refused(number, "", taken[0].strip()[:200], why)
        else:
            yield Row(number, cells or [])


def _closed(lines: list[str], delimiter: str) -> bool:
    try:
        for _ in csv.reader(lines, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" not in str(error)
    return True
