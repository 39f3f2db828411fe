"""The simulator's codec against published vectors, recorded dialogues, another encoder, and itself on any text."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import gsmmodem.pdu
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem import sim_pdu
from modem.sim_alphabet import lacks
from modem.sim_pdu import (
    Part,
    PduError,
    decode_deliver,
    decode_report,
    decode_submit,
    encode_deliver,
    encode_report,
    joined,
    tpdu_length,
)
from tests.modem.simulator_client import submits

NOON = datetime(2026, 3, 1, 12, 34, 56, tzinfo=timezone(timedelta(hours=-5)))


def test_the_published_submit_is_read() -> None:
    """The classic example of the GSM 03.40 tutorials: "hellohello" to +46708251358."""
    submitted = decode_submit("0011000B916407281553F80000AA0AE8329BFD4697D9EC37", 23)
    assert (submitted.number, submitted.data.text, submitted.report) == ("+46708251358", "hellohello", False)


def test_the_published_deliver_is_read() -> None:
    deliver = decode_deliver("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07")
    assert (deliver.sender, deliver.data.text) == ("+31641600986", "How are you?")
    assert deliver.sent == datetime(2002, 8, 26, 19, 37, 41, tzinfo=UTC)


def test_recorded_dialogues_are_read() -> None:
    """PDUs that gsmmodem and smstools exchanged with another simulator."""
    sent = decode_submit("0021000D91945111325476F8000013C8329BFD0699E5EF36E83C6FB7DFE4721B", 31)
    assert (sent.number, sent.data.text, sent.report) == ("+4915112345678", "Hello from gsmmodem", True)
    report = decode_report("079194710167000006010D91945111325476F8621122003170006211220031700000")
    assert (report.reference, report.status, report.recipient) == (1, 0, sent.number)
    assert report.discharged == datetime(2026, 11, 22, 0, 13, 7, tzinfo=UTC)
    got = decode_deliver("0791947101670000040A9194719099990000621122003180000E69B7F85D7793417BBE1FB42903")
    assert (got.sender, got.data.text) == ("+4917099999", "inbound äöü €")


@pytest.mark.parametrize("text", ["plain", "Ça va? é [x] {y} €|~^\\", "1234567@", "@" * 160, "x" * 161, "accents êçœ", "é" * 400])
def test_another_encoder_is_understood(text: str) -> None:
    """python-gsmmodem-new's encoder, where it is right (facts of its defects: no emoji, no § and no `)."""
    parts = [decode_submit(str(pdu), pdu.tpduLength) for pdu in gsmmodem.pdu.encodeSmsSubmitPdu("+15145550123", text, reference=3)]
    assert {part.number for part in parts} == {"+15145550123"}
    assert joined([part.data for part in parts]) == text


def test_the_service_centre_and_its_length() -> None:
    (pdu,) = encode_deliver("+15145550199", "x", NOON, smsc="+15145550000")
    assert pdu.startswith("07915141550500F0")
    assert tpdu_length(pdu) == len(pdu) // 2 - 8
    assert tpdu_length(encode_deliver("+15145550199", "x", NOON)[0]) == len(pdu) // 2 - 8


@pytest.mark.parametrize("sender", ["+15145550199", "5145550199", "514555019", "12345", "Clinique", "Rx Québec", "ABCDEFGHIJK", "*100#"])
def test_senders(sender: str) -> None:
    assert decode_deliver(encode_deliver(sender, "x", NOON)[0]).sender == sender


def test_the_time_keeps_its_zone() -> None:
    deliver = decode_deliver(encode_deliver("+1514", "x", NOON)[0])
    assert (deliver.sent, deliver.sent.utcoffset()) == (NOON, timedelta(hours=-5))
    with pytest.raises(ValueError, match="zone"):
        encode_deliver("+1514", "x", datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("text", "wide", "sizes"),
    [
        ("x" * 160, False, [160]),
        ("x" * 161, False, [153, 8]),
        ("x" * 161, True, [152, 9]),
        ("x" * 152 + "€x" + "y" * 20, False, [152, 22]),
        ("é" + "ê" * 69, False, [70]),
        ("ê" * 71, False, [67, 4]),
        ("ê" * 71, True, [66, 5]),
        ("ê" * 66 + "😀" + "ê" * 5, False, [66, 6]),
    ],
)
def test_parts_are_cut_where_they_may(text: str, wide: bool, sizes: list[int]) -> None:
    """160/153/152 septets and 70/67/66 UTF-16 units; an escape sequence or surrogate pair is never split."""
    parts = [decode_deliver(pdu).data for pdu in encode_deliver("+1514", text, NOON, reference=700, wide=wide)]
    assert [len(part.text) for part in parts] == sizes
    assert not any(part.splits_character for part in parts)
    if len(parts) > 1:
        assert [part.part for part in parts] == [
            Part(700 if wide else 700 % 256, len(parts), place, wide) for place in range(1, len(parts) + 1)
        ]


def test_a_cut_emoji_is_noticed_and_joined() -> None:
    parts = [decode_deliver(pdu).data for pdu in encode_deliver("+1514", "ê" * 66 + "😀" + "ê" * 5, NOON, cut=True)]
    assert [part.splits_character for part in parts] == [True, True]
    assert joined(parts) == "ê" * 66 + "😀" + "ê" * 5


def test_flash_and_alphabets() -> None:
    assert decode_deliver(encode_deliver("+1514", "x", NOON, flash=True)[0]).data.flash
    assert decode_deliver(encode_deliver("+1514", "x", NOON, alphabet="ucs2")[0]).data.alphabet == "ucs2"
    with pytest.raises(ValueError, match="GSM-7 lacks"):
        encode_deliver("+1514", "ê", NOON, alphabet="gsm7")
    with pytest.raises(ValueError, match="255"):
        encode_deliver("+1514", "x" * 40_000, NOON)
    with pytest.raises(ValueError, match="20 digits"):
        encode_deliver("+" + "1" * 21, "x", NOON)


@given(st.text(max_size=700), st.booleans(), st.booleans())
def test_any_text_comes_back(text: str, wide: bool, cut: bool) -> None:
    parts = [decode_deliver(pdu).data for pdu in encode_deliver("+15145550199", text, NOON, reference=9, wide=wide, cut=cut)]
    assert joined(parts) == text


@given(st.text(max_size=400), st.booleans(), st.booleans())
def test_any_submit_is_read(text: str, report: bool, wide: bool) -> None:
    parts = [decode_submit(pdu, tpdu_length(pdu)) for pdu in submits("+15145550199", text, report=report, wide=wide)]
    assert joined([part.data for part in parts]) == text
    assert {(part.number, part.report) for part in parts} == {("+15145550199", report)}


@given(st.integers(0, 255), st.integers(0, 255), st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), st.integers(-48, 56))  # noqa: DTZ001
def test_any_report_comes_back(reference: int, status: int, moment: datetime, quarters: int) -> None:
    sent = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    report = decode_report(encode_report(reference, "+15145550199", sent, sent, status))
    assert (report.reference, report.status, report.sent, report.discharged) == (reference, status, sent, sent)


@given(
    st.sampled_from(["deliver", "report", "submit"]),
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=6),
)
def test_damaged_octets_are_read_or_told_so(kind: str, length: int, damage: list[tuple[int, int]]) -> None:
    """Nothing but PduError, wherever a PDU is cut or changed."""
    pdu = {
        "deliver": encode_deliver("+15145550199", "ê" * 90, NOON)[0],
        "report": encode_report(7, "+15145550199", NOON, NOON, 0),
        "submit": submits("+15145550199", "x€" * 100)[0],
    }[kind]
    octets = bytearray(bytes.fromhex(pdu)[:length])
    for place, value in damage:
        if place < len(octets):
            octets[place] = value
    damaged = octets.hex()
    try:
        if kind == "deliver":
            decode_deliver(damaged)
        elif kind == "report":
            decode_report(damaged)
        else:
            decode_submit(damaged, tpdu_length(damaged))
    except PduError:
        return


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(PduError, match="announced 24 octets, 23 came"):
        decode_submit("0011000B916407281553F80000AA0AE8329BFD4697D9EC37", 24)
    with pytest.raises(PduError, match="TP-UD: 1 octets missing"):
        decode_submit("0011000B916407281553F80000AA0AE8329BFD4697D9EC", 22)
    with pytest.raises(PduError, match="hexadecimal"):
        decode_submit("AT+CMGD=1,0", 5)
    with pytest.raises(PduError, match="no SMS-SUBMIT"):
        decode_submit("0004000B916407281553F80000AA0AE8329BFD4697D9EC37", 23)


@pytest.mark.parametrize(
    ("text", "locking", "single", "language"),
    [
        ("Günaydın, İstanbul'dan Şule ve Çağla: €5", 1, 0, "Turkish, locking"),
        ("Günaydın, İstanbul'dan Şule ve Çağla: €5", 0, 1, "Turkish, single"),
        ("Günaydın, İstanbul'dan Şule ve Çağla: €5 [x]", 1, 1, "Turkish, both"),
        ("¿Qué tal, Ángel? Así será el médico, último día: ÍÓÚ çáíóú €", 0, 2, "Spanish, single"),
        ("Amanhã às três, João e Antônio; coração, ÃÕÂÊÔÀÍÓÚ ∞ª", 3, 0, "Portuguese, locking"),
        ("Amanhã às três, João e Antônio; coração, ÃÕÂÊÔÀÍÓÚ", 0, 3, "Portuguese, single"),
        ("Amanhã às três, João e Antônio; ÁÀÂãõ {ΦΓΩΠΨΣΘ}", 3, 3, "Portuguese, both"),
    ],
)
def test_national_language_tables(text: str, locking: int, single: int, language: str) -> None:
    """Each part bears the elements 0x25 and 0x24; also in long texts, with both widths of reference, no escape split."""
    for times, wide in ((1, False), (9, False), (9, True)):
        long = (text + " ") * times
        parts = [decode_deliver(pdu).data for pdu in encode_deliver("+1514", long, NOON, locking=locking, single=single, wide=wide)]
        assert joined(parts) == long, language
        assert {part.alphabet for part in parts} == {"gsm7"}
        assert not any(part.splits_character for part in parts)
        told = {identifier: data for part in parts for identifier, data in part.elements if identifier >= 0x24}
        assert told == ({0x25: bytes([locking])} if locking else {}) | ({0x24: bytes([single])} if single else {})


def test_a_shifted_text_octet_by_octet() -> None:
    """ "ş" of the Turkish single shift table is escape, 0x73: two septets after five of header (TS 23.040 9.2.3.24)."""
    (pdu,) = encode_deliver("+1514", "ş", NOON, single=1)
    assert pdu.endswith("07" + "03240101" + "D8CC01")
    (pdu,) = encode_deliver("+1514", "ş", NOON, locking=1)
    assert pdu.endswith("06" + "03250101" + "E800")
    assert decode_deliver(pdu).data.text == "ş"


def test_what_the_tables_lack() -> None:
    """Without its element, the same septets are other characters; a table that does not exist is named."""
    (pdu,) = encode_deliver("+1514", "ığŞ", NOON, locking=1)
    assert decode_deliver(pdu.replace("032501", "037001")).data.text == "ìøÆ"
    with pytest.raises(ValueError, match="GSM-7: say alphabet"):
        encode_deliver("+1514", "ê", NOON, locking=1)
    with pytest.raises(ValueError, match="locking is 1"):
        encode_deliver("+1514", "x", NOON, locking=2)


@pytest.mark.parametrize(
    ("text", "around", "most"),
    [("x", {"single": 1}, 155), ("x", {"single": 1, "locking": 1}, 152), ("x", {"ports": (2948, 9200), "alphabet": "8bit"}, 133)],
)
def test_what_fits_beside_other_elements(text: str, around: dict[str, Any], most: int) -> None:
    assert len(encode_deliver("+1514", text * most, NOON, **around)) == 1
    assert len(encode_deliver("+1514", text * (most + 1), NOON, **around)) == 2


def test_type_0_and_any_coding_scheme() -> None:
    """TP-PID 0x40; TP-DCS as given, with the text in the alphabet that it names, or another."""
    plain, silent = (encode_deliver("+1514", "x", NOON, silent=silent)[0] for silent in (False, True))
    assert [place for place in range(len(plain)) if plain[place] != silent[place]] == [12]
    for coding, alphabet in ((0xF6, "8bit"), (0x08, "ucs2"), (0xE8, "ucs2"), (0xC8, "gsm7"), (0x1B, "ucs2"), (0x3F, "gsm7")):
        (pdu,) = encode_deliver("+1514", "unknown", NOON, coding=coding)
        assert f"00{coding:02X}" in pdu
        assert decode_deliver(pdu).data.alphabet == alphabet
    with pytest.raises(ValueError, match="0 to 255"):
        encode_deliver("+1514", "x", NOON, coding=256)
    with pytest.raises(ValueError, match="8bit takes"):
        encode_deliver("+1514", "ê€", NOON, alphabet="8bit")


@pytest.mark.parametrize("unit", ["x", "ê", "😀"])
def test_sixteen_parts(unit: str) -> None:
    text = unit * {"x": 153 * 15 + 9, "ê": 67 * 15 + 9, "😀": 33 * 15 + 9}[unit]
    parts = [decode_deliver(pdu).data for pdu in encode_deliver("+1514", text, NOON)]
    assert len(parts) == 16
    assert joined(parts) == text


TABLES = st.sampled_from([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (3, 0), (0, 3), (3, 3), (1, 2)])


@given(st.text("abcABC €ğĞşŞıİçêÊôÔãÃõÕáÁíóúÂâ^{}[]~|\\\n\rΦΓñÑ", max_size=500), TABLES, st.booleans())
def test_any_text_of_the_tables_comes_back(text: str, tables: tuple[int, int], wide: bool) -> None:
    locking, single = tables
    fitting = "".join(char for char in text if not lacks(char, locking, single))
    parts = [decode_deliver(pdu).data for pdu in encode_deliver("+1514", fitting, NOON, wide=wide, locking=locking, single=single)]
    assert joined(parts) == fitting


def test_the_simulator_knows_nothing_of_the_code_it_tries() -> None:
    """No sim_*.py imports a module of modem/ that is not the simulator's own, nor gsmmodem."""
    files = sorted(Path(sim_pdu.__file__).parent.glob("sim*.py"))
    assert len(files) > 15
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.module != "modem" else [f"modem.{alias.name}" for alias in node.names]
                assert node.level == 0, file
            for name in names:
                assert not name.startswith(("gsmmodem", "ari_app", "agi", "tests")), (file.name, name)
                assert not name.startswith("modem") or name.startswith("modem.sim"), (file.name, name)
