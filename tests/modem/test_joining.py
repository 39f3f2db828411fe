"""Joining parts: order-free, duplicate-free, emoji whole."""

from __future__ import annotations

from datetime import datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import sim_pdu
from modem.alphabet import ESCAPE
from modem.joining import join
from modem.pdu import Deliver, decode
from tests.modem.test_pdu import NUMBER, SENT, anything, deliver_pdu, packed


def parts_of(text: str, *, sent: datetime = SENT, reference: int = 9, wide: bool = False, cut: bool = False) -> list[Deliver]:
    found = [decode(pdu) for pdu in sim_pdu.encode_deliver(NUMBER, text, sent, reference=reference, wide=wide, cut=cut)]
    return [one for one in found if isinstance(one, Deliver)]


@given(anything, st.booleans(), st.booleans(), st.randoms())
def test_any_order_and_any_duplicates_give_the_text(text: str, wide: bool, cut: bool, random: Random) -> None:
    parts = parts_of(text, wide=wide, cut=cut)
    shuffled = parts * 2
    random.shuffle(shuffled)
    joined = join(shuffled)
    assert (joined.text, joined.complete, joined.parts, joined.sent_at) == (text, True, len(parts), SENT)


def test_an_emoji_cut_between_two_parts_survives() -> None:
    """Defect 26: each part alone ends in half a character."""
    text = "x" * 66 + "😀" + "y" * 66 + "ж"
    parts = parts_of(text, cut=True)
    assert "\ufffd" in parts[0].text
    assert join(parts).text == text


def test_an_escape_at_the_end_of_a_part_reaches_into_the_next() -> None:
    header = bytes.fromhex("050003090201"), bytes.fromhex("050003090202")
    first = decode(deliver_pdu(header[0] + packed(b"5" + bytes([ESCAPE]), fill=1), length=7 + 2, header=True))
    second = decode(deliver_pdu(header[1] + packed(b"eok", fill=1), length=7 + 3, header=True))
    assert isinstance(first, Deliver)
    assert isinstance(second, Deliver)
    assert (first.text, second.text) == ("5", "eok")
    assert join([second, first]).text == "5€ok"


def test_what_is_missing_is_named_and_shown() -> None:
    first, second, third = parts_of("a" * 153 + "b" * 153 + "c" * 10)
    assert join([third, first]).missing == (2,)
    assert join([third, first]).text == "a" * 153 + " … " + "c" * 10
    assert join([second]).text == "… " + "b" * 153 + " …"
    assert join([second]).missing == (1, 3)
    assert not join([second]).complete


def test_nothing_joins_to_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to join"):
        join([])
