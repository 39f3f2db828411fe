"""`textback setup` as an administrator meets it: a process of its own, a modem that answers, the real service."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.settings import load
from tests.contract.clinic import holds
from tests.contract.conftest import _logs_as_before
from tests.setup.world import PIN, Machine, machine

__all__ = ["_logs_as_before"]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def document(there: Machine, *args: str, code: int = 0) -> Any:
    done = there.run(*args, "--json")
    assert done.exit_code == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    holds("error" if "error" in found else "setup", found)
    return found


def test_every_missing_answer_is_named_at_once(there: Machine) -> None:
    done = there.alone("--yes")
    assert done.returncode == 2
    for flag in (
        "--pbx WHERE",
        "--clinic NAME",
        "--number NUMBER",
        "--hours HOURS",
        "--modem PORT",
        "--login LOGIN",
        "--password-file FILE",
    ):
        assert flag in done.stderr
    assert not there.config.exists()
    assert "--hours HOURS" in document(there, "--yes", *there.answers(hours=None), code=2)["error"]["what"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"number": "12"}, "--number"),
        ({"hours": "Mo-Fr 8:00-"}, "--hours"),
        ({"timezone": "Montreal"}, "--timezone"),
        ({"languages": "fr,de"}, "--languages"),
        ({"region": "CA-XX"}, "--region"),
        ({"phones": "192.168.1.0/33"}, "--phones"),
        ({"modem": "/dev/none"}, "--modem"),
        ({"alarm_to": "nobody"}, "--alarm-to"),
        ({"login": "Éric"}, "--login"),
        ({"clinic": " "}, "--clinic"),
        ({"listen": "192.0.2.44"}, "--listen"),
        ({"listen": "127.0.0.1:80"}, "--listen"),
        ({"ami": ":5039"}, "--ami"),
    ],
)
def test_a_wrong_answer_is_named_with_its_option(there: Machine, change: dict[str, str], what: str) -> None:
    done = there.run("--yes", "--dry-run", *there.answers(**change))
    assert done.exit_code == 2, done.output
    assert f"Invalid value for {what}:" in done.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_done(there: Machine) -> None:
    with socket.create_server(("127.0.0.1", there.port)):
        assert f"port {there.port} of 127.0.0.1 is taken" in there.run("--yes", "--dry-run", *there.answers()).stderr


def test_a_modem_that_another_program_has_is_named_with_why(there: Machine) -> None:
    there.here(there.modem.stop())
    said = there.run("--yes", "--dry-run", *there.answers()).stderr
    assert f"no modem answers ({there.root / 'port'}): " in said
    there.here(there.modem.start())


@pytest.mark.parametrize(
    ("change", "args", "what"),
    [
        ({"key": "/etc/key"}, (), "--key goes with --certificate"),
        ({"mail_host": "mx.example"}, (), "--mail-host goes with --alarm-to"),
        ({"phone_context": "from-internal"}, (), "--phone-context goes with --dialplan"),
        ({"certificate": "/etc/pem"}, ("--no-tls",), "either --no-tls or --certificate"),
        ({"modem": "none"}, (), "--pin-file is of a modem"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(there: Machine, change: dict[str, str], args: tuple[str, ...], what: str) -> None:
    done = there.run("--yes", "--dry-run", *there.answers(**change), *args)
    assert done.exit_code == 2, done.output
    assert what in done.stderr


def test_nobody_to_ask_and_no_yes(there: Machine) -> None:
    assert "--yes" in there.run().stderr


def test_set_up_twice_texted_and_taken_out(there: Machine) -> None:
    there.systemd()
    before = there.files()
    shown = document(there, "--dry-run", *there.answers())
    assert (shown["done"], shown["start"], shown["mode"]) == (False, None, "watch")
    assert there.files() == before

    answers = there.answers(forward="+15145550100", alarm_to="reseau@clinique.example")
    made = document(there, "--yes", *answers, "--test-text", "438 555-0142")
    assert made["steps"] == shown["steps"]
    assert made["test_text"] == {"number": "438 555-0142", "sent": True, "what": "The test text to 438 555-0142 is sent."} or (
        "delivered" in made["test_text"]["what"]
    )
    (text,) = there.here(there.modem.wait("+14385550142", 1, timeout=20))
    assert text["text"] == "Test: Clinique du Lac"
    assert made["doctor"]["ready"]
    assert any("IMEI" in said and "3 tries left" in said for said in made["found"])

    settings = load(there.config)
    assert (settings.clinic.name, settings.clinic.number, settings.hours.open) == ("Clinique du Lac", "+15145550100", "Mo-Fr 08:00-17:00")
    assert (settings.reply.mode, settings.modem[0].forward) == ("watch", "+15145550100")
    assert settings.modem[0].read_pin() == PIN
    for path in ("etc/textback/textback.toml", "etc/textback/gsm1-pin", "etc/textback/ari-password"):
        assert stat.S_IMODE((there.root / path).stat().st_mode) == 0o640
    assert "#cooldown" in there.config.read_text("utf-8"), "what is as the defaults stays a comment"
    said = json.dumps([shown, made])
    assert not any(secret in said for secret in (PIN, "une phrase", "s3cret-of-the-lab"))

    held = {name: (there.root / name).read_bytes() for name in there.files() if name.startswith("etc/textback/")}
    again = document(there, "--yes")
    assert again["steps"] == []
    assert {name: (there.root / name).read_bytes() for name in there.files() if name.startswith("etc/textback/")} == held
    assert "Everything is so already." in there.run("--yes", *answers).stdout

    changed = document(there, "--yes", "--mode", "send", "--hours", "Mo-Sa 09:00-12:00")
    assert [step.split()[0] for step in changed["steps"]] == ["notes", "writes", "restarts", "waits"]
    assert (load(there.config).reply.mode, load(there.config).hours.open) == ("send", "Mo-Sa 09:00-12:00")

    undone = document(there, "--undo", "--yes", "--erase-data")
    assert (undone["left"], undone["erased"]) == ([], True)
    assert there.files() == before
    assert "disable --now textback.service" in there.asked()


def test_a_step_that_fails_leaves_nothing(there: Machine) -> None:
    there.systemd()
    before = there.files()
    (there.root / "systemctl").mkdir()
    (there.root / "systemctl/broken").touch()
    failed = there.run("--yes", *there.answers())
    assert failed.exit_code == 1
    assert "Job for textback.service failed" in failed.stderr
    assert "undone:" in failed.stdout
    assert there.files() == before


def test_without_systemd_it_says_how_to_start_and_goes_on(there: Machine) -> None:
    url = f"sqlite:///{there.root / 'cdr.db'}"
    with contextlib.closing(sqlite3.connect(there.root / "cdr.db")) as records:
        columns = "calldate, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, duration, billsec, disposition, uniqueid"
        records.execute(f"CREATE TABLE cdr ({columns})")
    seen = there.run("--yes", *there.answers(), "--cdr", "mysql://freepbxuser:secret@localhost/asteriskcdrdb")
    assert "--cdr-url-file" in seen.stderr
    made = document(there, "--yes", *there.answers(), "--no-start", "--cdr-url-file", str(there.secret("given-url", url)))
    held = there.root / "etc/textback/cdr-url"
    assert (held.read_text("utf-8"), stat.S_IMODE(held.stat().st_mode)) == (f"{url}\n", 0o640)
    cdr = load(there.config).pbx.cdr
    assert cdr is not None
    assert (cdr.url, cdr.url_file, cdr.read_url()) == (None, held, url)
    assert made["preview"]["calls"] == 0
    assert made["start"] == "systemctl enable --now textback.service textback-backup.timer"
    assert made["done"]
    data = document(there, "--undo", "--yes")
    assert any(path.endswith("textback.db") for path in data["data"])
    assert (there.root / "var/lib/textback/textback.db").exists(), "calls and texts stay"
    assert not there.config.exists()


def test_the_pin_is_a_credential_where_that_works(there: Machine) -> None:
    there.systemd()
    there.credentials()
    shown = there.run("--dry-run", *there.answers())
    assert "encrypted for this machine" in shown.stdout
    made = document(there, "--yes", "--no-start", *there.answers())
    drop_in = there.root / "etc/systemd/system/textback.service.d/credentials.conf"
    held = there.root / "etc/textback/gsm1-pin.cred"
    assert f"LoadCredentialEncrypted=gsm1-pin:{held}" in drop_in.read_text("utf-8").splitlines()
    assert PIN not in held.read_text("utf-8")
    assert tomllib.loads(there.config.read_text("utf-8"))["modem"][0]["pin_file"] == "/run/credentials/textback.service/gsm1-pin"
    assert any(step.startswith(f"writes {held}") for step in made["steps"])
    assert "daemon-reload" in there.asked()


def test_a_sim_with_few_tries_is_left_alone(there: Machine) -> None:
    there.wrong_pin()
    said = document(there, "--yes", *there.answers(), code=1)["error"]
    assert said["code"] == "setup_pin_tries"
    assert not there.config.exists()


def test_asked_question_by_question(there: Machine) -> None:
    """The whole interview on a terminal: a wrong answer is asked for again, secrets are not shown, nothing is done before yes."""
    there.systemd()
    with there.talk(
        "--ari-password-file", str(there.secret("given-password", "s3cret-of-the-lab")), "--modem", str(there.root / "port")
    ) as talk:
        talk.answer("Where does it run", there.url)
        talk.answer("Contexts in which calls from outside arrive", "from-trunk*, from-pstn")
        talk.answer("Name of the clinic", "Clinique du Lac")
        talk.answer("Country and province", "")
        talk.answer("Number that callers dial", "12")
        talk.answer("is no phone number.*\nNumber that callers dial", "514 555-0100")
        talk.answer("Time zone", "America/Toronto")
        talk.answer("Languages", "fr en")
        talk.answer("Opening hours", "Mon-Fri 8-17")
        talk.answer("Closed for lunch", "12-13")
        talk.wait(r"So written: Mo-Fr 08:00-12:00,13:00-17:00\.")
        talk.wait(r"IMEI \d{15}")
        talk.answer("PIN of the SIM", PIN)
        talk.answer("Once more", PIN)
        talk.answer("Number of the SIM", "")
        talk.answer("forward calls", "y")
        talk.answer("Address at which desks", f"127.0.0.1:{there.port}")
        talk.answer("Address that staff open", "")
        talk.answer("Network of the desk phones", "-")
        talk.answer("signs in as", "anne")
        talk.answer("Their name", "Anne Roy")
        talk.answer("Extension", "101")
        talk.answer("Their password", "court")
        talk.answer("Once more", "court")
        talk.wait("10 is the least")
        talk.answer("Their password", "")
        talk.answer("for alarms", "")
        talk.answer("A mobile number", "")
        talk.wait("adds the member anne")
        assert not there.config.exists()
        talk.answer("Do all this", "y")
        talk.wait("signs in with the password [a-z0-9]{5}(-[a-z0-9]{5}){3} ")
        talk.wait("Ready")
        assert talk.end() == 0
        assert PIN not in talk.said
        assert "court" not in talk.said
    settings = load(there.config)
    assert (settings.hours.open, settings.modem[0].forward, settings.portal.phones.allow) == (
        "Mo-Fr 08:00-12:00,13:00-17:00",
        "+15145550100",
        (),
    )


def test_ctrl_c_on_the_way_undoes_all(there: Machine) -> None:
    there.systemd()
    before = there.files()
    with there.talk("--yes", *there.answers(pin_file=str(there.secret("given-pin", PIN)))) as talk:
        there.fake.statuses = [503] * 1000
        talk.wait("  waits until the service")
        talk.interrupt()
        talk.wait("undone: textback.service")
        assert talk.end() == 130
    assert there.files() == before
