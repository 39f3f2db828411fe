"""Logs: where they go, how they look, and what never gets into them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ari_app import logs
from ari_app.errors import StoreError
from ari_app.settings import parse
from tests.leaks import leaks

TEXT = "Bonjour, je voudrais déplacer mon rendez-vous de mardi"
NUMBER = "+15145550101"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def set_up(**options: Any) -> io.StringIO:
    out = io.StringIO()
    logs.set_up(stream=out, **options)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_lines_where_nobody_looks() -> None:
    out = set_up()
    structlog.get_logger().info("call_ended", call="1.2", outcome="missed")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["call"], line["outcome"]) == ("call_ended", "info", "1.2", "missed")
    assert line["timestamp"].endswith("Z")


def test_pretty_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = set_up(pretty=True)
    structlog.get_logger().warning("modem_lost", modem="gsm1")
    (line,) = out.getvalue().splitlines()
    assert "modem_lost" in line
    assert "modem=gsm1" in line
    assert "\x1b" not in line
    with pytest.raises(ValueError, match=r"Expecting|Extra data"):
        json.loads(line)


def test_libraries_speak_from_warning_on_through_the_same_door() -> None:
    out = set_up()
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("panoramisk.manager").warning("lost %s", "it")
    (line,) = lines(out)
    assert (line["logger"], line["event"], line["level"]) == ("panoramisk.manager", "lost it", "warning")


def test_setting_up_twice_says_everything_once() -> None:
    set_up()
    out = set_up()
    logging.getLogger("aiohttp").error("once")
    assert len(lines(out)) == 1


def fail() -> None:
    try:
        int(TEXT)
    except ValueError as error:
        raise StoreError("cannot write", "free space") from error


@pytest.mark.parametrize("pretty", [True, False])
def test_what_is_private_never_shows(pretty: bool) -> None:
    out = set_up(pretty=pretty, secrets=["correct horse battery", "4711"])
    log = structlog.get_logger()
    log.info("sent", text=TEXT, pin="4711", pdu="0791", nested={"body": TEXT, "numbers": [NUMBER]})
    log.info("refused", what="user:correct horse battery@host, PIN 4711, from +15145550101", error=ValueError(TEXT))
    log.info("bytes", data=TEXT.encode())
    try:
        fail()
    except StoreError:
        log.exception("failed")
    logging.getLogger("aiohttp.server").error("from %s", NUMBER, exc_info=ValueError(TEXT))
    found = leaks(out.getvalue(), texts=[TEXT], secrets=["correct horse battery"], pins=["4711"], numbers=[NUMBER])
    assert found == []
    assert "ValueError" in out.getvalue()
    assert "cannot write" in out.getvalue()
    assert "test_logs.py" in out.getvalue()
    assert "+1514…01" in out.getvalue()


def test_a_short_secret_eats_no_times_and_ids() -> None:
    out = set_up(secrets=["2026"])
    structlog.get_logger().info("call_ended", call="20261.2026", at="x2026")
    (line,) = lines(out)
    assert (line["call"], line["at"]) == ("20261.2026", "x2026")
    assert line["timestamp"].startswith("20")


async def test_a_task_that_dies_unseen_tells_no_text() -> None:
    out = set_up()

    async def fail_soon() -> None:
        int(TEXT)

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(fail_soon())
    await asyncio.wait([task])
    # what asyncio does when the task is collected
    loop.default_exception_handler({"message": "Task exception was never retrieved", "exception": task.exception(), "future": task})
    (line,) = lines(out)
    assert line["event"].startswith("Task exception was never retrieved")
    assert "ValueError" in line["exception"]
    assert leaks(out.getvalue(), texts=[TEXT]) == []


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    logs.set_up(stream=Full())
    structlog.get_logger().error("one")
    logging.getLogger("aiohttp").error("two")


def test_a_bad_line_of_a_library_is_told_without_its_values() -> None:
    out = set_up()
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if type(each).__module__ == logs.__name__]  # pytest's own raises
    logging.getLogger("lib").error("%d", TEXT)
    assert "could not be written: TypeError" in out.getvalue()
    assert leaks(out.getvalue(), texts=[TEXT]) == []


def test_every_secret_of_the_settings_is_known(tmp_path: Any) -> None:
    (tmp_path / "pin").write_text("4711\n")
    (tmp_path / "ami").write_text("ami-secret\n")
    settings = parse(
        {
            "clinic": {"name": "C", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "ari-secret", "ami": {"username": "a", "secret_file": str(tmp_path / "ami")}},
            "modem": [{"name": "a", "pin_file": str(tmp_path / "pin")}, {"name": "b", "pin": "0815"}, {"name": "c", "pin_file": "/gone"}],
        }
    )
    assert set(logs.secrets_of(settings)) == {"ari-secret", "ami-secret", "4711", "0815"}


def test_the_grep_itself_finds_what_it_should() -> None:
    log = "\n".join(
        [
            "fine 1772463600.4711 at 12:47:11",
            f"whole {TEXT}",
            "some: voudrais déplacer mon rendez-vous",
            json.dumps({"x": TEXT}),
            TEXT.encode("utf-16-be").hex().upper(),
            "PIN 4711",
            "sip:5145550101@host",
            "to +4366412345678",
        ]
    )
    found = leaks(log, texts=[TEXT], pins=["4711"], numbers=[NUMBER])
    assert {leak.line for leak in found} == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("pretty", [True, False])
def test_nothing_that_a_caller_is_called_steers_the_terminal_of_who_reads(monkeypatch: pytest.MonkeyPatch, pretty: bool) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = set_up(pretty=pretty)
    structlog.get_logger().info("call_ended", caller="Bob\x1b]0;x\x07\x9b2J\u202eevil\x85\u2028false", line="a\nb")
    logging.getLogger("library").warning("said %s", "\x1b[2J\x9b")
    shown = out.getvalue()
    assert not set(shown) & set("\x1b\x07\x9b\u202e\x85\u2028")
    assert "\\u001b" not in shown
    assert shown.count("\n") == 2
