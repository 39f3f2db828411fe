"""Who calls: hidden, rewritten and late numbers; calls that are no inbound calls; devices that are no person."""

from __future__ import annotations

from ari_app.model import Presentation, Reached
from tests.lab.scenario import Scenario, Stage, missed
from tests.lab.scripts import Phone

__all__ = ["NUMBERS"]

_AT_ONCE = (0.0, 4.0)


async def _anonymous(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call(anonymous=True) as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _prohibited(stage: Stage) -> None:
    headers = (f"P-Asserted-Identity: <sip:{stage.numbers.caller}@127.0.0.2>", "Privacy: id")
    async with stage.phone("a", Phone("ring")), stage.call(anonymous=True, headers=headers) as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _plain(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call() as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _without_number(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call(number="") as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _plus_one(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call(number=stage.numbers.caller_e164) as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _internal(stage: Stage) -> None:
    async with stage.phone("b", Phone("answer", after=0.3)), stage.desk_call("a", stage.numbers.phone("b")) as desk:
        await stage.joined("b")
        await desk.hang_up()


async def _outbound(stage: Stage) -> None:
    async with stage.desk_call("a", stage.numbers.mobile) as desk:
        await stage.joined("a")
        await desk.hang_up()


async def _fax_machine(stage: Stage) -> None:
    fax = stage.numbers.fields["fax"]
    async with stage.phone("a", Phone("answer", after=0.3), name=fax), stage.call() as caller:
        await stage.talking(fax)
        await caller.hang_up()


_RING_A = ("Dial(PJSIP/{a},30)", "Hangup()")

NUMBERS = (
    Scenario(
        name="anonymous_caller",
        plan=_RING_A,
        play=_anonymous,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE, caller=None, presentation=None),),
    ),
    Scenario(
        name="presentation_prohibited_but_a_number_present",
        plan=_RING_A,
        play=_prohibited,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE, presentation=Presentation.PROHIBITED),),
    ),
    Scenario(
        name="callerid_rewritten_on_the_callers_channel",
        plan=("Set(CALLERID(num)=5145550100)", "Set(CALLERID(name)=Clinique)", *_RING_A),
        play=_plain,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="caller_id_comes_late",
        plan=("Wait(0.3)", "Set(CALLERID(num)={caller})", *_RING_A),
        play=_without_number,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="caller_shown_in_e164",
        plan=_RING_A,
        play=_plus_one,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="internal_call",
        plan=("Hangup()",),
        play=_internal,
        rows=(),
    ),
    Scenario(
        name="outbound_call",
        plan=("Hangup()",),
        play=_outbound,
        rows=(),
        outgoing=(True,),
    ),
    Scenario(
        name="answered_by_a_fax_machine",
        plan=("Dial(PJSIP/{fax},20)", "Hangup()"),
        play=_fax_machine,
        rows=(missed(Reached.FAX, hung_up=True, rang=_AT_ONCE, machine=True),),
    ),
)
