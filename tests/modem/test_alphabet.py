"""The alphabet table and the count of parts."""

from __future__ import annotations

import pytest
from gsmmodem import pdu as gsmmodem_pdu
from hypothesis import given
from hypothesis import strategies as st

from modem.alphabet import ESCAPE, GSM7_BASIC, GSM7_EXTENSION, pieces, segments, septets, text_of

GSM7 = [char for char in GSM7_BASIC if char != "\x1b"] + list(GSM7_EXTENSION)


def test_the_table_is_that_of_23_038_where_gsmmodem_differs() -> None:
    """Defect 27: 0x5F is "§" and not "`"; everything else of gsmmodem's basic table is right."""
    assert len(GSM7_BASIC) == 128
    differences = {
        (code, ours, theirs) for code, (ours, theirs) in enumerate(zip(GSM7_BASIC, gsmmodem_pdu.GSM7_BASIC, strict=True)) if ours != theirs
    }
    assert differences == {(0x5F, "§", "`")}


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts", "forced_by"),
    [
        ("", "gsm7", 0, 1, None),
        ("a" * 160, "gsm7", 160, 1, None),
        ("a" * 161, "gsm7", 161, 2, None),
        ("€" * 80, "gsm7", 160, 1, None),
        ("a" * 306, "gsm7", 306, 2, None),
        ("a" * 152 + "€" + "a" * 153, "gsm7", 307, 3, None),  # the escape pair moves whole to the second part
        ("§", "gsm7", 1, 1, None),
        ("`", "ucs2", 1, 1, "`"),
        ("ÿ", "ucs2", 1, 1, "ÿ"),
        ("forêt", "ucs2", 5, 1, "ê"),
        ("ж" * 70, "ucs2", 70, 1, "ж"),
        ("ж" * 71, "ucs2", 71, 2, "ж"),
        ("😀" * 35, "ucs2", 70, 1, "😀"),
        ("😀" * 66, "ucs2", 132, 2, "😀"),
        ("😀" * 67, "ucs2", 134, 3, "😀"),  # 33 pairs a part: none is cut
        ("\x1b", "ucs2", 1, 1, "\x1b"),
    ],
)
def test_segments(text: str, alphabet: str, units: int, parts: int, forced_by: str | None) -> None:
    found = segments(text)
    assert (found.alphabet, found.units, found.parts, found.forced_by) == (alphabet, units, parts, forced_by)


@given(st.text(st.sampled_from(GSM7)))
def test_septets_and_back(text: str) -> None:
    assert text_of(septets(text)) == text
    assert len(septets(text)) == segments(text).units


@given(st.text(max_size=600))
def test_pieces_are_the_text_and_fit(text: str) -> None:
    parts = pieces(text)
    found = segments(text)
    assert "".join(parts) == text
    assert len(parts) == found.parts
    most = {("gsm7", False): 160, ("gsm7", True): 153, ("ucs2", False): 70, ("ucs2", True): 67}[found.alphabet, len(parts) > 1]
    for part in parts:
        assert (len(septets(part)) if found.alphabet == "gsm7" else len(part.encode("utf-16-be")) // 2) <= most


def test_a_foreign_character_is_named() -> None:
    with pytest.raises(ValueError, match="'ê' is not in the GSM 7-bit alphabet"):
        septets("forêt")


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ([ESCAPE, 0x65], "€"),
        ([ESCAPE, 0x41], "A"),  # not in the extension table: the default table's character
        ([ESCAPE, ESCAPE], " "),
        ([0x41, ESCAPE], "A"),  # defect 30: gsmmodem raises StopIteration
        ([0x00, ESCAPE, 0x0A], "@\f"),
    ],
)
def test_escapes(codes: list[int], text: str) -> None:
    assert text_of(codes) == text
