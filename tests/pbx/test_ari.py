"""The ARI client against a server that fails in every way a PBX or a network does, over real sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError, PbxReplacedError, PbxRequestError, PbxUnavailableError
from ari_app.pbx import ari as ari_module
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import READ_TYPES, ChannelCreated, Connected, DeviceStateChanged, Disconnected, Event
from ari_app.settings import PbxSettings
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri


def client(fake: FakeAri, *, password: str = PASSWORD, **more: Any) -> AriClient:
    return AriClient(PbxSettings(ari=fake.url, username=USER, password=password), SystemClock(), **more)


@asynccontextmanager
async def connected(fake: FakeAri, **more: Any) -> AsyncIterator[tuple[AriClient, AsyncGenerator[Event, None]]]:
    """A client that has just said Connected."""
    ari = client(fake, **more)
    events = ari.events()
    try:
        async with asyncio.timeout(20):
            assert isinstance(await anext(events), Connected)
            yield ari, events
    finally:
        await events.aclose()
        await ari.close()


def created(identity: str) -> dict[str, Any]:
    channel = {"id": identity, "name": f"PJSIP/trunk-{identity}", "state": "Ring", "caller": {"name": "", "number": "5145551234"}}
    return {"type": "ChannelCreated", "timestamp": "2026-03-02T09:00:00.250-0500", "channel": channel, "application": "textback"}


async def again(events: AsyncGenerator[Event, None]) -> str:
    """The reason of the disconnection that comes now; the connection is made again after it."""
    lost = await anext(events)
    assert isinstance(lost, Disconnected)
    while isinstance(event := await anext(events), Disconnected):
        pass
    assert isinstance(event, Connected)
    return lost.reason


async def test_only_the_types_used_are_let_through_at_the_source() -> None:
    async with FakeAri.up() as fake:
        async with connected(fake):
            allowed = {item["type"] for item in fake.filter["allowed"]}
            assert allowed == set(READ_TYPES) - {"DeviceStateChanged"}
            assert "ApplicationReplaced" in allowed
        async with connected(fake, device_states=("Custom:DAYNIGHT1",)):
            assert {item["type"] for item in fake.filter["allowed"]} == set(READ_TYPES)


async def test_the_snapshot_shows_channels_bridges_and_switches() -> None:
    async with FakeAri.up() as fake:
        fake.channels = [created("7")["channel"], {"no": "id"}, "nonsense"]  # type: ignore[list-item]
        fake.bridges = [{"id": "b", "bridge_type": "holding", "channels": ["7", 8]}]
        fake.devices = {"Custom:DAYNIGHT1": "INUSE"}
        ari = client(fake, device_states=("Custom:DAYNIGHT1",))
        events = ari.events()
        first = await anext(events)
        await events.aclose()
        await ari.close()
        assert isinstance(first, Connected)
        assert [channel.id for channel in first.snapshot.channels] == ["7"]
        assert [(bridge.id, bridge.kind, bridge.channels) for bridge in first.snapshot.bridges] == [("b", "holding", ("7",))]
        assert first.snapshot.device_states == {"Custom:DAYNIGHT1": "INUSE"}


async def test_events_of_the_moment_of_connecting_are_not_lost() -> None:
    async with FakeAri.up() as fake:
        fake.on_snapshot = [created("early")]
        async with connected(fake) as (_ari, events):
            event = await anext(events)
            assert isinstance(event, ChannelCreated)
            assert event.channel.id == "early"
            assert event.at.isoformat() == "2026-03-02T14:00:00.250000+00:00"


async def test_a_clean_close_is_a_disconnection() -> None:
    async with FakeAri.up() as fake, connected(fake) as (_ari, events):
        await fake.close()
        assert "closed the event socket (1001)" in await again(events)
        await fake.say(created("after"))
        assert isinstance(await anext(events), ChannelCreated)


async def test_a_reset_is_a_disconnection() -> None:
    async with FakeAri.up() as fake, connected(fake) as (_ari, events):
        fake.reset()
        assert await again(events)
        assert fake.opened == 2


async def test_a_half_open_connection_is_found_by_the_heartbeat() -> None:
    async with FakeAri.up() as fake, connected(fake, heartbeat=0.3) as (_ari, events):
        fake.freeze()
        assert "pong" in (await again(events)).lower()


async def test_a_subscription_that_is_gone_is_found_though_the_socket_lives() -> None:
    async with FakeAri.up() as fake, connected(fake, heartbeat=0.1) as (_ari, events):
        fake.app_known = False
        lost = await anext(events)
        assert isinstance(lost, Disconnected)
        assert lost.reason == "Asterisk dropped the subscription"


async def test_a_subscription_lost_while_connecting_is_made_again() -> None:
    """Seen on 22: the clean-up of an aborted connection takes the new one's application away."""
    async with FakeAri.up() as fake:
        fake.filter_status = 404
        fake.app_known = False
        ari = client(fake)
        events = ari.events()
        lost = await anext(events)
        assert isinstance(lost, Disconnected)
        assert lost.reason == "Asterisk dropped the subscription"
        fake.filter_status, fake.app_known = 200, True
        assert isinstance(await anext(events), Connected)
        await events.aclose()
        await ari.close()


async def test_a_pbx_that_is_down_and_comes_back() -> None:
    async with FakeAri.up() as fake, connected(fake) as (_ari, events):
        await fake.stop()
        assert isinstance(await anext(events), Disconnected)
        down = await anext(events)
        assert isinstance(down, Disconnected)
        assert down.reason == f"Asterisk at {fake.url}/ari cannot be reached (Connection refused)"
        await fake.start()
        while isinstance(event := await anext(events), Disconnected):
            pass
        assert isinstance(event, Connected)


@pytest.mark.parametrize("status", [503, 404])
async def test_a_pbx_still_loading_is_waited_for(status: int) -> None:
    async with FakeAri.up() as fake:
        fake.statuses = [status, status]
        ari = client(fake)
        events = ari.events()
        said = [await anext(events) for _ in range(3)]
        await events.aclose()
        await ari.close()
        assert [type(event) for event in said] == [Disconnected, Disconnected, Connected]
        assert all("still loading" in event.reason for event in said if isinstance(event, Disconnected))


@pytest.mark.parametrize(("status", "fix"), [(401, "pbx.password"), (403, "read_only = no")])
async def test_a_refused_user_stops_with_the_fix(status: int, fix: str) -> None:
    async with FakeAri.up() as fake:
        fake.status = status
        ari = client(fake)
        with pytest.raises(PbxAuthError, match=str(status)) as caught:
            await anext(ari.events())
        await ari.close()
        assert fix in caught.value.fix
        assert fake.requests == ["GET /ari/events?app=textback&subscribeAll=true"]


async def test_a_read_only_user_stops_with_the_fix() -> None:
    async with FakeAri.up() as fake:
        fake.filter_status = 403
        ari = client(fake)
        with pytest.raises(PbxAuthError, match="403") as caught:
            await anext(ari.events())
        await ari.close()
        assert "read_only = no" in caught.value.fix


async def test_a_pbx_that_knows_no_filter_is_watched_all_the_same() -> None:
    async with FakeAri.up() as fake:
        fake.filter_status = 404
        async with connected(fake) as (_ari, events):
            await fake.say({"type": "ChannelVarset"}, created("1"))
            assert isinstance(await anext(events), ChannelCreated)


async def test_a_taken_over_application_stops_with_the_fix() -> None:
    async with FakeAri.up() as fake, connected(fake) as (_ari, events):
        await fake.say({"type": "ApplicationReplaced", "application": "textback"})
        with pytest.raises(PbxReplacedError, match='"textback"') as caught:
            await anext(events)
        assert "pbx.app" in caught.value.fix


async def test_a_slow_consumer_stalls_nobody_and_loses_nothing() -> None:
    async with FakeAri.up() as fake, connected(fake) as (_ari, events):
        await fake.say(created("first"))
        assert isinstance(await anext(events), ChannelCreated)
        # nobody takes an event now: the reader must take them off the socket all the same, or ``say`` blocks for good, because
        # this is more than the sockets' buffers hold
        count, padding = 5000, "x" * 6000
        await fake.say(*({**created(str(number)), "padding": padding} for number in range(count)))
        heard = [await anext(events) for _ in range(count)]
        assert [event.channel.id for event in heard if isinstance(event, ChannelCreated)] == [str(number) for number in range(count)]
        assert fake.opened == 1


async def test_a_storm_is_gathered_and_comes_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[float] = []
    real = SystemClock.sleep

    async def sleep(clock: SystemClock, seconds: float) -> None:
        if seconds == ari_module._GATHER:
            gathered.append(seconds)
        await real(clock, seconds)

    monkeypatch.setattr(SystemClock, "sleep", sleep)
    async with FakeAri.up() as fake, connected(fake) as (ari, events):
        names = [f"c{number}" for number in range(600)]
        told = asyncio.create_task(_each_by_itself(fake, names))
        async with asyncio.timeout(30):
            assert [event.channel.id for event in [await anext(events) for _ in names] if isinstance(event, ChannelCreated)] == names
        await told
        assert gathered
        assert ari.overflows == ari.unreadable == 0


async def test_a_client_that_gathers_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ari_module, "_GATHER", 3600.0)
    async with FakeAri.up() as fake, asyncio.timeout(30), connected(fake) as (_, events):
        await _each_by_itself(fake, [f"c{number}" for number in range(400)])
        for _ in range(100):
            await anext(events)  # and the rest is not read for an hour


async def _each_by_itself(fake: FakeAri, names: list[str]) -> None:
    """As a PBX tells them: not all in one packet."""
    for name in names:
        await fake.say(created(name))
        await asyncio.sleep(0.001)


async def test_an_overflow_is_said_and_resynchronised() -> None:
    async with FakeAri.up() as fake, connected(fake, queue=50) as (ari, events):
        await fake.say(created("first"))
        await anext(events)
        await fake.say(*(created(str(number)) for number in range(200)))
        kinds: list[str] = []
        reason = ""
        while kinds[-1:] != ["Connected"]:
            event = await anext(events)
            kinds.append(type(event).__name__)
            reason = event.reason if isinstance(event, Disconnected) else reason
        assert kinds[-2:] == ["Disconnected", "Connected"]
        assert set(kinds[:-2]) == {"ChannelCreated"}
        assert 50 <= len(kinds) - 2 < 200
        assert "50 events" in reason
        assert ari.overflows == 1


async def test_a_pbx_that_accepts_and_never_answers_is_given_up() -> None:
    async with FakeAri.up() as fake:
        ari = client(fake, patience=0.2)
        fake.stuck = True
        with pytest.raises(PbxUnavailableError, match=r"did not answer GET /asterisk/info within 0\.2 s"):
            await ari.info()
        events = ari.events()
        lost = await anext(events)
        assert isinstance(lost, Disconnected)
        assert lost.reason == "Asterisk did not open the event socket within 0.2 s"
        await events.aclose()
        await ari.close()


async def test_unknown_events_and_fields_are_no_error() -> None:
    async with FakeAri.up() as fake, connected(fake) as (ari, events):
        strange = {
            **created("known"),
            "new_in_30": {"deep": [1, 2]},
            "channel": {**created("known")["channel"], "protocol_id": 5, "caller": None},
        }
        await fake.say(
            {"type": "BrandNewEvent", "x": 1}, {"type": 7}, {}, {"type": "ChannelCreated"}, {"type": "Dial", "peer": []}, strange
        )
        event = await anext(events)
        assert isinstance(event, ChannelCreated)
        assert event.channel.id == "known"
        assert event.channel.number == ""
        assert ari.unreadable == 0


async def test_unreadable_messages_are_counted_and_logged_by_size_only() -> None:
    with structlog.testing.capture_logs() as logs:
        async with FakeAri.up() as fake, connected(fake) as (ari, events):
            await fake.say("{not json of 5145551234", "[1, 2]", b"\xff\xfe", created("after"))
            assert isinstance(await anext(events), ChannelCreated)
            assert ari.unreadable == 3
    said = [entry for entry in logs if entry["event"] == "pbx_unreadable"]
    assert [entry["size"] for entry in said] == [23, 6, 2]
    assert "5145551234" not in str(logs)


async def test_a_device_state_is_an_event() -> None:
    async with FakeAri.up() as fake, connected(fake, device_states=("Custom:DAYNIGHT1",)) as (_ari, events):
        await fake.say({"type": "DeviceStateChanged", "device_state": {"name": "Custom:DAYNIGHT1", "state": "INUSE"}})
        event = await anext(events)
        assert isinstance(event, DeviceStateChanged)
        assert (event.name, event.state) == ("Custom:DAYNIGHT1", "INUSE")


async def test_the_password_is_in_a_header_and_nowhere_else() -> None:
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with structlog.testing.capture_logs() as logs:
        async with FakeAri.up() as fake:
            async with connected(fake) as (ari, events):
                await ari.info()
                await fake.close()
                await again(events)
            refused = client(fake, password="wrong-" + PASSWORD)
            with pytest.raises(PbxAuthError) as caught:
                await anext(refused.events())
            await refused.close()
            heard = " ".join(fake.requests) + str(logs) + str(caught.value) + repr(caught.value.__cause__)
    assert logs
    assert PASSWORD not in heard
    assert token not in heard
    assert "api_key" not in heard


async def test_requests() -> None:
    async with FakeAri.up() as fake:
        fake.variables = {("17.1", "CALLERID(num-pres)"): "prohib_not_screened"}
        fake.devices = {"Custom:DAY/NIGHT 1": "INUSE"}
        fake.endpoints = {"trunk": "from-trunk"}
        ari = client(fake)
        assert await ari.variable("17.1", "CALLERID(num-pres)") == "prohib_not_screened"
        assert await ari.variable("gone", "CALLERID(num-pres)") is None
        await ari.set_global("TEXTBACK_OPEN", "1")
        assert fake.globals == {"TEXTBACK_OPEN": "1"}
        assert await ari.device_state("Custom:DAY/NIGHT 1") == "INUSE"
        assert await ari.endpoint_context("trunk") == "from-trunk"
        assert await ari.endpoint_context("nobody") is None
        assert await ari.shows_hidden("trunk") is False
        fake.trusted = {"trunk": "true"}
        assert await ari.shows_hidden("trunk") is True
        assert await ari.shows_hidden("nobody") is None
        assert (await ari.info())["system"]["version"] == "22.0.0"
        fake.status = 500
        with pytest.raises(PbxRequestError, match="told to") as caught:
            await ari.set_global("TEXTBACK_OPEN", "0")
        assert caught.value.status == 500
        fake.status = 503
        with pytest.raises(PbxUnavailableError, match="still loading"):
            await ari.info()
        await fake.stop()
        with pytest.raises(PbxUnavailableError, match="cannot be reached"):
            await ari.info()
        await ari.close()
        await ari.close()
