"""One phone, ring groups, follow-me, confirmation, pick-up: who rings, and who takes it."""

from __future__ import annotations

from ari_app.model import AnsweredBy, Reached
from tests.lab.scenario import Scenario, Stage, answered, missed
from tests.lab.scripts import Phone

__all__ = ["RINGING"]

_RING = Phone("ring")
_AT_ONCE = (0.0, 4.0)


async def _until_the_pbx_ends_it(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.call():
        pass


async def _give_up(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.call() as caller:
        await stage.ringing("a")
        await caller.hang_up()


async def _talk(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=1)), stage.call() as caller:
        await stage.talking("a")
        await caller.hang_up()


async def _talk_and_phone_hangs_up(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.5, talk=0.5)), stage.call():
        pass


async def _one_busy(stage: Stage) -> None:
    async with stage.phone("a", Phone("busy")), stage.phone("b", _RING), stage.call():
        pass


async def _one_busy_other_answers(stage: Stage) -> None:
    async with stage.phone("a", Phone("busy")), stage.phone("b", Phone("answer", after=1)), stage.call() as caller:
        await stage.talking("b")
        await caller.hang_up()


async def _to_voicemail_and_hang_up(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.phone("b", Phone("busy")), stage.call() as caller:
        await stage.in_app("VoiceMail")
        await caller.hang_up()


async def _second_answers(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.phone("b", Phone("answer", after=0.5)), stage.call() as caller:
        await stage.talking("b")
        await caller.hang_up()


async def _local_to_voicemail(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.call() as caller:
        await stage.joined("caller")
        await caller.hang_up()


async def _never_accepts(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.5)), stage.call():
        pass


async def _accepts(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.5, digits=((1.0, "1"),))), stage.call() as caller:
        await stage.talking("a")
        await caller.hang_up()


async def _nobody(stage: Stage) -> None:
    async with stage.call():
        pass


async def _pick_up(stage: Stage) -> None:
    async with stage.phone("a", _RING), stage.call() as caller:
        await stage.ringing("a")
        async with stage.desk_call("b", f"**{stage.numbers.phone('a')}"):
            await stage.joined("caller")
            await caller.hang_up()


async def _mobile(stage: Stage) -> None:
    async with stage.call() as caller:
        await stage.joined("caller")
        await caller.hang_up()


_CONFIRM = """
[confirm-{a}]
exten => s,1,Read(ACCEPT,beep,1,,1,2)
 same => n,GotoIf($["${{ACCEPT}}" = "1"]?yes)
 same => n,Set(GOSUB_RESULT=CONTINUE)
 same => n(yes),Return()
"""
_FOLLOW_ME = """
[followme-{a}]
exten => {a},1,Dial(PJSIP/{a},2)
 same => n,Dial(Local/{b}@from-queue{option},10)
 same => n,Hangup()
"""

RINGING = (
    Scenario(
        name="one_phone_rings_out",
        plan=("Dial(PJSIP/{a},3)", "Hangup()"),
        play=_until_the_pbx_ends_it,
        rows=(missed(Reached.RING, hung_up=False, rang=(2.9, 6)),),
    ),
    Scenario(
        name="caller_gives_up_while_ringing",
        plan=("Dial(PJSIP/{a},30)", "Hangup()"),
        play=_give_up,
        rows=(missed(Reached.RING, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="answered",
        plan=("Goto(from-internal,{a},1)",),
        play=_talk,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.9, 4)),),
    ),
    Scenario(
        name="answered_and_phone_hangs_up",
        plan=("Goto(from-internal,{a},1)",),
        play=_talk_and_phone_hangs_up,
        rows=(answered(Reached.RING, hung_up=False, rang=(0.4, 4)),),
    ),
    Scenario(
        name="ring_group_one_busy",
        plan=("Goto(ext-group,{group},1)",),
        more="[ext-group]\nexten => {group},1,Dial(PJSIP/{a}&PJSIP/{b},3)\n same => n,Hangup()\n",
        play=_one_busy,
        rows=(missed(Reached.RING, hung_up=False, rang=(2.9, 6)),),
    ),
    Scenario(
        name="ring_group_one_busy_other_answers",
        plan=("Goto(ext-group,{group},1)",),
        more="[ext-group]\nexten => {group},1,Dial(PJSIP/{a}&PJSIP/{b},10)\n same => n,Hangup()\n",
        play=_one_busy_other_answers,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.9, 4)),),
    ),
    Scenario(
        name="ring_group_of_locals_to_voicemail",
        plan=("Goto(ext-group,{group},1)",),
        more=(
            "[ext-group]\nexten => {group},1,Dial(Local/{a}@from-queue/n&Local/{b}@from-queue/n,3,t)\n"
            ' same => n,GotoIf($["${{DIALSTATUS}}" = "ANSWER"]?done)\n same => n,Voicemail({a}@default,su)\n same => n(done),Hangup()\n'
        ),
        play=_to_voicemail_and_hang_up,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=(2.9, 7)),),
    ),
    Scenario(
        name="ring_group_of_locals_answered",
        plan=("Goto(ext-group,{group},1)",),
        more="[ext-group]\nexten => {group},1,Dial(Local/{a}@from-queue/n&Local/{b}@from-queue/n,10,t)\n same => n,Hangup()\n",
        play=_second_answers,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.4, 4)),),
    ),
    Scenario(
        name="follow_me_through_locals",
        plan=("Dial(Local/{a}@followme-{a}/n,30)", "Hangup()"),
        more=_FOLLOW_ME.replace("{option}", "/n"),
        play=_second_answers,
        rows=(answered(Reached.RING, hung_up=True, rang=(2.4, 7)),),
    ),
    Scenario(
        name="follow_me_locals_optimised_away",
        plan=("Dial(Local/{a}@followme-{a},30)", "Hangup()"),
        more=_FOLLOW_ME.replace("{option}", ""),
        play=_second_answers,
        rows=(answered(Reached.RING, hung_up=True, rang=(2.4, 7)),),
    ),
    Scenario(
        name="dial_of_local_lands_in_voicemail",
        plan=("Set(__EXTRING=2)", "Dial(Local/{a}@from-internal/n,30)", "Hangup()"),
        play=_local_to_voicemail,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=(1.9, 6)),),
    ),
    Scenario(
        name="confirm_never_accepted",
        plan=("Dial(PJSIP/{a},15,U(confirm-{a}))", "Hangup()"),
        more=_CONFIRM,
        play=_never_accepts,
        rows=(missed(Reached.RING, hung_up=False, rang=(2, 9)),),
    ),
    Scenario(
        name="confirm_accepted",
        plan=("Dial(PJSIP/{a},15,U(confirm-{a}))", "Hangup()"),
        more=_CONFIRM,
        play=_accepts,
        rows=(answered(Reached.RING, hung_up=True, rang=(1.4, 6)),),
    ),
    Scenario(
        name="unregistered_phone",
        plan=("Dial(PJSIP/{a},10)", "Hangup()"),
        play=_nobody,
        rows=(missed(Reached.NONE, hung_up=False, rang=_AT_ONCE),),
    ),
    Scenario(
        name="refused_with_hangup_17",
        plan=("Hangup(17)",),
        play=_nobody,
        rows=(missed(Reached.NONE, hung_up=False, rang=_AT_ONCE),),
    ),
    Scenario(
        name="picked_up_by_another_phone",
        plan=("Goto(from-internal,{a},1)",),
        play=_pick_up,
        rows=(answered(Reached.RING, hung_up=True, rang=(0, 5)),),
    ),
    Scenario(
        name="forwarded_to_a_mobile_answered",
        plan=("Dial(PJSIP/{mobile}@trunk,20)", "Hangup()"),
        play=_mobile,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.9, 5), by=AnsweredBy.OUTSIDE),),
    ),
    Scenario(
        name="forwarded_to_a_mobile_that_rings_out",
        plan=("Dial(PJSIP/{deaf_mobile}@trunk,3)", "Hangup()"),
        play=_nobody,
        rows=(missed(Reached.RING, hung_up=False, rang=(2.9, 6)),),
    ),
)
