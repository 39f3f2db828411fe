"""MMS notifications as message centres send them, joined from their parts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import made
from modem.joining import join
from modem.mms import Notice, notification
from modem.pdu import Deliver, decode

PUSH = bytes.fromhex("0106")
SHORT = bytes.fromhex("03BEAF84")  # headers of 3 octets: content type, X-Wap-Application-Id mms.ua
LONG = b"\x22application/vnd.wap.mms-message\0\xaf\x84"  # as text, as most centres write it
WITH_PARAMETERS = bytes.fromhex("0603BE81EAAF84")  # in general form, with a charset
START = bytes.fromhex("8C82") + b"\x98transaction-1\0" + bytes.fromhex("8D92")
WHERE = "http://mmsc.example/x?y"
END = bytes.fromhex("8A80 8E03 01E240 8805 8103 03F480") + b"\x83" + WHERE.encode() + b"\0"


def text(value: bytes) -> bytes:
    return value + b"\0"


def sized(value: bytes) -> bytes:
    return (bytes((len(value),)) if len(value) < 31 else bytes((31, len(value)))) + value


def sender(address: bytes) -> bytes:
    return b"\x89" + sized(b"\x80" + address)


def subject(value: bytes) -> bytes:
    return b"\x96" + value


FROM = sender(text(b"+15145550123/TYPE=PLMN"))


@pytest.mark.parametrize("head", [SHORT, LONG, WITH_PARAMETERS])
def test_a_notification(head: bytes) -> None:
    data = PUSH + head + START + FROM + subject(text("Ordonnance été".encode())) + END
    assert notification(data) == Notice("+15145550123", "Ordonnance été", 123456, WHERE)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"", ""),
        (b"\x89\x01\x81", ""),  # the network would insert it
        (sender(text(b"5145550123/TYPE=PLMN")), "5145550123"),
        (sender(text(b"+1 (514) 555-0123/type=plmn")), "+15145550123"),
        (sender(text(b"marie@example.ca")), "marie@example.ca"),
        (sender(sized(b"\xea" + text(b"+15145550123/TYPE=PLMN"))), "+15145550123"),
        (sender(sized(b"\x83" + text(b"a" * 40 + b"@example.ca"))), "a" * 40 + "@example.ca"),
        (sender(text(b"Clinique/TYPE=PLMN")), "Clinique"),
        (sender(b"+15145550123"), "+15145550123"),  # its NUL is missing
        (b"\x89\x00", ""),
        (b"\x89\x80", ""),
    ],
)
def test_senders(field: bytes, expected: str) -> None:
    assert notification(PUSH + SHORT + START + field + END) == Notice(expected, "", 123456, WHERE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (text(b"photo"), "photo"),
        (text(b"\x7f" + "été".encode()), "été"),
        (sized(b"\xea" + text("Étiquette 😀".encode())), "Étiquette 😀"),
        (sized(b"\xea\x7f" + text("été".encode())), "été"),
        (sized(b"\x84" + text("été".encode("latin-1"))), "été"),
        (sized(b"\x02\x03\xe8" + "été".encode("utf-16-be") + b"\0\0"), "été"),
        (sized(b"\x02\x03\xf7" + "é😀".encode("utf-16") + b"\0\0"), "é😀"),
        (sized(b"\x02\x08\xcc" + text("’été’".encode("cp1252"))), "’été’"),
        (sized(b"\x02\xff\xff" + text("été".encode())), "été"),  # a set nobody knows
        (sized(b"\x02\x03\xe8\xd8\x3d"), "\ufffd"),
        (text(b"deux\r\n lignes"), "deux lignes"),
        (sized(b"\xea" + text(b"\xff")), "\ufffd"),
        (sized(b""), ""),
        (b"\x80", ""),
    ],
)
def test_subjects(value: bytes, expected: str) -> None:
    assert notification(PUSH + SHORT + START + FROM + subject(value) + END) == Notice("+15145550123", expected, 123456, WHERE)


def test_sizes_and_unknown_fields() -> None:
    unknown = b"X-Vendor\0some text\0" + b"\xb4\x81" + b"\xb2\x05\x81\x03abc" + b"Name\0\x85"
    assert notification(PUSH + SHORT + START + unknown + FROM + b"\x8e\x85") == Notice("+15145550123", "", 5)
    assert notification(PUSH + SHORT + START + FROM) == Notice("+15145550123", "", None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        PUSH,
        PUSH + b"\x01\xae" + b"\x02\x05\x6a\x00",  # a service indication
        PUSH + b"\x7f" + SHORT,
        PUSH + b"\xff\xff\xff\xff\xff\xff",
        b"\x01\x04" + SHORT + START + END,  # a reply, no push
        PUSH + SHORT + bytes.fromhex("8C86") + END,  # a delivery report of an MMS
        PUSH + SHORT + END,
        b"BEGIN:VCARD\r\n",
    ],
)
def test_what_is_no_notification(data: bytes) -> None:
    assert notification(data) is None


@given(st.binary(max_size=200))
def test_no_octets_ever_raise(octets: bytes) -> None:
    for data in (octets, PUSH + octets, PUSH + SHORT + octets, PUSH + SHORT + START + octets):
        found = notification(data)
        if found is not None:
            (found.sender + found.subject).encode()


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=6))
def test_a_damaged_one_never_raises(length: int, damage: list[tuple[int, int]]) -> None:
    data = bytearray((PUSH + LONG + START + FROM + subject(sized(b"\xea" + text("été 😀".encode()))) + END)[:length])
    for place, value in damage:
        if place < len(data):
            data[place] = value
    notification(bytes(data))


def test_one_that_came_in_three_parts_and_any_order() -> None:
    data = PUSH + LONG + START + FROM + subject(text(b"x" * 150)) + END
    pieces = [data[at : at + 128] for at in range(0, len(data), 128)]
    assert len(pieces) == 3
    ports = bytes.fromhex("05040B8423F0")
    sent = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    parts = []
    for number, piece in enumerate(pieces, start=1):
        header = ports + bytes((0, 3, 77, len(pieces), number))
        part = decode(made.deliver_raw("+15145550000", piece, 0x04, bytes((len(header),)) + header, sent))
        assert isinstance(part, Deliver)
        parts.append(part)
    joined = join(reversed(parts))
    assert (joined.text, joined.complete, joined.what, joined.data) == ("", True, "WAP push", data)
    assert notification(joined.data) == Notice("+15145550123", "x" * 150, 123456, WHERE)
    assert notification(join(parts[:1]).data) == Notice("+15145550123", "", None)
    assert join([parts[0], parts[2]]).data == pieces[0]
