"""A whole table read: who is in it, which of them are new or other than what is kept, what could not be used. One pass, in any thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ari_app.contacts.columns import Layout, Wanted, understand
from ari_app.contacts.people import Rules, Tally, people
from ari_app.contacts.table import MOST_ROWS, Refused, Table
from ari_app.errors import SourceError
from ari_app.person import Record, digest_of

__all__ = ["Found", "read"]

_PEEK = 20
_SHOWN = 10


@dataclass(slots=True)
class Found:
    """What a table has. Of people who are as they are kept only their ids stay."""

    what: str
    layout: Layout
    tally: Tally
    added: int = 0
    changed: int = 0
    externals: set[str] = field(default_factory=set)
    first: list[Record] = field(default_factory=list)
    """The first people, to be shown."""

    @property
    def unchanged(self) -> int:
        return len(self.externals) - self.added - self.changed


def read(
    table: Table,
    name: str,
    wanted: Wanted,
    rules: Rules,
    digests: Mapping[str, str],
    *,
    keep: Callable[[Record], None],
    on_refused: Callable[[Refused], None] | None = None,
    on_row: Callable[[int], None] | None = None,
) -> Found:
    """Read all of it. ``digests``: of what is kept, by external id. ``keep``: takes who is new or changed.

    ``on_row`` is told how many rows were read, now and then, and may raise.

    Raises SourceError when it cannot be read, is not understood, or has more than MOST_ROWS rows.
    """
    peeked = list(itertools.islice(table.rows, _PEEK))
    layout = understand(name, peeked, table.header, wanted)
    found = Found(table.what, layout, Tally())
    rows = itertools.chain(peeked[layout.header :], table.rows)
    for each in people(rows, layout, rules, found.tally):
        if found.tally.rows > MOST_ROWS:
            raise SourceError(f"{name} has more than {MOST_ROWS} rows", "take out what is no contact", code="too_many")
        if on_row is not None and found.tally.rows % 100 == 0:
            on_row(found.tally.rows)
        if isinstance(each, Refused):
            if on_refused is not None:
                on_refused(each)
            continue
        if len(found.first) < _SHOWN:
            found.first.append(each)
        found.externals.add(each.external)
        kept = digests.get(each.external)
        if kept is None:
            found.added += 1
            keep(each)
        elif kept != digest_of(each):
            found.changed += 1
            keep(each)
    return found
