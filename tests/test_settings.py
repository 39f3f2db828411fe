"""textback.toml: what is wrong is named by its key, with the fix, and never with the value of a secret."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.errors import SettingsError
from ari_app.settings import DEFAULT_PATH, chosen_path, load, parse

LEAST: dict[str, Any] = {"clinic": {"name": "Clinique", "number": "+15145550199"}, "pbx": {"username": "textback", "password": "p4ssw0rd"}}


def with_(path: str, value: Any) -> dict[str, Any]:
    document = deepcopy(LEAST)
    at = document
    *steps, last = path.split(".")
    for step in steps:
        at = at.setdefault(step, {})
    at[last] = value
    return document


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(document)
    assert caught.value.fix
    return caught.value.what


def test_the_least_settings_have_the_defaults_of_the_contract() -> None:
    settings = parse(LEAST)
    assert settings.reply.delay == timedelta(seconds=30)
    assert settings.reply.mode == "send"
    assert settings.pbx.ari == "http://127.0.0.1:8088"
    assert settings.pbx.app == "textback"
    assert settings.agi.listen == "127.0.0.1:4573"
    assert settings.store.path == Path("/var/lib/textback/textback.db")
    assert settings.clinic.languages == ("fr", "en")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("reply.delai", "30s", "reply.delai: there is no such key"),
        ("answers", 1, "answers: there is no such key"),
        ("reply.delay", "30", "reply.delay: is no duration"),
        ("reply.delay", 30, "reply.delay: is no duration"),
        ("reply.delay", "1h30m", "reply.delay: is no duration"),
        ("reply.delay", "-3h", "reply.delay: is no duration"),
        ("reply.delay", "٣s", "reply.delay: is no duration"),
        ("reply.delay", "99999999999999d", "reply.delay: is too long"),
        ("reply.delay", "9" * 5000 + "s", "reply.delay: is too long"),
        ("reply.mode", "on", 'reply.mode: is not known; write "send", "watch" or "off"'),
        ("reply.daily_limit", -1, "reply.daily_limit: is too small; 0 is the least"),
        ("reply.daily_limit", "many", "reply.daily_limit: is no whole number"),
        ("reply.daily_limit", 2.5, "reply.daily_limit: is no whole number"),
        ("reply.daily_limit", True, "reply.daily_limit: is no whole number"),
        ("reply.countries", ["Canada"], "reply.countries.0: is no country"),
        ("reply.exclude", ["abc"], 'reply.exclude.0: "abc" is no phone number'),
        ("reply.exclude", ["5551234"], 'reply.exclude.0: "5551234" is no phone number'),
        ("reply.exclude", "+15145550101", "reply.exclude: is no list"),
        ("reply.text.fr.mised", "x", "reply.text.fr.mised: there is no such key; known are missed, closed"),
        ("reply.text.de.missed", "x", "reply.text.de: there is no such key; known are fr, en or both"),
        ("clinic.number", "5145550199", "clinic.number: is not E.164"),
        ("clinic.name", "", "clinic.name: is empty"),
        ("clinic.name", 3, "clinic.name: is no text"),
        ("clinic.timezone", "Mars", "clinic.timezone: is no time zone"),
        ("clinic.country", "ca", "clinic.country: is no country"),
        ("clinic.country", "ZZ", "clinic.country: is no country"),
        ("clinic.languages", [], "clinic.languages: is empty"),
        ("clinic.languages", ["de"], 'clinic.languages.0: is not known; write "fr" or "en"'),
        ("clinic", "x", "clinic: is no table"),
        ("hours.holidays", "yes", "hours.holidays: is neither true nor false"),
        ("hours.exception", [{"date": "2026-13-01", "closed": True}], "hours.exception.0.date: is no date"),
        ("hours.exception", [{"date": "2026-12-01"}], "hours.exception.0: write either closed = true or open"),
        ("hours.exception", {"date": "2026-12-01", "closed": True}, "hours.exception: is one table; write it with double brackets"),
        ("pbx.ari", "127.0.0.1:8088", "pbx.ari: cannot be used; write scheme, host and port"),
        ("pbx.ari", "http://u:p@h:8088", "pbx.ari: cannot be used"),
        ("pbx.ari", "http://h:port", "pbx.ari: cannot be used"),
        ("pbx.ari", "http://h:70000", "pbx.ari: cannot be used"),
        ("pbx.ari", "http://h:8088/ari", "pbx.ari: cannot be used"),
        ("pbx.username", "", "pbx.username: is empty"),
        ("pbx.password_file", "/etc/x", "pbx.password: set either password or password_file"),
        ("pbx.internal_length", [6, 2], "pbx.internal_length: write two lengths, the shorter first"),
        ("pbx.internal_length", 6, "pbx.internal_length: is no list"),
        ("pbx.inbound_contexts", [], "pbx.inbound_contexts: is empty"),
        ("pbx.app", "a b", "pbx.app: cannot be used"),
        ("modem", {"name": "a"}, "modem: is one table; write it with double brackets, [[modem]]"),
        ("modem", [{"name": "a b"}], "modem.0.name: cannot be used"),
        ("modem", [{"name": "a"}, {"name": "a"}], 'modem: two are named "a"'),
        ("modem", [{"name": "a", "pin": "12"}], "modem.0.pin: cannot be used; write 4 to 8 digits"),
        ("modem", [{"name": "a", "pin": "1234", "pin_file": "/x"}], "modem.0.pin: set either pin or pin_file"),
        ("modem", [{"name": "a", "number": "514"}], "modem.0.number: is not E.164"),
        ("modem", [{"name": "a", "imei": "12"}], "modem.0.imei: cannot be used"),
        ("line", [{"did": []}], "line.0.did: is empty"),
        ("line", [{"did": ["1"], "name": "main"}], 'line: two are named "main"'),
        ("line", [{"did": ["1"]}, {"did": ["1"]}], 'line: two are named "1"'),
        ("line", [{"did": ["1"], "modem": "z"}], 'line.0.modem: there is no [[modem]] named "z"'),
        ("line", [{"did": ["1"], "on_call": "911"}], "line.0.on_call: is not E.164"),
        ("store.path", "", "store.path: is no full path"),
        ("store.path", "textback.db", "store.path: is no full path"),
        ("agi.listen", "0.0.0.0:4573", "agi.listen: is no address of this machine alone"),
        ("agi.listen", "127.0.0.1:99999", "agi.listen: is no address of this machine alone"),
        ("agi.listen", "127.0.0.1:0", "agi.listen: is no address of this machine alone"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(path: str, value: Any, said: str) -> None:
    assert said in refusal(with_(path, value))


def test_every_wrong_key_is_told_at_once() -> None:
    document = with_("reply.delay", "soon")
    document["clinic"]["nmae"] = "x"
    del document["pbx"]["username"]
    said = refusal(document)
    for expected in ("reply.delay", "clinic.nmae", "pbx.username: is missing"):
        assert expected in said


@pytest.mark.parametrize("path", ["pbx.password", "pbx.username", "clinic.name"])
def test_a_wrong_value_is_not_repeated(path: str) -> None:
    assert "hunter2" not in refusal(with_(path, ["hunter2"]))


def test_a_secret_shows_in_no_repr() -> None:
    document = with_("modem", [{"name": "gsm1", "pin": "4711"}])
    assert "p4ssw0rd" not in repr(parse(document))
    assert "4711" not in repr(parse(document))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings file at .*nothing\.toml") as caught:
        load(tmp_path / "nothing.toml")
    assert "--config" in caught.value.fix


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        load(tmp_path)


def test_a_file_that_cannot_be_read() -> None:
    with pytest.raises(SettingsError, match=r"cannot read /proc/self/mem \(Input/output error\)") as caught:
        load(Path("/proc/self/mem"))
    assert "let the user" in caught.value.fix


@pytest.mark.parametrize(("content", "said"), [(b"[clinic]\nname = x\n", "is not TOML: .*line 2"), (b'name = "\xff"', "is not UTF-8")])
def test_not_toml(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "textback.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        load(file)


@pytest.mark.parametrize(("content", "said"), [(None, "there is no /"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8")])
def test_a_password_file_that_gives_no_password(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ari-password"
    if content is not None:
        file.write_bytes(content)
    document = deepcopy(LEAST)
    del document["pbx"]["password"]
    document["pbx"]["password_file"] = str(file)
    with pytest.raises(SettingsError, match=f"pbx.password_file: .*{said}"):
        parse(document).pbx.read_password()


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("0042\n")
    modem = parse(with_("modem", [{"name": "gsm1", "pin_file": str(tmp_path / "pin")}])).modem[0]
    assert modem.read_pin() == "0042"
    (tmp_path / "pin").write_text("none\n")
    with pytest.raises(SettingsError, match=r"modem\.gsm1\.pin_file: holds no PIN"):
        modem.read_pin()


KANNEL = {
    "name": "carrier",
    "kind": "kannel",
    "url": "http://127.0.0.1:13013/cgi-bin/sendsms",
    "username": "textback",
    "number": "+15145550188",
    "password": "p",
    "secret": "0123456789abcdef",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": None}, "modem.0.url: is missing"),
        ({"url": "http://127.0.0.1:13013"}, "modem.0.url: cannot be used"),
        ({"url": "http://127.0.0.1:13013/cgi-bin/sendsms?user=x"}, "modem.0.url: cannot be used"),
        ({"number": None}, "modem.0.number: is missing"),
        ({"number": "5145550188"}, "modem.0.number: is not E.164"),
        ({"password": None}, "modem.0.password: set either password or password_file"),
        ({"secret_file": "/etc/textback/secret"}, "modem.0.secret: set either secret or secret_file"),
        ({"pin": "1234"}, 'modem.0.pin: belongs to kind = "serial"'),
        ({"listen": "13080"}, "modem.0.listen: is no address"),
        ({"listen": "0.0.0.0:13080"}, "modem.0.callback: is missing"),
        ({"kind": "serial"}, 'modem.0.url: belongs to kind = "kannel"'),
    ],
)
def test_what_a_kannel_needs(changes: dict[str, object], said: str) -> None:
    assert parse(with_("modem", [KANNEL])).modem[0].read_secrets() == ("p", "0123456789abcdef")
    wrong = {key: value for key, value in {**KANNEL, **changes}.items() if value is not None}
    with pytest.raises(SettingsError, match=re.escape(said)):
        parse(with_("modem", [wrong]))


def test_two_kannels_listen_at_two_addresses_and_secrets_are_secrets() -> None:
    with pytest.raises(SettingsError, match="listen of its own"):
        parse(with_("modem", [KANNEL, {**KANNEL, "name": "other"}]))
    with pytest.raises(SettingsError, match=r"modem\.carrier\.secret: is no secret"):
        parse(with_("modem", [{**KANNEL, "secret": "short"}])).modem[0].read_secret()


def test_which_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTBACK_CONFIG", raising=False)
    assert chosen_path() == DEFAULT_PATH
    monkeypatch.setenv("TEXTBACK_CONFIG", "/srv/textback.toml")
    assert chosen_path() == Path("/srv/textback.toml")
    assert chosen_path(Path("/own.toml")) == Path("/own.toml")


def test_the_first_line_that_claims_a_did_has_it() -> None:
    settings = parse(
        with_("line", [{"did": ["51455502*"], "name": "lab"}, {"did": ["+15145550310", "5145550210", "DAHDI/1"], "name": "fax"}])
    )
    names = [None if line is None else line.name for line in map(settings.line_of, ("5145550210", "5145550310", "DAHDI/1", "5145550199"))]
    assert names == ["lab", "fax", "fax", None]
