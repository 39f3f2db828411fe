"""The commands as people use them: words, times, options, broken surroundings, who owns what."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
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
from ari_app.cli.render import clean
from ari_app.cli.sentences import SENTENCES, TEXT_STATES, Facts, explain, setting_behind
from ari_app.clock import SystemClock
from ari_app.control import socket_path
from ari_app.errors import StoreLockedError
from ari_app.model import REPLIES, AnsweredBy, Call, DecisionKind, Known, MessageState, Outcome, Presentation, Reached, Reason
from ari_app.policy import Policy
from ari_app.settings import Settings, load, parse
from ari_app.threads import Store
from tests.contract.clinic import CAROL, DAVE, PRIVATE, answer, error, program, run, service, write_settings
from tests.contract.conftest import _logs_as_before, config, filled
from tests.contract.test_contract import STATUS
from tests.threads.world import ALICE, BOB, START, a_call, until

__all__ = ["_logs_as_before", "config", "filled"]


def out(config: Path, *args: str, **options: Any) -> str:
    options.setdefault("env", {"COLUMNS": "200"})  # whatever the machine of the test has
    result = run(config, *args, **options)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


# -- help and options


def commands() -> list[tuple[str, click.Command]]:
    return sorted(main.commands.items())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith(".")
        else:
            assert str(parameter.make_metavar(click.Context(command))).strip("[]") in command.help, parameter.name
    result = run(Path("none"), name, "--help")
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


def test_empty_lists_say_so(config: Path) -> None:
    assert out(config, "calls", "--since", "2099-01-01") == "No calls.\n"
    assert out(config, "threads", "--since", "2099-01-01") == "No threads.\n"


def test_a_thread_is_told_newest_first_with_states(filled: Path) -> None:
    shown = out(filled, "thread", ALICE)
    assert shown.startswith("(514) 555-0101, line main: ")
    assert shown.index(PRIVATE) < shown.index("nous avons manqué votre appel")
    assert "[delivered]" in shown
    assert "[failed (unidentified subscriber)]" in out(filled, "thread", CAROL, "--line", "lab")
    assert "Asked for no more texts at 2026-03-02" in out(filled, "thread", DAVE)


def test_a_send_is_told_in_words(config: Path) -> None:
    assert re.fullmatch(r"Text \d+ in thread \d+: queued\. The text waits to be sent\.\n", out(config, "send", BOB, "oui"))


def test_why_tells_reason_setting_language_and_times(filled: Path) -> None:
    shown = out(filled, "why", ALICE)
    assert "Nobody answered. The text arrived." in shown
    assert "Setting: reply.delay = 30s (default)." in shown
    assert "Language: fr, the first of the clinic's languages." in shown
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
    assert "nous avons manqué votre appel. Que vous faut-il? Répondez à ce texto. Pour cesser: ARRET" in done.stdout.decode()


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
        assert error(config, *command)["code"] == "store"


# -- changing, with the service up, down and on its way


async def test_a_command_waits_for_another_that_holds_the_store(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(load(config).store.path, SystemClock())
    await store.open()
    tries = 0
    here = access._here

    async def counted(*args: Any) -> dict[str, Any]:
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


# -- why, reason by reason


def settings() -> Settings:
    return parse(
        {
            "clinic": {"name": "C", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "p"},
            "hours": {"open": "Mo-Fr 08:00-12:00"},
            "reply": {"exclude": ["+15145550111"], "min_ring": "5s", "burst": 1},
            "modem": [{"name": "gsm1", "number": "+15145550177"}],
            "line": [
                {"did": ["5145550210"], "name": "fax", "reply": False},
                {"did": ["5145550220"], "name": "lab", "hours": "Mo 01:00-02:00"},
            ],
        }
    )


NOW = START + timedelta(seconds=30)
"""A Monday, 10:00 in Montréal: open."""
ANSWERED = {"outcome": Outcome.ANSWERED, "answered_by": AnsweredBy.EXTENSION}
CASES: list[tuple[Reason, dict[str, Any], dict[str, Any], str, str | None]] = [
    (Reason.INTERNAL, {"presented": "201", "caller": None}, {}, "An extension called: its number has 3 digits.", "pbx.internal_length"),
    (
        Reason.MACHINE,
        {"machine": True, "reached": Reached.FAX},
        {},
        "A machine was at the telephone, not a person who waits (a fax).",
        None,
    ),
    (Reason.MACHINE, {"machine": True}, {}, "A machine was at the telephone, not a person who waits.", "pbx.machines"),
    (Reason.LINE_OFF, {"did": "5145550210"}, {}, "The line fax sends no automatic texts.", "line.0.reply"),
    (Reason.ANONYMOUS, {"presentation": Presentation.PROHIBITED}, {}, "The caller hid the number.", None),
    (Reason.ANONYMOUS, {"presented": "", "caller": None}, {}, "The call came without a number.", None),
    (Reason.ANONYMOUS, {"presentation": Presentation.UNKNOWN}, {}, "It could not be seen whether the caller hides the number", None),
    (Reason.NOT_TEXTABLE, {"caller": "+18005550101"}, {}, "The number is toll-free", None),
    (Reason.NOT_TEXTABLE, {"caller": "+18765550101"}, {}, "The number is of a country that is not texted (JM).", "reply.countries"),
    (
        Reason.NOT_TEXTABLE,
        {},
        {"not_textable": "cms_28: no such number"},
        "An earlier text failed for good, so the number takes none (cms_28",
        None,
    ),
    (Reason.EXCLUDED, {"caller": "+15145550111"}, {}, "The number is on the list of those never texted.", "reply.exclude.0"),
    (Reason.EXCLUDED, {"caller": "+15145550177"}, {}, "The number is one of the clinic's own.", "modem.0.number"),
    (
        Reason.OPTED_OUT,
        {},
        {"opted_out": START - timedelta(days=1)},
        "The caller asked for no more texts (STOP) at 2026-03-01 10:00.",
        None,
    ),
    (Reason.SUSPECT, {"suspect": True}, {}, "The carrier could not vouch for the number: it may be forged.", None),
    (Reason.ANSWERED, ANSWERED, {}, "Somebody here answered the call.", None),
    (
        Reason.ANSWERED,
        {**ANSWERED, "answered_by": AnsweredBy.OUTSIDE},
        {},
        "A telephone outside the PBX answered, perhaps a voicemail: the caller gets no text, and the thread stays to be answered.",
        "pbx.outside",
    ),
    (Reason.UNSEEN, {"outcome": Outcome.UNSEEN}, {}, "The call was not watched from its beginning", None),
    (
        Reason.HANDED_ON,
        {"handed_on": True, "reached": Reached.TRANSFER},
        {},
        "The caller spoke with somebody, was transferred and then",
        None,
    ),
    (
        Reason.HANDED_ON,
        {"handed_on": True, "reached": Reached.HOLD},
        {},
        "The caller spoke with somebody, was left on hold or parked",
        None,
    ),
    (Reason.SHORT_RING, {"rang": 1.5}, {}, "The caller hung up after 1.5 s, before the 5s a call must ring to count.", "reply.min_ring"),
    (
        Reason.STALE,
        {"ended": START - timedelta(hours=3)},
        {},
        "It was too late for a text: the call had ended more than 2h before.",
        "reply.max_age",
    ),
    (
        Reason.IN_CONVERSATION,
        {},
        {"last_person": START - timedelta(hours=2)},
        "A person wrote in this thread at 2026-03-02 08:00: the conversation counts as going on until 2026-03-02 20:00.",
        "reply.conversation",
    ),
    (
        Reason.COOLDOWN,
        {},
        {"last_auto": START - timedelta(hours=2), "last_auto_call": "1.7"},
        "The caller got a text at 2026-03-02 08:00 for call 1.7; the next one may go from 2026-03-03 08:00 on.",
        "reply.cooldown",
    ),
    (Reason.CALLED_BACK, {}, {"called_back": START}, "Staff called the number back at 2026-03-02 10:00. The thread stays", None),
    (Reason.REACHED_LATER, {}, {"reached": START}, "The caller rang again and reached somebody at 2026-03-02 10:00.", None),
    (Reason.LOOP, {}, {"looping": True}, "The number answers automatic texts with automatic texts.", None),
    (
        Reason.LIMIT,
        {},
        {"auto_today": 3},
        "This number had got 3 automatic texts in 24 hours, and 3 is the most.",
        "reply.per_number_limit",
    ),
    (
        Reason.LIMIT,
        {},
        {"all_today": 200},
        "The clinic had sent 200 automatic texts in 24 hours, and 200 is the most.",
        "reply.daily_limit",
    ),
    (Reason.BURST, {}, {"burst": 4}, "4 unknown numbers were texted within 10 minutes, and 1 is the most", "reply.burst"),
    (Reason.ASKED, {"asked": True}, {}, "The caller asked for a text in the menu.", None),
    (Reason.VOICEMAIL, {"voicemail_left": True}, {}, "The caller left a message in the voicemail.", None),
    (Reason.CLOSED, {"did": "5145550220"}, {}, "Nobody answered, and the line was closed by its hours.", "line.1.hours"),
    (Reason.MISSED, {}, {}, "Nobody answered.", "reply.delay"),
]


def told(call: Call, known: Known, chosen: Settings) -> Facts:
    """As ``why`` tells it: through the real policy."""
    decision = Policy(chosen).decide(call, known, NOW)
    row = {
        "decision": decision.kind.value,
        "reason": decision.reason.value,
        "line": decision.line,
        "detail": dict(decision.detail),
        "due": decision.due.isoformat() if decision.due else None,
        "text": {"state": "delivered"},
    }

    def say_time(at: Any) -> str:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return str(moment.astimezone(chosen.clinic.zone).strftime("%Y-%m-%d %H:%M"))

    return Facts(row, say_time)


@pytest.mark.parametrize(("reason", "changes", "known", "sentence", "key"), CASES)
def test_every_reason_has_a_sentence_with_its_facts_and_its_setting(
    reason: Reason, changes: dict[str, Any], known: dict[str, Any], sentence: str, key: str | None
) -> None:
    facts = told(a_call(**{"number": ALICE, **changes}), Known(number=ALICE, **known), settings())
    assert facts.row["reason"] == reason.value
    said = explain(facts)
    assert sentence in said
    assert "?" not in said
    assert said.startswith("No text. ") == (reason not in REPLIES)
    setting = setting_behind(facts, settings())
    assert (setting or {}).get("key") == key
    if setting:
        assert setting["value"]


def test_paused_says_what_it_would_have_been() -> None:
    for mode, sentence in (("watch", "textback only watches"), ("off", "Automatic texts are switched off.")):
        chosen = settings().model_copy(update={"reply": settings().reply.model_copy(update={"mode": mode})})
        facts = told(a_call(), Known(number=ALICE), chosen)
        assert facts.row["reason"] == "paused"
        assert sentence in explain(facts)
        assert explain(facts).endswith("Otherwise: missed.")
        setting = setting_behind(facts, chosen)
        assert setting is not None
        assert (setting["key"], setting["value"]) == ("reply.mode", mode)


def test_no_reason_is_without_a_case_and_none_without_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
    assert {case[0] for case in CASES} | {Reason.PAUSED} == set(Reason)
    outgoing = {state.value for state in MessageState} - {"received", "partial"}
    assert set(TEXT_STATES) == outgoing


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("kind", list(DecisionKind))
def test_facts_that_are_missing_break_no_sentence(reason: Reason, kind: DecisionKind) -> None:
    """Rows of an older version, and texts that expired in the queue, have fewer."""
    row: dict[str, Any] = {"decision": kind.value, "reason": reason.value, "line": "gone", "detail": {}, "due": None, "text": None}
    facts = Facts(row, str)
    assert explain(facts)
    setting_behind(facts, settings())


def test_a_setting_from_the_file_is_told_from_a_default() -> None:
    facts = told(a_call(rang=1.0), Known(number=ALICE), settings())
    assert setting_behind(facts, settings()) == {"key": "reply.min_ring", "value": "5s", "source": "textback.toml"}
    gone = parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": {"username": "u", "password": "p"}})
    excluded = told(a_call("+15145550111"), Known(number=ALICE), settings())
    assert setting_behind(excluded, gone) is None


def test_times_are_those_of_the_clinic_whatever_the_machine_says(filled: Path) -> None:
    shown = {program(filled, "calls", env={"TZ": zone}).stdout for zone in ("UTC", "Asia/Tokyo", "America/Toronto")}
    assert len(shown) == 1
    assert datetime.now(UTC).tzinfo is UTC
