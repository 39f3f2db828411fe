"""A call that staff declined: whose thread it becomes, also where the caller is new."""

from __future__ import annotations

from pathlib import Path

from ari_app.board import Actor, Face, Role, Row
from ari_app.desk import SHELL
from ari_app.model import Reason
from ari_app.threads import Store
from tests.threads.world import HandClock, a_call, silence

NUMBER = "+15145550123"


async def held(store: Store, thread: int) -> Row:
    (row,) = await store.board.rows_of((thread,))
    return row


async def test_the_thread_is_there_and_theirs_before_the_call_is_filed_and_stays_so(tmp_path: Path) -> None:
    clock = HandClock()
    store = Store(tmp_path / "textback.db", clock)
    await store.open()
    try:
        member = await store.members.add(login="lou", name="Lou", role=Role.STAFF, language="fr", extension="101", by=SHELL)
        by = Actor(member=member.id, name="Lou", role=Role.STAFF, face=Face.WEB)
        assert await store.thread_of(NUMBER, "main") is None
        call = a_call(NUMBER)
        assert await store.note_asked(call.id, member.id)
        thread = await store.acts.declined(NUMBER, "main", by)
        assert await store.thread_of(NUMBER, "main") == thread
        row = await held(store, thread)
        assert (row.holder and row.holder.name, row.state) == ("Lou", "done")
        recorded = await store.record_call(call, silence(Reason.LIMIT), line="main")
        assert recorded.thread == thread
        row = await held(store, thread)
        assert (row.holder and row.holder.name, row.state) == ("Lou", "to_answer")
        assert ("decline", "Lou", thread) in [(each.act, each.who, each.thread) for each in await store.board.audit()]
        assert await store.acts.declined(NUMBER, "main", by) == thread
    finally:
        await store.close()
