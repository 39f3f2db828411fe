"""PDUs made here, read by our own decoder and by the simulator's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import made, sim_pdu
from modem.alphabet import septets
from modem.joining import join
from modem.pdu import Deliver, StatusReport, decode
from tests.modem.test_pdu import NUMBER, SENT, anything

senders = st.from_regex(r"(\+?[0-9]{1,20}|[*#0-9]{1,20}|)", fullmatch=True)
moments = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(timezone(timedelta(hours=-5))))  # noqa: DTZ001


def read(pdu: str) -> Deliver:
    found = decode(pdu)
    assert isinstance(found, Deliver)
    return found


@given(senders, anything, moments, st.integers(0, 255))
def test_any_text_made_is_read_by_both_decoders(sender: str, text: str, sent_at: datetime, reference: int) -> None:
    pdus = made.deliver(sender, text, sent_at, reference=reference)
    ours = [read(pdu) for pdu in pdus]
    theirs = [sim_pdu.decode_deliver(pdu) for pdu in pdus]
    second = sent_at.replace(microsecond=0)
    assert join(ours).text == text
    assert {(one.sender, one.alphanumeric, one.sent_at) for one in ours} == {(sender, False, second)}
    assert sim_pdu.joined([one.data for one in theirs]) == text
    assert {(one.sender, one.sent) for one in theirs} == {(sender, second)}
    if len(pdus) > 1:
        assert [one.data.part for one in theirs] == [sim_pdu.Part(reference, len(pdus), place) for place in range(1, len(pdus) + 1)]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Clinique", "Clinique"),
        ("BellMob", "BellMob"),
        ("ABCDEFGHIJKLM", "ABCDEFGHIJK"),
        ("1234567890€x", "1234567890"),  # the euro takes two septets: it is not cut in half
        ("a@b.ca", "a@b.ca"),
        ("Forêt É", "Foret É"),
        ("+1 514", "+1 514"),
        ("١٢😀", "???"),
    ],
)
def test_a_name_is_a_name(name: str, kept: str) -> None:
    (pdu,) = made.deliver(name, "ok", SENT, reference=0)
    found = read(pdu)
    assert (found.sender, found.alphanumeric) == (kept, True)
    assert sim_pdu.decode_deliver(pdu).sender == kept


def test_the_same_text_makes_the_same_pdu() -> None:
    """What recognises a text that comes again stands on that."""
    assert made.deliver(NUMBER, "oui", SENT, reference=1) == made.deliver(NUMBER, "oui", SENT.replace(microsecond=9), reference=2)


def test_half_a_surrogate_pair_costs_no_text() -> None:
    assert read(made.deliver(NUMBER, "oui \ud83d", SENT, reference=0)[0]).text == "oui \ufffd"
    assert read(made.deliver(NUMBER, "\ud83d\ude00", SENT, reference=0)[0]).text == "😀"


@given(senders, st.binary(max_size=140), st.sampled_from([0x04, 0xF5, 0x15]))
def test_any_data_comes_back(sender: str, octets: bytes, coding: int) -> None:
    pdu = made.deliver_raw(sender, octets, coding, b"", SENT)
    found = read(pdu)
    assert (found.sender, found.alphabet, found.units, found.port) == (sender, "data", octets, None)
    assert sim_pdu.decode_deliver(pdu).data.units == octets


def test_data_behind_a_header() -> None:
    header = bytes.fromhex("0605040B8423F0")
    pdu = made.deliver_raw(NUMBER, b"\x00\x06push", 0x04, header, SENT)
    assert (read(pdu).port, read(pdu).units) == (2948, b"\x00\x06push")
    assert sim_pdu.decode_deliver(pdu).data.elements == ((0x05, header[3:]),)
    wide = read(made.deliver_raw(NUMBER, "Été".encode("utf-16-be"), 0x08, bytes.fromhex("06080412340201"), SENT))
    assert (wide.text, wide.part and wide.part.reference) == ("Été", 0x1234)


@pytest.mark.parametrize("header", ["", "050003090201", "0605040B8423F0", "06080412340201"])
def test_septets_behind_a_header(header: str) -> None:
    pdu = made.deliver_raw(NUMBER, septets("Ça va {ok}"), 0x00, bytes.fromhex(header), SENT)
    assert read(pdu).text == sim_pdu.decode_deliver(pdu).data.text == "Ça va {ok}"


@given(st.integers(0, 255), senders, moments, moments, st.integers(0, 255))
def test_any_report_made_is_read_by_both_decoders(reference: int, recipient: str, sent_at: datetime, at: datetime, status: int) -> None:
    pdu = made.report(reference, recipient, sent_at, at, status)
    found = decode(pdu)
    assert isinstance(found, StatusReport)
    expected = (reference, recipient, sent_at.replace(microsecond=0), at.replace(microsecond=0), status)
    assert (found.reference, found.recipient, found.sent_at, found.discharged_at, found.status) == expected
    theirs = sim_pdu.decode_report(pdu)
    assert (theirs.reference, theirs.recipient, theirs.sent, theirs.discharged, theirs.status) == expected


def test_what_cannot_be_made_is_named() -> None:
    with pytest.raises(ValueError, match="at most 20 digits, this one has 21"):
        made.deliver("+" + "1" * 21, "x", SENT, reference=0)
    with pytest.raises(ValueError, match="reference 256"):
        made.deliver(NUMBER, "x", SENT, reference=256)
    with pytest.raises(ValueError, match="needs its zone"):
        made.deliver(NUMBER, "x", datetime(2026, 1, 1), reference=0)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="not 1999"):
        made.deliver(NUMBER, "x", datetime(1999, 1, 1, tzinfo=UTC), reference=0)
    with pytest.raises(ValueError, match="needs 256 SMS"):
        made.deliver(NUMBER, "a" * (153 * 255 + 1), SENT, reference=0)
    with pytest.raises(ValueError, match="141 octets of user data"):
        made.deliver_raw(NUMBER, b"x" * 141, 4, b"", SENT)
    with pytest.raises(ValueError, match="scheme 256"):
        made.deliver_raw(NUMBER, b"x", 256, b"", SENT)
    with pytest.raises(ValueError, match="says 5 octets follow, 1 do"):
        made.deliver_raw(NUMBER, b"x", 4, b"\x05\x00", SENT)
    with pytest.raises(ValueError, match="octets over 0x7F"):
        made.deliver_raw(NUMBER, b"\xff", 0, b"", SENT)
    with pytest.raises(ValueError, match="reference -1"):
        made.report(-1, NUMBER, SENT, SENT, 0)
    with pytest.raises(ValueError, match="status 256"):
        made.report(0, NUMBER, SENT, SENT, 256)
