"""CSV as it comes: every encoding, delimiter and habit of the programs that write it."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.contacts.csvs import encoding_of, read_csv
from ari_app.contacts.table import Refused, Row
from ari_app.errors import SourceError
from tests.contacts.made import said, understood

HEADER = ("No dossier", "Prénom", "Nom", "Téléphone", "Ville")
PEOPLE = (
    ("1", "Éric", "Lefèvre", "514 555-0101", "Montréal"),
    ("2", "Zoé", "Côté", "514 555-0102", "Québec, centre"),
    ("3", "François", "L'Écuyer; fils", "514 555-0103", 'dit "Le Grand"'),
)
NAMES = ["Éric Lefèvre", "Zoé Côté", "François L'Écuyer; fils"]
ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "cp850", "mac_roman", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


def written(delimiter: str, *, quoting: Any = csv.QUOTE_MINIMAL, end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows((HEADER, *PEOPLE))
    return out.getvalue()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", "^", "~", ":"])
def test_any_encoding_and_any_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(written(delimiter).encode(encoding))
    found, refused = understood(path)
    assert [name for name, _ in said(found)] == NAMES
    assert refused == []


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_any_line_end_and_quoting(tmp_path: Path, end: str, quoting: int) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(written(";", quoting=quoting, end=end).encode("cp1252"))
    found, refused = understood(path)
    assert (len(found.added), refused) == (3, [])


def test_what_excel_calls_csv_and_unicode_text(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(b"sep=;\r\n" + written(";").encode("cp1252"))
    found, _ = understood(path)
    assert [name for name, _ in said(found)] == NAMES
    assert "separated by ;" in found.what
    path.write_bytes(codecs.BOM_UTF16_LE + ("SEP=\t\r\n" + written("\t")).encode("utf-16-le"))
    found, _ = understood(path)
    assert [name for name, _ in said(found)] == NAMES
    assert "separated by tabs" in found.what


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Nom\nÉmilie\n", "cp1252"),
        ("Nom\nRené\n", "cp850"),
        ("Nom\nRené\n", "mac_roman"),
        ("NOM\nLEFÈVRE\nCÔTÉ\n", "cp1252"),
        ("Nom\nTremblay – l’aîné\n", "cp1252"),
        ("Nom;Prix\nNoël;3 €\n", "cp1252"),
        ("Nom\nИванов Пётр Сергеевич, город Москва\nСидорова Мария Ивановна, город Казань\n", "cp1251"),
    ],
)
def test_few_names_tell_the_encoding(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    assert raw.decode(encoding_of(io.BytesIO(raw))) == text


def test_a_letter_of_utf_8_across_two_blocks_is_one(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    pad = "x" * ((1 << 20) - 1 - len(b"Nom;Tel\n"))
    path.write_bytes(f"Nom;Tel\n{pad}é;514 555-0101\n".encode())
    with path.open("rb") as file:
        assert encoding_of(file) == "utf-8"
    path.write_bytes(f"Nom;Tel\n{pad}a;514 555-0101\né".encode()[:-1])
    with path.open("rb") as file:
        assert encoding_of(file) != "utf-8"


def test_a_wrong_encoding_or_delimiter_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(written(";").encode("cp1252"))
    wrong = [({"encoding": name}, "encoding") for name in ("utf-8", "utf-9", "hex", "idna", "undefined", "a\0b")]
    for given_, code in (*wrong, ({"delimiter": ";;"}, "delimiter")):
        with pytest.raises(SourceError) as refused:
            understood(path, **given_)  # type: ignore[arg-type]
        assert refused.value.code == code
        assert refused.value.fix
    found, _ = understood(path, encoding="cp1252", delimiter="semicolon")
    assert len(found.added) == 3


def test_titles_and_empty_lines_above_the_header(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("Liste des patients;;;;\n\nau 2026-11-27;;;;\n" + written(";", end="\n"))
    found, refused = understood(path)
    assert [name for name, _ in said(found)] == NAMES
    assert (found.layout.header, refused) == (4, [])


def test_a_quotation_mark_never_closed_costs_its_own_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    rows = [f"{n};Marie;Roy-{n};514 555-{n:04}" for n in range(1, 201)]
    rows[99] = '100;"Marie;Roy-100;514 555-0100'
    rows[198] = '199;Marie;Roy-199;"514 555-0199'
    path.write_text("\n".join(["id;first name;last name;phone", *rows]))
    found, refused = understood(path)
    assert [one.external for one in found.added] == [str(n) for n in range(1, 201) if n not in {100, 199}]
    assert [(each.row, each.whole) for each in refused] == [(101, True), (200, True)]
    assert all("quotation mark" in each.why for each in refused)


def test_a_cell_of_several_lines_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text('id;nom;adresse;tel\n1;Roy;"1, rue A\nMontréal\nQC";514 555-0101\n2;Côté;;514 555-010\n')
    found, refused = understood(path)
    assert said(found) == [("Roy", ("+15145550101",))]
    assert [each.row for each in refused] == [3]  # as a spreadsheet counts


def test_a_separator_without_quotes_moves_no_number_to_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("id,nom,tel,note\n1,Roy,514 555-0101,a\n2,Roy, inc.,514 555-0102,b\n3,Côté,514 555-0103\n")
    found, refused = understood(path)
    assert [one.external for one in found.added] == ["1", "3"]
    assert [(each.row, each.whole) for each in refused] == [(3, True)]
    assert "5 cells, the header 4" in refused[0].why


@pytest.mark.parametrize("cell", ["x", "x,", '"'])
def test_a_line_without_end_costs_itself_alone(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "clients.csv"
    path.write_text(f"Nom,Tél\nRoy,514 555-0101\n{cell * 3_000_000}\nCôté,514 555-0102\n")
    found, refused = understood(path)
    assert [name for name, _ in said(found)] == ["Roy", "Côté"]
    assert [(each.row, each.why, len(each.value)) for each in refused] == [(3, "its line is longer than 100000 characters", 200)]


def test_a_zero_byte_here_and_there_is_no_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(b"Nom,Tel\nRo\0y,514 555-0101\n")
    found, _ = understood(path)
    assert said(found) == [("Ro y", ("+15145550101",))]


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 20)
    with pytest.raises(SourceError, match="is neither CSV, a workbook nor vCards"):
        understood(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(SourceError, match=r"is no file|Is a directory"):
            understood(path)


def test_an_empty_file_and_one_without_numbers(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    for text, words in (
        ("", "is empty"),
        ("\n\n", "no column"),
        ("Nom;Ville\nRoy;Laval\n", "phone numbers"),
        ("Tel;Langue\n514 555-0101;F\n", "names"),
    ):
        path.write_text(text)
        with pytest.raises(SourceError, match=words):
            understood(path)


_CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(_CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from(";,\t|"),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    end=st.sampled_from(["\r\n", "\n"]),
)
def test_what_was_written_is_read(rows: list[list[str]], delimiter: str, encoding: str, end: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    table = read_csv(io.BytesIO(out.getvalue().encode(encoding)), "made.csv", encoding=encoding, delimiter=delimiter)
    assert list(table.rows) == [Row(number, row) for number, row in enumerate(rows, 1)]


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=400))
def test_no_bytes_break_it(raw: bytes) -> None:
    with contextlib.suppress(SourceError):
        assert all(isinstance(each, Row | Refused) for each in read_csv(io.BytesIO(raw), "made.csv").rows)
