"""The settings in force: the file, what the portal changed, and what of that the file no longer allows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ari_app.doctor_settings import judge_standing
from ari_app.errors import SettingsError
from ari_app.settings import Settings, parse
from ari_app.standing import InForce, changed, in_force, source_of

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
FRIDAY = {"date": "2026-03-06", "closed": True}


def settings(**more: Any) -> Settings:
    """A clinic open on weekdays; ``more`` by table."""
    return parse(
        {
            "clinic": {"name": "C", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "p"},
            "hours": {"open": "Mo-Fr 08:00-17:00"},
            **more,
        }
    )


def with_portal(file: Settings, **values: Any) -> InForce:
    """In force with these stored; "_" stands for "." in keys, values are written as JSON unless they are bytes."""
    stored = {
        key.replace("_", "."): (value.decode() if isinstance(value, bytes) else json.dumps(value), AT, "Anne")
        for key, value in values.items()
    }
    return in_force(file, stored)


def test_without_anything_stored_the_file_holds() -> None:
    file = settings()
    held = in_force(file, {})
    assert held.settings == file
    assert held.changes == {}
    assert source_of(held, "hours.exception") == "default"
    assert source_of(held, "hours.open") == "textback.toml"
    assert source_of(held, "reply.text.fr.missed") == "default"


def test_what_the_portal_changed_wins_over_the_file_and_says_who_and_when() -> None:
    file = settings(
        hours={"open": "Mo-Fr 08:00-17:00", "exception": [{"date": "2026-12-24", "open": "08:00-12:00"}]},
        reply={"delay": "45s", "text": {"fr": {"missed": "{clinic}: du fichier", "closed": "{clinic}: du fichier aussi"}}},
    )
    held = with_portal(file, hours_exception=[FRIDAY], reply_mode="watch", reply_text_fr_missed="{clinic}: du portail")
    assert [(each.date.isoformat(), each.closed) for each in held.settings.hours.exception] == [("2026-03-06", True)]
    assert held.settings.reply.mode == "watch"
    assert held.settings.reply.delay == file.reply.delay, "the rest of the table stays"
    assert held.settings.reply.text == {"fr": {"missed": "{clinic}: du portail", "closed": "{clinic}: du fichier aussi"}}
    assert (held.changes["reply.mode"].who, held.changes["reply.mode"].at) == ("Anne", AT)
    assert [
        source_of(held, key) for key in ("hours.exception", "reply.mode", "reply.text.fr.missed", "reply.text.fr.closed", "reply.delay")
    ] == [
        "portal",
        "portal",
        "portal",
        "textback.toml",
        "textback.toml",
    ]
    opening = held.policy.opening("main", datetime(2026, 3, 6, 15, tzinfo=UTC), {})
    assert (opening.open, opening.why) == (False, "exception")
    assert in_force(file, {}).policy.opening("main", datetime(2026, 3, 6, 15, tzinfo=UTC), {}).open


def test_the_keys_a_file_sets_are_still_known_as_set() -> None:
    """What is not written in the file keeps its default's rules: a country other than Canada has no subdivision of Canada's."""
    file = settings(clinic={"name": "C", "number": "+33123456789", "country": "FR", "timezone": "Europe/Paris"})
    held = with_portal(file, hours_exception=[FRIDAY])
    assert "subdivision" not in held.settings.clinic.model_fields_set
    assert not held.left_out


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("hours_exception", [{"date": "2026-13-01", "closed": True}], "hours.exception.0.date: is no date"),
        ("hours_exception", [{"date": "2026-12-24"}], "write either closed = true or open"),
        ("hours_exception", "closed", "hours.exception: is no list"),
        ("hours_exception", [FRIDAY, {**FRIDAY, "colour": "red"}], "hours.exception.1.colour: there is no such key"),
        ("reply_mode", "maybe", "reply.mode: is not known"),
        ("reply_text_fr_missed", 7, "reply.text.fr.missed: is no text"),
        ("reply_text_de_missed", "x", "reply.text.de: there is no such key"),
        ("reply_delay", "5s", "reply.delay: cannot be changed in the portal"),
        ("pbx_password", "x", "pbx.password: cannot be changed in the portal"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_the_fix(key: str, value: Any, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        changed(settings(), key.replace("_", "."), value)
    assert what in caught.value.what
    assert caught.value.fix


def test_a_stored_value_that_cannot_be_used_is_left_out_and_the_others_hold() -> None:
    held = with_portal(
        settings(),
        hours_exception=[FRIDAY, {"date": "2026-03-06", "open": "09:00-12:00"}],  # what the policy alone sees: twice the same date
        reply_mode="watch",
        reply_text_en_missed="{clinic} {nobody}",
        reply_text_fr_missed=b"{not json",
        reply_text_fr_closed="{clinic}: fermé",
        something_else=1,
    )
    assert held.settings.reply.mode == "watch"
    assert held.settings.reply.text == {"fr": {"closed": "{clinic}: fermé"}}
    assert held.settings.hours.exception == ()
    assert set(held.changes) == {"reply.mode", "reply.text.fr.closed"}
    assert {each.key for each in held.left_out} == {"hours.exception", "reply.text.en.missed", "reply.text.fr.missed", "something.else"}
    assert all(each.what and each.fix for each in held.left_out)


def test_a_file_that_was_edited_later_may_forbid_what_was_stored() -> None:
    stored = {"hours_exception": [{"date": "2026-03-06", "open": "09:00-12:00"}]}
    assert with_portal(settings(), **stored).changes
    assert with_portal(settings(hours={"open": "24/7", "holidays": False}), **stored).changes, "and mostly it does not"
    with pytest.raises(SettingsError, match=r"hours\.open"):
        with_portal(settings(hours={"open": "whenever"}), **stored)


def test_doctor_names_what_the_portal_rules_by_whom_and_what_of_it_does_not_hold() -> None:
    held = with_portal(
        settings(),
        hours_exception=[FRIDAY],
        reply_mode="watch",
        reply_text_fr_missed="{clinic}: on vous rappelle \N{TELEPHONE RECEIVER}",
        reply_text_en_missed="{nobody}",
    )
    found = list(judge_standing(held, settings().clinic.zone))
    assert [(each.state, each.code, each.what.partition(",")[0].partition(" ")[0]) for each in found] == [
        ("warn", "setting_left_out", "reply.text.en.missed"),
        ("ok", "portal_setting", "hours.exception"),
        ("warn", "paused", "paused"),
        ("ok", "portal_setting", "reply.text.fr.missed"),
        ("warn", "settings_problem", "reply.text.fr.missed"),
    ]
    assert "by Anne at 2026-03-02 10:00 EST" in found[2].what
    assert list(judge_standing(in_force(settings(), {}), settings().clinic.zone)) == []
