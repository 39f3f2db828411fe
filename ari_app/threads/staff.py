"""What people here do with texts and threads: write, send again, call off, tick off, take up again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ari_app.board import Actor
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import MessageChanged, ThreadChanged
from ari_app.model import MessageKind, MessageState
from ari_app.numbers import e164
from ari_app.threads import people
from ari_app.threads.audit import audit
from ari_app.threads.database import Transaction
from ari_app.threads.holding import held_up_by, hold, refuse_held, thread_row
from ari_app.threads.home import Home
from ari_app.threads.rows import stamp, stamp_or_none
from ari_app.threads.sending import AGAIN
from modem.alphabet import segments

__all__ = ["STAFF_LIFE", "STAFF_PARTS", "Queued", "Written", "call_off", "mark_done", "queue_staff", "reopen", "send_again"]

STAFF_LIFE = timedelta(hours=24)
"""A person's text that could not leave for this long, from its hour on, fails and is shown."""
STAFF_PARTS = 16
"""Parts of the longest text a person may send: what the plainest phones still join."""
FARTHEST = timedelta(days=366)
"""How far ahead a text may be put off."""
LATELY = timedelta(hours=12)
"""How long what a colleague wrote is news to who begins a conversation."""
_AGAIN = ("failed", "unknown", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Queued:
    """A person's text as it stands. ``new`` False: this act was done before."""

    message: int
    thread: int
    state: MessageState
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text as a person wrote it. ``act`` names the deed: the same twice is one text."""

    number: str
    text: str
    act: str
    by: Actor
    line: str | None = None
    """Else the number's latest thread, else the main line."""
    modem: str | None = None
    """The only modem that may carry it; None leaves that to the conversation."""
    scheduled: datetime | None = None
    """The hour at which it is to go; None: now."""
    seen: int | None = None
    """Id of the newest text its writer saw: staff's texts after it, of others, are news to them. None: they saw the thread as it is."""
    blind: bool = False
    """Nobody looked at the thread: what a colleague wrote lately is to be read first."""
    takeover: bool = False
    """Also where another member is answering: a deliberate act."""


def queue_staff(tx: Transaction, written: Written, home: Home, now: datetime) -> Queued:
    """Queue a person's text; their thread counts as answered, and is theirs. The same ``act`` twice is one text.

    Raises RefusedError: no phone number, no text, too long, opted out, ``act`` used before for another text, an hour that is past
    (``in_past``) or too far (``too_far``), one that answered since ``seen`` (``answered_meanwhile``; given again with the newer
    ``seen`` it goes; ``blind``: within ``LATELY``), or another member answering (``held``). Where both are so, the first is raised and
    names the ``holder`` too.
    """
    text, act, by = written.text, written.act, written.by
    dialled = e164(written.number, home.country)
    if dialled is None:
        raise RefusedError(f"{written.number!r} is no phone number", "write it as +15145550123", code="no_number")
    if not text.strip():
        raise RefusedError("the text is empty", "write something", code="no_text")
    before = tx.one("SELECT m.*, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.act = ?", (act,))
    if before is not None:
        if (before["number"], before["text"]) != (dialled, text):
            raise RefusedError(
                f"the id {act.partition(':')[2]!r} was used for another text", "give each text an id of its own", code="id_used"
            )
        return Queued(before["id"], before["thread"], MessageState(before["state"]), new=False)
    _check_length(home.folded(text))
    _check_hour(written.scheduled, now)
    contact = people.contact(tx, dialled, now)
    if contact["opted_out"] is not None:
        raise RefusedError(
            f"{dialled} asked for no more texts",
            "call instead; the caller can text START",
            code="opted_out",
            facts={"at": contact["opted_out"]},
        )
    thread = _thread(tx, dialled, written.line, home, now)
    _refuse_answered(tx, thread, written, now)
    if not written.takeover:
        refuse_held(tx, thread, by, now)
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(now), thread))
    people.settle(tx, thread, people.ANSWERED)
    people.set_contact(tx, dialled, "looping", None)
    hold(tx, thread, by, now)
    due = written.scheduled or now
    message = tx.insert(
        "message",
        {
            "thread": thread,
            "direction": "out",
            "kind": MessageKind.STAFF.value,
            "text": text,
            "state": MessageState.QUEUED.value,
            "at": stamp(now),
            "act": act,
            "author": by.name or None,
            "member": by.member,
            "modem": written.modem,
            "bound": int(written.modem is not None),
            "due": stamp(due),
            "scheduled": stamp_or_none(written.scheduled),
            "expires": stamp(due + STAFF_LIFE),
        },
    )
    what = f"text {message}" + (f" for {stamp(due)}" if written.scheduled else "")
    audit(tx, by, "schedule" if written.scheduled else "send", now, thread=thread, what=what)
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))
    return Queued(message, thread, MessageState.QUEUED, new=True)


def _check_length(text: str) -> None:
    try:
        parts = segments(text).parts
    except ValueError as error:
        raise RefusedError(f"the text cannot be sent: {error}", "write it again", code="unsendable") from error
    if parts > STAFF_PARTS:
        raise RefusedError(
            f"the text needs {parts} SMS, and {STAFF_PARTS} is the most",
            "shorten it, or send it in two",
            code="too_long",
            facts={"most": STAFF_PARTS},
        )


def _check_hour(scheduled: datetime | None, now: datetime) -> None:
    if scheduled is None:
        return
    if scheduled <= now:
        raise RefusedError("the hour is past", "choose a later one, or send it now", code="in_past")
    if scheduled > now + FARTHEST:
        raise RefusedError(f"the hour is more than {FARTHEST.days} days ahead", "choose an earlier one", code="too_far")


def _thread(tx: Transaction, number: str, line: str | None, home: Home, now: datetime) -> int:
    latest = people.latest_thread(tx, number) if line is None else None
    return int(latest["id"]) if latest else people.open_thread(tx, line or home.line, number, people.ANSWERED, now)


def _refuse_answered(tx: Transaction, thread: int, written: Written, now: datetime) -> None:
    """Two people must not answer one caller unknowingly."""
    if written.seen is None and not written.blind:
        return
    since = stamp(now - LATELY) if written.blind else ""
    other = tx.one(
        """SELECT author, (SELECT max(id) FROM message WHERE thread = :thread) AS newest FROM message
            WHERE thread = :thread AND id > :seen AND at > :since AND kind = 'staff' AND member IS NOT :member
            AND state NOT IN ('cancelled', 'failed', 'expired') ORDER BY id DESC LIMIT 1""",
        {"thread": thread, "seen": written.seen or 0, "since": since, "member": written.by.member},
    )
    if other is not None:
        name = other["author"] or "somebody at the shell"
        held = None if written.takeover else held_up_by(tx, thread, written.by, now)
        raise RefusedError(
            f"{name} answered meanwhile" + (f", and {held.name} is answering this caller" if held else ""),
            "read it, then send yours all the same if it still helps",
            code="answered_meanwhile",
            facts={"name": name, "seen": other["newest"], "thread": thread} | ({"holder": held.name} if held else {}),
        )


def send_again(tx: Transaction, message: int, by: Actor, home: Home, now: datetime, *, takeover: bool = False) -> Queued:
    """Queue the same words anew, as a person's text: only a person may risk that the caller gets them twice. Once per message.

    Raises NotFoundError, RefusedError (also as ``queue_staff``) where there is nothing to mend.
    """
    row = tx.one("SELECT m.*, t.number, t.line FROM message m JOIN thread t ON t.id = m.thread WHERE m.id = ?", (message,))
    if row is None:
        raise NotFoundError(f"there is no text {message}", "see `textback thread NUMBER`")
    act = AGAIN.format(message)
    done = tx.one("SELECT 1 FROM message WHERE act = ?", (act,)) is not None
    if not done and (row["direction"] != "out" or (row["state"] not in _AGAIN and not row["unconfirmed"])):
        raise RefusedError(
            f"text {message} is {row['state']}: only one that failed, is unknown or not confirmed is sent again",
            "write a new one",
            code="not_failed",
        )
    written = Written(number=row["number"] or "", text=row["text"], act=act, by=by, line=row["line"], takeover=takeover)
    queued = queue_staff(tx, written, home, now)
    if queued.new:
        tx.run("UPDATE message SET seen_to = ? WHERE id = ?", (stamp(now), message))
        tx.notify(MessageChanged(message, row["thread"]))
    return queued


def call_off(tx: Transaction, message: int, by: Actor, now: datetime) -> bool:
    """Cancel a text that waits for its hour; False when it was. A caller whom nobody else answered waits again.

    Raises NotFoundError, RefusedError: ``not_scheduled``, or ``too_late`` for one that is on its way or gone.
    """
    row = tx.one("SELECT * FROM message WHERE id = ?", (message,))
    if row is None:
        raise NotFoundError(f"there is no text {message}", "see `textback thread NUMBER`")
    if row["scheduled"] is None:
        raise RefusedError(f"text {message} waits for no hour", "only a text that was put off can be called off", code="not_scheduled")
    if row["state"] == "cancelled":
        return False
    if row["state"] != "queued" or row["went"] is not None:
        raise RefusedError(f"text {message} is {row['state']}: it cannot be called off any more", "write another", code="too_late")
    thread = row["thread"]
    tx.run("UPDATE message SET state = 'cancelled', code = 'called_off', what = ? WHERE id = ?", (f"called off by {by.name}", message))
    audit(tx, by, "call_off", now, thread=thread, what=f"text {message}")
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))
    waiting = _unanswered(tx, thread)
    if waiting is not None:
        people.waits(tx, thread, waiting, text=True)
        tx.run("UPDATE thread SET opened = ? WHERE id = ?", (stamp(now), thread))
    return True


def _unanswered(tx: Transaction, thread: int) -> str | None:
    """When the caller of an answered thread last wrote or called in vain, where staff wrote nothing since that reached them or will."""
    found: str | None = tx.value(
        """SELECT max(at) FROM (
                SELECT max(at) AS at FROM message WHERE thread = :thread AND kind = 'caller' AND NOT automatic
                UNION ALL SELECT max(ended) FROM call WHERE thread = :thread AND to_answer)
            WHERE (SELECT state FROM thread WHERE id = :thread) = 'answered' AND at > coalesce((
                SELECT max(at) FROM message WHERE thread = :thread AND kind = 'staff'
                    AND state NOT IN ('cancelled', 'expired', 'failed')), '')""",
        {"thread": thread},
    )
    return found


def mark_done(tx: Transaction, thread: int, by: Actor, now: datetime) -> bool:
    """Tick a thread off, and with it its texts that failed or may not have gone; False when there was nothing to tick off.

    Raises NotFoundError.
    """
    thread_row(tx, thread)
    changed = people.settle(tx, thread, people.DONE)
    seen_to = tx.all(
        """UPDATE message SET seen_to = ? WHERE thread = ? AND direction = 'out' AND state IN ('failed', 'unknown')
            AND seen_to IS NULL RETURNING id""",
        (stamp(now), thread),
    )
    for row in seen_to:
        tx.notify(MessageChanged(row["id"], thread))
    if changed or seen_to:
        audit(tx, by, "done", now, thread=thread)
        tx.notify(ThreadChanged(thread))
    return changed or bool(seen_to)


def reopen(tx: Transaction, thread: int, by: Actor, now: datetime) -> bool:
    """Put a thread back to be answered; False when it was. One that was put off is awake again. Raises NotFoundError."""
    row = thread_row(tx, thread)
    if row["state"] == people.TO_ANSWER and row["snoozed"] is None:
        return False
    changed: bool = row["state"] != people.TO_ANSWER
    people.waits(tx, thread, now)
    tx.run("UPDATE thread SET opened = ? WHERE id = ?", (stamp(now), thread))
    audit(tx, by, "reopen", now, thread=thread)
    return changed
