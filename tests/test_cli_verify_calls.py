"""``textback verify --calls``: the PBX's records and the store, beside a service or without one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import SystemClock
from ari_app.model import Call, Outcome, Reached, Reason
from ari_app.sim_calls import CONTEXT
from ari_app.threads import Store
from tests.contract.clinic import answer, error, holds, run, write_settings
from tests.contract.conftest import _logs_as_before
from tests.test_missed import ALICE, BOB, CAROL, DAVE, ERIN, FRANK, GRACE, HEIDI, Records, begun
from tests.threads.world import STAFF, a_call, answered, silence

__all__ = ["_logs_as_before"]


def a_clinic(folder: Path, calls: Sequence[Call] = (), *, ago: timedelta = timedelta(days=90), erased: str | None = None) -> Path:
    """Settings, and a store of that age with these calls."""

    async def fill() -> None:
        await begun(folder, ago)
        store = Store(folder / "textback.db", SystemClock())
        await store.open()
        for call in calls:
            await store.record_call(call, silence(Reason.PAUSED), line="main")
        if erased is not None:
            await store.privacy.erase(erased, STAFF)
        await store.close()

    asyncio.run(fill())
    return write_settings(folder, f'[pbx.cdr]\ncsv = "{folder / "Master.csv"}"\n')


def differing(config: Path, *args: str) -> dict[str, Any]:
    result = run(config, "verify", "--calls", *args, "--json")
    assert result.exit_code == 1, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    holds("verify", document)
    return document


def test_both_sides_tell_the_same(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    ended = records.now - timedelta(hours=1)
    missed, taken, lost, doubt, gone = (
        records.told(ALICE, 3600),
        records.answered(BOB, 3600),
        records.answered(CAROL, 3600),
        records.told(DAVE, 3600, app="ConfBridge", disposition="ANSWERED", billsec=10),
        records.told(ERIN, 3600),
    )
    records.told(FRANK, 20)  # on its way
    records.called(GRACE, 900)
    config = a_clinic(
        tmp_path,
        [
            a_call(ALICE, id=missed, ended=ended),
            answered(BOB, id=taken, ended=ended),
            a_call(CAROL, id=lost, ended=ended, handed_on=True, reached=Reached.HOLD),
            answered(DAVE, id=doubt, ended=ended),
            a_call(ERIN, id=gone, ended=ended),
            a_call(HEIDI, id="sim.gsm1.1", ended=ended, context=CONTEXT),
        ],
        erased=ERIN,
    )
    found = answer(config, "verify", "--calls")
    assert {name: found[name] for name in ("records", "here", "agree", "undecided", "erased", "sims", "differences")} == {
        "records": 5,
        "here": 4,
        "agree": 4,
        "undecided": 1,
        "erased": 1,
        "sims": 1,
        "differences": [],
    }
    said = run(config, "verify", "--calls")
    assert (said.exit_code, "No difference." in said.stdout, "5 inbound calls" in said.stdout) == (0, True, True)


def test_each_difference_is_named_with_its_fix(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv")
    ended = records.now - timedelta(hours=1)
    missing, otherwise, unseen = records.told(ALICE, 3600), records.answered(BOB, 3600), records.told(CAROL, 3600)
    config = a_clinic(
        tmp_path,
        [
            a_call(BOB, id=otherwise, ended=ended),
            a_call(CAROL, id=unseen, ended=ended, outcome=Outcome.UNSEEN),
            answered(DAVE, id="1772463600.9999", ended=ended - timedelta(minutes=1)),
        ],
    )
    found = differing(config)
    assert {each["id"]: (each["kind"], each["here"], each["records"], each["source"]) for each in found["differences"]} == {
        missing: ("missing", None, "missed", "cdr"),
        otherwise: ("otherwise", "missed", "answered", "cdr"),
        unseen: ("otherwise", "unseen", "missed", "cdr"),
        "1772463600.9999": ("unrecorded", "answered", None, None),
    }
    assert (found["records"], found["here"], found["agree"]) == (3, 3, 0)
    fixes = {each["id"]: each["fix"] for each in found["differences"]}
    assert len(set(fixes.values())) == 4
    assert "unanswered = yes" in fixes["1772463600.9999"]
    said = run(config, "verify", "--calls").stdout
    assert all(fix in " ".join(said.split()) for fix in fixes.values())
    assert answer(config, "verify", "--calls", "--since", "30m")["records"] == 0


def test_what_is_older_than_the_store_is_not_asked_for(tmp_path: Path) -> None:
    Records(tmp_path / "Master.csv").told(ALICE, 3600)
    config = a_clinic(tmp_path, ago=timedelta(minutes=30))
    found = answer(config, "verify", "--calls", "--since", "7d")
    assert found["records"] == 0
    assert datetime.now(UTC) - datetime.fromisoformat(found["since"]) < timedelta(hours=1)


def test_records_without_uniqueids_are_told_apart(tmp_path: Path) -> None:
    records = Records(tmp_path / "Master.csv", ids=False)
    records.told(ALICE, 3600)
    ended = records.now - timedelta(hours=1) + timedelta(seconds=0.4)
    os.utime(tmp_path / "Master.csv", (ended.timestamp(), ended.timestamp()))
    live = a_call(ALICE, id="1772463600.5", ended=ended, channel="PJSIP/voipms-00000001")
    config = a_clinic(tmp_path, [replace(live, started=ended - timedelta(seconds=20))])
    config.write_text(config.read_text("utf-8").replace("[clinic]", '[clinic]\ntimezone = "UTC"'), "utf-8")
    assert answer(config, "verify", "--calls")["agree"] == 1


@pytest.mark.parametrize(("args", "status", "code"), [(("--calls", "latest"), 2, "usage"), (("--since", "2h"), 2, "usage")])
def test_what_does_not_go_together(tmp_path: Path, args: tuple[str, ...], status: int, code: str) -> None:
    assert error(a_clinic(tmp_path), "verify", *args, code=status)["code"] == code


def test_records_that_are_not_there(tmp_path: Path) -> None:
    assert error(a_clinic(tmp_path), "verify", "--calls")["code"] == "cdr_missing"
    without = write_settings(tmp_path)
    assert error(without, "verify", "--calls")["code"] == "no_cdr"
