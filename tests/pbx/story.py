"""Writes ARI streams by hand, in the JSON Asterisk writes, and plays them to a Tracker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.model import AnsweredBy, Call, Outcome
from ari_app.model import Reached as Place
from ari_app.pbx.calls import Tracker, WatchConfig
from ari_app.pbx.events import Connected, Disconnected, Event, Origin, Snapshot, read_bridge, read_channel, read_event
from ari_app.pbx.outputs import CallEnded, Output

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
CONFIG = WatchConfig(country="CA", inbound_contexts=("from-trunk*", "from-analog*"), machines=("PJSIP/fax*",))

Document = dict[str, Any]


class Story:
    """One stream. Channels are named by their id in the methods; ``wait`` moves its time on."""

    def __init__(self, config: WatchConfig = CONFIG) -> None:
        self.tracker = Tracker(config)
        self.now = START
        self.documents: list[Document] = []
        self.outputs: list[Output] = []
        self.channels: dict[str, Document] = {}
        self.bridges: dict[str, Document] = {}

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def feed(self, event: Event) -> list[Output]:
        out = self.tracker.feed(event)
        self.outputs += out
        return out

    def say(self, kind: str, **fields: Any) -> list[Output]:
        """One event, through the JSON reader."""
        document = {"type": kind, "timestamp": self.stamp(), "application": "textback", "asterisk_id": "00:00", **fields}
        self.documents.append(document)
        event = read_event(document, self.now)
        assert event is not None, kind
        return self.feed(event)

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.now.microsecond // 1000:03d}+0000"

    def channel(self, identity: str) -> Document:
        return {**self.channels[identity], "caller": dict(self.channels[identity]["caller"])}

    def create(
        self,
        identity: str,
        name: str,
        *,
        state: str = "Down",
        number: str = "",
        context: str = "from-internal",
        exten: str = "s",
        pres: str | None = "allowed_not_screened",
    ) -> list[Output]:
        self.channels[identity] = {
            "id": identity,
            "name": name,
            "state": state,
            "caller": {"name": "", "number": number},
            "connected": {"name": "", "number": ""},
            "dialplan": {"context": context, "exten": exten, "priority": 1, "app_name": "", "app_data": ""},
            "creationtime": self.stamp(),
            **({} if pres is None else {"channelvars": {"CALLERID(num-pres)": pres, "VMSTATUS": ""}}),
        }
        return self.say("ChannelCreated", channel=self.channel(identity))

    def caller(self, identity: str = "c1", number: str = "5145551234", did: str = "5145550100", **fields: Any) -> list[Output]:
        """An inbound call on the trunk."""
        fields = {"name": f"PJSIP/trunk-{identity}", "context": "from-trunk", **fields}
        return self.create(identity, state="Ring", number=number, exten=did, **fields)

    def app(self, identity: str, app: str, context: str | None = None) -> list[Output]:
        dialplan = self.channels[identity]["dialplan"]
        dialplan["app_name"] = app
        dialplan["context"] = context or dialplan["context"]
        return self.say("ChannelDialplan", channel=self.channel(identity), dialplan_app=app, dialplan_app_data="")

    def state(self, identity: str, state: str = "Up") -> list[Output]:
        self.channels[identity]["state"] = state
        return self.say("ChannelStateChange", channel=self.channel(identity))

    def number(self, identity: str, number: str, presentation: int = 0) -> list[Output]:
        self.channels[identity]["caller"]["number"] = number
        return self.say("ChannelCallerId", channel=self.channel(identity), caller_presentation=presentation, caller_presentation_txt="")

    def variable(self, identity: str, name: str, value: str) -> None:
        """A channel variable; the next event shows it."""
        self.channels[identity]["channelvars"] = {**self.channels[identity].get("channelvars", {}), name: value}

    def dial(self, caller: str | None, peer: str, dialstring: str = "", status: str = "") -> list[Output]:
        fields = {} if caller is None else {"caller": self.channel(caller)}
        return self.say("Dial", peer=self.channel(peer), dialstring=dialstring, dialstatus=status, **fields)

    def enter(self, bridge: str, *identities: str, kind: str = "mixing") -> list[Output]:
        out: list[Output] = []
        for identity in identities:
            room = self.bridges.setdefault(bridge, {"id": bridge, "bridge_type": kind, "bridge_class": "basic", "channels": []})
            room["channels"].append(identity)
            out += self.say("ChannelEnteredBridge", channel=self.channel(identity), bridge=self.bridge(bridge))
        return out

    def bridge(self, bridge: str) -> Document:
        return {**self.bridges[bridge], "channels": list(self.bridges[bridge]["channels"])}

    def leave(self, bridge: str, *identities: str) -> list[Output]:
        out: list[Output] = []
        for identity in identities:
            self.bridges[bridge]["channels"].remove(identity)
            out += self.say("ChannelLeftBridge", channel=self.channel(identity), bridge=self.bridge(bridge))
        return out

    def hangup_request(self, identity: str, *, soft: bool = False, cause: int = 16) -> list[Output]:
        return self.say("ChannelHangupRequest", channel=self.channel(identity), cause=cause, **({"soft": True} if soft else {}))

    def destroy(self, identity: str, cause: int = 16) -> list[Output]:
        for room in self.bridges.values():
            if identity in room["channels"]:
                room["channels"].remove(identity)
        channel = self.channels.pop(identity)
        return self.say("ChannelDestroyed", channel=channel, cause=cause, cause_txt="")

    def hang_up(self, identity: str) -> Call:
        """The caller hangs up: request, out of the bridge, gone. Returns the finished call."""
        self.hangup_request(identity)
        for name, room in self.bridges.items():
            if identity in room["channels"]:
                self.leave(name, identity)
        return one_call(self.destroy(identity))

    def phone(self, identity: str, caller: str, extension: str = "101") -> None:
        """A desk phone rings for a channel."""
        self.create(identity, f"PJSIP/{extension}-{identity}", exten=extension)
        self.dial(caller, identity, extension)
        self.state(identity, "Ringing")
        self.dial(caller, identity, extension, "RINGING")

    def answer(self, identity: str, caller: str, bridge: str) -> list[Output]:
        """The phone answers and talks with the caller."""
        out = self.state(identity) + self.dial(caller, identity, status="ANSWER")
        if self.channels[caller]["state"] != "Up":
            out += self.state(caller)
        return out + self.enter(bridge, caller, identity)

    def talk(self, caller: str = "c1", phone: str = "p1", bridge: str = "b1") -> None:
        """A call answered by a phone, from the start."""
        self.caller(caller)
        self.app(caller, "Dial")
        self.phone(phone, caller)
        self.wait(4)
        self.answer(phone, caller, bridge)

    def snapshot(self, origins: dict[str, Origin] | None = None, device_states: dict[str, str] | None = None) -> Snapshot:
        """What REST would show now."""
        channels = (read_channel(document) for document in self.channels.values())
        bridges = (read_bridge(document) for document in self.bridges.values())
        return Snapshot(
            tuple(channel for channel in channels if channel),
            tuple(bridge for bridge in bridges if bridge),
            device_states or {},
            origins or {},
        )

    def reconnect(self, origins: dict[str, Origin] | None = None) -> list[Output]:
        return self.feed(Disconnected(self.now, "test")) + self.feed(Connected(self.now, self.snapshot(origins)))

    @property
    def calls(self) -> list[Call]:
        return ended(self.outputs)


def ended(outputs: Iterable[Output]) -> list[Call]:
    return [output.call for output in outputs if isinstance(output, CallEnded)]


def one_call(outputs: Iterable[Output]) -> Call:
    """The one call that ended."""
    (call,) = ended(outputs)
    return call


def row(call: Call) -> tuple[Outcome, AnsweredBy | None, Place]:
    """What a scenario is about: outcome, who answered, where it ended."""
    return call.outcome, call.answered_by, call.reached


def local(story: Story, caller: str = "c1", name: str = "L") -> tuple[str, str]:
    """A Dial of a Local channel."""
    one, two = f"{name}1", f"{name}2"
    story.create(one, f"Local/600@ext-{name};1")
    story.create(two, f"Local/600@ext-{name};2", state="Ring")
    story.dial(caller, one, "600@ext/n")
    return one, two


def behind_a_local(story: Story, app: str) -> tuple[str, str]:
    story.caller()
    story.app("c1", "Dial")
    one, two = local(story)
    story.app(two, app)
    story.state(two)
    story.state(one)
    story.state("c1")
    story.enter("b1", one, "c1")
    return one, two


def outside(story: Story, caller: str, dialstring: str, leg_number: str = "", identity: str = "o1") -> None:
    story.create(identity, f"PJSIP/trunk-{identity}", context="from-trunk", number=leg_number)
    story.dial(caller, identity, dialstring)
