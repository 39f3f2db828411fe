"""Live pages: everybody is told of every change, once, after the commit; who cannot follow begins anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from ari_app.board import Role
from ari_app.desk import SHELL
from tests.desk_world import GOOD
from tests.portal.world import ALICE, BOB, Stage, signed_in, stage
from tests.threads.world import until


class Page:
    """An open page as its script sees the stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.last = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event; ("", {}) at the end of the stream."""
        name, data = "", ""
        async with asyncio.timeout(30):
            async for raw in self._answer.content:
                line = raw.decode().rstrip("\n")
                key, _, value = line.partition(": ")
                if key == "id":
                    self.last = value
                elif key == "event":
                    name = value
                elif key == "data":
                    data = value
                elif not line and name:
                    return name, json.loads(data)
        return "", {}

    async def rows(self) -> dict[str, Any]:
        name, data = await self.next()
        assert name == "rows", (name, data)
        return data


@asynccontextmanager
async def looking(client: aiohttp.ClientSession, since: str = "", **headers: str) -> AsyncIterator[Page]:
    known = since or (await (await client.get("/version")).json())["version"]
    async with client.get(f"/live?since={known}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield Page(answer)


async def version(client: aiohttp.ClientSession) -> str:
    return str((await (await client.get("/version")).json())["version"])


async def test_a_missed_call_and_a_text_come_to_every_page_in_its_language(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        await where.member("Bob", password=GOOD, language="fr")
        async with signed_in(where) as english, signed_in(where, "bob") as french, looking(english) as one, looking(french) as two:
            thread = await where.missed()
            for page, words in ((one, "Missed call, at the phones"), (two, "Appel manqué, aux postes")):
                data = await page.rows()
                (row,) = data["rows"]
                assert (row["thread"], row["news"], row["boxes"]) == (thread, "call", ["to_answer", "all"])
                assert words in row["html"]
                assert data["counts"] == {"to_answer": 1, "trouble": 0, "snoozed": 0}
            await where.text(ALICE, "<b>Hello</b>")
            (row,) = (await one.rows())["rows"]
            assert row["news"] == "text"
            assert "&lt;b&gt;Hello&lt;/b&gt;" in row["html"]
            await where.desk.done(thread, by=SHELL)
            (row,) = (await two.rows())["rows"]
            assert row["boxes"] in (["to_answer", "all"], ["all", "done"])


async def test_a_claim_a_note_and_a_name_are_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client, looking(client) as page:
            await where.desk.claim(thread, by=anne)
            (row,) = (await page.rows())["rows"]
            assert f'data-holder="{anne.member}"' in row["html"]
            await where.desk.rename(thread, "Zoé", by=anne)
            assert "Zoé" in (await page.rows())["rows"][0]["html"]
            await where.desk.note(thread, "ask first", by=anne, act="n")
            assert "ask first" in (await page.rows())["rows"][0]["html"]
            where.clock.move(minutes=6)
            await where.store.acts.expire_claims(where.clock.now())
            assert "data-holder" not in (await page.rows())["rows"][0]["html"]


async def test_what_came_while_a_page_was_away_is_told_when_it_comes_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client, signed_in(where) as other, looking(other) as there:
            async with looking(client) as page:
                await where.missed()
                await page.rows()
                last = page.last
            await there.rows()
            await where.text(ALICE, "while away")
            await there.rows()
            async with looking(client, **{"Last-Event-ID": last}) as page:
                (row,) = (await page.rows())["rows"]
                assert "while away" in row["html"]


async def test_a_page_that_missed_what_is_not_kept_loads_anew(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            before = await version(client)
            await where.missed()
            await until(lambda: where.portal.live.version != before)  # nobody looked: it was not drawn
            for known in (before, "other-7", "nonsense", f"{before}9"):
                async with looking(client, known) as page:
                    assert (await page.next())[0] == "stale"
                    assert page.last == where.portal.live.version


async def test_who_was_erased_is_on_no_page_any_more_and_not_told_of_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as page:
            thread = await where.missed()
            await where.missed(BOB)
            assert (await page.rows())["rows"]
            before = page.last
            await where.store.privacy.erase(ALICE, replace(anne, role=Role.ADMINISTRATOR))
            while (name := (await page.next())[0]) == "rows":
                pass
            assert name == "stale"
            assert (await client.get(f"/thread/{thread}")).status == 404
            async with looking(client, before) as late:
                assert (await late.next())[0] == "stale"


async def test_the_stream_ends_with_the_session(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        await where.member("Bob", password=GOOD)
        async with signed_in(where) as client, signed_in(where, "bob") as other, looking(client) as page, looking(other) as stays:
            assert anne.member is not None
            await where.desk.end_sessions(anne.member, by=SHELL)
            assert (await page.next())[0] == "ended"
            assert await page.next() == ("", {})
            await where.missed()
            assert (await stays.next())[0] == "rows"


async def test_a_stream_does_not_make_a_session_last(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as page:
            where.clock.move(minutes=31)
            where.portal.live.noticed(())
            await where.desk.change_member(anne.member or 0, name="Anne B.", by=SHELL)  # asks at the door at once
            assert (await page.next())[0] == "ended"


async def test_changes_are_gathered_and_read_once_for_all(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as page:
            threads = {await where.missed(f"+1514555{3000 + n}") for n in range(40)}
            told: set[int] = set()
            batches = 0
            while told != threads:
                told |= {row["thread"] for row in (await page.rows())["rows"]}
                batches += 1
            assert batches < len(threads)


async def test_a_page_that_does_not_read_is_let_go_and_holds_nobody_up(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        where.portal.live.slow = 0.2
        await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as quick:
            cookies = "; ".join(f"{each.key}={each.value}" for each in client.cookie_jar)
            reader, writer = await asyncio.open_connection("127.0.0.1", where.portal.port, limit=1024)
            writer.write(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode())
            await until(lambda: where.portal.live.watching == 2)
            batch = 0
            while where.portal.live.watching == 2:
                for n in range(20):
                    await where.text(BOB, f"{batch} {n} " + "w" * 120)
                    await where.missed(f"+1514555{4000 + n}")
                while (await quick.next())[0] != "rows":
                    pass  # a busy machine tells them in several batches
                where.portal.live.overdue(range(20_000))  # as much as many busy hours
                assert (await quick.next())[0] in {"rows", "overdue"}
                batch += 1
            assert where.portal.live.watching == 1
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            assert reader is not None


async def test_who_waits_too_long_is_told_without_a_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as page:
            await until(lambda: where.portal.live.watching == 1)
            where.portal.overdue((3, 1))
            assert await page.next() == ("overdue", {"threads": [1, 3], "said": "2 callers wait too long"})


async def test_a_store_that_cannot_be_read_for_a_moment_loses_no_change(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client, looking(client) as page:
            thread = await where.missed()
            await page.rows()
            await lame(where)
            await where.text(ALICE, "still told")
            (row,) = (await page.rows())["rows"]
            assert (row["thread"], "still told" in row["html"]) == (thread, True)


async def lame(where: Stage) -> None:
    """The next look at the rows fails, as on a full disk or a locked file."""
    from ari_app.errors import StoreError

    desk = where.desk
    real = desk.rows

    async def once(_: Any) -> Any:
        desk.rows = real  # type: ignore[method-assign]
        raise StoreError("disk I/O error", "look at the disk")

    desk.rows = once  # type: ignore[method-assign, assignment]
