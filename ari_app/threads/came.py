"""What came, from the parts of one text alone: what staff see of it, whose it is, and whether it asks for an answer.

Nothing a person must answer is lost for being in an odd form; nothing a machine sent opens a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ari_app.numbers import e164
from modem import mms
from modem.joining import Joined, join
from modem.pdu import Deliver

__all__ = ["Came", "came"]

_WAP_PUSH = 2948
"""Port of WAP push (WAP-259-WDP), by which MMS notifications come (OMA-TS-MMS-ENC 6.2)."""
_FOR_MACHINES = frozenset((0x7D, 0x7E, 0x7F))
"""TP-PID of data for the modem and the SIM (3GPP TS 23.040 9.2.3.9)."""
_USSD = "USSD"
"""The name under which the modem layer hands on what the network itself says."""


@dataclass(frozen=True, slots=True)
class Came:
    """What a text is, as far as it is there."""

    text: str
    note: str | None
    """What staff must know that the text does not say."""
    sender: str
    """E.164 where it is one; "" where none is told."""
    whole: bool
    parts: int
    sent_at: datetime | None
    person: bool = True
    """A person wrote or sent it: these are words of theirs."""
    answer: bool = True
    """Somebody has to look at it."""
    words: bool = True
    """There are words to react to, or a picture."""
    picture: bool = False
    key: str | None = None
    """The same for whatever announces the same thing again."""


def came(parts: Sequence[Deliver], country: str, *, doubtful: bool = False) -> Came:
    """``parts``: of one text, with E.164 senders where they are such. ``country``: whose numbers a picture's local sender's is one of.
    ``doubtful``: they may as well be of two."""
    joined = join(parts)
    first = min(parts, key=lambda part: part.part.number if part.part else 1)
    missing = "sent far apart, perhaps parts of two texts" if doubtful else ""
    if joined.missing:
        missing = f"part {', '.join(map(str, joined.missing))} of {joined.parts} missing"
    note = "; ".join(filter(None, (joined.what, missing))) or None
    text = Came(joined.text, note, first.sender, joined.complete and not doubtful, joined.parts, joined.sent_at, words=bool(joined.text))
    for_machine = replace(text, person=False, answer=False, words=False)
    by_person = first.sender.startswith("+")
    if first.silent:
        return replace(for_machine, text="")  # not meant for anybody's eyes (9.2.3.9)
    if first.port == _WAP_PUSH:
        return _push(for_machine, joined, missing, country)
    if first.mailbox is not None:
        return replace(for_machine, answer=first.mailbox.waiting != 0)
    if first.alphanumeric and first.sender == _USSD:
        return replace(for_machine, note="from the network (USSD)")
    if first.protocol in _FOR_MACHINES or (first.port is not None and not by_person):
        return for_machine
    if first.alphabet == "data":
        return replace(text, person=by_person, answer=by_person)
    return text


def _push(other: Came, joined: Joined, missing: str, country: str) -> Came:
    """A WAP push: a picture message that waits at the carrier, or ``other``, which no person sent."""
    notice = mms.notification(joined.data)
    if notice is None:
        return other
    sender = e164(notice.sender, country) or notice.sender or other.sender
    return replace(
        other,
        text=notice.subject,
        note="; ".join(filter(None, ("picture not received", missing))),
        sender=sender,
        person=True,
        answer=True,
        words=True,
        picture=True,
        key=f"picture:{sender} {notice.location}" if notice.location else None,
    )
