"""Queues, menus, greetings, voicemail, holding places: where a caller waits without a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ari_app.model import Reached
from tests.lab.listener import Event
from tests.lab.scenario import Scenario, Stage, answered, missed
from tests.lab.scripts import Phone

__all__ = ["WAITING"]

_AT_ONCE = (0.0, 5.0)


async def _answered_by_a(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=1)), stage.call() as caller:
        await stage.talking("a")
        await caller.hang_up()


async def _rings_out(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call():
        pass


async def _abandon_ringing(stage: Stage) -> None:
    async with stage.phone("a", Phone("ring")), stage.call() as caller:
        await stage.ringing("a")
        await caller.hang_up()


def _abandon_in(app: str) -> Callable[[Stage], Awaitable[None]]:
    async def run(stage: Stage) -> None:
        async with stage.call() as caller:
            await stage.in_app(app)
            await caller.hang_up()

    return run


async def _listen_to_the_end(stage: Stage) -> None:
    async with stage.call():
        pass


async def _press_one(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=1)), stage.call(digits=((1.0, "1"),)) as caller:
        await stage.talking("a")
        await caller.hang_up()


async def _leave_a_message(stage: Stage) -> None:
    async with stage.call(audio="talking.ulaw", talk=4.5):
        pass


async def _leave_a_message_and_press_hash(stage: Stage) -> None:
    async with stage.call(audio="talking.ulaw", digits=((4.5, "#"),)):
        pass


async def _leave_a_message_behind_a_local(stage: Stage) -> None:
    async with stage.phone("a", Phone("busy")), stage.call(audio="talking.ulaw", talk=14):
        pass


async def _hang_up_on_the_greeting(stage: Stage) -> None:
    async with stage.phone("a", Phone("busy")), stage.call() as caller:
        await stage.in_app("VoiceMail")
        await caller.hang_up()


async def _talk_then_voicemail(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=0.5, talk=0.5)), stage.call() as caller:
        await stage.in_app("VoiceMail")
        await caller.hang_up()


async def _two_callers_meet(stage: Stage) -> None:
    async with stage.call() as first, stage.call() as second:
        await stage.wait(lambda event: "" if _members(stage, event, 2) else None, "two in the conference")
        await first.hang_up()
        await first.over()
        await second.hang_up()


def _members(stage: Stage, event: Event, count: int) -> bool:
    entered = event["type"] == "ChannelEnteredBridge" and stage.is_of("caller", event["channel"])
    return entered and len(event["bridge"]["channels"]) >= count


async def _two_at_once(stage: Stage) -> None:
    async with stage.phone("a", Phone("answer", after=1)), stage.call() as first:
        await stage.joined("caller")
        async with stage.call() as second:
            await second.over()
        await first.hang_up()


async def _fax_calls(stage: Stage) -> None:
    async with stage.call(audio="fax.ulaw") as caller:
        await stage.in_app("ReceiveFAX")
        await caller.hang_up()


async def _fax_calls_a_menu(stage: Stage) -> None:
    """Redirected by fax detection: Asterisk tells the new extension with the old application, and never names ReceiveFAX."""
    async with stage.call(audio="fax.ulaw") as caller:
        await stage.in_exten("fax")
        await caller.hang_up()


async def _recorded_alone(stage: Stage) -> None:
    async with stage.call() as caller:
        await stage.joined("caller")
        await caller.hang_up()


async def _announced_to_alone(stage: Stage) -> None:
    fields = stage.numbers.fields
    async with stage.call() as caller:
        await stage.joined("caller")
        await stage.lab.ami.action(
            "Originate", Channel=f"Local/{fields['park']}@scenario-internal", Application="ConfBridge", Data=fields["room"], Async="true"
        )
        await stage.wait(lambda event: "" if _announcer(event, fields["park"]) else None, "the announcement in the bridge")
        await caller.hang_up()


def _announcer(event: Event, extension: str) -> bool:
    return event["type"] == "ChannelEnteredBridge" and str(event["channel"]["name"]).startswith(f"Local/{extension}@")


_MENU = """
[ivr-{a}]
exten => s,1,Answer()
 same => n,Background(vm-press)
 same => n,WaitExten(20)
exten => 1,1,Goto(from-internal,{a},1)
"""

WAITING = (
    Scenario(
        name="queue_answered",
        plan=("Goto(ext-queues,{queue},1)",),
        more="[ext-queues]\nexten => {queue},1,Answer()\n same => n,Queue(q{queue},t,,,20)\n same => n,Hangup()\n",
        queue=("PJSIP/{a}",),
        play=_answered_by_a,
        rows=(answered(Reached.QUEUE, hung_up=True, rang=(0.9, 5)),),
    ),
    Scenario(
        name="queue_timed_out",
        plan=("Goto(ext-queues,{queue},1)",),
        more="[ext-queues]\nexten => {queue},1,Answer()\n same => n,Queue(q{queue},t,,,3)\n same => n,Hangup()\n",
        queue=("PJSIP/{a}",),
        play=_rings_out,
        rows=(missed(Reached.QUEUE, hung_up=False, rang=(2.5, 8)),),
    ),
    Scenario(
        name="queue_abandoned",
        plan=("Goto(ext-queues,{queue},1)",),
        more="[ext-queues]\nexten => {queue},1,Answer()\n same => n,Queue(q{queue},t,,,20)\n same => n,Hangup()\n",
        queue=("PJSIP/{a}",),
        play=_abandon_ringing,
        rows=(missed(Reached.QUEUE, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="queue_through_locals_answered",
        plan=("Goto(ext-queues,{queue},1)",),
        more="[ext-queues]\nexten => {queue},1,Answer()\n same => n,Queue(q{queue},t,,,20)\n same => n,Hangup()\n",
        queue=("Local/{a}@from-queue/n,0,Desk {a},PJSIP/{a}", "Local/{b}@from-queue/n,0,Desk {b},PJSIP/{b}"),
        play=_answered_by_a,
        rows=(answered(Reached.QUEUE, hung_up=True, rang=(0.9, 5)),),
    ),
    Scenario(
        name="menu_abandoned",
        plan=("Goto(ivr-{a},s,1)",),
        more=_MENU,
        play=_abandon_in("BackGround"),
        rows=(missed(Reached.MENU, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="menu_then_answered",
        plan=("Goto(ivr-{a},s,1)",),
        more=_MENU,
        play=_press_one,
        rows=(answered(Reached.RING, hung_up=True, rang=(1.9, 7)),),
    ),
    Scenario(
        name="closed_greeting",
        plan=("Answer()", "Playback(vm-goodbye)", "Hangup()"),
        play=_listen_to_the_end,
        rows=(missed(Reached.MENU, hung_up=False, rang=(0.3, 6)),),
    ),
    Scenario(
        name="voicemail_left",
        plan=("Voicemail({a}@default,s)", "Hangup()"),
        play=_leave_a_message,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=(4, 9), voicemail_left=True),),
    ),
    Scenario(
        name="voicemail_left_with_hash",
        plan=("Voicemail({a}@default,s)", "Hangup()"),
        play=_leave_a_message_and_press_hash,
        rows=(missed(Reached.VOICEMAIL, hung_up=False, rang=(4, 14), voicemail_left=True),),
    ),
    Scenario(
        name="voicemail_left_behind_a_local",
        plan=("Dial(Local/{a}@from-internal/n,30)", "Hangup()"),
        play=_leave_a_message_behind_a_local,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=(13, 20), voicemail_left=True),),
    ),
    Scenario(
        name="voicemail_hung_up_on",
        plan=("Goto(from-internal,{a},1)",),
        play=_hang_up_on_the_greeting,
        rows=(missed(Reached.VOICEMAIL, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="answered_then_dialplan_goes_on_to_voicemail",
        plan=("Dial(PJSIP/{a},10,g)", "Voicemail({a}@default,su)", "Hangup()"),
        play=_talk_then_voicemail,
        rows=(answered(Reached.VOICEMAIL, hung_up=True, rang=(0.4, 4)),),
    ),
    Scenario(
        name="bridge_wait",
        plan=("Answer()", "BridgeWait(hall-{a})", "Hangup()"),
        play=_abandon_in("BridgeWait"),
        rows=(missed(Reached.HOLD, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="conference_of_two_callers_without_staff",
        plan=("Answer()", "ConfBridge({room})", "Hangup()"),
        play=_two_callers_meet,
        rows=(missed(Reached.NONE, hung_up=True, rang=(0, 6)),) * 2,
    ),
    Scenario(
        name="recorder_in_the_bridge_and_nobody_else",
        plan=("Answer()", "Set(CONFBRIDGE(bridge,record_conference)=yes)", "ConfBridge({room})", "Hangup()"),
        play=_recorded_alone,
        rows=(missed(Reached.NONE, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="announcement_in_the_bridge_and_nobody_else",
        plan=("Answer()", "ConfBridge({room})", "Hangup()"),
        more="[scenario-internal]\nexten => {park},1,Answer()\n same => n,Playback(vm-theperson&vm-isunavail&vm-theperson&vm-isunavail)\n",
        play=_announced_to_alone,
        rows=(missed(Reached.NONE, hung_up=True, rang=_AT_ONCE),),
    ),
    Scenario(
        name="two_calls_at_once_from_one_number",
        plan=("Set(GROUP()=desk-{a})", 'GotoIf($["${{GROUP_COUNT(desk-{a})}}" = "1"]?from-internal,{a},1)', "Hangup(17)"),
        play=_two_at_once,
        rows=(answered(Reached.RING, hung_up=True, rang=(0.9, 4)), missed(Reached.NONE, hung_up=False, rang=_AT_ONCE)),
    ),
    Scenario(
        name="fax_did",
        plan=("Answer()", "ReceiveFAX(/tmp/fax-{a}.tif)", "Hangup()"),
        play=_fax_calls,
        rows=(missed(Reached.FAX, hung_up=True, rang=_AT_ONCE, machine=True),),
    ),
    Scenario(
        name="fax_detected_in_a_menu",
        plan=("Goto(ivr-fax-{a},s,1)",),
        more=(
            "[ivr-fax-{a}]\nexten => s,1,Set(FAXOPT(faxdetect)=yes)\n same => n,Answer()\n same => n,Background(vm-press)\n"
            " same => n,WaitExten(20)\nexten => fax,1,ReceiveFAX(/tmp/fax-{a}.tif)\n same => n,Hangup()\n"
        ),
        play=_fax_calls_a_menu,
        rows=(missed(Reached.FAX, hung_up=True, rang=(0, 9), machine=True),),
    ),
    Scenario(
        name="voicemail_main_from_outside",
        plan=("Answer()", "VoiceMailMain()", "Hangup()"),
        play=_abandon_in("VoiceMailMain"),
        rows=(missed(Reached.REMOTE, hung_up=True, rang=_AT_ONCE, machine=True),),
    ),
)
