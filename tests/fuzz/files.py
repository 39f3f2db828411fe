"""What people write: textback.toml, lists of clients."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

from ari_app.contacts.columns import Wanted
from ari_app.contacts.files import open_file
from ari_app.contacts.people import Rules
from ari_app.errors import SettingsError, SourceError
from ari_app.settings import load
from tests.contacts.made import taken
from tests.fuzz.targets import Target, check_only

__all__ = ["TARGETS"]

_EXAMPLE = Path(__file__).parents[2] / "config" / "textback.toml"
_SMALL = b"""[clinic]
name = "Clinique dentaire"
number = "+15145550100"
languages = ["fr", "en"]
[pbx]
username = "textback"
password = "secret"
[hours]
open = "Mo-Fr 08:00-12:00,13:00-17:00"
[[hours.exception]]
date = 2026-12-24
open = "09:00-12:00"
[reply]
delay = "30s"
[reply.text.fr]
missed = "Nous avons manque votre appel. {clinic} {number} {opens}"
[[line]]
did = ["514555010*"]
name = "dental"
[[modem]]
name = "one"
port = "auto"
"""
_CSV = (
    "No dossier;Prénom;Nom;Téléphone;Ville\r\n1;Éric;Lefèvre;514 555-0101;Montréal\r\n2;Zoé;Côté;(514) 555-0102 p. 12;Québec, centre\r\n",
    'Name,Phone,Language\n"Smith, John",+15145550103,en\n"Roy ""le Grand""",15145550104,fr\n',
    "sep=\t\r\nNom\tCellulaire\tTéléphone\r\nTremblay\t4385550105\t5145550106\r\n",
)
_VCARD = b"""BEGIN:VCARD
VERSION:3.0
FN:Zo\xc3\xa9 C\xc3\xb4t\xc3\xa9
N:C\xc3\xb4t\xc3\xa9;Zo\xc3\xa9;;;
TEL;TYPE=CELL:+1 514-555-0107
NOTE:quoted =
 folded
END:VCARD
"""


def _config(data: bytes, folder: Path) -> None:
    """Settings, or SettingsError."""
    path = folder / "textback.toml"
    path.write_bytes(data)
    with contextlib.suppress(SettingsError):
        load(path)


def _parts_of_the_example() -> list[bytes]:
    """Its tables, a few at a time, with the lines that are commented out."""
    switched = [line.removeprefix("#") for line in _EXAMPLE.read_text(encoding="utf-8").splitlines()]
    tables: list[list[str]] = [[]]
    for line in switched:
        if line.startswith("["):
            tables.append([])
        tables[-1].append(line)
    parts = []
    for table in tables:
        text = "\n".join(table)
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        parts.append(_SMALL + text.encode() + b"\n")
    return [_SMALL, *parts]


def _contacts(data: bytes, folder: Path) -> None:
    """Clients, refused rows, or SourceError: nobody gets a number that is none."""
    path = folder / ("list.vcf" if data.startswith(b"BEGIN:VCARD") else "list.csv")
    path.write_bytes(data)
    try:
        with open_file(path) as table:
            found = taken(table, path.name, Wanted({}), Rules(country="CA"), [])
    except SourceError:
        return
    for record in found.added:
        record.name.encode("utf-8")
        for number in record.numbers:
            assert number.number.startswith("+")
            assert number.number[1:].isdigit()
            assert number.number.isascii()


TARGETS = (
    Target(
        "config",
        "textback.toml",
        _parts_of_the_example,
        check_only(_config),
        (b'"', b"[", b"]]", b"{", b"= ", b"99999d", b"1e999", b"2026-13-40"),
        lines=True,
    ),
    Target(
        "contacts",
        "a list of clients",
        lambda: [_VCARD, *(text.encode(code) for text in _CSV for code in ("utf-8", "cp1252", "utf-16", "cp850"))],
        check_only(_contacts),
        (b";", b",", b'"', b'""', b"\r\n", b"sep=", b"\xef\xbb\xbf", b"=CMD()", b"BEGIN:VCARD\n", b"ENCODING=QUOTED-PRINTABLE:"),
        lines=True,
    ),
)
