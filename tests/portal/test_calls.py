"""Calls that ring, messages left and what is filed, as browsers without scripts and programs see them: over real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup

from ari_app.board import Ringing, VoicemailEntry
from ari_app.desk import SHELL
from ari_app.model import Kind, Reached, Reason
from ari_app.person import PersonNumber, Record
from ari_app.portal.ringing import banner
from ari_app.portal.speech import Speech
from ari_app.portal.voicemail import part_of
from tests.desk_world import GOOD
from tests.left import leave, tone
from tests.portal.test_live import looking
from tests.portal.test_pages import LIMIT, fields, read, weight, words
from tests.portal.world import ALICE, BOB, Stage, signed_in, stage
from tests.threads.world import until

MODEM = [{"name": "gsm1", "port": "/dev/ttyUSB0"}]


async def known(where: Stage, *people: tuple[str, str, Kind], number: str = ALICE) -> None:
    records = [Record(external=external, name=name, kind=kind, numbers=(PersonNumber(number=number),)) for name, external, kind in people]
    await where.store.contacts.apply(records, "import")


# -- calls that ring


async def test_every_page_shows_who_rings_until_nobody_does(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where:
        await where.member(password=GOOD)
        await where.member("Bob", password=GOOD, language="fr")
        await known(where, ("Élodie <Côté>", "1", Kind.CLIENT), ("Marc Côté", "2", Kind.CLIENT))
        async with signed_in(where) as client, signed_in(where, "bob") as french, looking(client) as one, looking(french) as two:
            call = await where.exchange.ring(ALICE, "101", at=where.clock.at)
            name, data = await one.next()
            assert name == "ringing"
            shown = words(data["html"])
            assert "Élodie <Côté>, Marc Côté Client" in shown
            assert "since 10:00" in shown
            assert "Decline and text" in shown
            assert f'data-call="{call}" data-extensions="101"' in data["html"]
            assert "Élodie &lt;Côté&gt;" in data["html"]
            assert "depuis 10 h 00" in words((await two.next())[1]["html"]).replace("\u00a0", " ")
            for path in ("/", "/statistics", "/me", "/new"):
                assert "Marc Côté" in words(await read(client, path)), path
            await where.exchange.ring(BOB, "102", at=where.clock.at, did="5145550210")
            _, data = await one.next()
            assert "New caller" in words(data["html"])
            assert words(data["html"]).index("Marc Côté") < words(data["html"]).index("(514) 555-0102"), "the one that waits longest first"
            where.exchange.answer(call)
            assert "Marc" not in (await one.next())[1]["html"]
            where.exchange.end("1772470000.2")
            assert (await one.next()) == ("ringing", {"html": ""})
            assert 'id="ringing"></div>' in await read(client, "/")
            assert (await (await client.get("/ringing")).json()) == {"html": ""}


async def test_a_call_is_drawn_once_in_a_language_however_many_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def draws(templates: Environment, calls: Sequence[Ringing], t: Speech) -> Markup:
        drawn.append(t.language)
        return banner(templates, calls, t)

    monkeypatch.setattr("ari_app.portal.live.banner", draws)
    async with stage(tmp_path, modem=MODEM) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            await read(client, "/")
            async with asyncio.TaskGroup() as group:

                async def one() -> tuple[str, object]:
                    async with looking(client) as page:
                        return await page.next()

                pages = [group.create_task(one()) for _ in range(30)]
                await until(lambda: where.portal.live.watching == 30)
                await where.exchange.ring(ALICE, "101", at=where.clock.at)
        assert {page.result()[0] for page in pages} == {"ringing"}
        assert sorted(drawn) == ["en", "fr"]


async def test_who_was_away_when_a_call_ended_is_told_to_look_again(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            async with looking(client) as page:
                call = await where.exchange.ring(ALICE, "101", at=where.clock.at)
                await page.next()
                last = page.last
            await until(lambda: where.portal.live.watching == 0)
            where.exchange.end(call)
            await until(lambda: not where.portal.live.ringing("en"))
            async with looking(client, **{"Last-Event-ID": last}) as page:
                assert (await page.next())[0] == "stale"


async def test_a_form_declines_and_the_thread_is_whose_button_it_was(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where:
        anne = await where.member(password=GOOD)
        async with signed_in(where) as client:
            call = await where.exchange.ring(ALICE, "101", at=where.clock.at)
            await until(lambda: bool(where.portal.live.ringing("en")))
            page = await read(client, "/statistics")
            assert fields(page, "/ringing") == {"call": call}
            answer = await client.post("/ringing", data={"call": call}, allow_redirects=False)
            assert answer.status == 303
            assert where.exchange.sent_away == [call]
            shown = words(await read(client, answer.headers["Location"]))
            assert "Declined. The text goes, and the conversation is yours." in shown
            assert "You are answering this conversation" in shown or "You answer" in shown
            (row,) = await where.desk.rows((1,))
            assert row.holder is not None
            assert row.holder.member == anne.member
            again = await client.post("/ringing", data={"call": call})
            assert (again.status, "This call rings no more." in words(await again.text())) == (409, True)


@pytest.mark.parametrize(
    ("case", "said"), [("no_ami", "No call can be declined from here."), ("answered", "Somebody took this call."), ("stop", "STOP")]
)
async def test_why_a_call_is_not_declined(tmp_path: Path, case: str, said: str) -> None:
    async with stage(tmp_path, modem=MODEM) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            if case == "stop":
                await where.text(ALICE, "STOP", opts_out=True)
            call = await where.exchange.ring(ALICE, "101", at=where.clock.at)
            where.exchange.can = case != "no_ami"
            if case == "answered":
                where.exchange.answer(call)
            answer = await client.post("/ringing", data={"call": call}, headers={"X-Textback": "fragment"})
            assert answer.status == 409
            assert said in words(await answer.text())
            assert where.exchange.sent_away == []


@pytest.mark.parametrize("case", ["hidden", "no_ami", "no_modem", ""])
async def test_what_cannot_be_declined_is_shown_and_has_no_button(tmp_path: Path, case: str) -> None:
    async with stage(tmp_path, modem=[] if case == "no_modem" else MODEM) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            where.exchange.can = case != "no_ami"
            await where.exchange.ring(None if case == "hidden" else ALICE, "101", at=where.clock.at)
            await until(lambda: bool(where.portal.live.ringing("en")))
            page = await read(client, "/")
            assert ("No number shown" if case == "hidden" else "(514) 555-0101") in words(page)
            assert ('action="/ringing"' in page) is not bool(case)


async def test_programs_see_and_decline_what_rings(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where:
        anne = await where.member()
        assert anne.member is not None
        token = (await where.desk.make_key(anne.member, "api", None, "wall", by=SHELL)).token
        async with aiohttp.ClientSession(where.url, headers={"Authorization": f"Bearer {token}"}) as program:
            async with program.get("/api/v1/events") as stream:
                await until(lambda: where.portal.live.watching == 1)
                call = await where.exchange.ring(ALICE, "101", "102", at=where.clock.at)
                heard = b""
                while b"event: ringing" not in heard or not heard.endswith(b"\n\n"):
                    heard += await stream.content.readany()
                assert call.encode() in heard
            (found,) = await (await program.get("/api/v1/ringing")).json()
            assert (found["id"], found["number"], found["extensions"], found["line"]) == (call, ALICE, ["101", "102"], "main")
            answer = await program.post(f"/api/v1/ringing/{call}/decline")
            assert (answer.status, await answer.json()) == (200, {"thread": 1})
            answer = await program.post(f"/api/v1/ringing/{call}/decline")
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "not_ringing")


# -- messages left


async def test_a_message_left_stands_in_its_thread_and_is_marked_by_a_form(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed(ALICE, Reason.VOICEMAIL, reached=Reached.VOICEMAIL)
        path = where.standing.file.store.path
        first = leave(path, thread, where.clock.at, seconds=65.0, transcript="call <me> back", sound=tone(1.0))
        gone = leave(path, thread, where.clock.at, sound=None, heard=True)
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{thread}")
            player = re.search(r"<audio[^>]*>", page)
            assert player is not None
            assert f'controls preload="none" src="/voicemail/{first}/sound"' in player[0]
            shown = words(page)
            for said in (
                "1 min 05 s",
                "Not heard yet",
                "Written down by a machine, may be wrong call <me> back",
                "Heard on a phone, 10:00",
            ):
                assert said in shown, said
            assert "Its sound is not kept here." in shown
            assert f"/voicemail/{gone}/sound" not in page
            answer = await client.post(f"/thread/{thread}/heard", data={"voicemail": str(first), "on": "1"})
            assert "Heard by Anne" in words(await answer.text())
            answer = await client.post(f"/thread/{thread}/heard", data={"voicemail": str(first), "on": "0"})
            assert "Heard by Anne" not in words(await answer.text())
            answer = await client.post(f"/thread/{thread}/heard", data={"voicemail": "999", "on": "1"})
            assert (answer.status, "This message is not there." in words(await answer.text())) == (409, True)


async def test_its_sound_is_served_whole_and_in_parts_to_members_alone_and_kept_nowhere(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed(ALICE)
        sound = tone(2.0)
        path = f"/voicemail/{leave(where.standing.file.store.path, thread, where.clock.at, sound=sound)}/sound"
        async with aiohttp.ClientSession(where.url) as stranger:
            answer = await stranger.get(path, allow_redirects=False)
            assert answer.status == 303
            assert (await answer.read()) == b""
        async with signed_in(where) as client:
            whole = await client.get(path)
            assert (whole.status, whole.content_type, await whole.read()) == (200, "audio/flac", sound)
            assert whole.headers["Cache-Control"] == "private, no-store"
            assert whole.headers["Accept-Ranges"] == "bytes"
            assert "media-src 'self'" in whole.headers["Content-Security-Policy"]
            assert whole.headers["X-Content-Type-Options"] == "nosniff"
            tag = whole.headers["ETag"]
            size = len(sound)
            for asked, status, found in (
                ("bytes=0-", 206, sound),
                ("bytes=10-19", 206, sound[10:20]),
                (f"bytes={size - 5}-{size + 5000}", 206, sound[-5:]),
                ("bytes=-7", 206, sound[-7:]),
                (f"bytes={size}-", 416, b""),
                ("bytes=-0", 416, b""),
                ("bytes=9-2", 200, sound),
                ("bytes=0-1,5-6", 200, sound),
                ("lines=0-1", 200, sound),
                ("bytes=0-\u0663", 200, sound),
            ):
                part = await client.get(path, headers={"Range": asked})
                assert (part.status, await part.read()) == (status, found), asked
                if status == 206:
                    begin, end = sound.index(found), sound.index(found) + len(found) - 1
                    assert part.headers["Content-Range"] == f"bytes {begin}-{end}/{size}"
                if status == 416:
                    assert part.headers["Content-Range"] == f"bytes */{size}"
            part = await client.get(path, headers={"Range": "bytes=0-9", "If-Range": tag})
            assert part.status == 206
            part = await client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
            assert (part.status, await part.read()) == (200, sound)
            head = await client.head(path)
            assert (head.status, head.headers["Content-Length"]) == (200, str(size))
            gone = await client.get("/voicemail/999/sound")
            assert gone.status == 404
        listened = [act for act in await where.acts() if act == ("Anne", "voicemail_played")]
        assert len(listened) == 1, "one hearing, however many parts it was asked for in"


@given(st.integers(0, 5000), st.integers(0, 6000), st.integers(0, 6000))
def test_a_part_is_within_the_sound_and_begins_where_it_was_asked_for(size: int, first: int, last: int) -> None:
    part = part_of(f"bytes={first}-{last}", size)
    if last < first:
        assert part is None
    else:
        assert part is not None
        assert len(part) == max(min(last + 1, size) - first, 0)
        assert not part or part.start == first
    tail = part_of(f"bytes=-{last}", size)
    assert tail is not None
    assert len(tail) == min(last, size)
    open_end = part_of(f"bytes={first}-", size)
    assert open_end is not None
    assert len(open_end) == max(size - first, 0)


async def test_programs_get_the_sound_and_mark_it_heard(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member()
        assert anne.member is not None
        token = (await where.desk.make_key(anne.member, "api", None, "wall", by=SHELL)).token
        thread = await where.missed(ALICE)
        voicemail = leave(where.standing.file.store.path, thread, where.clock.at)
        at = f"/api/v1/voicemail/{voicemail}"
        async with aiohttp.ClientSession(where.url) as stranger:
            assert (await stranger.get(f"{at}/sound")).status == 401
        async with aiohttp.ClientSession(where.url, headers={"Authorization": f"Bearer {token}"}) as program:
            answer = await program.get(f"{at}/sound", headers={"Range": "bytes=0-3"})
            assert (answer.status, await answer.read()) == (206, b"fLaC")
            for odd in ("999", "0", "x", "99999999999999999999"):
                answer = await program.get(f"/api/v1/voicemail/{odd}/sound")
                assert (answer.status, "code" in (await answer.json())["error"]) == (404, True)
            for heard in (True, False):
                answer = await program.put(f"{at}/heard", json={"heard": heard})
                assert answer.status == 204
                entry = next(each for each in (await where.desk.thread(anne, thread)).entries if isinstance(each, VoicemailEntry))
                assert (entry.heard_by == "Anne") == heard
            answer = await program.post(f"{at}/sound")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")


async def test_pages_of_many_messages_stay_small(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD, language="fr")
        thread = await where.missed(ALICE)
        for _ in range(40):
            where.clock.move(minutes=1)
            leave(where.standing.file.store.path, thread, where.clock.at, transcript="bonjour rappelez-moi " * 4, sound=b"fLaC")
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{thread}")
            assert await weight(client, page) < LIMIT
            seen = len(re.findall(r'class="voicemail', page))
            while (older := re.search(r'class="older"><a href="([^"]+)"', page)) is not None:
                page = await read(client, older[1].replace("&amp;", "&"))
                seen += len(re.findall(r'class="voicemail', page)) - page.count('class="voicemail-foot')
            assert seen >= 40


# -- filing


async def test_a_thread_is_put_into_a_file_from_its_page_and_by_programs(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    async with stage(tmp_path, contacts={"filing": {"folder": str(folder)}}) as where:
        anne = await where.member(password=GOOD)
        thread = await where.missed(ALICE)
        left = leave(where.standing.file.store.path, thread, where.clock.at, transcript="hello")
        async with signed_in(where) as client:
            assert f"/thread/{thread}/file" not in await read(client, f"/thread/{thread}")
            assert "Nobody behind this number has a file." in words(await read(client, f"/thread/{thread}/file"))
            await known(where, ("Élodie", "4711", Kind.CLIENT), ("Marc", "4712", Kind.CLIENT))
            assert f'href="/thread/{thread}/file" data-dialog' in await read(client, f"/thread/{thread}")
            page = await read(client, f"/thread/{thread}/file")
            assert "Marc file 4712" in words(page)
            marc = re.search(r'name="person" value="(\d+)"[^>]*> <span><bdi>Marc', page)
            assert marc is not None
            answer = await client.post(f"/thread/{thread}/file", data={"what": "thread"})
            assert "Several people are behind this number." in words(await answer.text())
            for what in ("thread", f"voicemail {left}", f"transcript {left}"):
                for said in ("It is in the client’s file.", "It was in the client’s file already."):
                    answer = await client.post(f"/thread/{thread}/file", data={"what": what, "person": marc[1]})
                    assert said in words(await answer.text()), what
            for odd in ({"what": "audit"}, {"what": "voicemail x"}, {"what": "thread", "person": "x"}, {}):
                answer = await client.post(f"/thread/{thread}/file", data=odd)
                assert answer.status == 409, odd
        assert sorted(path.suffix for path in (folder / "4712").iterdir()) == [".flac", ".json", ".txt", ".txt"]
        assert anne.member is not None
        token = (await where.desk.make_key(anne.member, "api", None, "wall", by=SHELL)).token
        async with aiohttp.ClientSession(where.url, headers={"Authorization": f"Bearer {token}"}) as program:
            body = {"what": "thread", "person": int(marc[1])}
            answer = await program.post(f"/api/v1/threads/{thread}/file", json=body)
            assert (answer.status, (await answer.json())["new"]) == (200, False)
            answer = await program.post(f"/api/v1/threads/{thread}/file", json={"what": "thread"})
            assert (answer.status, (await answer.json())["error"]["code"]) == (422, "which_person")
