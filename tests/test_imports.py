"""Every module stands by itself, and the wheel is told of every package."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("agi", "ari_app", "modem")


def modules() -> list[str]:
    """Dotted names of all modules of the product."""
    files = (path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted({".".join(part for part in file.parts if part != "__init__") for file in files})


IMPORT_EACH = """
import json, os, sys, traceback, warnings
names = json.loads(sys.argv[1])
# what all of them need, once; then each alone in a child: what it imports must not rest on what another imported before
import aiohttp, gsmmodem.pdu, holidays, opening_hours, panoramisk, phonenumbers, pydantic, rich.table, serial, sqlite_utils, structlog
warnings.simplefilter("error")
bad = []
for name in names:
    child = os.fork()
    if child == 0:
        try:
            __import__(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        bad.append(name)
print(json.dumps(bad))
"""


def test_every_module_can_be_imported_first() -> None:
    names = [name for name in modules() if not name.endswith("__main__")]
    assert len(names) > 50
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_EACH, json.dumps(names)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [], done.stderr


def test_no_module_of_the_product_reaches_into_the_tests() -> None:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert not [line for line in lines if line.lstrip().startswith(("import tests", "from tests"))], path


def packed() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_setup_cfg_packs_every_package() -> None:
    there = {".".join(path.parent.relative_to(ROOT).parts) for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    named = packed()["options"]["packages"].split()
    assert set(named) == there | {"ari_app.config"}
    without = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if not (path.parent / "__init__.py").exists()]
    assert without == []


def test_setup_cfg_packs_every_shipped_file() -> None:
    patterns = [pattern.strip() for pattern in packed()["options.package_data"]["ari_app.config"].split(",")]
    files = [
        path.relative_to(ROOT / "config") for path in (ROOT / "config").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert files
    unpacked = [
        str(file) for file in files if not any(file.match(pattern) and len(file.parts) == pattern.count("/") + 1 for pattern in patterns)
    ]
    assert unpacked == []


@pytest.mark.parametrize("room", ROOMS)
def test_import_linter_looks_at_every_room(room: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert room in project["tool"]["importlinter"]["root_packages"]
