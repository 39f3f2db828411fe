"""The fault matrix and its page: every line has a test that exists, every loss on the page is 0."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.fault import FIGURES, LOSSES, Fault
from tests.faults.matrix import FAULTS
from tests.faults.running import PAGE, read_page, table

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.group}: {fault.name}")
def test_every_line_has_its_test_where_it_says(fault: Fault) -> None:
    file, _, beginning = fault.test.partition("::")
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    wanted = beginning.partition("[")[0]
    tests = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and (node.name == wanted if "[" in beginning else node.name.startswith(wanted))
    ]
    assert tests, f"{file} has no {wanted}"
    marks = {ast.unparse(each) for node in [*tests, *module.body] for each in _marks(node)}
    assert any("mark.bench" in each for each in marks) == (fault.where == "bench"), "marked bench, or in scripts/test"


def _marks(node: ast.stmt) -> list[ast.expr]:
    """A test's decorators, or a module's pytestmark."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.decorator_list
    marked = isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == "pytestmark" for each in node.targets)
    return [node.value] if marked and isinstance(node, ast.Assign) else []


def test_no_two_lines_have_one_name() -> None:
    names = [(fault.group, fault.name) for fault in FAULTS]
    assert sorted(set(names)) == sorted(names)


def test_the_page_is_the_matrix() -> None:
    shown, figures = read_page(PAGE.read_text(encoding="utf-8"))
    assert shown == table(FAULTS, figures), "scripts/bench faults --write"


def test_every_line_of_the_page_was_measured_and_lost_nothing() -> None:
    _, figures = read_page(PAGE.read_text(encoding="utf-8"))
    for fault in FAULTS:
        given = dict(zip(FIGURES, figures.get((fault.group, fault.name), ()), strict=False))
        assert set(given.values()) - {"–"}, f"{fault.group}: {fault.name} was never run: scripts/bench faults --write"
        assert [given[name] for name in LOSSES if given[name] not in {"0", "–"}] == [], fault.name
