"""The name a caller gives: the table of texts, counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.policy.naming import given_name
from tests.policy.table_names import ROWS


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert len({text for text, _ in ROWS}) == len(ROWS) >= 100
    wrong = [(text, name, found) for text, name in ROWS if (found := given_name(text)) != name]
    named = sum(name is not None for _, name in ROWS)
    with capsys.disabled():
        print(f"\nnames: {len(ROWS) - len(wrong)} of {len(ROWS)} right, {named} with a name, {len(ROWS) - named} without")  # noqa: T201
    assert wrong == []


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_as_phones_write_it(apostrophe: str) -> None:
    assert given_name(f"Bonjour c{apostrophe}est Zoé O{apostrophe}Neil") == "Zoé O'Neil"
    assert given_name("c'est E\u0301ric Roy") == "Éric Roy"


@given(st.text(max_size=200) | st.text(alphabet="c'est MARIETmyname, .!?\n", max_size=80))
def test_whatever_comes_a_name_is_short_and_was_in_the_text(text: str) -> None:
    name = given_name(text)
    assert name is None or (0 < len(name) <= 50 and "\n" not in name)
