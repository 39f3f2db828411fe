"""Desk phones end to end: their browsers, the portal over a real socket, the desk and its store."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ari_app.board import Face, ThreadState
from ari_app.desk import SHELL
from ari_app.errors import PbxUnavailableError
from ari_app.model import Reaction
from ari_app.portal.server import application
from tests.lab.deskphone import PhoneError
from tests.lab.deskphone_brands import BRANDS
from tests.lab.deskphone_dialects import Shown
from tests.portal.phone_world import Phones, phones
from tests.threads.world import ALICE, BOB, inbound, raw

ALL = sorted(BRANDS)
WISH = "Bonjour, je voudrais déplacer mon rendez-vous 🙂"
WRITES = [brand for brand in ALL if brand != "grandstream"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Phones]:
    async with phones(tmp_path) as opened:
        yield opened


def row_of(shown: Shown, words: str) -> int:
    """Number of the row that says this."""
    return next(place for place, item in enumerate(shown.items, 1) if words in item.label)


# ---- answering


@pytest.mark.parametrize("brand", ALL)
async def test_two_presses_answer_a_caller(house: Phones, brand: str) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), brand) as phone:
        inbox = await phone.start()
        assert inbox.title == "À répondre (1)"
        assert "(514) 555-0101" in inbox.items[0].label
        opened = await phone.select(1)
        assert "je" in f"{opened.items[0].label} {opened.items[0].more}"
        ack = await phone.select(2)
        assert phone.presses == 2
        assert await house.sent(thread) == [("Anne", "Bonjour, merci de votre message. Nous vous rappelons dès que possible.")]
        assert ack.title.startswith("Part vers")
        assert "merci de votre message" in " ".join(ack.text.split())
        again = await phone.again()
        assert (again.title, again.text) == (ack.title, ack.text)
        assert len(await house.sent(thread)) == 1
        row = (await house.clinic.desk.rows((thread,)))[0]
        assert row.state is ThreadState.ANSWERED
        assert row.holder is not None
        assert row.holder.name == "Anne"
        await phone.key("Liste")
        assert (await phone.start()).title == "À répondre (0)"


@pytest.mark.parametrize("latin1", [False, True])
@pytest.mark.parametrize("brand", WRITES)
async def test_a_text_of_ones_own_is_confirmed_then_sent_once(house: Phones, brand: str, *, latin1: bool) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), brand, latin1=latin1) as phone:
        await phone.start()
        opened = await phone.select(1)
        await phone.select(row_of(opened, "Écrire"))
        phone.type("Oui, à 10 h & demie + café: 100% d'accord?")
        confirm = await phone.submit()
        assert confirm.title == "Envoyer? (1 SMS)"
        assert confirm.text.replace("\n", " ") == "Oui, à 10 h & demie + café: 100% d'accord?"
        assert await house.sent(thread) == []
        await phone.key("Modifier")
        assert phone.shown is not None
        assert phone.shown.field is not None
        assert phone.shown.field.value == "Oui, à 10 h & demie + café: 100% d'accord?"
        phone.type("Oui, à 11 h.")
        await phone.submit()
        await phone.key("Envoyer")
        for _ in range(2):
            await phone.again()
        assert await house.sent(thread) == [("Anne", "Oui, à 11 h.")]
        # the confirmation, asked for again from the history, shows what was sent
        shown = await phone._go(next(url for url in reversed(phone.requests) if "/s/" in url))
        assert shown.title.startswith("Part vers")
        assert len(await house.sent(thread)) == 1


async def test_an_empty_text_is_asked_for_again(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        await phone.select(row_of(await phone.select(1), "Écrire"))
        phone.type("   ")
        assert (await phone.submit()).kind == "input"
        phone.type("ž" * 1200)
        await phone.submit()
        assert (await phone.ok()) is not None
        assert phone.shown is not None
        assert "trop long" in phone.shown.text
    assert await house.sent(thread) == []


async def test_a_draft_of_before_a_restart_is_typed_again(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "cisco") as phone:
        await phone.start()
        shown = await phone._go(f"{phone.url}/t/{thread}/s/1/AAAAAAAAAA")
        assert "récrivez" in shown.text
        shown = await phone._go(f"{phone.url}/t/{thread}/b/AAAAAAAAAA")
        assert "vieilli" in shown.text
    assert house.clinic.telephones.placed == []


async def test_two_requests_for_one_link_at_once_are_one_text(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        link = (await phone.select(1)).items[1].action.to

        async def get() -> str:
            async with house.session.get(link) as answer:
                return await answer.text()

        answers = await asyncio.gather(*(get() for _ in range(8)))
    assert len(set(answers)) == 1
    assert len(await house.sent(thread)) == 1


async def test_a_link_used_before_a_restart_is_still_one_text(house: Phones) -> None:
    """What the portal remembered is gone: the act in the store is not."""
    thread, here = await house.writes(WISH), house.clinic
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        await phone.select(1)
        await phone.select(2)
        link = phone.requests[-1]
    runner = web.AppRunner(application(here.standing, here.desk, here.doors, here.clock), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        again = link.replace(house.url, f"http://127.0.0.1:{runner.addresses[0][1]}")
        async with house.session.get(again) as answer:
            assert "Part vers" in await answer.text()
    finally:
        await runner.cleanup()
    assert len(await house.sent(thread)) == 1


# ---- two people, and callers who do not want to be texted


async def test_who_answers_what_another_holds_is_told_and_may_take_it_over(house: Phones) -> None:
    thread = await house.writes(WISH)
    marie = await house.member("Marie", extension="202")
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        await phone.select(1)
        await house.clinic.desk.claim(thread, by=marie)
        refused = await phone.select(2)
        assert "Marie répond jusqu'à" in refused.items[0].label
        assert await house.sent(thread) == []
        await phone.select(row_of(refused, "Prendre"))
        assert [author for author, _ in await house.sent(thread)] == ["Anne"]
        await phone.again()
        assert len(await house.sent(thread)) == 1


async def test_who_answers_what_was_answered_meanwhile_sees_it_first(house: Phones) -> None:
    thread = await house.writes(WISH)
    marie = await house.member("Marie", extension="202")
    async with await house.phone(await house.member(), "cisco-mpp") as phone:
        await phone.start()
        await phone.select(1)
        await house.clinic.desk.reply(thread, "Je m'en occupe", by=marie, act="page-1")
        await house.clinic.desk.let_go(thread, by=marie)
        refused = await phone.select(2)
        assert "Marie a répondu" in refused.items[0].label
        assert len(await house.sent(thread)) == 1
        read = await phone.select(1)
        assert "Je m'en occupe" in read.text
        await phone.back()
        await phone.select(row_of(refused, "quand même"))
        assert [author for author, _ in await house.sent(thread)] == ["Anne", "Marie"]


async def test_who_was_answered_meanwhile_by_who_still_holds_it_is_asked_once(house: Phones) -> None:
    thread = await house.writes(WISH)
    marie = await house.member("Marie", extension="202")
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        await phone.select(1)
        await house.clinic.desk.reply(thread, "Je m'en occupe", by=marie, act="page-1")
        refused = await phone.select(2)
        assert "Marie a répondu" in refused.items[0].label
        await phone.select(row_of(refused, "Prendre"))
        assert [author for author, _ in await house.sent(thread)] == ["Anne", "Marie"]


async def test_who_asked_for_no_texts_gets_none_from_a_phone(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "snom") as phone:
        await phone.start()
        ready = (await phone.select(1)).items[1].action.to

        stop = raw(inbound(ALICE, "ARRET", house.clinic.clock.at), house.clinic.clock.at)
        await house.clinic.store.keep(stop, lambda _: Reaction(opt=True, reopens=False))
        refused = await phone._go(ready)
        assert "ne plus recevoir de textos" in refused.text
        opened = await phone._go(f"{phone.url}/t/{thread}")
        assert [item.label for item in opened.items[1:]] == ["Rappeler", "C'est réglé"]
    assert await house.sent(thread) == []


# ---- calling back, settling


@pytest.mark.parametrize("brand", ALL)
async def test_one_press_in_the_thread_calls_back_once(house: Phones, brand: str) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), brand) as phone:
        await phone.start()
        await phone.select(1)
        ack = await phone.key("Appeler")
        assert ack is not None
        assert "Décrochez" in " ".join(ack.text.split())
        await phone.again()
        house.clinic.clock.move(minutes=10)
        await phone.again()
        assert [placed[1:3] for placed in house.clinic.telephones.placed] == [("201", ALICE)]
        assert (await house.clinic.desk.audit(SHELL, thread=thread))[0].face is Face.PHONE


@pytest.mark.parametrize("brand", ["cisco", "cisco-mpp", "snom", "poly", "grandstream-old"])
async def test_giving_up_what_was_typed_leads_back_to_the_thread(house: Phones, brand: str) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(), brand) as phone:
        await phone.start()
        thread = await phone.select(1)
        await phone.select(row_of(thread, "Écrire"))
        phone.type("Oui")
        await phone.key("Annuler")
        assert phone.shown is not None
        assert phone.shown.title == thread.title


@pytest.mark.parametrize("brand", ["yealink", "aastra", "htek", "fanvil", "poly"])
async def test_one_press_on_the_row_calls_where_the_phone_dials_itself(house: Phones, brand: str) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(), brand) as phone:
        await phone.start()
        await phone.call(1)
        assert (phone.dialled, phone.presses) == (["5145550101"], 1)


async def test_what_keeps_a_call_from_being_placed_is_told(house: Phones) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(extension=None), "yealink") as phone:
        await phone.start()
        await phone.select(1)
        shown = await phone.key("Appeler")
        assert shown is not None
        assert "Aucun poste" in shown.text
    house.clinic.telephones.refusal = PbxUnavailableError("Asterisk is not there", "wait")
    async with await house.phone(await house.member("Marie", extension="202"), "yealink") as phone:
        await phone.start()
        await phone.select(1)
        shown = await phone.key("Appeler")
        assert shown is not None
        assert "Le PBX ne répond pas" in shown.text


@pytest.mark.parametrize("brand", ALL)
async def test_settling_a_thread_is_refused_once_something_came(house: Phones, brand: str) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), brand) as phone:
        await phone.start()
        opened = await phone.select(1)
        stale = opened.items[row_of(opened, "réglé") - 1].action.to
        done = await phone.key("Réglé")
        assert done is not None
        assert done.title == "Réglé"
        house.clinic.clock.move(minutes=1)
        await house.writes("Encore une question")
        shown = await phone._go(stale)
        assert shown.title == "Du nouveau"
        assert (await house.clinic.desk.rows((thread,)))[0].state is ThreadState.TO_ANSWER
        await phone.key("Le fil")
        await phone.key("Réglé")
        assert (await house.clinic.desk.rows((thread,)))[0].state is ThreadState.DONE


# ---- looking


@pytest.mark.parametrize("brand", ALL)
async def test_long_lists_are_paged_and_everything_is_there(house: Phones, brand: str) -> None:
    for place in range(20):
        await house.writes(f"message {place}", f"+151455501{place:02}")
        house.clinic.clock.move(seconds=1)
    async with await house.phone(await house.member(), brand) as phone:
        shown, seen = await phone.start(), []
        while True:
            seen += [item.label for item in shown.items if "(514)" in item.label]
            if not any(item.label.startswith("Suite") for item in shown.items):
                break
            shown = await phone.select(row_of(shown, "Suite"))
        assert len(set(seen)) == len(seen) == 20
        back = await phone.back()
        assert back is not None
        everything = await phone.select(row_of(back, "Tous"))
        assert everything.title == "Tous les fils"


async def test_texts_that_failed_have_a_list_of_their_own(house: Phones) -> None:
    anne = await house.member()
    thread = await house.writes(WISH)
    await house.clinic.desk.reply(thread, "Bonjour", by=anne, act="page-1")
    house.clinic.clock.move(hours=25)
    assert await house.clinic.store.expire() == 1
    async with await house.phone(anne, "yealink") as phone:
        failed = await phone.select(row_of(await phone.start(), "Envois ratés (1)"))
        assert failed.items[0].label.startswith("x (514)")
        assert "(échec)" in (await phone.select(row_of(await phone.select(1), ">"))).text


async def test_each_look_into_a_thread_is_audited(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "snom") as phone:
        await phone.start()
        await phone.wait()  # the list looks again by itself: nothing is read
        assert await house.clinic.desk.audit(SHELL, thread=thread) == ()
        await phone.select(1)
        await phone.select(1)
        told = await house.clinic.desk.audit(SHELL, thread=thread)
    assert [(each.who, each.act, each.face, each.address) for each in told] == [("Anne", "read", Face.PHONE, "127.0.0.1")] * 2


async def test_a_member_reads_in_their_language_and_another_phone_in_its_own(house: Phones) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member("Bob", language="en"), "yealink") as phone:
        assert (await phone.start()).title == "To answer (1)"


@pytest.mark.parametrize("brand", ALL)
async def test_addresses_that_lead_nowhere_are_told_in_the_brands_dialect(house: Phones, brand: str) -> None:
    async with await house.phone(await house.member(), brand) as phone:
        for path in (
            "t/999",
            "t/999/c/1/1/AAAAAAAA",
            "t/999/b/AAAAAAAA",
            "x",
            "t/1/../2",
            "t/99999999999999999999",
            "i/9999999",
            "t/%D9%A3",
            "t/%00",
            "t/%FF",
        ):
            shown = await phone._go(f"{phone.url}/{path}")
            assert shown.kind == "text", path
            assert phone.status == 200
            assert phone.headers["Connection"] == "close"
        assert "Encore" not in phone.display()


async def test_a_service_problem_is_told_in_the_brands_dialect(house: Phones) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        await house.clinic.store.close()
        shown = await phone.again()
        assert (phone.status, shown.title) == (200, "Impossible")
        assert "*767" in shown.text


async def test_hostile_words_show_as_words_on_every_brand(house: Phones) -> None:
    anne = await house.member()
    thread = await house.writes("<script>alert(1)</script> ]]> & \u202ecod.exe\u202c 🐶 $name", BOB)
    await house.clinic.desk.rename(thread, '<b>"Bob"</b> & fils', by=anne)
    for brand in ALL:
        async with await house.phone(anne, brand) as phone:
            inbox = await phone.start()
            assert '<b>"Bob"</b> & fils' in inbox.items[0].label
            await phone.select(1)
            read = await phone.select(1)
            assert "<script>alert(1)</script>]]>&cod.exe[emoji]$name" in "".join(read.text.split())


async def test_a_phone_that_has_no_such_key_says_so(house: Phones) -> None:
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        with pytest.raises(PhoneError, match="no key 'Envoyer'"):
            await phone.key("Envoyer")
        with pytest.raises(PhoneError, match="no row 9"):
            await phone.select(9)


async def test_the_simulator_answers_a_caller_from_a_terminal(house: Phones) -> None:
    thread = await house.writes(WISH)
    _, url = await house.key(await house.member(), "snom")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.lab.deskphone", url, "--brand", "snom",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    out, err = await process.communicate("1\nnichts\n8\nt Oui, jeudi à 10 h\nok\nEnvoyer\nq\n".encode())
    shown = out.decode()
    assert process.returncode == 0, err.decode()
    assert "there is no key 'nichts'" in shown
    assert "Envoyer? (1 SMS)" in shown
    assert await house.sent(thread) == [("Anne", "Oui, jeudi à 10 h")]
