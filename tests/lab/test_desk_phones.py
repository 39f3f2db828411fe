"""Desk phones on the running service, the real Asterisk and the simulated modem: from the missed call to the text on the handset."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.cli import access
from ari_app.provisioning import services_url
from ari_app.settings import load
from tests.lab.deskphone import DeskPhone
from tests.lab.deskset import watching
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import Stage, stage, until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RINGS = "5145550105"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def staged(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The service, which texts nobody by itself, and Anne at extension 101."""
    changes = {"reply": {"mode": "watch", "min_ring": "500ms"}, "portal": {"phones": {"allow": ["127.0.0.0/8"]}}}
    async with stage(lab, tmp_path_factory.mktemp("desk"), changes) as service:
        added = await service.run("staff", "add", "anne", "--name", "Anne", "--extension", "101", "--language", "fr", "--no-password")
        assert added[0] == 0, added
        yield service


async def missed(staged: Stage, number: str) -> None:
    """A call for a phone that is not there; its thread waits by the end."""
    async with staged.lab.trunk_call(Caller(number, RINGS)) as call:
        await call.over()

    def waits() -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{staged.store}?mode=ro", uri=True)) as store:
            found = store.execute("SELECT 1 FROM thread WHERE number = ? AND state = 'to_answer'", (f"+1{number}",)).fetchone()
        return found is not None

    await until("the missed caller waiting", waits)


async def key(staged: Stage, brand: str) -> str:
    """What `textback staff phone add` prints as the phone's address."""
    settings = load(staged.settings)
    (anne,) = await access.staff(settings, "members", {})
    made = await access.staff(settings, "make_key", {"member": anne["id"], "use": "phone", "brand": brand, "label": "desk"})
    return services_url(settings, made["token"], brand)


async def test_a_yealink_a_cisco_and_a_snom_answer_missed_callers(staged: Stage) -> None:
    ready = "Bonjour, merci de votre message. Nous vous rappelons dès que possible."
    answers = (("yealink", "4385550331", ready), ("cisco", "4385550333", "Oui, à 10 h 30?"), ("snom", "4385550334", "Ça va; à bientôt!"))
    async with watching(staged.lab, "104") as lamp:
        for brand, number, answer in answers:
            await missed(staged, number)
            await lamp.shows("confirmed")
            async with DeskPhone(await key(staged, brand), brand) as phone:
                inbox = await phone.start()
                assert number[-4:] in inbox.items[0].label
                thread = await phone.select(1)
                if answer == ready:
                    await phone.select(2)
                    assert phone.presses == 2
                else:
                    await phone.select(next(place for place, item in enumerate(thread.items, 1) if "Écrire" in item.label))
                    phone.type(answer)
                    await phone.submit()
                    await phone.key("Envoyer")
                # a phone that asks again for the address it is at
                await phone.again()
                assert [text["text"] for text in await staged.handset(f"+1{number}")] == [answer], brand
            await lamp.shows("terminated")


async def test_one_press_in_the_thread_rings_the_phone_and_then_the_caller(staged: Stage) -> None:
    number = "4385550335"
    lab = staged.lab
    await missed(staged, number)
    start = len(lab.listener.heard)
    async with lab.phones({"101": Phone("answer", after=0.2, talk=1.0)}), DeskPhone(await key(staged, "cisco-mpp"), "cisco-mpp") as phone:
        await phone.start()
        await phone.select(1)
        rings = await phone.key("Appeler")
        assert rings is not None
        assert "Votre téléphone sonne" in rings.text
        await phone.again()
        await lab.listener.wait(
            lambda event: True if event["type"] == "Dial" and event.get("dialstring", "").startswith(number) else None,
            "the caller being dialled",
            after=start,
        )
        inbox = await phone.start()
        await phone.select(1)
        read = await phone.select(1)
        assert number[-4:] in inbox.items[0].label
        assert "rappelé par Anne" in " ".join(read.text.split())
