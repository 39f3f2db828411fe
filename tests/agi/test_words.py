"""What the voice menu says of times, numbers and languages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agi.words import MOST_SPOKEN, cut, digits_of, lasted, waiting, who


@pytest.mark.parametrize(
    ("minutes", "english", "french"),
    [
        (-5, "1 minute", "1 minute"),
        (0, "1 minute", "1 minute"),
        (2, "2 minutes", "2 minutes"),
        (89, "89 minutes", "89 minutes"),
        (90, "2 hours", "2 heures"),
        (26 * 60, "26 hours", "26 heures"),
        (36 * 60, "2 days", "2 jours"),
        (30 * 24 * 60, "30 days", "30 jours"),
    ],
)
def test_a_length_of_time_is_said_as_people_do(minutes: int, english: str, french: str) -> None:
    assert (lasted(timedelta(minutes=minutes), "en"), lasted(timedelta(minutes=minutes), "fr")) == (english, french)


def test_how_many_wait() -> None:
    span = timedelta(minutes=20)
    assert waiting(1, span, "en") == "One caller waits, for 20 minutes."
    assert waiting(3, span, "en") == "3 callers wait. The first for 20 minutes."
    assert waiting(1, span, "fr") == "Une personne attend, depuis 20 minutes."
    assert waiting(3, span, "fr") == "3 personnes attendent. La première depuis 20 minutes."
    assert waiting(2, None, "fr") == "2 personnes attendent."


@pytest.mark.parametrize(
    ("number", "said"),
    [("+15145550101", "5 1 4, 5 5 5, 0 1 0 1."), ("+33145678901", "3 3 1 4 5 6 7 8 9 0 1."), (None, "Hidden number.")],
)
def test_a_number_is_said_digit_by_digit(number: str | None, said: str) -> None:
    assert who(None, number, "en") == said
    assert who("Alice", number, "en") == "Alice."
    assert digits_of(number or "").isdecimal() is (number is not None)


@pytest.mark.parametrize("text", ["short", "word " * 2000, "x" * 10_000, "é" * MOST_SPOKEN])
def test_a_long_text_is_cut_between_words_where_it_has_some(text: str) -> None:
    spoken, whole = cut(text)
    assert text.startswith(spoken)
    assert whole is (spoken == text)
    assert len(spoken) <= MOST_SPOKEN
    assert not whole or len(text) <= MOST_SPOKEN
    assert whole or len(spoken) > MOST_SPOKEN / 2
