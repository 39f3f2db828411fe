"""The JSON API over real sockets: who may, what it takes, what it answers, and its own description of all that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_app.board import Actor, Role
from ari_app.desk import SHELL
from ari_app.events import StaffChanged
from ari_app.portal.api import ENDPOINTS, description
from ari_app.portal.security import COOKIE
from tests.desk_world import GOOD
from tests.portal.served import Served, served
from tests.threads.world import ALICE, BOB


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as found:
        yield found


class Program:
    """A program with a key."""

    def __init__(self, here: Served, key: str) -> None:
        self._here = here
        self.headers = {"Authorization": f"Bearer {key}"}

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **query: str) -> Any:
        async with self._here.session.request(
            method, f"{self._here.url}/api/v1{path}", json=body, params=query, headers=self.headers
        ) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text)
            if status == 204:
                assert text == ""
                return None
            assert answer.content_type == "application/json"
            return json.loads(text)

    async def code(self, method: str, path: str, body: Any = None, *, status: int, **query: str) -> str:
        error = (await self.ask(method, path, body, status=status, **query))["error"]
        assert set(error) == {"code", "what", "fix"}
        return str(error["code"])


async def program(here: Served, who: Actor | None = None) -> Program:
    return Program(here, await here.key(who or here.administrator))


async def test_a_missed_call_is_listed_read_answered_and_ticked_off(here: Served) -> None:
    thread = await here.clinic.caller()
    api = await program(here)
    [row] = await api.ask("GET", "/inbox")
    assert (row["thread"], row["number"], row["state"], row["opened"], row["last"]["type"]) == (thread, ALICE, "to_answer", False, "call")
    assert (await api.ask("GET", "/counts"))["to_answer"] == 1
    view = await api.ask("GET", f"/threads/{thread}")
    assert [entry["type"] for entry in view["entries"]] == ["call"]
    assert view["entries"][0]["at"].endswith("Z")
    reply = {"text": "Bonjour!", "act": "a1", "seen": view["seen"]}
    written = await api.ask("POST", f"/threads/{thread}/texts", reply, status=201)
    again = await api.ask("POST", f"/threads/{thread}/texts", reply, status=200)
    assert (written["new"], again["new"], again["message"]) == (True, False, written["message"])
    view = await api.ask("GET", f"/threads/{thread}", refresh="true")
    assert (view["row"]["state"], view["row"]["holder"]["name"], view["entries"][0]["text"]) == ("answered", "Admin", "Bonjour!")
    assert await api.ask("POST", f"/threads/{thread}/done") == {"thread": thread, "state": "done", "changed": True}
    assert (await api.ask("POST", f"/threads/{thread}/reopen"))["changed"] is True
    assert [found["row"]["thread"] for found in await api.ask("GET", "/search", words="bonj")] == [thread]


async def test_what_a_thread_is_can_be_changed(here: Served) -> None:
    thread = await here.clinic.caller()
    api = await program(here)
    until = (here.clinic.clock.now() + timedelta(hours=3)).isoformat()
    await api.ask("PUT", f"/threads/{thread}/urgent", {"urgent": True}, status=204)
    await api.ask("PUT", f"/threads/{thread}/name", {"name": "Mme Roy"}, status=204)
    await api.ask("PUT", f"/threads/{thread}/language", {"language": "fr"}, status=204)
    note = await api.ask("POST", f"/threads/{thread}/notes", {"text": "rappeler sa fille", "act": "n1"}, status=201)
    assert note["note"] >= 1
    await api.ask("PUT", f"/threads/{thread}/snooze", {"until": until}, status=204)
    view = await api.ask("GET", f"/threads/{thread}")
    assert (view["row"]["urgent"], view["row"]["name"], view["language"]) == (True, "Mme Roy", "fr")
    assert view["row"]["snoozed"] is not None
    assert "rappeler sa fille" in [entry.get("text") for entry in view["entries"]]
    assert [row["thread"] for row in await api.ask("GET", "/inbox", box="snoozed")] == [thread]
    await api.ask("PUT", f"/threads/{thread}/snooze", {"until": None}, status=204)
    assert (await api.ask("GET", f"/threads/{thread}"))["row"]["snoozed"] is None


async def test_a_held_thread_is_answered_by_a_deliberate_act_only(here: Served) -> None:
    thread = await here.clinic.caller()
    mine, theirs = await program(here), await program(here, here.staff)
    assert (await theirs.ask("PUT", f"/threads/{thread}/claim", {}))["name"] == "Staff"
    assert await mine.code("POST", f"/threads/{thread}/texts", {"text": "Bonjour", "act": "a"}, status=409) == "held"
    await mine.ask("POST", f"/threads/{thread}/texts", {"text": "Bonjour", "act": "a", "takeover": True}, status=201)
    await mine.ask("DELETE", f"/threads/{thread}/claim", status=204)
    assert (
        await theirs.code("POST", f"/threads/{thread}/texts", {"text": "Moi aussi", "act": "b", "seen": 0}, status=409)
        == "answered_meanwhile"
    )
    assert await mine.code("POST", "/texts", {"number": BOB, "text": "Autre", "act": "a"}, status=409) == "id_used"


async def test_a_planned_text_can_be_called_off_and_sent_again(here: Served) -> None:
    api = await program(here)
    at = (here.clinic.clock.now() + timedelta(hours=3)).isoformat()
    written = await api.ask("POST", "/texts", {"number": "514 555-0122", "text": "Rappel", "act": "t", "at": at}, status=201)
    await api.ask("POST", f"/texts/{written['message']}/call-off", status=204)
    view = await api.ask("GET", f"/threads/{written['thread']}")
    assert (view["entries"][0]["state"], view["entries"][0]["again"]) == ("cancelled", True)
    copy = await api.ask("POST", f"/texts/{written['message']}/again", status=201)
    assert copy["message"] != written["message"]
    assert await api.code("POST", "/texts/999/again", status=404) == "not_found"


async def test_a_call_back_rings_the_members_own_telephone(here: Served) -> None:
    thread = await here.clinic.caller()
    api, other = await program(here), await program(here, here.staff)
    asked = await api.ask("POST", f"/threads/{thread}/calls", status=201)
    assert here.clinic.telephones.placed == [(asked["id"], "201", ALICE, None)]
    assert await other.code("POST", f"/threads/{thread}/calls", status=422) == "no_extension"
    assert await api.code("POST", "/calls/nothing/reached", status=404) == "not_found"


async def test_without_a_key_or_a_session_nothing_is_told(here: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic YTpi"}):
        async with here.session.get(f"{here.url}/api/v1/inbox", headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert (await answer.json())["error"]["code"] == "signed_out"


async def test_a_session_may_act_from_our_own_page_only(here: Served) -> None:
    thread = await here.clinic.caller()
    cookies = {"Cookie": f"{COOKIE}={await here.cookie(here.staff)}"}
    where = f"{here.url}/api/v1/threads/{thread}/done"
    for more, status in (
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": here.url}, 200),
    ):
        async with here.session.post(where, headers=cookies | more) as answer:
            assert answer.status == status, (more, await answer.text())
    async with here.session.get(f"{here.url}/api/v1/me", headers=cookies) as answer:
        assert (await answer.json())["name"] == "Staff"


async def test_a_revoked_key_opens_nothing(here: Served) -> None:
    api = await program(here, here.staff)
    await api.ask("GET", "/me")
    [key] = await api.ask("GET", f"/members/{here.staff.member}/keys")
    assert (key["use"], key["revoked"]) == ("api", None)
    assert (await api.ask("DELETE", f"/keys/{key['id']}"))["revoked"] is not None
    assert await api.code("GET", "/me", status=401) == "signed_out"


@pytest.mark.parametrize("each", [each for each in ENDPOINTS if each.role is Role.ADMINISTRATOR], ids=lambda each: each.handler.__name__)
async def test_what_is_an_administrators_is_refused_to_staff(here: Served, each: Any) -> None:
    api = await program(here, here.staff)
    path = each.path.replace("{member}", "1").replace("{canned_id}", "1").replace("{language}", "fr").replace("{trigger}", "missed")
    assert await api.code(each.method, path, status=403) == "forbidden"


async def test_members_are_added_changed_and_sent_away(here: Served) -> None:
    api = await program(here)
    made = await api.ask("POST", "/members", {"login": "anne", "name": "Anne", "extension": "205", "password": GOOD}, status=201)
    assert (made["role"], made["has_password"], "password" in made) == ("staff", True, False)
    assert await api.code("POST", "/members", {"login": "anne", "name": "Autre"}, status=409) == "login_taken"
    changed = await api.ask("PATCH", f"/members/{made['id']}", {"role": "administrator", "extension": ""})
    assert (changed["role"], changed["extension"], changed["name"]) == ("administrator", None, "Anne")
    await api.ask("PUT", f"/members/{made['id']}/pin", {"pin": "4826"}, status=204)
    await api.ask("PUT", f"/members/{made['id']}/password", {"password": "une autre phrase"}, status=204)
    key = await api.ask("POST", f"/members/{made['id']}/keys", {"use": "phone", "brand": "snom", "label": "accueil"}, status=201)
    assert len(key["token"]) == 22
    assert key["token"] not in json.dumps(await api.ask("GET", f"/members/{made['id']}/keys"))
    assert (await api.ask("DELETE", f"/members/{made['id']}/sessions"))["sessions"] == 0
    assert (await api.ask("PATCH", f"/members/{made['id']}", {"active": False}))["active"] is False
    assert len(await api.ask("GET", "/members")) == 3
    assert {"add_member", "change_member", "make_key", "set_pin"} <= {row["act"] for row in await api.ask("GET", "/audit", who="Admin")}


async def test_guessing_is_answered_with_how_long_to_wait(here: Served) -> None:
    api = await program(here, here.staff)
    guess = {"password": "une longue phrase", "current": "a guess"}
    where = f"{here.url}/api/v1/members/{here.staff.member}/password"
    for _ in range(20):
        async with here.session.put(where, json=guess, headers=api.headers) as answer:
            if answer.status == 429:
                assert (await answer.json())["error"]["code"] == "throttled"
                assert int(answer.headers["Retry-After"]) >= 1
                return
            assert (answer.status, (await answer.json())["error"]["code"]) == (401, "bad_login")
    raise AssertionError("twenty guesses, and nobody was slowed down")


async def test_settings_are_changed_and_hold_at_once(here: Served) -> None:
    api = await program(here)
    stands = await api.ask("PUT", "/settings/pause", {"paused": True})
    assert (stands["mode"], stands["mode_source"], stands["mode_change"]["who"]) == ("watch", "portal", "Admin")
    assert here.clinic.standing.settings.reply.mode == "watch"
    assert (await api.ask("PUT", "/settings/pause", {"paused": False}))["mode"] == "send"
    dates = [{"date": "2026-12-24", "closed": True}, {"date": "2026-12-31", "open": "09:00-12:00"}]
    stands = await api.ask("PUT", "/settings/exceptions", {"exceptions": dates})
    assert [(each["date"], each["closed"], each["open"]) for each in stands["exceptions"]] == [
        ("2026-12-24", True, None),
        ("2026-12-31", False, "09:00-12:00"),
    ]
    assert (
        await api.code("PUT", "/settings/exceptions", {"exceptions": [{"date": "2026-12-24", "open": "25:99"}]}, status=422) == "settings"
    )
    assert (await api.ask("PUT", "/settings/exceptions", {"exceptions": None}))["exceptions"] == []
    looked = await api.ask("POST", "/settings/wordings/fr/missed/preview", {"text": "Ici {clinic} ☎"})
    assert (looked["text"], looked["cost"]["alphabet"], looked["cost"]["odd"]) == ("Ici Clinique Rivard ☎", "ucs2", ["☎"])
    stands = await api.ask("PUT", "/settings/wordings/fr/missed", {"text": "Ici {clinic}"})
    assert [each["text"] for each in stands["wordings"] if each["source"] == "portal"] == ["Ici {clinic}"]
    assert await api.code("PUT", "/settings/wordings/fr/missed", {"text": "{nobody}"}, status=422) == "settings"
    await api.ask("PUT", "/settings/wordings/fr/missed", {"text": None})
    assert "secret-of-ari" not in json.dumps(await api.ask("GET", "/settings"))


async def test_ready_replies_are_kept_and_filled_in(here: Served) -> None:
    thread = await here.clinic.caller()
    api = await program(here)
    made = (await api.ask("POST", "/canned", {"language": "fr", "label": "Merci", "text": "Merci {name}, ici {clinic}."}, status=201))[
        "canned"
    ]
    assert (await api.ask("GET", f"/threads/{thread}/canned/{made}"))["text"] == "Merci, ici Clinique Rivard."
    saved = await api.ask("PUT", f"/canned/{made}", {"language": None, "label": "Merci", "text": "Merci!"})
    assert "Merci!" in [each["text"] for each in await api.ask("GET", "/canned", language="en")]
    await api.ask("DELETE", f"/canned/{saved['canned']}", status=204)
    assert await api.code("DELETE", f"/canned/{made}", status=404) == "not_found"


async def test_statistics_and_calls_are_told_for_days(here: Served) -> None:
    await here.clinic.caller()
    api = await program(here, here.staff)
    day = here.clinic.clock.now().date().isoformat()
    assert (await api.ask("GET", "/statistics", since=day, until=day))["missed"] == 1
    [call] = await api.ask("GET", "/calls", since=day, until=day)
    assert (call["number"], call["outcome"], call["reason"]) == (ALICE, "missed", "cooldown")
    assert await api.ask("GET", "/calls", since=day, until=day, before=call["started"], before_id=call["id"]) == []
    assert await api.code("GET", "/statistics", since=day, until="2020-01-01", status=422) == "bad_span"
    assert await api.code("GET", "/statistics", since=day, until=day, line="nowhere", status=404) == "no_line"
    assert ("Staff", "calls_listed") in await here.clinic.acts()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "no_endpoint"),
        ("GET", "/threads/0", None, 404, "not_found"),
        ("GET", "/threads/9223372036854775808", None, 404, "not_found"),
        ("GET", "/threads/7", None, 404, None),
        ("DELETE", "/inbox", None, 405, "wrong_method"),
        ("GET", "/inbox?limit=0", None, 422, "invalid"),
        ("GET", "/inbox?limit=1&limit=2", None, 422, "invalid"),
        ("GET", "/inbox?limits=1", None, 422, "invalid"),
        ("GET", "/statistics?since=0001-01-01&until=9999-12-31", None, 422, "invalid"),
        ("POST", "/texts", b"{", 400, "bad_json"),
        ("POST", "/texts", b'{"number": "\\ud800"}', 400, "bad_json"),
        ("POST", "/texts", b'{"number": 5, "text": "a", "act": "a"}', 422, "invalid"),
        ("POST", "/texts", b'{"number": "+15145550122", "text": "", "act": "a"}', 422, "no_text"),
        ("POST", "/texts", b'{"number": "+15145550122", "text": "a", "act": "a b"}', 422, "invalid"),
        ("POST", "/texts", b'{"number": "+15145550122", "text": "a", "act": "a", "extra": 1}', 422, "invalid"),
        ("POST", "/texts", b'{"number": "+15145550122", "text": "a", "act": "a", "at": "2026-12-01T10:00:00"}', 422, "invalid"),
        ("POST", "/texts", b'{"number": "+15145550122", "text": "a", "act": "a", "at": "0001-01-01T00:00:00+23:00"}', 422, "invalid"),
        ("POST", "/texts", b" " * 100_000, 413, "too_big"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_fix(  # noqa: PLR0917 - pytest names them
    here: Served, method: str, path: str, body: bytes | None, status: int, code: str | None
) -> None:
    headers = (await program(here)).headers | ({"Content-Type": "application/json"} if body is not None else {})
    async with here.session.request(method, f"{here.url}/api/v1{path}", data=body, headers=headers) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (status, code or error["code"])
        assert error["what"]
        if status == 405:
            assert answer.headers["Allow"] == "GET"


async def test_a_body_that_is_no_json_is_not_guessed_at(here: Served) -> None:
    headers = (await program(here)).headers
    async with here.session.post(f"{here.url}/api/v1/texts", data={"number": ALICE}, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (415, "not_json")


def test_the_description_tells_every_endpoint_whole() -> None:
    told = description()
    assert told["openapi"] == "3.1.0"
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    # and the live stream
    assert len(operations) == len({operation["operationId"] for operation in operations}) == len(ENDPOINTS) + 2
    for operation in operations:
        assert operation["summary"]
        assert {"401", "429", "503"} <= set(operation["responses"])
    row = told["components"]["schemas"]["Row"]
    assert set(row["required"]) == set(row["properties"])
    assert row["properties"]["number"]["description"].startswith("E.164")


async def test_the_description_is_there_without_a_key(here: Served) -> None:
    async with here.session.get(f"{here.url}/api/v1/openapi.json") as answer:
        assert answer.status == 200
        assert (await answer.json())["paths"].keys() == description()["paths"].keys()


async def test_a_program_is_told_what_changes_until_its_key_is_revoked(here: Served) -> None:
    api = await program(here, here.staff)
    live = here.live
    running = asyncio.create_task(live.run())
    try:
        async with here.session.get(f"{here.url}/api/v1/events", headers=api.headers) as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            assert await event(answer) == ("stale", {})
            thread = await here.clinic.caller()
            live.noticed(here.clinic.heard)
            name, told = await event(answer)
            assert (name, [row["thread"] for row in told["rows"]], told["counts"]["to_answer"]) == ("rows", [thread], 1)
            assert told["rows"] == await api.ask("GET", "/inbox")
            live.overdue((thread,))
            assert await event(answer) == ("overdue", {"threads": [thread]})
            [key] = await here.clinic.desk.keys(here.staff.member, by=SHELL)
            await here.clinic.desk.revoke_key(key.id, by=SHELL)
            live.noticed([StaffChanged(here.staff.member or 0)])
            assert await event(answer) == ("ended", {})
            assert await answer.content.read() == b""
    finally:
        live.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def event(answer: aiohttp.ClientResponse) -> tuple[str, Any]:
    """The next event of a stream: its name and its data."""
    async with asyncio.timeout(20):
        fields: dict[str, str] = {}
        while line := (await answer.content.readline()).decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                return fields["event"], json.loads(fields["data"])
            else:
                fields = {}
    raise AssertionError("the stream ended")
