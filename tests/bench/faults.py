"""Topic ``faults``: the fault matrix, line by line (tests/faults), with what was lost and doubled and how long it took to recover."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.report import Row
from tests.faults.fault import FIGURES, LOSSES, Fault
from tests.faults.matrix import FAULTS
from tests.faults.running import Found, cells, run, write_page

__all__ = ["measure"]


async def measure(say: Callable[[str], None], *, only: Sequence[str] = (), quick: bool = False, page: bool = False) -> list[Row]:
    """Run every fault of the groups ``only`` (all without), ``quick``: those of scripts/test alone; ``page``: write its table."""
    faults = [fault for fault in FAULTS if (not only or fault.group in only) and (not quick or fault.where == "ci")]
    found = await run(faults, say, quick=quick)
    _show(found)
    if page:
        write_page(FAULTS, found)
    rows = [
        Row(figure="faults", unit="faults", ours=len(found), limit=len(faults), least=True),
        Row(figure="faults_failed", unit="faults", ours=sum(not each.held for each in found.values()), limit=0),
    ]
    for name in LOSSES:
        lost = sum(each.figures.get(name, 0) for each in found.values())
        rows.append(Row(figure=name, unit=name.partition("_")[0], ours=lost, limit=0))
    slowest = max((each.figures.get("recovery_s", 0) for each in found.values()), default=0)
    rows.append(Row(figure="recovery_s_max", unit="s", ours=slowest))
    for fault, each in found.items():
        rows.extend(Row(figure=f"{fault.name}: {name}", unit="", ours=value) for name, value in each.other.items() if name != "seed")
    return rows


def _show(found: dict[Fault, Found]) -> None:
    shown = Table(title="the fault matrix")
    for column in ("fault", "held", *FIGURES, "runs in"):
        shown.add_column(column)
    for fault, each in found.items():
        said = "yes" if each.held else "no: " + (", ".join(each.failed) or ("no figure" if each.ran else "no test ran"))
        shown.add_row(f"{fault.group}: {fault.name}", said, *cells(each), fault.where)
    Console(width=160).print(shown)
