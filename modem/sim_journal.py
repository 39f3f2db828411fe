"""What happened in the simulator, in order: JSON lines stamped with ``time.monotonic()`` (CLOCK_MONOTONIC, the same in every process).

Each entry has ``t`` (seconds), ``event`` and the event's own fields:

``plugged`` ``unplugged``   link, device
``opened`` ``closed``       a client opened or closed the port
``booted``                  the modem started; its settings are the defaults
``line``                    line: an AT command line as received; port: on which of the quiet ports, counted from 1
``prompt``                  length: the ``> `` was given
``escape``                  the client left the prompt with ESC
``ctrl_z``                  text after the prompt was ended: number, part, parts, text, pdu; ``bad`` when it is no SMS-SUBMIT
``accepted``                the network took the part: number, reference (TP-MR), part, parts
``refused``                 the network or modem did not: number, code
``answer``                  line: the final result was written; info: the first line before it, such as ``+CMGS: 7``
``urc``                     line: an unsolicited line was written; inside: amid a reply
``arrived``                 a whole text reached a handset: number, text, parts
``sent``                    a handset sent a text to the modem: number, text, parts
``stored`` ``deleted``      store, index
``waiting``                 the network keeps a text or report because the modem cannot take it: why
``handed``                  a text or report was given to the client without being stored (+CMT, +CDS)
``report``                  a status report left for the modem: number, reference, status
``lost``                    what: it will never arrive anywhere
``called`` ``call_ended``   number: a voice call to the SIM began, ended; by: caller, modem or network
``forwarded``               number, to, reason: the network sent a call elsewhere; nothing rang, or no longer
``forwarding``              reason, mode, number: AT+CCFC was answered
``ussd``                    code, text: the network was asked, or spoke
``fault``                   kind: a fault was played
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Journal"]


class Journal:
    """The last entries in memory, all of them in the file (if one is given; appended to, a line written at once)."""

    def __init__(self, path: Path | None = None, *, keep: int = 100_000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=keep)
        self._file: TextIO | None = None
        self.count = 0
        """Entries ever made; ``since`` counts by it."""
        self.grown = asyncio.Event()
        """Set (and replaced) at every entry."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)

    def add(self, event: str, *, at: float | None = None, **fields: Any) -> None:
        """Note an event. ``at``: when it happened, if not now. Fields that are None are left out."""
        entry = {"t": round(time.monotonic() if at is None else at, 6), "event": event}
        entry |= {name: value for name, value in fields.items() if value is not None}
        self._entries.append(entry)
        self.count += 1
        if self._file is not None:
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def since(self, count: int = 0, events: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Entries made after the first ``count``, only of ``events`` when any are named."""
        fresh = list(itertools.islice(reversed(self._entries), max(self.count - count, 0)))
        return [entry for entry in reversed(fresh) if not events or entry["event"] in events]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
