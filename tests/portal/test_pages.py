"""Reading and answering without any script: forms, and the pages they lead to."""

from __future__ import annotations

import html
import re
from pathlib import Path

import aiohttp
import pytest

from ari_app.board import Box, Holder, NoteEntry, TextEntry
from ari_app.desk import SHELL
from ari_app.model import Language, Level, Priority, Reason
from tests.desk_world import GOOD
from tests.portal.morning import HOSTILE, morning
from tests.portal.who_calls import missed
from tests.portal.world import ALICE, FAILS, Stage, signed_in, stage
from tests.threads.world import until

LIMIT = 100_000
"""Bytes of a page with all it loads (issue 4)."""


def fields(page: str, action: str) -> dict[str, str]:
    """Hidden fields of the form that posts to ``action``."""
    form = page.split(f'action="{action}"', 1)[1].split("</form>", 1)[0]
    return {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}


def words(page: str) -> str:
    """A page as a reader sees its words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def read(client: aiohttp.ClientSession, path: str) -> str:
    answer = await client.get(path)
    page = await answer.text()
    assert answer.status == 200, page
    return page


async def sent(where: Stage, count: int) -> None:
    where.outbox.wake()
    await until(lambda: len(where.carrier.left) >= count)


async def test_a_caller_is_read_and_answered(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        await where.text(ALICE, "Can I come on Friday?")
        async with signed_in(where) as client:
            inbox = await read(client, "/")
            assert 'class="row is-unopened"' in inbox
            assert "Can I come on Friday?" in inbox
            page = await read(client, f"/thread/{thread}")
            assert "Missed call, at the phones" in words(page)
            assert 'class="row is-opened' in await read(client, "/")
            form = fields(page, f"/thread/{thread}/reply")
            answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": "Yes, at ten."}, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, f"/thread/{thread}?said=sent")
            await sent(where, 1)
            again = await client.post(f"/thread/{thread}/reply", data=form | {"text": "Yes, at ten."}, allow_redirects=False)
            assert again.headers["Location"] == f"/thread/{thread}?said=twice"
            other = await client.post(f"/thread/{thread}/reply", data=form | {"text": "And bring your card."}, allow_redirects=False)
            assert other.headers["Location"] == f"/thread/{thread}?said=sent"
            await sent(where, 2)
            page = await read(client, f"/thread/{thread}?said=sent")
            assert "On its way." in page
            assert page.count("Yes, at ten.") == 1
            assert "Anne · 10:00" in words(page)
            assert "Nobody waits for an answer." in await read(client, "/")
        assert len(where.carrier.left) == 2


async def test_parts_of_the_inbox_in_both_languages_and_how_many_lie_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        ids = await morning(where)
        async with signed_in(where) as client:
            page = words(await read(client, "/"))
            assert "To answer 7 Not sent 1 Snoozed 1 All Done" in page
            assert "Bob answers" in page
            assert "Voicemail left" in words(await read(client, f"/thread/{ids['emma']}"))
            for box, thread in (("trouble", "fails"), ("snoozed", "emma"), ("done", "helen"), ("all", "guy")):
                assert f'id="row-{ids[thread]}"' in await read(client, f"/?box={box}")
            client.headers["Accept-Language"] = "fr"
            page = words(await read(client, "/"))
            assert "À répondre 7 Non envoyés 1 Reportés 1 Tous Réglés" in page
            assert "Bob répond" in page
            assert (await client.get("/?box=nowhere")).status == 400
            assert (await client.get("/?offset=x")).status == 400
        # a member's own language wins over the browser's, what is chosen on the page over both
        async with signed_in(where, "bob") as client:
            client.headers["Accept-Language"] = "fr"
            assert "To answer" in await read(client, "/")
            answer = await client.post("/language", data={"language": "fr", "next": "/?box=all"}, allow_redirects=False)
            assert answer.headers["Location"] == "/?box=all"
            assert "À répondre" in await read(client, "/")
            assert (await client.post("/language", data={"language": "xx"})).status == 400


async def test_nobody_answers_what_another_is_answering_unknowingly(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        bob = await where.member("Bob", password=GOOD)
        thread = await where.missed()
        async with signed_in(where, "bob") as client:
            form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/reply")
            await where.desk.claim(thread, by=anne)
            assert "Anne answers this conversation" in words(await read(client, f"/thread/{thread}"))
            answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": "I am Bob <&>"})
            page = await answer.text()
            assert answer.status == 409
            assert "Anne is answering this caller." in page
            assert "I am Bob &lt;&amp;&gt;</textarea>" in page
            assert not await texts(where, thread)
            taken = fields(page, f"/thread/{thread}/reply")
            assert taken["takeover"] == "1"
            answer = await client.post(f"/thread/{thread}/reply", data=taken | {"text": "I am Bob"}, allow_redirects=False)
            assert answer.status == 303
        assert [each.text for each in await texts(where, thread)] == ["I am Bob"]
        holder = (await where.desk.rows((thread,)))[0].holder
        assert isinstance(holder, Holder)
        assert holder.member == bob.member


async def texts(where: Stage, thread: int) -> list[TextEntry]:
    view = await where.desk.thread(SHELL, thread, refresh=True)
    return [each for each in reversed(view.entries) if isinstance(each, TextEntry) and not each.incoming]


async def test_who_was_answered_meanwhile_is_shown_before_a_second_answer_goes(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        await where.member("Bob", password=GOOD)
        thread = await where.missed()
        async with signed_in(where, "bob") as client:
            form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/reply")
            await where.desk.reply(thread, "We call you at two.", by=anne, act="a")
            await where.desk.let_go(thread, by=anne)
            answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": "We call you at three."})
            page = await answer.text()
            assert answer.status == 409
            assert "Anne answered this caller meanwhile." in page
            assert "We call you at two." in page
            newer = fields(page, f"/thread/{thread}/reply")
            answer = await client.post(f"/thread/{thread}/reply", data=newer | {"text": "We call you at three."}, allow_redirects=False)
            assert answer.status == 303
        assert len(await texts(where, thread)) == 2


async def test_who_was_answered_meanwhile_by_who_still_holds_it_is_asked_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        await where.member("Bob", password=GOOD)
        thread = await where.missed()
        async with signed_in(where, "bob") as client:
            form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/reply")
            await where.desk.reply(thread, "We call you at two.", by=anne, act="a")
            answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": "We call you at three."})
            page = await answer.text()
            assert answer.status == 409
            assert "Anne answered this caller meanwhile. Anne is answering this caller." in page
            assert "We call you at two." in page
            assert "Take over and send" in page
            over = fields(page, f"/thread/{thread}/reply")
            answer = await client.post(f"/thread/{thread}/reply", data=over | {"text": "We call you at three."}, allow_redirects=False)
            assert answer.status == 303
        assert len(await texts(where, thread)) == 2


async def test_a_failed_text_is_sent_again_by_a_deliberate_act(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        thread = await where.missed(FAILS)
        written = await where.desk.reply(thread, "Hello", by=anne, act="a")
        await sent(where, 1)
        await until(lambda: any("MessageChanged" in str(each) for each in where.heard[-3:]))
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{thread}")
            assert "Failed : the number takes no texts (CMS 1)" in words(page).replace("Failed:", "Failed :")
            assert f'id="row-{thread}"' in await read(client, "/?box=trouble")
            sure = await read(client, f"/thread/{thread}/again?message={written.message}")
            assert "the caller gets it twice" in sure
            form = fields(sure, f"/thread/{thread}/again")
            assert (await client.post(f"/thread/{thread}/again", data=form, allow_redirects=False)).status == 303
            assert "Every text went." in await read(client, "/?box=trouble")
            assert (await client.post(f"/thread/{thread}/again", data={"message": "x"})).status == 409


async def test_a_text_for_later_waits_and_is_called_off(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/reply")
            later = form | {"text": "See you tomorrow", "later": "1", "at": "2026-03-03T08:30"}
            answer = await client.post(f"/thread/{thread}/reply", data=later, allow_redirects=False)
            assert answer.headers["Location"] == f"/thread/{thread}?said=planned"
            page = await read(client, f"/thread/{thread}")
            assert "Goes tomorrow 08:30" in words(page)
            (text,) = await texts(where, thread)
            assert text.scheduled is not None
            assert text.scheduled.isoformat() == "2026-03-03T13:30:00+00:00"
            await client.post(f"/thread/{thread}/call-off", data=fields(page, f"/thread/{thread}/call-off"))
            assert "Called off" in words(await read(client, f"/thread/{thread}"))
            for at, why in (("2026-03-01T08:00", "past"), ("2027-03-01T08:00", "too far ahead"), ("soon", "not readable")):
                answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": "x", "later": "1", "at": at})
                assert answer.status == 409
                assert why in await answer.text()
        assert not where.carrier.left


async def test_acts_of_a_thread(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD, extension="101")
        thread = await where.missed()
        at = f"/thread/{thread}"

        async def lies_in(box: Box) -> bool:
            anyone = SHELL
            return any(row.thread == thread for row in await where.desk.inbox(anyone, box))

        async with signed_in(where) as client:

            async def does(act: str, said: str, **data: str) -> None:
                answer = await client.post(f"{at}/{act}", data=data | {"next": f"{at}?beside=9"}, allow_redirects=False)
                assert (answer.status, answer.headers.get("Location")) == (303, f"{at}?beside=9&said={said}"), await answer.text()

            await does("done", "done")
            assert await lies_in(Box.DONE)
            await does("reopen", "reopened")
            assert await lies_in(Box.TO_ANSWER)
            await does("snooze", "snoozed", at="2026-03-02T14:00")
            assert await lies_in(Box.SNOOZED)
            assert not await lies_in(Box.TO_ANSWER)
            assert "Snoozed until 14:00" in words(await read(client, at))
            await does("wake", "changed")
            assert await lies_in(Box.TO_ANSWER)
            await does("snooze", "snoozed", until="2026-03-03T13:00:00+00:00")
            await does("wake", "changed")
            await does("urgent", "changed", on="1")
            assert (await where.desk.rows((thread,)))[0].urgent
            await does("urgent", "changed", on="0")
            assert not (await where.desk.rows((thread,)))[0].urgent
            await does("who", "changed", name="Zoé Ménard", language="fr")
            page = words(await read(client, at))
            assert "Zoé Ménard (514) 555-0101" in page
            assert "Français" in page
            await does("who", "changed", name="", language="")
            assert (await where.desk.rows((thread,)))[0].name is None
            await does("note", "noted", text="ask Dr Roy <b>", nonce="n1")
            await does("note", "noted", text="ask Dr Roy <b>", nonce="n1")
            view = await where.desk.thread(SHELL, thread, refresh=True)
            assert [each.text for each in view.entries if isinstance(each, NoteEntry)] == ["ask Dr Roy <b>"]
            await does("claim", "taken")
            assert "You answer this conversation." in await read(client, at)
            await does("let-go", "let_go")
            await does("call", "calling")
            assert where.telephones.placed[0][1:3] == ("101", ALICE)
            assert "Called back by Anne" in words(await read(client, at))
            assert (await client.post("/thread/99999/done")).status == 409
            assert (await client.get("/thread/99999")).status == 404
            assert (await client.post(f"{at}/nothing")).status == 404


async def test_a_member_without_a_telephone_is_told_where_it_comes_from(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            client.headers["Accept-Language"] = "fr"
            answer = await client.post(f"/thread/{thread}/call")
            assert answer.status == 409
            assert "Vous n’avez pas ici de téléphone qui puisse sonner." in await answer.text()


async def test_no_text_to_who_wants_none_and_none_without_a_number(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread, nobody = await where.missed(), await where.missed(None, Reason.ANONYMOUS)
        await where.text(ALICE, "STOP", opts_out=True)
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{thread}")
            assert "This caller wants no more texts (" in page
            assert f'action="/thread/{thread}/reply"' not in page
            answer = await client.post(f"/thread/{thread}/reply", data={"text": "x", "nonce": "a", "seen": "0"})
            assert answer.status == 409
            assert "Call back instead." in await answer.text()
            page = await read(client, f"/thread/{nobody}")
            assert "No number shown" in page
            assert f'action="/thread/{nobody}/reply"' not in page
            assert f'action="/thread/{nobody}/call"' not in page
            assert f'action="/thread/{nobody}/done"' in page


async def test_hostile_texts_show_as_text(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        ids = await morning(where)
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{ids['hostile']}")
            assert "<script>document" not in page
            assert html.escape(HOSTILE[0], quote=False).replace('"', "&#34;") in page
            assert "\x07" not in page
            assert "\x00" not in page
            assert "\u2407\u2400" in page
            assert "49" not in re.findall(r"\{\{ (.*?) \}\}", page)
            assert "{{ 7*7 }}" in page
            found = await (await client.post("/search", data={"q": "<script>alert(1)</script>"})).text()
            assert "<script>alert" not in found
            long = "Ï" * 10_000
            answer = await client.post(f"/thread/{ids['alice']}/reply", data={"text": long, "nonce": "x", "seen": "0"})
            assert answer.status == 409
            assert long in await answer.text()
            for name in ("text", "nonce", "seen"):
                odd = {"text": "x", "nonce": "y", "seen": "0"} | {name: "\x00'\"<>\ud7ff%"}
                answer = await client.post(f"/thread/{ids['alice']}/reply", data=odd, allow_redirects=False)
                assert answer.status in {303, 409}
            await where.text(ALICE, long)
            assert long in await read(client, f"/thread/{ids['alice']}")
            assert long[:200] not in await read(client, "/?box=all")  # a line of the list holds the beginning


async def test_search_finds_names_numbers_and_texts(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        ids = await morning(where)
        async with signed_in(where) as client:
            for asked, thread in (("levesque", "denis"), ("555-0101", "alice"), ("daughter bro", "bob"), ("Dr Roy", "bob")):
                answer = await client.post("/search", data={"q": asked})
                assert f'id="row-{ids[thread]}"' in await answer.text(), asked
            assert "Nothing found for “zzz”." in await (await client.post("/search", data={"q": "zzz"})).text()
            fragment = await (await client.post("/search", data={"q": "zzz"}, headers={"X-Textback": "fragment"})).text()
            assert "<html" not in fragment


async def test_a_new_conversation_to_any_number(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        async with signed_in(where) as client:
            form = fields(await read(client, "/new"), "/new")
            answer = await client.post("/new", data=form | {"number": "12", "text": "Hello"})
            page = await answer.text()
            assert answer.status == 409
            assert "This is no telephone number." in page
            assert "Hello</textarea>" in page
            answer = await client.post(
                "/new", data=form | {"number": "514 555-0177", "text": "Hello", "line": "lab"}, allow_redirects=False
            )
            assert answer.status == 303
            page = await read(client, answer.headers["Location"])
            assert "(514) 555-0177" in page
            planned = form | {"number": "514 555-0178", "text": "Later", "at": "2026-03-03T09:00"}
            answer = await client.post("/new", data=planned, allow_redirects=False)
            assert answer.headers["Location"].endswith("?said=planned")
            assert "Line lab" in page
            await sent(where, 1)


async def test_a_new_conversation_with_whom_a_colleague_wrote_lately_is_read_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member("Anne", password=GOOD)
        bob = await where.member("Bob", password=GOOD)
        thread = await where.missed()
        await where.desk.reply(thread, "Come at ten.", by=bob, act="one")
        await where.desk.let_go(thread, by=bob)
        await sent(where, 1)
        async with signed_in(where) as client:
            form = fields(await read(client, "/new"), "/new") | {"number": ALICE, "text": "Come at nine."}
            answer = await client.post("/new", data=form, allow_redirects=False)
            page = await answer.text()
            assert answer.status == 409
            assert "Bob answered this caller meanwhile." in page
            assert f'href="/thread/{thread}"' in page
            assert "Come at nine.</textarea>" in page
        where.clock.move(hours=13)
        async with signed_in(where) as client:
            answer = await client.post("/new", data=form, allow_redirects=False)
            assert answer.status == 303, "what was written half a day ago is no news"
        await sent(where, 2)


async def test_ready_replies_fill_the_reply_box(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        thread = await where.missed()
        await where.desk.rename(thread, "Alice", by=anne)
        await where.desk.speak(thread, "en", by=anne)
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{thread}")
            # the caller's language first
            assert page.index("We will call back") < page.index("Nous rappelons")
            which = re.search(r'value="(-?\d+)" data-canned="-?\d+"><span>We will call back', page)
            assert which is not None
            answer = await client.post(f"/thread/{thread}/fill", data={"canned": which[1], "text": "Thanks!", "seen": "0"})
            filled = html.unescape((await answer.text()).split("<textarea id=")[1].split("</textarea>")[0])
            assert filled.endswith("Thanks!\nHello Alice, thank you for your message. We will call you back as soon as we can.")
            assert (await client.post(f"/thread/{thread}/fill", data={"canned": "999"})).status == 404


@pytest.mark.parametrize("text", ["Ça va", "être là " * 30, "🙏 merci", "x" * 161, "€" * 80, "é" * 2449, "l’œil «ouvert» …", " "])
async def test_what_a_text_costs_is_what_it_costs_when_it_leaves(tmp_path: Path, text: str) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with signed_in(where) as client:
            told = await (await client.post("/segments", data={"text": text})).json()
            form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/reply")
            answer = await client.post(f"/thread/{thread}/reply", data=form | {"text": text}, allow_redirects=False)
            if told["parts"] > 16 or not text.strip():
                assert answer.status == 409
                assert not text.strip() or "Too long" in told["warning"]
                return
            await sent(where, told["parts"])
        assert len(where.carrier.left) == told["parts"]
        assert bool(told["warning"]) == (told["alphabet"] == "ucs2")


async def test_older_entries_are_a_click_away_and_nothing_is_left_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        for n in range(70):
            where.clock.move(seconds=30)
            await where.text(ALICE, f"text number {n:03}")
        async with signed_in(where) as client:
            seen: list[str] = []
            path: str | None = f"/thread/{thread}"
            while path:
                page = await read(client, path)
                line = page.split('data-part="line"')[1].split('<form class="reply"')[0]
                seen = re.findall(r"text number (\d\d\d)", line) + seen
                older = re.search(r'href="([^"]+)" data-older', line)
                path = html.unescape(older[1]) if older else None
            assert seen == [f"{n:03}" for n in range(70)]


async def test_long_and_hostile_texts_take_more_pages_not_larger_ones_and_none_is_lost(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD)
        thread = await where.missed()
        for n in range(12):
            where.clock.move(minutes=20)
            await where.text(ALICE, f"<{n:02}>" + "<&>" * 900)
        async with signed_in(where) as client:
            seen: list[str] = []
            path: str | None = f"/thread/{thread}"
            while path:
                page = await read(client, path)
                assert await weight(client, page) < LIMIT, path
                line = page.split('data-part="line"')[1].split('<form class="reply"')[0]
                seen = re.findall(r"&lt;(\d\d)&gt;", line) + seen
                older = re.search(r'href="([^"]+)" data-older', line)
                path = html.unescape(older[1]) if older else None
            assert seen == [f"{n:02}" for n in range(12)]


async def test_several_threads_open_beside_each_other(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        ids = await morning(where)
        first, second, third = ids["alice"], ids["bob"], ids["denis"]
        async with signed_in(where) as client:
            page = await read(client, f"/thread/{first}?beside={second}&beside={third}&beside=99999&beside=x&beside={first}")
            assert re.findall(r'class="pane" id="thread-(\d+)"', page) == [str(first), str(second), str(third)]
            assert f'href="/thread/{first}?beside={third}"' in page  # closes the second


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_no_page_needs_more_than_100_kb(tmp_path: Path, language: Language) -> None:
    async with stage(tmp_path) as where:
        await where.member(password=GOOD, language=language)
        wordy = "Bonjour, j'aimerais savoir si vous avez une place cette semaine pour mon fils, il a mal à une dent depuis hier. Merci!"
        for n in range(60):
            await missed(where, f"+1514555{2000 + n}", Priority(Level.HIGH, "3 appels aujourd’hui"))
            await where.text(f"+1514555{2000 + n}", wordy)
        thread = await where.missed()
        for _ in range(40):
            where.clock.move(minutes=20)
            await where.text(ALICE, wordy)
        async with signed_in(where) as client:
            three = f"/thread/{thread}?beside=1&beside=2"
            for path in ("/", "/?box=all", f"/thread/{thread}", three, "/new", "/sign-in?x"):
                page = await read(client, path)
                assert await weight(client, page) < LIMIT, path


async def weight(client: aiohttp.ClientSession, page: str) -> int:
    """Bytes of a page with all it loads, before compression."""
    size = len(page.encode())
    for address in set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page)) | scripts(page):
        size += len(await (await client.get(address)).read())
    return size


def scripts(page: str) -> set[str]:
    """Modules that the page's script loads in turn."""
    found = re.search(r'src="(/static/\w+/)app\.js"', page)
    folder = Path(__file__).parents[2] / "ari_app" / "portal" / "static"
    loaded = {"app.js"}
    for _ in range(3):
        loaded |= {name for each in loaded for name in re.findall(r'from "\./(\w+\.js)"', (folder / each).read_text(encoding="utf-8"))}
    return {f"{found[1]}{name}" for name in loaded} if found else set()


async def test_a_claim_that_runs_out_is_seen_on_the_page(tmp_path: Path) -> None:
    async with stage(tmp_path) as where:
        anne = await where.member(password=GOOD)
        await where.member("Bob", password=GOOD)
        thread = await where.missed()
        await where.desk.claim(thread, by=anne)
        async with signed_in(where, "bob") as client:
            assert "Anne answers" in words(await read(client, "/"))
            where.clock.move(minutes=6)
            assert "Anne answers" not in words(await read(client, "/"))
