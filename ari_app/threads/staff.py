"""What people here do: write, tick off, take up again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import MessageChanged, ThreadChanged
from ari_app.model import MessageKind, MessageState
from ari_app.numbers import e164
from ari_app.threads import people
from ari_app.threads.database import Transaction
from ari_app.threads.home import Home
from ari_app.threads.rows import stamp
from ari_app.threads.sending import AGAIN
from modem.alphabet import segments

__all__ = ["STAFF_LIFE", "STAFF_PARTS", "Queued", "Written", "queue_staff", "send_again", "set_state"]

STAFF_LIFE = timedelta(hours=24)
"""A person's text that could not leave for this long fails and is shown."""
STAFF_PARTS = 16
"""Parts of the longest text a person may send: what the plainest phones still join."""
_AGAIN = ("failed", "unknown", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Queued:
    """A person's text as it stands. ``new`` False: this act was done before."""

    message: int
    thread: int
    state: MessageState
    new: bool


@dataclass(frozen=True, slots=True)
class Written:
    """A text as a person wrote it. ``act`` names the deed: the same twice is one text."""

    number: str
    text: str
    act: str
    line: str | None = None
    """Else the number's latest thread, else the main line."""
    author: str | None = None
    modem: str | None = None
    """The only modem that may carry it; None leaves that to the conversation."""


def queue_staff(tx: Transaction, written: Written, home: Home, now: datetime) -> Queued:
    """Queue a person's text; their thread counts as answered. The same ``act`` twice is one text.

    Raises RefusedError: no phone number, no text, too long, opted out, or ``act`` used before for another text.
    """
    text, act, line = written.text, written.act, written.line
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
    try:
        parts = segments(home.folded(text)).parts
    except ValueError as error:
        raise RefusedError(f"the text cannot be sent: {error}", "write it again", code="unsendable") from error
    if parts > STAFF_PARTS:
        raise RefusedError(f"the text needs {parts} SMS, and {STAFF_PARTS} is the most", "shorten it, or send it in two", code="too_long")
    contact = people.contact(tx, dialled, now)
    if contact["opted_out"] is not None:
        raise RefusedError(f"{dialled} asked for no more texts", "call instead; the caller can text START", code="opted_out")
    latest = people.latest_thread(tx, dialled) if line is None else None
    thread = int(latest["id"]) if latest else people.open_thread(tx, line or home.line, dialled, people.ANSWERED, now)
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(now), thread))
    people.mark(tx, thread, people.ANSWERED)
    people.set_contact(tx, dialled, "looping", None)
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
            "author": written.author,
            "modem": written.modem,
            "bound": int(written.modem is not None),
            "due": stamp(now),
            "expires": stamp(now + STAFF_LIFE),
        },
    )
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))
    return Queued(message, thread, MessageState.QUEUED, new=True)


def send_again(tx: Transaction, message: int, author: str | None, home: Home, now: datetime) -> Queued:
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
    return queue_staff(tx, Written(row["number"] or "", row["text"], act, row["line"], author), home, now)


def set_state(tx: Transaction, thread: int, state: str) -> bool:
    """Tick a thread off or take it up again; False when it stood so already. Raises NotFoundError."""
    if tx.one("SELECT 1 FROM thread WHERE id = ?", (thread,)) is None:
        raise NotFoundError(f"there is no thread {thread}", "see `textback threads`")
    return people.mark(tx, thread, state)
