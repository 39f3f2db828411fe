"""What the service asks of ARI besides calls, on the real Asterisk: device states, and the module *767 needs."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import aclosing

import pytest

from ari_app.clock import SystemClock
from ari_app.doctor_voice import resampling
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import Connected, DeviceStateChanged
from tests.lab.lab import Lab
from tests.lab.test_portal_pbx import client, settings_of

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


async def test_a_socket_that_closes_while_device_states_change_leaves_ari_whole(lab: Lab) -> None:
    """Seen on 22 with a socket subscribed to all of them: one such close locks ARI up for good (asterisk/asterisk#2170)."""

    async def flicker(name: str) -> None:
        for state in itertools.cycle(("INUSE", "NOT_INUSE")):
            await hand.set_device_state(name, state)

    names = [f"Stasis:flicker-{number}" for number in range(4)]
    async with client(lab) as hand:
        flickering = [asyncio.create_task(flicker(name)) for name in names]
        for turn in range(40):
            async with client(lab) as ari, aclosing(ari.events()) as events:
                first = await asyncio.wait_for(anext(events), 20)
                assert isinstance(first, Connected), f"turn {turn}: {first}"
        for task in flickering:
            task.cancel()
        await asyncio.gather(*flickering, return_exceptions=True)
        for name in names:
            await hand.remove_device_state(name)


async def test_of_all_device_states_only_the_night_switch_comes_and_after_each_reconnect_again(lab: Lab) -> None:
    night, other = "Custom:NIGHT-SWITCH", "Custom:NO-SWITCH"
    for turn in range(6):
        ari = AriClient(settings_of(lab).pbx, SystemClock(), device_states=(night,))
        async with aclosing(ari.events()) as events:
            first = await asyncio.wait_for(anext(events), 20)
            assert isinstance(first, Connected), f"turn {turn}: {first}"
            known = await ari.application("textback")
            assert known["device_names"] == [night], f"turn {turn}"
            for state in ("INUSE", "NOT_INUSE"):
                await lab.ami.command(f"devstate change {other} {state}")
                await lab.ami.command(f"devstate change {night} {state}")
                while not isinstance(event := await asyncio.wait_for(anext(events), 20), DeviceStateChanged):
                    pass
                assert (event.name, event.state) == (night, state), f"turn {turn}"
            if turn % 2:
                await ari.close()  # the socket is gone without a good-bye
        await ari.close()


async def test_without_its_resampler_asterisk_plays_nothing_of_what_is_spoken_and_doctor_says_so(lab: Lab) -> None:
    pbx = settings_of(lab).pbx
    assert await resampling(pbx) is None
    await lab.ami.action("ModuleLoad", Module="codec_resample.so", LoadType="unload")
    try:
        found = await resampling(pbx)
    finally:
        await lab.ami.action("ModuleLoad", Module="codec_resample.so", LoadType="load")
    assert found is not None
    assert (found.state, found.code) == ("warn", "sounds_rate")
    assert "module load codec_resample.so" in found.fix
    assert await resampling(pbx) is None
