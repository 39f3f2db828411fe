"""What setup makes of answers, of a settings file that is there, and of what it finds on a machine. Nothing here is changed but copies."""

from __future__ import annotations

import difflib
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ari_app.cli import main
from ari_app.doctor_portal import certificate
from ari_app.errors import SetupError
from ari_app.settings import parse
from ari_app.setup.certificate import SelfSigned
from ari_app.setup.files import Owner
from ari_app.setup.journal import Journal
from ari_app.setup.paths import Paths
from ari_app.setup.settings_file import Wanted, changed, default_of, rendered
from ari_app.setup.week import osm, without_lunch
from tests.contract.conftest import _logs_as_before
from tests.setup.trees import freepbx, plain
from tests.setup.world import free

__all__ = ["_logs_as_before"]

EXAMPLE = Paths.below(Path("/")).example
FIRST = {"clinic.name": 'Clinique "du Lac"', "clinic.number": "+15145550199", "pbx.username": "textback", "pbx.password_file": "/etc/x"}


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("Mo-Fr 08:00-17:00", "Mo-Fr 08:00-17:00"),
        ("Mon-Fri 8:00-17:00", "Mo-Fr 08:00-17:00"),
        ("lun-ven 8h-17h30; sam 9h à 12h", "Mo-Fr 08:00-17:30; Sa 09:00-12:00"),
        ("monday to friday 8am to 12:30pm", "Mo-Fr 08:00-12:30"),
        ("Mo, We 8-12 and 13-17", "Mo,We 08:00-12:00,13:00-17:00"),
        ("24/7", "24/7"),
        ("Mo-Fr,PH 08:00-17:00", "Mo-Fr,PH 08:00-17:00"),
        ("whenever", "whenever"),
        ("Mo-Fr 25-26", "Mo-Fr 25-26"),
    ],
)
def test_hours_as_people_write_them(written: str, hours: str) -> None:
    assert osm(written) == hours


def test_lunch_is_cut_out_of_the_days_that_have_it() -> None:
    assert without_lunch("Mo-Fr 08:00-17:00; Sa 09:00-12:00", "12h-13h") == "Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00"
    for wrong in ("noon", "13-12"):
        with pytest.raises(SetupError, match="is no break"):
            without_lunch("Mo-Fr 08:00-17:00", wrong)


def test_only_what_differs_leaves_its_comment_and_the_rest_stays_to_the_letter() -> None:
    wanted = {
        **FIRST,
        "clinic.languages": ["fr", "en"],
        "reply.mode": "watch",
        "portal.phones.allow": ["192.168.1.0/24"],
        "pbx.ami.username": "textback",
        "pbx.ami.secret_file": "/etc/y",
        "pbx.cdr.csv": "/var/log/asterisk/cdr-csv/Master.csv",
        "alarm.email.to": ["a@b.example"],
        "alarm.email.sender": "c@b.example",
    }
    text = rendered(EXAMPLE, Wanted(wanted, [{"name": "gsm1", "port": "/dev/ttyUSB2", "number": None}, {"name": "gsm2", "imei": "3" * 15}]))
    settings = parse(tomllib.loads(text))
    assert (settings.clinic.name, settings.reply.mode, settings.portal.phones.allow) == ('Clinique "du Lac"', "watch", ("192.168.1.0/24",))
    assert [modem.name for modem in settings.modem] == ["gsm1", "gsm2"]
    lines = [line for line in difflib.ndiff(EXAMPLE.splitlines(), text.splitlines()) if line.startswith(("- ", "+ "))]
    taken = [line[2:] for line in lines if line.startswith("- ")]
    assert all(line.startswith("#") or line.split(" =")[0] in {"name", "number", "password_file"} for line in taken)
    assert not any("languages" in line for line in lines), "a default is not written"
    assert changed(text, Wanted(wanted, [{"name": "gsm1", "port": "/dev/ttyUSB2"}])) == text


def test_a_file_of_somebodys_own_keeps_its_order_and_comments() -> None:
    mine = '# ours\n[pbx]\nusername = "u" # keep\npassword = "p"\n[clinic]\nname = "A"\nnumber = "+15145550100"\n'
    mine += '[[modem]]\nname = "radio"\npace = "2s"\n'
    wanted = {"clinic.name": "B", "hours.open": "24/7", "reply.mode": "watch"}
    text = changed(mine, Wanted(wanted, [{"name": "radio", "forward": "+15145550100"}]))
    assert text.startswith('# ours\n[pbx]\nusername = "u" # keep\npassword = "p"\n[clinic]\nname = "B"\n')
    document = tomllib.loads(text)
    assert "hours" not in document
    assert document["reply"] == {"mode": "watch"}
    assert document["modem"] == [{"name": "radio", "pace": "2s", "forward": "+15145550100"}]
    with pytest.raises(SetupError, match="is not TOML"):
        changed("[clinic\n", Wanted({"clinic.name": "B"}))


MINE = '[clinic]\nname = "A"\nnumber = "+15145550100"\n[pbx]\nusername = "u"\npassword = "p"\n'


@pytest.mark.parametrize(
    "mine",
    [
        'clinic = {name = "A", number = "+15145550100"}\npbx = {username = "u", password = "p", cdr = {csv = "/x"}}\n',
        'clinic.name = "A"\npbx.username = "u"\nclinic.number = "+15145550100"\npbx.password = "p"\n',
        f'{MINE}[modem]\nname = "gsm1"\n',
        f'modem = [{{name = "other"}}]\n{MINE}',
    ],
)
def test_a_file_that_cannot_be_changed_alone_is_left_and_said(mine: str) -> None:
    """Tables in one line, dotted keys apart from each other: what stands beside would move with them."""
    wanted = {"pbx.ami.username": "u", "pbx.cdr.url_file": "/etc/x", "pbx.cdr.csv": None}
    with pytest.raises(SetupError) as refused:
        changed(mine, Wanted(wanted, [{"name": "gsm1", "forward": "+15145550100"}]))
    assert refused.value.code == "setup_settings_form"


def test_odd_files_are_changed_and_nothing_else_in_them() -> None:
    twice = changed(f'#[hours]\n#open = "24/7"\n{MINE}[hours]\nfollow = "Custom:A"\n', Wanted({"hours.open": "Mo-Fr 08:00-17:00"}))
    assert tomllib.loads(twice)["hours"] == {"follow": "Custom:A", "open": "Mo-Fr 08:00-17:00"}
    windows = changed(MINE.replace("\n", "\r\n"), Wanted({"clinic.name": "B"}))
    assert windows == MINE.replace('"A"', '"B"').replace("\n", "\r\n")
    radio = f'{MINE}[[modem]]\nname = "gsm1"\npin = "1234" # ours\n[[modem]]\nname = "b"\n[[line]]\nname = "lab"\ndid = ["1"]\n'
    kept = tomllib.loads(changed(radio, Wanted({}, [{"name": "gsm1", "pin_file": "/etc/pin"}])))
    assert kept["modem"] == [{"name": "gsm1", "pin_file": "/etc/pin"}, {"name": "b"}]
    assert kept["line"] == [{"name": "lab", "did": ["1"]}]


def test_defaults_as_toml_holds_them() -> None:
    assert (default_of("hours.open"), default_of("pbx.ami.port"), default_of("clinic.name")) == ("24/7", 5038, None)
    assert default_of("clinic.languages") == ["fr", "en"]


def test_a_certificate_of_our_own_is_good_for_its_address_and_made_once(tmp_path: Path) -> None:
    step = SelfSigned(tmp_path / "portal.crt", tmp_path / "portal.key", ("192.0.2.7", "pbx.example"), Owner())
    assert step.needed()
    with Journal(tmp_path / "setup.json") as journal:
        step.do(journal)
    assert not step.needed()
    assert step.key.stat().st_mode & 0o777 == 0o640
    found = certificate(step.path, step.key, datetime.now(UTC))
    assert found.code == "certificate"
    assert certificate(step.path, step.key, datetime.now(UTC) + timedelta(days=800)).code == "certificate_ends"
    said = subprocess.run(["openssl", "verify", "-CAfile", step.path, step.path], capture_output=True, text=True, check=False)
    assert said.stdout.strip().endswith(": OK"), said.stderr
    assert SelfSigned(step.path, step.key, ("192.0.2.8",), Owner()).needed(), "another address needs another certificate"


def dry(root: Path, *args: str) -> Result:
    options = [
        "--clinic",
        "A",
        "--number",
        "5145550100",
        "--hours",
        "24/7",
        "--modem",
        "none",
        "--listen",
        f"127.0.0.1:{free()}",
        "--login",
        "anne",
    ]
    (root / "password").write_text("une phrase assez longue\n", "utf-8")
    given = ["setup", "--yes", "--dry-run", *options, "--password-file", str(root / "password"), *args]
    return CliRunner().invoke(main, given, env={"COLUMNS": None, "TEXTBACK_ROOT": str(root)})


def test_freepbx_and_its_database_are_found(tmp_path: Path) -> None:
    root = freepbx(tmp_path, http=True)
    (root / "etc/freepbx.conf").write_text(
        '<?php\n$amp_conf["AMPDBUSER"] = "freepbxuser";\n$amp_conf["AMPDBPASS"] = "p@ss";\n$amp_conf["AMPDBHOST"] = "127.0.0.1:9";\n',
        "utf-8",
    )
    said = dry(root)
    assert "(FreePBX)" in said.stdout
    assert "The call records of FreePBX's database asteriskcdrdb, with FreePBX's own user cannot be read" in said.stdout
    assert "p@ss" not in said.output
    assert said.exit_code == 0, "its trunks' contexts have the usual names"
    assert "ari_additional_custom.conf" in said.stdout


def test_call_records_say_contexts_number_and_what_would_have_gone(tmp_path: Path) -> None:
    root = plain(tmp_path)
    records = root / "var/log/asterisk/cdr-csv"
    records.mkdir(parents=True)
    at = datetime.now(UTC) - timedelta(days=2)
    rows = []
    for number in range(3):
        start, end = (at + timedelta(hours=number, seconds=seconds) for seconds in (0, 25))
        times = f'"{start:%Y-%m-%d %H:%M:%S}",,"{end:%Y-%m-%d %H:%M:%S}"'
        who = f"514555020{number}"
        rows.append(
            f'"","{who}","5145550100","incoming","""A"" <{who}>","PJSIP/trunk-0000000{number}","PJSIP/101-0000000{number + 5}",'
            f'"Dial","PJSIP/101,25",{times},25,0,"NO ANSWER","DOCUMENTATION","{int(start.timestamp())}.{number}",""\n'
        )
    (records / "Master.csv").write_text("".join(rows), "utf-8")
    asks = dry(root)
    assert "--contexts" in asks.stderr
    said = dry(root, "--contexts", "incoming")
    assert said.exit_code == 0, said.output
    assert f"Call records: {records / 'Master.csv'}." in said.stdout
    assert "3 calls from outside" in said.stdout
    assert "3 texts would have gone" in said.stdout
    assert "Setup:" in said.stdout
    assert "setup.json" not in {path.name for path in root.rglob("*")}
