"""The fault matrix and its page: every line has a test that exists, every loss on the page is 0."""

from __future__ import annotations

from tests.faults.fault import FIGURES, LOSSES
from tests.faults.matrix import FAULTS, GROUPS
from tests.faults.running import PAGE, collect, read_page, table


def test_every_line_has_its_tests_and_they_run_where_it_says() -> None:
    found = collect(FAULTS)
    for fault in FAULTS:
        wheres = {where for node, where in found.items() if node.startswith(fault.test)}
        assert fault.where in wheres, f"{fault.group}: {fault.name}: {fault.test} runs in {sorted(wheres) or 'nothing: there is none'}"


def test_no_two_lines_have_one_name() -> None:
    names = [(fault.group, fault.name) for fault in FAULTS]
    assert sorted(set(names)) == sorted(names)
    assert [group for group in GROUPS if "," in group] == [], "--only takes them with commas between"


def test_the_page_is_the_matrix() -> None:
    shown, figures = read_page(PAGE.read_text(encoding="utf-8"))
    assert shown == table(FAULTS, figures), "scripts/bench faults --write"


def test_every_line_of_the_page_was_measured_and_lost_nothing() -> None:
    _, figures = read_page(PAGE.read_text(encoding="utf-8"))
    for fault in FAULTS:
        given = dict(zip(FIGURES, figures.get((fault.group, fault.name), ()), strict=False))
        assert set(given.values()) - {"–"}, f"{fault.group}: {fault.name} was never run: scripts/bench faults --write"
        assert [given[name] for name in LOSSES if given[name] not in {"0", "–"}] == [], fault.name
