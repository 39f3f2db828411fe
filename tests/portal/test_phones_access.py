"""Which desk phone may ask, for whom, and what is told to any other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from ari_app.desk import SHELL
from tests.lab.deskphone import DeskPhone
from tests.lab.deskphone_brands import BRANDS
from tests.lab.deskphone_dialects import Shown
from tests.portal.phone_world import Phones, phones

ALL = sorted(BRANDS)
WISH = "Bonjour, je voudrais déplacer mon rendez-vous 🙂"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Phones]:
    async with phones(tmp_path) as opened:
        yield opened


async def test_outside_the_allowed_networks_nothing_is_told(tmp_path: Path) -> None:
    async with phones(tmp_path, allow=("10.1.0.0/16",)) as house:
        await house.writes(WISH)
        _, url = await house.key(await house.member(), "yealink")
        for brand in ALL:
            answers = []
            for token in (url, f"{house.url}/p/AAAAAAAAAAAAAAAAAAAAAA"):
                async with DeskPhone(token, brand) as phone:
                    await phone.start()
                    assert phone.status == 403
                    answers.append(phone.display())
            assert answers[0] == answers[1]
            assert "Réseau non permis" in answers[0] or "Network not allowed" in answers[0]
        for path in ("/p/AAAA/nokia", "/p/waiting/3/fr", "/p/AAAA"):
            async with house.session.get(house.url + path) as answer:
                assert answer.status == 403
        assert (await house.clinic.desk.keys(by=SHELL))[0].used is None


@pytest.mark.parametrize("brand", ALL)
async def test_a_revoked_key_and_an_unknown_one_open_nothing(house: Phones, brand: str) -> None:
    thread = await house.writes(WISH)
    key, url = await house.key(await house.member(), brand)
    async with DeskPhone(url, brand) as phone:
        await phone.start()
        ready = (await phone.select(1)).items[1].action.to
        await house.clinic.desk.revoke_key(key.id, by=SHELL)
        for address in (phone.url, ready):
            shown = await phone._go(address)
            assert phone.status == 200
            # the member's language is not known any more: it is the phone's
            assert "Not possible" in shown.title if "Accept-Language" in phone.browser.headers else "Impossible" in shown.title
            assert "administrat" in " ".join(shown.text.split())
            assert "514" not in phone.display(everything=True)
    assert await house.sent(thread) == []


async def test_a_programs_key_is_no_phones(house: Phones) -> None:
    anne = await house.member()
    assert anne.member is not None
    made = await house.clinic.desk.make_key(anne.member, "api", None, "program", by=SHELL)
    async with DeskPhone(f"{house.url}/p/{made.token}", "yealink") as phone:
        assert "clé" in (await phone.start()).text


async def test_a_flood_of_wrong_tokens_is_refused_and_a_known_phone_goes_on(house: Phones) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        statuses = []
        for count in range(40):
            async with house.session.get(f"{house.url}/p/{count:022}/yealink") as answer:
                statuses.append(answer.status)
                assert answer.status in (200, 429)
                assert "YealinkIPPhoneTextScreen" in await answer.text()
        assert statuses[0] == 200
        assert statuses[-1] == 429
        assert (await phone.start()).title == "À répondre (1)"
        house.clinic.clock.move(hours=2)
        async with house.session.get(f"{house.url}/p/AAAAAAAAAAAAAAAAAAAAAA/yealink") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("brand", ALL)
async def test_a_pin_opens_the_phone_for_some_minutes(house: Phones, brand: str) -> None:
    await house.writes(WISH)

    async def enter(phone: DeskPhone, digits: str) -> Shown:
        assert phone.shown is not None
        if phone.shown.kind == "input":
            assert phone.shown.field is not None
            assert phone.shown.field.secret
            phone.type(digits)
            return await phone.submit()
        for digit in digits:
            await phone.select(10 if digit == "0" else int(digit))
        return await phone.select(11)

    async with await house.phone(await house.member(pin="4071"), brand) as phone:
        asked = await phone.start()
        assert "514" not in phone.display(everything=True)
        assert asked.kind == ("menu" if brand == "grandstream" else "input")
        wrong = await enter(phone, "9999")
        assert "NIP refusé" in f"{wrong.title} {wrong.note} {wrong.field.label if wrong.field else ''} {phone.display()}"
        opened = await enter(phone, "4071")
        assert opened.title == "À répondre (1)"
        keyed = phone.requests[-1]
        assert (await phone.select(1)).items[1].label == "Nous rappelons"
        house.clinic.clock.move(minutes=16)
        assert "NIP" in (await phone.start()).title + phone.display()
        # what the phone's history holds of the PIN opens nothing a second time
        await phone._go(keyed)
        assert "514" not in phone.display(everything=True)


async def test_a_pin_opens_the_phone_it_was_typed_at_and_no_other_with_its_token(house: Phones) -> None:
    await house.writes(WISH)
    who = await house.member(pin="4071")
    _, url = await house.key(who, "yealink")
    async with DeskPhone(url, "yealink") as phone:
        await phone.start()
        phone.type("4071")
        assert (await phone.submit()).title == "À répondre (1)"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))) as elsewhere:
        answer = await (await elsewhere.get(f"{url}/yealink")).text()
    assert "NIP" in answer
    assert "514" not in answer


async def test_a_proxy_nobody_named_is_no_phone_of_the_network(house: Phones) -> None:
    await house.writes(WISH)
    _, url = await house.key(await house.member(), "yealink")
    for path in ("/yealink", "/unheard-of"):
        async with house.session.get(url + path, headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
            assert answer.status == 403
            assert "514" not in await answer.text()


async def test_guessing_a_pin_is_made_slow(house: Phones) -> None:
    await house.writes(WISH)
    async with await house.phone(await house.member(pin="4071"), "cisco") as phone:
        await phone.start()
        for guess in range(30):
            phone.type(f"{guess:04}")
            shown = await phone.submit()
            if shown.kind == "text":
                break
        assert "Trop d'essais" in shown.text
        assert "514" not in phone.display(everything=True)


async def test_an_unknown_brand_is_told_what_to_dial(house: Phones) -> None:
    _, url = await house.key(await house.member(), "yealink")
    for path in (f"{url}/nokia", f"{url}/nokia/t/1", url, f"{house.url}/p/x"):
        async with house.session.get(path) as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert (await answer.text()).split() == ["Composez", "*767", "Dial", "*767"]


async def test_a_head_request_does_nothing(house: Phones) -> None:
    thread = await house.writes(WISH)
    async with await house.phone(await house.member(), "yealink") as phone:
        await phone.start()
        link = (await phone.select(1)).items[1].action.to
        for method in ("HEAD", "POST"):
            async with house.session.request(method, link, headers={"Origin": house.url}) as answer:
                assert answer.status >= 400
    assert await house.sent(thread) == []


async def test_what_a_push_opens_needs_no_token_and_names_nobody(house: Phones) -> None:
    await house.writes(WISH)
    for language, words in (("fr", "À répondre (3)"), ("en", "To answer (3)")):
        async with house.session.get(f"{house.url}/p/waiting/3/{language}") as answer:
            body = await answer.text()
            assert ET.fromstring(body).tag == "CiscoIPPhoneText"  # noqa: S314  (drawn here)
            assert words in body
            assert "http://" not in body
            assert "514" not in body


async def test_links_never_come_from_the_host_header(house: Phones) -> None:
    await house.writes(WISH)
    _, url = await house.key(await house.member(), "yealink")
    async with house.session.get(f"{url}/yealink", headers={"Host": "evil.example"}) as answer:
        body = await answer.text()
    assert "evil" not in body
    assert f"{url}/yealink/t/" in body
