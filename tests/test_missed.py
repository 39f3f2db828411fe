"""What was missed while nobody watched is found in the PBX's own records: a real store, real files, an ARI over real sockets."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app import missed as module
from ari_app.backup.settle import settle_restored
from ari_app.clock import SystemClock
from ari_app.missed import LOOKBACK, Missed
from ari_app.model import Call, Outcome, OutgoingCall, Reason
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import Attached, Output
from ari_app.pbx.watch import Watch
from ari_app.policy import Policy
from ari_app.service import Service
from ari_app.settings import Settings, parse
from ari_app.threads import Store
from modem.simulator import Simulator
from tests.contacts.test_service import free_port
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri
from tests.pbx.test_cdr import a_row, line_of
from tests.threads.world import STAFF, HandClock, a_call, silence

ALICE, BOB, CAROL, DAVE, ERIN, FRANK = (f"+1514555010{digit}" for digit in range(1, 7))
GRACE, HEIDI, IVAN, JUDY, KEN, LEO, MONA = (f"+1514555011{digit}" for digit in range(1, 8))
TRUNK = "PJSIP/voipms"


class Records:
    """Master.csv as Asterisk writes it, of calls that ended so many seconds ago."""

    def __init__(self, path: Path, *, ids: bool = True) -> None:
        self.path = path
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._ids = ids
        self._made = 0
        path.write_text("", "utf-8")

    def told(self, number: str, ago: float, *, lasted: int = 20, **changes: Any) -> str:
        """A missed call, or whatever is said otherwise; its uniqueid."""
        self._made += 1
        began = self.now - timedelta(seconds=ago + lasted)
        uniqueid = f"{began.timestamp():.0f}.{self._made}"
        row = replace(
            a_row(
                start=began.replace(tzinfo=None),
                duration=lasted,
                src=number.removeprefix("+1"),
                channel=f"{TRUNK}-{self._made:08x}",
                dstchannel=f"PJSIP/101-{self._made:08x}",
            ),
            **changes,
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line_of(row, uniqueid, "", "", uniqueid, "1") if self._ids else line_of(row))
        return uniqueid

    def answered(self, number: str, ago: float, *, lasted: int = 60) -> str:
        return self.told(number, ago, lasted=lasted, billsec=lasted - 5, disposition="ANSWERED")

    def called(self, number: str, ago: float, *, lasted: int = 60) -> str:
        """Out, from a telephone here, and taken."""
        national = number.removeprefix("+1")
        return self.told(
            number,
            ago,
            lasted=lasted,
            src="101",
            context="from-internal",
            dst=national,
            channel=f"PJSIP/101-{self._made + 900:08x}",
            dstchannel=f"{TRUNK}-{self._made + 900:08x}",
            data=f"PJSIP/{national}@voipms,60",
            billsec=lasted - 8,
            disposition="ANSWERED",
        )


def settings_of(folder: Path, url: str, **more: Any) -> Settings:
    document: dict[str, Any] = {
        "clinic": {"name": "Clinique", "number": "+15145550199", "timezone": "UTC"},
        "pbx": {"ari": url, "username": USER, "password": PASSWORD, "cdr": {"csv": str(folder / "Master.csv"), "every": "10s"}},
        "store": {"path": str(folder / "textback.db")},
        "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(folder / "sounds")},
        "portal": {"listen": f"127.0.0.1:{free_port()}"},
        "hours": {"open": "24/7"},
    }
    for table, keys in more.items():
        document[table] = {**document.get(table, {}), **keys} if isinstance(keys, dict) else keys  # a table of a table is given whole
    return parse(document)


async def begun(folder: Path, ago: timedelta = timedelta(days=90)) -> None:
    """A store that was made so long ago."""
    store = Store(folder / "textback.db", HandClock(datetime.now(UTC) - ago))
    await store.open()
    await store.close()


class House:
    """Store, watcher and ``Missed`` as the service has them."""

    def __init__(self, settings: Settings, ari: FakeAri) -> None:
        self.clock = SystemClock()
        self.ari = ari
        self.policy = Policy(settings)
        self.store = Store(settings.store.path, self.clock)
        self.client = AriClient(settings.pbx, self.clock)
        self.watch = Watch(settings, self.client, self.clock, on_output=self._heard)
        self.caught_up = asyncio.Event()
        self.unfiled: set[str] = set()
        self.missed = Missed(
            settings,
            self.store,
            self.watch,
            self.client,
            self.clock,
            decide=self.policy.decide,
            line_of=self.policy.line_name,
            unfiled=lambda: self.unfiled,
            ami=None,
            blacklisted=self._blacklisted,
            on_caught_up=self.caught_up.set,
            on_released=lambda: None,
        )

    async def record(self, call: Call) -> None:
        """As it was told live."""
        await self.store.record_call(call, lambda filed, known: self.policy.decide(filed, known, self.clock.now()), line="main")

    async def _blacklisted(self, call: Call) -> bool:
        return call.caller == MONA

    async def _heard(self, output: Output) -> None:
        self.missed.heard(output)

    async def look(self) -> None:
        """Once more, as after a connect."""
        self.caught_up.clear()
        self.missed.heard(Attached(frozenset()))
        await self.caught()

    async def caught(self) -> None:
        async with asyncio.timeout(30):
            await self.caught_up.wait()

    async def calls(self) -> dict[str, dict[str, Any]]:
        return {call["id"]: call for call in await self.store.calls(limit=0)}

    async def threads(self) -> dict[str | None, str]:
        return {thread["number"]: thread["state"] for thread in await self.store.threads(limit=0)}


@asynccontextmanager
async def a_house(folder: Path, *, before: Callable[[House], Any] | None = None, **more: Any) -> AsyncIterator[House]:
    async with FakeAri.up() as ari:
        ari.endpoints = {"voipms": "from-trunk", "gateway": "from-trunk"}
        ari.trusted = {"gateway": "yes"}
        house = House(settings_of(folder, ari.url, **more), ari)
        await house.store.open()
        if before is not None:
            await before(house)
        tasks = [asyncio.create_task(house.watch.run()), asyncio.create_task(house.missed.run())]
        try:
            yield house
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
            await house.client.close()
            await house.store.close()


def dump(folder: Path) -> list[str]:
    """All that is in the store but for when it was looked."""
    with closing(sqlite3.connect(folder / "textback.db")) as store:
        return [line for line in store.iterdump() if 'INTO "history"' not in line]


def decided(call: dict[str, Any]) -> tuple[str, str, str]:
    return call["outcome"], call["decision"], call["reason"]


async def test_a_morning_without_the_service(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    alice, bob = records.told(ALICE, 300), records.told(BOB, 5 * 3600)
    carol = [records.told(CAROL, 1800), records.told(CAROL, 1200), records.told(CAROL, 600)]
    dave, dave_later = records.told(DAVE, 2000), records.answered(DAVE, 700)
    erin = records.told(ERIN, 2400)
    records.called(ERIN, 1200)
    frank = records.answered(FRANK, 3600)
    up, waiting, hidden = records.told(GRACE, 60), records.told(GRACE, 50), records.told(HEIDI, 500, channel="PJSIP/gateway-00000001")
    listed, young = records.told(MONA, 400), records.told(JUDY, 1)
    live = a_call(IVAN, ended=records.now - timedelta(seconds=900), id=records.told(IVAN, 900))

    async def before(house: House) -> None:
        house.ari.channels = [
            {
                "id": up,
                "name": f"{TRUNK}-0000000c",
                "state": "Up",
                "caller": {"number": GRACE.removeprefix("+1"), "name": ""},
                "connected": {"number": "", "name": ""},
                "dialplan": {"context": "from-trunk", "exten": "5145550199", "priority": 1, "app_name": "Queue", "app_data": ""},
                "creationtime": records.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            }
        ]
        house.unfiled = {waiting}
        await house.record(live)

    await begun(tmp_path)
    async with a_house(tmp_path, before=before) as house:
        await house.caught()
        calls = await house.calls()
        missed = ("missed", "pending", "missed")
        assert decided(calls[alice]) == missed
        assert decided(calls[bob]) == ("missed", "silence", "stale")
        assert [decided(calls[each]) for each in carol] == [missed] * 3
        assert (decided(calls[dave]), decided(calls[dave_later])) == (
            ("missed", "silence", "reached_later"),
            ("answered", "silence", "answered"),
        )
        assert decided(calls[erin]) == ("missed", "silence", "called_back")
        assert decided(calls[frank]) == ("answered", "silence", "answered")
        assert decided(calls[hidden]) == ("missed", "silence", "anonymous")
        assert decided(calls[listed]) == ("missed", "silence", "excluded")
        assert decided(calls[live.id]) == missed
        assert calls.keys() == {alice, bob, *carol, dave, dave_later, erin, frank, hidden, listed, live.id}
        assert {up, waiting, young}.isdisjoint(calls)
        threads = await house.threads()
        assert [threads[number] for number in (ALICE, BOB, CAROL, ERIN)] == ["to_answer"] * 4
        assert [threads[number] for number in (DAVE, FRANK)] == ["answered"] * 2
        status = house.missed.status
        assert (status.state, status.found, status.texts, status.code) == ("ok", 11, 4, "")
        # the last call's text goes first, and none waits for a delay that is over
        agenda = await house.store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=[], held=False)
        ids = {calls[each]["message"]: each for each in (alice, *carol)}
        assert [ids[due.id] for due in agenda.due if due.number in (ALICE, CAROL)] == [carol[2], alice]
        before_again = dump(tmp_path)
        await house.look()
        assert dump(tmp_path) == before_again


async def test_a_call_whose_end_was_not_seen_is_settled_once(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    missed, taken, doubted = records.told(ALICE, 200), records.answered(BOB, 240), records.told(ERIN, 250, app="ConfBridge")
    ticked, nameless = records.told(CAROL, 220), records.told(DAVE, 210)
    numbers = {missed: ALICE, taken: BOB, ticked: CAROL, nameless: None}
    began = records.now - timedelta(seconds=300)

    async def before(house: House) -> None:
        for call_id, number in numbers.items():
            unseen = a_call(number, ended=house.clock.now(), id=call_id, outcome=Outcome.UNSEEN, started=began)
            await house.record(unseen)
        thread = (await house.store.thread(CAROL))["id"]
        await house.store.acts.mark_done(thread, STAFF)

    await begun(tmp_path)
    async with a_house(tmp_path, before=before) as house:
        await house.caught()
        calls = await house.calls()
        assert [decided(calls[each]) for each in (missed, taken, ticked, nameless)] == [
            ("missed", "pending", "missed"),
            ("answered", "silence", "answered"),
            ("missed", "pending", "missed"),
            ("missed", "pending", "missed"),
        ]
        assert (calls[doubted]["outcome"], calls[doubted]["decision"]) == ("missed", "pending")
        threads = await house.threads()
        assert threads == {ALICE: "to_answer", BOB: "answered", CAROL: "done", DAVE: "to_answer", ERIN: "to_answer"}
        assert datetime.fromisoformat(calls[taken]["ended"]) == records.now - timedelta(seconds=240)
        before_again = dump(tmp_path)
        await house.look()
        assert dump(tmp_path) == before_again


async def test_what_was_erased_purged_or_is_from_before_does_not_come_back(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    erased, purged, ancient = records.told(ALICE, 600), records.told(BOB, 8 * 86400), records.told(CAROL, LOOKBACK.total_seconds() + 60)
    kept = records.told(DAVE, 6 * 86400)
    records.called(ALICE, 500)

    async def before(house: House) -> None:
        old = a_call(ALICE, ended=records.now - timedelta(hours=1))
        await house.store.record_call(old, silence(Reason.PAUSED), line="main")
        await house.store.privacy.erase(ALICE, STAFF)

    await begun(tmp_path)
    async with a_house(tmp_path, before=before, store={"retention": {"calls": "7d"}}) as house:
        await house.caught()
        assert (await house.calls()).keys() == {kept}
        assert {erased, purged, ancient}.isdisjoint(await house.calls())
        again = records.told(ALICE, -20)  # they call once more, after the erasure
        house.watch._lag = timedelta(seconds=-60)
        await house.look()
        assert again in await house.calls()


async def test_a_new_store_has_no_call_of_before_it(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    before, after = records.told(ALICE, 7200), records.told(BOB, 600)
    await begun(tmp_path, timedelta(hours=1))
    async with a_house(tmp_path) as house:
        await house.caught()
        assert (await house.calls()).keys() == {after}
        assert before not in await house.calls()


async def test_nothing_from_before_a_restore_is_texted(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    before = records.told(ALICE, 900)
    await begun(tmp_path)
    with closing(sqlite3.connect(tmp_path / "textback.db", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        restored = records.now - timedelta(seconds=300)
        settle_restored(connection, restored, by=STAFF, source="copy.db", present=False, same_key=True)
    after = records.told(BOB, 200)
    async with a_house(tmp_path) as house:
        await house.caught()
        calls = await house.calls()
        assert [decided(calls[each]) for each in (before, after)] == [("missed", "silence", "stale"), ("missed", "pending", "missed")]
        (why,) = await house.store.why(before)
        assert datetime.fromisoformat(why["detail"]["restored"]) == restored


async def test_records_without_uniqueids_are_known_by_channel_and_time(tmp_path: Path) -> None:
    """``loguniqueid = no`` is Asterisk's own default."""
    records = Records(tmp_path / "Master.csv", ids=False)
    records.told(ALICE, 300)
    records.called(BOB, 200)

    async def before(house: House) -> None:
        ended = records.now - timedelta(seconds=300, milliseconds=-450)
        live = a_call(ALICE, ended=ended, started=ended - timedelta(seconds=20), id="1772463600.77", channel=f"{TRUNK}-00000001")
        await house.record(live)
        joined = records.now - timedelta(seconds=250)
        leg = OutgoingCall(id="1772463600.79", started=joined - timedelta(seconds=6), joined=joined, ended=records.now, number=BOB)
        await house.store.note_outgoing(leg)

    await begun(tmp_path)
    async with a_house(tmp_path, before=before) as house:
        await house.caught()
        assert (await house.calls()).keys() == {"1772463600.77"}
        before_again = [line for line in dump(tmp_path) if 'INTO "outgoing"' in line]
        assert len(before_again) == 1
        records.told(CAROL, 100)
        await house.look()
        assert [call["caller"] for call in await house.store.calls()] == [CAROL, ALICE]
        await house.look()
        assert len(await house.calls()) == 2


async def test_a_week_is_filed_in_small_steps_and_those_of_today_first(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    for number in range(120):
        records.told(f"+1438555{number:04d}", 3 * 3600 + number * 1500)
    today = records.told(ALICE, 300)
    await begun(tmp_path)
    sizes: list[int] = []
    order: list[str] = []

    async def before(house: House) -> None:
        file = house.store.history.file

        async def counted(calls: Any, *args: Any, **more: Any) -> Any:
            done = await file(calls, *args, **more)
            sizes.append(len(calls))
            order.extend(call.id for call in calls)
            return done

        house.store.history.file = counted  # type: ignore[method-assign]

    async with a_house(
        tmp_path, before=before, portal={}, priority=[{"name": "all", "level": "urgent", "kind": ["prospect"], "notify": MONA}]
    ) as house:
        await house.caught()
        assert (sum(sizes), max(sizes) <= 40, order[0]) == (121, True, today)
        reasons = [call["reason"] for call in await house.store.calls(limit=0)]
        assert (reasons.count("stale"), reasons.count("missed")) == (120, 1)
        # who is on call is told of today's, not of last week's
        assert [len(t["messages"]) for t in [await house.store.thread(MONA)]] == [1]


async def test_watching_only_files_and_says_so(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    call = records.told(ALICE, 300)
    await begun(tmp_path)
    async with a_house(tmp_path, reply={"mode": "watch"}) as house:
        await house.caught()
        assert decided((await house.calls())[call]) == ("missed", "silence", "paused")


async def test_records_that_cannot_be_read_are_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.05)
    await begun(tmp_path)
    async with a_house(tmp_path) as house:
        await house.caught()
        status = house.missed.status
        assert (status.state, status.code, bool(status.fix)) == ("failed", "cdr_missing", True)
        call = Records(tmp_path / "Master.csv").told(ALICE, 300)
        async with asyncio.timeout(30):
            while call not in await house.calls():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            while house.missed.status.state != "ok":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert house.missed.status.code == ""


async def test_a_clock_that_was_wrong_hides_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    call = records.told(ALICE, 300)

    async def before(house: House) -> None:
        await house.store.history.seen(records.now + timedelta(days=3650))

    await begun(tmp_path, timedelta(days=-3650))  # made while the year was wrong too
    with closing(sqlite3.connect(tmp_path / "textback.db")) as store:
        assert store.execute("SELECT began > ? FROM history", (records.now.isoformat(),)).fetchone()[0]
    await begun(tmp_path, timedelta(days=1))
    async with a_house(tmp_path, before=before) as house:
        await house.caught()
        assert decided((await house.calls())[call]) == ("missed", "pending", "missed")


async def test_a_database_that_hangs_holds_up_neither_texts_nor_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOLDS", 0.3)
    await begun(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u:p@127.0.0.1:{silent.getsockname()[1]}/asteriskcdrdb"
        async with a_house(tmp_path, pbx={"cdr": {"url": url}}) as house:
            async with asyncio.timeout(30):
                while not house.missed.holds:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await house.caught()
            assert (house.missed.holds, house.missed.status.code) == (False, "history_slow")


async def test_the_service_texts_each_of_them_once(tmp_path: Path) -> None:
    """From the records to the handset, with a call that was up when the service was stopped."""
    records = Records(tmp_path / "Master.csv")
    cut_off, taken = records.told(ALICE, 100), records.answered(BOB, 90)
    first, last = records.told(CAROL, 400), records.told(CAROL, 200)
    await begun(tmp_path)
    store = Store(tmp_path / "textback.db", SystemClock())
    await store.open()
    for number, call in ((ALICE, cut_off), (BOB, taken)):
        await store.note_started(a_call(number, id=call, outcome=Outcome.UNSEEN, ended=records.now - timedelta(seconds=130)))
    await store.close()
    async with FakeAri.up() as ari, Simulator(tmp_path / "modem", report_ms=5) as sim:
        ari.endpoints = {"voipms": "from-trunk"}
        modem = [{"name": "gsm1", "port": str(tmp_path / "modem"), "pace": "10ms"}]
        service = Service(settings_of(tmp_path, ari.url, modem=modem, reply={"cooldown": "1h"}))
        running = asyncio.create_task(service.run())
        try:
            for number in (ALICE, CAROL):
                await sim.wait(number, 1, timeout=60)
            async with asyncio.timeout(30):
                while any(call["decision"] == "pending" for call in await service.store.calls(limit=0)):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            found = {call["id"]: decided(call) for call in await service.store.calls(limit=0)}
            sent = ("missed", "reply", "missed")
            assert found == {
                cut_off: sent,
                taken: ("answered", "silence", "answered"),
                first: ("missed", "silence", "cooldown"),
                last: sent,
            }
            assert [len(sim.inbox(number)) for number in (ALICE, BOB, CAROL)] == [1, 0, 1]
            history = service.status().history
            assert (history.state, history.found >= 2) == ("ok", True)
        finally:
            service.stop()
            await asyncio.wait_for(running, 30)
