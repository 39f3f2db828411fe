"""Any text, both ways, against the simulator's own codec: out through our encoder, and in through our decoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import sim_alphabet, sim_pdu
from modem.alphabet import segments
from modem.joining import join
from modem.pdu import Deliver, PartKey, decode, submit
from modem.shifts import LOCKING, SINGLE
from tests.modem.test_pdu import GSM7, NUMBER, SENT

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
EMOJI = ["😀", FAMILY, "👩🏽\u200d⚕️", "🏳️\u200d🌈", "🇨🇦", "❤️", "1️⃣", "e\u0301", "ж", "x"]
texts = st.one_of(
    st.text(max_size=900),
    st.lists(st.sampled_from(EMOJI), max_size=250).map("".join),
    st.text(st.sampled_from(GSM7), max_size=2500),
    st.text(st.sampled_from("€[]a"), max_size=1500),
)


def received(pdus: Iterable[str]) -> list[Deliver]:
    found = [decode(pdu) for pdu in pdus]
    assert all(isinstance(one, Deliver) for one in found)
    return [one for one in found if isinstance(one, Deliver)]


@given(texts, st.integers(0, 255))
def test_out_and_read_by_the_other_side(text: str, reference: int) -> None:
    parts = submit(NUMBER, text, reference)
    read = [sim_pdu.decode_submit(part.pdu, part.length) for part in parts]
    assert sim_pdu.joined([one.data for one in read]) == text
    assert not any(one.data.splits_character for one in read)
    assert len(read) == segments(text).parts


@given(texts, st.booleans(), st.booleans(), st.integers(0, 65535), st.randoms())
def test_written_by_the_other_side_and_in(text: str, wide: bool, cut: bool, reference: int, random: Random) -> None:
    parts = received(sim_pdu.encode_deliver(NUMBER, text, SENT, wide=wide, cut=cut, reference=reference))
    random.shuffle(parts)
    joined = join(parts)
    assert (joined.text, joined.complete) == (text, True)


@pytest.mark.parametrize(
    "text",
    ["é€" * 816, "ê" * 67 * 16, FAMILY * 94, "😀" * 33 * 16, "x" * 153 * 16],
    ids=["gsm7-escapes", "ucs2", "zwj", "emoji", "gsm7"],
)
@pytest.mark.parametrize("wide", [False, True])
def test_sixteen_parts_both_ways(text: str, wide: bool) -> None:
    out = submit(NUMBER, text, 255)
    assert len(out) == 16
    read = [sim_pdu.decode_submit(part.pdu, part.length) for part in out]
    assert [one.data.part for one in read] == [sim_pdu.Part(255, 16, number) for number in range(1, 17)]
    assert sim_pdu.joined([one.data for one in read]) == text
    assert not any(one.data.splits_character for one in read)
    back = received(sim_pdu.encode_deliver(NUMBER, text, SENT, reference=0xFFFF, wide=wide, cut=True))
    assert len(back) == 16 or wide  # a 16-bit reference leaves room for a character less
    assert join(reversed(back)).text == text
    assert join(back[:7] + back[8:]).missing == (8,)


@given(st.randoms(), st.integers(1, 40))
def test_references_that_wrap_do_not_mix_texts(random: Random, count: int) -> None:
    """Texts in a row, with references 250 … 255, 0, 1 …, whose parts come in any order and twice."""
    told = [f"{number} " + "ê" * 70 * (1 + number % 4) for number in range(count)]
    parts = [
        part
        for number, text in enumerate(told)
        for part in received(sim_pdu.encode_deliver(NUMBER, text, SENT + timedelta(minutes=number), reference=(250 + number) % 256))
    ]
    parts += random.sample(parts, len(parts) // 2)
    random.shuffle(parts)
    texts: dict[PartKey | None, list[Deliver]] = {}
    for part in parts:
        texts.setdefault(replace(part.part, number=1) if part.part else None, []).append(part)
    assert sorted(join(one).text for one in texts.values()) == sorted(told)


@pytest.mark.parametrize("language", [*sim_alphabet.LOCKING])
def test_locking_tables_are_those_of_the_other_side(language: int) -> None:
    assert LOCKING[language] == sim_alphabet.LOCKING[language]


@pytest.mark.parametrize("language", [*sim_alphabet.SINGLE])
def test_single_tables_are_those_of_the_other_side(language: int) -> None:
    assert dict(SINGLE[language]) == sim_alphabet.SINGLE[language]


@given(st.data(), st.sampled_from([0, *sim_alphabet.LOCKING]), st.sampled_from([0, *sim_alphabet.SINGLE]), st.booleans())
def test_texts_in_national_tables_come_in(data: st.DataObject, locking: int, single: int, wide: bool) -> None:
    letters = [char for char in "abcÇçğĞşŞıİéêãõáíóúÁÍÓÚ€[]{}^\\~|@ñ\n" if sim_alphabet.septets(char, locking, single)]
    text = data.draw(st.text(st.sampled_from(letters), max_size=700))
    parts = received(sim_pdu.encode_deliver(NUMBER, text, SENT, reference=5, wide=wide, locking=locking, single=single, alphabet="gsm7"))
    assert join(parts).text == text
    assert {(part.locking, part.single) for part in parts} == {(locking, single)}
