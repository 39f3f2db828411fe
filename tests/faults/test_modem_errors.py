"""What becomes of a text that modem or network refuse, code by code: once, again and again, and while texts come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.bench.fault_cells import Cell
from tests.bench.fault_table import Found, Pair, pair
from tests.faults.fault import Recorder
from tests.faults.modem_found import held
from tests.modem.conftest import QUICK
from tests.threads.world import STAFF, until

NUMBER = "+15145550177"
TRIES = 4
LONGEST_WAIT, TOO_LATE = timedelta(minutes=8), timedelta(hours=25)
"""Between two tries of a text; until a person's has failed."""


@dataclass(frozen=True, slots=True)
class Error:
    """A code (3GPP TS 27.005 3.2.5, TS 27.007 9.2), and what a text does that meets it after its PDU."""

    code: int
    means: Literal["again", "never", "unsure"]
    """"again": tried again until its time is over; "never": failed at once; "unsure": unknown, not sent again by itself."""
    family: Literal["cms", "cme"] = "cms"

    def __str__(self) -> str:
        return f"{self.family.upper()} {self.code}"


ERRORS = [
    Error(38, "again"),
    Error(42, "again"),
    Error(69, "never"),
    Error(111, "again"),
    Error(304, "again"),
    Error(330, "again"),
    Error(331, "again"),
    Error(332, "unsure"),
    Error(500, "again"),
    Error(515, "again"),
    Error(515, "again", "cme"),
]
ONCE = {"again": ("delivered",), "never": ("failed",), "unsure": ("unknown",)}


@pytest.mark.parametrize("error", ERRORS, ids=str)
async def test_refused(tmp_path: Path, record_property: Recorder, error: Error) -> None:
    """One text each at the PDU, at the prompt, and as a store is listed; then one that is refused for good."""
    said = {"code": error.code, "family": error.family}
    found = Found()
    async with pair(tmp_path, error.code, QUICK, leaps=True, patience=20) as one:
        for cell in (
            Cell("PDU out", "refused", {"kind": "refuse", **said}, ONCE[error.means]),
            # before its PDU has left, nothing is said of the text
            Cell("before PDU", "refused", {"kind": "refuse_prompt", **said}, ("delivered",)),
            Cell("reading", "refused", {"kind": "error", "command": "AT+CMGL", **said}, ("sent", "delivered"), answered=True),
        ):
            found.add(await one.run(cell))
        await again_and_again(one, error, said)
    held(found, record_property, timed=False)


async def again_and_again(one: Pair, error: Error, said: dict[str, Any]) -> None:
    """Doctor names the code; where the refusals do not end in time, the text is shown as failed, and was never called sent."""
    store, outbox, modem = one.running.store, one.running.outbox, one.running.modems[0]
    since = one.simulator.journal()["count"]
    one.simulator.fault("refuse", count=999, **said)
    message = (await store.acts.queue_staff(NUMBER, "Bonjour", "refused for good", by=STAFF)).message

    def tried() -> int:
        return len(one.simulator.journal(since=since, events=["ctrl_z"])["entries"])

    state = "queued" if error.means == "again" else ONCE[error.means][0]
    await until(lambda: tried() == 1 and one.state(NUMBER) == state)
    for count in range(2, TRIES + 1) if error.means == "again" else ():
        await until(lambda: modem.health().code == "not_sending" and str(error) in modem.health().what)
        one.clock.leap(LONGEST_WAIT)
        outbox.wake()
        await until(lambda count=count: tried() == count and one.state(NUMBER) == "queued")  # type: ignore[misc]
    one.clock.leap(TOO_LATE)
    outbox.wake()
    await until(lambda: one.state(NUMBER) == ("unknown" if error.means == "unsure" else "failed"))
    told = {"again": "could not be sent in time", "never": "not implemented", "unsure": "may have gone"}
    assert told[error.means] in (await store.message(message))["what"]
    assert one.simulator.inbox(NUMBER) == []
