"""The words of automatic texts: what fills them, what they cost, and what is refused at start-up."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.errors import SettingsError
from ari_app.model import Trigger
from ari_app.policy import check_settings
from ari_app.policy.lines import lines_of
from ari_app.policy.wording import BOTH, DEFAULTS, LANGUAGES, NOTICES, PLACEHOLDERS, Facts, ask_text, check, opens_text, render
from modem.alphabet import segments
from tests.policy.kit import call, known, policy, settings

MONTREAL = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # Tuesday, 10 h
AFTER_A_CALL = (Trigger.MISSED, Trigger.CLOSED, Trigger.VOICEMAIL, Trigger.ASKED)
LONGEST_NAME = "Clinique dentaire Saint-Laurent"[:30]
WORDINGS = [
    *((language, trigger.value, text) for language in LANGUAGES for trigger, text in DEFAULTS[language].items()),
    *((language, name, text) for language, texts in NOTICES.items() for name, text in texts.items()),
]


def facts(**changes: Any) -> Facts:
    base: dict[str, Any] = {
        "clinic": LONGEST_NAME,
        "number": "514 555-0100",
        "opens": None,
        "emergency": "911",
        "now": NOW,
        "zone": MONTREAL,
    }
    return Facts(**{**base, **changes})


def test_every_trigger_and_notice_has_words_in_both_languages() -> None:
    assert {language: set(DEFAULTS[language]) for language in LANGUAGES} == {"fr": set(Trigger), "en": set(Trigger)}
    assert set(DEFAULTS[BOTH]) == set(AFTER_A_CALL)
    assert {language: set(texts) for language, texts in NOTICES.items()} == {
        key: {"stop", "start", "help", "picture", "on_call"} for key in ("fr", "en")
    }


@pytest.mark.parametrize(("language", "name", "template"), WORDINGS)
def test_built_in_words_are_one_gsm_segment_with_a_name_of_30(language: str, name: str, template: str) -> None:
    days = [NOW + timedelta(days=day, minutes=30) for day in range(372)]
    for opens, emergency, named in itertools.product([None, *days], ["911", "514 555-0199"], [False, True]):
        text = render(template, facts(opens=opens, emergency=emergency, named=named), language, more=name == "voicemail")
        cost = segments(text)
        assert (cost.alphabet, cost.forced_by, cost.parts) == ("gsm7", None, 1), (name, text, cost.units)


@pytest.mark.parametrize("trigger", AFTER_A_CALL)
def test_built_in_words_in_both_languages_are_one_segment_with_a_name_of_30(trigger: Trigger) -> None:
    # to who calls while it is closed for a week or more it is in one language, where the name is that long
    days = [NOW + timedelta(days=day, hours=hours, minutes=30) for day in range(7) for hours in (0, 2)]
    for opens, named in itertools.product([None, *days], [False, True]):
        if opens is not None and opens - NOW > timedelta(days=6, hours=14):
            continue
        text = render(DEFAULTS[BOTH][trigger], facts(opens=opens, named=named), BOTH, more=trigger is Trigger.VOICEMAIL)
        cost = segments(text)
        assert (cost.alphabet, cost.parts) == ("gsm7", 1), (text, cost.units)


@pytest.mark.parametrize("named", [False, True])
def test_who_left_a_voicemail_is_told_that_they_may_write_too(named: bool) -> None:
    said = {
        language: render(DEFAULTS[language][Trigger.VOICEMAIL], facts(named=named), language, more=True) for language in ("fr", "en", BOTH)
    }
    assert "nous avons votre message vocal" in said["fr"]
    assert "Répondez à ce texto" in said["fr"]
    assert "we have your voicemail" in said["en"]
    assert "Reply to this text" in said["en"]
    assert all(words in said[BOTH] for words in ("message vocal arrivé", "voicemail received", "Écrivez ici", "Text us"))


def test_in_both_languages_it_names_the_clinic_and_says_how_to_stop() -> None:
    for template in DEFAULTS[BOTH].values():
        text = render(template, facts(), BOTH)
        assert text.startswith(f"{LONGEST_NAME} (514 555-0100)")
        assert text.endswith("Cesser/opt out: ARRET/STOP")
        assert "Your name" in text
        assert "Votre nom" in text


@pytest.mark.parametrize(("language", "name", "template"), WORDINGS)
def test_built_in_words_name_the_clinic_and_its_number(language: str, name: str, template: str) -> None:
    text = render(template, facts(), language)
    assert text.startswith(LONGEST_NAME), name
    assert "514 555-0100" in text


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("trigger", AFTER_A_CALL)
def test_texts_after_a_call_ask_what_is_needed_and_say_how_to_stop(language: str, trigger: Trigger) -> None:
    text = DEFAULTS[language][trigger]
    assert "{ask}" in text
    assert {"fr": "Répondez à ce texto", "en": "Reply to this text"}[language] in text
    assert text.endswith({"fr": "Pour cesser: ARRET", "en": "To opt out: STOP"}[language])


@pytest.mark.parametrize(
    ("opens", "french", "english"),
    [
        (datetime(2026, 11, 24, 18, 0, tzinfo=UTC), "à 13 h", "at 1:00 pm"),
        (datetime(2026, 11, 25, 13, 0, tzinfo=UTC), "mercredi à 8 h", "Wednesday at 8:00 am"),
        (datetime(2026, 11, 25, 13, 30, tzinfo=UTC), "mercredi à 8 h 30", "Wednesday at 8:30 am"),
        (datetime(2026, 11, 26, 13, 5, tzinfo=UTC), "jeudi à 8 h 05", "Thursday at 8:05 am"),
        (datetime(2026, 11, 30, 17, 0, tzinfo=UTC), "lundi à 12 h", "Monday at 12:00 pm"),
        (datetime(2026, 11, 25, 5, 0, tzinfo=UTC), "mercredi à 0 h", "Wednesday at 12:00 am"),
        (datetime(2026, 12, 1, 13, 0, tzinfo=UTC), "mardi 1er décembre à 8 h", "Tuesday, December 1 at 8:00 am"),
        (datetime(2027, 8, 16, 12, 0, tzinfo=UTC), "lundi 16 aout à 8 h", "Monday, August 16 at 8:00 am"),
        (None, "dès que possible", "as soon as possible"),
    ],
)
def test_when_it_opens_in_the_clinics_zone(opens: datetime | None, french: str, english: str) -> None:
    assert opens_text(opens, NOW, MONTREAL, "fr") == french
    assert opens_text(opens, NOW, MONTREAL, "en") == english


def test_today_is_the_clinics_day_not_utc_s() -> None:
    evening = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # Tuesday, 22 h
    assert opens_text(datetime(2026, 11, 25, 13, 0, tzinfo=UTC), evening, MONTREAL, "fr") == "mercredi à 8 h"


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("Bonjour {nom}", '"{nom}" is no placeholder'),
        ("Bonjour {}", '"{}" is no placeholder'),
        ("Bonjour {0}", '"{0}" is no placeholder'),
        ("{clinic.__class__}", '"{clinic.__class__}" is no placeholder'),
        ("{clinic[0]}", '"{clinic[0]}" is no placeholder'),
        ("{clinic!r}", '"{clinic}" is no placeholder'),
        ("{clinic:>99}", '"{clinic}" is no placeholder'),
        ("{clinic", "has a brace too many or too few"),
        ("clinic}", "has a brace too many or too few"),
        ("{ clinic }", '"{ clinic }" is no placeholder'),
        ("{Clinic}", '"{Clinic}" is no placeholder'),
    ],
)
def test_templates_that_cannot_be_used_are_refused_at_the_start(template: str, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        policy(reply={"text": {"fr": {"missed": template}}})
    assert caught.value.what.startswith(f"reply.text.fr.missed: {what}")
    assert "{clinic} {number} {opens} {emergency}" in caught.value.fix or "built-in" in caught.value.fix


def test_every_bad_template_is_named_at_once() -> None:
    line = {"did": ["5145550111"], "text": {"en": {"closed": "{when}"}}}
    bad = check_settings(settings(reply={"text": {"fr": {"missed": "{nom}"}, "en": {"asked": "}"}}}, line=[line]))
    assert [problem.key for problem in bad] == ["reply.text.fr.missed", "reply.text.en.asked", "line.0.text.en.closed"]
    assert all(problem.state == "bad" and problem.fix for problem in bad)


def test_a_brace_can_be_written() -> None:
    text = policy(reply={"text": {"fr": {"missed": "{{clinic}} {clinic}"}}}).decide(call(), known(), NOW).text
    assert text == "{clinic} Clinique Rosemont"


@given(st.text(alphabet="{}clinicnumberopens! :.", max_size=40))
def test_what_passes_the_check_can_be_rendered(template: str) -> None:
    try:
        check(template, "reply.text.fr.missed")
    except SettingsError:
        return
    assert isinstance(render(template, facts(), "fr"), str)


def test_placeholders_are_all_filled() -> None:
    template = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    check(template, "reply.text.fr.missed")
    assert render(template, facts(clinic="A{b}"), "en") == "A{b} 514 555-0100 as soon as possible 911 Your name? What do you need?"


def test_ucs2_is_pointed_out_with_its_character() -> None:
    text = {"fr": {"missed": "{clinic} ({number}): nous vous rappelons bientôt, sans faute"}}
    assert policy(reply={"text": text}).problems() == (), "it is folded"
    (problem,) = policy(reply={"text": text, "compact": False}).problems()
    assert problem.key == "reply.text.fr.missed"
    assert problem.state == "warn"
    assert '"ô" (U+00F4) is not in the GSM alphabet' in problem.what
    assert problem.what.endswith("this text takes 2")


@pytest.mark.parametrize(
    ("char", "instead"),
    [("ê", "e"), ("ç", "c"), ("’", "'"), ("«", '"'), ("–", "-"), ("…", "..."), ("œ", "oe"), ("\u00a0", " "), ("🦷", "")],
)
def test_what_to_write_instead(char: str, instead: str) -> None:
    (problem,) = policy(reply={"text": {"fr": {"missed": f"{{clinic}} {char}"}}}).problems()
    assert problem.fix == (f'write "{instead}" if you can' if instead else "leave it out if you can")


def test_a_name_outside_the_alphabet_is_one_problem_not_ten() -> None:
    assert policy(clinic={"name": "Clinique Bélanger-Lacoçte"}).problems() == ()
    problems = policy(clinic={"name": "Clinique Bélanger-Lacoçte"}, reply={"compact": False}).problems()
    assert [(problem.key, problem.state) for problem in problems] == [("clinic.name", "warn")]
    assert '"ç"' in problems[0].what


def test_a_text_of_two_sms_is_pointed_out_with_the_longest_day() -> None:
    long = "{clinic} {opens} " + "x" * (160 - len("Clinique Rosemont ") - len("mercredi à 15 h 30 ") - 1)
    assert not policy(reply={"text": {"fr": {"closed": long}}}).problems()
    (problem,) = policy(reply={"text": {"fr": {"closed": long + "xxxx"}}}).problems()
    assert (problem.key, problem.what[:11]) == ("reply.text.fr.closed", "takes 2 SMS")


def test_words_of_a_language_nobody_uses_cost_nothing() -> None:
    assert not policy(clinic={"languages": ["fr"]}, reply={"text": {"en": {"missed": "x" * 200}}}).problems()


def test_opens_in_the_missed_text_is_pointed_out() -> None:
    (problem,) = policy(reply={"text": {"fr": {"missed": "{clinic} {number} {opens}"}}}).problems()
    assert "only known while the line is closed" in problem.what


def test_delay_must_be_shorter_than_the_age_limit() -> None:
    with pytest.raises(SettingsError, match=r"reply\.max_age: is not longer than reply\.delay"):
        policy(reply={"delay": "2h", "max_age": "2h"})
    (problem,) = policy(reply={"daily_limit": 0}).problems()
    assert problem.key == "reply.daily_limit"


def test_a_plain_house_has_no_problem() -> None:
    assert policy().problems() == ()


def test_the_line_s_words_before_the_clinic_s_before_the_built_in_ones() -> None:
    line = {"did": ["5145550111"], "name": "west", "text": {"fr": {"missed": "west"}}, "number": "+15145550111", "on_call": "+15145550112"}
    lines = lines_of(settings(reply={"text": {"fr": {"missed": "all", "closed": "all closed"}}}, line=[line]))
    west, main = lines["west"], lines["main"]
    assert west.template(Trigger.MISSED, "fr") == ("west", "line.0.text.fr.missed")
    assert west.template(Trigger.CLOSED, "fr") == ("all closed", "reply.text.fr.closed")
    assert main.template(Trigger.MISSED, "fr") == ("all", "reply.text.fr.missed")
    assert main.template(Trigger.MISSED, "en") == (DEFAULTS["en"][Trigger.MISSED], "")
    assert (west.facts(None, NOW).number, west.facts(None, NOW).emergency) == ("514 555-0111", "514 555-0112")
    assert (main.facts(None, NOW).number, main.facts(None, NOW).emergency) == ("514 555-0100", "911")


def test_elsewhere_the_emergency_number_is_112() -> None:
    paris = {"country": "FR", "number": "+33142685300", "timezone": "Europe/Paris", "languages": ["fr"]}
    assert lines_of(settings(clinic=paris))["main"].facts(None, NOW).emergency == "112"
    assert lines_of(settings(clinic=paris))["main"].facts(None, NOW).number == "01 42 68 53 00"


# -- in whose language, and who is asked for a name


def said(about: dict[str, Any] | None = None, now: datetime = NOW, **parts: Any) -> tuple[str | None, str | None]:
    """(text of a missed call, what chose its language)."""
    decision = policy(**parts).decide(call(), known(**(about or {})), now)
    return decision.text, decision.language_from


def test_a_first_text_to_who_may_speak_either_is_in_both() -> None:
    asked = "Votre nom et votre besoin? Your name and need?"
    text = f"Clinique Rosemont (514 555-0100): appel manqué/missed call. {asked} Cesser/opt out: ARRET/STOP"
    assert said() == (text, "both")
    decision = policy().decide(call(), known(), NOW)
    assert (decision.language, decision.trigger) == ("fr", Trigger.MISSED)
    assert said({"named": True})[0] == text.replace(asked, "Que vous faut-il? What do you need?")


@pytest.mark.parametrize(
    ("about", "parts", "source"),
    [
        ({"first": False}, {}, "clinic"),
        ({"language": "fr"}, {}, "contact"),
        ({"wrote": "fr"}, {}, "wrote"),
        ({}, {"clinic": {"languages": ["fr"]}}, "clinic"),
        ({}, {"line": [{"did": ["514*"], "name": "west", "language": "fr"}]}, "line"),
        # too long for one SMS
        ({}, {"clinic": {"name": "Clinique " + "x" * 50}}, "clinic"),
        ({}, {"reply": {"text": {"both": {"missed": "{clinic} {ask} " + "x" * 150}}}}, "clinic"),
        # words of their own in one language, none of their own in both
        ({}, {"reply": {"text": {"fr": {"missed": "nôtre {clinic}"}}}}, "clinic"),
        ({}, {"reply": {"text": {"en": {"missed": "our {clinic}"}}}}, "clinic"),
        ({}, {"line": [{"did": ["514*"], "name": "west", "text": {"fr": {"missed": "ouest {clinic}"}}}]}, "clinic"),
        # and nearer to the line than the words of their own in both
        (
            {},
            {
                "reply": {"text": {"both": {"missed": "deux/two {clinic}"}}},
                "line": [{"did": ["514*"], "name": "west", "text": {"fr": {"missed": "ouest {clinic}"}}}],
            },
            "clinic",
        ),
    ],
)
def test_and_in_one_where_one_is_known_or_both_do_not_fit(about: dict[str, Any], parts: dict[str, Any], source: str) -> None:
    text, chosen_by = said(about, **parts)
    assert chosen_by == source
    assert "/" not in (text or "").removesuffix("ARRET/STOP")


def test_words_of_their_own_in_both_are_used_before_those_in_one_of_the_same_place() -> None:
    texts = {"fr": {"missed": "une {clinic}"}, "both": {"missed": "deux/two {clinic} {ask}"}}
    assert said(reply={"text": texts}) == ("deux/two Clinique Rosemont Votre nom et votre besoin? Your name and need?", "both")
    line = {"did": ["514*"], "name": "west", "text": {"both": {"missed": "west/ouest"}}}
    assert said(reply={"text": {"fr": {"missed": "une"}}}, line=[line]) == ("west/ouest", "both")


def test_what_costs_an_sms_is_folded_before_it_is_counted() -> None:
    long = {"text": {"both": {"missed": "{clinic} prêt " + "x" * 100}}}
    assert said(reply=long)[1] == "both"
    assert said(reply={**long, "compact": False})[1] == "clinic"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_only_who_is_not_named_is_asked_for_a_name(language: str) -> None:
    name = {"fr": "Votre nom?", "en": "Your name?"}[language]
    assert name in (said({"wrote": language})[0] or "")
    assert name not in (said({"wrote": language, "named": True})[0] or "")
    assert ask_text(language, named=False, more=True).startswith(name)


def test_in_both_languages_when_it_opens_is_short() -> None:
    monday = datetime(2026, 11, 30, 13, 0, tzinfo=UTC)
    assert opens_text(monday, NOW, MONTREAL, BOTH) == "lun. 8 h/Mon 8am"
    assert opens_text(datetime(2026, 11, 24, 18, 0, tzinfo=UTC), NOW, MONTREAL, BOTH) == "à 13 h/at 1pm"
    assert opens_text(datetime(2026, 12, 1, 13, 30, tzinfo=UTC), NOW, MONTREAL, BOTH) == "mar. 1er déc. 8 h 30/Tue Dec 1 8:30am"


def test_the_safety_text_says_the_country_s_number_whoever_is_on_call() -> None:
    line = {"did": ["5145550111"], "name": "west", "on_call": "+15145550112"}
    text = lines_of(settings(line=[line]))["west"].text(Trigger.SAFETY, "fr", None, NOW)
    assert "appelez le 911 tout de suite" in text
    assert "0112" not in text


def test_a_text_in_both_that_cannot_help_is_pointed_out() -> None:
    def told(texts: dict[str, Any], **parts: Any) -> list[tuple[str, str]]:
        return [(each.key, each.state) for each in policy(reply={"text": {"both": texts}}, **parts).problems()]

    assert told({"missed": "{clinic} ARRET/STOP"}) == []
    assert told({"missed": "x" * 161}) == [("reply.text.both.missed", "warn")]
    assert told({"safety": "{clinic}"}) == [("reply.text.both.safety", "warn")]
    assert told({"missed": "{clinic}"}, clinic={"languages": ["fr"]}) == [("reply.text.both.missed", "warn")]
    assert told({"missed": "{clinic} {opens}"}) == [("reply.text.both.missed", "warn")]
