"""Hold, parking, transfers: a caller who had somebody and lost them, or did not."""

from __future__ import annotations

from ari_app.model import Reached
from tests.lab.scenario import Scenario, Stage, answered, missed
from tests.lab.scripts import Phone

__all__ = ["HANDING"]

_ANSWER = Phone("answer", after=0.3)


async def _hold_and_give_up(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.3, hold_after=0.5)), stage.call(talk=33):
        await stage.held("a")


async def _hold_a_moment_and_give_up(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.3, hold_after=0.5)), stage.call() as caller:
        await stage.held("a")
        await caller.hang_up()


async def _hold_and_come_back(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.3, hold_after=0.5, resume_after=1)), stage.call() as caller:
        await stage.held("a", again=True)
        await caller.hang_up()


async def _park_and_give_up(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.call() as caller:
        phone = await stage.talking("a")
        mark = stage.mark()
        await stage.lab.ami.action("BlindTransfer", Channel=phone, Exten=stage.numbers.fields["park"], Context="from-internal")
        await stage.joined("caller", after=mark)
        await caller.hang_up()


async def _park_and_retrieve(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.call() as caller:
        phone = await stage.talking("a")
        mark = stage.mark()
        await stage.lab.ami.action("BlindTransfer", Channel=phone, Exten=stage.numbers.fields["park"], Context="from-internal")
        await stage.joined("caller", after=mark)
        mark = stage.mark()
        async with stage.desk_call("b", stage.numbers.fields["slot"]):
            await stage.talking("b", after=mark)
            await caller.hang_up()


async def _park_and_take_back(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.call() as caller:
        phone = await stage.talking("a")
        mark = stage.mark()
        await stage.lab.ami.action("BlindTransfer", Channel=phone, Exten=stage.numbers.fields["park"], Context="from-internal")
        await stage.joined("caller", after=mark)
        mark = stage.mark()
        await stage.talking("a", after=mark)
        await caller.hang_up()


async def _redirect_to_voicemail(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call() as caller:
        await stage.ringing("a")
        channel = await stage.in_app("Dial")
        exten = stage.numbers.fields["park"]
        await stage.lab.ami.action("Redirect", Channel=channel, Context="scenario-internal", Exten=exten, Priority="1")
        await stage.gone("a")
        await stage.in_app("VoiceMail")
        await caller.hang_up()


async def _blind(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.phone("b", Phone("answer", after=0.5)), stage.call() as caller:
        phone = await stage.talking("a")
        mark = stage.mark()
        await stage.lab.ami.action("BlindTransfer", Channel=phone, Exten=stage.numbers.phone("b"), Context="from-internal")
        await stage.talking("b", after=mark)
        await caller.hang_up()


async def _blind_to_nobody(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.phone("b", Phone("ring")), stage.call() as caller:
        phone = await stage.talking("a")
        await stage.lab.ami.action("BlindTransfer", Channel=phone, Exten=stage.numbers.phone("b"), Context="from-internal")
        await stage.ringing("b")
        await caller.hang_up()


async def _attended(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.phone("b", Phone("answer", after=0.3)), stage.call() as caller:
        phone = await stage.talking("a")
        await stage.lab.ami.action("Atxfer", Channel=phone, Exten=stage.numbers.phone("b"), Context="from-internal")
        await stage.joined("b")
        mark = stage.mark()
        await stage.lab.ami.action("Hangup", Channel=phone)
        await stage.wait(lambda event: "" if event["type"] == "BridgeAttendedTransfer" and _names(event, phone) else None, "the transfer")
        await stage.gone("a", after=mark)
        await caller.hang_up()


async def _attended_left_ringing(stage: Stage) -> None:
    async with stage.phone("a", _ANSWER), stage.phone("b", Phone("ring")), stage.call() as caller:
        phone = await stage.talking("a")
        await stage.lab.ami.action("Atxfer", Channel=phone, Exten=stage.numbers.phone("b"), Context="from-internal")
        await stage.ringing("b")
        mark = stage.mark()
        await stage.lab.ami.action("Hangup", Channel=phone)
        await stage.gone("a", after=mark)
        await caller.hang_up()


def _names(event: dict[str, object], channel: str) -> bool:
    leg = event.get("transferer_first_leg")
    return isinstance(leg, dict) and leg["name"] == channel


_PARK = """
[scenario-internal]
exten => {park},1,Park({lot})
 same => n,Hangup()
exten => {slot},1,ParkedCall({lot},{slot})
 same => n,Hangup()
"""
_DESK = ("Dial(PJSIP/{a},10,t)", "Hangup()")

HANDING = (
    Scenario(
        name="held_for_30_s_and_given_up",
        plan=_DESK,
        play=_hold_and_give_up,
        rows=(missed(Reached.HOLD, hung_up=True, rang=(0.2, 5), handed_on=True),),
        seconds=60,
    ),
    Scenario(
        name="held_for_a_moment_and_given_up",
        plan=_DESK,
        play=_hold_a_moment_and_give_up,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="held_and_taken_back",
        plan=_DESK,
        play=_hold_and_come_back,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="parked_and_never_retrieved",
        plan=_DESK,
        more=_PARK,
        play=_park_and_give_up,
        rows=(missed(Reached.HOLD, hung_up=True, rang=(0.2, 4), handed_on=True),),
    ),
    Scenario(
        name="parked_and_retrieved",
        plan=_DESK,
        more=_PARK,
        play=_park_and_retrieve,
        rows=(answered(Reached.HOLD, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="parked_and_rung_back_in_time",
        plan=_DESK,
        more=_PARK,
        play=_park_and_take_back,
        parking_seconds=2,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="sent_to_voicemail_from_the_operators_panel",
        plan=_DESK,
        more="[scenario-internal]\nexten => {park},1,Voicemail({a}@default,su)\n same => n,Hangup()\n",
        play=_redirect_to_voicemail,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=(0, 4)),),
    ),
    Scenario(
        name="blind_transfer_answered",
        plan=_DESK,
        play=_blind,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="blind_transfer_not_answered",
        plan=_DESK,
        play=_blind_to_nobody,
        rows=(missed(Reached.TRANSFER, hung_up=True, rang=(0.2, 4), handed_on=True),),
    ),
    Scenario(
        name="attended_transfer_completed",
        plan=_DESK,
        play=_attended,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.2, 4)),),
    ),
    Scenario(
        name="attended_transfer_left_ringing",
        plan=_DESK,
        play=_attended_left_ringing,
        rows=(missed(Reached.TRANSFER, hung_up=True, rang=(0.2, 4), handed_on=True),),
    ),
)
