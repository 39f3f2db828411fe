"""What a caller's text comes to: opting out and in, notices, automatic replies, reactions, pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.model import EMERGENCY, Inbound, Level, Reaction
from ari_app.policy.react import HELP_PAUSE, PICTURE_PAUSE, ROBOT_ANSWERS, ROBOT_TEXTS, SAFETY_PAUSE
from modem.alphabet import segments
from tests.policy.kit import CALLER, inbound, policy

OPEN = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # Tuesday, 10 h
LUNCH = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
NIGHT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # 22 h, closed since 17 h
CLOSED_AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SWITCH = "Custom:DAYNIGHT1"


def reaction(
    text: str, now: datetime = OPEN, switches: dict[str, str] | None = None, parts: dict[str, Any] | None = None, **changes: Any
) -> Reaction:
    return policy(**(parts or {})).react(inbound(text, **changes), now, switches or {})


def silent(said: Reaction) -> bool:
    """Nothing comes of it but that its language is remembered."""
    return replace(said, wrote=None) == Reaction()


def test_stop_is_confirmed_once_and_never_after() -> None:
    first = reaction("Arrêt svp")
    assert (first.opt, first.notice_name, first.language, first.reopens) == (True, "stop", "fr", False)
    assert first.notice == (
        "Clinique Rosemont: c'est noté, vous ne recevrez plus nos textos. Pour les recevoir à nouveau: REPRENDRE. Tél.: 514 555-0100"
    )
    again = reaction("ARRET", opted_out=True)
    assert (again.opt, again.notice, again.notice_name) == (True, None, None)


def test_start_is_confirmed_to_who_had_stopped_only() -> None:
    back = reaction("Reprendre", opted_out=True)
    assert (back.opt, back.notice_name, back.language, back.reopens) == (False, "start", "fr", False)
    stranger = reaction("start")
    assert stranger == Reaction()


def test_help_is_answered_and_shown_to_staff() -> None:
    helped = reaction("AIDE")
    assert (helped.opt, helped.notice_name, helped.reopens) == (None, "help", True)
    assert helped.notice is not None
    assert "514 555-0100" in helped.notice
    assert "911" in helped.notice
    assert reaction("help", opted_out=True).notice_name == "help"
    assert reaction("help", notices={"help": OPEN - HELP_PAUSE + SECOND}).notice is None
    assert reaction("help", notices={"help": OPEN - HELP_PAUSE}).notice is not None


@pytest.mark.parametrize(
    ("text", "contact", "parts", "language"),
    [
        ("stop", None, {}, "fr"),
        ("stop", "en", {}, "en"),
        ("unsubscribe", "fr", {}, "en"),
        ("arrêt", "en", {}, "fr"),
        ("stop", None, {"clinic": {"languages": ["en"]}}, "en"),
        ("stop", None, {"line": [{"did": ["1"], "name": "main2", "language": "en"}]}, "fr"),
    ],
)
def test_language_of_a_notice(text: str, contact: str | None, parts: dict[str, Any], language: str) -> None:
    assert reaction(text, parts=parts, language=contact).language == language


@pytest.mark.parametrize("text", ["Cancel", "cancel please", "fin", "arrêter", "End.", "Cessez", "Quit", "assez"])
def test_a_word_that_answers_what_our_text_asks_opts_nobody_out(text: str) -> None:
    assert silent(reaction(text))
    assert silent(reaction(text, last_auto=OPEN - SECOND))


@pytest.mark.parametrize("text", ["No texts", "Pas de textos svp", "remove me", "Stop it", "Laissez-moi tranquille"])
def test_doubtful_words_in_a_conversation_are_an_answer_to_staff(text: str) -> None:
    assert reaction(text).opt is True
    assert silent(reaction(text, last_staff=OPEN - 12 * HOUR + SECOND))
    assert reaction(text, last_staff=OPEN - 12 * HOUR).opt is True


def test_stop_in_a_conversation_stops_and_is_shown() -> None:
    said = reaction("STOP", last_staff=OPEN - HOUR)
    assert (said.opt, said.notice_name, said.reopens) == (True, "stop", True)


def test_words_in_opening_hours_are_for_staff_alone() -> None:
    assert reaction("Bonjour, je voudrais un rendez-vous") == Reaction(wrote="fr")


def test_the_first_text_while_closed_is_told_when_it_opens() -> None:
    told = reaction("Bonjour, mal de dents", NIGHT)
    assert (told.notice_name, told.opt, told.reopens, told.language) == ("received", None, True, "fr")
    assert told.notice == "Clinique Rosemont (514 555-0100): texto arrivé. Nous rouvrons mercredi à 8 h et le lirons. Urgence: 911"
    assert "We reopen at 1:00 pm" in (reaction("hello", LUNCH, language="en").notice or "")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"notices": {"received": CLOSED_AT}}, False),
        ({"notices": {"received": CLOSED_AT - SECOND}}, True),
        ({"notices": {"help": NIGHT}}, True),
        ({"last_staff": CLOSED_AT}, False),
        ({"last_staff": CLOSED_AT - SECOND}, True),
        ({"opted_out": True}, False),
        ({"auto_recent": ROBOT_TEXTS - 1}, True),
        ({"auto_recent": ROBOT_TEXTS}, False),
    ],
)
def test_received_once_a_closure(changes: dict[str, Any], told: bool) -> None:
    assert (reaction("Bonjour", NIGHT, **changes).notice is not None) is told


LIMITS = {"reply": {"per_number_limit": 3, "daily_limit": 200}}


@pytest.mark.parametrize("counted", [{"auto_today": 3}, {"all_today": 200}, {"auto_today": 9, "all_today": 999}])
def test_no_notice_beyond_the_daily_limits_but_one_confirmation_of_stop(counted: dict[str, Any]) -> None:
    for text, now, opted_out in [("help", OPEN, False), ("hello", NIGHT, False), ("start", OPEN, True)]:
        assert reaction(text, now, parts=LIMITS, opted_out=opted_out).notice is not None
        below: dict[str, Any] = {name: count - 1 for name, count in zip(("auto_today", "all_today"), (3, 200), strict=True)}
        assert reaction(text, now, parts=LIMITS, opted_out=opted_out, **below).notice is not None
        kept = reaction(text, now, parts=LIMITS, opted_out=opted_out, **counted)
        assert kept.notice is None
        assert kept.opt is (False if opted_out else None), "what the caller wants holds all the same"
    assert reaction("stop", parts=LIMITS, **counted).notice_name == "stop"
    assert reaction("stop", parts=LIMITS, notices={"stop": OPEN - 24 * HOUR}, **counted).notice_name == "stop"
    toggled = reaction("stop", parts=LIMITS, notices={"stop": OPEN - 24 * HOUR + SECOND}, **counted)
    assert (toggled.opt, toggled.notice) == (True, None)


def test_received_names_the_line_s_own_number_on_call_and_words() -> None:
    line = {"did": ["5145550111"], "name": "west", "number": "+15145550111", "on_call": "+15145550119", "language": "en"}
    notice = reaction("hi", NIGHT, parts={"line": [line]}, line="west").notice
    assert notice == (
        "Clinique Rosemont (514 555-0111): text received. We reopen Wednesday at 8:00 am and will read it then. Emergency: 514 555-0119"
    )
    own = {**line, "text": {"en": {"received": "Back {opens}"}}}
    assert reaction("hi", NIGHT, parts={"line": [own]}, line="west").notice == "Back Wednesday at 8:00 am"
    assert reaction("hi", NIGHT, parts={"line": [{**line, "reply": False}]}, line="west").notice is None
    assert reaction("stop", NIGHT, parts={"line": [{**line, "reply": False}]}, line="west").notice is not None


def test_a_night_switch_closes_texts_too() -> None:
    parts = {"hours": {"follow": SWITCH}}
    snow = reaction("Bonjour", OPEN, {SWITCH: "INUSE"}, parts)
    assert snow.notice_name == "received"
    assert "dès que possible" in (snow.notice or "")
    assert reaction("Bonjour", OPEN, {SWITCH: "INUSE"}, parts, notices={"received": OPEN - 11 * HOUR}).notice is None
    assert reaction("Bonjour", NIGHT, {SWITCH: "NOT_INUSE"}, parts).notice is None


@pytest.mark.parametrize("mode", ["watch", "off"])
def test_nothing_is_sent_in_other_modes_but_stop_is_kept(mode: str) -> None:
    stop = reaction("STOP", parts={"reply": {"mode": mode}})
    assert (stop.opt, stop.notice) == (True, None)
    assert reaction("Bonjour", NIGHT, parts={"reply": {"mode": mode}}).notice is None


@pytest.mark.parametrize("sender", ["12345", "BELL", "Info-Sante", "", "611", "VotreClinique"])
@pytest.mark.parametrize("text", ["STOP", "AIDE", "Bonjour", "Réponse automatique: absent"])
def test_short_codes_and_names_are_never_answered(sender: str, text: str) -> None:
    assert reaction(text, NIGHT, number=sender) == Reaction()


@pytest.mark.parametrize("number", ["+18765550123", "+18005551234", "+19005551234", "+15145550100", "+15145550155"])
def test_numbers_that_get_no_text_get_no_notice(number: str) -> None:
    parts = {"modem": [{"name": "m1", "number": "+15145550155"}]}
    assert reaction("Bonjour", NIGHT, parts=parts, number=number).notice is None
    stop = reaction("STOP", NIGHT, parts=parts, number=number)
    assert (stop.opt, stop.notice) == (True, None)


def test_automatic_replies_are_shown_and_not_answered() -> None:
    text = "Réponse automatique: je suis absent jusqu'à lundi"
    assert reaction(text, NIGHT) == Reaction(automatic=True)
    assert reaction(text, NIGHT, last_auto=NIGHT - ROBOT_ANSWERS) == Reaction(automatic=True), "it speaks of something else"


def test_a_robot_that_answers_our_robot_is_a_loop() -> None:
    answered = NIGHT - ROBOT_ANSWERS + SECOND
    assert reaction("I'm driving right now", NIGHT, last_auto=answered) == Reaction(automatic=True, looping=True)
    assert not reaction("I'm driving right now, call me", NIGHT, last_auto=answered).looping


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Liked “Clinique Rosemont (514 555-0100): sorry we missed your call.”", "reaction"),
        ("A aimé « Nous rouvrons lundi à 8 h »", "reaction"),
        ('\u200a\u200b👍\u200b à "\u200aSTOP\u200a"\u200a', "reaction"),
        ("Removed a like from “STOP”", "reaction taken back"),
    ],
)
@pytest.mark.parametrize("last_auto", [None, NIGHT - SECOND])
def test_a_reaction_is_shown_and_no_more(text: str, note: str, last_auto: datetime | None) -> None:
    shown = Reaction(note=note, automatic=True, reopens=False)
    assert reaction(text, NIGHT, last_auto=last_auto) == shown
    assert reaction(text, NIGHT, last_staff=NIGHT - HOUR, opted_out=True, looping=True) == shown


def test_who_sends_a_picture_is_told_that_we_cannot_see_it() -> None:
    for now in (OPEN, NIGHT):
        told = reaction("", now, picture=True)
        assert (told.notice_name, told.language, told.reopens, told.automatic) == ("picture", "fr", True, False)
        assert told.notice == (
            "Clinique Rosemont: nous ne recevons pas d'images. Décrivez cela par texto ou appelez le 514 555-0100. Urgence: 911"
        )
    english = reaction("my tooth", OPEN, picture=True, language="en")
    assert english.notice == (
        "Clinique Rosemont: we cannot receive pictures. Please describe it by text or call 514 555-0100. Emergency: 911"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"notices": {"picture": OPEN - PICTURE_PAUSE + SECOND}}, False),
        ({"notices": {"picture": OPEN - PICTURE_PAUSE}}, True),
        ({"notices": {"help": OPEN, "received": OPEN}}, True),
        ({"last_staff": OPEN - SECOND}, True),
        ({"opted_out": True}, False),
        ({"looping": True}, False),
        ({"auto_recent": ROBOT_TEXTS}, False),
        ({"auto_today": 3}, False),
        ({"all_today": 200}, False),
        ({"number": "+18005551234"}, False),
        ({"number": "12345"}, False),
        ({"number": "+15145550100"}, False),
        ({"parts": {"reply": {"mode": "watch"}}}, False),
        ({"parts": {"line": [{"did": ["5145550111"], "name": "fax", "reply": False}]}, "line": "fax"}, False),
    ],
)
def test_once_a_day_and_within_the_limits(changes: dict[str, Any], told: bool) -> None:
    parts = {**LIMITS, **changes.pop("parts", {})}
    found = reaction("", OPEN, parts=parts, picture=True, **changes)
    assert (found.notice_name == "picture") is told
    assert (found.notice is not None) is told
    assert (found.reopens, found.automatic) == (True, False), "somebody sent something"


def test_a_picture_is_never_said_to_be_read_later_and_no_robot_s() -> None:
    assert reaction("", NIGHT, picture=True, notices={"picture": NIGHT}).notice is None
    assert reaction("Auto-reply: away", NIGHT, picture=True, last_auto=NIGHT - SECOND).notice_name == "picture"
    stop = reaction("STOP", picture=True)
    assert (stop.opt, stop.notice_name) == (True, "stop")


NUMBERS = st.one_of(st.text(max_size=12), st.just(CALLER), st.from_regex(r"\+[0-9]{0,15}", fullmatch=True))
TEXTS = st.one_of(
    st.text(max_size=200), st.sampled_from(["stop", "no texts", "arrêter", "start", "aide", "Bonjour", "Auto-reply: away", "Liked “ok”"])
)
AROUND = st.integers(-20, 20).map(lambda hours: NIGHT + hours * HOUR)
MESSAGES = st.builds(
    Inbound,
    number=NUMBERS,
    text=TEXTS,
    received=AROUND,
    line=st.sampled_from(["main", "gone", ""]),
    language=st.sampled_from([None, "fr", "en", "es"]),
    opted_out=st.booleans(),
    notices=st.dictionaries(st.sampled_from(["stop", "start", "help", "received", "picture"]), AROUND),
    last_staff=st.one_of(st.none(), AROUND),
    auto_recent=st.integers(0, 9),
    last_auto=st.one_of(st.none(), AROUND),
    auto_today=st.integers(0, 5),
    all_today=st.integers(0, 300),
    picture=st.booleans(),
    looping=st.booleans(),
)
HOUSE = policy()


@given(message=MESSAGES, now=AROUND)
def test_any_text_from_anybody(message: Inbound, now: datetime) -> None:
    found = HOUSE.react(message, now, {})
    assert (found.notice is None) is (found.notice_name is None)
    assert (found.notice is None) is (found.language is None)
    if found.notice is not None:
        assert message.number.startswith("+1")
        assert message.auto_recent < ROBOT_TEXTS
        assert found.notice_name == "stop" or (message.auto_today < 3 and message.all_today < 200)
        assert segments(found.notice).parts == 1
        assert not found.automatic
    assert found.automatic or not found.looping
    assert found.reopens or found.opt is not None or found.note is not None, "an opt-out, an opt-in or a reaction asks for no answer"


# -- emergency words

SAFETY = "Clinique Rosemont (514 555-0100): si c'est une urgence, appelez le 911 tout de suite. Nos textos ne sont pas lus à toute heure."
CHEST = "J'ai une douleur thoracique"


def test_emergency_words_are_answered_at_once_and_raise_the_thread() -> None:
    said = reaction(CHEST)
    assert (said.notice, said.notice_name, said.language, said.delay) == (SAFETY, "safety", "fr", timedelta(0))
    assert (said.reopens, said.opt) == (True, None)
    assert said.priority is not None
    assert (said.priority.level, said.priority.why, said.priority.notify) == (Level.URGENT, EMERGENCY, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"opted_out": True},
        {"auto_today": 99},
        {"all_today": 999},
        {"auto_recent": ROBOT_TEXTS},
        {"looping": True},
        {"last_staff": OPEN - SECOND},
        {"picture": True},
        {"notices": {"safety": OPEN - SAFETY_PAUSE}},
        {"parts": {"line": [{"did": ["1"], "name": "fax", "reply": False}]}, "line": "fax"},
        {"parts": {"reply": {"daily_limit": 0}}},
    ],
)
def test_whatever_else_holds(changes: dict[str, Any]) -> None:
    assert reaction(CHEST, **changes).notice == SAFETY


@pytest.mark.parametrize(
    "changes",
    [
        {"notices": {"safety": OPEN - SAFETY_PAUSE + SECOND}},
        {"parts": {"reply": {"mode": "watch"}}},
        {"parts": {"reply": {"mode": "off"}}},
        {"parts": {"emergency": {"answer": False}}},
        {"number": "+15145550100"},
        {"number": "+33142685300"},
    ],
)
def test_but_these_the_thread_is_raised_all_the_same(changes: dict[str, Any]) -> None:
    said = reaction(CHEST, **changes)
    assert said.notice is None
    assert said.priority is not None
    assert said.priority.why == EMERGENCY


def test_a_machine_s_number_and_an_automatic_reply_are_no_emergency() -> None:
    assert reaction(CHEST, number="12345") == Reaction()
    assert reaction("Out of office. If this is urgent, reply urgent").priority is None


def test_who_answers_automatically_that_911_is_for_emergencies_has_none() -> None:
    text = "Merci de votre message. Nous sommes fermés. En cas d'urgence, composez le 911."
    said = reaction(text)
    assert (said.notice, said.priority) == (None, None)


def test_one_answer_and_it_is_not_received_too() -> None:
    assert reaction(CHEST, NIGHT).notice_name == "safety"
    assert reaction(CHEST, NIGHT, notices={"safety": NIGHT - SECOND}).notice is None
    assert reaction(CHEST, NIGHT, parts={"emergency": {"answer": False}}).notice_name == "received"


@pytest.mark.parametrize(
    ("text", "changes", "language"),
    [
        ("chest pain", {"language": "fr"}, "en"),
        ("911!!", {"language": "en"}, "en"),  # in no language: as is known of them
        ("911!!", {"wrote": "en"}, "en"),
        ("911!!", {}, "fr"),
        ("anaphylaxis", {"language": "en"}, "en"),
        ("I can't breathe", {"parts": {"clinic": {"languages": ["fr"]}}}, "en"),
        ("je respire pas", {"wrote": "en"}, "fr"),
    ],
)
def test_the_safety_text_is_in_their_language(text: str, changes: dict[str, Any], language: str) -> None:
    assert reaction(text, **changes).language == language


def test_what_is_written_in_a_language_the_clinic_has_not_is_answered_in_one_it_has() -> None:
    french = {"clinic": {"languages": ["fr"]}}
    said = reaction("I need an appointment for my daughter please", NIGHT, parts=french)
    assert (said.notice_name, said.language, said.wrote) == ("received", "fr", "en")
    assert reaction("I need an appointment for my daughter please", NIGHT).language == "en"


def test_own_emergency_words_and_own_safety_text() -> None:
    parts = {
        "emergency": {"words": {"fr": ["dent* tombée*"]}},
        "reply": {"text": {"fr": {"safety": "{clinic}: {emergency}, tout de suite"}}},
        "line": [{"did": ["1"], "name": "west", "on_call": "+15145550112"}],
    }
    assert reaction("ma dent est tombée", parts=parts, line="west").notice == "Clinique Rosemont: 911, tout de suite"
    assert reaction(CHEST, parts=parts).notice is None


def test_a_rule_for_emergencies_adds_who_is_told() -> None:
    rules = [{"name": "Garde", "emergency": True, "notify": "+15145550190"}]
    found = reaction(CHEST, parts={"priority": rules}).priority
    assert found is not None
    assert (found.level, found.why, found.notify) == (Level.URGENT, EMERGENCY, "+15145550190")
    assert found.notice is not None
    assert "quelqu'un attend" in found.notice


# -- what a text tells of who wrote it


@pytest.mark.parametrize(
    ("text", "wrote"),
    [
        ("Bonjour, je voudrais un rendez-vous", "fr"),
        ("I need an appointment", "en"),
        ("ok merci", None),
        ("Marie Tremblay", None),
        ("ARRET", "fr"),
        ("unsubscribe", "en"),
        ("stop", None),
        ("Out of office", None),
        ('Liked "See you on Monday"', None),
    ],
)
def test_the_language_they_wrote_in(text: str, wrote: str | None) -> None:
    assert reaction(text).wrote == wrote


@pytest.mark.parametrize(
    ("text", "changes", "language"),
    [
        ("I need an appointment", {}, "en"),
        ("I need an appointment", {"language": "fr"}, "en"),
        ("ok", {"wrote": "en"}, "en"),
        ("ok", {"wrote": "en", "language": "fr"}, "en"),
        ("ok", {"language": "en"}, "en"),
        ("ok", {}, "fr"),
        ("stop", {"wrote": "en"}, "en"),
    ],
)
def test_notices_are_in_the_language_they_write(text: str, changes: dict[str, Any], language: str) -> None:
    assert reaction(text, NIGHT, **changes).language == language


def test_a_name_is_offered_where_nobody_has_one() -> None:
    text = "Bonjour, c'est Marie Tremblay, je voudrais un rdv"
    assert reaction(text).offered == "Marie Tremblay"
    assert reaction(text, named=True).offered is None
    assert reaction("ARRET").offered is None
    assert reaction(text, number="12345").offered is None
