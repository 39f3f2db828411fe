"""People behind numbers: what sources say of them, what staff change, and the names that follow in every thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import ContactChanged, ContactsSynced, Notice, ThreadChanged
from ari_app.model import Kind, Level
from ari_app.person import Applied, PersonNumber, Record, Synced, digest_of
from ari_app.threads import Store
from ari_app.threads.database import Transaction
from ari_app.threads.persons import MOST, sort_key
from ari_app.threads.syncing import AT_ONCE
from tests.threads.crew import missed, row, texted
from tests.threads.world import ALICE, ANNE, BOB, START, HandClock

CAROL = "+15145550103"


def number(*numbers: str) -> tuple[PersonNumber, ...]:
    return tuple(PersonNumber(number=each) for each in numbers)


def record(external: str = "P1", name: str = "Marie Roy", *numbers: str, **more: Any) -> Record:
    return Record(external=external, name=name, numbers=number(*(numbers or (ALICE,))), **more)


async def save(store: Store, person: int | None = None, **changes: Any) -> int:
    """Staff enter somebody, or change some of what is known of them."""
    fields: dict[str, Any] = {"name": "Marie Roy", "kind": Kind.CLIENT, "language": None, "tags": (), "numbers": number(ALICE)}
    if person is not None:
        now = await store.contacts.get(person)
        fields = {field: getattr(now, field) for field in fields}
    return await store.contacts.save(person, **{**fields, **changes}, by=ANNE)


async def acts(store: Store) -> list[tuple[str, str]]:
    """What was audited of contacts, oldest first."""
    return [(one.act, one.what) for one in reversed(await store.board.audit()) if one.act not in {"read", "add_member"}]


async def offer(store: Store, name: str, number: str = ALICE) -> None:
    """The caller gave a name, as the policy hands it to the store."""
    await store._database.write(lambda tx: tx.run("UPDATE contact SET offered = ? WHERE number = ?", (name, number)))


# -- what sources say


async def test_the_same_records_again_change_nothing(store: Store, clock: HandClock) -> None:
    records = [record(), record("P2", "Jean Roy", BOB, CAROL, kind=Kind.STAFF, language="fr", tags=("no-text", "vip"))]
    assert await store.contacts.apply(records, "sync") == Applied(added=2)
    clock.move(minutes=1)
    assert await store.contacts.apply(records, "sync") == Applied(unchanged=2)
    (jean,) = await store.contacts.find("jean")
    assert (jean.external, jean.source, jean.kind, jean.language, jean.tags) == ("P2", "sync", Kind.STAFF, "fr", ("no-text", "vip"))
    assert (jean.numbers, jean.edited, jean.changed) == (number(BOB, CAROL), (), START)
    assert await store.contacts.digests("sync") == {each.external: digest_of(each) for each in records}
    assert await store.contacts.digests("import") == {}
    assert await store.contacts.digests(None) == await store.contacts.digests("sync")
    assert await store.contacts.count() == {Kind.CLIENT: 1, Kind.PROSPECT: 0, Kind.STAFF: 1, Kind.SUPPLIER: 0}


async def test_a_digest_is_of_every_word_and_of_no_id() -> None:
    one = record()
    others = [
        replace(one, name="Marie Roi"),
        replace(one, kind=Kind.STAFF),
        replace(one, language="fr"),
        replace(one, tags=("vip",)),
        replace(one, numbers=number(BOB)),
        replace(one, numbers=number(ALICE, BOB)),
        replace(one, numbers=number(BOB, ALICE)),
        replace(one, numbers=(PersonNumber(number=ALICE, label="mère"),)),
    ]
    assert len({digest_of(each) for each in (one, *others)}) == len(others) + 1
    assert digest_of(replace(one, external="P9")) == digest_of(one)


async def test_what_changes_at_the_source_changes_here_and_who_is_gone_goes(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.contacts.apply([record(), record("P2", "Jean Roy", BOB)], "sync")
    changed = record("P1", "Marie Côté", ALICE, CAROL, language="en")
    assert await store.contacts.apply([changed, record("P2", "Jean Roy", BOB)], "sync") == Applied(changed=1, unchanged=1)
    assert (await row(store, thread)).name == "Marie Côté"
    (marie,) = await store.contacts.find("marie")
    assert (marie.language, marie.numbers) == ("en", number(ALICE, CAROL))
    assert await store.contacts.remove(["P1", "P7"], "sync") == 1
    drawn = await row(store, thread)
    assert (drawn.name, drawn.kind) == (None, None)
    assert [one.external for one in await store.contacts.find("")] == ["P2"]
    assert await store.contacts.remove(["P2"], "import") == 0, "it is not the import's"


async def test_many_records_are_many_short_transactions(store: Store) -> None:
    many = [record(f"P{n}", f"Client {n}", f"+1514555{n:04}") for n in range(2 * AT_ONCE + 1)]
    taken: list[int] = []
    write = store._database.write

    async def counted(work: Any) -> Any:
        def once(tx: Transaction) -> Any:
            before = tx.value("SELECT count(*) FROM person")
            result = work(tx)
            taken.append(abs(tx.value("SELECT count(*) FROM person") - before))
            return result

        return await write(once)

    store._database.write = counted  # type: ignore[method-assign]
    assert await store.contacts.apply(iter(many), "import") == Applied(added=len(many))
    assert await store.contacts.remove([each.external for each in many], "import") == len(many)
    assert taken == [AT_ONCE, AT_ONCE, 1] * 2


async def test_the_newest_word_of_a_person_counts_whichever_source_it_comes_from(store: Store) -> None:
    await store.contacts.apply([record()], "import")
    assert await store.contacts.apply([record()], "sync") == Applied(unchanged=1)
    assert await store.contacts.digests("sync") == {"P1": digest_of(record())}, "it is in step with the database from now on"
    assert await store.contacts.apply([record()], "import") == Applied(unchanged=1)
    assert await store.contacts.digests("import") == {}, "an export of the database takes nobody out of it"
    assert await store.contacts.apply([record("P1", "Marie Côté")], "import") == Applied(changed=1)
    assert await store.contacts.apply([record()], "sync") == Applied(changed=1)
    (marie,) = await store.contacts.find("marie")
    assert (marie.name, marie.source) == ("Marie Roy", "sync")


async def test_whom_staff_named_before_the_source_knew_them_is_not_there_twice(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.acts.name(thread, "marie roy", ANNE)
    (here,) = await store.contacts.find("marie")
    await save(store, here.id, language="en", tags=("vip",), numbers=number(ALICE, CAROL), kind=Kind.PROSPECT)
    joined = record("P1", "Marie Thérèse Roy", BOB, ALICE, language="fr", tags=("sms",))
    assert await store.contacts.apply([joined], "sync") == Applied(changed=1)
    (one,) = await store.contacts.find("")
    assert (one.id, one.external, one.source) == (here.id, "P1", "sync")
    assert (one.name, one.kind) == ("Marie Thérèse Roy", Kind.CLIENT), "the source knows how it is written, and that they are a client now"
    assert (one.language, one.tags, one.numbers) == ("en", ("sms", "vip"), number(BOB, ALICE, CAROL))
    assert one.edited == ("language", "tags", "numbers")
    assert (await row(store, thread)).name == "Marie Thérèse Roy"
    await store.contacts.release(one.id, None, ANNE)
    assert (await store.contacts.get(one.id)).numbers == number(BOB, ALICE)


@pytest.mark.parametrize(("name", "at"), [("Marie-Ève Roy", ALICE), ("Jean Roy", ALICE), ("Marie Roy", BOB), ("Maman de Marie Roy", ALICE)])
async def test_others_of_the_same_number_or_name_stay_who_they_are(store: Store, name: str, at: str) -> None:
    await save(store, name=name, numbers=number(at))
    assert await store.contacts.apply([record()], "sync") == Applied(added=1)
    assert len(await store.contacts.find("")) == 2


# -- what staff change


async def test_what_staff_edit_wins_field_by_field_until_they_release_it(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.contacts.apply([record(language="fr", tags=("vip",))], "sync")
    (marie,) = await store.contacts.find("marie")
    assert await save(store, marie.id, name="Mme Roy", tags=("vip", "wheelchair")) == marie.id
    assert (await store.contacts.get(marie.id)).edited == ("name", "tags")
    said = record("P1", "Marie Roy-Côté", ALICE, BOB, language="en", tags=())
    assert await store.contacts.apply([said], "sync") == Applied(changed=1)
    now = await store.contacts.get(marie.id)
    assert (now.name, now.tags, now.edited) == ("Mme Roy", ("vip", "wheelchair"), ("name", "tags"))
    assert (now.language, now.numbers) == ("en", number(ALICE, BOB)), "what nobody edited follows"
    assert (await row(store, thread)).name == "Mme Roy"
    assert await store.contacts.given(marie.id) == said
    assert await store.contacts.release(marie.id, ["name", "kind"], ANNE)
    now = await store.contacts.get(marie.id)
    assert (now.name, now.tags, now.edited) == ("Marie Roy-Côté", ("vip", "wheelchair"), ("tags",))
    assert (await row(store, thread)).name == "Marie Roy-Côté"
    assert await store.contacts.release(marie.id, None, ANNE)
    assert not await store.contacts.release(marie.id, None, ANNE)
    now = await store.contacts.get(marie.id)
    assert (now.tags, now.edited) == ((), ())
    assert await acts(store) == [
        ("contact_saved", f"contact {marie.id}"),
        ("contact_released", f"contact {marie.id}: name"),
        ("contact_released", f"contact {marie.id}: tags"),
    ]


async def test_numbers_given_back_bring_the_name_back(store: Store) -> None:
    thread, other = await missed(store, ALICE), await missed(store, BOB)
    await store.contacts.apply([record("P1", "Marie Roy", ALICE)], "sync")
    await save(store, 1, numbers=number(BOB))
    assert [one.name for one in await store.board.rows_of((thread, other))] == [None, "Marie Roy"]
    await store.contacts.release(1, ["numbers"], ANNE)
    assert [one.name for one in await store.board.rows_of((thread, other))] == ["Marie Roy", None]


async def test_an_edit_back_to_what_the_source_says_is_none(store: Store, heard: list[Notice]) -> None:
    await store.contacts.apply([record()], "sync")
    (marie,) = await store.contacts.find("marie")
    await save(store, marie.id, name="Mme Roy")
    await save(store, marie.id, name="Marie Roy")
    assert (await store.contacts.get(marie.id)).edited == ()
    before, heard[:] = await acts(store), []
    await save(store, marie.id)
    assert (await acts(store), heard) == (before, []), "a form saved as it was is no change"


async def test_an_edit_stays_one_when_the_source_comes_to_say_the_same(store: Store) -> None:
    await store.contacts.apply([record()], "sync")
    (marie,) = await store.contacts.find("marie")
    await save(store, marie.id, name="Mme Roy")
    await store.contacts.apply([record("P1", "Mme Roy")], "sync")
    await save(store, marie.id, language="fr")
    await store.contacts.apply([record("P1", "Marie Côté")], "sync")
    now = await store.contacts.get(marie.id)
    assert (now.name, now.edited) == ("Mme Roy", ("name", "language"))


async def test_who_was_edited_here_stays_when_the_source_drops_them_and_is_theirs_again_when_it_has_them_back(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.contacts.apply([record()], "sync")
    (marie,) = await store.contacts.find("marie")
    await save(store, marie.id, tags=("no-text",))
    assert await store.contacts.remove(["P1"], "sync") == 1
    kept = await store.contacts.get(marie.id)
    assert (kept.source, kept.name, kept.tags) == ("here", "Marie Roy", ("no-text",))
    assert (await row(store, thread)).name == "Marie Roy"
    assert await store.contacts.digests(None) == {}
    assert await store.contacts.remove(["P1"], "sync") == 0
    assert await store.contacts.apply([record()], "sync") == Applied(changed=1)
    back = await store.contacts.get(marie.id)
    assert (back.source, back.tags, back.edited) == ("sync", ("no-text",), ("tags",))


async def test_somebody_of_here_is_nobody_s_to_release_and_may_be_deleted(store: Store, heard: list[Notice]) -> None:
    thread = await missed(store, ALICE)
    heard.clear()
    marie = await save(store, kind=Kind.SUPPLIER)
    assert set(heard) == {ContactChanged(ALICE), ThreadChanged(thread)}
    await save(store, marie, name="Mme Roy", numbers=number(BOB))
    assert (await row(store, thread)).name is None
    assert (await store.contacts.get(marie)).edited == ()
    assert await store.contacts.given(marie) is None
    assert not await store.contacts.release(marie, None, ANNE)
    await store.contacts.delete(marie, ANNE)
    with pytest.raises(NotFoundError) as told:
        await store.contacts.get(marie)
    assert told.value.code == "no_contact"
    assert [act for act, _ in await acts(store)] == ["contact_saved", "contact_saved", "contact_deleted"]
    assert "Roy" not in str(await store.board.audit())


async def test_who_is_kept_in_step_with_the_database_is_deleted_there(store: Store) -> None:
    await store.contacts.apply([record()], "sync")
    await store.contacts.apply([record("P2", "Jean Roy", BOB)], "import")
    (marie,), (jean,) = await store.contacts.find("marie"), await store.contacts.find("jean")
    with pytest.raises(RefusedError) as told:
        await store.contacts.delete(marie.id, ANNE)
    assert told.value.code == "source_rules"
    await store.contacts.delete(jean.id, ANNE)
    assert await store.contacts.find("") == (marie,)


@pytest.mark.parametrize("verb", ["get", "given", "save", "release", "delete", "read"])
async def test_who_is_not_there_is_named(store: Store, verb: str) -> None:
    given: dict[str, Any] = {"save": {**dict.fromkeys(("name",), "x"), "kind": Kind.CLIENT, "language": None, "tags": (), "numbers": ()}}
    more: dict[str, Any] = given.get(verb, {}) | ({} if verb in {"get", "given"} else {"by": ANNE})
    with pytest.raises(NotFoundError) as told:
        await getattr(store.contacts, verb)(7, *([None] if verb == "release" else []), **more)
    assert told.value.code == "no_contact"
    assert await acts(store) == []


# -- the names of threads


async def test_a_family_has_one_thread_with_all_its_names(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.contacts.apply([record("P1", "Marie Roy"), record("P2", "Luc Roy"), record("P3", "Luc Roy", ALICE, BOB)], "sync")
    drawn = await row(store, thread)
    assert (drawn.name, drawn.kind, drawn.known) == ("Luc Roy, Marie Roy", Kind.CLIENT, True)
    assert [one.external for one in (await store.board.thread(thread)).people] == ["P2", "P3", "P1"]
    for words in ("luc", "marie", "roy mar"):
        assert [hit.row.thread for hit in await store.board.search(words)] == [thread], words
    await store.contacts.apply([record("P4", "Service de nuit", kind=Kind.STAFF)], "sync")
    assert (await row(store, thread)).kind is Kind.STAFF


async def test_one_person_s_threads_all_show_their_name(store: Store, heard: list[Notice]) -> None:
    threads = [await missed(store, ALICE), await missed(store, BOB), await missed(store, BOB, line="dental")]
    heard.clear()
    await store.contacts.apply([record("P1", "Marie Roy", ALICE, BOB)], "sync")
    assert {one.name for one in await store.board.rows_of(threads)} == {"Marie Roy"}
    assert set(heard) == {ContactChanged(ALICE), ContactChanged(BOB), *map(ThreadChanged, threads)}
    assert {one.thread for one in await store.contacts.threads(1)} == set(threads)
    later = await missed(store, CAROL)
    assert (await row(store, later)).name is None
    await store.contacts.apply([record("P1", "Marie Roy", ALICE, CAROL)], "sync")
    assert [one.name for one in await store.board.rows_of([*threads, later])] == ["Marie Roy", None, None, "Marie Roy"]


async def test_who_is_known_before_they_call_is_named_when_they_do(store: Store) -> None:
    await store.contacts.apply([record(kind=Kind.PROSPECT)], "sync")
    assert await store.contact(ALICE) is None, "nothing is kept of a number that never called"
    drawn = await row(store, await missed(store, ALICE))
    assert (drawn.name, drawn.kind) == ("Marie Roy", Kind.PROSPECT)


async def test_a_thread_names_one_person_and_refuses_to_choose_between_several(store: Store) -> None:
    thread = await missed(store, ALICE)
    await store.contacts.apply([record()], "sync")
    assert await store.acts.name(thread, "Mme Roy", ANNE)
    (marie,) = await store.contacts.find("roy")
    assert (marie.name, marie.edited) == ("Mme Roy", ("name",))
    with pytest.raises(RefusedError) as told:
        await store.acts.name(thread, None, ANNE)
    assert told.value.code == "source_rules"
    await save(store, name="Luc Roy")
    for given in ("Luc", None):
        with pytest.raises(RefusedError) as told:
            await store.acts.name(thread, given, ANNE)
        assert (told.value.code, told.value.facts) == ("several_people", {"people": 2})
    assert (await row(store, thread)).name == "Luc Roy, Mme Roy"


async def test_a_name_taken_away_leaves_the_person_their_other_numbers(store: Store) -> None:
    thread, other = await missed(store, ALICE), await missed(store, BOB)
    marie = await save(store, numbers=number(ALICE, BOB))
    assert await store.acts.name(thread, None, ANNE)
    assert [one.name for one in await store.board.rows_of((thread, other))] == [None, "Marie Roy"]
    assert (await store.contacts.get(marie)).numbers == number(BOB)
    assert await store.acts.name(other, None, ANNE)
    assert await store.contacts.find("") == ()
    assert not await store.acts.name(other, None, ANNE)


async def test_a_number_that_is_everybody_s_stops_nothing(store: Store) -> None:
    """A clinic's database has "555-5555" for whoever gave none."""
    thread = await missed(store, ALICE)
    await store.contacts.apply([record(f"P{n}", f"Client {n:04}") for n in range(MOST + 50)], "sync")
    drawn = await row(store, thread)
    assert drawn.name is not None
    assert len(drawn.name.split(", ")) == MOST
    assert len((await store.contacts.caller(ALICE)).names) == MOST


# -- a name that the caller gave


async def test_a_name_the_caller_gave_is_taken_as_a_prospect_s(store: Store, heard: list[Notice]) -> None:
    thread = await missed(store, ALICE)
    await offer(store, "Marie Roy")
    assert (await row(store, thread)).offered == "Marie Roy"
    heard.clear()
    person = await store.contacts.take_offered(thread, ANNE)
    assert set(heard) == {ContactChanged(ALICE), ThreadChanged(thread)}
    drawn = await row(store, thread)
    assert (drawn.name, drawn.kind, drawn.offered) == ("Marie Roy", Kind.PROSPECT, None)
    assert (await store.contacts.get(person)).numbers == number(ALICE)
    with pytest.raises(NotFoundError) as told:
        await store.contacts.take_offered(thread, ANNE)
    assert told.value.code == "no_offer"
    (audited,) = await store.board.audit(thread=thread)
    assert (audited.act, audited.what) == ("name_taken", f"contact {person}")
    assert await store.contacts.apply([record()], "sync") == Applied(changed=1), "the client's file was made meanwhile"
    assert (await row(store, thread)).kind is Kind.CLIENT


async def test_a_name_the_caller_gave_may_be_none(store: Store, heard: list[Notice]) -> None:
    thread, nobody = await missed(store, ALICE), await missed(store, None)
    await offer(store, "Malade Depuis")
    heard.clear()
    await store.contacts.drop_offered(thread, ANNE)
    assert ThreadChanged(thread) in heard
    assert (await row(store, thread)).offered is None
    for which in (thread, nobody):
        with pytest.raises(NotFoundError) as told:
            await store.contacts.drop_offered(which, ANNE)
        assert told.value.code == "no_offer"
    assert [act for act, _ in await acts(store)] == ["name_dropped"]


async def test_a_name_the_caller_gave_is_moot_once_somebody_is_named(store: Store) -> None:
    thread = await missed(store, ALICE)
    await offer(store, "Marie")
    await store.acts.name(thread, "Marie Roy", ANNE)
    assert (await row(store, thread)).offered is None
    await store.acts.name(thread, None, ANNE)
    assert (await row(store, thread)).offered is None


# -- texts by word of mouth


async def test_an_opt_out_is_recorded_and_lifted_by_word_of_mouth(store: Store, heard: list[Notice]) -> None:
    thread, other, nobody = await missed(store, ALICE), await missed(store, ALICE, line="dental"), await missed(store, None)
    heard.clear()
    assert await store.acts.opt_out(thread, True, ANNE)
    assert not await store.acts.opt_out(other, True, ANNE)
    assert set(heard) == {ContactChanged(ALICE), ThreadChanged(thread), ThreadChanged(other)}
    assert (await store.board.thread(other)).opted_out == START
    with pytest.raises(RefusedError) as told:
        await store.acts.queue_staff(ALICE, "Bonjour", "a", by=ANNE)
    assert told.value.code == "opted_out"
    await store.contacts.apply([record()], "sync")
    await store.contacts.remove(["P1"], "sync")
    assert (await row(store, thread)).opted_out, "it is the number's, whoever is behind it"
    assert await store.acts.opt_out(other, False, ANNE)
    assert not await store.acts.opt_out(thread, False, ANNE)
    await store.acts.queue_staff(ALICE, "Bonjour", "a", by=ANNE)
    with pytest.raises(RefusedError) as told:
        await store.acts.opt_out(nobody, True, ANNE)
    assert told.value.code == "no_number"
    assert [(one.act, one.thread) for one in await store.board.audit() if one.act.endswith("verbal")] == [
        ("opt_in_verbal", other),
        ("opt_out_verbal", thread),
    ]


# -- what is asked while it rings


async def test_what_a_number_is_while_it_rings(store: Store, clock: HandClock) -> None:
    stranger = await store.contacts.caller(ALICE)
    assert (stranger.names, stranger.kind, stranger.language, stranger.wrote, stranger.calls) == ((), None, None, None, ())
    assert (stranger.opted_out, stranger.level) == (False, Level.NORMAL)
    await missed(store, BOB)
    again = await store.contacts.caller(BOB)
    assert (again.names, again.kind) == ((), Kind.PROSPECT), "who called before and is nobody's is a prospect"
    await store.contacts.apply([record(language="fr", tags=("vip",)), record("P2", "Luc Roy", language="fr")], "sync")
    thread = await missed(store, ALICE)
    clock.move(minutes=3)
    known = await store.contacts.caller(ALICE)
    assert (known.names, known.kind, known.language) == (("Luc Roy", "Marie Roy"), Kind.CLIENT, "fr")
    assert known.tags == frozenset({"vip"})
    assert len(known.calls) == 1
    await store.acts.urgent(thread, True, ANNE)
    await store.acts.language(thread, "en", ANNE)
    await store.acts.opt_out(thread, True, ANNE)
    known = await store.contacts.caller(ALICE)
    assert (known.language, known.level, known.opted_out) == ("en", Level.URGENT, True)
    await store.acts.mark_done(thread, ANNE)
    assert (await store.contacts.caller(ALICE)).level is Level.NORMAL


async def test_people_of_two_languages_have_none_in_common(store: Store) -> None:
    await store.contacts.apply([record(language="fr"), record("P2", "Luc Roy", language="en"), record("P3", "Zoé Roy", BOB)], "sync")
    assert (await store.contacts.caller(ALICE)).language is None
    assert (await store.contacts.caller(BOB)).language is None
    thread, lone = await missed(store, ALICE), await missed(store, BOB)
    await store.contacts.apply([record("P3", "Zoé Roy", BOB, language="fr")], "sync")

    async def told() -> list[tuple[Any, ...]]:
        views = [await store.board.thread(each) for each in (thread, lone)]
        listed = {each["number"]: each["language"] for each in await store.threads()}
        return [(view.language, view.language_from, listed[view.row.number]) for view in views]

    assert await told() == [(None, None, None), ("fr", "contact", "fr")]
    await store.acts.language(thread, "en", ANNE)
    await store._database.write(lambda tx: tx.run("UPDATE contact SET wrote = 'en' WHERE number = ?", (BOB,)))
    assert await told() == [("en", "contact", "en"), ("en", "wrote", "en")]


# -- how looks at the sources ended


async def test_how_each_source_ended_is_kept_the_newest_alone(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    counts = {"total": 2, "added": 1, "changed": 1, "removed": 0, "refused": 3}
    went = Synced(source="sync", at=clock.now(), state="ok", what="2 contacts", fix="", good=None, code="", **counts)
    assert await store.contacts.states() == ()
    await store.contacts.synced(went)
    assert heard == [ContactsSynced("sync")]
    assert await store.contacts.states() == (replace(went, good=START),)
    clock.move(minutes=15)
    failed = Synced(
        source="sync", at=clock.now(), state="failed", what="it is down", fix="start it", good=None, code="down", **dict.fromkeys(counts, 0)
    )
    await store.contacts.synced(failed)
    assert await store.contacts.states() == (replace(failed, good=START),), "when it last went well is still known"
    assert await acts(store) == []
    await store.contacts.synced(replace(went, source="import", state="refused"), by=ANNE)
    assert [(one.source, one.state, one.good) for one in await store.contacts.states()] == [
        ("import", "refused", None),
        ("sync", "failed", START),
    ]
    assert await acts(store) == [("contacts_synced", "import: refused, total 2, added 1, changed 1, removed 0, refused 3")]


@pytest.mark.parametrize(
    ("name", "key"),
    [("Élise Çapar", "elise capar"), ("Œuvre", "oeuvre"), ("STRAßE", "strasse"), ("Nguyễn", "nguyen"), ("Åsa  Ægir", "asa  aegir")],
)
def test_names_are_put_in_order_without_their_accents(name: str, key: str) -> None:
    assert sort_key(name) == key


async def test_a_text_from_somebody_known_is_theirs(store: Store) -> None:
    await store.contacts.apply([record()], "sync")
    await texted(store, "Bonjour", ALICE)
    (hit,) = await store.board.search("marie")
    assert hit.row.name == "Marie Roy"
