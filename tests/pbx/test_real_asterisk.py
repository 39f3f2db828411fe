"""The ARI client and the watcher on a real Asterisk that is killed, restarted and taken over under them. Alone: it kills its lab's PBX."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
import pytest_asyncio

from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError, PbxReplacedError
from ari_app.model import Call, Outcome, Presentation
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import READ_TYPES, Connected
from ari_app.pbx.outputs import AskPresentation, Attached, CallEnded, CallStarted, Detached, Output, SwitchTurned
from ari_app.pbx.watch import Watch, switches_of
from ari_app.settings import PbxSettings, Settings, load
from tests.lab.lab import Lab
from tests.lab.root import send_signal
from tests.lab.scripts import Caller, Phone

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

DESK = "5145550101"
EVERYBODY = "5145550100"
RING = Phone("ring")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["22", "16"])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    lab = await Lab.up(request.param, f"watch-{request.param}-{os.getpid()}", modem=False)
    try:
        if lab.record.line != request.param:
            pytest.skip(f"Asterisk {request.param} cannot be had from Debian now")
        yield lab
    finally:
        await lab.down()


def settings_of(lab: Lab) -> Settings:
    return load(lab.record.folder / "textback.toml")


async def ringing(lab: Lab, mark: int) -> None:
    """Wait until a phone rings; ``mark`` is the listener's position before the call."""
    await lab.listener.wait(lambda event: "" if event.get("dialstatus") == "RINGING" else None, "ringing", after=mark)


@asynccontextmanager
async def client(lab: Lab, device_states: tuple[str, ...] = ()) -> AsyncIterator[AriClient]:
    ari = AriClient(settings_of(lab).pbx, SystemClock(), device_states=device_states)
    try:
        yield ari
    finally:
        await ari.close()


class Watched:
    """A running watcher and what it said."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.watch: Watch
        self.task: asyncio.Task[None]

    async def take(self, output: Output) -> None:
        self.outputs.append(output)

    async def until(self, true: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(30):
                while not true():
                    assert not self.task.done(), self.task
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"waited 30 s for {what}; heard {self.outputs}")

    @property
    def started(self) -> list[CallStarted]:
        return [output for output in self.outputs if isinstance(output, CallStarted)]

    @property
    def calls(self) -> list[Call]:
        return [output.call for output in self.outputs if isinstance(output, CallEnded)]

    @property
    def asked(self) -> list[AskPresentation]:
        return [output for output in self.outputs if isinstance(output, AskPresentation)]

    @property
    def attached(self) -> int:
        return sum(isinstance(output, Attached) for output in self.outputs)


@asynccontextmanager
async def watched(lab: Lab, settings: Settings | None = None) -> AsyncIterator[Watched]:
    """A watcher, connected; ended with the block."""
    seen = Watched()
    settings = settings or settings_of(lab)
    async with client(lab, switches_of(settings)) as ari:
        seen.watch = Watch(settings, ari, SystemClock(), on_output=seen.take)
        seen.task = asyncio.create_task(seen.watch.run())
        try:
            await seen.until(lambda: seen.attached, "the first connection")
            yield seen
        finally:
            seen.task.cancel()
            await asyncio.gather(seen.task, return_exceptions=True)


async def test_only_the_types_used_come(lab: Lab) -> None:
    async with client(lab) as ari, aclosing(ari.events()) as events:
        assert isinstance(await anext(events), Connected)
        async with lab.phones({"101": Phone("answer", after=0.2)}), lab.trunk_call(Caller("4385550001", DESK, talk=0.5)) as call:
            await call.over()
        heard: Counter[str] = Counter()
        async with asyncio.timeout(10):
            while not heard["ChannelDestroyed"] >= 2:
                heard[type(await anext(events)).__name__] += 1
        application = await lab.listener.get("/applications/textback")
    assert {"ChannelCreated", "Dial", "ChannelEnteredBridge", "ChannelHangupRequest", "ChannelDestroyed"} <= set(heard)
    assert {item["type"] for item in application["events_allowed"]} == set(READ_TYPES) - {"DeviceStateChanged"}


async def test_asterisk_documents_the_events_and_fields_that_are_read(lab: Lab) -> None:
    """The running version's own description of its events."""
    models = (await lab.listener.get("/api-docs/events.json"))["models"]
    assert set(READ_TYPES) <= set(models)
    needed = {
        "ChannelDestroyed": {"channel", "cause"},
        "ChannelHangupRequest": {"channel", "soft", "cause"},
        "ChannelCallerId": {"channel", "caller_presentation"},
        "ChannelEnteredBridge": {"channel", "bridge"},
        "ChannelLeftBridge": {"channel", "bridge"},
        "BridgeMerged": {"bridge", "bridge_from"},
        "BridgeBlindTransfer": {"channel", "transferee", "bridge", "result"},
        "BridgeAttendedTransfer": {"transferer_first_leg", "transferer_second_leg", "transferee", "result", "destination_type"},
        "Dial": {"caller", "peer", "dialstring", "dialstatus"},
        "DeviceStateChanged": {"device_state"},
    }
    for name, fields in needed.items():
        assert fields <= set(models[name]["properties"]), name
    channel = (await lab.listener.get("/api-docs/channels.json"))["models"]["Channel"]["properties"]
    assert {"id", "name", "state", "caller", "dialplan", "creationtime", "channelvars"} <= set(channel)


async def test_a_second_client_of_our_name_takes_over_and_we_stop(lab: Lab) -> None:
    """ApplicationReplaced comes through the filter."""
    async with watched(lab) as seen, client(lab) as other, aclosing(other.events()) as events:
        assert isinstance(await anext(events), Connected)
        with pytest.raises(PbxReplacedError):
            await asyncio.wait_for(asyncio.shield(seen.task), 10)
        assert not seen.watch.connected


async def test_a_wrong_password_stops(lab: Lab) -> None:
    ari = AriClient(PbxSettings(ari=lab.ari_url, username="textback", password="no"), SystemClock())
    with pytest.raises(PbxAuthError, match="401"):
        await anext(ari.events())
    await ari.close()


async def test_a_global_variable_reaches_the_dialplan(lab: Lab) -> None:
    async with client(lab) as ari:
        await ari.set_global("TEXTBACK_UNTIL", "1767225600")
    assert "TEXTBACK_UNTIL=1767225600" in await lab.ami.command("dialplan show globals")


async def test_a_night_switch_turned_while_watching(lab: Lab) -> None:
    settings = settings_of(lab)
    settings = settings.model_copy(update={"hours": settings.hours.model_copy(update={"follow": "Custom:DAYNIGHT1"})})
    async with watched(lab, settings) as seen:
        for state in ("INUSE", "NOT_INUSE"):
            await lab.ami.command(f"devstate change Custom:DAYNIGHT1 {state}")
            await seen.until(lambda state=state: SwitchTurned("Custom:DAYNIGHT1", state) in seen.outputs, state)  # type: ignore[misc]
        assert seen.watch.switches == {"Custom:DAYNIGHT1": "NOT_INUSE"}
    async with watched(lab, settings) as again:
        assert again.watch.switches == {"Custom:DAYNIGHT1": "NOT_INUSE"}


async def test_a_service_that_starts_in_the_middle_of_a_call_lists_it(lab: Lab) -> None:
    """The caller has moved on to another context: the endpoint's own says that it came in on the trunk."""
    mark = len(lab.listener.heard)
    async with lab.phones({"101": RING}), lab.trunk_call(Caller("4385550002", EVERYBODY)) as call:
        await ringing(lab, mark)
        inside = [channel["dialplan"]["context"] for channel in await lab.listener.get("/channels") if "trunk" in channel["name"]]
        assert inside == ["ext-group"]
        async with watched(lab) as seen:
            (started,) = seen.started
            assert (started.number, started.did) == ("+14385550002", EVERYBODY)
            assert seen.watch.live_numbers == {"+14385550002"}
            await call.hang_up()
            await seen.until(lambda: seen.calls, "the end of the call")
            await call.over()
            (ended,) = seen.calls
    assert (ended.id, ended.outcome, ended.context) == (started.id, Outcome.UNSEEN, "from-trunk")


async def test_presentation_is_read_over_rest_where_channelvars_is_not_set(lab: Lab) -> None:
    conf = lab.record.folder / "asterisk/etc/ari.conf"
    text = conf.read_text(encoding="utf-8")
    # a reload without the line keeps the old value
    assert "channelvars = CALLERID(num-pres),VMSTATUS," in text
    conf.write_text(text.replace("CALLERID(num-pres),VMSTATUS", "VMSTATUS"), encoding="utf-8")
    try:
        await lab.ami.command("module reload res_ari.so")
        async with watched(lab) as seen:
            headers = ("P-Asserted-Identity: <sip:4385550003@127.0.0.2>", "Privacy: id")
            hidden = Caller("4385550003", DESK, anonymous=True, headers=headers)
            for caller in (hidden, Caller("4385550004", DESK)):
                before = len(seen.calls)
                mark = len(lab.listener.heard)
                async with lab.phones({"101": RING}), lab.trunk_call(caller) as call:
                    await ringing(lab, mark)
                    await seen.until(lambda before=before: len(seen.asked) > before, "the question")  # type: ignore[misc]
                    await seen.until(lambda: not seen.watch._asking, "its answer")
                    await call.hang_up()
                    await call.over()
                    await seen.until(lambda before=before: len(seen.calls) > before, "the end of the call")  # type: ignore[misc]
            assert [call.presentation for call in seen.calls] == [Presentation.PROHIBITED, Presentation.ALLOWED]
            assert len(seen.asked) == 2
            assert seen.watch.status().channelvars is False
    finally:
        conf.write_text(text, encoding="utf-8")
        await lab.ami.command("module reload res_ari.so")


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
async def test_asterisk_ends_and_comes_back_under_a_live_call(lab: Lab, kill: bool) -> None:
    """The ghost is settled once, unseen; the next call is watched whole."""
    async with watched(lab) as seen:
        async with lab.phones({"101": RING}), lab.trunk_call(Caller("4385550005", DESK)) as call:
            await seen.until(lambda: seen.started, "the call")
            attached = seen.attached
            if kill:
                # at once: a SIGTERM before it would let Asterisk end its calls and tell us
                send_signal(lab.asterisk_pid, signal.SIGKILL)
            await lab.restart_asterisk(kill=kill)
            await call.end()
        await seen.until(lambda: seen.attached > attached, "the reconnection")
        await seen.until(lambda: seen.calls, "the ghost's end")
        assert any(isinstance(output, Detached) for output in seen.outputs)
        assert seen.watch.live_numbers == frozenset()
        # a call's id is the second it began in and a counter that each start begins anew: within one second both calls would be one
        await asyncio.sleep(max(0.0, int(float(seen.started[0].id)) + 1 - time.time()))
        async with lab.phones({"101": RING}), lab.trunk_call(Caller("4385550006", DESK)) as call:
            await seen.until(lambda: len(seen.started) == 2, "the next call")
            await call.hang_up()
            await call.over()
            await seen.until(lambda: len(seen.calls) == 2, "its end")
        ghost, after = seen.calls
        assert (ghost.id, ghost.caller) == (seen.started[0].id, "+14385550005")
        # a stop ends its calls while we still listen; a kill leaves a ghost
        assert ghost.outcome is (Outcome.UNSEEN if kill else Outcome.MISSED)
        assert (after.caller, after.outcome) == ("+14385550006", Outcome.MISSED)
        assert [output.number for output in seen.started] == ["+14385550005", "+14385550006"]
