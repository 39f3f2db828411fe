"""Every module stands by itself, and the wheel is told of every package."""

from __future__ import annotations

import ast
import configparser
import graphlib
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


IMPORT_ALL = """
import importlib, json, sys, warnings
import aiohttp, gsmmodem.pdu, panoramisk, phonenumbers, sqlalchemy
warnings.simplefilter("error")
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
"""


def test_every_module_can_be_imported() -> None:
    names = [name for name in modules() if not name.endswith("__main__")]
    assert len(names) > 50
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, json.dumps(names)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def needs(name: str, known: set[str]) -> set[str]:
    """Modules of the product that run when ``name`` is imported: what it imports at its top level, with the packages they lie in."""
    path = ROOT / name.replace(".", "/")
    source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    found: set[str] = set()
    top = list(ast.parse(source.read_text(encoding="utf-8")).body)
    for node in top:
        if isinstance(node, ast.Try | ast.With):
            top += node.body
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            within_it = {f"{node.module}.{alias.name}" for alias in node.names}
            # of a package, its modules are found though it is not through itself; its names are not
            found |= within_it if within_it <= known else within_it | {node.module}
    within = {".".join(name.split(".")[:length]) for length in range(1, name.count(".") + 1)}
    packages = {".".join(each.split(".")[:length]) for each in found for length in range(1, each.count(".") + 1)}
    return ((found & known) | (packages & known - within)) - {name}


def test_no_module_needs_another_to_be_imported_before_it() -> None:
    """Whichever is imported first: there is no circle among what each imports, packages included."""
    known = set(modules())
    order = tuple(graphlib.TopologicalSorter({name: needs(name, known) for name in known}).static_order())
    assert set(order) == known


def test_a_circle_of_imports_would_be_seen() -> None:
    with pytest.raises(graphlib.CycleError):
        tuple(graphlib.TopologicalSorter({"a": {"a.b"}, "a.b": {"c"}, "c": {"a"}}).static_order())


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
