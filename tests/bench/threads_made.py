"""A store as a large clinic has it after years: threads, calls, texts and notes, made in bulk from a seed.

``python -m tests.bench.threads_made FILE [--threads N] [--messages N]``. The same seed gives the same store, row for row.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.clock import SystemClock
from ari_app.threads import Store
from ari_app.threads.persons import sort_key
from ari_app.threads.rows import stamp

__all__ = ["END", "LINES", "Made", "make"]

END = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""When the last of it happens."""
LINES = ("main", "dental", "physio")
_YEARS = timedelta(days=3 * 365)
_AREAS = ("514", "438", "450", "579", "418", "581", "819", "367")
_FIRST = (
    *("Marie", "Josée", "Éloïse", "Anaïs", "Chloé", "Noémie", "Geneviève", "Hélène", "Zoé", "Béatrice", "Jean", "François", "André"),
    *("René", "Étienne", "Jérôme", "Gaël", "Maël", "Benoît", "Luc", "Mary", "Ann", "Margaret", "Ruth", "Grace", "Emily", "Rachel"),
    *("Sarah", "Nora", "Hannah", "John", "Peter", "Michael", "Omar", "Amir", "Li", "Wei", "Minh", "Ngoc", "Priya", "Diego", "Lucía"),
)
_LAST = (
    *("Tremblay", "Gagnon", "Roy", "Côté", "Bouchard", "Gauthier", "Morin", "Lavoie", "Fortin", "Gagné", "Ouellet", "Pelletier"),
    *("Bélanger", "Lévesque", "Bergeron", "Leblanc", "Paquette", "Smith", "Brown", "Wilson", "Martin", "Taylor", "Nguyen", "Tran"),
    *("Chen", "Wang", "Singh", "Patel", "Haddad", "Khoury", "García", "Hernández", "Müller", "Okafor", "Diallo", "Traoré"),
)
_SAYS = (
    "Bonjour, je voudrais prendre un rendez-vous {when}",
    "J'ai besoin de renouveler mon ordonnance de {drug}",
    "Est-ce que le docteur est là {when}?",
    "Mon fils a de la fièvre depuis hier, que dois-je faire?",
    "Merci beaucoup, à {when}",
    "Je dois annuler mon rendez-vous de {when}, désolée",
    "Hello, I would like an appointment {when}",
    "Can you renew my prescription for {drug} please",
    "My results, are they in?",
    "I am running late, about {n} minutes",
    "Thanks, see you {when}",
    "Oui",
    "Non",
    "Ok",
    "Yes please",
    "D'accord 👍",
    "Voici mon numéro d'assurance: TREM {n}{n} 1{n}",
)
_ANSWERS = (
    "Bonjour, nous avons une place {when} à {n}h. Est-ce que cela vous convient?",
    "Votre ordonnance de {drug} est prête à la pharmacie.",
    "C'est noté, à {when}.",
    "Hello, we have an opening {when} at {n}. Does that suit you?",
    "Your prescription for {drug} has been sent to the pharmacy.",
    "Please call us at 514-555-01{n}.",
    "Noted, see you {when}.",
)
_WHEN = ("lundi", "mardi", "mercredi matin", "jeudi", "vendredi après-midi", "demain", "monday", "tuesday", "next week", "tomorrow morning")
_DRUGS = ("amoxicilline", "metformine", "lisinopril", "ventolin", "synthroid", "atorvastatin", "naproxène", "ramipril")
_NOTES = ("Rappeler le mari {when}", "Allergie: {drug}", "Préfère le matin", "Call after {n}h", "Owes a form", "Dossier à vérifier {when}")
_MISSED = {
    "fr": "Ici la clinique. Nous avons manqué votre appel. Que pouvons-nous faire pour vous? Répondez par texto.",
    "en": "This is the clinic. We missed your call. What can we do for you? Answer by text.",
}
_HOURS = (8, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 20, 60, 70, 60, 50, 60, 55, 50, 45, 40, 20, 12)
"""Calls by the hour of UTC, of a clinic in Québec."""
_AT_ONCE = 20_000

_CONTACT = "INSERT INTO contact (id, number, name, kind, language, opted_out, created) VALUES (?, ?, ?, ?, ?, ?, ?)"
_PERSON = "INSERT INTO person (id, external, source, name, kind, created, changed, sort) VALUES (?, ?, 'sync', ?, 'client', ?, ?, ?)"
_PERSON_NUMBER = "INSERT INTO person_number (person, number, position) VALUES (?, ?, ?)"
_THREAD = """INSERT INTO thread (id, line, number, state, text_waits, created, changed, waits_since, opened, urgent, snoozed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_CALL = """INSERT INTO called (id, thread, started, ended, presented, caller, presentation, did, context, channel, outcome, answered_by,
    reached, rang, caller_hung_up, voicemail_left, handed_on, machine, asked, suspect, option, blacklisted, switches, to_answer, decision,
    reason, open, line, detail, language, decided) VALUES (?, ?, ?, ?, ?, ?, 'allowed', '5145550199', 'from-trunk', 'PJSIP/trunk-1', ?, ?,
    ?, ?, 1, ?, 0, 0, 0, 0, '', 0, '{}', ?, ?, ?, ?, ?, '{}', ?, ?)"""
_TEXT = """thread, direction, kind, text, state, at, act, call, author, member, language, modem, due, expires, went, claimed, parts,
    code, what"""
_MESSAGE = f"""INSERT INTO written ({_TEXT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'gsm1', ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608  (our own)
_NOTE = "INSERT INTO note (thread, at, author, text, act) VALUES (?, ?, ?, ?, ?)"
_VOICEMAIL = """INSERT INTO voicemail (call, thread, message, mailbox, context, folder, at, seconds, heard, transcription, transcript)
    VALUES (?, ?, ?, '100', 'default', ?, ?, ?, ?, ?, ?)"""
_REACHED = "INSERT INTO reached (call, number, at) VALUES (?, ?, ?)"
_OUTGOING = "INSERT INTO outgoing (id, number, started, joined, ended, reached) VALUES (?, ?, ?, ?, ?, ?)"
_MEMBERS = ("Anne", "Brigitte", "Carlos")


@dataclass(frozen=True, slots=True)
class Made:
    """What was made."""

    threads: int
    messages: int
    calls: int


async def make(path: Path, *, threads: int = 100_000, messages: int = 1_000_000, seed: int = 4) -> Made:
    """Fill a new store at ``path``: ``threads`` callers, ``messages`` texts, a call for each first text and more in vain."""
    store = Store(path, SystemClock())
    await store.open()
    await store.close()
    return await asyncio.to_thread(_fill, path, threads, messages, seed)


def _fill(path: Path, threads: int, messages: int, seed: int) -> Made:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        db.execute("BEGIN")
        # one rebuild at the end costs a fraction of what a million inserts into the index do
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_insert'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for table, source in (("written", "message"), ("called", "call")):
            db.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {source} WHERE 0")  # noqa: S608  (our own)
        _write(db, _Maker(threads, messages, seed).rows())
        # calls and texts lie in the file as they come, whatever thread they are of
        db.execute("INSERT INTO call SELECT * FROM called ORDER BY started, id")
        db.execute(f"INSERT INTO message ({_TEXT}) SELECT {_TEXT} FROM written ORDER BY at, thread")  # noqa: S608  (our own)
        for name, sql in kept:
            db.execute(sql)
            index = name.removesuffix("_insert")
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")  # noqa: S608  (names of the schema)
        db.execute("COMMIT")
        count = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("thread", "message", "call")]  # noqa: S608
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Made(*count)


def _write(db: sqlite3.Connection, rows: Iterator[tuple[str, tuple[object, ...]]]) -> None:
    waiting: dict[str, list[tuple[object, ...]]] = {}
    for sql, row in rows:
        batch = waiting.setdefault(sql, [])
        batch.append(row)
        if len(batch) >= _AT_ONCE:
            db.executemany(sql, batch)
            batch.clear()
    for sql, batch in waiting.items():
        db.executemany(sql, batch)


class _Maker:
    """Rows of a clinic's years, thread by thread; times of different threads interleave."""

    def __init__(self, threads: int, messages: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secret)
        self._threads = threads
        self._messages = messages
        self._calls = 0
        self._people = 0

    def rows(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        for member, name in enumerate(_MEMBERS, 1):
            sql = "INSERT INTO member (id, login, name, role, active, created) VALUES (?, ?, ?, 'staff', 1, ?)"
            yield sql, (member, name.lower(), name, stamp(END - _YEARS))
        numbers = self._random.sample(range(len(_AREAS) * 10_000_000), self._threads)
        sizes = self._sizes()
        for thread, (number, size) in enumerate(zip(numbers, sizes, strict=True), 1):
            area, local = divmod(number, 10_000_000)
            yield from self._thread(thread, f"+1{_AREAS[area]}{local:07}", size)

    def _sizes(self) -> list[int]:
        """Texts of each thread: many have few, few have many, and together they are as many as asked for."""
        weights = [self._random.paretovariate(1.5) for _ in range(self._threads)]
        whole = sum(weights)
        sizes = [int(self._messages * weight / whole) for weight in weights]
        for short in range(self._messages - sum(sizes)):
            sizes[short % self._threads] += 1
        return sizes

    def _thread(self, thread: int, number: str, size: int) -> Iterator[tuple[str, tuple[object, ...]]]:
        pick = self._random
        line = pick.choices(LINES, (80, 15, 5))[0]
        language = pick.choices(("fr", "en"), (70, 30))[0]
        # most of what is there is old; what is new is what waits
        begun = END - _YEARS * pick.random()
        names = self._names()
        opted_out = stamp(begun) if pick.random() < 0.01 else None
        kind = "client" if names else None
        yield _CONTACT, (thread, number, ", ".join(names) or None, kind, language, opted_out, stamp(begun))
        for name in names:
            self._people += 1
            yield _PERSON, (self._people, f"D{self._people}", name, stamp(begun), stamp(begun), sort_key(name))
            yield _PERSON_NUMBER, (self._people, number, 0)
        made = list(self._conversation(thread, number, line, language, begun, size))
        last = max(str(row[5] if sql is _MESSAGE else row[3]) for sql, row in made if sql in (_MESSAGE, _CALL))
        recent = last > stamp(END - timedelta(days=20))
        waits = pick.random() < (0.15 if recent else 0.005)
        state = "to_answer" if waits else pick.choices(("answered", "done"), (30, 70))[0]
        snoozed = stamp(END + timedelta(days=pick.randint(1, 9))) if waits and pick.random() < 0.1 else None
        opened = last if waits and pick.random() < 0.5 else None
        yield (
            _THREAD,
            (
                thread,
                line,
                number,
                state,
                int(waits),
                stamp(begun),
                last,
                last if waits else None,
                opened,
                pick.choices((0, 1, 2), (90, 5, 5))[0] if waits else 0,
                snoozed,
            ),
        )
        yield from made
        if pick.random() < 0.08:
            yield _NOTE, (thread, last, pick.choice(_MEMBERS), self._said(_NOTES), f"note {thread}")
        if pick.random() < 0.2:
            started = datetime.fromisoformat(last) + timedelta(minutes=pick.randint(1, 300))
            joined = started + timedelta(seconds=12)
            spoke = stamp(joined) if pick.random() < 0.5 else None
            yield _OUTGOING, (f"out.{thread}", number, stamp(started), stamp(joined), stamp(joined + timedelta(minutes=2)), spoke)

    def _names(self) -> list[str]:
        """Who is behind a number, by name: nobody known, one, or a family."""
        pick = self._random
        if pick.random() >= 0.6:
            return []
        family = pick.choice(_LAST)
        return sorted({f"{pick.choice(_FIRST)} {family}" for _ in range(pick.choices((1, 2, 3), (90, 7, 3))[0])})

    def _conversation(  # noqa: PLR0917  (facts of one caller)
        self, thread: int, number: str, line: str, language: str, begun: datetime, size: int
    ) -> Iterator[tuple[str, tuple[object, ...]]]:
        pick = self._random
        left, at = size, begun
        for started in self._bouts(begun, max(1, size // 5)):
            at = started
            missed = pick.random() < 0.85
            texts = missed and left > 0 and pick.random() < 0.8
            call = f"{at.timestamp():.0f}.{self._calls}"
            self._calls += 1
            rang = pick.uniform(4, 40)
            ended = at + timedelta(seconds=rang)
            open_ = 13 <= at.hour < 22
            quiet = pick.choices(("cooldown", "in_conversation", "short_ring", "reached_later"), (50, 30, 15, 5))[0]
            reason = ("missed" if open_ else "closed") if texts else quiet if missed else "answered"
            outcome, by = ("missed", None) if missed else ("answered", "extension")
            when = (stamp(at), stamp(ended), number.removeprefix("+1"), number)
            decision = "reply" if texts else "silence"
            left_word = missed and pick.random() < 0.08
            place = "voicemail" if left_word else "ring"
            told = (outcome, by, place, rang, int(left_word), int(missed), decision)
            yield _CALL, (call, thread, *when, *told, reason, int(open_), line, language, stamp(ended))
            if left_word:
                yield self._voicemail(call, thread, ended)
            if not missed:
                yield _REACHED, (call, number, stamp(ended))
            at = min(ended + timedelta(seconds=30), END)
            if texts:
                yield self._auto(thread, call, language, at)
                left -= 1
            for _ in range(min(left, pick.randint(2, 8))):
                at = min(at + timedelta(minutes=pick.expovariate(1 / 25)), END)
                yield self._text(thread, at)
                left -= 1
        for _ in range(left):
            at = min(at + timedelta(minutes=pick.expovariate(1 / 25)), END)
            yield self._text(thread, at)

    def _bouts(self, begun: datetime, many: int) -> list[datetime]:
        """When a caller calls, and writes after it: by day more than by night."""
        pick = self._random
        found = []
        for _ in range(many):
            at = begun + (END - begun) * pick.random()
            found.append(min(at.replace(hour=pick.choices(range(24), _HOURS)[0]), END - timedelta(minutes=pick.uniform(1, 600))))
        return sorted(found)

    def _voicemail(self, call: str, thread: int, at: datetime) -> tuple[str, tuple[object, ...]]:
        pick = self._random
        heard = stamp(at + timedelta(hours=1)) if END - at > timedelta(days=2) or pick.random() < 0.5 else None
        said = self._said(_SAYS) if pick.random() < 0.7 else None
        folder = "Old" if heard else "INBOX"
        return _VOICEMAIL, (call, thread, f"msg {call}", folder, stamp(at), pick.uniform(3, 60), heard, "done" if said else "off", said)

    def _auto(self, thread: int, call: str, language: str, at: datetime) -> tuple[str, tuple[object, ...]]:
        when = stamp(at)
        failed = self._random.random() < 0.0005
        state, code, what = ("failed", "cms_500", "the network refused it") if failed else ("delivered", None, None)
        went = None if failed else when
        return _MESSAGE, (
            *(thread, "out", "auto", _MISSED[language], state, when, f"call:{call}", call, None, None, language),
            *(when, when, went, when, 1, code, what),
        )

    def _text(self, thread: int, at: datetime) -> tuple[str, tuple[object, ...]]:
        when = stamp(at)
        if self._random.random() < 0.55:
            text = self._said(_SAYS)
            return _MESSAGE, (thread, "in", "caller", text, "received", when, *(None,) * 9, 1, None, None)
        member = self._random.randrange(len(_MEMBERS))
        text = self._said(_ANSWERS)
        return _MESSAGE, (
            *(thread, "out", "staff", text, "delivered", when, None, None, _MEMBERS[member], member + 1, None),
            *(when, when, when, when, 1, None, None),
        )

    def _said(self, among: tuple[str, ...]) -> str:
        pick = self._random
        return pick.choice(among).format(when=pick.choice(_WHEN), drug=pick.choice(_DRUGS), n=pick.randint(10, 59))


def main() -> None:
    """Make one as a file."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("file", type=Path)
    given.add_argument("--threads", type=int, default=100_000)
    given.add_argument("--messages", type=int, default=1_000_000)
    asked = given.parse_args()
    made = asyncio.run(make(asked.file, threads=asked.threads, messages=asked.messages))
    print(f"{made.threads} threads, {made.messages} messages, {made.calls} calls")  # noqa: T201


if __name__ == "__main__":
    main()
