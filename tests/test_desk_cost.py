"""What a text costs: counted as it will leave, to the last character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.desk.cost import Cost, cost_of
from modem.alphabet import segments
from modem.compact import compact


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("", Cost(1, 0, 160, "gsm7", (), "")),
        ("Bonjour", Cost(1, 7, 153, "gsm7", (), "Bonjour")),
        ("é" * 160, Cost(1, 160, 0, "gsm7", (), "é" * 160)),
        ("é" * 161, Cost(2, 161, 145, "gsm7", (), "é" * 161)),
        ("€" * 80, Cost(1, 80, 0, "gsm7", (), "€" * 80)),
        ("ça va", Cost(1, 5, 65, "ucs2", ("ç",), "ça va")),
        ("日 va 🙂 日", Cost(1, 8, 61, "ucs2", ("日", "🙂"), "日 va 🙂 日")),
        ("🙂" * 36, Cost(2, 36, 61, "ucs2", ("🙂",), "🙂" * 36)),
    ],
)
def test_a_text_is_counted(text: str, cost: Cost) -> None:
    assert cost_of(text, fold=True) == cost


def test_what_says_nothing_is_folded_where_that_saves_an_sms() -> None:
    text = "L’équipe vous attend à l’heure prévue. " * 4
    cost = cost_of(text, fold=True)
    assert (cost.parts, cost.alphabet, cost.odd, cost.leaves) == (1, "gsm7", (), text.replace("’", "'"))
    plain = cost_of(text, fold=False)
    assert (plain.parts, plain.alphabet, plain.odd, plain.leaves) == (3, "ucs2", ("’",), text)


@given(st.text(alphabet="aé€ç’日🙂 \n", max_size=400), st.booleans())
def test_what_is_left_is_what_still_fits(text: str, fold: bool) -> None:
    cost = cost_of(text, fold=fold)
    leaves = compact(text) if fold else text
    assert (cost.leaves, cost.parts) == (leaves, segments(leaves).parts)
    assert (cost.alphabet == "ucs2") == bool(cost.odd)
    assert segments(leaves + "x" * cost.units_left).parts == cost.parts
    assert segments(leaves + "x" * (cost.units_left + 1)).parts == cost.parts + 1
