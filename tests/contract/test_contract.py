"""Every answer of every command, held by its schema, through the real program over a real store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ari_app.cli import main
from ari_app.control import ModemStatus, PbxStatus, ServiceStatus
from ari_app.model import AnsweredBy, DecisionKind, MessageKind, MessageState, Outcome, Reached, Reason
from tests.contract.clinic import CAROL, DAVE, ERIN, FRANK, PRIVATE, SCHEMAS, answer, error, holds, program, run, service
from tests.threads.world import ALICE, BOB, START

STATUS = ServiceStatus(
    pid=4242,
    version="0.1.0",
    started=START,
    pbx=PbxStatus(connected=True, since=START, asterisk="22.1.0", channelvars=True, lag_ms=2.0),
    modems=(ModemStatus(name="gsm1", state="ok", code="ready", what="registered with the home network", registered=True, signal=21),),
    loop_lag_ms_p99=1.2,
)


# -- the schemas themselves


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == name


def test_every_command_has_a_schema_and_the_other_way_round() -> None:
    assert {f"{name}.schema.json" for name in [*main.commands, "error", "common"]} == set(SCHEMAS)


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        return [schema, *(each for value in schema.values() for each in objects(value))]
    return [each for value in schema for each in objects(value)] if isinstance(schema, list) else []


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_no_object_is_open(name: str) -> None:
    for each in objects(SCHEMAS[name]):
        if "properties" not in each or each is SCHEMAS[name].get("$defs", {}).get("call_fields"):
            continue
        if set(each) == {"properties"}:
            continue  # a condition (if, then)
        assert each.get("additionalProperties") is False or each.get("unevaluatedProperties") is False, each


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("outcome", Outcome),
        ("reached", Reached),
        ("decision", DecisionKind),
        ("reason", Reason),
    ],
)
def test_the_words_of_a_call_are_those_of_the_model(path: str, words: type[StrEnum]) -> None:
    assert SCHEMAS["common.schema.json"]["$defs"]["call_fields"]["properties"][path]["enum"] == [word.value for word in words]


def test_the_words_of_a_message_are_those_of_the_model() -> None:
    fields = SCHEMAS["common.schema.json"]["$defs"]["message"]["properties"]
    assert fields["kind"]["enum"] == [kind.value for kind in MessageKind]
    assert fields["state"]["enum"] == [state.value for state in MessageState]
    answered = SCHEMAS["common.schema.json"]["$defs"]["call_fields"]["properties"]["answered_by"]["enum"]
    assert answered == [*(by.value for by in AnsweredBy), None]


def test_a_schema_notices_what_is_wrong(filled: Path) -> None:
    document = answer(filled, "calls")
    for change in ({"extra": 1}, {"reason": "bored"}, {"started": "2026-03-02 15:00"}, {"caller": "5145550101"}, {"rang": "20"}):
        with pytest.raises(AssertionError):
            holds("calls", [{**document[0], **change}])
    with pytest.raises(AssertionError):
        holds("calls", [{key: value for key, value in document[0].items() if key != "thread"}])


# -- calls


def test_calls(filled: Path) -> None:
    calls = answer(filled, "calls")
    assert len(calls) == 14
    assert [call["started"] for call in calls] == sorted((call["started"] for call in calls), reverse=True)
    reasons = {call["reason"] for call in calls}
    assert {
        "missed",
        "voicemail",
        "answered",
        "unseen",
        "anonymous",
        "short_ring",
        "opted_out",
        "not_textable",
        "in_conversation",
    } <= reasons
    assert {call["outcome"] for call in calls} == {"answered", "missed", "unseen"}
    assert {call["decision"] for call in calls} == {"pending", "reply", "silence"}
    assert {call["answered_by"] for call in calls} == {"extension", "outside", None}


def test_a_hidden_number_is_not_told(filled: Path) -> None:
    hidden = [call for call in answer(filled, "calls") if call["reason"] == "anonymous"]
    assert len(hidden) == 2
    assert [call["caller"] for call in hidden] == [None, None]
    assert all(call["presentation"] != "prohibited" for call in answer(filled, "why", ERIN))


def test_calls_of_a_number_since_a_time_at_most_so_many(filled: Path) -> None:
    everything = answer(filled, "calls", "--limit", "0")
    assert answer(filled, "calls", "--number", "514 555-0101") == [call for call in everything if call["caller"] == ALICE]
    assert answer(filled, "calls", "--limit", "2") == everything[:2]
    later = [call for call in everything if call["started"] >= "2026-03-03"]
    assert 0 < len(later) < len(everything)
    assert answer(filled, "calls", "--since", "2026-03-03T00:00:00Z") == later
    assert answer(filled, "calls", "--since", "2026-03-03") == later
    assert answer(filled, "calls", "--since", "36500d") == everything
    assert answer(filled, "calls", "--since", "2099-01-01") == []


def test_a_since_without_zone_is_the_clinics_time(filled: Path) -> None:
    """The first call came at 15:00 UTC, 10:00 in Montréal."""
    everything = answer(filled, "calls", "--limit", "0")
    assert len(answer(filled, "calls", "--since", "2026-03-02T10:00")) == len(everything) - 1
    assert len(answer(filled, "calls", "--since", "2026-03-02T15:00Z")) == len(everything) - 1
    assert len(answer(filled, "calls", "--since", "2026-03-02T09:59")) == len(everything)


@pytest.mark.parametrize(
    "given",
    [
        ("--since", "12x"),
        ("--since", "yesterday"),
        ("--since", "2026-13-01"),
        ("--number", "12"),
        ("--limit", "-1"),
        ("--limit", "x"),
        ("--odd",),
    ],
)
def test_calls_asked_for_wrongly(filled: Path, given: tuple[str, ...]) -> None:
    assert error(filled, "calls", *given, code=2)["code"] == "usage"


# -- why


def test_why_of_every_call(filled: Path) -> None:
    for call in answer(filled, "calls", "--limit", "0"):
        (told,) = answer(filled, "why", call["id"])
        assert {key: told[key] for key in call} == call
        assert told["explanation"].startswith("No text. ") == (call["decision"] == "silence")
        times = [entry["at"] for entry in told["timeline"]]
        assert times == sorted(times)


def test_why_of_a_number_is_its_latest_calls(filled: Path) -> None:
    told = answer(filled, "why", "(514) 555-0101")
    assert [each["caller"] for each in told] == [ALICE] * 3
    assert answer(filled, "why", ALICE, "--limit", "1") == told[:1]
    assert answer(filled, "why", ALICE, "--limit", "0") == told


def test_why_tells_the_text_and_its_attempts(filled: Path) -> None:
    first = answer(filled, "why", ALICE)[-1]
    assert first["text"]["state"] == "delivered"
    assert [attempt["outcome"] for attempt in first["attempts"]] == ["sent"]
    said = [entry["what"] for entry in first["timeline"]]
    assert said[0].startswith("the call came in")
    assert said[-1].endswith("that it arrived")
    assert any("left by gsm1" in what for what in said)
    assert "arrived" in first["explanation"]
    assert first["setting"] == {"key": "reply.delay", "value": "30s", "source": "default"}
    assert answer(filled, "why", BOB)[0]["text"]["state"] == "unknown"
    assert answer(filled, "why", CAROL)[-1]["text"]["state"] == "failed"


def test_why_never_tells_words(filled: Path) -> None:
    for number in (ALICE, BOB, CAROL, DAVE, ERIN, FRANK):
        assert "Répondez" not in json.dumps(answer(filled, "why", number), ensure_ascii=False)


@pytest.mark.parametrize("subject", ["1.2", "+15145559999", "nonsense", ""])
def test_why_of_nothing(filled: Path, subject: str) -> None:
    assert error(filled, "why", subject)["code"] == "not_found"


# -- threads, thread


def test_threads(filled: Path) -> None:
    threads = answer(filled, "threads")
    assert [thread["at"] for thread in threads] == sorted((thread["at"] for thread in threads), reverse=True)
    assert {thread["state"] for thread in threads} >= {"to_answer", "answered"}
    assert answer(filled, "threads", "--state", "to_answer") == [each for each in threads if each["state"] == "to_answer"]
    assert answer(filled, "threads", "--number", CAROL) == [each for each in threads if each["number"] == CAROL]
    assert answer(filled, "threads", "--limit", "1") == threads[:1]
    assert error(filled, "threads", "--state", "lost", code=2)["code"] == "usage"


def test_thread_by_number_and_by_id_of_everybody(filled: Path) -> None:
    for head in answer(filled, "threads", "--limit", "0"):
        whole = answer(filled, "thread", str(head["id"]))
        assert (whole["id"], whole["number"], whole["line"]) == (head["id"], head["number"], head["line"])
        assert (len(whole["messages"]), len(whole["calls"])) == (head["messages"], head["calls"])
    thread = answer(filled, "thread", ALICE)
    assert [message["kind"] for message in thread["messages"]] == ["caller", "auto"]
    assert thread["messages"][0]["text"] == PRIVATE
    assert answer(filled, "thread", "5145550101") == thread
    assert answer(filled, "thread", DAVE)["opted_out"] is not None


def test_thread_of_a_line(filled: Path) -> None:
    assert answer(filled, "thread", CAROL, "--line", "lab")["line"] == "lab"
    assert answer(filled, "thread", CAROL, "--line", "main")["line"] == "main"
    assert error(filled, "thread", CAROL, "--line", "gone")["code"] == "not_found"


def test_every_kind_and_most_states_were_there_to_be_held(filled: Path) -> None:
    """Else the schemas would hold nothing."""
    threads = [answer(filled, "thread", str(head["id"])) for head in answer(filled, "threads", "--limit", "0")]
    messages = [message for thread in threads for message in thread["messages"]]
    assert {message["kind"] for message in messages} == {kind.value for kind in MessageKind}
    assert {message["state"] for message in messages} >= {"queued", "sent", "delivered", "failed", "unknown", "received", "partial"} - {
        "sent"
    }


@pytest.mark.parametrize(("named", "code"), [("999", "not_found"), ("+15145559999", "not_found"), ("Anne", "no_number"), ("", "no_number")])
def test_thread_of_nobody(filled: Path, named: str, code: str) -> None:
    assert error(filled, "thread", named)["code"] == code


@pytest.mark.parametrize("up", [False, True])
def test_done_and_reopen_with_the_service_up_and_down(config: Path, up: bool) -> None:
    def both() -> None:
        assert answer(config, "thread", BOB, "--done")["state"] == "done"
        assert answer(config, "thread", BOB)["state"] == "done"
        assert answer(config, "thread", str(answer(config, "thread", BOB)["id"]), "--reopen")["state"] == "to_answer"
        assert error(config, "thread", "+15145559999", "--done")["code"] == "not_found"

    if up:
        with service(config, STATUS):
            both()
    else:
        both()


# -- send


@pytest.mark.parametrize("up", [False, True])
def test_send_with_the_service_up_and_down(config: Path, up: bool) -> None:
    def both() -> None:
        first = answer(config, "send", "514 555-0102", "Bonjour 🙂", "--id", "a-1")
        assert first["state"] == "queued"
        assert answer(config, "send", "514 555-0102", "Bonjour 🙂", "--id", "a-1") == first
        assert answer(config, "send", BOB, "Bonjour 🙂")["message"] != first["message"]
        assert answer(config, "send", BOB, "Bonjour 🙂", "--id", "a-1", "--wait", "0.01")["state"] == "queued"
        thread = answer(config, "thread", BOB)
        assert [message["text"] for message in thread["messages"][:2]] == ["Bonjour 🙂"] * 2
        assert thread["state"] == "answered"
        assert answer(config, "send", CAROL, "x", "--line", "lab")["thread"] == answer(config, "thread", CAROL, "--line", "lab")["id"]
        for args, code in (
            (("12", "x"), "no_number"),
            (("5551234", "x"), "no_number"),
            ((BOB, " "), "no_text"),
            ((BOB, "x" * 3000), "too_long"),
            ((BOB, "x", "--id", "a-1"), "id_used"),
            ((BOB, "x", "--id", "a 1"), "bad_id"),
            ((BOB, "x", "--line", "gone"), "no_line"),
            ((DAVE, "x"), "opted_out"),
        ):
            assert error(config, "send", *args)["code"] == code

    if up:
        with service(config, STATUS):
            both()
    else:
        both()


def test_send_from_stdin(config: Path) -> None:
    done = program(config, "send", BOB, "-", "--json", input="à bientôt\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    holds("send", json.loads(done.stdout))
    assert answer(config, "thread", BOB)["messages"][0]["text"] == "à bientôt"
    wrong = program(config, "send", BOB, "-", input=b"\xff\xfe")
    assert wrong.returncode == 1
    assert wrong.stderr.decode() == "textback: the text on stdin is not UTF-8. Send it as UTF-8\n"


@pytest.mark.parametrize("given", [(), (BOB,), (BOB, "x", "y"), (BOB, "x", "--wait", "-1"), (BOB, "x", "--wait", "soon")])
def test_send_asked_for_wrongly(filled: Path, given: tuple[str, ...]) -> None:
    assert error(filled, "send", *given, code=2)["code"] == "usage"


# -- doctor


def test_doctor_with_the_service_up_and_down(config: Path) -> None:
    down = run(config, "doctor", "--json")
    document = json.loads(down.stdout)
    holds("doctor", document)
    assert (down.exit_code, document["ready"]) == (1, False)
    with service(config, STATUS):
        up = run(config, "doctor", "--json")
    document = json.loads(up.stdout)
    holds("doctor", document)
    assert document["ready"] is True


def test_doctor_without_settings_is_an_answer_all_the_same(tmp_path: Path) -> None:
    result = run(tmp_path / "none.toml", "doctor", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    holds("doctor", document)
    assert [item["part"] for item in document["items"]] == ["settings"]


# -- backup, verify, restore


def test_a_backup_is_made_looked_through_and_put_back(config: Path) -> None:
    folder = config.parent / "copies"
    made = answer(config, "backup", "--folder", str(folder))
    assert (made["calls"], made["folder"]) == (14, str(folder))
    found = answer(config, "verify", str(folder / made["file"]))
    assert (found["calls"], found["current"], found["as_written"]) == (14, True, True)
    assert answer(config, "verify") == found | {"file": str(config.parent / "textback.db"), "as_written": None}
    done = answer(config, "restore", str(folder / made["file"]), "--yes")
    assert (done["calls"], done["lost_calls"], done["texts"]) == (14, 0, {"expired": 3, "failed": 1})
    assert error(config, "restore", str(folder / made["file"]))["code"] == "not_confirmed"


# -- export, erase, purge


@pytest.mark.parametrize("up", [False, True])
def test_a_person_sees_their_record_and_has_it_erased(config: Path, tmp_path: Path, up: bool) -> None:
    def both() -> None:
        found = answer(config, "export", "514 555-0101")
        assert [len(found[name]) for name in ("calls", "messages", "threads")] == [3, 2, 1]
        assert [(each["who"], each["act"]) for each in found["accesses"]] == [("shell", "record_exported")]
        assert answer(config, "export", ALICE, "--output", str(tmp_path / "out"), "--language", "fr")["messages"] == found["messages"]
        assert {file.name for file in (tmp_path / "out").iterdir()} == {"record.html", "record.json"}
        assert error(config, "export", ALICE, "--output", str(tmp_path / "out"))["code"] == "output_exists"
        would = answer(config, "erase", ALICE, "--dry-run")
        assert (would["erased"], would["counts"]["texts"]) == (False, 2)
        assert error(config, "erase", ALICE)["code"] == "not_confirmed"
        done = answer(config, "erase", ALICE, "--yes")
        assert (done["erased"], done["clean"], done["counts"]) == (True, True, would["counts"])
        for command in (("export", ALICE), ("erase", ALICE, "--yes")):
            assert error(config, *command)["code"] == "no_record"
        assert answer(config, "purge", "--dry-run")["purged"] is False
        assert answer(config, "purge")["counts"] == {}

    if up:
        with service(config, STATUS):
            both()
    else:
        both()


@pytest.mark.parametrize("command", [("export", ALICE), ("erase", ALICE, "--yes"), ("purge",)])
def test_nothing_is_said_to_be_kept_or_gone_where_there_is_no_store(config: Path, command: tuple[str, ...]) -> None:
    store = config.parent / "textback.db"
    for file in config.parent.glob("textback.db*"):
        file.unlink()
    assert "there is no store" in error(config, *command)["what"]
    assert not store.exists()


# -- alarm (more of it: tests/alarms/test_cli.py)


def test_alarms(config: Path) -> None:
    assert answer(config, "alarm", "list") == []
    assert error(config, "alarm", "test")["code"] == "alarm_no_way"
    assert answer(config, "alarm", "failed") == {"running": False, "told": [], "left": []}
    assert [each["code"] for each in answer(config, "alarm", "list")] == ["service_failed"]


# -- the same through a process of its own


@pytest.mark.parametrize("args", [("calls",), ("threads",), ("thread", ALICE), ("why", ALICE), ("calls", "--limit", "1")])
def test_the_program_prints_one_document_and_nothing_else(filled: Path, args: tuple[str, ...]) -> None:
    done = program(filled, *args, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    document = json.loads(done.stdout.decode())
    holds(args[0], document)
    assert document == answer(filled, *args)


def test_errors_of_the_program(filled: Path, tmp_path: Path) -> None:
    done = program(filled, "why", "nothing", "--json")
    assert (done.returncode, done.stderr) == (1, b"")
    holds("error", json.loads(done.stdout))
    done = program(filled, "calls", "--json", "--odd")
    assert (done.returncode, done.stderr) == (2, b"")
    holds("error", json.loads(done.stdout))
    done = program(tmp_path / "none.toml", "run", "--json")
    assert (done.returncode, done.stderr) == (1, b"")
    assert json.loads(done.stdout)["error"]["code"] == "settings"


def test_no_store_yet(tmp_path: Path, filled: Path) -> None:
    config = tmp_path / "textback.toml"
    config.write_text(filled.read_text("utf-8").replace(str(filled.parent), str(tmp_path / "away")), "utf-8")
    for command in (("calls",), ("threads",), ("thread", ALICE), ("why", ALICE), ("send", ALICE, "x")):
        assert error(config, *command)["code"] == "store"


def test_the_time_of_the_machine_is_used_for_durations(config: Path) -> None:
    answer(config, "send", BOB, "maintenant")
    assert [thread["number"] for thread in answer(config, "threads", "--since", "5m")] == [BOB]
    assert datetime.now(UTC).year >= 2026
