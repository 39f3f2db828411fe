"""Who is there: sessions, keys and PINs over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from ari_app.board import Face, Member, Role
from ari_app.desk import SHELL
from ari_app.desk.doors import digest_of, new_token
from ari_app.errors import NotFoundError, RefusedError
from tests.desk_world import GOOD, Clinic, clinic

CLINIC, HOME = "192.168.1.20", "203.0.113.7"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path) as opened:
        yield opened


async def anne(house: Clinic, **more: object) -> Member:
    return await house.desk.add_member("anne", "Anne Roy", Role.STAFF, password=GOOD, by=SHELL, **more)  # type: ignore[arg-type]


async def refused(house: Clinic, login: str, password: str, address: str = HOME) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await house.doors.sign_in(login, password, address)
    return caught.value


# -- the page


async def test_who_signs_in_is_known_by_a_token_that_the_store_does_not_hold(house: Clinic) -> None:
    member = await anne(house)
    token = await house.doors.sign_in(" Anne ", GOOD, CLINIC)
    assert len(token) == 22
    found = await house.doors.session(token, HOME)
    assert found is not None
    by, who = found
    assert (by.member, by.name, by.role, by.face, by.address) == (member.id, "Anne Roy", Role.STAFF, Face.WEB, HOME)
    assert who == member
    raw = b"".join(path.read_bytes() for path in house.store.path.parent.glob("textback.db*"))
    assert digest_of(token).encode() in raw
    assert token.encode() not in raw
    assert GOOD.encode() not in raw
    assert ("Anne Roy", "signed_in") in await house.acts()


async def test_no_login_a_wrong_password_and_a_member_who_left_say_the_same(house: Clinic) -> None:
    member = await anne(house)
    bob = await house.desk.add_member("bob", "Bob", Role.STAFF, by=SHELL)
    assert not bob.has_password
    said = [
        await refused(house, *given)
        for given in (
            ("nobody", GOOD),
            ("anne", GOOD + "!"),
            ("bob", GOOD),
            ("bob", ""),
            ("", ""),
            ("\ud800", "\ud800"),
            ("x" * 9999, "y" * 9999),
        )
    ]
    await house.desk.change_member(member.id, active=False, by=SHELL)
    said.append(await refused(house, "anne", GOOD))
    assert {(error.code, error.what, error.fix) for error in said} == {
        ("bad_login", "this login and password do not fit", "write them again, or ask an administrator")
    }


async def test_guessing_from_elsewhere_is_slowed_down_and_the_member_comes_in(house: Clinic) -> None:
    await anne(house)
    for _ in range(5):
        assert (await refused(house, "anne", "guess guess guess")).code == "bad_login"
    slow = await refused(house, "anne", GOOD)
    assert (slow.code, slow.facts) == ("throttled", {"seconds": 1}), "even the right one is not looked at yet"
    assert await house.doors.sign_in("anne", GOOD, CLINIC)
    house.clock.move(seconds=1)
    assert await house.doors.sign_in("anne", GOOD, HOME)


async def test_a_session_ends_when_nobody_uses_it_and_after_its_time_whatever_is_done(house: Clinic) -> None:
    await anne(house)
    token = await house.doors.sign_in("anne", GOOD, CLINIC)
    for _ in range(25):
        house.clock.move(minutes=28)
        assert await house.doors.session(token, CLINIC) is not None
    house.clock.move(minutes=28)
    assert await house.doors.session(token, CLINIC) is None, "12 hours are over"
    token = await house.doors.sign_in("anne", GOOD, CLINIC)
    house.clock.move(minutes=29)
    assert await house.doors.session(token, CLINIC, touch=False) is not None
    house.clock.move(minutes=2)
    assert await house.doors.session(token, CLINIC) is None, "what a page does by itself keeps it no longer"


async def test_a_session_ends_with_sign_out_a_new_password_and_the_member(house: Clinic) -> None:
    member = await anne(house)
    one, two = [await house.doors.sign_in("anne", GOOD, CLINIC) for _ in range(2)]
    await house.doors.sign_out(one, CLINIC)
    await house.doors.sign_out(one, CLINIC)
    await house.doors.sign_out("nonsense", CLINIC)
    assert (await house.doors.session(one, CLINIC), (await house.doors.session(two, CLINIC)) is not None) == (None, True)
    await house.desk.set_password(member.id, "another good one", by=SHELL)
    assert await house.doors.session(two, CLINIC) is None
    assert (await refused(house, "anne", GOOD)).code == "bad_login"
    three = await house.doors.sign_in("anne", "another good one", CLINIC)
    await house.desk.change_member(member.id, active=False, by=SHELL)
    assert await house.doors.session(three, CLINIC) is None
    await house.desk.change_member(member.id, active=True, by=SHELL)
    assert await house.doors.session(three, CLINIC) is None, "a session that ended does not come back"


@pytest.mark.parametrize("token", ["", "x", "a" * 22, "a" * 23, "é" * 22, "a" * 21 + "\n", "../../../../etc/passwd"])
async def test_a_token_that_is_none_opens_nothing(house: Clinic, token: str) -> None:
    assert await house.doors.session(token, HOME) is None
    assert await house.doors.key(token, "phone", HOME) is None


@pytest.mark.usefixtures("passwords_cost_as_shipped")
async def test_a_password_hashed_with_older_costs_is_hashed_anew_when_it_is_used(house: Clinic) -> None:
    member = await anne(house)
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    await house.store.members.rehashed(member.id, old)
    token = await house.doors.sign_in("anne", GOOD, CLINIC)
    found = await house.store.members.by_login("anne")
    assert found is not None
    assert found[1] not in (None, old)
    assert await house.doors.sign_in("anne", GOOD, CLINIC)
    assert await house.doors.session(token, CLINIC) is not None, "the same password: no session ends"


# -- phones and programs


async def test_a_key_opens_its_own_door_until_it_is_revoked(house: Clinic) -> None:
    member = await anne(house)
    phone = await house.desk.make_key(member.id, "phone", "yealink", "Reception", by=SHELL)
    program = await house.desk.make_key(member.id, "api", None, "Export", by=SHELL)
    found = await house.doors.key(phone.token, "phone", CLINIC)
    assert found is not None
    assert (found[0].member, found[0].face, found[0].address, found[1].brand) == (member.id, Face.PHONE, CLINIC, "yealink")
    assert await house.doors.key(phone.token, "api", CLINIC) is None
    api = await house.doors.key(program.token, "api", CLINIC)
    assert api is not None
    assert api[0].face is Face.API
    used = {key.id: (key.used, key.address) for key in await house.desk.keys(by=SHELL)}
    assert used[phone.key.id] == (house.clock.at, CLINIC)
    await house.desk.revoke_key(phone.key.id, by=SHELL)
    assert await house.doors.key(phone.token, "phone", CLINIC) is None
    await house.desk.change_member(member.id, active=False, by=SHELL)
    assert await house.doors.key(program.token, "api", CLINIC) is None
    assert await house.doors.key(new_token(), "api", CLINIC) is None


async def test_the_use_of_a_key_is_written_down_once_a_minute(house: Clinic) -> None:
    made = await house.desk.make_key((await anne(house)).id, "phone", "snom", "Door", by=SHELL)
    began = house.clock.at
    seen = []
    for _ in range(4):
        await house.doors.key(made.token, "phone", CLINIC)
        (key,) = await house.desk.keys(by=SHELL)
        assert key.used is not None
        seen.append((key.used - began).total_seconds())
        house.clock.move(seconds=25)
    assert seen == [0, 0, 0, 75]


async def test_a_phone_is_its_members_while_they_are_here(house: Clinic) -> None:
    member = await anne(house, extension="101")
    assert await house.doors.member_of("101") == member
    assert await house.doors.member(member.id) == member
    assert await house.doors.member_of("102") is None
    assert await house.doors.member(99) is None
    await house.desk.change_member(member.id, active=False, by=SHELL)
    assert await house.doors.member_of("101") is None
    assert await house.doors.member(member.id) is None


async def test_a_pin_is_asked_for_slowly_and_wrong_ones_elsewhere_do_not_lock_the_phone(house: Clinic) -> None:
    member = await anne(house)
    assert not await house.doors.check_pin(member, "", "101")
    await house.desk.set_pin(member.id, "4711", by=SHELL)
    assert await house.doors.check_pin(member, "4711", "101")
    for _ in range(5):
        assert not await house.doors.check_pin(member, "1234", "109")
    with pytest.raises(RefusedError) as caught:
        await house.doors.check_pin(member, "4711", "109")
    assert caught.value.code == "throttled"
    assert await house.doors.check_pin(member, "4711", "101")
    await house.desk.set_pin(member.id, None, by=SHELL)
    assert not await house.doors.check_pin(member, "4711", "101")


async def test_who_there_is_not_has_no_pin(house: Clinic) -> None:
    with pytest.raises(NotFoundError):
        await house.desk.set_pin(99, "4711", by=SHELL)
