"""What is folded, when, and that nothing a reader needs is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.alphabet import segments
from modem.compact import compact

PAD = "x" * 60
FOLDED = "’‘‚‛ʼ‹›“”„‟«»‐‑‒–—―−…œŒ\u00a0\u202f\u2009\u00ad\u200b\u2060\ufeff\u200e\u202a\u202c"
LETTERS = "aeéèàêëçîïôûâÿÀÈÊËÇÉÎÏÔÛÂŸÙæÆœŒ"
french = st.text(st.sampled_from(FOLDED + LETTERS + "bcdM .,!?'\"1234567890" + "\u0301\u0302\u0327"), max_size=400)
anything = st.one_of(
    st.text(max_size=400),
    french,
    st.text(st.sampled_from("ab ’ê…«\u202f»😀👩\u200d⚕️ж\u05d0\u200f\u0301ñáí"), max_size=300),
    st.tuples(french, st.integers(50, 170)).map(lambda made: made[0] + "x" * made[1]),
)


def seen(text: str) -> str:
    """The letters and digits a reader sees, accents and case aside. Unicode counts the apostrophe "ʼ" among the letters."""
    flat = unicodedata.normalize("NFKD", text).replace("œ", "oe").replace("Œ", "OE").casefold()
    return "".join(char for char in flat if char.isalnum() and char != "ʼ")


@given(anything)
def test_never_more_segments_and_the_same_letters(text: str) -> None:
    folded = compact(text)
    assert folded == text or segments(folded).parts < segments(text).parts
    assert compact(folded) == folded
    assert seen(folded) == seen(text)


@given(anything)
def test_what_is_not_french_typography_stays(text: str) -> None:
    """Emoji, other scripts, other accents: in the same order, none more and none fewer."""

    def others(of: str) -> str:
        composed = unicodedata.normalize("NFC", of)
        return "".join(char for char in composed if ord(char) > 0x7F and char not in FOLDED and char not in LETTERS)

    assert others(compact(text)) == others(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("l’été d‘ici", "l'été d'ici"),
        ("«\u00a0Bonjour\u202f» “oui” „non‟", '"Bonjour" "oui" "non"'),
        ("« mot »", '" mot "'),
        ("er sagte »ja« und", 'er sagte "ja" und'),
        ("sœur, Œuvre, ŒUVRE, SŒUR, CŒ, Œ", "soeur, Oeuvre, OEUVRE, SOEUR, COE, Oe"),
        ("lundi – mardi — 8‑12 h…", "lundi - mardi - 8-12 h..."),
        ("14\u202fh\u00a030\u2009!", "14 h 30 !"),
        ("rendez\u00advous\u200b ici\u2060\ufeff", "rendezvous ici"),
        ("\u202a514 555-0123\u202c\u200e", "514 555-0123"),
        ("e\u0301te\u0301 A\u030a", "été Å"),
    ],
)
def test_typography_goes_first(text: str, folded: str) -> None:
    """Step (a): the accents GSM-7 has stay."""
    assert compact(PAD + text + " é à É Ç æ Æ") == unicodedata.normalize("NFC", PAD + folded + " é à É Ç æ Æ")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("forêt Noël reçu île naïf hôtel sûr pâle Haÿ", "foret Noel recu ile naif hotel sur pale Hay"),
        ("À CÔTÉ ÊTRE NOËL ÎLE MAÏS SÛR L’HAŸ OÙ PÂTÉ ÈRE ÇA", "A COTÉ ETRE NOEL ILE MAIS SUR L'HAY OU PATÉ ERE ÇA"),
        ("fore\u0302t, c\u0327a, C\u0327A, l’été", "foret, ca, ÇA, l'été"),
    ],
)
def test_accents_go_where_typography_is_not_enough(text: str, folded: str) -> None:
    assert compact(PAD + text) == PAD + folded


def test_composed_letters_alone_can_be_enough() -> None:
    text = PAD + "e\u0301" * 10
    assert segments(text).parts == 2
    assert compact(text) == PAD + "é" * 10


@pytest.mark.parametrize(
    "text",
    [
        "",
        "l’été",  # one segment as it is
        "’" * 70,
        PAD + "forêt 😀 l’été",  # an emoji keeps it in UCS-2
        PAD + "l’été à García",  # í is no French letter
        PAD + "👩\u200d⚕️ l’été",
        "x" * 161,
        "œ" * 81 + "x",  # "oe" would be 163 septets: no segment saved
        PAD + "שלום \u200fl’été",
    ],
)
def test_what_saves_no_segment_comes_back_as_it_is(text: str) -> None:
    assert compact(text) == text


def test_a_segment_saved_in_ucs2_counts_too() -> None:
    """Marks nobody sees are not worth a segment, and an emoji is left alone."""
    assert compact("😀" + "x" * 68 + "\u00ad") == "😀" + "x" * 68


def test_no_further_than_needed() -> None:
    """An emoji holds the text in two segments with its accents or without: the accents stay."""
    text = "😀 forêt " + "x" * 125 + "\u200b" * 3
    assert segments(text).parts == 3
    assert compact(text) == "😀 forêt " + "x" * 125
