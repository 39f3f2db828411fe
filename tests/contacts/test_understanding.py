"""Columns by their usual names, and what stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.contacts.columns import Wanted, plain, understand
from ari_app.contacts.people import Rules
from ari_app.contacts.values import kind_of, language_of, name_of, numbers_of, tags_of
from ari_app.errors import SourceError
from ari_app.model import NO_TEXT, Kind
from ari_app.numbers import e164
from tests.contacts.made import said, understood

SOFTWARE = {
    # as the programs' own exports and tables name them
    "Open Dental": (
        "PatNum LName FName MiddleI HmPhone WkPhone WirelessPhone TxtMsgOk Language",
        {"external": "PatNum", "last": "LName", "first": "FName", "number": "HmPhone WkPhone WirelessPhone", "language": "Language"},
    ),
    "Jane": (
        "Patient Number,First Name,Preferred Name,Last Name,Email,Home Phone,Mobile Phone,Work Phone,Fax Phone,Emergency Contact Phone",
        {"external": "Patient Number", "first": "First Name", "last": "Last Name", "number": "Home Phone,Mobile Phone,Work Phone"},
    ),
    "Eaglesoft": (
        "patient_id,first_name,last_name,home_phone,cell_phone,work_phone,ext,email_address",
        {"external": "patient_id", "first": "first_name", "last": "last_name", "number": "home_phone,cell_phone,work_phone"},
    ),
    "Google": (
        "First Name,Last Name,Organization Name,Labels,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value",
        {
            "first": "First Name",
            "last": "Last Name",
            "company": "Organization Name",
            "tags": "Labels",
            "number": "Phone 1 - Value,Phone 2 - Value",
        },
    ),
    "Outlook in French": (
        "Prénom,Nom,Société,Télécopie (bureau),Téléphone (bureau),Téléphone (domicile),Tél. mobile,Récepteur de radiomessagerie,Langue",
        {
            "first": "Prénom",
            "last": "Nom",
            "company": "Société",
            "number": "Téléphone (bureau),Téléphone (domicile),Tél. mobile",
            "language": "Langue",
        },
    ),
    "a clinic of Québec": (
        "No dossier;NAM;Nom du patient;Tél. rés.;Cellulaire;Tél. travail;Poste;Langue de correspondance;Catégorie;Urgence - téléphone",
        {
            "external": "No dossier",
            "name": "Nom du patient",
            "number": "Tél. rés.;Cellulaire;Tél. travail",
            "language": "Langue de correspondance",
            "tags": "Catégorie",
        },
    ),
    "a table": (
        "id name phone lang kind tags",
        {"external": "id", "name": "name", "number": "phone", "language": "lang", "kind": "kind", "tags": "tags"},
    ),
    "numbered": ("Client;Tel1;Tel2;TEL_CELL", {"name": "Client", "number": "Tel1;Tel2;TEL_CELL"}),
}


def separator(text: str) -> str:
    return next((sign for sign in ";," if sign in text), " ")


@pytest.mark.parametrize("software", SOFTWARE)
def test_columns_of_common_software(software: str) -> None:
    header, expected = SOFTWARE[software]
    layout = understand("export", [], header.split(separator(header)), Wanted({}))
    known = {field: tuple(column.name for column in layout.of(field)) for field in {column.field for column in layout.columns}}
    assert known == {field: tuple(names.split(separator(names) if field == "number" else "\0")) for field, names in expected.items()}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Téléphone", None), ("Phone 2", None), ("Tél. (domicile)", "domicile"), ("HmPhone", "home"), ("Mobile Phone", "mobile"),
        ("Cellulaire", "cellulaire"), ("Tél. mère", "mère"), ("Numéro de téléphone au travail", "travail"), ("WirelessPhone", "wireless"),
    ],
)  # fmt: skip
def test_a_columns_name_labels_its_numbers(name: str, label: str | None) -> None:
    layout = understand("export", [], ("Nom", name), Wanted({}))
    assert [column.label for column in layout.of("number")] == [label]


def test_columns_that_are_named_win(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id;dossier;nom;tel;autre\nA;1;Roy;514 555-0101;514 555-0102\n")
    found, _ = understood(path, {"external": ("id",), "number": ("AUTRE",)})
    assert [(one.external, one.numbers[0].number) for one in found.added] == [("A", "+15145550102")]
    path.write_text("Marie Roy;514 555-0101\nJean Roy;514 555-0102\n")
    found, _ = understood(path, {"name": ("1",), "number": ("2",)})
    assert said(found) == [("Marie Roy", ("+15145550101",)), ("Jean Roy", ("+15145550102",))]
    path.write_text("id;nom;tel\n1;Roy;514 555-0101\n")
    with pytest.raises(SourceError, match=r"no column 'courriel'.* use one of: id"):
        understood(path, {"name": ("courriel",)})


def test_what_an_error_shows_of_a_file_without_a_header_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    for text in ("Marie Roy;514 555-0101\n", "Marie Roy;client;vip\n"):
        path.write_text(text)
        with pytest.raises(SourceError) as refused:
            understood(path)
        assert "0101" not in str(refused.value)
        assert "Roy" not in str(refused.value)
        assert "--map number=COLUMN" in str(refused.value)


NUMBERS = [
    ("514 555-0101", ["+15145550101"], []),
    ("(514) 555-0101", ["+15145550101"], []),
    ("5145550101", ["+15145550101"], []),
    ("1-514-555-0101", ["+15145550101"], []),
    ("+1 514.555.0101", ["+15145550101"], []),
    ("514/555-0101", ["+15145550101"], []),
    ("+33 1 45 67 89 01", ["+33145678901"], []),
    ("011 33 1 45 67 89 01", ["+33145678901"], []),
    ("514 555-0101 / 438 555-0102", ["+15145550101", "+14385550102"], []),
    ("514 555-0101 ou 438 555-0102", ["+15145550101", "+14385550102"], []),
    ("514 555-0101; 555-0102", ["+15145550101"], ["the area code is missing"]),
    ("514 555-0101\n438 555-0102", ["+15145550101", "+14385550102"], []),
    ("cell: 514 555-0101", ["+15145550101"], []),
    ("514 555-0101 (mère)", ["+15145550101"], []),
    ("514 555-0101 x12", [], ["it has an extension: no text reaches one"]),
    ("514 555-0101 poste 12", [], ["it has an extension: no text reaches one"]),
    ("514 555-0101 ext. 12", [], ["it has an extension: no text reaches one"]),
    ("5145550101#12", [], ["it has an extension: no text reaches one"]),
    ("555-0101", [], ["the area code is missing"]),
    ("5.14555E+09", [], ["a spreadsheet has shortened it: format the column as text and write it again"]),
    ("1-800-DENTIST", [], ["it has too few digits"]),
    ("marie@clinique.example", [], ["it is no phone number"]),
    ("ne veut pas donner", [], ["it is no phone number"]),
    ("99999999999999999999", [], ["it is no phone number of this country; write others with + and the country's code"]),
    ("(___) ___-____", [], []),
    ("(514)    -", [], []),
    ("000-000-0000", [], []),
    ("n/a", [], []),
    ("Aucun", [], []),
    ("-", [], []),
    ("", [], []),
]


@pytest.mark.parametrize(("cell", "numbers", "why"), NUMBERS, ids=[repr(cell) for cell, _, _ in NUMBERS])
def test_numbers(cell: str, numbers: list[str], why: list[str]) -> None:
    found, wrong = numbers_of(cell, "CA")
    assert [each.number for each in found] == numbers
    assert [each for _, each in wrong] == why


@given(st.from_regex(r"(\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]?\d{4}", fullmatch=True, alphabet="+()-. 0123456789"))
def test_what_is_plainly_north_american_is_what_the_library_makes_of_it(cell: str) -> None:
    found, _ = numbers_of(cell, "CA")
    assert [each.number for each in found] == [e164(cell, "CA")]


def test_numbers_are_national_where_the_clinic_is() -> None:
    assert [each.number for each in numbers_of("06 12 34 56 78", "FR")[0]] == ["+33612345678"]
    assert [each.number for each in numbers_of("612345678", "FR")[0]] == ["+33612345678"]  # a spreadsheet took its 0
    assert numbers_of("06 12 34 56 78", "CA")[0] == []


def test_words_beside_a_number_label_it() -> None:
    assert [(each.number, each.label) for each in numbers_of("514 555-0101 (mère), Père: 438 555-0102", "CA", "domicile")[0]] == [
        ("+15145550101", "mère"),
        ("+14385550102", "Père"),
    ]
    assert numbers_of("514 555-0101", "CA", "domicile")[0][0].label == "domicile"


@given(st.text(max_size=40))
def test_no_cell_breaks_it_and_every_number_is_e164(cell: str) -> None:
    found, _ = numbers_of(cell, "CA")
    assert all(each.number.startswith("+") and each.number[1:].isdigit() for each in found)
    name_of(cell)
    assert tags_of(cell) == tuple(sorted(set(tags_of(cell))))
    assert not any(" " in tag for tag in tags_of(cell))


def test_languages_and_kinds_by_their_usual_words() -> None:
    french = ("FR", "fr-CA", "Français", "FRENCH", "F", "francophone")
    english = ("EN", "en_US", "Anglais", "English", "A", "E")
    assert {language_of(word) for word in french} == {"fr"}
    assert {language_of(word) for word in english} == {"en"}
    assert {language_of(word) for word in ("", "Español", "arabe", "x")} == {None}
    kinds = {
        "Patiente": Kind.CLIENT,
        "EMPLOYÉ": Kind.STAFF,
        "Fournisseur": Kind.SUPPLIER,
        "Laboratoire": Kind.SUPPLIER,
        "prospect": Kind.PROSPECT,
    }
    assert {word: kind_of(word, {}) for word in kinds} == kinds
    assert kind_of("VIP", {}) is None
    assert kind_of("VIP", {plain("vip"): Kind.STAFF}) is Kind.STAFF
    assert kind_of("top\ninetOrgPerson", {plain("inetOrgPerson"): Kind.STAFF}) is Kind.STAFF


def test_names_as_people_say_them() -> None:
    assert name_of("Tremblay, Marie") == "Marie Tremblay"
    assert name_of("  TREMBLAY ,  Marie-Ève ") == "Marie-Ève TREMBLAY"
    assert name_of("Laboratoire Dentaire, inc.") == "Laboratoire Dentaire, inc."
    assert name_of("Roy, Jean, fils") == "Roy, Jean, fils"
    assert name_of("E\u0301ric\u00a0Roy\u200b\x07") == "Éric Roy"
    assert len(name_of("x" * 5000)) == 80


def test_tags() -> None:
    assert tags_of("VIP, à rappeler ; Pas de texto") == tuple(sorted((NO_TEXT, "vip", "à-rappeler")))
    assert tags_of("* myContacts ::: * Patients") == ("patients",)
    assert tags_of("No SMS|no-text") == (NO_TEXT,)


def test_a_number_that_a_program_took_for_one_with_a_fraction(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("No dossier,Nom,Tél\n007,Roy,5145550101.0\n12.0,Côté,514555010.0\n12.0,Lee,5145550103.0\n")
    found, refused = understood(path)
    assert [(one.external, one.numbers[0].number) for one in found.added] == [("007", "+15145550101"), ("12", "+15145550103")]
    assert [(each.row, each.column) for each in refused] == [(3, "Tél")]  # not 514 555-0100, which is somebody else's


def test_numbers_of_others_are_not_the_clients(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    others = ("Pharmacy Phone", "Tél. assurance", "Doctor Phone", "Tél. employeur", "Assistant's Phone", "Tél. urgence")
    path.write_text(
        f"Nom,Langue,Home Number,{','.join(others)}\nRoy,F,514 555-0101,{','.join(f'514 555-02{n:02}' for n in range(len(others)))}\n"
    )
    found, _ = understood(path)
    assert said(found) == [("Roy", ("+15145550101",))]


def test_half_a_name_is_less_than_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_text(
        "First Name,Last Name,Display Name,Company,Phone\n"
        "Anne,Roy,A. Roy,,514 555-0101\n,Roy,Jean Roy,,514 555-0102\nZoé,,,Labo,514 555-0103\n,,,Labo X,514 555-0104\n", "utf-8"
    )  # fmt: skip
    found, _ = understood(path)
    assert [name for name, _ in said(found)] == ["Anne Roy", "Jean Roy", "Zoé", "Labo X"]


def test_people_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "id;nom;cell;maison;langue;type;tags\n"
        "1;Roy, Anne;514 555-0101;514 555-0101;F;Fournisseur;vip\n"
        "2;Sans Numéro;;;A;;\n"
        "3;;514 555-0103;;;;\n"
        "1;Encore;514 555-0104;;;;\n"
        "5;Moitié;555-0105;514 555-0106;;Bizarre;\n"
        ";Sans Id;514 555-0107;;;;\n"
        ";sans id;514 555-0107;;;;\n"
        ";;;;;;\n"
    )
    found, refused = understood(path)
    assert said(found) == [
        ("Anne Roy", ("+15145550101",)),
        ("Moitié", ("+15145550106",)),
        ("Sans Id", ("+15145550107",)),
    ]
    first = found.added[0]
    assert (first.kind, first.language, first.tags, first.numbers[0].label) == (Kind.SUPPLIER, "fr", ("vip",), "cell")
    assert [(each.row, each.column, each.whole) for each in refused] == [
        (3, "cell, maison", True), (4, "nom", True), (5, "id", True), (6, "cell", False), (8, "id", True),
    ]  # fmt: skip
    assert (found.tally.rows, found.tally.refused, dict(found.tally.odd_kinds)) == (7, 4, {"bizarre": 1})
    again, _ = understood(path)
    assert [one.external for one in again.added] == [one.external for one in found.added]


def test_everybody_else_is_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("nom;tel;type\nLabo A;514 555-0101;\nAnne;514 555-0102;employée\nMarc;514 555-0103;employé\n")
    found, _ = understood(path, rules=Rules(country="CA", kind=Kind.SUPPLIER, kinds={"employee": Kind.STAFF}))
    assert [one.kind for one in found.added] == [Kind.SUPPLIER, Kind.STAFF, Kind.STAFF]
