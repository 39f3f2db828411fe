"""What administrators see and change: settings at once in force, ready replies, members and their keys, the audit; and who may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.board import Face, Role
from ari_app.desk import CANNED_PLACEHOLDERS, SHELL, Desk
from ari_app.desk.replies import READY
from ari_app.desk.shell import VERBS, perform
from ari_app.errors import NotFoundError, RefusedError, SettingsError, TextbackError
from ari_app.model import DecisionKind, Reason, Trigger
from ari_app.policy.wording import check
from ari_app.standing import Standing
from modem.alphabet import segments
from tests.desk_world import GOOD, Clinic, clinic, settings
from tests.threads.world import ALICE, BOB, a_call

FRIDAY = {"date": "2026-03-06", "closed": True}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path) as opened:
        yield opened


async def missed(house: Clinic, number: str = ALICE) -> tuple[str, str]:
    """A missed call, decided about by the policy in force: (decision, reason)."""
    call = a_call(number, ended=house.clock.at)
    recorded = await house.store.record_call(call, lambda filed, known: house.standing.decide(filed, known, house.clock.at), line="main")
    return str(recorded.kind), str(recorded.reason)


# -- who may

ADMINISTRATORS: dict[str, Callable[[Desk, Any], Awaitable[Any]]] = {
    "audit": lambda desk, by: desk.audit(by),
    "settings": lambda desk, by: desk.settings(by),
    "set_exceptions": lambda desk, by: desk.set_exceptions([], by=by),
    "set_wording": lambda desk, by: desk.set_wording("fr", Trigger.MISSED, "x", by=by),
    "preview": lambda desk, by: desk.preview("fr", Trigger.MISSED, "x", by=by),
    "pause": lambda desk, by: desk.pause(True, by=by),
    "save_canned": lambda desk, by: desk.save_canned(None, "fr", "a", "b", by=by),
    "remove_canned": lambda desk, by: desk.remove_canned(-1, by=by),
    "members": lambda desk, by: desk.members(by=by),
    "member": lambda desk, by: desk.member(1, by=by),
    "add_member": lambda desk, by: desk.add_member("eve", "Eve", Role.STAFF, by=by),
    "promote oneself": lambda desk, by: desk.change_member(by.member, role=Role.ADMINISTRATOR, by=by),
    "take a phone": lambda desk, by: desk.change_member(by.member, extension="101", by=by),
    "language of another": lambda desk, by: desk.change_member(1, language="fr", by=by),
    "password of another": lambda desk, by: desk.set_password(1, GOOD, by=by),
    "pin of another": lambda desk, by: desk.set_pin(1, "4711", by=by),
    "sessions of another": lambda desk, by: desk.end_sessions(1, by=by),
    "keys of all": lambda desk, by: desk.keys(by=by),
    "make_key": lambda desk, by: desk.make_key(by.member, "api", None, "x", by=by),
    "key of another": lambda desk, by: desk.revoke_key(1, by=by),
}


@pytest.mark.parametrize("act", list(ADMINISTRATORS))
async def test_staff_may_not_what_administrators_may(house: Clinic, act: str) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR)
    await house.desk.make_key(boss.member or 0, "api", None, "boss", by=SHELL)
    eve = await house.member("Eve2")
    before = await house.acts()
    with pytest.raises(RefusedError, match="only an administrator") as caught:
        await ADMINISTRATORS[act](house.desk, eve)
    assert caught.value.code == "forbidden"
    assert await house.acts() == before


# -- settings


async def test_a_pause_holds_for_the_next_call_is_explained_and_ends(house: Clinic) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR)
    assert await missed(house) == (DecisionKind.PENDING, Reason.MISSED)
    await house.desk.pause(True, by=boss)
    assert await missed(house, BOB) == (DecisionKind.SILENCE, Reason.PAUSED)
    told = await house.desk.settings(boss)
    assert (told.mode, told.mode_source) == ("watch", "portal")
    assert told.mode_change is not None
    assert (told.mode_change.who, told.mode_change.at) == ("Boss", house.clock.at)
    await house.desk.pause(False, by=boss)
    assert (await house.desk.settings(boss)).mode_source == "default"
    assert await missed(house, "+15145550107") == (DecisionKind.PENDING, Reason.MISSED)


async def test_a_text_that_was_due_when_the_clinic_paused_does_not_go(house: Clinic) -> None:
    """The outbox decides again when it is due (design rule 6), by what is in force then."""
    await missed(house)
    await house.desk.pause(True, by=SHELL)
    house.clock.move(minutes=1)
    (due,) = (await house.store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due
    assert await house.store.claim(due.id, house.standing.decide, lambda *_: (), live=False) is None
    (call,) = await house.store.calls()
    assert (call["decision"], call["reason"]) == ("silence", "paused")


async def test_what_stops_texts_in_the_file_is_not_undone_here(tmp_path: Path) -> None:
    async with clinic(tmp_path, reply={"mode": "off"}) as house:
        for on in (True, False):
            with pytest.raises(RefusedError, match=r'reply\.mode = "off"') as caught:
                await house.desk.pause(on, by=SHELL)
            assert caught.value.code == "paused_in_file"


async def test_closed_this_friday(house: Clinic) -> None:
    friday = house.clock.at + timedelta(days=4)
    assert house.standing.opening("main", friday, {}).open
    changes: list[bool] = []
    house.standing.on_change(lambda: changes.append(house.standing.opening("main", friday, {}).open))
    await house.desk.set_exceptions([FRIDAY], by=SHELL)
    assert changes == [False], "whoever tells the dialplan is told, when it already holds"
    told = await house.desk.settings(SHELL)
    assert ([each.date for each in told.exceptions], told.exceptions_source) == ([date(2026, 3, 6)], "portal")
    await house.desk.set_exceptions([], by=SHELL)
    assert house.standing.opening("main", friday, {}).open
    await house.desk.set_exceptions(None, by=SHELL)
    assert (await house.desk.settings(SHELL)).exceptions_source == "default"


async def test_the_whole_list_of_the_portal_replaces_that_of_the_file(tmp_path: Path) -> None:
    async with clinic(tmp_path, hours={"open": "24/7", "exception": [{"date": "2026-12-24", "closed": True}]}) as house:
        assert (await house.desk.settings(SHELL)).exceptions_source == "textback.toml"
        await house.desk.set_exceptions([FRIDAY], by=SHELL)
        assert [each.date.isoformat() for each in (await house.desk.settings(SHELL)).exceptions] == ["2026-03-06"]


async def test_words_of_ones_own_go_out_and_are_seen_before(house: Clinic) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR)
    words = "{clinic}: on vous a manqué! Écrivez-nous ici. {number}"
    text, cost = await house.desk.preview("fr", Trigger.MISSED, words, by=boss)
    assert text == "Clinique Rivard: on vous a manqué! Écrivez-nous ici. 514 555-0199"
    assert (cost.parts, cost.odd) == (1, ())
    await house.desk.set_wording("fr", Trigger.MISSED, words, by=boss)
    await missed(house)
    assert [each["text"] for each in (await house.store.thread(ALICE))["messages"]] == [text]
    wording = next(each for each in (await house.desk.settings(boss)).wordings if (each.language, each.trigger) == ("fr", Trigger.MISSED))
    assert (wording.text, wording.source) == (words, "portal")
    await house.desk.set_wording("fr", Trigger.MISSED, None, by=boss)
    wording = next(each for each in (await house.desk.settings(boss)).wordings if (each.language, each.trigger) == ("fr", Trigger.MISSED))
    assert wording.source == "default"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda desk: desk.set_exceptions([{"date": "vendredi", "closed": True}], by=SHELL), "hours.exception.0.date"),
        (lambda desk: desk.set_exceptions([{"date": "2026-03-06", "open": "9 to 5"}], by=SHELL), "hours.exception (2026-03-06).open"),
        (lambda desk: desk.set_exceptions([FRIDAY, FRIDAY], by=SHELL), "hours.exception"),
        (lambda desk: desk.set_wording("fr", Trigger.MISSED, "{patient}", by=SHELL), "reply.text.fr.missed"),
        (lambda desk: desk.set_wording("fr", Trigger.MISSED, "un { de trop", by=SHELL), "reply.text.fr.missed"),
        (lambda desk: desk.set_wording("fr", Trigger.MISSED, "  ", by=SHELL), "reply.text.fr.missed"),
        (lambda desk: desk.preview("en", Trigger.CLOSED, "{clinic.number}", by=SHELL), "reply.text.en.closed"),
    ],
)
async def test_a_bad_value_is_refused_with_its_key_and_nothing_changes(
    house: Clinic, change: Callable[[Desk], Awaitable[None]], key: str
) -> None:
    before = house.standing.settings
    with pytest.raises(SettingsError) as caught:
        await change(house.desk)
    assert caught.value.what.startswith(f"{key}: ")
    assert caught.value.fix
    assert house.standing.settings == before
    assert await house.store.board.settings() == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda desk: desk.set_wording("fr", Trigger.MISSED, "x" * 1001, by=SHELL), "too_long"),
        (lambda desk: desk.set_wording("fr", Trigger.MISSED, "\ud800", by=SHELL), "not_utf8"),
        (lambda desk: desk.set_wording("de", Trigger.MISSED, "x", by=SHELL), "no_language"),
        (lambda desk: desk.set_exceptions([FRIDAY] * 201, by=SHELL), "too_long"),
        (lambda desk: desk.statistics(SHELL, date(2026, 3, 2), date(2026, 3, 1)), "bad_span"),
        (lambda desk: desk.statistics(SHELL, date(1990, 1, 1), date(2026, 3, 1)), "bad_span"),
    ],
)
async def test_other_wrong_input_is_refused_too(house: Clinic, change: Callable[[Desk], Awaitable[None]], code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await change(house.desk)
    assert caught.value.code == code


async def test_what_the_portal_rules_is_there_after_a_restart_and_no_secret_is_told(tmp_path: Path) -> None:
    async with clinic(tmp_path) as house:
        await house.desk.pause(True, by=SHELL)
        await house.desk.set_exceptions([FRIDAY], by=SHELL)
    async with clinic(tmp_path) as house:
        told = await house.desk.settings(SHELL)
        assert (told.mode, told.exceptions_source, told.left_out) == ("watch", "portal", ())
        assert told.file["clinic"]["name"] == "Clinique Rivard"
        assert told.file["reply"]["delay"]
        assert "secret-of-ari" not in json.dumps(told.file)
        assert "password" not in told.file["pbx"]


async def test_a_value_the_store_should_not_hold_is_left_out_and_told(tmp_path: Path) -> None:
    async with clinic(tmp_path) as house:
        await house.store.acts.set_setting("hours.exception", '[{"date": "someday"}]', SHELL)
        await house.store.acts.set_setting("reply.mode", '"watch"', SHELL)
    async with clinic(tmp_path) as house:
        told = await house.desk.settings(SHELL)
        assert [each.key for each in told.left_out] == ["hours.exception"]
        assert told.mode == "watch"


# -- ready replies


def test_the_ready_replies_are_one_sms_each_and_there_are_as_many_in_either_language() -> None:
    for reply in READY:
        check(reply.text, "text", CANNED_PLACEHOLDERS)
        whole = reply.text.format(
            clinic="Clinique dentaire Rivard", number="514 555-0199", opens="mercredi à 13 h 30", emergency="911", name="Mme Marie Tremblay"
        )
        assert segments(whole).parts == 1, whole
    assert sum(reply.language == "fr" for reply in READY) == sum(reply.language == "en" for reply in READY) >= 6


async def test_ready_replies_are_there_at_once_and_become_the_clinics_own_when_one_is_changed(house: Clinic) -> None:
    anne = await house.member()
    french = await house.desk.canned(anne, "fr")
    assert french == tuple(reply for reply in READY if reply.language == "fr")
    kept = await house.desk.save_canned(french[0].id, "fr", "Rappel", "On vous rappelle. {clinic}", by=SHELL)
    own = await house.desk.canned(anne, "fr")
    assert [(each.label, each.text) for each in own] == [("Rappel", "On vous rappelle. {clinic}")] + [
        (each.label, each.text) for each in french[1:]
    ]
    assert own[0].id == kept > 0
    both = await house.desk.save_canned(None, None, "OK", "OK 👍", by=SHELL)
    assert both in {each.id for each in await house.desk.canned(anne, "fr")} & {each.id for each in await house.desk.canned(anne, "en")}
    for each in await house.desk.canned(anne):
        await house.desk.remove_canned(each.id, by=SHELL)
    assert await house.desk.canned(anne) == (), "none is wanted"


@pytest.mark.parametrize(
    ("label", "text", "error"),
    [("", "x", "no_text"), ("x" * 41, "x", "too_long"), ("a", "x" * 1001, "too_long"), ("a", "{nom}", "settings"), ("a", " ", "settings")],
)
async def test_a_ready_reply_that_cannot_be_used_is_refused(house: Clinic, label: str, text: str, error: str) -> None:
    with pytest.raises(TextbackError) as caught:
        await house.desk.save_canned(None, "fr", label, text, by=SHELL)
    assert caught.value.code == error
    assert await house.desk.canned(SHELL, "fr") == tuple(reply for reply in READY if reply.language == "fr")


async def test_two_administrators_who_begin_at_once_get_one_set_of_ready_replies(house: Clinic) -> None:
    await asyncio.gather(*(house.desk.save_canned(None, "fr", f"de {name}", "x", by=SHELL) for name in "abc"))
    assert len(await house.desk.canned(SHELL, "fr")) == sum(reply.language == "fr" for reply in READY) + 3


async def test_ready_replies_that_are_not_there(house: Clinic) -> None:
    thread = await house.caller()
    for act in (
        lambda: house.desk.fill(SHELL, thread, 99),
        lambda: house.desk.remove_canned(-99, by=SHELL),
        lambda: house.desk.remove_canned(99, by=SHELL),
        lambda: house.desk.save_canned(99, "fr", "a", "b", by=SHELL),
    ):
        with pytest.raises(NotFoundError):
            await act()


async def test_placeholders_are_filled_for_the_caller_and_a_name_only_where_it_is_known(house: Clinic) -> None:
    thread = await house.caller()
    reply = await house.desk.save_canned(None, None, "a", "Bonjour {name}, {clinic} {number}: {opens}. {{{emergency}}}", by=SHELL)
    assert await house.desk.fill(SHELL, thread, reply) == "Bonjour, Clinique Rivard 514 555-0199: mardi à 8 h. {911}"
    await house.desk.rename(thread, "{clinic} Côté", by=SHELL)
    await house.desk.speak(thread, "en", by=SHELL)
    assert await house.desk.fill(SHELL, thread, reply) == "Bonjour {clinic} Côté, Clinique Rivard 514 555-0199: Tuesday at 8:00 am. {911}"
    house.clock.move(hours=8)
    await house.desk.set_exceptions([{"date": "2026-03-03", "closed": True}], by=SHELL)
    assert "Wednesday at 8:00 am" in await house.desk.fill(SHELL, thread, reply), "by what is in force now"


# -- members


async def test_members_are_added_changed_and_say_what_is_wrong(house: Clinic) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR, extension="100", language="fr")
    anne = await house.desk.add_member("anne.roy@x", "Anne  Roy", Role.STAFF, extension="101", password=GOOD, by=boss)
    assert (anne.name, anne.has_password, anne.has_pin, anne.extension, anne.language) == ("Anne Roy", True, False, "101", None)
    changed = await house.desk.change_member(anne.id, language="en", by=boss)
    assert (changed.language, changed.extension) == ("en", "101"), "what is not given stays"
    changed = await house.desk.change_member(anne.id, extension="", role=Role.ADMINISTRATOR, by=boss)
    assert (changed.language, changed.extension, changed.role) == ("en", None, Role.ADMINISTRATOR)
    for wrong, code in (
        (house.desk.add_member("ANNE.ROY@x", "A", Role.STAFF, by=boss), "login_taken"),
        (house.desk.add_member("bob", "B", Role.STAFF, extension="100", by=boss), "extension_taken"),
        (house.desk.add_member("é", "B", Role.STAFF, by=boss), "bad_login_name"),
        (house.desk.add_member("bob", " ", Role.STAFF, by=boss), "no_text"),
        (house.desk.add_member("bob", "B", Role.STAFF, extension="1-0", by=boss), "bad_extension"),
        (house.desk.add_member("bob", "B", Role.STAFF, password="short", by=boss), "bad_password"),
        (house.desk.set_pin(anne.id, "12", by=boss), "bad_pin"),
    ):
        with pytest.raises(RefusedError) as caught:
            await wrong
        assert caught.value.code == code
    assert [each.login for each in await house.desk.members(by=boss)] == ["anne.roy@x", "boss"]


async def test_the_last_administrator_stays_one(house: Clinic) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR)
    for change in ({"active": False}, {"role": Role.STAFF}):
        with pytest.raises(RefusedError) as caught:
            await house.desk.change_member(boss.member or 0, by=boss, **change)
        assert caught.value.code == "last_administrator"


async def test_members_change_their_own_password_with_the_present_one(house: Clinic) -> None:
    anne = await house.member(password=GOOD)
    mine = anne.member or 0
    token = await house.doors.sign_in("anne", GOOD, anne.address)
    for wrong in (None, "", GOOD + "!"):
        with pytest.raises(RefusedError) as caught:
            await house.desk.set_password(mine, "one two three four", current=wrong, by=anne)
        assert caught.value.code == "bad_login"
    await house.desk.set_password(mine, "one two three four", current=GOOD, by=anne)
    assert await house.doors.session(token, anne.address) is None
    await house.doors.sign_in("anne", "one two three four", anne.address)
    await house.desk.set_pin(mine, "4711", by=anne)
    assert (await house.desk.change_member(mine, language="fr", by=anne)).language == "fr"
    assert (await house.desk.member(mine, by=anne)).has_pin


async def test_keys_are_shown_once_and_each_member_may_revoke_their_own(house: Clinic) -> None:
    anne, bob = await house.member(), await house.member("Bob")
    made = await house.desk.make_key(anne.member or 0, "phone", "yealink", " Accueil ", by=SHELL)
    assert (made.key.label, made.key.brand, made.key.use) == ("Accueil", "yealink", "phone")
    (listed,) = await house.desk.keys(anne.member, by=anne)
    assert listed == made.key
    with pytest.raises(RefusedError):
        await house.desk.revoke_key(made.key.id, by=bob)
    assert (await house.desk.revoke_key(made.key.id, by=anne)).revoked == house.clock.at
    for use, brand, code in (("phone", None, "no_brand"), ("phone", "nokia", "no_brand")):
        with pytest.raises(TextbackError) as caught:
            await house.desk.make_key(anne.member or 0, use, brand, "x", by=SHELL)  # type: ignore[arg-type]
        assert caught.value.code == code
    with pytest.raises(NotFoundError):
        await house.desk.revoke_key(99, by=SHELL)
    await house.desk.change_member(bob.member or 0, active=False, by=SHELL)
    with pytest.raises(RefusedError):
        await house.desk.make_key(bob.member or 0, "api", None, "x", by=SHELL)


async def test_everything_done_stands_in_the_audit_with_who_and_from_where_and_no_secret(house: Clinic) -> None:
    boss = await house.member("Boss", Role.ADMINISTRATOR)
    anne = await house.desk.add_member("anne", "Anne", Role.STAFF, password=GOOD, by=boss)
    made = await house.desk.make_key(anne.id, "phone", "snom", "Door", by=boss)
    await house.desk.set_pin(anne.id, "4711", by=boss)
    await house.desk.pause(True, by=boss)
    await house.desk.set_wording("fr", Trigger.MISSED, "Secret de polichinelle {clinic}", by=boss)
    thread = await house.caller()
    await house.desk.reply(thread, "Un mot pour vous seule", by=boss, act="x")
    await house.desk.note(thread, "Elle pleurait", by=boss, act="y")
    await house.desk.rename(thread, "Mme Côté", by=boss)
    told = await house.desk.audit(SHELL)
    ours = [each for each in told if each.who == "Boss"]
    assert {(each.face, each.address) for each in ours} == {(Face.WEB, "192.0.2.1")}
    assert {"add_member", "make_key", "set_pin", "send", "note"} <= {each.act for each in ours}
    assert len(ours) >= 8
    words = " ".join(each.what for each in told)
    for secret in (GOOD, "4711", made.token, "mot pour", "pleurait", "Côté", "5550101"):
        assert secret not in words


# -- commands


async def test_a_command_asks_by_name_with_json_in_and_out(house: Clinic) -> None:
    added = await perform(house.desk, "add_member", {"login": "anne", "name": "Anne", "role": "staff", "language": "fr"})
    assert (added["id"], added["role"], added["has_password"]) == (1, "staff", False)
    made = await perform(house.desk, "make_key", {"member": 1, "use": "phone", "brand": "yealink", "label": "x"})
    assert len(made["token"]) == 22
    assert json.loads(json.dumps(made))["key"]["created"].startswith("2026-03-02T15:00:00")
    assert [each["login"] for each in await perform(house.desk, "members", {})] == ["anne"]
    assert await perform(house.desk, "pause", {"on": True}) is None
    assert house.standing.settings.reply.mode == "watch"


@pytest.mark.parametrize(
    ("verb", "args", "what"),
    [
        ("thread", {"thread": 1}, "'thread'"),
        ("__init__", {}, "'__init__'"),
        ("add_member", {"login": "anne"}, "name: "),
        ("add_member", {"login": "anne", "name": "Anne", "role": "king"}, "role: "),
        ("add_member", {"login": "anne", "name": "Anne", "role": "staff", "colour": "red"}, "colour: "),
        ("members", {"by": {"member": 1}}, "'members'"),
        ("send", {"number": 12, "text": "x"}, "number: "),
        ("pause", {"on": [1]}, "on: "),
    ],
)
async def test_a_command_that_asks_wrongly_is_told_what(house: Clinic, verb: str, args: dict[str, Any], what: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await perform(house.desk, verb, args)
    assert caught.value.code == "bad_request"
    assert what in caught.value.what


def test_every_verb_for_commands_is_one_of_the_desks() -> None:
    assert all(callable(getattr(Desk, verb, None)) for verb in VERBS)


def test_a_file_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"hours\.open"):
        Standing(settings(tmp_path / "t.db", hours={"open": "never ever"}))
