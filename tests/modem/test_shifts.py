"""National language tables: whole, and used as a header asks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.alphabet import ESCAPE, GSM7_BASIC
from modem.joining import join
from modem.pdu import Deliver, decode
from modem.shifts import LOCKING, SINGLE, read
from tests.modem.test_pdu import deliver_pdu, packed

SCRIPTS = {
    4: "BENGALI",
    5: "GUJARATI",
    6: "DEVANAGARI",
    7: "KANNADA",
    8: "MALAYALAM",
    9: "ORIYA",
    10: "GURMUKHI",
    11: "TAMIL",
    12: "TELUGU",
    13: "ARABIC",
}


def part(codes: bytes, elements: bytes, number: int = 1, parts: int = 1) -> Deliver:
    """A GSM-7 part behind a header of these information elements, and its place when there are several."""
    place = bytes((0, 3, 9, parts, number)) if parts > 1 else b""
    header = bytes((len(place + elements),)) + place + elements
    fill = -8 * len(header) % 7
    body = header + packed(codes, fill=fill)
    found = decode(deliver_pdu(body, length=(8 * len(header) + fill) // 7 + len(codes), header=True))
    assert isinstance(found, Deliver)
    return found


LOCK, SHIFT = 0x25, 0x24


@pytest.mark.parametrize(
    ("codes", "elements", "text"),
    [
        # septets and texts of the tables in 23.038 A.3 and A.2
        (b"Merhaba \x60a\x0cr\x07n\x07z", bytes((LOCK, 1, 1)), "Merhaba çağrınız"),
        (b"\x1bsi\x1bsli, 5 \x1be", bytes((SHIFT, 1, 1)), "şişli, 5 €"),
        (b"Ma\x7dana, s\x1babado, \x1b\x41vila", bytes((SHIFT, 1, 2)), "Mañana, sábado, Ávila"),
        (b"Ol\x0f, cora\x09\x7bo \x60\x7d", bytes((LOCK, 1, 3)), "Olá, coração ~`"),
        (b"n\x1b\x7bo \x1b\x05 \x1b\x12", bytes((SHIFT, 1, 3)), "não ê Φ"),
        (b"\x4c\x2f\x4c\x5f\x28\x29,\x1b\x1c", bytes((LOCK, 1, 6, SHIFT, 1, 6)), "सनस्)(,०"),
        (b"\x55\x00\x0b", bytes((LOCK, 1, 13)), "\u06d5\u0627\u0679"),
    ],
)
def test_texts_in_national_tables(codes: bytes, elements: bytes, text: str) -> None:
    found = part(codes, elements)
    assert found.text == text
    assert found.units.decode("utf-16-be") == text


@pytest.mark.parametrize("language", [0, 2, 14, 99, 255])
def test_a_language_without_a_table_is_the_default(language: int) -> None:
    """6.2.1.2.4: values not understood are ignored. Spanish (2) has no locking shift table."""
    assert part(b"\x04\x60", bytes((LOCK, 1, language))).text == "è¿"
    if language != 2:
        assert part(b"\x1be\x1bA", bytes((SHIFT, 1, language))).text == "€A"


def test_an_element_of_the_wrong_length_is_ignored() -> None:
    assert part(b"\x04", bytes((LOCK, 2, 1, 1))).text == "è"


@pytest.mark.parametrize("language", [*LOCKING])
def test_locking_tables_are_whole(language: int) -> None:
    table = LOCKING[language]
    assert len(table) == 128
    assert [code for code in range(128) if table[code] == "\x1b"] == [ESCAPE]
    assert (table[0x0A], table[0x0D], table[0x20], table[0x21], table[0x2C], table[0x2E]) == ("\n", "\r", " ", "!", ",", ".")
    assert table[0x30:0x3A] == "0123456789"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"
    letters = [char for char in table if char != " "]
    assert len(set(letters)) == len(letters), "a letter stands twice"
    if language in SCRIPTS:
        native = [char for char in table if ord(char) > 0x7F]
        assert all(unicodedata.name(char).startswith(SCRIPTS[language]) for char in native)
        if language != 13:
            assert native[:-6] == sorted(native[:-6])


@pytest.mark.parametrize("language", [*SINGLE])
def test_single_tables_keep_what_the_default_extension_has(language: int) -> None:
    table = SINGLE[language]
    default = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
    assert {code: table[code] for code in default} == default
    assert ESCAPE not in table
    if language in SCRIPTS:
        assert "".join(table[code] for code in range(0x41, 0x5B)) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        first = 0x19 if language == 4 else 0x1C
        digits = [table[code] for code in range(first, 0x26) if code in table][:10]
        assert [unicodedata.digit(char) for char in digits] == list(range(10))


@given(st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.integers(0, 255), st.integers(0, 255))
def test_any_septets_in_any_tables_are_read(codes: bytes, locking: int, single: int) -> None:
    text = read(codes, locking, single)
    escapes = at = 0
    while at < len(codes):
        escapes += codes[at] == ESCAPE
        at += 1 + (codes[at] == ESCAPE)
    assert len(text) == len(codes) - escapes
    text.encode()


@given(
    st.lists(st.integers(0, 127), min_size=2, max_size=60).map(bytes),
    st.data(),
    st.sampled_from([0, 1, 3, 6]),
    st.sampled_from([0, 1, 2, 13]),
)
def test_a_text_cut_anywhere_joins_as_it_was(codes: bytes, data: st.DataObject, locking: int, single: int) -> None:
    """An escape at a part's end reaches into the next, in that part's tables."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(codes) - 1), max_size=5)))
    elements = bytes((LOCK, 1, locking, SHIFT, 1, single))
    bounds = list(zip([0, *cuts], [*cuts, len(codes)], strict=True))
    parts = [part(codes[a:b], elements, number, len(bounds)) for number, (a, b) in enumerate(bounds, start=1)]
    assert join(parts).text == read(codes, locking, single)


def test_parts_with_headers_of_their_own() -> None:
    turkish, default = part(b"\x07\x1b", bytes((LOCK, 1, 1)), 1, 2), part(b"e\x07", b"", 2, 2)
    assert join([default, turkish]).text == "ı€" + GSM7_BASIC[7]
