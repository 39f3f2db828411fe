"""Every screen of a desk phone, from values of the board: a morning's threads, and what hostile texts make of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ari_app.board import (
    Box,
    CallEntry,
    Canned,
    Counts,
    Entry,
    Holder,
    NoteEntry,
    OutgoingEntry,
    Ringing,
    Row,
    TextEntry,
    ThreadState,
    ThreadView,
    VoicemailEntry,
)
from ari_app.model import AnsweredBy, DecisionKind, Kind, Level, MessageKind, MessageState, Outcome, Reached, Reason
from ari_app.portal.phone_words import Words
from ari_app.portal.screen_flow import Flow
from ari_app.portal.screens import Link, Screen, Shape

__all__ = ["COUNTS", "HOSTILE", "NOW", "canned", "flow", "hostile", "left", "rings", "row", "screens", "view"]

NOW = datetime(2026, 3, 2, 19, 5, tzinfo=UTC)
"""14:05 in Montreal, a Monday."""
HOSTILE = (
    "<script>alert('x')</script> & \"q\" ]]> <b>bold</b> &amp; \u202egnp.exe\u202c \u0007\u0000\u001b[31m "
    "🙂 🐶👨‍👩‍👧 𝐅𝐫𝐞𝐞 \ud83d é\u0301 Ça coûte 5 $name $$ %s {0} {name} \u2028ligne\ufeff ￾ \U000e0041"
)


def row(**changes: object) -> Row:
    """A caller who wrote and waits."""
    base = Row(
        thread=17,
        number="+15145550123",
        name="Élodie Côté",
        known=True,
        line="main",
        state=ThreadState.TO_ANSWER,
        urgent=False,
        waits_since=NOW - timedelta(minutes=12),
        opened=False,
        trouble=False,
        holder=None,
        snoozed=None,
        opted_out=False,
        scheduled=0,
        changed=NOW - timedelta(minutes=12),
        last=text("Bonjour, je voudrais déplacer mon rendez-vous de demain, est-ce possible?"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def text(words: str, *, incoming: bool = True, ago: int = 12, **changes: object) -> TextEntry:
    base = TextEntry(
        id=105,
        at=NOW - timedelta(minutes=ago),
        incoming=incoming,
        kind=MessageKind.CALLER if incoming else MessageKind.STAFF,
        text=words,
        state=MessageState.RECEIVED if incoming else MessageState.DELIVERED,
        note=None,
        what=None,
        code=None,
        author=None if incoming else "Marie Tremblay",
        parts=1,
        confirmed=None,
        scheduled=None,
        again=False,
        modem=None,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def call(*, ago: int = 60, **changes: object) -> CallEntry:
    base = CallEntry(
        id="1772463600.1",
        at=NOW - timedelta(minutes=ago),
        ended=NOW - timedelta(minutes=ago),
        outcome=Outcome.MISSED,
        answered_by=None,
        reached=Reached.RING,
        rang=20.0,
        decision=DecisionKind.REPLY,
        reason=Reason.MISSED,
        line="main",
        voicemail_left=False,
        handed_on=False,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def left(*, ago: int = 60, **changes: object) -> VoicemailEntry:
    base = VoicemailEntry(
        id=4,
        at=NOW - timedelta(minutes=ago),
        call="1772463600.1",
        mailbox="100",
        seconds=42.3,
        heard=None,
        heard_by=None,
        transcription="off",
        transcript=None,
        playable=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def rings(**changes: object) -> Ringing:
    """A client's call that rings at extension 201."""
    base = Ringing(
        id="1772463600.7",
        number="+15145550188",
        name="Famille Bélanger-Thibodeau",
        line="main",
        since=NOW,
        extensions=("201",),
        thread=None,
        kind=Kind.CLIENT,
        level=Level.URGENT,
        declinable=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def entries() -> tuple[Entry, ...]:
    """A time line with one of everything."""
    return (
        text("Bonjour, je voudrais déplacer mon rendez-vous de demain, est-ce possible?"),
        NoteEntry(id=3, at=NOW - timedelta(minutes=20), author="Marie", text="Préfère le matin"),
        OutgoingEntry(
            id="2.1",
            at=NOW - timedelta(minutes=30),
            by="Marie",
            joined=NOW - timedelta(minutes=30),
            ended=NOW - timedelta(minutes=28),
            talked=95.0,
            reached=True,
            failed=None,
        ),
        OutgoingEntry(
            id="2.0",
            at=NOW - timedelta(minutes=40),
            by=None,
            joined=None,
            ended=NOW - timedelta(minutes=39),
            talked=None,
            reached=False,
            failed=None,
        ),
        OutgoingEntry(
            id="textback-callback-1",
            at=NOW - timedelta(minutes=41),
            by="Marie",
            joined=None,
            ended=NOW - timedelta(minutes=41),
            talked=None,
            reached=False,
            failed="phone_offline",
        ),
        text("On vous attend à 9 h.", incoming=False, ago=50),
        text("Rappel", incoming=False, ago=55, state=MessageState.QUEUED, scheduled=NOW + timedelta(days=1)),
        text("Clinique Rivard: que vous faut-il?", incoming=False, ago=59, kind=MessageKind.AUTO, author=None, state=MessageState.FAILED),
        call(),
        call(ago=60 * 24 * 3, outcome=Outcome.ANSWERED, answered_by=AnsweredBy.EXTENSION),
        call(ago=60 * 24 * 30, reached=Reached.VOICEMAIL, voicemail_left=True),
        left(
            ago=60 * 24 * 30,
            heard=NOW,
            heard_by="Marie",
            seconds=75.0,
            transcription="done",
            transcript="bonjour c'est Élodie rappelez-moi",
        ),
    )


def view(**changes: object) -> ThreadView:
    """A thread, opened."""
    base = ThreadView(row=row(opened=True), language="fr", opted_out=None, not_textable=None, entries=entries(), older=True, seen=105)
    return replace(base, **changes)  # type: ignore[arg-type]


def canned(count: int = 3) -> tuple[Canned, ...]:
    labels = ("Nous rappelons", "C'est noté", "Quand vous convient-il?")
    return tuple(Canned(id=place + 1, language="fr", label=labels[place % 3], text="Bonjour {name}") for place in range(count))


def flow(shape: Shape, language: str = "fr") -> Flow:
    """Nonces are counted, so that the same screen is the same bytes."""
    counted: Iterator[int] = itertools.count(1)
    return Flow(
        words=Words(language),
        member=1,
        shape=shape,
        zone=ZoneInfo("America/Toronto"),
        country="CA",
        now=NOW,
        nonce=lambda: f"NONCE{next(counted):03}",
        dial=lambda number: f"9{number.removeprefix('+1')}",
    )


COUNTS = Counts(to_answer=3, unopened=1, trouble=1, snoozed=0, oldest=NOW)


def morning() -> tuple[Row, ...]:
    """One row of every kind, newest first."""
    return (
        row(urgent=True),
        row(thread=12, name=None, number="+15145550177", last=call(), changed=NOW - timedelta(hours=1)),
        row(thread=11, name="Pharmacie & Fils", opened=True, holder=Holder(member=2, name="Marie", until=NOW)),
        row(thread=10, name=None, number=None, last=call(ago=60 * 30)),
        row(thread=9, waits_since=None, trouble=True, last=text("Bonjour!", incoming=False, ago=60 * 24 * 9)),
        row(thread=8, last=None),
        row(thread=7, name="Léa Tremblay, Marc Tremblay, Zoé Tremblay", level=Level.HIGH, why="Suivi de chirurgie", kind=Kind.CLIENT),
        row(thread=6, name=None, number="+15145550166", known=False, offered="Paul Roy", last=left(), unheard=1),
    )


def screens(shape: Shape, language: str = "fr") -> dict[str, Screen]:
    """Each by its name; golden files have these names."""
    make = flow(shape, language)
    seen = view()
    many = tuple(row(thread=thread) for thread in range(1, shape.rows + 2))
    found: dict[str, Screen] = {
        "inbox": make.inbox(morning(), COUNTS),
        "inbox_empty": make.inbox((), replace(COUNTS, to_answer=0, unopened=0, trouble=0)),
        "inbox_full": make.inbox(many, COUNTS),
        "inbox_second": make.inbox(many, COUNTS, offset=shape.rows),
        "inbox_all": make.inbox(many, COUNTS, box=Box.ALL),
        "inbox_trouble": make.inbox(morning()[4:5], COUNTS, box=Box.TROUBLE),
        "inbox_ringing": make.inbox(morning(), COUNTS, rings=rings()),
        "inbox_rings_alone": make.inbox((), COUNTS, rings=rings(name=None, kind=None, level=Level.NORMAL)),
        "declined": make.declined(rings(), 21),
        "thread_offered": make.thread(view(row=row(name=None, known=False, offered="Paul Roy"), entries=(left(), call())), canned()),
        "thread_urgent": make.thread(view(row=row(urgent=True, level=Level.URGENT, why="emergency")), canned()),
        "kept": make.kept(17, "Paul Roy"),
        "thread": make.thread(seen, canned()),
        "thread_held": make.thread(view(row=row(holder=Holder(member=2, name="Marie", until=NOW))), canned()),
        "thread_many_replies": make.thread(seen, canned(20)),
        "thread_opted_out": make.thread(view(opted_out=NOW), canned()),
        "thread_hidden": make.thread(view(row=row(name=None, number=None), entries=(call(),)), canned()),
        "thread_empty": make.thread(view(entries=(), older=False), ()),
        "reading": make.reading(seen, 0),
        "ready": make.ready(seen, canned(20), 8),
        "confirm": make.confirm(17, "Oui, à 10 h. À jeudi!", 1, 105, "NONCE000"),
        "sent": make.sent(seen, "Oui, à 10 h. À jeudi!", MessageState.QUEUED),
        "calling": make.calling(seen),
        "done": make.done(seen),
        "changed": make.changed(seen),
        "held": make.held(17, "Marie Tremblay", NOW + timedelta(minutes=5), Link("t/17/c/1/105/NONCE000/o")),
        "answered": make.answered(17, "Marie Tremblay", Link("t/17/c/1/110/NONCE000")),
        "error": make.error(make.words("trouble")),
        "no_access": make.error(make.words("unknown_key"), None),
        "pin": make.pin("Marie Tremblay", wrong=True),
    }
    if shape.writes:
        found["write"] = make.write(seen, "Oui, à 10")
    return found


def hostile(shape: Shape) -> dict[str, Screen]:
    """The same screens, where everything a caller or a colleague chose is hostile, and one text has 10,000 characters."""
    make = flow(shape)
    long = (HOSTILE * 100)[:10_000]
    odd = row(
        name=HOSTILE, last=text(long), holder=Holder(member=2, name=HOSTILE, until=NOW), level=Level.HIGH, why=HOSTILE, offered=HOSTILE
    )
    seen = view(
        row=odd,
        older=False,
        entries=(
            text(long),
            text(HOSTILE, incoming=False, author=HOSTILE),
            NoteEntry(id=3, at=NOW, author=HOSTILE, text="&" * 10_000),
            text("x" * 10_000),
            left(heard=NOW, heard_by=HOSTILE, transcription="done", transcript=long),
        ),
    )
    ready = tuple(replace(each, label=HOSTILE) for each in canned(20))
    found: dict[str, Screen] = {
        "inbox": make.inbox((odd,) * (shape.rows + 1), COUNTS),
        "inbox_ringing": make.inbox((odd,) * (shape.rows + 1), COUNTS, rings=rings(id="../\u202e?q=1&<'\"", name=HOSTILE)),
        "declined": make.declined(rings(name=HOSTILE), 21),
        "kept": make.kept(17, HOSTILE),
        "thread": make.thread(seen, ready),
        "ready": make.ready(seen, ready, 0),
        "confirm": make.confirm(17, long, 66, 105, "NONCE000"),
        "confirm_wide": make.confirm(17, '"' * 10_000, 66, 105, "NONCE000"),
        "sent": make.sent(seen, long, MessageState.SENT),
        "calling": make.calling(seen),
        "done": make.done(seen),
        "held": make.held(17, HOSTILE, None, Link("t/17")),
        "answered": make.answered(17, HOSTILE, Link("t/17")),
        "error": make.error(long),
        "pin": make.pin(HOSTILE),
    }
    found |= {f"reading_{page}": make.reading(seen, page) for page in (0, 1, 5, 50)}
    if shape.writes:
        found["write"] = make.write(seen, long)
    return found
