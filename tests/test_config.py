"""What ships beside the code: the example of every setting, the Asterisk snippets, the systemd unit, the udev rules."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ari_app.contact_settings import SOURCE_KEYS
from ari_app.settings import Settings, load, parse

CONFIG = Path(__file__).parents[1] / "config"
EXAMPLE = CONFIG / "textback.toml"


def everything() -> dict[str, Any]:
    """The example with all its comments taken as settings."""
    text = re.sub(r"^#(?=[a-z_]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    document: dict[str, Any] = tomllib.loads(text)
    return document


def parts_of(annotation: object) -> Iterator[type[BaseModel]]:
    """The settings models within an annotation: optional, in a tuple, or bare."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from parts_of(inner)


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a settings model, dotted."""
    for name, field in model.model_fields.items():
        within = next(parts_of(field.annotation), None)
        if within is None:
            yield path + name, field
        else:
            yield from leaves(within, f"{path}{name}.")


def shown(document: object, path: str) -> list[object]:
    """Every value the example shows for a key; a list of tables is looked through."""
    if isinstance(document, list):
        return [value for item in document for value in shown(item, path)]
    head, _, rest = path.partition(".")
    if not isinstance(document, dict) or head not in document:
        return []
    return shown(document[head], rest) if rest else [document[head]]


KEYS = dict(leaves(Settings))


def test_the_example_as_it_is_shipped_is_a_valid_file() -> None:
    settings = load(EXAMPLE)
    assert settings.clinic.name
    assert [modem.port for modem in settings.modem] == ["auto"]


@pytest.mark.parametrize("key", KEYS)
def test_the_example_shows_every_key_and_its_default(key: str) -> None:
    values = shown(everything(), key)
    assert values, f"{key} is not in config/textback.toml"
    field = KEYS[key]
    default = field.get_default(call_default_factory=True)
    example = key in {"line.reply", "hours.exception.closed", "contacts.source.columns.numbers"} or key.startswith("priority.")
    if field.is_required() or default in (None, {}) or (example and key != "priority.level"):
        return
    assert plain(values[0]) == plain(default), f"config/textback.toml does not show the default of {key}"


def plain(value: object) -> object:
    """One form for a value as TOML and as the model writes it."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)(ms|s|m|h|d)", value)):
        seconds = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
        return timedelta(seconds=int(match[1]) * seconds)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def test_the_example_with_everything_switched_on_is_valid_too() -> None:
    document = everything()
    del document["pbx"]["password"]  # password_file stands there as well: one of the two
    del document["pbx"]["ami"]["secret"], document["pbx"]["cdr"]["url"], document["pbx"]["cel"]["url"]
    del document["modem"][0]["pin"]
    for key in ("password", "secret"):
        del document["modem"][1][key]
    del document["contacts"]["filing"]["folder"]  # instead of the webhook
    del document["contacts"]["filing"]["secret"]
    del document["alarm"]["email"]["password"], document["alarm"]["webhook"]["secret"]
    source = document["contacts"]["source"]
    del source["password"], source["url"]
    for kind in ("csv", "sql", "ldap"):
        others = {key for other, keys in SOURCE_KEYS.items() if other != kind for key in keys}
        document["contacts"]["source"] = {key: value for key, value in source.items() if key not in others} | {"kind": kind}
        settings = parse(document)
        assert settings.contacts.source is not None
        assert settings.contacts.source.kind == kind
    assert [settings.line_name(line) for line in settings.line] == ["lab"]
    assert [exception.closed for exception in settings.hours.exception] == [False, True]


def test_the_example_shows_no_key_that_there_is_not() -> None:
    def walk(value: object, path: str) -> Iterator[str]:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from walk(item, path)
        elif isinstance(value, dict) and not path.endswith((".text", ".kinds", "emergency.words")):
            for name, inner in value.items():
                yield from walk(inner, f"{path}.{name}".strip("."))
        else:
            yield path

    assert set(walk(everything(), "")) == set(KEYS)


@pytest.mark.parametrize("name", ["textback.service", "textback-backup.service"])
def test_the_systemd_units_are_accepted_by_systemd(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(re.sub("^ExecStart=.*", "ExecStart=/bin/true", (CONFIG / name).read_text(), flags=re.MULTILINE))
    assert complaints(unit) == []
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)], capture_output=True, text=True, check=False
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


def complaints(unit: Path) -> list[str]:
    """What systemd says of a unit file."""
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    return [line for line in (checked.stdout + checked.stderr).splitlines() if unit.name in line]


def test_the_timer_makes_up_for_a_night_the_machine_was_off(tmp_path: Path) -> None:
    for name in ("textback-backup.timer", "textback-backup.service"):
        text = (CONFIG / name).read_text()
        (tmp_path / name).write_text(re.sub("^ExecStart=.*", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    assert complaints(tmp_path / "textback-backup.timer") == []
    timer = configparser.ConfigParser(interpolation=None)
    timer.read(CONFIG / "textback-backup.timer")
    assert timer["Timer"].getboolean("Persistent")
    subprocess.run(["systemd-analyze", "calendar", timer["Timer"]["OnCalendar"]], capture_output=True, check=True)


def test_the_watchdog_ends_a_frozen_service_within_ten_seconds_and_restarts_are_never_given_up() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # keys keep their case
    unit.read(CONFIG / "textback.service")
    service, start = unit["Service"], unit["Unit"]
    assert (service["Type"], service["Restart"], service["WatchdogSignal"]) == ("notify", "always", "SIGKILL")
    watchdog = int(service["WatchdogSec"])
    assert watchdog <= 9
    rounds = int(start["StartLimitIntervalSec"]) / (watchdog + int(service["RestartSec"]))
    assert rounds < int(start["StartLimitBurst"])


def test_the_udev_rules_are_well_formed_and_name_every_maker_the_driver_looks_for() -> None:
    from modem.ports import _MODEM_MAKERS

    rules = (CONFIG / "99-textback-modem.rules").read_text()
    pair = r'[A-Z_]+(?:\{[\w/]+\})?(?:==|!=|\+=|=)"[^"]*"'
    for line in rules.splitlines():
        assert not line or line.startswith("#") or re.fullmatch(rf"{pair}(?:, {pair})*", line), line
    assert set(re.findall(r'GOTO="(\w+)"', rules)) == set(re.findall(r'LABEL="(\w+)"', rules))
    assert {int(maker, 16) for maker in re.findall(r'idVendor}=="([0-9a-f]{4})"', rules)} == set(_MODEM_MAKERS)


def test_the_ari_snippet_has_what_the_watcher_reads() -> None:
    text = (CONFIG / "asterisk" / "ari_textback.conf").read_text()
    said = dict(re.findall(r"^(\w+) = (.+)$", text, flags=re.MULTILINE))
    assert said["channelvars"] == "CALLERID(num-pres),VMSTATUS,TEXTBACK_OPTION"
    assert said["read_only"] == "no"
    assert said["password"] == "CHANGE-ME"
