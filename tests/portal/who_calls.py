"""Who calls a clinic: its files' people and staff, a family at one number, names that callers give, and what goes first."""

from __future__ import annotations

from datetime import timedelta

from ari_app.board import Actor, Role
from ari_app.model import NO_TEXT, Decision, DecisionKind, Inbound, Kind, Level, Priority, Reaction, Reason
from ari_app.person import PersonNumber, Record, Synced
from modem.sim_pdu import encode_deliver
from tests.portal.world import ALICE, BOB, GOOD, Stage
from tests.threads.world import a_call, raw

__all__ = ["FAMILY", "LINK", "RECORDS", "missed", "react", "record", "who_calls"]

LINK = "https://dossiers.example/client?id={external}"
FAMILY, LAB, GUY, HELEN = (f"+1514555017{n}" for n in range(4))


def record(external: str, name: str, *numbers: tuple[str, str | None], **more: object) -> Record:
    said = tuple(PersonNumber(number=number, label=label) for number, label in numbers)
    return Record(external=external, name=name, numbers=said, **more)  # type: ignore[arg-type]


RECORDS = (
    record("P 1001/a", "Émile Gagnon-Tremblay", (FAMILY, "mère"), (GUY, "cellulaire"), language="fr", tags=("vip",)),
    record("P-1002", "Léa Gagnon-Tremblay", (FAMILY, None), language="fr"),
    record("P-1003", "Marguerite Tremblay", (FAMILY, "maison")),
    record("P-1004", "Helen O'Connor", (HELEN, "mobile"), language="en"),
    record("F-1", "Laboratoire dentaire Simard", (LAB, None), kind=Kind.SUPPLIER, tags=("laboratoire", NO_TEXT)),
)


async def react(where: Stage, number: str, words: str, **reaction: object) -> None:
    """A caller's text comes in, and policy makes this of it."""

    def answer(_: Inbound) -> Reaction:
        return Reaction(**reaction)  # type: ignore[arg-type]

    for pdu in encode_deliver(number, words, where.clock.at):
        await where.store.keep(raw(pdu, where.clock.at), answer)


async def missed(where: Stage, number: str, priority: Priority | None = None) -> int:
    """A missed call, raised by a rule or not."""
    decision = Decision(kind=DecisionKind.SILENCE, reason=Reason.COOLDOWN, open=True, line="main", priority=priority)
    recorded = await where.store.record_call(a_call(number, ended=where.clock.at), lambda *_: decision, line="main")
    return recorded.thread


async def who_calls(where: Stage) -> dict[str, int]:
    """Fills the store; ids of threads by name. Members: anne (staff), chief (administrator); one password."""
    anne: Actor = await where.member("Anne", extension="101", password=GOOD)
    await where.member("Chief", Role.ADMINISTRATOR, password=GOOD)
    await where.store.contacts.apply(RECORDS, "sync")
    await where.store.contacts.apply([record(f"I-{n}", f"Client importé {n:02}", (f"+15145556{n:03}", None)) for n in range(45)], "import")
    now = where.clock.now()
    counts = {"total": 5, "added": 5, "changed": 0, "removed": 0, "refused": 1}
    await where.store.contacts.synced(Synced(source="sync", at=now, state="ok", what="", fix="", good=now, code="", **counts))
    ids: dict[str, int] = {}
    ids["family"] = await missed(where, FAMILY)
    await react(where, FAMILY, "Bonjour, Léa a mal aux dents depuis hier", wrote="fr")
    where.clock.move(minutes=2)
    ids["lab"] = await missed(where, LAB)
    where.clock.move(minutes=2)
    ids["helen"] = await missed(where, HELEN, Priority(Level.HIGH, "3 appels aujourd’hui"))
    where.clock.move(minutes=2)
    ids["guy"] = await missed(where, GUY)
    await react(where, GUY, "Il saigne beaucoup et ça n'arrête pas", wrote="fr", priority=Priority(Level.URGENT, "emergency"))
    where.clock.move(minutes=2)
    ids["stop"] = await missed(where, BOB)
    await react(where, BOB, "STOP", opt=True, reopens=False)
    where.clock.move(minutes=2)
    ids["offers"] = await missed(where, ALICE)
    await react(where, ALICE, "Bonjour, c'est Jean-François Bédard, j'aimerais un rendez-vous", wrote="fr", offered="Jean-François Bédard")
    where.clock.at += timedelta(minutes=1)
    del anne
    return ids
