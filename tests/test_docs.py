"""The documentation knows everything there is: every setting, command, option, reason, dependency and shipped file."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

from ari_app.cli import main
from ari_app.model import REPLIES, SILENCES, MessageState, Reason
from modem.codes import outcome
from modem.types import Refused
from tests.docs.errors import said
from tests.test_config import KEYS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """From a heading of the second level to the next."""
    match = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert match is not None, f"there is no section {heading!r}"
    return match[1]


@pytest.mark.parametrize("key", [key for key in KEYS if ".text." not in key])
def test_every_setting_is_documented(key: str) -> None:
    assert f"`{key}`" in read("settings.md")


def test_no_setting_is_documented_that_there_is_not() -> None:
    for row in re.findall(r"^\| (`[a-z].*?) \|", read("settings.md"), flags=re.MULTILINE):
        for key in re.findall(r"`([a-z_.]+)`", row):
            assert key in KEYS, key


COMMANDS = sorted(main.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = read("commands.md")
    own = section(text, f"textback {name}")
    common = text.partition("\n## ")[0]
    for words, each in within(name, main.commands[name]):
        assert words == name or isinstance(each, click.Group) or f"`{words}" in own, f"textback {words}"
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                for spelling in parameter.opts:
                    assert f"`{spelling}" in own or f"`{spelling}" in common, f"textback {words}: {spelling}"


def within(words: str, command: click.Command) -> list[tuple[str, click.Command]]:
    """A command and all in it, with the words that name each."""
    inner = command.commands if isinstance(command, click.Group) else {}
    return [(words, command), *(found for word, each in inner.items() for found in within(f"{words} {word}", each))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert main.commands[name].help
    assert name in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_command_is_documented_that_there_is_not() -> None:
    assert sorted(re.findall(r"^## textback (\w+)$", read("commands.md"), flags=re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("page", ["reasons.md", "fr/raisons.md"])
def test_every_reason_is_documented_in_its_order_of_precedence(page: str) -> None:
    text = read(page)
    silent, texting = (re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE) for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:3])
    assert tuple(silent) == tuple(reason.value for reason in SILENCES)
    assert tuple(texting) == tuple(reason.value for reason in REPLIES)
    assert len(silent) + len(texting) == len(Reason)


@pytest.mark.parametrize("state", list(MessageState))
def test_every_message_state_is_documented(state: MessageState) -> None:
    assert all(f"`{state.value}`" in read(page) for page in ("reasons.md", "fr/raisons.md"))


def test_troubleshooting_says_as_much_in_french() -> None:
    english, french = (
        re.findall(r"^\| .*`([a-z_]+)`.* \|.*\|.*\|$", read(page), flags=re.MULTILINE) for page in ("troubleshooting.md", "fr/depannage.md")
    )
    assert french == english


def test_troubleshooting_names_codes_and_reasons_that_there_are() -> None:
    known = {each.code for each in said()} | {reason.value for reason in Reason} | {state.value for state in MessageState}
    seen = [row.split("|")[1] for row in read("troubleshooting.md").splitlines() if row.startswith("| ")]
    named = {code for cell in seen for code in re.findall(r"`([a-z]+(?:_[a-z]+)*)`", cell)}
    assert named - known - {"watch", "off"} == set()


def test_every_permanent_code_of_a_refusal_is_documented() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", section(read("modem.md"), "Codes"), flags=re.MULTILINE)
    told = {int(code): at_fault for at_fault, (codes, _) in zip((True, False), rows, strict=True) for code in codes.split(", ")}
    refused = {code: outcome(f"+CMS ERROR: {code}") for code in range(1000)}
    assert told == {code: result.number_at_fault for code, result in refused.items() if isinstance(result, Refused) and result.permanent}


def named(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=!~ \[]", requirement)[0] for requirement in requirements]


@pytest.mark.parametrize(("table", "group"), [(0, None), (1, "dev")])
def test_every_dependency_has_its_reason(table: int, group: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = named(project["optional-dependencies"][group] if group else project["dependencies"])
    parts = read("dependencies.md").split("| package | what for |")
    rows = dict(re.findall(r"^\| ([\w-]+) \| (.+) \|$", parts[table + 1], flags=re.MULTILINE))
    assert sorted(rows) == sorted(wanted)
    assert all(len(reason) > 5 for reason in rows.values())


def test_every_dependency_is_used() -> None:
    modules = {
        "argon2-cffi": "argon2",
        "opening-hours-py": "opening_hours",
        "charset-normalizer": "charset_normalizer",
        "prometheus-client": "prometheus_client",
        "lingua-language-detector": "lingua",
        "pyserial": "serial",
        "python-calamine": "python_calamine",
        "python-gsmmodem-new": "gsmmodem",
        "sqlite-utils": "sqlite_utils",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    imported: set[str] = set()
    for room in ("agi", "ari_app", "modem"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module.partition(".")[0])
    assert [name for name in named(project["dependencies"]) if modules.get(name, name) not in imported] == []


@pytest.mark.parametrize("path", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:agi|ari_app|config|docs|modem|scripts|tests)/[\w./-]*)`", text):
        assert (ROOT / name).exists() or list((ROOT / "ari_app").glob(name)), name


def test_every_shipped_file_is_in_the_documentation() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in [*DOCS.rglob("*.md"), ROOT / "README.md"])
    shipped = [path for path in (ROOT / "config").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert [path.name for path in shipped if path.name not in everything] == []


def test_the_readme_shows_the_two_commands_and_they_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("scripts/demo", "scripts/test"):
        assert command in text
        assert (ROOT / command).stat().st_mode & 0o111, command


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
