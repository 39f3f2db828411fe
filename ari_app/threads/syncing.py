"""What a source says of people: records added, changed and gone, and how each look at it ended.

What staff edited here wins, field by field, until they release it; what the source said meanwhile is kept beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal

from ari_app.board import Actor
from ari_app.events import ContactsSynced
from ari_app.model import Kind
from ari_app.person import Applied, Person, Record, Synced, digest_of, said_of
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.people import refresh
from ari_app.threads.persons import MOST, NUMBERS, fields_of, keep, person_of, sort_key
from ari_app.threads.rows import moment, required, stamp

__all__ = ["AT_ONCE", "Source", "apply", "digests", "remove", "states", "synced"]

Source = Literal["import", "sync"]
AT_ONCE = 200
"""Records of one transaction: whoever writes a text meanwhile waits for no more than these (some 30 ms)."""
_KNOWN = f"SELECT p.*, {NUMBERS} FROM person p WHERE p.external = ?"  # noqa: S608  (our own)
_NAMED_HERE = f"""SELECT p.*, {NUMBERS} FROM person p
    WHERE p.id IN (SELECT person FROM person_number WHERE number = ? ORDER BY person LIMIT {MOST})
    AND p.source = 'here' AND p.external IS NULL"""  # noqa: S608  (our own)


def apply(tx: Transaction, records: Iterable[Record], source: Source, now: datetime) -> Applied:
    """Let people be as these records say. The newest word of a person counts, whichever source it comes from."""
    total = Applied()
    concerned: set[str] = set()
    for record in records:
        row = tx.one(_KNOWN, (record.external,))
        said = said_of(record)
        digest = digest_of(record, said)
        if row is not None and row["digest"] == digest and row["source"] != "here":
            if source == "sync" and row["source"] == "import":
                tx.run("UPDATE person SET source = 'sync' WHERE id = ?", (row["id"],))
            total += Applied(unchanged=1)
            continue
        before = _named_here(tx, record) if row is None else person_of(row)
        if before is None:
            fields, edited = fields_of(record), ""
        elif row is None:
            fields, edited = _joined(before, record)
        else:
            fields = fields_of(record) | {field: getattr(before, field) for field in before.edited}
            edited = row["edited"]
        keep(tx, before, fields, now, external=record.external, source=source, given=said, digest=digest, edited=edited)
        concerned.update(each.number for one in (record, before) if one is not None for each in one.numbers)
        total += Applied(added=1) if before is None else Applied(changed=1)
    refresh(tx, concerned)
    return total


def _named_here(tx: Transaction, record: Record) -> Person | None:
    """Whom staff named by hand before the clinic's own database knew them: one of the numbers, and no word that is not in the name."""
    words = set(sort_key(record.name).split())
    for each in record.numbers:
        for row in tx.all(_NAMED_HERE, (each.number,)):
            if set(row["sort"].split()) <= words:
                return person_of(row)
    return None


def _joined(here: Person, record: Record) -> tuple[dict[str, Any], str]:
    """Somebody of here and a record as one person: what staff know beyond the record stays, as edited."""
    said = fields_of(record)
    numbers = {each.number for each in record.numbers}
    own = {
        "kind": here.kind if here.kind in {Kind.STAFF, Kind.SUPPLIER} else record.kind,
        "language": here.language or record.language,
        "tags": tuple(sorted({*record.tags, *here.tags})),
        "numbers": (*record.numbers, *(each for each in here.numbers if each.number not in numbers)),
    }
    return said | own, " ".join(field for field in own if own[field] != said[field])


def remove(tx: Transaction, externals: Collection[str], source: Source) -> int:
    """These are gone at the source. Who was edited here stays, as somebody of here. How many were the source's."""
    concerned: set[str] = set()
    gone = 0
    for external in externals:
        row = tx.one(_KNOWN, (external,))
        if row is None or row["source"] != source:
            continue
        gone += 1
        if row["edited"]:
            tx.run("UPDATE person SET source = 'here' WHERE id = ?", (row["id"],))
        else:
            tx.run("DELETE FROM person WHERE id = ?", (row["id"],))
        concerned.update(each.number for each in person_of(row).numbers)
    refresh(tx, concerned)
    return gone


def digests(reader: Reader, source: Source | None) -> dict[str, str]:
    """What a source (None: each) last said, as ``digest_of`` it, by external id. Who is gone there is left out."""
    rows = reader.each(
        "SELECT external, digest FROM person WHERE source IN ('import', 'sync') AND (:source IS NULL OR source = :source)",
        {"source": source},
    )
    return {row["external"]: row["digest"] for row in rows}


def synced(tx: Transaction, ended: Synced, by: Actor | None, now: datetime) -> None:
    """Keep how an import or a look at the clinic's database ended; ``ended.good`` follows from what is known here."""
    good = stamp(ended.at) if ended.state == "ok" else tx.value("SELECT good FROM sync WHERE source = ?", (ended.source,))
    tx.run("DELETE FROM sync WHERE source = ?", (ended.source,))
    counts = {name: getattr(ended, name) for name in ("total", "added", "changed", "removed", "refused")}
    said = {"source": ended.source, "state": ended.state, "what": ended.what, "fix": ended.fix, "code": ended.code}
    tx.insert("sync", {**said, "at": stamp(ended.at), "good": good, **counts})
    if by is not None:
        what = ", ".join(f"{name} {count}" for name, count in counts.items())
        audit(tx, by, "contacts_synced", now, what=f"{ended.source}: {ended.state}, {what}")
    tx.notify(ContactsSynced(ended.source))


def states(reader: Reader) -> tuple[Synced, ...]:
    """How the newest import and the newest look at the clinic's database ended, those there were."""
    return tuple(
        Synced(**{**dict(row), "at": required(row["at"]), "good": moment(row["good"])})
        for row in reader.all("SELECT * FROM sync ORDER BY source")
    )
