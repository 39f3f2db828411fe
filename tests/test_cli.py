"""The commands as people use them: words, times, options, broken surroundings, who owns what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ari_app.cli import access, main
from ari_app.clock import SystemClock
from ari_app.control import socket_path
from ari_app.errors import StoreLockedError
from ari_app.logs import clean
from ari_app.settings import load
from ari_app.threads import Store
from ari_app.threads.matching import Found, Left
from tests.contract.clinic import ANNE, CAROL, DAVE, PRIVATE, answer, error, program, run, service, write_settings
from tests.contract.conftest import _logs_as_before, config, filled
from tests.contract.test_contract import STATUS
from tests.threads.world import ALICE, BOB, START, until

__all__ = ["_logs_as_before", "config", "filled"]


def out(config: Path, *args: str, **options: Any) -> str:
    options.setdefault("env", {"COLUMNS": "200"})  # whatever the machine of the test has
    result = run(config, *args, **options)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


# -- help and options


def commands(group: click.Group = main, before: str = "") -> list[tuple[str, click.Command]]:
    """Every command that does something, with the words that name it."""
    found: list[tuple[str, click.Command]] = []
    for name, command in sorted(group.commands.items()):
        found += commands(command, f"{before}{name} ") if isinstance(command, click.Group) else [(before + name, command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith(".")
        else:
            assert str(parameter.make_metavar(click.Context(command))).strip("[]") in command.help, parameter.name
    result = run(Path("none"), *name.split(), "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert "--config" in result.stdout


def test_the_commands_of_the_contract_are_there() -> None:
    assert set(main.commands) >= {"run", "doctor", "calls", "why", "threads", "thread", "send"}


def test_version() -> None:
    done = program(None, "--version")
    assert done.returncode == 0
    assert re.fullmatch(rb"textback \d+\.\d+\.\d+\n", done.stdout)


def test_config_before_or_after_the_command_or_in_the_environment(filled: Path, tmp_path: Path) -> None:
    wanted = answer(filled, "calls")
    nowhere = str(tmp_path / "none.toml")
    for args, env in (
        (("--config", str(filled), "calls", "--json"), None),
        (("calls", "--config", str(filled), "--json"), None),
        (("--config", nowhere, "calls", "--json", "--config", str(filled)), None),
        (("calls", "--json"), str(filled)),
        (("--config", str(filled), "calls", "--json"), nowhere),
    ):
        result = CliRunner().invoke(main, args, env={"TEXTBACK_CONFIG": env})
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == wanted


def test_no_settings_is_one_line_with_the_fix(tmp_path: Path) -> None:
    done = program(tmp_path / "none.toml", "calls")
    assert (done.returncode, done.stdout) == (1, b"")
    line = done.stderr.decode()
    assert line.startswith(f"textback: there is no settings file at {tmp_path}/none.toml. Write one")
    assert line.count("\n") == 1


def test_usage_errors_leave_stdout_alone(filled: Path) -> None:
    wrong = run(filled, "calls", "--since", "soon")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "write 2h or 7d" in wrong.stderr
    assert run(filled, "nonsense").exit_code == 2
    assert run(filled).exit_code == 2


# -- what people see


def test_calls_are_shown_in_the_clinics_time_with_numbers_as_people_write_them(filled: Path) -> None:
    shown = out(filled, "calls")
    assert "2026-03-02 09:59  (514) 555-0101" in shown  # 14:59:40 UTC
    assert len(shown.splitlines()) == 15
    assert "+1514" not in shown


def test_times_are_those_of_the_clinic_whatever_the_machine_says(filled: Path) -> None:
    shown = {program(filled, "calls", env={"TZ": zone}).stdout for zone in ("UTC", "Asia/Tokyo", "America/Toronto")}
    assert len(shown) == 1
    assert datetime.now(UTC).tzinfo is UTC


def test_empty_lists_say_so(config: Path) -> None:
    assert out(config, "calls", "--since", "2099-01-01") == "No calls.\n"
    assert out(config, "threads", "--since", "2099-01-01") == "No threads.\n"


def test_a_thread_is_told_newest_first_with_states(filled: Path) -> None:
    shown = out(filled, "thread", ALICE)
    assert shown.startswith("(514) 555-0101, line main: ")
    assert shown.index(PRIVATE) < shown.index("appel manqué/missed call")
    assert "[delivered]" in shown
    failed = " ".join(out(filled, "thread", CAROL, "--line", "lab").split())
    assert re.search(r"\[failed \(unidentified subscriber\); textback send --again \d+\]", failed)
    assert "Asked for no more texts at 2026-03-02" in out(filled, "thread", DAVE)


def test_voicemails_stand_in_their_thread(config: Path) -> None:
    (call,) = (each for each in answer(config, "calls", "--number", BOB) if each["reason"] == "voicemail")

    async def leave() -> None:
        store = Store(config.parent / "textback.db", SystemClock())
        await store.open()
        for number, seconds in ((1, 12.34), (2, 3.0)):
            left = Left(
                message=f"m{number}",
                mailbox="101",
                context="default",
                folder="INBOX",
                at=START + timedelta(days=3, minutes=number),
                seconds=seconds,
                channel="PJSIP/trunk-1",
                presented="5145550102",
            )
            filed = await store.voicemail.file(
                left, Found(call["id"], call["thread"]), ("audio/flac", b"x"), transcribe=number == 1, priority=lambda *_: None
            )
            assert filed == number
        await store.voicemail.written_down(1, "call me back", "en")
        await store.voicemail.heard(2, True, ANNE)
        await store.close()

    asyncio.run(leave())
    told = answer(config, "thread", BOB)["voicemails"]
    assert [(each["id"], each["seconds"], each["heard_by"], each["transcript"]) for each in told] == [
        (2, 3.0, "Anne", None),
        (1, 12.3, None, "call me back"),
    ]
    shown = " ".join(out(config, "thread", BOB).split())
    assert "voicemail 12 s, not heard yet; written down by a machine: call me back" in shown
    assert "voicemail 3 s, heard by Anne at " in shown
    assert "Voicemails before 2026-03-05 10:02 are left out" in out(config, "thread", BOB, "--limit", "1")


def test_a_text_nobody_confirmed_is_told(config: Path) -> None:
    with contextlib.closing(sqlite3.connect(config.parent / "textback.db")) as store, store:
        store.execute("UPDATE message SET state = 'sent', unconfirmed = 1 WHERE state = 'delivered'")
    assert "[sent, not confirmed; textback send --again 1]" in out(config, "thread", ALICE)
    assert [message["confirmed"] for message in answer(config, "thread", ALICE)["messages"]] == [None, False]


def test_a_send_is_told_in_words(config: Path) -> None:
    assert re.fullmatch(r"Text \d+ in thread \d+: queued\. The text waits to be sent\.\n", out(config, "send", BOB, "oui"))


def test_why_tells_reason_setting_language_and_times(filled: Path) -> None:
    shown = out(filled, "why", ALICE)
    assert "Nobody answered. The text arrived." in shown
    assert "Setting: reply.delay = 30s (default)." in shown
    assert "Language: fr and en, as nothing is known of the caller's." in " ".join(shown.split())
    assert "2026-03-02 10:00:00  the caller hung up while it rang after 20 s" in shown
    assert "No text. A person wrote in this thread at 2026-03-02 10:00" in shown
    assert "No text. Somebody here answered the call." in shown


@pytest.mark.parametrize("columns", ["20", "40", "80", "200", "0", "x", "-5"])
@pytest.mark.parametrize("command", [("calls",), ("threads",), ("thread", ALICE), ("why", ALICE), ("doctor",)])
def test_any_width_works(filled: Path, command: tuple[str, ...], columns: str) -> None:
    result = run(filled, *command, env={"COLUMNS": columns})
    assert result.exit_code == (1 if command == ("doctor",) else 0)
    assert result.stdout
    if columns in ("20", "40", "80"):
        assert max(map(len, result.stdout.splitlines())) <= int(columns)


def test_a_usual_terminal_shows_times_numbers_and_ids_whole(filled: Path) -> None:
    shown = out(filled, "calls", env={"COLUMNS": "80"})
    for call in answer(filled, "calls"):
        assert call["id"] in shown
    assert shown.count("(514) 555-0101") == 3
    assert "2026-03-02 09:59" in shown
    assert "…" not in out(filled, "calls", env={"COLUMNS": "50"})


def test_a_pipe_gets_whole_lines_without_colour(filled: Path) -> None:
    done = program(filled, "threads")
    assert b"\x1b" not in done.stdout
    assert "appel manqué/missed call. Votre nom et votre besoin? Your name and need? Cesser/opt out: ARRET/STOP" in done.stdout.decode()


def test_colour_on_a_terminal_unless_it_is_not_wanted(filled: Path) -> None:
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        master, slave = os.openpty()
        done = program(filled, "calls", stdout=slave, env={"TERM": "xterm", "COLUMNS": "160", **env})
        os.close(slave)
        assert done.returncode == 0
        shown = os.read(master, 65536)
        os.close(master)
        assert (b"\x1b[33m" in shown) is coloured
        assert b"unseen" in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_terminal_encoding_works(filled: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding}
    assert program(filled, "thread", ALICE, env=env).returncode == 0
    done = program(filled, "thread", ALICE, "--json", env=env)
    assert json.loads(done.stdout.decode(encoding))["messages"][0]["text"] == PRIVATE


def test_a_callers_words_cannot_steer_the_terminal_or_be_markup(config: Path) -> None:
    words = "a\x1b[2Jb\x07c\x9b31m [bold]d[/bold] :smile: \u202egnol\r\nnext\x00"
    assert clean(words) == "a�[2Jb�c�31m [bold]d[/bold] :smile: �gnol\nnext�"
    answer(config, "send", BOB, words.replace("\x00", ""))
    for command in (("thread", BOB), ("threads",)):
        shown = out(config, *command)
        assert "[bold]d[/bold] :smile:" in shown
        assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}


# -- surroundings that break


def test_a_reader_that_goes_away_is_no_failure(filled: Path) -> None:
    for args in (("calls",), ("calls", "--json"), ("thread", ALICE)):
        read, write = os.pipe()
        os.close(read)
        done = program(filled, *args, stdout=write)
        os.close(write)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_told(filled: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        for args in (("calls",), ("calls", "--json"), ("why", "nothing", "--json")):
            done = program(filled, *args, stdout=full)
            assert done.returncode == 1
            assert len(done.stderr.splitlines()) == 1
            assert b"Traceback" not in done.stderr


def test_a_closed_stdout_is_no_traceback(filled: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m ari_app --config {filled} calls >&-"], capture_output=True, timeout=60, check=False
    )
    assert b"Traceback" not in done.stderr


def test_a_damaged_store_is_one_line(tmp_path: Path) -> None:
    config = write_settings(tmp_path)
    (tmp_path / "textback.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 8000)
    for command in (("calls",), ("thread", ALICE), ("send", ALICE, "x")):
        assert error(config, *command)["code"] == "store_damaged"


# -- changing, with the service up, down and on its way


async def test_a_command_waits_for_another_that_holds_the_store(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(load(config).store.path, SystemClock())
    await store.open()
    tries = 0
    here = access._here

    async def counted(*args: Any) -> Any:
        nonlocal tries
        tries += 1
        return await here(*args)

    monkeypatch.setattr(access, "_here", counted)
    waits = asyncio.create_task(access.act(load(config), "send", {"number": BOB, "text": "attends"}))
    await until(lambda: tries > 1)
    assert not waits.done()
    await store.close()
    assert (await waits)["state"] == "queued"


async def test_a_store_held_for_good_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_PATIENCE", 0.2)
    store = Store(load(config).store.path, SystemClock())
    await store.open()
    with pytest.raises(StoreLockedError):
        await access.act(load(config), "send", {"number": BOB, "text": "attends"})
    await store.close()


def test_many_commands_at_once_with_the_service_down(config: Path) -> None:
    command = [sys.executable, "-m", "ari_app", "--config", str(config), "send", BOB, "ensemble", "--json", "--id"]
    started = [subprocess.Popen([*command, f"n{n % 2}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for n in range(4)]
    ended = [each.communicate(timeout=60) for each in started]
    assert [each.returncode for each in started] == [0] * 4, ended
    assert [message["text"] for message in answer(config, "thread", BOB)["messages"]].count("ensemble") == 2


def test_wait_returns_when_the_text_went(config: Path) -> None:
    with service(config, STATUS) as store:
        done: list[Any] = []
        thread = threading.Thread(target=lambda: done.append(program(config, "send", BOB, "vite", "--wait", "60", "--json", "--id", "w1")))
        thread.start()
        message = None
        while message is None:
            texts = answer(config, "thread", BOB)["messages"]
            message = next((text["id"] for text in texts if text["text"] == "vite"), None)
        asyncio.run(store.fail(message, "cms_28", "unidentified subscriber"))
        thread.join()
    assert done[0].returncode == 1
    failed = json.loads(done[0].stdout)["error"]
    assert failed["code"] == "text_failed"
    assert "(unidentified subscriber)" in failed["what"]


def test_no_file_of_roots_is_left_in_a_store_of_another() -> None:
    """As root: the store's owner is another user, and stays the owner of everything. Else: everything is ours."""
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_settings(folder)
        if os.geteuid() == 0:
            config.chmod(0o644)
            os.chown(folder, owner, owner)
        answer(config, "send", BOB, "un")
        answer(config, "calls")
        answer(config, "send", BOB, "deux")
        run(config, "doctor")
        made = {path.name: path.stat() for path in folder.iterdir() if path != config}
        assert {"textback.db", "textback.db.lock"} <= set(made)
        assert {name: stat.st_uid for name, stat in made.items()} == dict.fromkeys(made, owner)
        assert {name: stat.st_mode & 0o777 for name, stat in made.items()} == dict.fromkeys(made, 0o600)
    assert os.geteuid() != 65534


def test_a_service_that_died_mid_answer_leaves_a_way_to_repeat_safely(config: Path) -> None:
    path = socket_path(load(config).store.path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def die() -> None:
            peer, _ = listener.accept()
            peer.recv(65536)
            peer.close()

        thread = threading.Thread(target=die)
        thread.start()
        done = program(config, "send", BOB, "x", "--json")
        thread.join()
    path.unlink()
    failed = json.loads(done.stdout)["error"]
    assert failed["code"] == "no_answer"
    act = re.search(r"--id (cli-[0-9a-f]{32})", failed["fix"])
    assert act is not None
    first = answer(config, "send", BOB, "x", "--id", act[1])
    assert answer(config, "send", BOB, "x", "--id", act[1]) == first


def test_a_bug_is_one_line_too(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(PRIVATE)

    monkeypatch.setattr(Store, "calls", broken)
    result = run(config, "calls", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "internal"
    assert "ZeroDivisionError" in result.stderr
    assert PRIVATE not in result.stderr


# -- the service


def test_the_service_does_not_look_through_what_is_loaded_for_garbage(config: Path) -> None:
    """A full collection over all modules takes 20 ms, during which no page is answered (design rule 9)."""
    asked = """
import gc, sys
import ari_app.service
from ari_app.cli import main

async def serve(settings):
    loaded = len(gc.get_objects())
    print(gc.get_freeze_count() > 10 * loaded, file=sys.stderr)

ari_app.service.serve = serve
main(["--config", sys.argv[1], "run"])
"""
    ended = subprocess.run([sys.executable, "-c", asked, str(config)], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1:]) == (0, ["True"]), ended.stderr
