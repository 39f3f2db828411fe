"""What Kannel's call-backs become: whatever comes is kept or told, never lost in silence, and the secret is never said."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.alphabet import segments
from modem.joining import join
from modem.kannel_callbacks import dlr_url, received, reported
from modem.pdu import Deliver, StatusReport, decode
from tests.lab.kannel import free_port
from tests.modem.conftest import Keeper
from tests.modem.kannel_rig import SECRET, bearer_of, running, until

AT = b"1795724298"
WHEN = datetime(2026, 11, 26, 20, 18, 18, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=700)


def delivers(query: dict[str, bytes]) -> list[Deliver]:
    found = [decode(pdu) for pdu in received(query)]
    assert all(isinstance(one, Deliver) for one in found)
    return [one for one in found if isinstance(one, Deliver)]


def mo(text: bytes, coding: int, **more: bytes) -> dict[str, bytes]:
    return {"from": b"+15145550123", "text": text, "coding": str(coding).encode(), "charset": b"", "udh": b"", "at": AT, "id": b"7", **more}


@given(TEXT)
def test_any_text_arrives_in_any_coding(text: str) -> None:
    for query in (mo(text.encode(), 0), mo(text.encode(), 0, charset=b"UTF-8"), mo(text.encode("utf-16-be"), 2)):
        parts = delivers(query)
        assert join(parts).text == text
        assert {one.sent_at for one in parts} == {WHEN}
        assert received(query) == received(dict(query))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=153))
def test_a_part_with_its_header_keeps_its_words(text: str) -> None:
    (one, *more) = delivers(mo(text.encode(), 0, udh=bytes((5, 0, 3, 77, 2, 1))))
    assert (one.text if one.part and not more else join([one, *more]).text) == text
    fits = segments(text).units <= (153 if segments(text).alphabet == "gsm7" else 67)
    if fits:
        assert one.part is not None
        assert (one.part.reference, one.part.parts, one.part.number, more) == (77, 2, 1, [])


@pytest.mark.parametrize("charset", [b"\x00", b"KLINGON", b"\xff", b"rot13", b""])
def test_a_charset_nobody_knows_is_read_as_utf8(charset: bytes) -> None:
    (one,) = delivers(mo("été".encode(), 0, charset=charset))
    assert one.text == "été"


def test_half_an_emoji_in_a_part_is_kept() -> None:
    units = "😀".encode("utf-16-be")
    halves = [*delivers(mo(units[:2], 2, udh=bytes((5, 0, 3, 8, 2, 1)))), *delivers(mo(units[2:], 2, udh=bytes((5, 0, 3, 8, 2, 2))))]
    assert join(halves).text == "😀"


@given(
    st.fixed_dictionaries({}, optional={name: st.binary(max_size=400) for name in ("from", "text", "udh", "charset", "id")}), st.integers()
)
def test_whatever_comes_is_a_pdu_or_an_error_that_names_it(query: dict[str, bytes], at: int) -> None:
    for coding in (b"", b"-1", b"0", b"1", b"2", b"9"):
        try:
            pdus = received({"text": b"", **query, "coding": coding, "at": str(at).encode()})
        except ValueError as error:
            assert str(error).startswith("parameter ")  # noqa: PT017 - any other error fails
        else:
            assert all(isinstance(decode(pdu), Deliver) for pdu in pdus)


def test_senders_that_no_address_can_hold() -> None:
    assert [delivers(mo(b"x", 0, **{"from": name}))[0].sender for name in (b"+" + b"1" * 30, b"2" * 30, b"", b"Clinique du Parc")] == [
        "+" + "1" * 20, "2" * 20, "", "Clinique du",
    ]  # fmt: skip


def test_a_time_that_is_none_is_the_same_each_time() -> None:
    assert delivers(mo(b"x", 0, at=b"0"))[0].sent_at == datetime(2000, 1, 1, tzinfo=UTC)
    assert delivers(mo(b"x", 0, at=b"99999999999"))[0].sent_at == datetime(2099, 12, 31, tzinfo=UTC)


def filled(url: str, kind: int, said: str = "") -> dict[str, bytes]:
    """A dlr-url as Kannel calls it."""
    query = urlsplit(url.replace("%d", str(kind)).replace("%T", AT.decode()).replace("%A", said)).query
    return {name: values[0].encode() for name, values in parse_qs(query, keep_blank_values=True).items()}


@pytest.mark.parametrize("recipient", ["+15145550123", "5145550123"])
def test_a_report_says_which_part_it_is_about(recipient: str) -> None:
    url = dlr_url("http://127.0.0.1:1", SECRET, reference=255, recipient=recipient, submitted=datetime(2026, 11, 26, 20, 0, tzinfo=UTC))
    report = decode(reported(filled(url, 1)))
    assert report == StatusReport(255, recipient, datetime(2026, 11, 26, 20, 0, tzinfo=UTC), WHEN, 0x00, "delivered", permanent=False)


@pytest.mark.parametrize(
    ("kind", "said", "status"),
    [
        (1, "", 0x00), (4, "", 0x30), (8, "ACK/", 0x30), (34, "", 0x46), (66, "", 0x01),
        (2, "", 0x63), (2, "Failed", 0x63), (2, "stat:REJECTD+err:099", 0x63), (2, "stat:DELETED", 0x48), (2, "stat:EXPIRED", 0x46),
        (16, "NACK/Retries+Exceeded", 0x63), (16, "NACK/validity+expired", 0x46),
        (16, "NACK/0x0000000b/Invalid+Destination+Address", 0x43), (16, "NACK/0x00000058/Throttling+error", 0x63),
    ],
)  # fmt: skip
def test_the_status_of_a_report(kind: int, said: str, status: int) -> None:
    url = dlr_url("http://127.0.0.1:1", SECRET, reference=1, recipient="+15145550123", submitted=WHEN)
    report = decode(reported(filled(url, kind, said)))
    assert isinstance(report, StatusReport)
    assert (report.status, report.number_at_fault) == (status, status == 0x43)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": b"3"}, "type"),
        ({"type": b""}, "type"),
        ({"ref": b"x"}, "ref"),
        ({"to": b""}, "to"),
        ({"submitted": b"1e9"}, "submitted"),
    ],
)
def test_a_wrong_report_is_named(change: dict[str, bytes], named: str) -> None:
    url = dlr_url("http://127.0.0.1:1", SECRET, reference=1, recipient="+15145550123", submitted=WHEN)
    with pytest.raises(ValueError, match=f"parameter {named} is"):
        reported(filled(url, 1) | change)


async def raw(port: int, request: bytes) -> bytes:
    """The first line that answers bytes of our own making."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        writer.write(request)
        await writer.drain()
    line = await reader.readline()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return line


async def test_a_wrong_get_url_is_told_and_the_secret_and_words_never(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp")
    keeper, port = Keeper(), free_port()
    bearer = bearer_of("http://127.0.0.1:9/", "x", keeper, port)
    base = f"http://127.0.0.1:{port}/kannel/{SECRET}"
    async with running(bearer), aiohttp.ClientSession() as session:
        await until(lambda: not bearer._callbacks.trouble, "listening")
        async with session.get(f"{base}/mo?from=%2B15145550123&text=private+words") as answer:
            assert answer.status == 400
        assert "parameter at is missing" in bearer._callbacks.unreadable
        async with session.get(f"{base}/dlr?to=%2B15145550123") as answer:
            assert answer.status == 400
        keeper.fails = 1
        async with session.get(f"{base}/mo?from=%2B15145550123&text=private+words&at=1795724298") as answer:
            assert answer.status == 503
        assert b" 400 " in await raw(port, f"GET /kannel/{SECRET}/mo?text=private+words\r\n\r\n".encode())
        assert b" 400 " in await raw(port, f"GET /kannel/{SECRET}/mo?{'private+words' * 20000} HTTP/1.1\r\n\r\n".encode())
        assert b" 400 " in await raw(port, f"GET /kannel/{SECRET}/mo HTTP/1.1\r\nHost : x\x00private\r\n\r\n".encode())
        async with session.get(f"{base}/mo?from=%2B15145550123&text={'mot+' * 4000}&at=1795724298") as answer:
            assert answer.status == 200
        assert bearer._callbacks.unreadable == bearer._callbacks.failing == ""
    assert join([one for one in keeper.decoded if isinstance(one, Deliver)]).text == "mot " * 4000
    said = "".join(capfd.readouterr()) + caplog.text
    assert "modem.callback_unreadable" in said
    for secret in (SECRET, "private", "15145550123"):
        assert secret not in said
