"""Emergency words: the table of texts, counted, and how the words are written."""

from __future__ import annotations

from typing import Literal

import pytest

from ari_app.policy.emergency import WORDS, Emergencies
from ari_app.policy.phrases import Phrases, meaning_less
from tests.policy.table_emergency import FALSE_HITS, ROWS

BUILT_IN = Emergencies({})


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text for text, _ in ROWS]
    assert len({*texts, *FALSE_HITS}) == len(texts) + len(FALSE_HITS)
    emergencies = [text for text, meant in ROWS if meant]
    missed = [text for text in emergencies if not BUILT_IN.found(text)]
    false = [*(text for text, meant in ROWS if not meant and BUILT_IN.found(text)), *FALSE_HITS]
    with capsys.disabled():
        print(f"\nemergency words: {len(emergencies) - len(missed)} of {len(emergencies)} emergencies found;", end=" ")  # noqa: T201
        print(f"{len(false)} false of {len(texts) - len(emergencies) + len(FALSE_HITS)} others:")  # noqa: T201
        print(*(f"  {text}" for text in false), sep="\n")  # noqa: T201
    assert missed == []
    assert false == list(FALSE_HITS)
    assert [text for text in FALSE_HITS if not BUILT_IN.found(text)] == [], "no longer false: move it into the table"


def test_the_language_of_the_words_that_were_found() -> None:
    assert BUILT_IN.found("douleur thoracique!!") == {"fr"}
    assert BUILT_IN.found("chest pain!!") == {"en"}
    assert BUILT_IN.found("911!!") == {"fr", "en"}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_built_in_phrase_is_found_by_itself(language: Literal["fr", "en"]) -> None:
    for phrase in WORDS[language]:
        assert not meaning_less(phrase), phrase
        said = phrase.replace("*", "").replace("...", " ")
        assert BUILT_IN.found(said), phrase


def test_own_words_replace_those_of_their_language_alone() -> None:
    own = Emergencies({"fr": ("dent* tombée*",)})
    assert own.found("Ma dent est tombée") == {"fr"}
    assert not own.found("douleur thoracique")
    assert own.found("chest pain") == {"en"}
    assert not Emergencies({"fr": (), "en": ()}).found("douleur thoracique, chest pain")


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("dent tombée", "Ma DENT est Tombee!", True),
        ("dent tombée", "mes dents sont tombées", False),
        ("dent* tombée*", "mes dents sont tombées", True),
        ("knocked out tooth", "a knocked-out tooth", True),
        ("can't walk", "he cant walk", True),
        ("can't walk", "he can’t walk", True),
        ("n'arrête pas", "sa narrete pas", True),
        ("fièvre", "fievres", False),
        ("fièv*", "fiévreux", True),
        ("a fever", "fever", True),
        ("fever", "no feve", False),
        ("dent ... saigne", "la dent du fond, en bas à droite, saigne", True),
        ("dent ... saigne", "dent " + "mot " * 20 + "saigne", False),
        ("l'oeil", "mon œil", True),
        ("...", "anything", False),
        ("*", "anything", False),
        ("", "anything", False),
        ("le", "le chat", True),
    ],
)
def test_how_phrases_are_found(phrase: str, text: str, found: bool) -> None:
    assert Phrases([phrase]).found(text) is found


def test_one_letter_of_a_long_word_may_be_wrong_where_that_is_asked_for() -> None:
    for typed in ("respirrer", "repsirer", "respire", "resoirer", "respirer"):
        assert Phrases(["respirer"], near=True).found(typed), typed
        assert Phrases(["respirer"]).found(typed) is (typed == "respirer")
    assert not Phrases(["respirer"], near=True).found("resirrer")
    assert not Phrases(["avc"], near=True).found("avec")


@pytest.mark.parametrize(("phrase", "nothing"), [("", True), ("*", True), ("a*", True), ("le la", True), ("!?", True), ("911", False)])
def test_phrases_that_mean_nothing(phrase: str, nothing: bool) -> None:
    assert meaning_less(phrase) is nothing


@pytest.mark.parametrize(
    "text",
    [
        "En cas d'urgence, composez le 911.",
        "Merci de votre message. Nous sommes fermés. En cas d'urgence médicale, veuillez composer le 9-1-1.",
        "Thank you for contacting us. If this is an emergency, please call 911.",
        "For life-threatening emergencies dial 911",
        "> Clinique Rivard (514 555-0199): si c'est une urgence, appelez le 911 tout de suite.\nok merci",
        "> Rivard: 911, tout de suite\nmerci",
        "Clinique Rivard (514 555-0199): texto arrivé. Nous rouvrons lundi à 8 h et le lirons. Urgence: 911",
        "Clinique Rivard: we cannot receive pictures. Please describe it by text or call 514 555-0199. Emergency: 911\n??",
    ],
)
def test_another_s_advice_is_no_call_for_help(text: str) -> None:
    assert not Emergencies({}, "Clinique Rivard").found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Urgence: 911",
        "si c'est une urgence je dois appeler le 911?",
        "call 911",
        "emergency!! call 911",
        "En cas d'urgence composez le 911. Mais je respire plus",
        "for emergency he is not breathing, call 911",
        "> appelez le 911\nJ'ai une douleur thoracique",
        "Clinique Rivard (514 555-0199): texto arrivé. Urgence: 911\nj'ai appelé le 911",
    ],
)
def test_but_the_writer_s_own_words_are(text: str) -> None:
    assert Emergencies({}, "Clinique Rivard").found(text)
