"""Members, sessions and keys: who may come in, and who no longer may."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.board import Actor, Face, Member, Role
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import Notice, StaffChanged
from ari_app.threads import Store
from tests.threads.crew import as_actor, missed, row
from tests.threads.world import STAFF, HandClock


@pytest.fixture
async def anne(store: Store) -> Member:
    return await store.members.add(
        login="anne", name="Anne Roy", role=Role.ADMINISTRATOR, language="fr", extension="201", password="$argon2id$1", by=STAFF
    )


async def test_a_member_is_found_by_login_and_extension(store: Store, anne: Member, clock: HandClock) -> None:
    assert anne == Member(
        id=anne.id,
        login="anne",
        name="Anne Roy",
        role=Role.ADMINISTRATOR,
        language="fr",
        extension="201",
        has_password=True,
        has_pin=False,
        active=True,
        created=clock.now(),
    )
    assert await store.members.by_login("ANNE") == (anne, "$argon2id$1")
    assert await store.members.by_extension("201") == anne
    assert (await store.members.by_login("bob"), await store.members.by_extension("9")) == (None, None)
    assert await store.members.all() == (anne,)
    assert await store.members.get(anne.id) == anne
    with pytest.raises(NotFoundError):
        await store.members.get(9)


async def test_logins_and_extensions_are_one_member_s(store: Store, anne: Member) -> None:
    with pytest.raises(RefusedError) as told:
        await store.members.add(login="Anne", name="Another", role=Role.STAFF, by=STAFF)
    assert told.value.code == "login_taken"
    with pytest.raises(RefusedError) as told:
        await store.members.add(login="bob", name="Bob", role=Role.STAFF, extension="201", by=STAFF)
    assert told.value.code == "extension_taken"
    bob = await store.members.add(login="bob", name="Bob", role=Role.STAFF, by=STAFF)
    with pytest.raises(RefusedError):
        await store.members.change(bob.id, login="ANNE", language=None, extension=None, by=STAFF)
    assert await store.members.all() == (anne, bob), "nothing of it was done"


async def test_change_keeps_what_is_not_given(store: Store, anne: Member, heard: list[Notice]) -> None:
    heard.clear()
    same = await store.members.change(anne.id, language="fr", extension="201", by=STAFF)
    assert (same, heard) == (anne, [])
    changed = await store.members.change(anne.id, name="Anne", language="en", extension=None, by=STAFF)
    assert (changed.login, changed.name, changed.language, changed.extension) == ("anne", "Anne", "en", None)
    assert heard == [StaffChanged(anne.id)]
    assert [(one.act, one.what) for one in await store.board.audit()] == [
        ("change_member", "anne: name, language, extension"),
        ("add_member", "anne, administrator"),
    ]


@pytest.mark.parametrize("how", [{"role": Role.STAFF}, {"active": False}])
async def test_the_last_administrator_stays(store: Store, anne: Member, how: dict[str, object]) -> None:
    with pytest.raises(RefusedError) as told:
        await store.members.change(anne.id, language="fr", extension="201", by=STAFF, **how)  # type: ignore[arg-type]
    assert told.value.code == "last_administrator"
    assert await store.members.get(anne.id) == anne
    await store.members.add(login="bob", name="Bob", role=Role.ADMINISTRATOR, by=STAFF)
    await store.members.change(anne.id, language="fr", extension="201", by=STAFF, **how)  # type: ignore[arg-type]


async def test_sessions_last_until_signed_out(store: Store, anne: Member, clock: HandClock) -> None:
    by = as_actor(anne)
    began = clock.now()
    await store.members.add_session("d1", anne.id, by)
    clock.move(minutes=7)
    await store.members.touch_session("d1")
    assert await store.members.session("d1") == (anne, began, clock.now())
    assert await store.members.end_session("d1", by)
    assert not await store.members.end_session("d1", by)
    assert await store.members.session("d1") is None
    assert [(one.act, one.address) for one in await store.board.audit(who="Anne Roy")] == [
        ("signed_out", "192.0.2.7"),
        ("signed_in", "192.0.2.7"),
    ]


@pytest.mark.parametrize("how", ["password", "inactive", "ended"])
async def test_what_ends_every_session(store: Store, anne: Member, how: str) -> None:
    bob = await store.members.add(login="bob", name="Bob", role=Role.STAFF, password="1", by=STAFF)
    for digest in ("d1", "d2"):
        await store.members.add_session(digest, bob.id, as_actor(bob))
    await store.members.add_session("a", anne.id, as_actor(anne))
    match how:
        case "password":
            await store.members.set_password(bob.id, "2", as_actor(anne))
        case "inactive":
            await store.members.change(bob.id, active=False, language=None, extension=None, by=as_actor(anne))
        case "ended":
            assert await store.members.end_sessions(bob.id, as_actor(anne)) == 2
    assert [await store.members.session(digest) for digest in ("d1", "d2")] == [None, None]
    assert await store.members.session("a") is not None


async def test_a_new_hash_of_the_same_password_ends_nothing(store: Store, anne: Member) -> None:
    await store.members.add_session("d1", anne.id, as_actor(anne))
    audited = len(await store.board.audit())
    await store.members.rehashed(anne.id, "$argon2id$2")
    assert await store.members.by_login("anne") == (anne, "$argon2id$2")
    assert await store.members.session("d1") is not None
    assert len(await store.board.audit()) == audited


async def test_sessions_that_are_over_are_forgotten(store: Store, anne: Member, clock: HandClock, heard: list[Notice]) -> None:
    start = clock.now()
    await store.members.add_session("old", anne.id, as_actor(anne))
    clock.move(hours=10)
    await store.members.touch_session("old")
    await store.members.add_session("idle", anne.id, as_actor(anne))
    clock.move(hours=2)
    await store.members.add_session("new", anne.id, as_actor(anne))
    heard.clear()
    assert await store.members.end_sessions_before(start, start) == 0
    assert await store.members.end_sessions_before(start + timedelta(seconds=1), start) == 1
    assert await store.members.end_sessions_before(start, clock.now() - timedelta(hours=1)) == 1
    assert heard == [StaffChanged(anne.id)] * 2
    assert await store.members.session("new") is not None


async def test_pins(store: Store, anne: Member) -> None:
    assert await store.members.pin(anne.id) is None
    await store.members.set_pin(anne.id, "$argon2id$pin", STAFF)
    assert await store.members.pin(anne.id) == "$argon2id$pin"
    assert (await store.members.get(anne.id)).has_pin
    await store.members.set_pin(anne.id, None, STAFF)
    assert await store.members.pin(anne.id) is None
    assert [one.act for one in await store.board.audit()][:2] == ["remove_pin", "set_pin"]


async def test_a_key_opens_until_it_is_revoked(store: Store, anne: Member, clock: HandClock) -> None:
    key = await store.members.add_key("k1", anne.id, use="phone", brand="yealink", label="front desk", by=STAFF)
    assert await store.members.key("k1") == (anne, key)
    await store.members.touch_key(key.id, "192.0.2.9")
    (shown,) = await store.members.keys(anne.id)
    assert (shown.used, shown.address) == (clock.now(), "192.0.2.9")
    revoked = await store.members.revoke_key(key.id, STAFF)
    assert revoked.revoked == clock.now()
    assert (await store.members.revoke_key(key.id, STAFF)).revoked == revoked.revoked
    assert await store.members.key("k1") is None
    assert await store.members.keys() == (revoked,), "it is still listed"
    assert [one.act for one in await store.board.audit()].count("revoke_key") == 1
    with pytest.raises(NotFoundError):
        await store.members.revoke_key(9, STAFF)


async def test_keys_of_who_left_open_nothing_and_their_threads_are_free(store: Store, anne: Member) -> None:
    bob = await store.members.add(login="bob", name="Bob", role=Role.STAFF, by=STAFF)
    await store.members.add_key("k1", bob.id, use="api", brand=None, label="script", by=STAFF)
    thread = await missed(store)
    await store.acts.claim(thread, as_actor(bob))
    await store.members.change(bob.id, active=False, language=None, extension=None, by=as_actor(anne))
    assert await store.members.key("k1") is None
    assert (await row(store, thread)).holder is None


async def test_the_audit_is_not_rewritten_and_holds_no_secret(store: Store, anne: Member, tmp_path: Path) -> None:
    await store.members.set_password(anne.id, "$argon2id$secret", STAFF)
    shell = Actor(member=None, name="root", role=Role.ADMINISTRATOR, face=Face.SHELL)
    await store.acts.audited(shell, "bad_login", None, "anne")
    rows = await store.board.audit()
    assert "argon2" not in str(rows)
    assert [one.act for one in await store.board.audit(limit=1)] == ["bad_login"]
    assert [one.act for one in await store.board.audit(before=rows[0].id, limit=1)] == ["set_password"]
    assert [one.who for one in await store.board.audit(who="root", act="bad_login")] == ["root"]
    assert await store.board.audit(until=rows[-1].at) == ()
    assert await store.board.audit(since=rows[-1].at) == rows

    with closing(sqlite3.connect(tmp_path / "textback.db")) as file, pytest.raises(sqlite3.IntegrityError, match="not rewritten"):
        file.execute("UPDATE audit SET who = 'nobody'")
