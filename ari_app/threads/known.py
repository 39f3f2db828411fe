"""What the store knows of a caller when a call is decided (``model.Known``), gathered in the deciding transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from ari_app.model import CLOCK_SLACK, Known
from ari_app.threads.database import Reader
from ari_app.threads.people import forgotten_opt_out
from ari_app.threads.persons import people_of, standing
from ari_app.threads.rows import moment, required, stamp

__all__ = ["BURST_WINDOW", "DAY", "STAFF_WROTE", "TO_CALLERS", "gather", "known_person", "unanswered"]

BURST_WINDOW = timedelta(minutes=10)
DAY = timedelta(hours=24)
LONGEST_DAY = timedelta(hours=25)
"""When clocks are set back: all of it is today."""
STAFF_WROTE = "m.kind = 'staff' AND (m.state NOT IN ('cancelled', 'expired', 'failed') OR m.went IS NOT NULL)"
"""Of message m: words of staff that reached the caller, may have, or still will."""
TO_CALLERS = "m.notice IS NOT 'on_call'"
"""Of message m: not to who is on call, which takes nothing of the limits that callers' texts have."""

# "Went or may have gone" begins with the claim, before the first attempt: two modems may decide for one number at the same time.
# It holds of a failed text too when one of its parts went: the caller has that part.


def known_person(reader: Reader, number: str) -> bool:
    """Named, or has written or been written to by a person."""
    return bool(
        reader.value(
            f"""SELECT EXISTS (SELECT 1 FROM person_number WHERE number = :number)
                OR EXISTS (SELECT 1 FROM message m JOIN thread t ON t.id = m.thread
                    WHERE t.number = :number AND NOT m.automatic
                    AND (m.kind = 'caller' OR ({STAFF_WROTE})))""",  # noqa: S608  (our own)
            {"number": number},
        )
    )


def unanswered(reader: Reader, number: str, now: datetime, *, but: str = "") -> tuple[datetime, ...]:
    """Starts of a number's calls of the last 25 h that nobody answered, newest first. ``but``: id of a call that does not count."""
    rows = reader.all(
        """SELECT started FROM call INDEXED BY call_by_caller WHERE caller = ? AND started BETWEEN ? AND ? AND outcome != 'answered'
            AND id != ? ORDER BY started DESC""",
        (number, stamp(now - LONGEST_DAY), stamp(now + CLOCK_SLACK), but),
    )
    return tuple(required(row["started"]) for row in rows)


def gather(reader: Reader, *, call: str, number: str | None, line: str, ended: datetime, now: datetime, live: bool) -> Known:
    """Everything known of ``number`` at ``now``, this call's own row and text left out.

    "Last" passes over stamps further ahead than ``CLOCK_SLACK``: made before the clock was set back, they would hide the true last.
    """
    totals = {"soon": stamp(now + CLOCK_SLACK), "call": call, "day": stamp(now - DAY), "burst": stamp(now - BURST_WINDOW)}
    all_today = reader.value(
        f"""SELECT count(*) FROM message m WHERE m.kind IN ('auto', 'notice') AND m.claimed >= :day AND {TO_CALLERS}
            AND (m.state = 'sending' OR m.went IS NOT NULL) AND m.call IS NOT :call""",  # noqa: S608  (our own)
        totals,
    )
    burst = reader.value(
        """SELECT (SELECT count(*) FROM message m WHERE m.kind IN ('auto', 'notice') AND m.kind = 'auto'
                AND m.stranger AND m.claimed >= :burst
                AND (m.state = 'sending' OR m.went IS NOT NULL) AND m.call IS NOT :call)
            + (SELECT count(*) FROM message m WHERE m.kind = 'auto' AND m.stranger AND m.state = 'queued' AND m.went IS NULL
                AND m.at >= :burst AND m.call IS NOT :call)""",
        totals,
    )
    restored = moment(reader.value("SELECT restored FROM history WHERE one = 1"))
    if number is None:
        return Known(number=None, all_today=all_today, burst=burst, live=live, restored=restored)
    about = {**totals, "number": number, "line": line, "ended": stamp(ended)}
    contact = reader.one("SELECT * FROM contact WHERE number = :number", about)
    last_auto = reader.one(
        """SELECT coalesce(m.went, m.claimed) AS at, m.call FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = :number AND m.kind = 'auto' AND m.call IS NOT :call
            AND (m.state = 'sending' OR m.went IS NOT NULL) AND coalesce(m.went, m.claimed) <= :soon ORDER BY at DESC LIMIT 1""",
        about,
    )
    auto_today = reader.value(
        f"""SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE t.number = :number
            AND m.kind IN ('auto', 'notice') AND m.claimed >= :day AND {TO_CALLERS}
            AND (m.state = 'sending' OR m.went IS NOT NULL) AND m.call IS NOT :call""",  # noqa: S608  (our own)
        about,
    )
    last_person = reader.value(
        f"""SELECT max(m.at) FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = :number AND t.line = :line AND NOT m.automatic AND m.at <= :soon
            AND (m.kind = 'caller' OR ({STAFF_WROTE}))""",  # noqa: S608  (our own)
        about,
    )
    later_due = reader.value(
        """SELECT max(m.due) FROM message m JOIN thread t ON t.id = m.thread JOIN call c ON c.id = m.call
            WHERE t.number = :number AND t.line = :line AND m.state = 'queued' AND m.kind = 'auto' AND c.id != :call
            AND (c.ended, c.id) > (:ended, :call)""",
        about,
    )
    behind = standing(people_of(reader, number))
    return Known(
        number=number,
        language=(contact["language"] if contact else None) or behind.language,
        wrote=contact["wrote"] if contact else None,
        kind=behind.kind,
        tags=behind.tags,
        named=behind.name is not None,
        first=last_auto is None,
        calls=unanswered(reader, number, now, but=call),
        known_contact=known_person(reader, number),
        opted_out=moment(contact["opted_out"] if contact else forgotten_opt_out(reader, number)),
        not_textable=contact["not_textable"] if contact else None,
        last_person=moment(last_person),
        last_auto=moment(last_auto["at"]) if last_auto else None,
        last_auto_call=last_auto["call"] if last_auto else None,
        auto_today=auto_today,
        all_today=all_today,
        burst=burst,
        reached=moment(reader.value("SELECT max(at) FROM reached WHERE number = :number AND call != :call AND at <= :soon", about)),
        called_back=moment(reader.value("SELECT max(joined) FROM outgoing WHERE number = :number AND joined <= :soon", about)),
        looping=bool(contact and contact["looping"]),
        live=live,
        later_due=moment(later_due),
        restored=restored,
    )
