"""What desk phones are told over NOTIFY, and when; the AMI client is the real one, on a server that notes what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ari_app.board import Key, Member, Role
from ari_app.pbx.ami import Ami
from ari_app.phone_push import PhonePush, notification
from ari_app.provisioning import PUSHED
from tests.pbx.fake_ami import FakeAmi, Impatient, server

WHEN = datetime(2026, 11, 24, 15, tzinfo=UTC)
ADDRESS = "http://10.0.0.5:8790"


def member(ident: int, extension: str | None, language: str | None = None) -> Member:
    return Member(
        id=ident, login=f"m{ident}", name=f"Member {ident}", role=Role.STAFF, language=language, extension=extension,
        has_password=True, has_pin=False, active=True, created=WHEN,
    )  # fmt: skip


def key(ident: int, owner: int, brand: str | None, use: str = "phone") -> Key:
    return Key(id=ident, member=owner, use=use, brand=brand, label="", created=WHEN, used=None, address=None, revoked=None)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("count", [0, 1, 12])
@pytest.mark.parametrize("brand", sorted(PUSHED - {"cisco-mpp"}))
def test_a_line_is_xml_says_how_many_and_is_taken_away_by_an_empty_one(brand: str, count: int, language: str) -> None:
    said = notification(brand, count, language, beep=True, address=ADDRESS)
    assert said is not None
    root = ET.fromstring(said.body)  # noqa: S314  (our own)
    assert root.get("Beep") == "yes"
    assert root.findtext("Message") == ({"fr": f"{count} à répondre", "en": f"{count} to answer"}[language] if count else "")
    assert (said.event, said.content_type) == ({"yealink": "Yealink-xml", "aastra": "aastra-xml"}[brand], "application/xml")
    session = root.get("SessionID") or root.findtext("Session")
    assert session == "textback", "the same for both, or the line would stay"


def test_a_cisco_phone_is_sent_to_a_page_and_only_for_news() -> None:
    said = notification("cisco-mpp", 3, "fr", beep=True, address=ADDRESS)
    assert said is not None
    assert (said.event, said.content_type, said.body) == ("XML-Service", "text/html", f"{ADDRESS}/p/waiting/3/fr")
    assert notification("cisco-mpp", 3, "fr", beep=False, address=ADDRESS) is None
    assert notification("poly", 3, "fr", beep=True, address=ADDRESS) is None


class House:
    """How many wait, who works here, and what phones were told."""

    def __init__(self, fake: FakeAmi) -> None:
        self.fake = fake
        self.count = 0
        self.members = [member(1, "101"), member(2, "102", "en"), member(3, None), replace(member(4, "104"), active=False)]
        self.keys = [
            key(1, 1, "yealink"),
            key(2, 2, "cisco-mpp"),
            key(3, 3, "yealink"),
            key(4, 4, "yealink"),
            key(5, 2, "poly"),
            key(6, 2, None, "api"),
            replace(key(7, 2, "aastra"), revoked=WHEN),
        ]
        self.looks = 0
        self.push: PhonePush

    async def waits(self) -> int:
        self.looks += 1
        return self.count

    async def people(self) -> tuple[list[Member], list[Key]]:
        return self.members, self.keys

    def told(self) -> list[tuple[str, str, str]]:
        """(endpoint, words or address, beeps) of each NOTIFY."""
        return [self._said(each) for each in self.fake.actions("PJSIPNotify")]

    @staticmethod
    def _said(action: dict[str, list[str]]) -> tuple[str, str, str]:
        content = next(each for each in action["Variable"] if each.startswith("Content=")).removeprefix("Content=").replace("\\", "")
        if not content.startswith("<"):
            return action["Endpoint"][0], content, "yes"
        root = ET.fromstring(content)  # noqa: S314
        return action["Endpoint"][0], root.findtext("Message") or "", root.get("Beep") or ""

    async def until(self, told: list[tuple[str, str, str]]) -> None:
        try:
            async with asyncio.timeout(10):
                while self.told() != told:  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"told {self.told()}, not {told}")

    def change(self, count: int) -> None:
        self.fake.heard.clear()
        self.count = count
        self.push.changed()


@asynccontextmanager
async def house(count: int = 0, device: str = "PJSIP/{extension}", **answers: Any) -> AsyncIterator[tuple[House, Callable[[], object]]]:
    async with server() as (fake, settings):
        there = House(fake)
        there.count = count
        fake.answers |= answers
        ami = Ami(settings, Impatient())
        there.push = PhonePush(
            ami, Impatient(), count=there.waits, people=there.people, device=device, language="fr", address=ADDRESS
        )  # fmt: skip
        ami.on_connected.append(there.push.connected)
        tasks = [asyncio.create_task(ami.run()), asyncio.create_task(there.push.run())]
        try:
            yield there, tasks[1].cancel
        finally:
            for task in tasks[::-1]:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def test_only_phones_of_members_who_work_here_are_told_and_beep_for_news() -> None:
    async with house() as (there, _):
        await there.until([("101", "", "no")])
        there.change(1)
        await there.until([("101", "1 à répondre", "yes"), ("102", f"{ADDRESS}/p/waiting/1/en", "yes")])
        there.change(3)
        await there.until([("101", "3 à répondre", "yes"), ("102", f"{ADDRESS}/p/waiting/3/en", "yes")])
        there.change(2)
        await there.until([("101", "2 à répondre", "no")])
        there.change(0)
        await there.until([("101", "", "no")])


async def test_what_waited_before_the_start_does_not_beep_and_a_stop_takes_the_line_away() -> None:
    async with house(2) as (there, stop):
        await there.until([("101", "2 à répondre", "no")])
        there.fake.heard.clear()
        stop()
        await there.until([("101", "", "no")])


async def test_a_phone_that_is_revoked_loses_its_line_and_a_new_one_gets_it() -> None:
    async with house(2) as (there, _):
        await there.until([("101", "2 à répondre", "no")])
        there.keys[0] = replace(there.keys[0], revoked=WHEN)
        there.keys.append(key(8, 2, "aastra"))
        there.change(2)
        await there.until([("101", "", "no"), ("102", "2 to answer", "no")])


async def test_what_asterisk_refuses_is_tried_again_and_what_was_told_is_not() -> None:
    async with house(2, PJSIPNotify="Error") as (there, _):
        await there.until([("101", "2 à répondre", "no")] * 2)
        there.fake.answers.clear()
        before = len(there.told())
        await there.until([("101", "2 à répondre", "no")] * (before + 1))
        there.push.changed()
        there.fake.hang_up()
        await there.until([("101", "2 à répondre", "no")] * (before + 2))


async def test_other_channels_than_pjsip_take_no_notify() -> None:
    async with house(2, device="SIP/{extension}") as (there, _):
        async with asyncio.timeout(10):
            while there.looks < 3:
                there.push.changed()
                await asyncio.sleep(0.005)
        assert there.told() == []
