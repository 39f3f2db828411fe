"""The driver on the simulated modem: sending, receiving, deleting."""

from __future__ import annotations

from modem.types import Sent
from tests.modem.conftest import MakeRig


async def test_a_text_goes_and_its_answer_is_kept_then_deleted(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    assert isinstance(await rig.send("Ça va? [été] €"), Sent)
    assert [one["text"] for one in await rig.sim.wait("+15145550123")] == ["Ça va? [été] €"]
    rig.sim.text("+15145550123", "oui, merci")
    await rig.until(lambda: rig.keeper.texts == ["oui, merci"], "the answer is kept")
    await rig.until(lambda: len(rig.events("deleted")) == 1, "the answer is deleted")
    await rig.until(lambda: len(rig.keeper.reports) == 1, "the report is kept")
    assert rig.keeper.reports[0].outcome == "delivered"
    assert rig.ready_calls == [1]
