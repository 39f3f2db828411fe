"""A clinic in which two people left traces of every kind, among many others; and what would give them away in the bytes of its files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.board import Actor, Face, Role
from ari_app.model import Call, Inbound, Kind, OutgoingCall, Presentation, Reaction
from ari_app.person import PersonNumber, Record
from ari_app.policy import Policy
from ari_app.settings import load
from ari_app.threads import Store
from modem.pdu import submit
from modem.sim_pdu import encode_deliver, encode_report
from modem.types import Sent
from tests.left import leave
from tests.threads.world import HandClock, a_call, raw

ANNE = Actor(member=None, name="Anne", role=Role.ADMINISTRATOR, face=Face.SHELL)
GONE, OLD, STAYS = "+15148765432", "+14387654321", "+15145550101"
LONG_AGO = timedelta(days=10)
MARK = {GONE: "Zqwxjkvendu", OLD: "Wvqkzxjoldu"}
"""A word of theirs that nobody else says."""


class Traces:
    """Leaves traces of one number in a store."""

    def __init__(self, store: Store, policy: Policy, clock: HandClock, number: str) -> None:
        self.store = store
        self.policy = policy
        self.clock = clock
        self.number = number
        self.word = MARK.get(number, "bonjour")
        self._references = iter(range(100, 256))

    async def call(self, **changes: object) -> Call:
        call = a_call(self.number, ended=self.clock.at, started=self.clock.at - timedelta(seconds=20), **changes)
        await self.store.record_call(call, lambda filed, known: self.policy.decide(filed, known, self.clock.at), line="main")
        self.clock.move(seconds=40)
        return call

    async def writes(self, text: str) -> None:
        for pdu in encode_deliver(self.number, text, self.clock.at):
            await self.store.keep(raw(pdu, self.clock.at), self._react)
        self.clock.move(seconds=5)

    async def gets(self, text: str, act: str) -> None:
        """A text of staff goes, and is reported on."""
        await self.store.acts.queue_staff(self.number, text, act, by=ANNE)
        agenda = await self.store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
        for due in agenda.due:
            claimed = await self.store.claim(due.id, self.policy.decide, submit, live=False)
            for part in claimed.parts if claimed else ():
                attempt = await self.store.begin_attempt(part.id, modem="gsm1")
                assert attempt is not None
                reference = next(self._references)
                await self.store.finish_attempt(attempt, Sent(reference))
                report = encode_report(reference, self.number, self.clock.at, self.clock.at, 0)
                await self.store.keep(raw(report, self.clock.at), self._react)
        self.clock.move(seconds=5)

    def _react(self, inbound: Inbound) -> Reaction:
        return self.policy.react(inbound, self.clock.at, {})

    async def everything(self) -> int:
        """Of every kind; the thread."""
        word, number, store = self.word, self.number, self.store
        await self.call()
        await self.writes(f"Bonjour, mal au dos, {word}")
        await self.writes(f"😀 ému, à très bientôt {word}")
        await self.writes(f"une longue histoire, {word} " * 9)
        await self.gets(f"Bonjour, venez demain, {word}", f"{word}-1")
        await self.gets(f"et encore une chose, {word} " * 9, f"{word}-2")
        await self.call(presentation=Presentation.PROHIBITED)
        thread = await store.thread_of(number, "main")
        assert thread is not None
        await store.acts.opened(thread, ANNE)
        await store.acts.note(thread, f"{word} préfère le matin", ANNE, f"{word}-note")
        await store.acts.name(thread, f"Marie {word}", ANNE)
        own = PersonNumber(number=number, label=f"mère {word}")
        records = (
            Record(external=f"P-{word}", name=f"Paul {word}", kind=Kind.CLIENT, tags=("vip",), numbers=(own,)),
            Record(
                external=f"S-{number[-4:]}", name="Sami Roy", numbers=(PersonNumber(number=number), PersonNumber(number="+15145550777"))
            ),
        )
        await store.contacts.apply(records, "import")
        started = self.clock.at
        await store.note_outgoing(_dialled(f"out-{word}", number, started))
        await store.acts.call_back_begun(f"cb-{word}", thread, "201", ANNE)
        await store.acts.call_back_linked(f"cb-{word}", f"out-{word}")
        await store.note_reached(f"reached-{word}", number, started)
        await store.note_started(a_call(number, id=f"up-{word}"))
        leave(store.path, thread, self.clock.at, transcript=f"Ici {word}, rappelez-moi", sound=f"{word} as sound".encode() * 300)
        await self.writes("STOP")
        return thread


def _dialled(name: str, number: str, at: datetime) -> OutgoingCall:
    joined, ended = (at + timedelta(seconds=seconds) for seconds in (9, 60))
    return OutgoingCall(id=name, number=number, started=at, joined=joined, ended=ended)


async def fill(config: Path, people: tuple[str, ...] = (GONE, OLD), others: int = 25) -> None:
    """Traces of ``people``, those of OLD from ten days ago and ticked off, in the midst of others'."""
    settings = load(config)
    clock = HandClock(datetime.now(UTC) - LONG_AGO)
    store = Store(settings.store.path, clock, country="CA")
    await store.open()
    policy = Policy(settings)
    for number in sorted(people, key=lambda each: each != OLD):
        for each in range(others):
            await Traces(store, policy, clock, f"+1514555{each:04}").writes(f"Bonjour, mal de dos zone {each} wagon zorro {number[-1]}")
        thread = await Traces(store, policy, clock, number).everything()
        for each in range(others):
            await Traces(store, policy, clock, f"+1514555{each:04}").writes(f"Merci, à demain zut vendredi {each} {number[-1]}")
        if number == OLD:
            await store.acts.mark_done(thread, ANNE)
            for row in await store.threads(limit=0):  # calls that showed no number have threads of their own
                if row["number"] is None:
                    await store.acts.mark_done(row["id"], ANNE)
        clock.at = datetime.now(UTC) - timedelta(minutes=30)
    await store.close()


def needles(path: Path, number: str) -> dict[str, bytes]:
    """What of a number must not be found: its word as it is written and in every alphabet of a PDU, its digits, every PDU of theirs."""
    word, digits = MARK[number], number.removeprefix("+")
    swapped = "".join(b + a for a, b in zip(digits[::2], f"{digits}F"[1::2], strict=True))
    found = {
        "word": word.encode(),
        "word folded": word.lower().encode(),
        "end of the word": word.lower()[1:].encode(),
        "UCS-2": word.encode("utf-16-be").hex().upper().encode(),
        "digits": digits.encode(),
        "national digits": digits[1:].encode(),
        "BCD": swapped.encode(),
        "sound": f"{word} as sound".encode(),
    }
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reading:
        pdus = reading.execute(
            """SELECT pdu FROM inbound WHERE sender = :number UNION SELECT p.pdu FROM part p JOIN message m ON m.id = p.message
                JOIN thread t ON t.id = m.thread WHERE t.number = :number
                UNION SELECT pdu FROM report WHERE recipient LIKE '%' || :national""",
            {"number": number, "national": digits[1:]},
        ).fetchall()
    return found | {f"PDU {place}": pdu[-80:].encode() for place, (pdu,) in enumerate(pdus)}


def holding(path: Path, wanted: dict[str, bytes]) -> set[str]:
    """Which of these stand in the bytes of the file, its log or the log's index."""
    files = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    everything = b"\0".join(file.read_bytes() for file in files if file.exists())
    return {name for name, value in wanted.items() if value in everything}
