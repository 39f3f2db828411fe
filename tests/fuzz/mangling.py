"""Real input, spoilt: samples cut, doubled, spliced and peppered. Pure noise is refused at the door and finds nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["mangled"]

_MOST = 1 << 17
"""Octets of one example: what doubles does not do so for ever."""
_NUMBERS = (b"0", b"-1", b"00", b"255", b"256", b"65536", b"4294967296", b"9" * 30, b"1e309", b"NaN", b"\xd9\xa3")
_ODD: tuple[Any, ...] = (None, True, -1, 0, 10**30, 1e308, "", "\0", "\ud800", "x" * 5000, "../../etc/passwd", [], {}, [[]], {"id": "1"})
_NOISE = (
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b'"',
    b"'",
    b"\\",
    b",",
    b";",
    b"\x1b",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x99\x82",
    b"%0A",
    b"{",
    b"]",
)

Spoiling = Callable[[bytes, float, float, int], bytes]


def mangled(
    samples: Sequence[bytes], tokens: Sequence[bytes] = (), *, lines: bool = False, values: bool = False
) -> st.SearchStrategy[bytes]:
    """Some sample after up to eight spoilings. ``tokens``: what means something there. ``lines``: whole lines are spoilt too; ``values``:
    and values of the JSON in them."""
    other = st.sampled_from(list(samples))
    peppering = st.sampled_from([*tokens, *_NOISE]) | st.binary(max_size=8)
    kinds = ["cut", "end", "double", "number", "flip"] + ["drop line", "double line", "swap lines"] * lines + ["value"] * (4 * values)
    place = st.floats(0, 1, exclude_max=True)
    step = st.one_of(
        st.tuples(st.just("put"), place, peppering),
        st.tuples(st.just("splice"), place, other),
        st.tuples(st.sampled_from(kinds), place, st.tuples(place, st.integers(0, 255))),
    )

    def spoil(start: bytes, steps: list[tuple[str, float, Any]]) -> bytes:
        data = start
        for kind, at, more in steps:
            position = int(at * (len(data) + 1))
            if kind == "put":
                data = data[:position] + more + data[position:]
            elif kind == "splice":
                data = data[:position] + more[int(at * len(more)) :]
            else:
                data = _SPOILINGS[kind](data, at, *more)
            data = data[:_MOST]
        return data

    return st.builds(spoil, other, st.lists(step, max_size=8))


def _span(data: bytes, at: float, length: float) -> tuple[int, int]:
    start = int(at * len(data))
    return start, min(len(data), start + 1 + int(length**3 * 64))


def _cut(data: bytes, at: float, length: float, _number: int) -> bytes:
    start, end = _span(data, at, length)
    return data[:start] + data[end:]


def _end(data: bytes, at: float, _length: float, _number: int) -> bytes:
    return data[: int(at * len(data))]


def _double(data: bytes, at: float, length: float, number: int) -> bytes:
    start, end = _span(data, at, length)
    return data[:end] + data[start:end] * (1 + number % 4 * 50) + data[end:]


def _number(data: bytes, at: float, _length: float, number: int) -> bytes:
    found = list(re.finditer(rb"[0-9]+", data))
    if not found:
        return data
    chosen = found[int(at * len(found))]
    return data[: chosen.start()] + _NUMBERS[number % len(_NUMBERS)] + data[chosen.end() :]


def _flip(data: bytes, at: float, _length: float, number: int) -> bytes:
    start, _ = _span(data, at, 0)
    return data[:start] + bytes([number]) + data[start + 1 :]


def _of_lines(change: Callable[[list[bytes], int, int], None]) -> Spoiling:
    def spoil(data: bytes, at: float, length: float, _number: int) -> bytes:
        lines = data.splitlines(keepends=True)
        if lines:
            change(lines, int(at * len(lines)), int(length * len(lines)))
        return b"".join(lines)

    return spoil


def _swap(lines: list[bytes], one: int, two: int) -> None:
    lines[one], lines[two] = lines[two], lines[one]


def _value(data: bytes, at: float, length: float, number: int) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    line = int(at * len(lines))
    try:
        document = json.loads(lines[line])
    except (ValueError, RecursionError):
        return data
    leaves = list(_leaves(document))
    if not leaves:
        return data
    holder, key = leaves[int(length * len(leaves))]
    holder[key] = _ODD[number % len(_ODD)]
    lines[line] = json.dumps(document).encode() + b"\n"
    return b"".join(lines)


def _leaves(document: Any) -> list[tuple[Any, Any]]:
    """Every place in it that holds a value: its holder, and the key or index there."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        each = waiting.pop()
        items = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        for key, value in items:
            found.append((each, key))
            waiting.append(value)
    return found


_SPOILINGS: dict[str, Spoiling] = {
    "cut": _cut,
    "end": _end,
    "double": _double,
    "number": _number,
    "flip": _flip,
    "value": _value,
    "drop line": _of_lines(lambda lines, one, _two: lines.__delitem__(one)),
    "double line": _of_lines(lambda lines, one, two: lines.insert(two, lines[one])),
    "swap lines": _of_lines(_swap),
}
