"""Any order of calls, texts, results, reports, stops and passing time: states move only as they may, and nothing leaves twice."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ari_app.errors import RefusedError
from ari_app.model import Inbound, Reaction
from ari_app.threads import Store
from ari_app.threads.database import Transaction
from ari_app.threads.sending import Claimed
from modem.pdu import submit
from modem.sim_pdu import encode_report
from modem.types import NotSent, Refused, SendResult, Sent, Unknown
from tests.threads.world import ALICE, BOB, STAFF, Clerk, HandClock, a_call, answered, inbound, raw

_T = TypeVar("_T")
NUMBERS = st.sampled_from([ALICE, BOB])

MAY_BECOME = {
    "queued": {"sending", "cancelled", "expired", "failed"},
    "sending": {"queued", "sent", "delivered", "failed", "unknown"},
    "sent": {"delivered", "failed"},
    "unknown": {"queued", "sent", "delivered", "failed"},
    "failed": {"sent", "delivered", "unknown"},
    "expired": {"failed"},
    "delivered": set(),
    "cancelled": set(),
}
"""A late report may correct ``failed`` and ``expired``; ``delivered`` and ``cancelled`` are final."""

WATCH = (
    "CREATE TABLE move (old TEXT, new TEXT)",
    """CREATE TRIGGER moving AFTER UPDATE OF state ON message WHEN old.state != new.state BEGIN
        INSERT INTO move VALUES (old.state, new.state);
    END""",
)

MAY_HAVE_LEFT = (Sent, Unknown)


def react(told: Inbound) -> Reaction:
    if told.text == "STOP":
        return Reaction(opt=True, reopens=False, notice="no more", notice_name="stop")
    if told.text == "START":
        return Reaction(opt=False, notice="welcome", notice_name="start")
    return Reaction()


class Texting(RuleBasedStateMachine):
    """One modem, two callers."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.clerk = Clerk(delay=timedelta(seconds=10), cooldown=timedelta(hours=1))
        self.store = Store(Path(self.folder.name) / "textback.db", self.clock)
        self.run(self.store.open())
        for statement in WATCH:
            self.run(self.store._database.write(partial(Transaction.run, sql=statement)))
        self.claimed: Claimed | None = None
        self.left: Counter[int] = Counter()
        """How often each part may have left."""
        self.reference = 0
        self.acts = 0

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(number=NUMBERS, missed=st.booleans())
    def call_ends(self, number: str, missed: bool) -> None:
        call = (a_call if missed else answered)(number, ended=self.clock.at)
        self.run(self.store.record_call(call, self.clerk.first(self.clock.at), line="main"))

    @rule(number=NUMBERS, parts=st.integers(1, 3))
    def staff_write(self, number: str, parts: int) -> None:
        self.acts += 1
        try:
            self.run(self.store.acts.queue_staff(number, "x" * (parts * 150), str(self.acts), by=STAFF))
        except RefusedError:
            contact = self.run(self.store.contact(number))
            assert contact
            assert contact["opted_out"]

    @rule(number=NUMBERS, text=st.sampled_from(["hello", "hello", "START", "START", "STOP"]))
    def caller_writes(self, number: str, text: str) -> None:
        self.run(self.store.keep(raw(inbound(number, text, self.clock.at), self.clock.at), react))

    @rule(seconds=st.sampled_from([1, 12, 12, 12, 60, 60, 600, 4000, 100000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.move(seconds=seconds)
        self.run(self.store.expire())

    @rule()
    def claim(self) -> None:
        if self.claimed is not None:
            return
        agenda = self.run(self.store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False))
        if agenda.due:
            self.claimed = self.run(self.store.claim(agenda.due[0].id, self.clerk, submit, live=False))

    @rule(
        results=st.lists(
            st.sampled_from([
                Sent(0), Sent(0), Sent(0), Sent(0), Unknown("no answer"), NotSent("gone"),
                Refused("41", "congestion", permanent=False), Refused("1", "unassigned", permanent=True, number_at_fault=True),
            ]),
            min_size=3, max_size=3,
        ),
        stop_after=st.sampled_from([9, 9, 9, 9, 0, 1, 2, 3, 5]),
    )  # fmt: skip
    def send(self, results: list[SendResult], stop_after: int) -> None:
        """Send the claimed text's parts; the process may stop before, between or after a part's commit and its result."""
        if self.claimed is None:
            self.claim()
        claimed, self.claimed = self.claimed, None
        if claimed is None:
            return None
        for place, part in enumerate(claimed.parts):
            if stop_after == place * 2:
                return self.stop()
            attempt = self.run(self.store.begin_attempt(part.id, modem="gsm1"))
            if attempt is None:
                return self.run(self.store.release(claimed.id, NotSent("called off", called_off=True)))
            result = results[place]
            if isinstance(result, Sent):
                self.reference = (self.reference + 1) % 256
                result = Sent(self.reference)
            stopped = stop_after == place * 2 + 1
            if stopped or isinstance(result, MAY_HAVE_LEFT):
                self.left[part.id] += 1
            if stopped:
                return self.stop()
            if not self.run(self.store.finish_attempt(attempt, result)):
                return None
        return None

    @rule(number=NUMBERS, back=st.sampled_from([0, 0, 0, 1]), status=st.sampled_from([0x00, 0x00, 0x30, 0x46]))
    def report_comes(self, number: str, back: int, status: int) -> None:
        pdu = encode_report((self.reference - back) % 256, number, self.clock.at, self.clock.at, status)
        self.run(self.store.keep(raw(pdu, self.clock.at), react))

    @rule()
    def stop(self) -> None:
        self.claimed = None
        self.run(self.store.close())
        self.store = Store(self.store.path, self.clock)
        self.run(self.store.open())
        assert self.run(self.store.counts())["sending"] == 0

    @invariant()
    def states_move_as_they_may(self) -> None:
        moves = self.run(self.store._database.read(lambda r: r.all("SELECT old, new FROM move")))
        for move in moves:
            assert move["new"] in MAY_BECOME[move["old"]], f"{move['old']} became {move['new']}"
        if moves:
            self.run(self.store._database.write(lambda tx: tx.run("DELETE FROM move")))

    @invariant()
    def nothing_leaves_twice(self) -> None:
        assert not self.left or max(self.left.values()) == 1

    @invariant()
    def one_text_a_call_and_one_row_a_call(self) -> None:
        calls = self.run(self.store.calls())
        texts = [call["message"] for call in calls if call["message"] is not None]
        assert len(texts) == len(set(texts))
        for call in calls:
            state = None if call["message"] is None else self.run(self.store.message(call["message"]))["state"]
            if call["decision"] == "pending":
                assert state == "queued"
            elif call["decision"] == "silence":
                assert state in (None, "cancelled", "expired")
            else:
                assert state not in (None, "cancelled")

    @invariant()
    def who_opted_out_has_nothing_on_its_way(self) -> None:
        rows = self.run(
            self.store._database.read(
                lambda r: r.all(
                    """SELECT 1 FROM attempt a JOIN part p ON p.id = a.part JOIN message m ON m.id = p.message
                        JOIN thread t ON t.id = m.thread JOIN contact c ON c.number = t.number
                        WHERE m.kind IN ('auto', 'staff') AND a.started > c.opted_out"""
                )
            )
        )
        assert not rows


Texting.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
TestTexting = Texting.TestCase
