"""Faults of the store, of its disk, of power and of clocks."""

from __future__ import annotations

from tests.faults.fault import Fault
from tests.faults.steps import IN, OUT

__all__ = ["STORE"]

_AGAIN = "log `started` again, and `texts_unknown_after_stop` where one may have left"
_UNSURE = "the text is `unknown` until a report settles it, in its thread and in `textback doctor` (outbox_failed)"
_KILLED = "tests/faults/test_store_killed.py"

_OUT = tuple(
    Fault(
        group="killed, a text going out",
        name=name,
        how="kill -9 at this step, of a text of two parts where there are two; started again",
        test=f"{_KILLED}::test_on_the_way_out[{name}]",
        where="ci",
        sees=_UNSURE if "unknown" in ends else _AGAIN,
    )
    for name, (_, ends) in OUT.items()
)
_IN = tuple(
    Fault(
        group="killed, a text coming in",
        name=name,
        how="kill -9 at this step of a text of two parts that is answered by a notice; started again",
        test=f"{_KILLED}::test_on_the_way_in[{name}]",
        where="ci",
        sees="log `started` again; the text stays in the modem until it is kept",
    )
    for name in IN
)
_UPGRADE = (
    Fault(
        group="killed, an upgrade",
        name="at each statement",
        how="the files as they were before each statement of every migration, of a blank store and of the first schema with rows, opened",
        test="tests/faults/test_store_upgrade.py::test_each_statement",
        where="bench",
        sees="log `started`: the upgrade goes on where it was",
    ),
)

STORE: tuple[Fault, ...] = (*_OUT, *_IN, *_UPGRADE)
