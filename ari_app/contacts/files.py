"""A file of contacts, whatever it is: told apart by how it begins, not by its name."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ari_app.contacts.books import MAGIC, read_book
from ari_app.contacts.csvs import encoding_of, read_csv
from ari_app.contacts.table import Table
from ari_app.contacts.vcards import read_vcards
from ari_app.errors import SourceError

__all__ = ["MOST_BYTES", "open_file"]

MOST_BYTES = 4 << 30
"""More is no list of contacts."""
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|table|meta|style|\?xml)", re.IGNORECASE)
"""Programs of clinics write a table of HTML and call it .xls."""
_CARD = re.compile(r"\s*BEGIN\s*:\s*VCARD", re.IGNORECASE)


@contextlib.contextmanager
def open_file(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Iterator[Table]:
    """The file as a table, while the block runs. Raises SourceError when it cannot be read, also while rows are taken."""
    name = path.name
    try:
        # a pipe must not be waited for
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(f"{name} is no file: a folder, a pipe or a device", "write what it holds to a file", code="file")
            if status.st_size > MOST_BYTES:
                raise SourceError(f"{name} has more than {MOST_BYTES >> 30} GiB", "see that it is the right file", code="too_many")
            head = file.read(4096)
            if not head:
                raise SourceError(f"{name} is empty", "see that it is the right file", code="file")
            if head.startswith(MAGIC):
                with read_book(file, name) as book:
                    yield book
                return
            if _PAGE.match(head):
                what = f"{name} is a web page, whatever its name says"
                raise SourceError(what, "open it in a spreadsheet and save it as .xlsx or CSV", code="file")
            found = encoding or encoding_of(file)
            beginning = _beginning(head, found)
            if _is_no_text(beginning):
                raise SourceError(f"{name} is neither CSV, a workbook nor vCards", "see that it is the right file", code="file")
            if _CARD.match(beginning):
                yield read_vcards(file, name, encoding=found)
                return
            yield read_csv(file, name, encoding=found, delimiter=delimiter)
    except FileNotFoundError:
        raise SourceError(f"there is no file {path}", "see its name", code="no_file") from None
    except OSError as error:
        raise SourceError(f"cannot read {path} ({error.strerror})", "let the user that runs textback read it", code="file") from error


def _beginning(head: bytes, encoding: str) -> str:
    """What the file begins with; "" in an encoding there is not, or one of no text: ``read_csv`` tells."""
    with contextlib.suppress(LookupError, ValueError):
        return head.decode(encoding, "ignore").lstrip("\ufeff")
    return ""


def _is_no_text(beginning: str) -> bool:
    """A picture, a PDF, a program: bytes that no text has, one in fifty and more."""
    return sum(letter < " " and letter not in "\t\r\n\f\x1a\x1f" for letter in beginning) > 2 + len(beginning) / 50
