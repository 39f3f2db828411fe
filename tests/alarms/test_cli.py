"""``textback alarm`` and what doctor says of alarms, over a filled store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.alarms.watch import CODES
from ari_app.alarms.words import fix
from ari_app.clock import SystemClock
from ari_app.doctor_operate import judge_alarms, judge_backup
from ari_app.settings import load
from ari_app.threads import Store
from ari_app.threads.alarms import Alarm, Condition, Due
from tests.alarms.receivers import SECRET, Receiver, receiver, settings
from tests.contract.clinic import answer, error, holds, run, service, write_settings
from tests.contract.conftest import _logs_as_before
from tests.contract.test_contract import STATUS
from tests.threads.world import START

ROOT = Path(__file__).parents[2]

__all__ = ["_logs_as_before"]


@contextlib.contextmanager
def told() -> Iterator[Receiver]:
    """A receiver on a loop of its own: commands have theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def done(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    there = receiver()
    try:
        yield done(there.__aenter__())
    finally:
        done(there.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _raise(config: Path) -> None:
    chosen = load(config)
    store = Store(chosen.store.path, SystemClock())
    await store.open()
    await store.alarms.raised(Condition(code="modem_down", subject="gsm1", facts={"says": "no carrier"}), START, ["webhook"])
    await store.alarms.raised(Condition(code="pbx_lost", facts={"error": "refused"}), START + timedelta(hours=1), [])
    await store.alarms.ended(("pbx_lost", ""), [])
    (due,) = await store.alarms.due()
    await store.alarms.put_off(due, START + timedelta(hours=2), "the hook is away")
    await store.close()


def hooked(folder: Path, port: int) -> Path:
    hook = f'[alarm.webhook]\nurl = "http://127.0.0.1:{port}/hook"\nsecret = "{SECRET}"\n'
    return write_settings(folder, hook)


def test_the_list_of_none_and_of_some(tmp_path: Path) -> None:
    config = hooked(tmp_path, 9)
    with service(config, STATUS):
        assert answer(config, "alarm", "list") == []
        assert "no alarm" in run(config, "alarm", "list").stdout
    asyncio.run(_raise(config))
    newest, first = answer(config, "alarm", "list")
    assert (newest["code"], newest["over"] is None, newest["waits"]) == ("pbx_lost", False, [])
    assert (first["code"], first["subject"], first["over"]) == ("modem_down", "gsm1", None)
    assert [(each["way"], each["tries"], each["error"]) for each in first["waits"]] == [("webhook", 1, "the hook is away")]
    drawn = run(config, "alarm", "list", "--limit", "5").stdout
    assert "webhook does not know yet: the hook is away" in drawn
    assert [each["code"] for each in answer(config, "alarm", "list", "--limit", "1")] == ["pbx_lost"]
    items = json.loads(run(config, "doctor", "--json").stdout)["items"]
    assert [each["code"] for each in items if each["part"] == "alarms"] == ["alarm_open", "alarm_untold"]


def test_a_test_says_what_was_answered(tmp_path: Path) -> None:
    with told() as there:
        config = hooked(tmp_path, there.port)
        assert answer(config, "alarm", "test") == [{"way": "webhook", "ok": True, "code": "taken", "what": "it answers 204", "fix": ""}]
        assert there.told[0]["telling"] == "test"
        there.statuses = [500]
        failed = run(config, "alarm", "test")
        assert (failed.exit_code, "it answers 500" in failed.stdout) == (1, True)
    down = run(config, "alarm", "test", "--json")
    holds("alarm", document := json.loads(down.stdout))
    assert (down.exit_code, document[0]["code"]) == (1, "webhook_down")


def test_nobody_to_be_told(tmp_path: Path) -> None:
    assert error(write_settings(tmp_path), "alarm", "test")["code"] == "alarm_no_way"


def test_word_of_a_service_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "start-limit-hit")
    with told() as there:
        config = hooked(tmp_path, there.port)
        with service(config, STATUS):
            assert answer(config, "alarm", "failed") == {"running": True, "told": [], "left": []}
        there.statuses = [500]
        assert run(config, "alarm", "failed").exit_code == 1
        assert answer(config, "alarm", "failed") == {"running": False, "told": ["webhook"], "left": []}
        assert answer(config, "alarm", "failed") == {"running": False, "told": [], "left": []}
        assert "start-limit-hit" in there.told[0]["what"]
        assert len(there.told) == 1


def test_what_doctor_says_of_alarms_and_backups(tmp_path: Path) -> None:
    zone = settings(tmp_path).clinic.zone
    alarm = Alarm(id=1, code="disk_low", subject="/srv", facts={"free": 1, "needed": 2}, since=START, over=None)
    owed = Due(alarm=alarm, way="webhook", telling="raised", made=START, due=START, tries=2, error="gone")
    hook = {"webhook": {"url": "http://127.0.0.1:9/h", "secret_file": str(tmp_path / "none")}}

    def codes(found: tuple[Alarm, ...], due: tuple[Due, ...], **alarms: Any) -> list[str]:
        return [each.code for each in judge_alarms(settings(tmp_path, **alarms), found, due, zone)]

    assert codes((), ()) == ["alarm_nobody"]
    assert codes((), (), webhook={**hook["webhook"], "secret_file": str(ROOT / "README.md")}) == ["alarms"]
    assert codes((alarm,), (owed,), **hook) == ["alarm_open", "alarm_secret", "alarm_untold"]
    assert judge_backup(settings(tmp_path), START, zone).code == "backup_none"


def test_every_alarm_is_documented_with_what_to_do() -> None:
    text = (ROOT / "docs" / "alarms.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", text, flags=re.MULTILINE)
    assert tuple(rows) == CODES
    assert all(fix(code, "x") for code in CODES)


def test_the_unit_that_tells_is_accepted_by_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "textback-failed.service"
    text = (ROOT / "config/textback-failed.service").read_text("utf-8")
    unit.write_text(re.sub("^ExecStart=.*", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in (checked.stdout + checked.stderr).splitlines() if unit.name in line] == []
    rate = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    rated = subprocess.run(rate, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr
    assert "OnFailure=textback-failed.service\n" in (ROOT / "config/textback.service").read_text("utf-8")
