"""PDUs: out through the simulator's own decoder, in from its own encoder, and what real networks send beside that."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import mms, sim_pdu
from modem.alphabet import GSM7_BASIC, GSM7_EXTENSION, pieces, segments, septets
from modem.joining import join
from modem.pdu import Deliver, PartKey, StatusReport, Undecodable, decode, parse_submit, submit

NUMBER = "+15145550123"
SENT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
GSM7 = "".join(char for char in GSM7_BASIC if char != "\x1b") + "".join(GSM7_EXTENSION)
anything = st.one_of(
    st.text(max_size=400), st.text(st.sampled_from(GSM7), max_size=400), st.text(st.sampled_from("aé€😀ê`ÿ§@"), max_size=400)
)
numbers = st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True)


def packed(codes: bytes, *, fill: int = 0) -> bytes:
    bits = sum(code << 7 * place for place, code in enumerate(codes)) << fill
    return bits.to_bytes(-(-(7 * len(codes) + fill) // 8), "little")


def deliver_pdu(
    body: bytes,
    *,
    length: int | None = None,
    coding: int = 0,
    header: bool = False,
    protocol: int = 0,
    stamp: str = "62304090030000",
    sender: str = "0B915141550521F3",
) -> str:
    """An SMS-DELIVER made by hand. ``length``: TP-UDL where it is not the octets of ``body``."""
    udl = len(body) if length is None else length
    return f"00{0x44 if header else 0x04:02X}{sender}{protocol:02X}{coding:02X}{stamp}{udl:02X}{body.hex().upper()}"


def received(pdu: str) -> Deliver:
    found = decode(pdu)
    assert isinstance(found, Deliver)
    return found


# out


@given(anything, numbers, st.integers(0, 255), st.booleans())
def test_any_text_goes_out_unchanged(text: str, number: str, reference: int, report: bool) -> None:
    """Defects 22, 25, 27, 28: emoji, "`", "§" and "ÿ" go; the count is that of UTF-16 units; no pair is cut."""
    parts = submit(number, text, reference, report=report)
    read = [sim_pdu.decode_submit(part.pdu, part.length) for part in parts]
    assert sim_pdu.joined([one.data for one in read]) == text
    assert {one.number for one in read} == {number}
    assert {one.report for one in read} == {report}
    assert not any(one.data.splits_character for one in read)
    assert len(parts) == segments(text).parts
    assert [(part.number, part.part, part.parts) for part in parts] == [(number, place, len(parts)) for place in range(1, len(parts) + 1)]
    if len(parts) > 1:
        assert [one.data.part for one in read] == [sim_pdu.Part(reference, len(parts), place) for place in range(1, len(parts) + 1)]


def test_the_reference_is_the_callers() -> None:
    """Defect 17, 34: gsmmodem shares one byte between TP-MR and the concatenation reference."""
    first, again = submit(NUMBER, "a" * 161, 200), submit(NUMBER, "a" * 161, 200)
    assert first == again
    part = sim_pdu.decode_submit(first[0].pdu, first[0].length)
    assert part.reference == 0
    assert part.data.part == sim_pdu.Part(200, 2, 1)


@pytest.mark.parametrize("number", ["", "+", "12", "+1514 555 0123", "*100#", "0151-123", "²2", "clinic", "+" + "1" * 16, "１２３"])
def test_what_is_no_number_is_refused(number: str) -> None:
    """Defect 33: gsmmodem sends such numbers as names, or raises IndexError."""
    with pytest.raises(ValueError, match="no phone number"):
        submit(number, "bonjour", 0)


@pytest.mark.parametrize(("number", "kind"), [("+15145550123", "91"), ("5145550123", "81"), ("30100", "81")])
def test_type_of_number(number: str, kind: str) -> None:
    """Defect 33: a national number is of unknown type (81), not "national" (A1)."""
    assert submit(number, "a", 0)[0].pdu[8:10] == kind


def test_too_long_and_broken_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 256 SMS"):
        submit(NUMBER, "a" * (153 * 255 + 1), 0)
    assert len(submit(NUMBER, "a" * 153 * 255, 0)) == 255
    with pytest.raises(ValueError, match="half a surrogate pair"):
        submit(NUMBER, "bonjour \ud83d", 0)
    with pytest.raises(ValueError, match="reference 256"):
        submit(NUMBER, "a", 256)


@pytest.mark.parametrize(
    ("validity", "octet"),
    [
        (timedelta(minutes=5), 0x00),
        (timedelta(minutes=6), 0x01),
        (timedelta(hours=12), 143),
        (timedelta(hours=12, seconds=1), 144),
        (timedelta(hours=24), 167),
        (timedelta(hours=25), 168),
        (timedelta(days=30), 196),
        (timedelta(days=31), 197),
        (timedelta(weeks=63), 255),
    ],
)
def test_validity(validity: timedelta, octet: int) -> None:
    assert submit("+123", "a", 0, validity=validity)[0].pdu[18:20] == f"{octet:02X}"


@pytest.mark.parametrize("validity", [timedelta(minutes=4), timedelta(weeks=64), timedelta(0)])
def test_validity_out_of_range(validity: timedelta) -> None:
    with pytest.raises(ValueError, match="validity"):
        submit(NUMBER, "a", 0, validity=validity)


# taken apart again


@given(anything, numbers, st.integers(0, 255), st.booleans(), st.integers(5, 63 * 10080))
def test_what_was_submitted_is_read_back(text: str, number: str, reference: int, report: bool, minutes: int) -> None:
    validity = timedelta(minutes=minutes)
    parts = submit(number, text, reference, report=report, validity=validity)
    read = [parse_submit(part.pdu) for part in parts]
    assert [one.text for one in read] == list(pieces(text))
    assert {(one.number, one.alphabet, one.report) for one in read} == {(number, segments(text).alphabet, report)}
    headers = [bytes((5, 0, 3, reference, len(parts), place)) for place in range(1, len(parts) + 1)]
    assert [one.header for one in read] == (headers if len(parts) > 1 else [b""])
    assert all(validity <= one.validity for one in read)
    assert submit(number, text, reference, report=report, validity=read[0].validity) == parts


@pytest.mark.parametrize(
    "pdu",
    [
        "",
        "zz",
        "0",
        submit(NUMBER, "a", 0)[0].pdu[:-2],
        submit(NUMBER, "a", 0)[0].pdu + "00",
        submit(NUMBER, "é😀", 0)[0].pdu[:-4],
        "01" + submit(NUMBER, "a", 0)[0].pdu[2:],
        deliver_pdu(b"1"),
        "0001000B915141550521F3000001E1",  # no validity
        "0011000B915141550521F30004A70141",  # data
        "0011000B915141550521F30008A702D83D",  # half a surrogate pair
        sim_pdu.encode_report(7, NUMBER, SENT, SENT, 0),
    ],
)
def test_what_was_not_submitted_here_is_refused(pdu: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse_submit(pdu)


@given(st.binary(max_size=60))
def test_nothing_but_a_value_error_comes_of_other_octets(octets: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_submit((b"\0\x11\0" + octets).hex())


# in


@given(anything.filter(lambda text: len(text) < 300), st.booleans(), st.integers(0, 65535))
def test_any_text_comes_in_unchanged(text: str, wide: bool, reference: int) -> None:
    """Defects 24, 26, 29: no first character dropped after a 16-bit reference, no lone surrogates, no last "@" lost."""
    pdus = sim_pdu.encode_deliver(NUMBER, text, SENT, reference=reference, wide=wide, smsc="+15145550000")
    parts = [received(pdu) for pdu in pdus]
    assert "".join(part.text for part in parts) == text
    assert {(part.sender, part.alphanumeric, part.sent_at) for part in parts} == {(NUMBER, False, SENT)}
    if len(pdus) > 1:
        kept = reference if wide else reference % 256
        assert [part.part for part in parts] == [PartKey(kept, len(pdus), place, wide) for place in range(1, len(pdus) + 1)]
    else:
        assert parts[0].part is None


@pytest.mark.parametrize("text", ["1234567@", "@" * 8, "a" * 159 + "@"])
def test_a_last_at_sign_is_kept(text: str) -> None:
    """Defect 29."""
    assert received(sim_pdu.encode_deliver(NUMBER, text, SENT)[0]).text == text


@pytest.mark.parametrize(("wide", "reference"), [(False, 7), (True, 7), (True, 0x1234)])
def test_the_first_character_of_every_part_is_kept(wide: bool, reference: int) -> None:
    """Defect 24."""
    pdus = sim_pdu.encode_deliver(NUMBER, "Hello world" * 30, SENT, reference=reference, wide=wide, alphabet="gsm7")
    assert "".join(received(pdu).text for pdu in pdus) == "Hello world" * 30


def test_16_bit_port_addressing_keeps_the_text() -> None:
    """Defect 24: a header of 6 octets that is no concatenation."""
    header = bytes.fromhex("0605040B8423F0")
    body = header + packed(septets("Hello world"))
    found = received(deliver_pdu(body, length=8 + 11, header=True))
    assert (found.text, found.port) == ("Hello world", 2948)


def test_names_as_senders() -> None:
    found = received(deliver_pdu(packed(b"ok"), length=2, sender="0ED0" + packed(septets("Clinique")).hex().upper()))
    assert (found.sender, found.alphanumeric) == ("Clinique", True)
    seven = received(deliver_pdu(packed(b"ok"), length=2, sender="0ED0" + packed(septets("BellMob") + b"\0").hex().upper()))
    assert seven.sender == "BellMob@"


@pytest.mark.parametrize(
    ("sender", "name", "alphanumeric"),
    [
        ("00D0", "", True),
        ("0080", "", False),
        ("0091", "", False),
        ("02D041", "A", True),
        ("0250C1", "A", True),  # no extension bit, a bit to spare
        ("14D0" + packed(b"ABCDEFGHIJK").hex(), "ABCDEFGHIJK", True),
        ("14D0" + packed(b"x" * 9 + b"\x1be").hex(), "x" * 9 + "€", True),
        ("16D0" + packed(b"ABCDEFGHIJKL").hex(), "ABCDEFGHIJKL", True),  # longer than it may be
        ("06A121436F", "12346", False),  # national; a filler inside
        ("0BA15141550521F3", "15145550123", False),
        ("0491214A", "+12*4", False),
    ],
)
def test_senders_in_every_form(sender: str, name: str, alphanumeric: bool) -> None:
    found = received(deliver_pdu(packed(b"ok"), length=2, sender=sender.upper()))
    assert (found.sender, found.alphanumeric, found.text) == (name, alphanumeric, "ok")


def test_short_codes_and_national_senders() -> None:
    assert received(deliver_pdu(packed(b"ok"), length=2, sender="05810301F0")).sender == "30100"
    assert received(deliver_pdu(packed(b"ok"), length=2, sender="0A815141550521")).sender == "1514555012"


@pytest.mark.parametrize("stamp", ["00000000000000", "99999999999999", "62200330000000", "FFFFFFFFFFFFFF", "AAAAAAAAAAAAAA"])
def test_an_impossible_time_stamp_is_none_and_the_text_stands(stamp: str) -> None:
    """Defect 32."""
    found = received(deliver_pdu(packed(b"ok"), length=2, stamp=stamp))
    assert (found.text, found.sent_at) == ("ok", None)


@pytest.mark.parametrize(("zone", "hours"), [("00", 0), ("40", 1), ("0A", -5), ("2A", -5.5), ("69", -4)])
def test_time_zones(zone: str, hours: float) -> None:
    expected = datetime(2026, 3, 4, 9, 30, tzinfo=timezone(timedelta(hours=hours)))
    assert received(deliver_pdu(packed(b"ok"), length=2, stamp="623040900300" + zone)).sent_at == expected
    assert received(sim_pdu.encode_deliver(NUMBER, "ok", expected)[0]).sent_at == expected


LATIN = packed(septets("Bonjour"))
WIDE = "Été 😀".encode("utf-16-be")


@pytest.mark.parametrize(
    ("coding", "alphabet", "marks"),
    [
        (0x00, "gsm7", set()),
        (0x04, "data", set()),
        (0x08, "ucs2", set()),
        (0x0C, "gsm7", {"reserved"}),
        (0x10, "gsm7", {"flash"}),
        (0x11, "gsm7", set()),
        (0x18, "ucs2", {"flash"}),
        (0x44, "data", set()),  # marked for automatic deletion
        (0x48, "ucs2", set()),
        (0x50, "gsm7", {"flash"}),
        (0x84, "gsm7", {"reserved"}),
        (0xC0, "gsm7", {"mailbox"}),
        (0xD8, "gsm7", {"mailbox"}),
        (0xE0, "ucs2", {"mailbox"}),
        (0xF0, "gsm7", {"flash"}),
        (0xF2, "gsm7", set()),
        (0xF4, "data", {"flash"}),
        (0xF5, "data", set()),
        (0xF7, "data", set()),
    ],
)
def test_every_group_of_data_coding_schemes(coding: int, alphabet: str, marks: set[str]) -> None:
    """Defect 31."""
    pdu = deliver_pdu(LATIN, length=7, coding=coding) if alphabet == "gsm7" else deliver_pdu(WIDE, coding=coding)
    found = received(pdu)
    assert found.alphabet == alphabet
    assert found.text == {"gsm7": "Bonjour", "ucs2": "Été 😀", "data": ""}[alphabet]
    assert {name for name in ("flash", "mailbox", "reserved") if getattr(found, name)} == marks
    if alphabet == "data":
        assert found.units == WIDE


def test_compressed_text_is_named_with_its_sender() -> None:
    found = decode(deliver_pdu(b"\1\2\3", coding=0x20))
    assert isinstance(found, Undecodable)
    assert (found.what, found.sender, found.sent_at is not None) == ("compressed (3GPP TS 23.042)", NUMBER, True)


SILENT = deliver_pdu(LATIN, length=7, protocol=0x40)


@pytest.mark.parametrize(
    ("pdu", "text", "what"),
    [
        (deliver_pdu(LATIN, length=7), "Bonjour", ""),
        (deliver_pdu(b""), "", ""),
        (deliver_pdu(LATIN, length=7, coding=0x10), "Bonjour", "flash message"),
        (deliver_pdu(LATIN, length=7, coding=0x0C), "Bonjour", "unknown alphabet, read as GSM-7"),
        (deliver_pdu(LATIN, length=7, coding=0xBF), "Bonjour", "unknown alphabet, read as GSM-7"),
        (deliver_pdu(LATIN, length=7, coding=0xC8), "Bonjour", "new voicemail waiting"),
        (deliver_pdu(LATIN, length=7, coding=0xD1), "Bonjour", "no fax waiting"),
        (deliver_pdu(bytes.fromhex("0401028001") + WIDE, coding=0xE8, header=True), "Été 😀", "1 voicemail waiting"),
        (deliver_pdu(bytes.fromhex("0401020203") + WIDE, coding=8, header=True), "Été 😀", "3 e-mails waiting"),
        (deliver_pdu(bytes.fromhex("0623040011AABB") + WIDE, coding=8, header=True), "Été 😀", "new voicemail waiting"),
        (deliver_pdu(b"\1\2\3", coding=4), "", "data, no text"),
        (deliver_pdu(bytes.fromhex("0605040B8423F0") + b"\0\6", coding=4, header=True), "", "WAP push"),
        (deliver_pdu(bytes.fromhex("060504158A0000") + b"\0", coding=0xF5, header=True), "", "picture message"),
        (deliver_pdu(bytes.fromhex("03040205") + b"x", coding=4, header=True), "", "data, no text"),  # element cut short
        (deliver_pdu(bytes.fromhex("04040205F0") + b"x", coding=4, header=True), "", "data for port 5"),
        (deliver_pdu(bytes.fromhex("060504200F0000") + WIDE, coding=8, header=True), "Été 😀", "text for port 8207"),
        (deliver_pdu(LATIN, length=7, protocol=0x5F), "Bonjour", "request to call back"),
        (deliver_pdu(b"\1\2", protocol=0x7F, coding=0xF6), "", "data for the SIM"),
        (deliver_pdu(LATIN, length=7, protocol=0x41), "Bonjour", ""),  # replaces an earlier text: both are kept
        (SILENT, "Bonjour", "silent message (type 0)"),
    ],
)
def test_what_came_is_said_in_a_line(pdu: str, text: str, what: str) -> None:
    found = received(pdu)
    assert (found.text, found.what, found.silent) == (text, what, pdu == SILENT)


def test_a_header_longer_than_the_text_costs_no_text() -> None:
    """A plain text marked as having a header."""
    assert received(deliver_pdu(LATIN, length=7, header=True)).text == "Bonjour"


@pytest.mark.parametrize("header", ["050003070000", "050003070203", "0500030702", "FF", "00"])
def test_a_damaged_header_is_no_part(header: str) -> None:
    raw = bytes.fromhex(header)
    found = decode(deliver_pdu(raw + WIDE, coding=8, header=True))
    assert isinstance(found, Deliver)
    assert found.part is None


def test_the_truncated_is_undecodable_at_every_length() -> None:
    """Defect 32: gsmmodem raises StopIteration, which ends an asyncio task as RuntimeError."""
    whole = sim_pdu.encode_deliver(NUMBER, "Bonjour, je voudrais un rendez-vous", SENT, smsc="+15145550000")[0]
    for cut in range(0, len(whole), 2):
        assert isinstance(decode(whole[:cut]), Undecodable)
    last = decode(whole[:-6])
    assert last == Undecodable("cut short, 3 octets are missing", NUMBER, SENT, "Bonjour, je voudrais un rendez-v")
    assert decode(whole[:52]) == Undecodable("cut short before its text", NUMBER, SENT)
    report = sim_pdu.encode_report(7, NUMBER, SENT, SENT, 0)
    for cut in range(0, len(report), 2):
        assert isinstance(decode(report[:cut]), Undecodable)


@pytest.mark.parametrize("pdu", ["", "0", "zz", "é", "00", "0011000B915141550521F30000A702E832"])
def test_what_is_no_pdu(pdu: str) -> None:
    assert isinstance(decode(pdu), Undecodable)


@given(st.binary(max_size=200))
def test_no_octets_ever_raise(octets: bytes) -> None:
    takes_no_harm(octets)


WHOLE = [
    *sim_pdu.encode_deliver(NUMBER, "ê😀" * 60, SENT, smsc="+15145550000", reference=300, wide=True),
    *sim_pdu.encode_deliver("Clinique", "Bonjour €[]" * 20, SENT, reference=9),
    sim_pdu.encode_report(7, NUMBER, SENT, SENT, 0, smsc="+15145550000"),
    deliver_pdu(bytes.fromhex("0B05040B8423F00003020201") + b"\1\6\3\xbe\xaf\x84\x8c\x82", coding=4, header=True),
    deliver_pdu(bytes.fromhex("0625010124010A") + b"\x55" * 20, length=30, header=True),
]


@given(
    st.sampled_from(WHOLE),
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=8),
    st.binary(max_size=9),
)
def test_no_damage_ever_raises(pdu: str, length: int, damage: list[tuple[int, int]], more: bytes) -> None:
    octets = bytearray(bytes.fromhex(pdu)[:length])
    for place, value in damage:
        if place < len(octets):
            octets[place] = value
    takes_no_harm(bytes(octets) + more)


def takes_no_harm(octets: bytes) -> None:
    """Nothing raises, joins included; and no lone surrogate comes out: SQLite and JSON take it."""
    found = decode(octets.hex())
    if isinstance(found, Deliver):
        joined = join([found])
        (found.sender + found.text + found.what + joined.text + joined.what).encode()
        assert joined.complete == (found.part is None or found.part.parts == 1)
        mms.notification(joined.data)
    elif isinstance(found, Undecodable):
        (found.what + found.sender + found.text).encode()
    else:
        found.recipient.encode()


@given(st.text(max_size=100))
def test_no_line_ever_raises(line: str) -> None:
    decode(line)


@pytest.mark.parametrize(
    ("status", "outcome", "permanent", "number_at_fault"),
    [
        (0x00, "delivered", False, False),
        (0x01, "pending", False, False),
        (0x02, "delivered", False, False),
        (0x20, "pending", False, False),
        (0x30, "pending", False, False),  # defect 18: "still trying" is no failure
        (0x40, "failed", True, False),
        (0x41, "failed", True, True),
        (0x43, "failed", True, True),
        (0x46, "failed", True, False),  # validity expired: the phone was off, its number is good
        (0x60, "failed", False, False),
        (0x80, "failed", False, False),
    ],
)
def test_status_reports(status: int, outcome: str, permanent: bool, number_at_fault: bool) -> None:
    later = SENT + timedelta(seconds=9)
    found = decode(sim_pdu.encode_report(211, NUMBER, SENT, later, status, smsc="+15145550000"))
    assert isinstance(found, StatusReport)
    assert (found.reference, found.recipient, found.sent_at, found.discharged_at, found.status) == (211, NUMBER, SENT, later, status)
    assert (found.outcome, found.permanent, found.number_at_fault) == (outcome, permanent, number_at_fault)
