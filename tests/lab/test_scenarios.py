"""Every scenario of issue 2, section 3, on the real Asterisk 22 and 16: the exact row each call must come to.

All are played side by side on one Asterisk with one watcher, once a version; each test then looks at its own scenario. The dialplan knows
nothing of textback. Then services that were not there come and read the PBX's records of that same run.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from ari_app.model import Outcome, Presentation
from tests.lab.freepbx import fill
from tests.lab.history import (
    After,
    agreement,
    begin_store,
    cdr_alone,
    differences,
    filed,
    handed_over,
    table,
    told_after,
    waiting,
    with_cel,
)
from tests.lab.judging import assert_rows
from tests.lab.lab import Lab
from tests.lab.played import Played, play_watched
from tests.lab.scenario import Scenario, Stage
from tests.lab.scenarios import TABLE, numbers_of
from tests.lab.scripts import Phone
from tests.lab.stage import stage, until
from tests.pbx.mariadb import mariadb

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

ALONE, EVERYTHING, FREEPBX = "CDR", "CEL", "FreePBX"
"""Call detail records alone; with the channel event log; both as FreePBX keeps them."""
ON_HOLD = {"held_for_30_s_and_given_up"}
"""Of hold only a channel event log with STREAM_BEGIN tells, as 22 has it."""
DESKS = ("caller_gives_up_while_ringing", "presentation_prohibited_but_a_number_present", "answered", "caller_shown_in_e164")
"""Scenarios whose numbers ring one phone."""
QUICKLY = Phone("answer", after=0.1)
FIRST_HANG_UP = {"answered_then_dialplan_goes_on_to_voicemail"}
"""The log tells who hung up first, here the phone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(lab: Lab, folders: dict[str, Path]) -> Played:
    """All scenarios, played with a watcher connected, after textback was installed and left."""
    for folder in folders.values():
        await begin_store(folder)
    return await play_watched(lab)


@pytest.fixture(scope="module")
def folders(line: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store's folder for each source of records. What FreePBX keeps differs in its form alone: once is enough."""
    return {name: tmp_path_factory.mktemp(name) for name in (EVERYTHING, ALONE, *((FREEPBX,) if line == "22" else ()))}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def after(lab: Lab, played: Played, folders: dict[str, Path]) -> dict[str, After]:
    """What services have that start now, one after the other."""
    told = {
        EVERYTHING: await told_after(lab, folders[EVERYTHING], with_cel(lab), played.all_calls),
        ALONE: await told_after(lab, folders[ALONE], cdr_alone(lab), played.all_calls),
    }
    if FREEPBX in folders:
        with mariadb() as server:
            fill(server, ZoneInfo("America/Toronto"), cdr=lab.cdr, cel=lab.cel)
            told[FREEPBX] = await told_after(lab, folders[FREEPBX], {"cdr": {"url": server.url()}}, played.all_calls)
    print("", f"Asterisk {lab.record.line}", *table(played, told), sep="\n")
    return told


@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
async def test_scenario(played: Played, scenario: Scenario) -> None:
    """The scenario was played as written and came to exactly its rows."""
    assert played.problems[scenario.name] is None
    numbers = numbers_of(scenario)
    assert_rows(scenario, played.calls.get(numbers.did, []), played.outgoing.get(f"+1{numbers.mobile}", []))


async def test_asterisk_had_nothing_to_complain_of(played: Played) -> None:
    """No error in Asterisk's log but those the scenarios are about, and one chan_pjsip logs when both sides hang up at once."""
    meant = ("Is endpoint registered and reachable", "Failed to create outgoing session", "Session already DISCONNECTED")
    errors = [line for line in played.log.splitlines() if "] ERROR[" in line and not any(each in line for each in meant)]
    assert errors == []


async def test_every_call_of_the_records_is_one_row_and_no_more(played: Played, after: dict[str, After]) -> None:
    ids = sorted(call.id for call in played.all_calls)
    for name, told in after.items():
        assert sorted(told.calls) == ids, name
        assert told.verified == 0, f"{name}: {told.said}"


async def test_nobody_who_was_answered_is_texted_and_nobody_twice(played: Played, after: dict[str, After]) -> None:
    answered = {call.id for call in played.all_calls if call.outcome is Outcome.ANSWERED}
    missed = {call.caller for call in played.all_calls if call.outcome is Outcome.MISSED}
    assert len(answered) > 15
    for name, told in after.items():
        assert answered & told.replied == set(), name
        assert set(told.texts) <= missed, f"{name}: somebody was texted all of whose calls were answered"
        assert [number for number, count in told.texts.items() if count > 1] == [], name


async def test_the_channel_event_log_tells_each_row_as_it_was_live(played: Played, after: dict[str, After], line: str) -> None:
    """Row for row, but for what no log tells; and whoever was missed is texted."""
    told = after[EVERYTHING]
    owed: set[str] = set()
    for scenario in TABLE:
        for call, row in zip(played.of(scenario), scenario.rows, strict=True):
            untold = {"voicemail_left"} if row.voicemail_left else set()
            if row.presentation is not Presentation.ALLOWED:
                untold.add("presentation")
            if scenario.name in FIRST_HANG_UP:
                untold.add("caller_hung_up")
            if line == "16" and scenario.name in ON_HOLD:
                untold |= {"outcome", "answered_by", "reached", "handed_on"}
            differs = differences(call, told.calls.get(call.id))
            assert differs.keys() <= untold, f"{scenario.name}: {'; '.join(differs.values())}"
            shown = call.caller if call.presentation is Presentation.ALLOWED else None
            if call.outcome is Outcome.MISSED and shown is not None and not call.machine and not call.handed_on:
                owed.add(shown)
    assert told.texts.keys() == owed
    assert len(owed) > 20


async def test_call_detail_records_tell_an_outcome_as_it_was_live_or_none(played: Played, after: dict[str, After]) -> None:
    """What they do not decide is ``unseen``. Of who was on hold they say that he was answered: nobody is texted for that."""
    for name, told in after.items():
        for scenario in TABLE:
            for call in played.of(scenario):
                outcome = told.calls[call.id].outcome
                if scenario.name in ON_HOLD:
                    assert outcome in {call.outcome, Outcome.ANSWERED, Outcome.UNSEEN}, f"{name}: {scenario.name}"
                else:
                    assert outcome in {call.outcome, Outcome.UNSEEN}, f"{name}: {scenario.name}"
        agreed = agreement(played.all_calls, told)
        assert agreed.unseen <= 10, f"{name}: {agreed}"
        assert len(told.texts) >= 10, f"{name}: too few were texted to mean anything"


async def test_killed_in_the_middle_of_calls_it_settles_them_by_the_records(lab: Lab, tmp_path: Path) -> None:
    """Who rang at the kill, was taken after it, talked all through it, called meanwhile, and who still rang when the service was back."""
    rang, taken, talked, came, served, rings_on = (f"43855507{index:02d}" for index in range(6))
    plans = {name: Stage(lab, scenario, numbers_of(scenario)) for scenario in TABLE if (name := scenario.name) in DESKS}
    gives_up, picks_up, talks, rings = (plans[name] for name in DESKS)
    changes = {"pbx": with_cel(lab, every="10s"), "reply": {"delay": "1s", "min_ring": "1ms"}}
    before = len(handed_over(lab))
    async with stage(lab, tmp_path, changes) as staged, AsyncExitStack() as phones, AsyncExitStack() as calls:
        for each, how in ((gives_up, Phone("ring")), (picks_up, Phone("answer", after=5)), (talks, QUICKLY), (rings, Phone("ring"))):
            await phones.enter_async_context(each.phone("a", how))
        up = [
            await calls.enter_async_context(each.call(number=number))
            for each, number in ((gives_up, rang), (picks_up, taken), (talks, talked), (rings, rings_on))
        ]
        for each in (gives_up, picks_up, rings):
            await each.ringing("a")
        await talks.joined("a")
        staged.supervisor.kill()
        await staged.supervisor.stop()

        await up[0].hang_up()
        async with gives_up.call(number=came) as call:
            await gives_up.ringing("a", after=gives_up.mark())
            await call.hang_up()
        mark = talks.mark()
        async with talks.call(number=served) as call:
            await talks.joined("a", after=mark)
            await call.hang_up()
        await picks_up.joined("a")
        for call in up[1:3]:
            await call.hang_up()

        await staged.supervisor.start()
        await staged.ready()
        await up[3].hang_up()
        await calls.aclose()

        def outcomes() -> dict[str, str]:
            return {row["caller"][2:]: row["outcome"] for row in filed(staged).values() if row["decision"] != "pending"}

        wanted = {rang: "missed", taken: "answered", talked: "answered", came: "missed", served: "answered", rings_on: "missed"}
        await until("every call settled", lambda: outcomes() == wanted, 60)
        await until("every text sent", lambda: not waiting(staged))
        assert Counter(handed_over(lab)[before:]) == {f"+1{number}": 1 for number, outcome in wanted.items() if outcome == "missed"}
        status, said, wrong = await staged.run("verify", "--calls")
        assert status == 0, said + wrong
