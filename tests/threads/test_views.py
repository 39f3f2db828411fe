"""What people are shown: the contract's shapes, search, numbers for doctor, and that no question reads the whole file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from ari_app.errors import NotFoundError
from ari_app.model import Reason
from ari_app.threads import Store
from ari_app.threads.database import Transaction
from modem.pdu import submit
from modem.sim_pdu import encode_deliver, encode_report
from modem.types import Sent
from tests.threads.world import ALICE, BOB, STAFF, START, Clerk, HandClock, a_call, inbound, nothing, raw, silence

CALL: dict[str, Any] = {
    "id": str, "started": str, "ended": str, "caller": str | None, "did": str, "line": str, "outcome": str, "answered_by": str | None,
    "reached": str, "rang": float, "open": bool, "decision": str, "reason": str, "message": int | None, "thread": int,
}  # fmt: skip
MESSAGE: dict[str, Any] = {
    "id": int, "direction": str, "kind": str, "text": str, "state": str, "at": str, "parts": int, "confirmed": bool | None,
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def a_conversation(store: Store, clock: HandClock) -> str:
    """A missed call, its text, the answer; the call's id."""
    clerk, call = Clerk(delay=timedelta(0)), a_call(ended=clock.at)
    message = (await store.record_call(call, clerk.first(clock.at), line="main")).message
    assert message
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt
    await store.finish_attempt(attempt, Sent(4))
    clock.move(minutes=2)
    await store.keep(raw(inbound(ALICE, "Une ordonnance renouvelée, s.v.p.", clock.at), clock.at), nothing)
    return call.id


async def test_shapes_of_the_contract(store: Store, clock: HandClock) -> None:
    call_id = await a_conversation(store, clock)
    thread = await store.thread(ALICE)
    assert {"id", "number", "line", "contact", "language", "state", "messages", "calls"} <= set(thread)
    for call in [*thread["calls"], *await store.calls()]:
        assert list(call) == list(CALL)
        assert call["id"] == call_id
        for key, kind in CALL.items():
            assert isinstance(call[key], kind), key
    for message in thread["messages"]:
        for key, kind in MESSAGE.items():
            assert isinstance(message[key], kind), key
        assert TIME.fullmatch(message["at"])
        assert datetime.fromisoformat(message["at"]).tzinfo == UTC
    assert [m["direction"] for m in thread["messages"]] == ["in", "out"]


async def test_a_text_is_confirmed_or_not_or_nobody_knows(store: Store, clock: HandClock) -> None:
    async def confirmed() -> list[bool | None]:
        return [message["confirmed"] for message in (await store.thread(ALICE))["messages"]]

    await a_conversation(store, clock)
    assert await confirmed() == [None, None], "the caller's own, and one whose report may still come"
    clock.move(minutes=15)
    await store.keep(raw(encode_report(9, BOB, clock.at, clock.at, 0), clock.at), nothing)
    await store.settle_unconfirmed()
    assert await confirmed() == [None, False]
    await store.keep(raw(encode_report(4, ALICE, clock.at, clock.at, 0), clock.at), nothing)
    assert await confirmed() == [None, True]


async def test_a_thread_s_last_text_says_what_came_where_there_are_no_words(store: Store, clock: HandClock) -> None:
    for last, pdu in (("hello", inbound(ALICE, "hello")), ("silent message (type 0)", inbound(ALICE, "", clock.at, silent=True))):
        clock.move(minutes=1)
        await store.keep(raw(pdu, clock.at), nothing)
        assert [thread["last_text"] for thread in await store.threads()] == [last]


async def test_calls_are_filtered_and_newest_first(store: Store) -> None:
    for minute, number in enumerate((ALICE, BOB, ALICE, None)):
        call = a_call(number, ended=START + timedelta(minutes=minute))
        reason = Reason.ANONYMOUS if number is None else Reason.COOLDOWN
        await store.record_call(call, silence(reason), line="main")
    starts = [c["started"] for c in await store.calls()]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 4
    assert [c["caller"] for c in await store.calls(number=ALICE)] == [ALICE, ALICE]
    assert [c["caller"] for c in await store.calls(limit=1)] == [None]
    assert [c["caller"] for c in await store.calls(reason="anonymous", limit=0)] == [None]
    assert len(await store.calls(since=START + timedelta(seconds=100))) == 2
    assert len(await store.calls(since=START + timedelta(seconds=40), number=BOB, decision="silence", outcome="missed")) == 1
    assert await store.calls(outcome="answered") == []


async def test_threads_are_filtered_and_last_changed_first(store: Store, clock: HandClock) -> None:
    for number in (ALICE, BOB, None):
        clock.move(minutes=1)
        await store.record_call(a_call(number, ended=clock.at), silence(Reason.COOLDOWN), line="main")
    clock.move(minutes=1)
    await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)
    listed = await store.threads()
    assert [(t["number"], t["state"], t["messages"], t["calls"], t["last_text"]) for t in listed] == [
        (ALICE, "answered", 1, 1, "hello"),
        (None, "to_answer", 0, 1, None),
        (BOB, "to_answer", 0, 1, None),
    ]
    assert [t["number"] for t in await store.threads(state="to_answer", limit=1)] == [None]
    assert [t["number"] for t in await store.threads(since=clock.at)] == [ALICE]
    assert [t["number"] for t in await store.threads(number=BOB)] == [BOB]


async def test_a_limit_takes_the_newest_of_a_thread(store: Store, clock: HandClock) -> None:
    for number in range(3):
        clock.move(minutes=1)
        await store.acts.queue_staff(ALICE, f"text {number}", f"act {number}", by=STAFF)
    thread = await store.thread(ALICE, limit=2)
    assert [m["text"] for m in thread["messages"]] == ["text 2", "text 1"]
    assert await store.thread_by_id(thread["id"], limit=2) == thread


async def test_why_has_the_facts_and_no_words(store: Store, clock: HandClock) -> None:
    call = await a_conversation(store, clock)
    (facts,) = await store.why(call)
    assert facts == (await store.why(ALICE))[0]
    assert (facts["decision"], facts["reason"], facts["detail"]) == ("reply", "missed", {"rule": "missed"})
    assert (facts["text"]["state"], facts["text"]["tries"]) == ("sent", 1)
    assert [a["outcome"] for a in facts["attempts"]] == ["sent"]
    assert "What can we do" not in str(facts)
    assert "ordonnance" not in str(facts)


@pytest.mark.parametrize("ask", ["thread", "why", "thread_by_id", "message", "mark_done", "line"])
async def test_what_is_not_there_is_said_with_the_fix(store: Store, ask: str) -> None:
    await store.record_call(a_call(), silence(Reason.COOLDOWN), line="main")
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "thread": lambda: store.thread(BOB),
        "why": lambda: store.why("17.4"),
        "thread_by_id": lambda: store.thread_by_id(99),
        "message": lambda: store.message(99),
        "mark_done": lambda: store.acts.mark_done(99, STAFF),
        "line": lambda: store.thread(ALICE, "dental"),
    }
    with pytest.raises(NotFoundError) as told:
        await questions[ask]()
    assert told.value.fix


async def test_search_ignores_accents_case_and_syntax(store: Store, clock: HandClock) -> None:
    await a_conversation(store, clock)
    for words in ("renouvelee", "ORDONNANCE Renouvelée", "renouvelée ordonnance", 's.v.p."', "+15145550101"):
        assert [m["text"] for m in await store.search(words)][:1] == ["Une ordonnance renouvelée, s.v.p."], words
    for words in ("", '"', "AND", "nothing such", "ordonnance OR x", "*", "text:une"):
        assert await store.search(words) == [], words
    assert len(await store.search("15145550101", limit=1)) == 1


def rename(tx: Transaction, name: str) -> int:
    return tx.run("UPDATE contact SET name = ? WHERE number = ?", (name, ALICE))


async def test_search_follows_a_changed_name(store: Store, clock: HandClock) -> None:
    await a_conversation(store, clock)
    for name in ("Élodie Gagné", "Zoé Roy"):
        await store._database.write(partial(rename, name=name))
        assert {m["contact"] for m in await store.search(name.lower().replace("é", "e"))} == {name}
    assert await store.search("elodie") == []


async def test_counts_for_doctor(store: Store, clock: HandClock) -> None:
    assert (await store.counts())["oldest_due"] is None
    await a_conversation(store, clock)
    await store.acts.queue_staff(BOB, "hello", "one", by=STAFF)
    counts = await store.counts()
    assert (counts["queued"], counts["sending"], counts["unknown"], counts["failed"], counts["to_answer"]) == (1, 0, 0, 0, 1)
    assert counts["oldest_due"] == "2026-03-02T15:02:00.000000Z"


async def test_pins_refused_are_remembered_per_sim(store: Store, clock: HandClock) -> None:
    await store.pin_refused("8914", "abc")
    await store.pin_refused("8914", "abc")
    await store.close()
    again = Store(store.path, clock)
    await again.open()
    assert await again.pin_known_bad("8914", "abc")
    assert not await again.pin_known_bad("8914", "abd")
    assert not await again.pin_known_bad("8915", "abc")
    await again.pin_forget("8914")
    assert not await again.pin_known_bad("8914", "abc")
    await again.close()


@contextmanager
def plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every step of every query that walks a whole table, as SQLite plans it."""
    walked: list[str] = []
    connect = sqlite3.connect

    class Explaining(sqlite3.Connection):
        def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
            if sql.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")):
                steps = super().execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
                walked.extend(
                    f"{step[3]}: {sql}"
                    for step in steps
                    if re.match(r"SCAN (?!json_each|CONSTANT|\(|\w+ USING (COVERING )?INDEX)", step[3])
                )
            return super().execute(sql, params)

    def explaining(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, factory=Explaining, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", explaining)
    yield walked


async def test_the_hot_path_walks_no_table(store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.close()
    with plans(monkeypatch) as walked:
        again = Store(store.path, clock)
        await again.open()
        walked.clear()
        await a_conversation(again, clock)
        await again.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(ALICE,), held=False)
        await again.expire()
        for pdu in encode_deliver(ALICE, "long " * 60, clock.at, reference=7):
            await again.keep(raw(pdu, clock.at), nothing)
            clock.move(minutes=10)
            await again.settle_partials(nothing)
        await again.thread(ALICE)
        await again.threads(limit=50)
        await again.calls(limit=50)
        await again.calls(number=ALICE)
        await again.counts()
        await again.close()
    assert walked == []
