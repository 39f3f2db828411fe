"""``textback staff``: with the service up and down, on a terminal and from a script."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ari_app.board import Actor, Face, Role
from ari_app.clock import SystemClock
from ari_app.provisioning import BRANDS
from ari_app.settings import load
from ari_app.threads import Store
from tests.contract.clinic import SCHEMAS, error, holds, program, run, service, write_settings
from tests.contract.conftest import _logs_as_before
from tests.contract.test_contract import STATUS

__all__ = ["_logs_as_before"]

PASSWORD = "correct horse battery"
PHONES = '[portal]\nlisten = "192.168.1.10:8790"\nphones = { allow = ["192.168.1.0/24"] }\n'
SERVICE = pytest.mark.parametrize("up", [False, True], ids=["service down", "service up"])


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """The settings of a clinic without any member."""
    config = write_settings(tmp_path, PHONES)

    async def make() -> None:
        store = Store(load(config).store.path, SystemClock())
        await store.open()
        await store.close()

    asyncio.run(make())
    return config


def staff(config: Path, *args: str, given: str | None = None) -> Any:
    """What `textback staff … --json` answers, held to its schema."""
    result = run(config, "staff", *args, "--json", **({} if given is None else {"input": given}))
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    holds("staff", document)
    return document


def add(config: Path, login: str, *args: str) -> Any:
    return staff(config, "add", login, *args, "--password-stdin", given=f"{PASSWORD}\n")


def audited(config: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(load(config).store.path) as store:
        return store.execute("SELECT who, face, act FROM audit ORDER BY id").fetchall()


def whole(config: Path) -> bytes:
    """Every byte of the store."""
    folder = load(config).store.path.parent
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("textback.db") and not path.is_socket())


class Up:
    """The service's part of a command, when it runs."""

    def __init__(self, config: Path, up: bool) -> None:
        self._held = service(config, STATUS) if up else None

    def __enter__(self) -> None:
        if self._held is not None:
            self._held.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._held is not None:
            self._held.__exit__(*error)


@SERVICE
def test_a_members_life(clinic: Path, up: bool) -> None:
    with Up(clinic, up):
        assert staff(clinic, "list") == []
        anne = add(clinic, "anne", "--name", "Anne Roy", "--role", "administrator", "--extension", "201", "--language", "fr")
        assert (anne["login"], anne["name"], anne["role"], anne["extension"]) == ("anne", "Anne Roy", "administrator", "201")
        assert (anne["has_password"], anne["has_pin"], anne["active"]) == (True, False, True)
        marc = staff(clinic, "add", "marc", "--no-password")
        assert (marc["name"], marc["role"], marc["has_password"], marc["language"]) == ("marc", "staff", False, None)
        assert staff(clinic, "list") == [anne, marc]
        marc = staff(clinic, "change", "MARC", "--name", "Marc Lavoie", "--extension", "202", "--language", "en", "--login", "m.lavoie")
        assert (marc["login"], marc["name"], marc["extension"], marc["language"]) == ("m.lavoie", "Marc Lavoie", "202", "en")
        marc = staff(clinic, "change", "m.lavoie", "--role", "administrator")
        assert (marc["role"], marc["extension"], marc["language"]) == ("administrator", "202", "en")
        marc = staff(clinic, "change", "m.lavoie", "--no-extension", "--language", "auto")
        assert (marc["extension"], marc["language"], marc["name"]) == (None, None, "Marc Lavoie")
        assert staff(clinic, "password", "m.lavoie", "--password-stdin", given=f"{PASSWORD}\n")["has_password"]
        assert staff(clinic, "pin", "m.lavoie", "--pin-stdin", given="4711\n")["has_pin"]
        assert not staff(clinic, "pin", "m.lavoie", "--remove")["has_pin"]
        assert not staff(clinic, "deactivate", "m.lavoie")["active"]
        assert staff(clinic, "activate", "m.lavoie")["active"]
        assert staff(clinic, "sign-out", "anne") == {"login": "anne", "ended": 0}
    acts = audited(clinic)
    assert {face for _, face, _ in acts} == {"shell"}
    assert len({who for who, _, _ in acts}) == 1
    assert {"add_member", "change_member", "set_password", "set_pin", "remove_pin", "end_sessions"} <= {act for _, _, act in acts}
    assert PASSWORD.encode() not in whole(clinic)
    assert b"4711" not in whole(clinic)


@SERVICE
def test_a_phone_gets_its_address_once_and_loses_it_in_one_command(clinic: Path, up: bool) -> None:
    with Up(clinic, up):
        add(clinic, "anne")
        made = staff(clinic, "phone", "add", "anne", "--brand", "yealink", "--label", "reception")
        prefix, _, token = made["url"].removesuffix("/yealink").rpartition("/")
        assert prefix == "http://192.168.1.10:8790/p"
        assert len(token) == 22
        assert f"linekey.7.value = {made['url']}" in made["lines"]
        assert token.encode() not in whole(clinic)
        listed = staff(clinic, "phone", "list")
        assert listed == [made["key"]]
        assert (listed[0]["label"], listed[0]["used"], listed[0]["revoked"]) == ("reception", None, None)
        assert staff(clinic, "phone", "revoke", str(listed[0]["id"]))["revoked"] is not None
        assert staff(clinic, "phone", "list", "Anne")[0]["revoked"] is not None
        assert staff(clinic, "key", "list") == []


@pytest.mark.parametrize("brand", BRANDS)
def test_what_is_to_be_pasted_is_never_broken(clinic: Path, brand: str) -> None:
    add(clinic, "anne")
    shown = run(clinic, "staff", "phone", "add", "anne", "--brand", brand, env={"COLUMNS": "40"})
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    (url,) = (line for line in lines if line.startswith("http://"))
    assert url.endswith(f"/{brand}")
    assert any(url in line for line in lines if line != url)
    assert any("*767" in line for line in lines)
    assert "textback staff phone revoke" in " ".join(lines)


@SERVICE
def test_a_program_gets_a_key(clinic: Path, up: bool) -> None:
    with Up(clinic, up):
        add(clinic, "anne")
        made = staff(clinic, "key", "add", "anne", "--label", "wallboard")
        assert made["token"].encode() not in whole(clinic)
        assert staff(clinic, "key", "list") == [made["key"]]
        assert staff(clinic, "phone", "list", "anne") == []
        number = str(made["key"]["id"])
        assert error(clinic, "staff", "phone", "revoke", number)["code"] == "no_key"
        assert staff(clinic, "key", "revoke", number)["revoked"] is not None


@SERVICE
def test_what_cannot_be_is_refused_with_the_fix(clinic: Path, up: bool) -> None:
    with Up(clinic, up):
        add(clinic, "anne", "--extension", "201", "--role", "administrator")
        for args, code in (
            (("add", "anne", "--no-password"), "login_taken"),
            (("add", "ANNE", "--no-password"), "login_taken"),
            (("add", "marc", "--extension", "201", "--no-password"), "extension_taken"),
            (("add", "marc", "--extension", "2o1", "--no-password"), "bad_extension"),
            (("change", "nobody", "--name", "x"), "no_member"),
            (("deactivate", "nobody"), "no_member"),
            (("deactivate", "anne"), "last_administrator"),
            (("phone", "add", "nobody", "--brand", "snom"), "no_member"),
            (("phone", "list", "nobody"), "no_member"),
            (("phone", "revoke", "99"), "no_key"),
        ):
            assert error(clinic, "staff", *args)["code"] == code, args
        for args, given, code in (
            (("password", "anne", "--password-stdin"), "short\n", "bad_password"),
            (("password", "anne", "--password-stdin"), "", "bad_password"),
            (("pin", "anne", "--pin-stdin"), "12\n", "bad_pin"),
            (("add", "marc", "--password-stdin"), "marc\n", "bad_password"),
        ):
            result = run(clinic, "staff", *args, "--json", input=given)
            assert result.exit_code == 1
            document = json.loads(result.stdout)
            holds("error", document)
            assert document["error"]["code"] == code, args
            assert document["error"]["fix"]
        assert [member["login"] for member in staff(clinic, "list")] == ["anne"]


@pytest.mark.parametrize(
    "args",
    [
        ("add", "anne"),
        ("add", "anne", "--password-stdin", "--no-password"),
        ("add", "anne", "--role", "chief", "--no-password"),
        ("change", "anne"),
        ("change", "anne", "--extension", "201", "--no-extension"),
        ("pin", "anne", "--remove", "--pin-stdin"),
        ("phone", "add", "anne"),
        ("phone", "add", "anne", "--brand", "bakelite"),
        ("key", "add", "anne"),
        ("phone", "revoke", "0"),
    ],
)
def test_wrong_usage(clinic: Path, args: tuple[str, ...]) -> None:
    assert error(clinic, "staff", *args, code=2)["code"] == "usage"
    assert staff(clinic, "list") == []


def test_where_phones_have_no_address_no_token_is_made(tmp_path: Path) -> None:
    config = write_settings(tmp_path, '[portal]\nlisten = "0.0.0.0:8790"\n')
    add(config, "anne")
    assert error(config, "staff", "phone", "add", "anne", "--brand", "snom")["code"] == "settings"
    assert staff(config, "phone", "list") == []


def test_the_first_member_is_added_before_the_service_ever_ran(tmp_path: Path) -> None:
    config = write_settings(tmp_path)
    assert add(config, "anne", "--role", "administrator")["id"] == 1


def test_a_session_ends_from_the_shell(clinic: Path) -> None:
    member = add(clinic, "anne")

    async def sign_in() -> None:
        store = Store(load(clinic).store.path, SystemClock())
        await store.open()
        by = Actor(member=member["id"], name="anne", role=Role.STAFF, face=Face.WEB, address="192.168.1.20")
        await store.members.add_session("d" * 64, member["id"], by)
        await store.close()

    asyncio.run(sign_in())
    assert staff(clinic, "sign-out", "anne")["ended"] == 1
    assert staff(clinic, "sign-out", "anne")["ended"] == 0


def test_what_people_see(clinic: Path) -> None:
    assert "textback staff add LOGIN --name NAME --role administrator" in run(clinic, "staff", "list").stdout
    result = run(clinic, "staff", "add", "anne", "--name", "Anne Roy", "--password-stdin", input=f"{PASSWORD}\n")
    assert result.stdout == "Anne Roy (anne): staff, signs in at http://192.168.1.10:8790\n"
    run(clinic, "staff", "add", "marc", "--no-password")
    run(clinic, "staff", "deactivate", "marc")
    heading, anne, marc = run(clinic, "staff", "list").stdout.splitlines()
    assert heading.split()[:3] == ["login", "name", "role"]
    assert anne.split() == ["anne", "Anne", "Roy", "staff", "auto", "yes", "no"]
    assert marc.split()[-1] == "deactivated"
    assert "No phones." in run(clinic, "staff", "phone", "list").stdout
    key = run(clinic, "staff", "key", "add", "anne", "--label", "wallboard").stdout
    assert "Authorization: Bearer" in key


def typed(config: Path, *args: str, answers: tuple[str, ...]) -> tuple[int, str]:
    """Run a command on a terminal and answer what it asks; exit status and what the terminal showed."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "ari_app", "--config", str(config), "staff", *args]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown, left = b"", list(answers)
    with contextlib.suppress(OSError):  # EIO: the last process let go of the terminal
        while came := os.read(terminal, 4096):
            shown += came
            if left and shown.endswith(b": "):
                os.write(terminal, f"{left.pop(0)}\n".encode())
    os.close(terminal)
    return process.wait(60), shown.decode()


def test_a_password_is_asked_for_twice_and_never_shown(clinic: Path) -> None:
    status, shown = typed(clinic, "add", "anne", answers=(PASSWORD, PASSWORD))
    assert status == 0, shown
    assert "Password: " in shown
    assert "Once more: " in shown
    assert PASSWORD not in shown
    status, shown = typed(clinic, "password", "anne", answers=(PASSWORD, "another one entirely"))
    assert status == 1
    assert "not the same" in shown
    assert "another one" not in shown
    status, shown = typed(clinic, "pin", "anne", answers=("4711", "4711"))
    assert status == 0, shown
    assert "4711" not in shown
    assert staff(clinic, "list")[0]["has_pin"]


def test_a_password_stands_in_no_process_list_and_no_log(clinic: Path) -> None:
    options = {option for name in ("add", "password", "pin") for option in run(clinic, "staff", name, "--help").stdout.split()}
    assert {"--password-stdin", "--pin-stdin"} <= options
    assert not options & {"--password", "--pin"}
    done = program(clinic, "staff", "add", "anne", "--password-stdin", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    wrong = subprocess.run(
        [sys.executable, "-m", "ari_app", "--config", str(clinic), "staff", "add", "anne", "--password-stdin"],
        input=b"\xff\xfe\n",
        capture_output=True,
        check=False,
    )
    assert b"not UTF-8" in wrong.stderr


def test_the_brands_of_the_schema_are_those_there_are() -> None:
    assert SCHEMAS["staff.schema.json"]["$defs"]["key"]["properties"]["brand"]["enum"] == [*BRANDS, None]
