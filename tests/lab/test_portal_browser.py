"""The front desk as it works: chromium over the real service, on the real Asterisk and the simulated modem, in French and in English."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.lab.browser import PASSWORD, chromium, page_of
from tests.lab.deskset import watching
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import Stage, stage, until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RINGS = "5145550105"
SENT = {"fr": "remis", "en": "delivered"}


@dataclass
class House:
    """A service, its portal and a browser."""

    staged: Stage
    browser: Browser

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.staged.lab.record.ports.portal}"

    async def missed(self, number: str) -> None:
        """Rings a second and a half, nobody takes it."""
        lab = self.staged.lab
        async with lab.phones({"101": Phone("ring")}), lab.trunk_call(Caller(number, RINGS, give_up=1.5)) as call:
            await call.over()

    async def writes(self, number: str, words: str) -> None:
        await self.staged.modem("text", **{"from": "+1" + number, "text": words})

    async def thread(self, number: str) -> dict[str, Any]:
        return dict(await self.staged.look("thread", "+1" + number))

    @asynccontextmanager
    async def desk(self, login: str, language: str) -> AsyncIterator[Page]:
        async with page_of(self.browser, self.url, login, language=language) as page:
            yield page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Asterisk 22, nobody else on it; Anne at extension 101, Beth at 102."""
    lab = await Lab.up("22", f"browser-{os.getpid()}")
    try:
        async with stage(lab, tmp_path_factory.mktemp("browser"), {"reply": {"delay": "1s", "min_ring": "500ms"}}) as staged:
            for login, name, extension, role in (("anne", "Anne", "101", "administrator"), ("beth", "Beth", "102", "staff")):
                status, _, err = await staged.run(
                    "staff", "add", login, "--name", name, "--role", role, "--extension", extension, "--password-stdin", stdin=PASSWORD
                )
                assert status == 0, err
            async with chromium() as browser:
                yield House(staged, browser)
    finally:
        await lab.down()


def row(page: Page, number: str) -> Any:
    """The line of a caller in the list."""
    return page.locator("#side .row", has_text=f"({number[:3]}) {number[3:6]}-{number[6:]}")


@pytest.mark.parametrize(("language", "number"), [("fr", "4385550401"), ("en", "4385550402")])
async def test_a_missed_call_is_answered_from_the_page_and_the_answer_comes_back(house: House, language: str, number: str) -> None:
    async with watching(house.staged.lab, "104") as phone, house.desk("anne", language) as page:
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(row(page, number)).to_have_count(0)
        await house.missed(number)
        await phone.shows("confirmed")
        await expect(row(page, number)).to_have_count(1)
        await expect(row(page, number)).to_have_class(re.compile("is-unopened"))
        await row(page, number).locator(".row-link").click()
        pane = page.locator(".pane")
        await expect(pane.locator(".kind-auto .state")).to_contain_text(SENT[language], ignore_case=True)
        await expect(row(page, number)).to_have_class(re.compile("is-opened"))

        await pane.locator("[data-reply] textarea[name=text]").fill("Bonjour! Jeudi à 10 h 30? 🙂")
        await expect(pane.locator("[data-cost]")).to_contain_text("🙂")
        await pane.locator("[data-reply] textarea[name=text]").fill("Bonjour! Jeudi à 10 h 30?")
        await expect(pane.locator("[data-cost]")).not_to_contain_text("🙂")
        await page.keyboard.press("Control+Enter")
        texts = await house.staged.handset("+1" + number, 2)
        assert texts[-1]["text"] == "Bonjour! Jeudi à 10 h 30?"
        await expect(pane.locator(".kind-staff .state")).to_contain_text(SENT[language], ignore_case=True)
        await phone.shows("terminated")
        await expect(row(page, number)).to_have_count(0)

        await house.writes(number, "Oui, merci <b>beaucoup</b>!")
        await expect(row(page, number)).to_have_count(1)
        await expect(row(page, number).locator(".row-last")).to_contain_text("<b>beaucoup</b>")
        await expect(pane.locator(".bubble-in .words").last).to_have_text("Oui, merci <b>beaucoup</b>!")
        await phone.shows("confirmed")
        await pane.locator("[data-key=done] button").click()
        await phone.shows("terminated")
    assert (await house.thread(number))["state"] == "done"


@pytest.mark.parametrize(("language", "number"), [("fr", "4385550403"), ("en", "4385550404")])
async def test_two_members_race_for_one_caller_and_one_text_goes(house: House, language: str, number: str) -> None:
    await house.writes(number, "Avez-vous une place demain?")
    async with house.desk("anne", language) as anne, house.desk("beth", language) as beth:
        for page in (anne, beth):
            await row(page, number).locator(".row-link").click()
        theirs = [page.locator(".pane [data-reply] textarea[name=text]") for page in (anne, beth)]
        await theirs[1].press_sequentially("Oui")
        await expect(row(anne, number).locator(".tag-holder")).to_contain_text("Beth")
        await expect(anne.locator(".pane [data-held]")).to_contain_text("Beth")
        await theirs[0].fill("De Anne")
        await asyncio.gather(*(page.locator(".pane [data-reply] .strong").last.click() for page in (anne, beth)))
        refusal = anne.locator("#dialog[open]")
        await expect(refusal).to_contain_text("Beth")
        await expect(refusal.locator("textarea")).to_have_value("De Anne")
        (text,) = await house.staged.handset("+1" + number, 1)
        assert text["text"] == "Oui"
        if not await refusal.locator(".quoted").count():  # hers came while Beth's was on its way: she is told of it now
            await refusal.locator("button.strong").click()
        await expect(refusal.locator(".quoted")).to_contain_text("Oui")
        await refusal.locator("button.strong").click()
        await expect(anne.locator(".pane .kind-staff").last).to_contain_text("De Anne")
        texts = await house.staged.handset("+1" + number, 2)
        assert [each["text"] for each in texts] == ["Oui", "De Anne"]


@pytest.mark.parametrize(("language", "number"), [("fr", "4505550151"), ("en", "4505550153")])
async def test_a_call_back_rings_both_phones_and_stands_in_the_thread(house: House, language: str, number: str) -> None:
    await house.missed(number)
    async with house.desk("anne", language) as page:
        await row(page, number).locator(".row-link").click()
        lab = house.staged.lab
        mark = len(lab.listener.heard)
        async with lab.phones({"101": Phone("answer", after=0.3, talk=3)}):
            await page.locator(".pane [data-key=call] button").click()
            entry = page.locator(".pane .event-out")
            await expect(entry).to_contain_text("Anne")

            def rung() -> bool:
                names = {event["channel"]["name"].rpartition("-")[0] for event in lab.listener.heard[mark:] if "channel" in event}
                return {"PJSIP/101", "PJSIP/trunk"} <= names

            await until("both phones rung", rung)
            reached = entry.locator("form[action$=reached] button")
            await expect(reached).to_be_visible()
            assert (await house.thread(number))["state"] == "to_answer"
            await reached.click()
            await expect(entry.locator(".tag-done")).to_be_visible()
    assert (await house.thread(number))["state"] == "answered"
