"""docs/security.md says what the code, the package and the shipped files do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ari_app.modem_settings import ModemSettings
from ari_app.settings import parse
from tests.fuzz.running import TARGETS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
NUMBERS = ("nine", "ten", "eleven", "twelve", "thirteen")


def test_what_listens_as_shipped_is_on_the_page_and_on_loopback() -> None:
    shipped = parse({"clinic": {"name": "C", "number": "+15145550100"}, "pbx": {"username": "textback", "password": "secret"}})
    kannel = ModemSettings.model_fields["listen"].default
    for address in (shipped.portal.listen, shipped.agi.listen, kannel):
        assert f"TCP {address} " in PAGE
        assert address.startswith("127.0.0.1:")
    assert shipped.portal.metrics == ("127.0.0.1", "::1")
    assert shipped.portal.phones.allow == ()


def test_folders_have_the_owner_and_mode_that_the_package_gives_them() -> None:
    made = re.findall(r"^ *folder (\S+) (\S+) (\S+) (\d+)$", (ROOT / "debian/asterisk-textback.postinst").read_text("utf-8"), re.MULTILINE)
    assert len(made) == 4
    for path, owner, group, mode in made:
        who = owner if owner == group else f"{owner}:{group}"
        assert f"| `{path}` | {who} {mode}" in PAGE, path
    unit = (ROOT / "config/textback.service").read_text("utf-8")
    assert "StateDirectoryMode=0700" in unit
    assert "UMask=0077" in unit
    for path in re.findall(r"^ReadWritePaths=-(\S+)$", unit, re.MULTILINE):
        assert f"`{path.removesuffix('/devices')}`" in PAGE, path


def test_the_managers_rights_are_those_the_page_names() -> None:
    conf = (ROOT / "config/asterisk/manager_textback.conf").read_text("utf-8")
    given = dict(re.findall(r"^(\w+) = (.+)$", conf, re.MULTILINE))
    assert (given["read"], given["write"]) == ("call", "system,call,user")
    assert (given["deny"], given["permit"]) == ("0.0.0.0/0.0.0.0", "127.0.0.1/255.255.255.255")
    # "originate" places calls, "command" runs the CLI, "all" both
    assert "no calls of its own, no commands" in PAGE


def test_as_many_kinds_of_input_are_fuzzed_as_it_says() -> None:
    count = NUMBERS[len(TARGETS) - 9]
    assert f"{count} kinds of input are fuzzed" in PAGE
    assert f"spoilt input of {count} kinds" in PAGE


@pytest.mark.parametrize("room", ["ari_app", "agi", "modem", "scripts"])
def test_every_exception_from_the_security_rules_has_its_reason(room: str) -> None:
    """But S608 in statements built of our own pieces, which stands at many a line."""
    bare = [
        f"{path.name}: {line.strip()}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if (found := re.search(r"# noqa: ((?:[A-Z]+\d+(?:, )?)+)(.*)", line))
        and any(code.startswith("S") and code[1:].isdigit() and code != "S608" for code in found[1].split(", "))
        and not re.search(r"\w", found[2])
    ]
    assert bare == []
