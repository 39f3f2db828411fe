"""Reactions as phones write them, and sentences that only look like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.policy.tapbacks import Tapback, tapback

HAIR, ADD, TAKE = "\u200a", "\u200b", "\u200c"
NBSP, NARROW = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("wording", "emoji"),
    [
        ("Liked", "👍"),
        ("Loved", "❤️"),
        ("Disliked", "👎"),
        ("Laughed at", "😂"),
        ("Emphasized", "‼️"),
        ("Questioned", "❓"),
        ("Reacted 🎉 to", "🎉"),
        ("Reacted 👩🏽‍⚕️ to", "👩🏽‍⚕️"),
        ("Reacted 🇨🇦 to", "🇨🇦"),
        ("Reacted 1️⃣ to", "1️⃣"),
        ("Reacted \U0001fae8 to", "\U0001fae8"),
        ("Reacted with a sticker to", ""),
    ],
)
def test_an_iphone_in_english(wording: str, emoji: str) -> None:
    for marks in ("“{}”", '"{}"'):
        quote = marks.format("We missed you. What do you need?")
        assert tapback(f"{wording} {quote}") == Tapback(emoji, "We missed you. What do you need?")
    assert tapback(f"{wording} an image") == Tapback(emoji, "")
    assert tapback(f"{wording} an audio message") == Tapback(emoji, "")


@pytest.mark.parametrize(
    ("wording", "emoji"),
    [
        ("a heart", "❤️"),
        ("a like", "👍"),
        ("a dislike", "👎"),
        ("a laugh", "😂"),
        ("an exclamation", "‼️"),
        ("a question mark", "❓"),
        ("🎉", "🎉"),
        ("a reaction", ""),
    ],
)
def test_an_iphone_takes_it_back(wording: str, emoji: str) -> None:
    assert tapback(f"Removed {wording} from “ok”") == Tapback(emoji, "ok", removed=True)
    assert tapback(f"Removed {wording} from an image") == Tapback(emoji, "", removed=True)


@pytest.mark.parametrize(
    ("wording", "emoji"),
    [
        ("A aimé", "👍"),
        ("A adoré", "❤️"),
        ("N’a pas aimé", "👎"),
        ("N'a pas aimé", "👎"),
        ("A ri de", "😂"),
        ("A ri à", "😂"),
        ("A insisté sur", "‼️"),
        ("A souligné", "‼️"),
        ("A posé une question sur", "❓"),
        ("S’est interrogé(e) sur", "❓"),
        ("A réagi avec 🔥 à", "🔥"),
        ("A réagi 😂 à", "😂"),
        ("A réagi avec un autocollant à", ""),
        ("a attribué la mention « Adore » à", "❤️"),
        ("A attribué la mention « J’aime » à", "👍"),
        ("a attribué la mention « Je n’aime pas » à", "👎"),
        ("a attribué la mention « 😂 » à", "😂"),
        (f"A ajouté un «{NBSP}J’adore{NBSP}» à", "❤️"),
    ],
)
def test_a_phone_in_french(wording: str, emoji: str) -> None:
    said = "Nous avons manqué votre appel. Que vous faut-il?"
    for marks in ("« {} »", f"«{NBSP}{{}}{NBSP}»", f"«{NARROW}{{}}{NARROW}»", "«{}»", "“{}”", '"{}"', "« {} »."):
        assert tapback(f"{wording} {marks.format(said)}") == Tapback(emoji, said), marks
    assert tapback(f"{wording} une image") == Tapback(emoji, "")


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("A supprimé un « J’aime » de « ok »", "👍"),
        ("A retiré un J'aime de « ok »", "👍"),
        ("A retiré la mention « Adore » de « ok »", "❤️"),
        ("A retiré la réaction 😂 à « ok »", "😂"),
        ("A supprimé un cœur de « ok »", "❤️"),
        ("A supprimé le point d’exclamation de « ok »", "‼️"),
        ("A enlevé un rire de « ok »", "😂"),
        ("A retiré 🔥 de « ok »", "🔥"),
    ],
)
def test_a_phone_in_french_takes_it_back(text: str, emoji: str) -> None:
    assert tapback(text) == Tapback(emoji, "ok", removed=True)


@pytest.mark.parametrize(
    ("text", "emoji", "removed"),
    [
        (f"{HAIR}{ADD}👍{ADD} to “{HAIR}ok{HAIR}”{HAIR}", "👍", False),
        (f'{HAIR}{ADD}👍{ADD} à "{HAIR}ok{HAIR}"{HAIR}', "👍", False),
        (f"{HAIR}{ADD}❤️{ADD} à «{NBSP}{HAIR}ok{HAIR}{NBSP}»{HAIR}", "❤️", False),
        (f"{HAIR}Reacted {ADD}😂{ADD} to “{HAIR}ok{HAIR}”{HAIR}", "😂", False),
        (f"{HAIR}A réagi avec {ADD}😂{ADD} à « {HAIR}ok{HAIR} »{HAIR}", "😂", False),
        (f"{HAIR}Removed {TAKE}👍{TAKE} from “{HAIR}ok{HAIR}”{HAIR}", "👍", True),
        ("👍 to “ok”", "👍", False),
        ("👍 à « ok »", "👍", False),
    ],
)
def test_google_messages(text: str, emoji: str, removed: bool) -> None:
    assert tapback(text) == Tapback(emoji, "ok", removed)


def test_a_quoted_text_may_be_cut_short_have_quotes_and_lines() -> None:
    assert tapback("Liked “Clinique (514 555-0100): nous avons…”") == Tapback("👍", "Clinique (514 555-0100): nous avons…")
    assert tapback("Liked “Clinique (514 555-0100): nous avons…") == Tapback("👍", "Clinique (514 555-0100): nous avons…")
    assert tapback("A aimé « Clinique...") == Tapback("👍", "Clinique...")
    assert tapback("Loved “Say “yes”, or call.”") == Tapback("❤️", "Say “yes”, or call.")
    assert tapback("A adoré « Dites « oui » »") == Tapback("❤️", "Dites « oui »")
    assert tapback("Liked “one\n\ntwo”\n") == Tapback("👍", "one\n\ntwo")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "❤️❤️",
        "👍 merci!",
        "Liked",
        "Liked the clinic a lot",
        "A aimé son rendez-vous",
        "A adoré l'image du site",
        "I liked “the new hours”",
        "Liked “the clinic” a lot",
        "Liked “the clinic” and “the dentist”",
        'Liked "the clinic" and "the dentist"',
        "Liked “the clinic a lot",
        "Liked “”",
        "Disliked « ",
        "Reacted well to “your plan”",
        "A réagi vite à « la crème »",
        "Mon fils a réagi 😂 à « la crème »",
        "a attribué la mention « Bravo » à « ok »",
        "Mon fils n’a pas aimé « la clinique »",
        "Removed a tooth from “my son”",
        "A retiré une dent de « mon fils »",
        '😊 à "demain"',
        "Rendez-vous 👍 à « 15 h »",
        "👍👎 ❤️ to “ok”",
        "Sent an image",
        "My dad liked an image",
        "Bonjour, « toi »",
        "to “ok”",
        "à « demain »",
        "“Liked”",
    ],
)
def test_what_a_person_wrote_is_none(text: str) -> None:
    assert tapback(text) is None


QUOTED = st.text(st.characters(exclude_characters='“”„«»"\u200b\u200c\u200e\u200f\u2060\ufeff', exclude_categories=["Cs"]), min_size=1)


@given(QUOTED.map(str.strip).filter(bool))
def test_whatever_was_quoted(quoted: str) -> None:
    for text, emoji in (
        (f"Loved “{quoted}”", "❤️"),
        (f"A aimé « {quoted} »", "👍"),
        (f"{HAIR}{ADD}🎉{ADD} to “{HAIR}{quoted}{HAIR}”", "🎉"),
    ):
        assert tapback(text) == Tapback(emoji, quoted)


@given(st.sampled_from(["Liked ", "A aimé ", "👍 to ", "Reacted 👍 to ", ""]), st.text(st.characters(exclude_characters='“«„"')))
def test_without_a_quoted_text_or_a_thing_it_is_none(start: str, rest: str) -> None:
    assert tapback(start + rest) is None
