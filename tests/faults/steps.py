"""The steps of a text's way out and in, at each of which the service is killed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["IN", "OUT", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """``act``: a verb of ``Store``, or the beginning of what is written to the modem ("PDU": what ends with Ctrl-Z).

    ``when``, of a verb: "before" it asks anything of SQLite, "within" its transaction, all said but COMMIT, "after" COMMIT returned; of
    what is written: "before", "within" (half of it), "unended" (all but its last octet), "after". ``time``: its how manieth, from 1.
    """

    act: str
    when: Literal["before", "within", "unended", "after"]
    time: int = 1


UNSURE = ("unknown", "delivered")
"""What may have left is never sent again by itself; a status report that comes after all settles it."""
WENT = ("sent", "delivered")
"""A report that nobody takes while the service is away is lost."""
OUT: dict[str, tuple[Step, tuple[str, ...]]] = {
    "due": (Step("Store.claim", "before"), ("delivered",)),
    "decided again": (Step("Store.claim", "within"), ("delivered",)),
    "sending committed": (Step("Store.claim", "after"), ("delivered",)),
    "AT+CMGS": (Step("AT+CMGS", "after"), ("delivered",)),
    "prompt": (Step("Store.begin_attempt", "before"), ("delivered",)),
    "attempt, before its commit": (Step("Store.begin_attempt", "within"), ("delivered",)),
    "attempt committed": (Step("Store.begin_attempt", "after"), UNSURE),
    "half the PDU": (Step("PDU", "within"), UNSURE),
    "PDU without Ctrl-Z": (Step("PDU", "unended"), UNSURE),
    "Ctrl-Z": (Step("PDU", "after"), UNSURE),
    "result": (Step("Store.finish_attempt", "before"), UNSURE),
    "result, before its commit": (Step("Store.finish_attempt", "within"), UNSURE),
    "sent committed": (Step("Store.finish_attempt", "after"), WENT),
    "second part: attempt committed": (Step("Store.begin_attempt", "after", 2), UNSURE),
    "second part: Ctrl-Z": (Step("PDU", "after", 2), UNSURE),
    "second part: sent committed": (Step("Store.finish_attempt", "after", 2), WENT),
    "report": (Step("Store.keep", "before"), WENT),
    "report, before its commit": (Step("Store.keep", "within"), WENT),
    "report kept": (Step("Store.keep", "after"), WENT),
}
IN = {
    "read": Step("Store.keep", "before"),
    "kept, before its commit": Step("Store.keep", "within"),
    "raw PDU kept": Step("Store.keep", "after"),
    "before AT+CMGD": Step("AT+CMGD", "before"),
    "half of AT+CMGD": Step("AT+CMGD", "within"),
    "AT+CMGD": Step("AT+CMGD", "after"),
    "second part: read": Step("Store.keep", "before", 2),
    "parts joined and reacted to, before the commit": Step("Store.keep", "within", 2),
    "parts joined and reacted to": Step("Store.keep", "after", 2),
    "second part: AT+CMGD": Step("AT+CMGD", "after", 2),
}
