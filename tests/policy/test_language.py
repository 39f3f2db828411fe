"""In which language a text is: the table of real-life texts, counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ari_app.policy import language
from tests.policy.table_language import HELD_OUT, TUNED, Row

LEAST = 0.97


def counted(rows: tuple[Row, ...]) -> tuple[int, list[tuple[str, str | None, str | None]]]:
    """How many are right, and what is not: (text, its language, what was found)."""
    wrong = [(text, meant, found) for text, meant in rows if (found := language.of(text)) != meant]
    return len(rows) - len(wrong), wrong


def test_the_table_is_large_and_names_nothing_twice() -> None:
    rows = (*TUNED, *HELD_OUT)
    assert len(rows) >= 240
    assert sum(meant is None for _, meant in rows) >= 60
    assert len({text for text, _ in rows}) == len(rows)


def test_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for name, rows in (("tuned", TUNED), ("held out", HELD_OUT), ("all", (*TUNED, *HELD_OUT))):
        right, wrong = counted(rows)
        told.append(f"language, {name}: {right} of {len(rows)} right ({100 * right / len(rows):.1f} %)")
        told += [f"  {text!r} is {meant}, found {found}" for text, meant, found in wrong if name != "all"]
        assert right >= LEAST * len(rows), told
        # unsure costs nothing; another language than the one it is in does
        assert not [text for text, _, found in wrong if found is not None], told
    with capsys.disabled():
        print("", *told, sep="\n")  # noqa: T201


@pytest.mark.parametrize("text", [text for text, meant in (*TUNED, *HELD_OUT) if meant is None])
def test_names_numbers_and_courtesies_switch_nothing(text: str) -> None:
    assert language.of(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("J’ai mal à une dent", "fr"),  # as phones write the apostrophe
        ("I’m late", "en"),
        ("JE SUIS EN RETARD", "fr"),
        ("e\u0301tait-ce demain?", "fr"),
        ("", None),
        ("\x00\ufffd\u202e", None),
        ("是的,谢谢", None),
        ("是的 谢谢 你好 再见 先生", None),  # in neither language: not English for being no French
        ("Здравствуйте, я хочу записаться на прием завтра", None),
        ("مرحبا اريد موعد غدا من فضلك", None),
        ("je serai en retard " * 2000, "fr"),
        ("mot" * 50_000, None),
    ],
)
def test_odd_forms(text: str, found: str | None) -> None:
    assert language.of(text) == found


def test_warm_reads_the_models() -> None:
    program = "from ari_app.policy import language; language.warm(); print(language._detector.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "1\n"
