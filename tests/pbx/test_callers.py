"""Who calls, on which line: late, hidden and rewritten numbers, contexts, the night switch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ari_app.model import Outcome, Presentation
from ari_app.pbx.outputs import CallStarted, StrangeContext
from tests.pbx.story import CONFIG, Story, ended


def test_late_caller_id_of_an_analog_line() -> None:
    """DAHDI FXO: the number comes after the first ring, before the dialplan starts; the DID is the port."""
    story = Story()
    (started,) = story.caller(name="DAHDI/4-1", number="", did="s", context="from-analog", pres="unavailable")
    assert isinstance(started, CallStarted)
    assert (started.number, started.did) == (None, "DAHDI/4")
    story.wait(4)
    story.variable("c1", "CALLERID(num-pres)", "allowed_not_screened")
    story.number("c1", "5145551234")
    assert story.tracker.live_numbers() == {"+15145551234"}
    story.app("c1", "Dial")
    call = story.hang_up("c1")
    assert (call.caller, call.presented, call.presentation) == ("+15145551234", "5145551234", Presentation.ALLOWED)
    assert call.did == "DAHDI/4"


def test_an_analog_line_that_tells_the_number_before_the_first_ring_is_an_inbound_call() -> None:
    """chan_dahdi with cid_start=polarity or dtmf makes the channel in Pre-ring."""
    story = Story()
    (started,) = story.create("c1", "DAHDI/4-1", state="Pre-ring", number="5145551234", context="from-analog", exten="s")
    assert isinstance(started, CallStarted)
    story.state("c1", "Ring")
    story.app("c1", "Dial")
    story.wait(8)
    call = story.hang_up("c1")
    assert (call.outcome, call.caller, call.did) == (Outcome.MISSED, "+15145551234", "DAHDI/4")


def test_late_caller_id_without_channelvars_brings_its_presentation() -> None:
    for octet, presentation in ((0x01, Presentation.ALLOWED), (0x20, Presentation.PROHIBITED), (0x43, Presentation.UNKNOWN)):
        story = Story()
        story.caller(number="", pres=None)
        story.number("c1", "5145551234", octet)
        assert story.hang_up("c1").presentation is presentation


def test_the_first_number_stays_though_the_dialplan_rewrites_it() -> None:
    story = Story()
    story.caller(number="5145551234")
    story.app("c1", "Set")
    story.number("c1", "5145550100")
    call = story.hang_up("c1")
    assert (call.presented, call.caller) == ("5145551234", "+15145551234")


@pytest.mark.parametrize(
    ("presented", "caller"),
    [
        ("5145551234", "+15145551234"),
        ("15145551234", "+15145551234"),
        ("+15145551234", "+15145551234"),
        ("+33142685300", "+33142685300"),
        ("anonymous", None),
        ("Restricted", None),
        ("Unavailable", None),
        ("101", None),
        ("", None),
    ],
)
def test_numbers_as_trunks_write_them(presented: str, caller: str | None) -> None:
    story = Story()
    story.caller(number=presented)
    call = story.hang_up("c1")
    assert (call.presented, call.caller) == (presented, caller)


def test_presentation_is_read_after_creation_and_before_the_dialplan_rewrites_it() -> None:
    """Seen on 16 and 22: PJSIP says "allowed" at creation and reads Privacy just after. FreePBX's dialplan sets it to allowed again."""
    story = Story()
    story.caller(pres="allowed_not_screened")
    story.variable("c1", "CALLERID(num-pres)", "prohib_not_screened")
    story.app("c1", "Set")
    story.variable("c1", "CALLERID(num-pres)", "allowed_not_screened")
    story.app("c1", "Dial")
    assert story.hang_up("c1").presentation is Presentation.PROHIBITED

    story = Story()
    story.caller(pres="allowed_not_screened")
    story.app("c1", "Set")
    story.variable("c1", "CALLERID(num-pres)", "prohib")  # for the trunk the call is forwarded over
    story.app("c1", "Dial")
    assert story.hang_up("c1").presentation is Presentation.ALLOWED


@pytest.mark.parametrize(
    ("did", "name", "shown"), [("s", "PJSIP/voipms-0000001a", "PJSIP/voipms"), ("", "DAHDI/i1/5145551234-3", "DAHDI/i1")]
)
def test_without_a_did_the_trunk_or_port_stands_for_it(did: str, name: str, shown: str) -> None:
    story = Story()
    story.caller(did=did, name=name)
    assert story.hang_up("c1").did == shown


@pytest.mark.parametrize("context", ["from-internal", "from-sip-external", "default"])
def test_other_contexts_are_no_inbound_call(context: str) -> None:
    story = Story()
    assert [output for output in story.caller(context=context) if isinstance(output, CallStarted)] == []
    assert ended(story.destroy("c1")) == []


def test_strange_contexts_are_told_once_and_contexts_of_extensions_never() -> None:
    story = Story()
    assert story.caller("a", context="from-mytrunk") == [StrangeContext("from-mytrunk")]
    assert story.caller("b", context="from-mytrunk") == []
    assert story.caller("c", number="101", context="phones") == []
    assert story.caller("d", number="5145551234", context="phones") == []
    assert story.caller("e", number="anonymous", context="from-sip-external") == []
    assert story.tracker.strange_contexts == {"from-mytrunk"}


def test_what_is_no_call_of_anyone() -> None:
    story = Story()
    story.caller("a", name="Local/5145550100@from-trunk-1;2")
    story.caller("b", name="Message/ast_msg_queue")
    assert story.outputs == []


def test_the_night_switch_is_stamped_as_it_was_at_the_start() -> None:
    story = Story(replace(CONFIG, switches=("Custom:DAYNIGHT1",)))
    device = {"name": "Custom:DAYNIGHT1", "state": "INUSE"}
    story.say("DeviceStateChanged", device_state=device)
    story.say("DeviceStateChanged", device_state={"name": "PJSIP/101", "state": "RINGING"})
    story.caller()
    story.say("DeviceStateChanged", device_state={**device, "state": "NOT_INUSE"})
    assert story.hang_up("c1").switches == {"Custom:DAYNIGHT1": "INUSE"}
    assert story.tracker.switches == {"Custom:DAYNIGHT1": "NOT_INUSE"}
