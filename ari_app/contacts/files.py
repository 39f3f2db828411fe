"""A file of contacts, whatever it is: told apart by how it begins, not by its name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from ari_app.contacts.books import MAGIC, read_book
from ari_app.contacts.csvs import encoding_of, read_csv
from ari_app.contacts.table import Table
from ari_app.contacts.vcards import read_vcards
from ari_app.errors import SourceError

__all__ = ["open_file"]

_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|table|meta|style|\?xml)", re.IGNORECASE)
"""Programs of clinics write a table of HTML and call it .xls."""
_CARD = re.compile(r"\s*BEGIN\s*:\s*VCARD", re.IGNORECASE)


@contextlib.contextmanager
def open_file(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Iterator[Table]:
    """The file as a table, while the block runs. Raises SourceError when it cannot be read, also while rows are taken."""
    name = path.name
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if not head:
                raise SourceError(f"{name} is empty", "see that it is the right file", code="file")
            if head.startswith(MAGIC):
                yield read_book(file, name)
                return
            if _PAGE.match(head):
                what = f"{name} is a web page, whatever its name says"
                raise SourceError(what, "open it in a spreadsheet and save it as .xlsx or CSV", code="file")
            found = encoding or encoding_of(file)
            if _CARD.match(_beginning(head, found)):
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
