"""Whatever happens in whatever order, a thread waits as it should: checked against a small model of it."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ari_app.board import Actor, Box, ThreadState
from ari_app.errors import RefusedError
from ari_app.model import Reason
from ari_app.threads import Store
from ari_app.threads.holding import HELD_FOR
from tests.threads.crew import a_member, missed, row, texted
from tests.threads.world import ALICE, HandClock, answered, silence

WHO = st.integers(0, 1)


class Waiting(RuleBasedStateMachine):
    """One caller, two members."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.store = Store(Path(self.folder.name) / "textback.db", self.clock)
        self.crew: list[Actor] = []
        self.thread = 0
        self.acts = 0
        self.state = ThreadState.TO_ANSWER
        self.since: datetime | None = None
        self.text_waits = False
        self.opened = False
        self.snoozed: datetime | None = None
        self.held: tuple[int, datetime] | None = None

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.run(self.store.open())
        self.crew = [self.run(a_member(self.store, login)) for login in ("anne", "brigitte")]
        self.thread = self.run(missed(self.store))
        self._news()

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    def _news(self, *, text: bool = False) -> None:
        self.state, self.opened, self.snoozed = ThreadState.TO_ANSWER, False, None
        self.since = min(self.since or self.clock.now(), self.clock.now())
        self.text_waits = self.text_waits or text

    def _settled(self, state: ThreadState) -> None:
        self.state, self.since, self.opened, self.snoozed, self.text_waits = state, None, False, None, False

    def _holder(self) -> int | None:
        return None if self.held is None or self.held[1] + HELD_FOR <= self.clock.now() else self.held[0]

    @rule(minutes=st.sampled_from([0.5, 2, 5, 40]))
    def time_passes(self, minutes: float) -> None:
        self.clock.move(minutes=minutes)

    @rule()
    def the_caller_calls_in_vain(self) -> None:
        self.clock.move(seconds=1)
        self.run(missed(self.store))
        self._news()

    @rule()
    def the_caller_writes(self) -> None:
        self.clock.move(seconds=1)  # the network stamps whole seconds: the same words in the same second are the same text
        self.acts += 1
        self.run(texted(self.store, f"hello {self.acts}"))
        self._news(text=True)

    @rule()
    def the_caller_reaches_somebody(self) -> None:
        self.clock.move(seconds=30)
        self.run(self.store.record_call(answered(ended=self.clock.now()), silence(Reason.ANSWERED), line="main"))
        if self.state is ThreadState.TO_ANSWER and not self.text_waits:
            self._settled(ThreadState.ANSWERED)

    @rule(who=WHO, takeover=st.booleans())
    def somebody_replies(self, who: int, takeover: bool) -> None:
        self.acts += 1
        held = self._holder()
        reply = self.store.acts.queue_staff(ALICE, f"text {self.acts}", str(self.acts), takeover=takeover, by=self.crew[who])
        if held not in {None, who} and not takeover:
            self._refused(reply)
            return
        self.run(reply)
        self._settled(ThreadState.ANSWERED)
        self.held = (who, self.clock.now())

    @rule(who=WHO, takeover=st.booleans())
    def somebody_claims(self, who: int, takeover: bool) -> None:
        held = self._holder()
        claim = self.store.acts.claim(self.thread, self.crew[who], takeover)
        if held not in {None, who} and not takeover:
            self._refused(claim)
            return
        assert self.run(claim).member == self.crew[who].member
        self.held = (who, self.clock.now())

    @rule(who=WHO)
    def somebody_lets_go(self, who: int) -> None:
        self.run(self.store.acts.let_go(self.thread, self.crew[who]))
        if self.held is not None and self.held[0] == who:
            self.held = None

    def _refused(self, act: Any) -> None:
        try:
            self.run(act)
        except RefusedError as error:
            assert error.code == "held"  # noqa: PT017  (a machine's step is no test)
        else:
            raise AssertionError("two answer one caller")

    @rule(who=WHO)
    def somebody_looks(self, who: int) -> None:
        self.run(self.store.acts.opened(self.thread, self.crew[who]))
        self.opened = self.opened or self.state is ThreadState.TO_ANSWER

    @rule(who=WHO, minutes=st.integers(1, 60))
    def somebody_puts_it_off(self, who: int, minutes: int) -> None:
        until = self.clock.now() + timedelta(minutes=minutes)
        self.run(self.store.acts.snooze(self.thread, until, self.crew[who]))
        waited = self.since is not None and self.since <= self.clock.now()
        self.since = self.since if waited else until
        self.state, self.opened, self.snoozed = ThreadState.TO_ANSWER, True, until
        if self.held is not None and self.held[0] == who:
            self.held = None

    @precondition(lambda self: self.snoozed is not None)
    @rule()
    def the_service_wakes_what_is_over(self) -> None:
        woke = self.run(self.store.acts.wake(self.clock.now()))
        assert self.snoozed is not None
        over = self.snoozed <= self.clock.now()
        assert woke == over
        if over:
            self.snoozed, self.opened = None, False

    @rule()
    def the_service_tidies_claims(self) -> None:
        self.run(self.store.acts.expire_claims(self.clock.now()))
        if self._holder() is None:
            self.held = None

    @rule(who=WHO)
    def somebody_ticks_it_off(self, who: int) -> None:
        changed = self.run(self.store.acts.mark_done(self.thread, self.crew[who]))
        assert changed == (self.state is not ThreadState.DONE)
        self._settled(ThreadState.DONE)
        self.held = None

    @rule(who=WHO)
    def somebody_takes_it_up_again(self, who: int) -> None:
        changed = self.run(self.store.acts.reopen(self.thread, self.crew[who]))
        assert changed == (self.state is not ThreadState.TO_ANSWER)
        if changed or self.snoozed is not None:
            self.since = min(self.since or self.clock.now(), self.clock.now())
            self.state, self.snoozed, self.opened = ThreadState.TO_ANSWER, None, True

    @invariant()
    def the_row_says_so(self) -> None:
        if not self.thread:
            return
        drawn = self.run(row(self.store, self.thread))
        awake = self.snoozed is None or self.snoozed <= self.clock.now()
        assert (drawn.state, drawn.waits_since, drawn.opened) == (self.state, self.since, self.opened)
        assert drawn.snoozed == (None if awake else self.snoozed)
        holder = self._holder()
        assert (drawn.holder and drawn.holder.member) == (None if holder is None else self.crew[holder].member)
        waits = self.state is ThreadState.TO_ANSWER and awake
        assert len(self.run(self.store.board.rows(Box.TO_ANSWER))) == waits
        assert len(self.run(self.store.board.rows(Box.SNOOZED))) == (not awake)
        counted = self.run(self.store.board.counts())
        assert (counted.to_answer, counted.unopened, counted.snoozed) == (waits, waits and not self.opened, not awake)
        assert counted.oldest == (self.since if waits else None)


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
