"""Each way the PBX can be away, over real sockets: doctor names it and tells its fix."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from ari_app import doctor_pbx, probes
from ari_app.probes import Finding
from ari_app.settings import Settings, parse
from ari_app.status import HistoryStatus
from tests.pbx.fake_ami import SECRET, server
from tests.pbx.test_cdr import a_row, line_of
from tests.test_doctor import an_asterisk, pbx
from tests.test_doctor_tls import a_certificate

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


@asynccontextmanager
async def frozen() -> AsyncIterator[str]:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        yield f"http://127.0.0.1:{mute.getsockname()[1]}"


def a_proc(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names, 300):
        (folder / str(number)).mkdir()
        (folder / str(number) / "comm").write_text(f"{name}\n")
    return folder


async def looked(base: str, proc: Path, *, connected: bool = False, now: datetime | None = None) -> list[Finding]:
    return await doctor_pbx.look(pbx(base), "p4ss", connected=connected, now=now or datetime.now(UTC), proc=proc)


@pytest.mark.parametrize(
    ("world", "runs", "codes"),
    [
        (nobody, False, ["pbx_down"]),
        (nobody, True, ["pbx_http_off"]),
        (lambda: an_asterisk(401), True, ["pbx_auth"]),
        (lambda: an_asterisk(403), True, ["pbx_forbidden"]),
        (lambda: an_asterisk(404), True, ["pbx_no_ari"]),
        (lambda: an_asterisk(503), True, ["pbx_loading"]),
        (lambda: an_asterisk(read_only=True), True, ["pbx_read_only"]),
        (an_asterisk, True, ["pbx_answers"]),
        (lambda: an_asterisk(without_upgrade=404), True, ["pbx_answers", "pbx_no_events"]),
        (lambda: an_asterisk(taken=True), True, ["pbx_answers", "pbx_replaced"]),
        # 16 keeps the application of who is gone
        (lambda: an_asterisk(taken=True, body='{"system": {"version": "16.28.0"}}'), True, ["pbx_answers"]),
        (lambda: an_asterisk(date=format_datetime(datetime.now(UTC) - timedelta(minutes=2))), True, ["pbx_answers", "clocks_apart"]),
    ],
)
async def test_each_way_has_its_name(tmp_path: Path, world: Any, runs: bool, codes: list[str]) -> None:
    proc = a_proc(tmp_path, "systemd", *(("asterisk",) if runs else ("asterisk-textb",)))
    context: AbstractAsyncContextManager[str] = world()
    async with context as base:
        found = await looked(base, proc)
    assert [each.code for each in found] == codes
    assert all(each.fix for each in found if each.state != "ok")
    assert "p4ss" not in repr(found)


async def test_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PATIENCE", 0.1)
    async with frozen() as base:
        (found,) = await looked(base, tmp_path)
    assert (found.state, found.code) == ("bad", "pbx_frozen")
    assert "restart asterisk" in found.fix


async def test_on_another_machine_only_the_refusal_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_pbx, "_is_here", lambda _: False)
    async with nobody() as base:
        (found,) = await looked(base, a_proc(tmp_path, "asterisk"))
    assert found.code == "pbx_refused"


async def test_a_service_that_is_connected_is_not_doubted(tmp_path: Path) -> None:
    async with an_asterisk(taken=True) as base:
        assert await looked(base, tmp_path, connected=True) == []


async def test_a_clock_far_off_is_bad(tmp_path: Path) -> None:
    async with an_asterisk(date=format_datetime(datetime.now(UTC) + timedelta(hours=1))) as base:
        found = await looked(base, tmp_path)
    assert [(each.code, each.state) for each in found[1:]] == [("clocks_apart", "bad")]


@pytest.mark.parametrize("connected", [True, False])
async def test_a_certificate_near_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: bool) -> None:
    """openssl req makes one of 30 days where it is not told how many."""
    path, context = await a_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(path))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    monkeypatch.setattr(probes, "ari", _answers)
    async with an_asterisk(tls=context) as base:
        ends = await doctor_pbx._certificate(base)
        found = await looked(base, tmp_path, connected=connected, now=datetime.now(UTC) + timedelta(days=20))
        fine = await looked(base, tmp_path, connected=True, now=datetime.now(UTC) - timedelta(days=20))
    assert ends is not None
    (soon,) = [each for each in found if each.code == "pbx_certificate_ends"]
    assert f"{ends:%Y-%m-%d}" in soon.what
    assert fine == []


async def _answers(*_: object) -> Finding:
    """aiohttp trusts what Python trusted at its start: that it was believed is tests/test_doctor_tls.py's."""
    return Finding("ok", "pbx_answers", "Asterisk 22.1.0 answers")


# -- call records


def house(more: dict[str, Any] | None = None) -> Settings:
    return parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": {"username": "textback", "password": "x", **(more or {})}})


async def recorded(more: dict[str, Any], etc: Path) -> list[tuple[str, str]]:
    settings = house(more)
    found = await doctor_pbx.records(settings, NOW, settings.clinic.zone, etc=etc)
    assert all(each.fix for each in found if each.state != "ok")
    return [(each.code, each.state) for each in found]


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        (None, []),
        ("[general]\nenable=yes\nunanswered = yes ; said so\n[csv]\nunanswered=no\n", []),
        ("[general]\nunanswered => 1\n", []),
        ("[general]\n;unanswered = yes\n[csv]\nunanswered=yes\n", [("cdr_unanswered", "warn")]),
        ("[general]\nunanswered=yes\nunanswered=no\n", [("cdr_unanswered", "warn")]),
        ("[general]\n#include cdr_general_custom.conf\n", []),
    ],
)
async def test_records_and_what_is_left_out_of_them(tmp_path: Path, conf: str | None, told: list[tuple[str, str]]) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row(start=datetime(2026, 3, 1, 9)), "1772355600.1"), "utf-8")  # noqa: DTZ001
    if conf is not None:
        (tmp_path / "cdr.conf").write_text(conf)
    assert await recorded({"cdr": {"csv": str(path)}}, tmp_path) == [("cdr", "ok"), *told]


async def test_records_that_cannot_be_read(tmp_path: Path) -> None:
    assert await recorded({}, tmp_path) == []
    assert await recorded({"cdr": {"csv": str(tmp_path / "none.csv")}}, tmp_path) == [("cdr_missing", "warn")]
    (tmp_path / "Master.csv").touch()
    assert await recorded({"cdr": {"csv": str(tmp_path / "Master.csv")}}, tmp_path) == [("cdr_silent", "warn")]


async def test_records_without_uniqueids_tell_calls_apart_less_well(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row(start=datetime(2026, 3, 1, 9))), "utf-8")  # noqa: DTZ001
    assert await recorded({"cdr": {"csv": str(path)}}, tmp_path) == [("cdr", "ok"), ("cdr_no_uniqueid", "warn")]


@pytest.mark.parametrize(
    ("history", "told"),
    [
        (HistoryStatus(), [("history_off", "warn")]),
        (HistoryStatus(state="waiting"), []),
        (HistoryStatus(state="ok", read=NOW, found=3), [("history", "ok")]),
        (HistoryStatus(state="ok", read=NOW, cut=True), [("history", "ok"), ("history_cut", "warn")]),
        (HistoryStatus(state="failed", read=NOW, code="cdr_missing", what="there is none", fix="make it"), [("cdr_missing", "warn")]),
        (HistoryStatus(state="ok", read=NOW, code="cel_missing", what="there is none", fix="make it"), [("cel_missing", "warn")]),
    ],
)
def test_what_the_service_makes_of_them(history: HistoryStatus, told: list[tuple[str, str]]) -> None:
    found = list(doctor_pbx.judge_history(history, UTC))
    assert [(each.code, each.state) for each in found] == told
    assert all(each.fix for each in found if each.state != "ok")


@pytest.mark.parametrize(
    ("said", "told"),
    [("unanswered=yes", []), ("unanswered=no", [("cdr_unanswered", "warn")]), ("enable=yes", [("cdr_unanswered", "warn")])],
)
async def test_ami_tells_what_the_file_includes(tmp_path: Path, said: str, told: list[tuple[str, str]]) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row(start=datetime(2026, 3, 1, 9)), "1772355600.1"), "utf-8")  # noqa: DTZ001
    lines = ("Category-000000: general", f"Line-000000-000000: {said}", "Category-000001: csv", "Line-000001-000000: unanswered=yes")
    async with server() as (fake, settings):
        fake.messages["GetConfig"] = "\r\n".join(("here", *lines))
        ami = {"port": settings.port, "username": "textback", "secret": SECRET}
        found = await recorded({"cdr": {"csv": str(path)}, "ami": ami}, tmp_path)
    assert found == [("cdr", "ok"), *told]
