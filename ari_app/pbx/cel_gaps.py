"""Is a story of the channel event log whole? A call that nobody took is told as missed only where nothing in it speaks against that.

Asterisk writes each channel's CHAN_START, HANGUP and CHAN_END once; BRIDGE_ENTER and BRIDGE_EXIT, APP_START and APP_END, PARK_START and
PARK_END in turn; a bridge of Dial or Queue has two members; a Local channel has two halves (all seen on every scenario of the lab, 16
and 22). The caller's HANGUP says ANSWER where a Dial or a Queue was answered, by whomever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from enum import IntEnum

from ari_app.model import Reached
from ari_app.pbx.cdr import CONFIRMS
from ari_app.pbx.cel_row import CelRow
from ari_app.pbx.cel_story import Story
from ari_app.pbx.places import Kind, kind_of, other_half

__all__ = ["NEEDED", "Doubt", "doubt"]

NEEDED = frozenset({"CHAN_START", "ANSWER", "BRIDGE_ENTER", "HANGUP", "CHAN_END"})
"""Without these types of rows a log cannot tell who was joined to whom."""
_PAIRS = (("BRIDGE_ENTER", "BRIDGE_EXIT"), ("PARK_START", "PARK_END"), ("APP_START", "APP_END"))
_ALONE = frozenset({"softmix", "holding_bridge"})
"""Bridges in which somebody may be alone: conferences, and where nobody hears anybody."""


class Doubt(IntEnum):
    """What keeps a call from being told as missed; the higher says more."""

    NONE = 0
    GAPS = 1
    """Rows are missing, or the log has none of a type that is needed."""
    TAKEN = 2
    """A row shows that somebody may have taken the call."""


def doubt(story: Story, caller: str, knows: Set[str], is_machine: Callable[[str], bool]) -> Doubt:
    """``knows``: types of rows that this log has shown to have."""
    of: dict[str, list[CelRow]] = defaultdict(list)
    for row in story.rows:
        of[row.uniqueid].append(row)
    found = [Doubt.GAPS] if not knows >= NEEDED or not _rooms_told(story.rows) else []
    found += _taken(story, caller, of, is_machine)
    found += _lives(of, caller, story.heard.get(caller, set()))
    found += _pairs(of.values(), knows)
    found += _whereabouts(story, caller, of)
    found += _company(story.rows)
    return max(found, default=Doubt.NONE)


def _rooms_told(rows: Iterable[CelRow]) -> bool:
    return all(row.bridge is not None for row in rows if row.eventtype in ("BRIDGE_ENTER", "BRIDGE_EXIT"))


def _taken(story: Story, caller: str, of: dict[str, list[CelRow]], is_machine: Callable[[str], bool]) -> Iterator[Doubt]:
    """Somebody picked up, or was in a bridge, of whom it is not known that they were heard."""
    heard = set().union(*story.heard.values()) if story.heard else set()
    confirms = any(CONFIRMS.search(row.appdata) for row in story.rows)
    for identity, rows in of.items():
        kind = kind_of(rows[0].channame)
        types = {row.eventtype for row in rows}
        joined = any(row.eventtype == "BRIDGE_ENTER" and (row.bridge is None or row.bridge.kind == "mixing") for row in rows)
        person = kind is Kind.DEVICE and identity not in story.callers and not any(is_machine(row.channame) for row in rows)
        took = types & {"BRIDGE_ENTER", "BRIDGE_EXIT"} or ("ANSWER" in types and not confirms) or _hung_up_on(rows)
        if person and took and identity not in heard:
            yield Doubt.TAKEN
        if identity == caller or kind is Kind.LOCAL:
            said = any(row.eventtype == "HANGUP" and row.extra_of("dialstatus") == "ANSWER" for row in rows)
            said = said or any(row.eventtype == "ANSWER" and row.appname.lower() == "dial" for row in rows)
            if said and not joined:
                yield Doubt.TAKEN
    fetched = [index for index, row in enumerate(of[caller]) if row.extra_of("reason") == "ParkedCallUnparked"]
    if fetched and not any(row.eventtype == "BRIDGE_ENTER" for row in of[caller][fetched[-1] :]):
        yield Doubt.TAKEN


def _hung_up_on(rows: Iterable[CelRow]) -> bool:
    """Somebody else's hanging up ended the channel: they were talking."""
    sources = ((row.channame, row.extra_of("hangupsource")) for row in rows if row.eventtype == "HANGUP")
    return any(source != name and kind_of(source) is not Kind.OTHER for name, source in sources)


def _lives(of: dict[str, list[CelRow]], caller: str, heard: Collection[str]) -> Iterator[Doubt]:
    """Every channel begins, and ends, unless it talks on; every Local has two halves."""
    names = {row.channame for rows in of.values() for row in rows}
    for identity, rows in of.items():
        begun, hung_up, ended = (sum(row.eventtype == each for row in rows) for each in ("CHAN_START", "HANGUP", "CHAN_END"))
        if (begun, hung_up, ended) != (1, 1, 1) and (identity == caller or identity not in heard or (begun, hung_up + ended) != (1, 0)):
            yield Doubt.GAPS
        half = other_half(rows[0].channame)
        if half is not None and half not in names:
            yield Doubt.GAPS


def _whereabouts(story: Story, caller: str, of: dict[str, list[CelRow]]) -> Iterator[Doubt]:
    """Something of the PBX answered the caller, and the log does not tell what: it may have been a fax machine."""
    nowhere = any(call.id == caller and call.reached is Reached.NONE for call in story.calls)
    if nowhere and not story.heard.get(caller) and any(row.eventtype == "ANSWER" for row in of[caller]):
        yield Doubt.GAPS


def _pairs(channels: Iterable[Sequence[CelRow]], knows: Set[str]) -> Iterator[Doubt]:
    """What begins ends, once, before it begins again."""
    pairs = [pair for pair in _PAIRS if knows >= set(pair)]
    for rows in channels:
        for begin, end in pairs:
            inside: str | None = None
            for row in rows:
                if row.eventtype not in (begin, end):
                    continue
                what = row.extra_of("bridge_id") if begin == "BRIDGE_ENTER" else row.appname if begin == "APP_START" else ""
                if (row.eventtype == begin) is (inside is not None) or (inside is not None and inside != what):
                    yield Doubt.TAKEN if begin == "BRIDGE_ENTER" else Doubt.GAPS
                inside = what if row.eventtype == begin else None
            if inside is not None:
                yield Doubt.TAKEN if begin == "BRIDGE_ENTER" else Doubt.GAPS


def _company(rows: Sequence[CelRow]) -> Iterator[Doubt]:
    """Nobody is alone in a bridge of two, and whoever is said to be in one is known."""
    names = {row.channame for row in rows}
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.eventtype == "BRIDGE_ENTER" and row.bridge is not None and row.extra_of("bridge_technology") not in _ALONE:
            members[row.bridge.id].add(row.uniqueid)
        if any(peer not in names and kind_of(peer) is not Kind.OTHER for peer in row.peer.split(",") if peer):
            yield Doubt.TAKEN
    if any(len(each) < 2 for each in members.values()):
        yield Doubt.TAKEN
