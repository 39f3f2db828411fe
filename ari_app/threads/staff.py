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
from ari_app.threads.rows import stamp
from modem.alphabet import segments

__all__ = ["STAFF_LIFE", "STAFF_PARTS", "Queued", "queue_staff", "set_state"]

STAFF_LIFE = timedelta(hours=24)
"""A person's text that could not leave for this long fails and is shown."""
STAFF_PARTS = 10
"""Parts of the longest text a person may send: phones and networks join no more reliably."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A person's text as it stands. ``new`` False: this act was done before."""

    message: int
    thread: int
    state: MessageState
    new: bool


def queue_staff(
    tx: Transaction, number: str, text: str, act: str, *, line: str | None, author: str | None, home: str, country: str, now: datetime
) -> Queued:
    """Queue a person's text; their thread counts as answered. The same ``act`` twice is one text.

    ``line``: else the number's latest thread, else ``home``. Raises RefusedError: no phone number, no text, too long, opted out,
    or ``act`` used before for another text.
    """
    dialled = e164(number, country)
    if dialled is None:
        raise RefusedError(f"{number!r} is no phone number", "write it as +15145550123", code="no_number")
    if not text.strip():
        raise RefusedError("the text is empty", "write something", code="no_text")
    key = f"client:{act}"
    before = tx.one("SELECT m.*, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.act = ?", (key,))
    if before is not None:
        if (before["number"], before["text"]) != (dialled, text):
            raise RefusedError(f"the id {act!r} was used for another text", "give each text an id of its own", code="id_used")
        return Queued(before["id"], before["thread"], MessageState(before["state"]), new=False)
    try:
        parts = segments(text).parts
    except ValueError as error:
        raise RefusedError(f"the text cannot be sent: {error}", "write it again", code="unsendable") from error
    if parts > STAFF_PARTS:
        raise RefusedError(f"the text needs {parts} SMS, and {STAFF_PARTS} is the most", "shorten it, or send it in two", code="too_long")
    contact = people.contact(tx, dialled, now)
    if contact["opted_out"] is not None:
        raise RefusedError(f"{dialled} asked for no more texts", "call instead; the caller can text START", code="opted_out")
    latest = people.latest_thread(tx, dialled) if line is None else None
    thread = int(latest["id"]) if latest else people.open_thread(tx, line or home, dialled, people.ANSWERED, now)
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
            "act": key,
            "author": author,
            "due": stamp(now),
            "expires": stamp(now + STAFF_LIFE),
        },
    )
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))
    return Queued(message, thread, MessageState.QUEUED, new=True)


def set_state(tx: Transaction, thread: int, state: str) -> bool:
    """Tick a thread off or take it up again; False when it stood so already. Raises NotFoundError."""
    if tx.one("SELECT 1 FROM thread WHERE id = ?", (thread,)) is None:
        raise NotFoundError(f"there is no thread {thread}", "see `textback threads`")
    return people.mark(tx, thread, state)
