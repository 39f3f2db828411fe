"""Workbooks and vCards: what Excel, telephones and mail programs write."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ari_app.contacts.files import open_file
from ari_app.errors import SourceError
from ari_app.model import NO_TEXT
from tests.contacts.made import said, understood, workbook


def test_a_workbook_of_numbers_that_are_numbers(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "clients.csv",  # whatever its name
        {
            "Lisez-moi": [["une seule ligne"]],
            "Vieux": [["No", "Nom", "Tél"], [1, "Personne", 5145550199], [2, "Personne", 5145550198]],
            "Clients": [
                [],
                ["Liste des clients"],
                [None, "No dossier", "Nom", "Cellulaire"],
                [None, 12, "Roy", 5145550101],
                [],
                [None, 13, "Côté", "poste 4"],
            ],
        },
        hidden=["Vieux"],
    )
    found, refused = understood(path)
    assert [(one.external, one.name, one.numbers[0].number) for one in found.added] == [("12", "Roy", "+15145550101")]
    assert [(each.row, each.column) for each in refused] == [(6, "Cellulaire")]
    assert found.what == "workbook, sheet Clients"


def test_a_workbook_is_one_whatever_its_name(tmp_path: Path) -> None:
    path = workbook(tmp_path / "clients.xlsx", {"A": [["Nom", "Tél"], ["Roy", 5145550101]]})
    for name in ("clients.xls", "clients.ods", "clients.vcf", "clients"):
        found, _ = understood(path.replace(tmp_path / name))
        assert said(found) == [("Roy", ("+15145550101",))]
        path = tmp_path / name


def test_a_web_page_that_is_called_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "clients.xls"
    path.write_text("<html><table><tr><td>Nom</td><td>Tél</td></tr></table></html>")
    with pytest.raises(SourceError, match=r"is a web page.*save it as .xlsx or CSV"):
        understood(path)


@pytest.mark.parametrize("raw", [b"PK\x03\x04 and no more", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_what_only_looks_like_a_workbook(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "clients.xlsx"
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="no workbook that can be read") as refused:
        understood(path)
    assert refused.value.fix


def test_a_workbook_of_a_kilobyte_that_asks_for_half_a_terabyte_ends_no_service(tmp_path: Path) -> None:
    path = workbook(tmp_path / "clients.xlsx", {"A": [["Nom", "Tél"], ["Roy", 5145550101]]})
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path) as small, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as large:
        for name in small.namelist():
            last = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            large.writestr(name, small.read(name).replace(b"</sheetData>", last))
    with pytest.raises(SourceError, match="unpacks to more than a list of contacts takes"):
        understood(bomb)


def test_a_workbook_of_more_rows_than_one_answer(tmp_path: Path) -> None:
    people = {f"Roy {index}": 5145550000 + index for index in range(1000)}
    found, refused = understood(workbook(tmp_path / "clients.xlsx", {"A": [["Nom", "Tél"], *people.items()]}))
    assert said(found) == [(name, (f"+1{number}",)) for name, number in people.items()]
    assert not refused


def test_a_workbook_without_rows(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no sheet with rows"):
        understood(workbook(tmp_path / "c.xlsx", {"A": [["Nom", "Tél"]]}))


CARDS = """BEGIN:VCARD\r
VERSION:2.1\r
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Lef=C3=A8vre;Andr=C3=A9;;;\r
TEL;CELL;PREF:514 555-0101\r
TEL;WORK;FAX:514 555-0199\r
PHOTO;ENCODING=BASE64;TYPE=JPEG:/9j/4AAQ\r
 SkZJRgABAQ==\r
\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Marie Tremblay\r
N:Tremblay;Marie;;;\r
UID:abc-1\r
TEL;TYPE=CELL,VOICE:+1 438-555-0102\r
TEL;TYPE=HOME:514 555-0103\r
CATEGORIES:Clients,pas de texto\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
FN:Coupée\r
TEL:514 555-0104\r
BEGIN:VCARD\r
VERSION:4.0\r
FN:Zoé Côté\r
N:Côté;Zoé;;;\r
UID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1\r
LANG;PREF=1:fr\r
TEL;VALUE=uri;PREF=1;TYPE="voice,work":tel:+1-514-555-0105;ext=12\r
item1.TEL:514 555-0106\r
item1.X-ABLabel:_$!<Mobile>!$_\r
item2.TEL:514 555-0107\r
item2.X-ABLabel:mère\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:4.0\r
KIND:group\r
FN:Famille\r
MEMBER:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:3.0\r
ORG:Laboratoire Dentaire;Prothèses\r
FN:\r
N:;;;;\r
TEL;TYPE=WORK:450 555-0108\r
END:VCARD\r
"""


def test_cards_of_every_version(tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(CARDS, newline="")
    found, refused = understood(path)
    assert said(found) == [
        ("André Lefèvre", ("+15145550101",)),
        ("Marie Tremblay", ("+14385550102", "+15145550103")),
        ("Zoé Côté", ("+15145550106", "+15145550107")),
        ("Laboratoire Dentaire Prothèses", ("+14505550108",)),
    ]
    marie, zoe = found.added[1:3]
    assert (marie.external, marie.tags, [each.label for each in marie.numbers]) == ("abc-1", ("clients", NO_TEXT), ["cell", "home"])
    assert (zoe.language, [each.label for each in zoe.numbers]) == ("fr", ["Mobile", "mère"])
    assert [(each.row, each.why) for each in refused] == [
        (3, "the card has no end (END:VCARD)"),
        (4, "it has an extension: no text reaches one"),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_cards_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "contacts.txt"
    path.write_bytes("BEGIN:VCARD\r\nVERSION:2.1\r\nN:Côté;Zoé\r\nTEL;CELL:514 555-0101\r\nEND:VCARD\r\n".encode(encoding))
    found, refused = understood(path)
    assert (said(found), refused) == ([("Zoé Côté", ("+15145550101",))], [])


def test_quoted_printable_in_the_cards_own_charset(tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(
        "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:C=F4t=E9;Zo=\n=E9\nTEL;CELL:514 555-0101\nEND:VCARD\n"
    )
    found, _ = understood(path)
    assert said(found) == [("Zoé Côté", ("+15145550101",))]


def test_a_card_that_cannot_be_read_stops_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "contacts.vcf"
    good = "BEGIN:VCARD\nVERSION:3.0\nFN:Anne Roy\nTEL:514 555-0101\nEND:VCARD\n"
    path.write_text(f"BEGIN:VCARD\nVERSION:3.0\nthis is no line of a card\nFN:B\nTEL;TYPE=X=Y;;:::\nEND:VCARD\n{good}")
    found, refused = understood(path)
    assert said(found) == [("Anne Roy", ("+15145550101",))]
    assert [each.row for each in refused] == [1]
    assert caplog.text == ""


def test_what_fails_while_cards_are_taken_is_not_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "c.vcf"
    path.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:Marie Roy\nTEL:514 555-0101\nEND:VCARD\n")
    with pytest.raises(KeyError), open_file(path):
        raise KeyError("somewhere else")


def test_a_line_without_end_in_a_card_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "clients.vcf"
    path.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:Roy\nNOTE:" + "x" * 2_000_000 + "\n y\nTEL:514 555-0101\nEND:VCARD\n")
    found, refused = understood(path)
    assert (said(found), refused) == ([("Roy", ("+15145550101",))], [])
