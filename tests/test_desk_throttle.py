"""Guessing made slow, nobody locked out by another; and passwords, hashed for real."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.desk.passwords import Passwords, check_password, check_pin_written
from ari_app.desk.throttle import Gate, place
from ari_app.errors import RefusedError
from tests.threads.world import HandClock

HOME, CLINIC = "203.0.113.7", "192.168.1.20"
GOOD = "neuf petits chats"


def tries(gate: Gate, account: str, address: str, count: int, clock: HandClock) -> float:
    """Make wrong tries, each as soon as it may be made; seconds that took."""
    began = clock.monotonic()
    for _ in range(count):
        while (seconds := refused(gate, account, address)) is not None:
            clock.move(seconds=seconds)
    return clock.monotonic() - began


def refused(gate: Gate, account: str, address: str) -> int | None:
    """One wrong try: None when it was looked at, else the seconds to wait."""
    try:
        gate.enter(account, address)
    except RefusedError as error:
        return int(error.facts["seconds"])
    return None


# -- guessing


def test_a_few_wrong_tries_cost_nothing_and_each_further_one_twice_as_much() -> None:
    clock = HandClock()
    gate = Gate(clock)
    assert tries(gate, "anne", HOME, 5, clock) == 0
    assert [tries(gate, "anne", HOME, 1, clock) for _ in range(12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_try_that_comes_too_early_is_not_looked_at_and_costs_nothing() -> None:
    clock = HandClock()
    gate = Gate(clock)
    tries(gate, "anne", HOME, 8, clock)
    assert [refused(gate, "anne", HOME) for _ in range(20)] == [8] * 20
    clock.move(seconds=8)
    gate.enter("anne", HOME)


def test_who_guesses_an_account_elsewhere_does_not_lock_its_member_out() -> None:
    clock = HandClock()
    gate = Gate(clock)
    tries(gate, "anne", HOME, 25, clock)
    assert refused(gate, "Anne", HOME) is not None, "the same account, whatever its case"
    assert refused(gate, "anne", CLINIC) is None


def test_who_guesses_many_accounts_from_one_place_waits_for_all_of_them() -> None:
    clock = HandClock()
    gate = Gate(clock)
    for count in range(30):
        gate.enter(f"login{count}", HOME)
    assert refused(gate, "another", HOME) == 1
    assert refused(gate, "another", CLINIC) is None


def test_a_member_who_came_in_from_there_before_waits_for_their_own_wrong_tries_only() -> None:
    clock = HandClock()
    gate = Gate(clock)
    gate.enter("anne", CLINIC)
    gate.right("anne", CLINIC)
    for count in range(30):
        gate.enter(f"login{count}", CLINIC)
    assert refused(gate, "someone", CLINIC) is not None
    assert refused(gate, "anne", CLINIC) is None
    tries(gate, "anne", CLINIC, 4, clock)
    assert refused(gate, "anne", CLINIC) == 1, "her own still count"


def test_signing_in_forgives_what_was_mistyped_before() -> None:
    clock = HandClock()
    gate = Gate(clock)
    for _ in range(10):
        tries(gate, "anne", CLINIC, 4, clock)
        gate.enter("anne", CLINIC)
        gate.right("anne", CLINIC)
    assert refused(gate, "bob", CLINIC) is None, "nor does it count against the others there"


def test_after_a_while_a_place_is_forgiven() -> None:
    clock = HandClock()
    gate = Gate(clock)
    tries(gate, "anne", HOME, 12, clock)
    clock.move(hours=2)
    assert tries(gate, "anne", HOME, 5, clock) == 0


def test_a_pin_is_not_guessed_from_many_telephones_at_once() -> None:
    clock = HandClock()
    gate = Gate(clock, by_account=True)
    for count in range(30):
        gate.enter("7", f"192.168.1.{count}")
    assert refused(gate, "7", "192.168.1.200") == 1
    assert refused(gate, "8", "192.168.1.200") is None


def test_memory_of_wrong_tries_is_bounded() -> None:
    clock = HandClock()
    gate = Gate(clock)
    for count in range(12_000):
        clock.move(seconds=1)
        gate.enter(f"login{count}", f"10.{count // 65536}.{count // 256 % 256}.{count % 256}")
    assert len(gate._pairs._tries) == len(gate._all._tries) == 10_000


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("101", "101"),
        ("", ""),
    ],
)
def test_one_subscriber_is_one_place(address: str, where: str) -> None:
    assert place(address) == where


@given(st.lists(st.sampled_from(["right", "wrong"]), max_size=60))
def test_whatever_happens_no_wait_is_longer_than_a_quarter_of_an_hour(history: list[str]) -> None:
    clock = HandClock()
    gate = Gate(clock)
    for what in history:
        seconds = refused(gate, "anne", HOME)
        if seconds is not None:
            assert 0 < seconds <= 900
            clock.move(seconds=seconds)
        elif what == "right":
            gate.right("anne", HOME)


# -- passwords


@pytest.mark.parametrize(
    "password", ["", "short", "123456789", "aaaaaaaaaaaa", "anne.tremblay", "Anne.Tremblay", "x" * 201, "dix lettres\ud800"]
)
def test_a_password_that_is_guessed_at_once_is_refused_and_says_why(password: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_password(password, "anne.tremblay")
    assert caught.value.code == "bad_password"
    assert caught.value.fix


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", " 1234", "١٢٣٤"])
def test_a_pin_is_four_to_eight_digits(pin: str) -> None:
    with pytest.raises(RefusedError, match="4 to 8 digits"):
        check_pin_written(pin)
    check_pin_written("0000")


@pytest.mark.usefixtures("passwords_cost_as_shipped")
async def test_a_hash_tells_the_right_password_from_others_and_no_hash_from_any() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("pain au chocolat é 🥐")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$"), "RFC 9106 4, the second recommended option, on one processor"
    assert await passwords.right(kept, "pain au chocolat é 🥐")
    for wrong in ("pain au chocolat", "", "\ud800", "x" * 5000):
        assert not await passwords.right(kept, wrong)
    assert not await passwords.right(None, "a password nobody has")
    assert not await passwords.right("no hash at all", GOOD)
    passwords.close()


@pytest.mark.usefixtures("passwords_cost_as_shipped")
async def test_a_flood_of_strangers_is_turned_away_and_keeps_no_member_waiting() -> None:
    passwords = Passwords()
    kept = await passwords.hashed(GOOD)
    flood = [asyncio.create_task(passwords.right(None, f"guess {count}")) for count in range(60)]
    assert await passwords.right(kept, GOOD, known=True)
    done = await asyncio.gather(*flood, return_exceptions=True)
    turned_away = [each for each in done if isinstance(each, RefusedError)]
    assert {each.code for each in turned_away} == {"throttled"}
    assert 40 <= len(turned_away) < 60
    assert not any(each is True for each in done)
    passwords.close()
