"""Every fault of the simulated modem at every moment of a text's way, and what may come of the text then.

A text has four stretches in which something can go wrong: before its PDU left, while the PDU is out and unanswered, after ``+CMGS``, and
when its status report is due.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["POINTS", "STRIKES", "Cell", "Pace", "cells", "steps"]

POINTS = ("before PDU", "PDU out", "after +CMGS", "report due")

STRIKES = ("unplug", "silence", "reboot")
"""What may strike a modem at any moment."""

_ARGUMENT = re.compile(r"^(AT\+CMG[SD]=).*")
"""Differs from text to text."""
_WENT = ("delivered",)
_WENT_OR_NOT_KNOWN = ("delivered", "unknown")
_NO_REPORT = ("sent", "delivered")


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds that faults last. ``late``: later than usual, within the driver's patience; ``too_late``: beyond it."""

    unplug: int = 500
    silence: int = 2000
    late: int = 700
    too_late: int = 6000
    """More than the driver's wait for a prompt."""
    result_late: int = 5000
    """More than its wait for +CMGS."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one point. ``ends``: what may become of the text; a report settles what was unknown, where one comes."""

    point: str
    name: str
    fault: dict[str, Any]
    ends: tuple[str, ...] = _WENT
    answered: bool = False
    """It is played once +CMGS was written, and strikes when a text that came in is read."""
    anew: bool = False
    """The modem is unplugged and comes back first: it strikes on the way from there."""


def steps(kind: str, commands: Sequence[str], pace: Pace) -> list[Cell]:
    """One of STRIKES at each step from a modem that comes back to a text sent, one read, and what can wait done.

    ``commands``: every command line of that way, in order; each is struck where it comes first. Between them lie the moments of a PDU.
    """
    table = [cell for cell in cells(pace) if cell.fault["kind"] == kind and cell.fault["at"] not in {"now", "command"}]
    begins = [_ARGUMENT.sub(r"\1", line) for line in commands]
    for index, line in enumerate(begins):
        if line in begins[:index]:
            continue
        passed = sum(one.startswith(line) for one in begins[:index])
        fault = {"kind": kind, "at": "command", "command": line, "skip": passed, "ms": _lasts(kind, pace)}
        told = {key: value for key, value in fault.items() if value is not None}
        table.append(Cell("set up", f"{kind} at {line}", told, _NO_REPORT, anew=True))
    return table


def _lasts(kind: str, pace: Pace) -> int | None:
    return {"unplug": pace.unplug, "silence": pace.silence}.get(kind)


def cells(pace: Pace) -> list[Cell]:
    """All of them."""
    table: list[Cell] = []

    def add(point: str, name: str, ends: tuple[str, ...] = _WENT, **fault: Any) -> None:
        answered = str(fault.get("command", "")).startswith(("AT+CMGL", "AT+CMGD", "AT+CPMS"))
        table.append(Cell(point, name, {key: value for key, value in fault.items() if value is not None}, ends, answered))

    def strike(point: str, at: str, ends: tuple[str, ...], **more: Any) -> None:
        for kind in STRIKES:
            add(point, f"{kind} at {more.get('command', at)}", ends, kind=kind, at=at, ms=_lasts(kind, pace), **more)

    before, out, after, due = POINTS
    for code in (302, 500, 314):
        add(before, f"prompt refused, {code}", kind="refuse_prompt", code=code)
    add(before, "prompt refused, ERROR", kind="error", command="AT+CMGS")
    add(before, "prompt refused, CME 14", kind="error", command="AT+CMGS", code=14)
    add(before, "prompt refused in words", kind="refuse_prompt", code=314, form="verbose")
    add(before, "no prompt", kind="no_prompt")
    add(before, "prompt without blank", kind="bare_prompt")
    add(before, "prompt naked", kind="naked_prompt")
    add(before, "prompt late", kind="late_prompt", ms=pace.late)
    add(before, "prompt too late", kind="late_prompt", ms=pace.too_late)
    for name, octets in (
        ("noise", "00ff80fe0d0a"),
        ("a false prompt", "0d0a3e20"),
        ("a false OK", "0d0a4f4b0d0a"),
        ("words", "676172626167650d0a"),
    ):
        add(before, f"{name} on the idle line", kind="garbage", hex=octets)
    strike(before, "prompt", _WENT_OR_NOT_KNOWN)
    strike(before, "command", _WENT, command="AT+CMGS")

    add(before, "AT+CNMI forgotten", _NO_REPORT, kind="forget")

    for code in (500, 38, 42):
        add(out, f"refused for now, {code}", kind="refuse", code=code)
    add(out, "refused for good, 1", ("failed",), kind="refuse", code=1)
    add(out, "refused in words", kind="refuse", code=38, form="verbose")
    add(out, "refused in small letters", kind="refuse", line="+CMS ERROR: network out of order")
    add(out, "refused without a blank", kind="refuse", code=38, form="no_blank")
    add(out, "refused, CME 30", kind="refuse", code=30, family="cme")
    add(out, "network did not answer, 332", ("unknown",), kind="refuse", code=332)
    add(out, "no +CMGS", _WENT_OR_NOT_KNOWN, kind="no_answer")
    add(out, "+CMGS late", kind="late_answer", ms=pace.late)
    add(out, "+CMGS too late", _WENT_OR_NOT_KNOWN, kind="late_answer", ms=pace.result_late)
    add(out, "+CMGS without OK", kind="no_final", command="AT+CMGS")
    add(out, "+CMGS in halves", kind="half", command="AT+CMGS", ms=pace.late // 4)
    add(out, "+CMGS cut short", _WENT_OR_NOT_KNOWN, kind="cut", command="AT+CMGS")
    for line in ("^RSSI:17", "RING", '+CMTI: "SM",3', "^BOOT:20952548,0,0,0,72"):
        add(out, f"{line} inside +CMGS", kind="inside", command="AT+CMGS", line=line)
    add(out, "noise before +CMGS", kind="garbage", command="AT+CMGS", hex="00ff80fe")
    add(out, "a false OK before +CMGS", _WENT_OR_NOT_KNOWN, kind="garbage", command="AT+CMGS", hex="0d0a4f4b0d0a")
    add(out, "lost by the network", ("sent",), kind="lost")
    strike(out, "ctrl_z", ("unknown",))
    strike(out, "accepted", _WENT_OR_NOT_KNOWN)

    strike(after, "answered", (*_WENT_OR_NOT_KNOWN, "sent"))
    for command in ("AT+CMGL", "AT+CMGD", "AT+CPMS"):
        add(after, f"unplug at {command}", _NO_REPORT, kind="unplug", at="command", command=command, ms=pace.unplug)
        add(after, f"no final result of {command}", _NO_REPORT, kind="no_final", command=command)
        add(after, f"{command} fails, CME 14", _NO_REPORT, kind="error", command=command, code=14)
    add(after, "AT+CMGL in halves", _NO_REPORT, kind="half", command="AT+CMGL", ms=pace.late // 4)
    add(after, "AT+CMGL cut short", _NO_REPORT, kind="cut", command="AT+CMGL")
    add(after, "^RSSI inside AT+CMGL", _NO_REPORT, kind="inside", command="AT+CMGL", line="^RSSI:17")

    table.append(Cell(after, "AT+CNMI forgotten", {"kind": "forget"}, _NO_REPORT, answered=True))

    strike(due, "report", _NO_REPORT)
    add(due, "no report", ("sent",), kind="no_report")
    add(due, "report late", kind="late_report", ms=pace.late)
    add(due, "report twice", kind="twice_report")
    add(due, "report in halves", kind="half_line", ms=pace.late // 4)
    add(due, "reports the last first", kind="shuffled_report", count=2)
    add(due, "report with a wrong reference", ("sent",), kind="wrong_report", reference=200)
    return table
