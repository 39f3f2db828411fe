"""KannelBearer on a real bearerbox and smsbox: what it says of a part is what became of it, and what comes is kept once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modem.alphabet import GSM7_BASIC, GSM7_EXTENSION
from modem.joining import join
from modem.types import NotSent, RawPdu, Refused, Sent, Unknown
from tests.lab.kannel import Carrier, Kannel, free_port
from tests.modem.conftest import Keeper
from tests.modem.kannel_rig import HASTY, SECRET, Rig, bearer_of, mo_url, running, until

NUMBER = "+15145550123"
EVERY_CHARACTER = "".join(char for char in GSM7_BASIC if char != "\x1b") + "".join(GSM7_EXTENSION)

MakeRig = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def make_rig(tmp_path: Path) -> AsyncIterator[MakeRig]:
    """Start Kannel with an operator behind it and run a bearer. ``core``: more of Kannel's core group, the rest goes to the bearer."""
    async with AsyncExitStack() as stack:

        async def make(*, core: str = "", keeper: Keeper | None = None, **options: Any) -> Rig:
            port, keeper, ready_calls = free_port(), keeper or Keeper(), []
            carrier = await stack.enter_async_context(Carrier())
            kannel = await stack.enter_async_context(Kannel(tmp_path / "kannel", mo=mo_url(port), carrier=carrier, core=core))
            bearer = bearer_of(
                kannel.url, options.pop("password", kannel.password), keeper, port, on_ready=lambda: ready_calls.append(1), **options
            )
            await stack.enter_async_context(running(bearer))
            return Rig(kannel, bearer, keeper, carrier, ready_calls)

        yield make


async def test_texts_leave_kannel_as_they_are(make_rig: MakeRig) -> None:
    rig = await make_rig(smsc="carrier")
    await rig.ready()
    texts = [
        ("Bonjour, à bientôt!", 1), (" deux  blancs, une ligne\r\nune autre\n ", 1), (EVERY_CHARACTER, 1), ("ê", 1),
        ("Grüße {€} [x] ~|^\\ " * 83, 16), ("Rendez-vous 😀 demain ❤️ " * 42, 16),
    ]  # fmt: skip
    for text, parts in texts:
        rig.carrier.taken.clear()
        results = await rig.send(NUMBER, text, reference=201)
        assert [type(result) for result in results] == [Sent] * parts
        await until(lambda parts=parts: len(rig.carrier.taken) == parts, "all parts at the operator")  # type: ignore[misc]
        taken = sorted(rig.carrier.taken, key=lambda each: each.header)
        assert "".join(each.text for each in taken) == text
        headers = [bytes((5, 0, 3, 201, parts, number)) for number in range(1, parts + 1)] if parts > 1 else [b""]
        assert [each.header for each in taken] == headers
        assert {(each.sender, each.recipient, each.smsc) for each in taken} == {("+15145550100", NUMBER, "carrier")}
        assert all(1430 <= each.validity <= 1440 for each in taken)
        assert len({result.reference for result in results if isinstance(result, Sent)}) == parts


async def test_a_report_becomes_a_status_report(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    receipt = "id:7 sub:001 dlvrd:000 submit date:2611262015 done date:2611262016 stat:{} err:001"
    cases = [
        (1, receipt.format("DELIVRD"), "delivered", 0x00), (2, receipt.format("UNDELIV"), "failed", 0x63),
        (2, receipt.format("EXPIRED"), "failed", 0x46), (2, receipt.format("UNKNOWN"), "pending", 0x01), (2, "Failed", "failed", 0x63),
        (34, "", "failed", 0x46), (66, "", "pending", 0x01), (4, "stat:ENROUTE", "pending", 0x30),
    ]  # fmt: skip
    before = datetime.now(UTC).replace(microsecond=0)
    for index, (mask, said, outcome, status) in enumerate(cases):
        number = f"+1514555013{index}"
        sent = await rig.went(number)
        (accepted,) = await rig.reports(number, 1)
        assert (accepted.reference, accepted.outcome, accepted.status) == (sent.reference, "pending", 0x30)
        await rig.carrier.report(rig.carrier.taken[-1], mask, said)
        _, report = await rig.reports(number, 2)
        assert (report.reference, report.outcome, report.status, report.number_at_fault) == (sent.reference, outcome, status, False)
        assert report.sent_at is not None
        assert before <= report.sent_at <= before + timedelta(minutes=2)


async def test_an_operator_that_refuses_is_reported(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.carrier.answer = "0x0000000b/Invalid Destination Address"
    sent = await rig.went(NUMBER)
    (report,) = await rig.reports(NUMBER, 1)
    assert (report.reference, report.outcome, report.number_at_fault) == (sent.reference, "failed", True)
    rig.carrier.answer = "out of credit"
    await rig.went("+15145550124")
    (report,) = await rig.reports("+15145550124", 1)
    assert (report.outcome, report.permanent, report.number_at_fault) == ("failed", False, False)


async def test_texts_received_are_kept(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    texts = [
        (NUMBER, "Grüße {€}\nà ê".encode(), 0, "Grüße {€}\nà ê"),
        (NUMBER, "J'arrive 😀".encode("utf-16-be"), 2, "J'arrive 😀"),
        (NUMBER, ("long " * 500).encode(), 0, "long " * 500),
        (NUMBER, ("émoji 😀 " * 120).encode("utf-16-be"), 2, "émoji 😀 " * 120),
        ("5145550123", b"national", 0, "national"),
        ("Desjardins", b"Votre code", 0, "Votre code"),
        (NUMBER, b"", 0, ""),
    ]
    before = datetime.now(UTC).replace(microsecond=0)
    for sender, octets, coding, text in texts:
        rig.keeper.kept.clear()
        await rig.carrier.text(sender, octets, coding)
        first, *_ = await rig.received()
        joined = join(await rig.received(first.part.parts if first.part else 1))
        assert (joined.text, joined.complete, first.sender) == (text, True, sender)
        assert joined.sent_at is not None
        assert before <= joined.sent_at <= before + timedelta(minutes=2)


async def test_parts_that_kannel_does_not_join_are_joined_here(make_rig: MakeRig) -> None:
    rig = await make_rig(core="sms-combine-concatenated-mo = false\n")
    await rig.ready()
    whole = "é{}" * 76 + "😀"
    units = whole.encode("utf-16-be")
    pieces = [units[start : start + 134] for start in range(0, len(units), 134)]
    for number in (3, 1, 4, 2):
        await rig.carrier.text(NUMBER, pieces[number - 1], 2, bytes((5, 0, 3, 77, 4, number)))
    joined = join(await rig.received(4))
    assert (joined.text, joined.complete) == (whole, True)
    for number, piece in enumerate(("é{€" * 30, "fin"), start=1):
        await rig.carrier.text("+15145550124", piece.encode(), 0, bytes((6, 8, 4, 1, 77, 2, number)))
    parts = (await rig.received(6))[4:]
    assert join(parts).text == "é{€" * 30 + "fin"
    assert all(part.part and part.part.wide for part in parts)


async def test_data_is_kept_with_its_port(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    push = bytes((6, 5, 4, 0x0B, 0x84, 0x23, 0xF0))
    await rig.carrier.text(NUMBER, bytes(range(128)), 1, push)
    (one,) = await rig.received()
    assert (one.alphabet, one.units, one.port) == ("data", bytes(range(128)), 2948)


async def test_data_that_kannel_joined_is_kept_in_parts(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    data = bytes(index % 256 for index in range(250))
    for number, piece in enumerate((data[:120], data[120:]), start=1):
        await rig.carrier.text(NUMBER, piece, 1, bytes((11, 5, 4, 0x0B, 0x84, 0x23, 0xF0, 0, 3, 9, 2, number)))
    parts = await rig.received(2)
    assert [part.port for part in parts] == [2948, 2948]
    assert b"".join(part.units for part in parts) == data
    assert [(part.part.number, part.part.parts) for part in parts if part.part] == [(1, 2), (2, 2)]


async def test_wrong_password_is_kannels_health_and_mends_itself(make_rig: MakeRig) -> None:
    rig = await make_rig(password="wrong")
    await until(lambda: rig.bearer.health().code == "kannel_auth", "refused")
    health = rig.bearer.health()
    assert (rig.bearer.ready, health.state, health.registered) == (False, "bad", False)
    assert "wrong" not in repr(health)
    assert isinstance((await rig.send(NUMBER, "bonjour"))[0], NotSent)


async def test_smsbox_killed_and_started_again(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    await rig.kannel.kill("smsbox")
    committed: list[bool] = []

    async def commit() -> bool:
        committed.append(True)
        return True

    (part,) = rig.bearer.split(NUMBER, "pendant la panne", 0)
    assert isinstance(await rig.bearer.send(part, commit), NotSent)
    assert committed == []
    await until(lambda: rig.bearer.health().code == "kannel_refused", "refused")
    calls = len(rig.ready_calls)
    await rig.kannel.start("smsbox")
    await rig.ready()
    assert len(rig.ready_calls) == calls + 1
    await rig.went(NUMBER, "ensuite")
    await until(lambda: bool(rig.carrier.taken), "the text at the operator")
    assert [each.text for each in rig.carrier.taken] == ["ensuite"]


async def test_bearerbox_down_and_up_again(make_rig: MakeRig) -> None:
    rig = await make_rig(timing=HASTY)
    await rig.ready()
    await rig.kannel.kill("bearerbox")
    result, *_ = await rig.send(NUMBER, "pendant la panne")
    assert isinstance(result, NotSent | Unknown)
    await until(lambda: not rig.bearer.ready, "not ready")
    await rig.kannel.start("bearerbox")
    await rig.ready()


@pytest.mark.parametrize("box", ["smsbox", "bearerbox"])
async def test_a_box_that_freezes_leaves_the_part_unknown_and_it_goes_once(make_rig: MakeRig, box: str) -> None:
    rig = await make_rig(timing=HASTY)
    await rig.ready()

    async def commit() -> bool:
        rig.kannel.freeze(box)
        return True

    (part,) = rig.bearer.split(NUMBER, "une seule fois", 0)
    result = await rig.bearer.send(part, commit)
    assert isinstance(result, Unknown)
    assert not rig.bearer.ready
    rig.kannel.thaw(box)
    await rig.ready()
    await rig.went(NUMBER, "ensuite")
    await until(lambda: any(each.text == "ensuite" for each in rig.carrier.taken), "the next text at the operator")
    went = [each.text for each in rig.carrier.taken].count("une seule fois")
    if box == "bearerbox":
        assert went == 1
        report, *_ = await rig.reports(NUMBER, 2)  # settles the part: the message centre took it
        assert report.outcome == "pending"
    else:
        assert went <= 1  # smsbox drops what it finds closed, or not: nobody can tell


async def test_a_bearerbox_that_hangs_costs_two_texts_not_all(make_rig: MakeRig) -> None:
    rig = await make_rig(timing=HASTY)
    await rig.ready()
    rig.kannel.freeze("bearerbox")
    for _ in range(2):
        await until(lambda: rig.bearer.ready, "ready, since smsbox answers")
        assert isinstance((await rig.send(NUMBER, "sans réponse"))[0], Unknown)
    probes = rig.kannel.log("smsbox").count("insufficient headers")
    await rig.kannel.until_logged("insufficient headers", probes + 3, box="smsbox")
    assert (rig.bearer.ready, rig.bearer.health().code) == (False, "kannel_silent")
    assert isinstance((await rig.send(NUMBER, "attends"))[0], NotSent)
    rig.kannel.thaw("bearerbox")
    await rig.ready()  # its reports about the two show that it goes on
    await rig.went(NUMBER, "ensuite")


@pytest.mark.parametrize("refused", ["called off", "failed"])
async def test_nothing_leaves_without_the_commit(make_rig: MakeRig, refused: str) -> None:
    rig = await make_rig()
    await rig.ready()
    seen: list[int] = []

    async def commit() -> bool:
        await asyncio.sleep(0.2)
        seen.append(rig.kannel.log("smsbox").count("sendsms sender:"))
        if refused == "failed":
            raise TimeoutError("the disk is slow")
        return False

    (part,) = rig.bearer.split(NUMBER, "jamais", 0)
    if refused == "failed":
        with pytest.raises(TimeoutError, match="the disk is slow"):
            await rig.bearer.send(part, commit)
    else:
        assert await rig.bearer.send(part, commit) == NotSent("called off", called_off=True)
    assert rig.bearer.ready
    await rig.went(NUMBER, "ensuite")
    await until(lambda: bool(rig.carrier.taken), "the text at the operator")
    assert (seen, [each.text for each in rig.carrier.taken]) == ([0], ["ensuite"])


async def test_what_kannel_refuses_for_good(make_rig: MakeRig) -> None:
    rig = await make_rig(smsc="nowhere", core='black-list-regex = ".*"\n')
    await rig.ready()
    (result,) = await rig.send(NUMBER, "bonjour")
    assert isinstance(result, Refused)
    assert (result.permanent, result.number_at_fault, rig.bearer.ready) == (True, False, True)


async def get(port: int, path: str, method: str = "GET", **options: Any) -> int:
    async with aiohttp.ClientSession() as session, session.request(method, f"http://127.0.0.1:{port}{path}", **options) as answer:
        assert await answer.read() == b""
        return answer.status


async def test_who_does_not_know_the_secret_gets_nowhere() -> None:
    keeper, port = Keeper(), free_port()
    bearer = bearer_of("http://127.0.0.1:9/", "x", keeper, port)
    async with running(bearer):
        right = f"/kannel/{SECRET}/mo?from=%2B15145550123&text=bonjour&coding=0&at=1790000000&id=1"
        await until(lambda: not bearer._callbacks.trouble, "listening")
        for path in (
            "/",
            "/kannel/",
            "/kannel//mo",
            "/kannel/wrong/mo",
            f"/kannel/{SECRET[:-1]}/mo",
            f"/kannel/{SECRET}/",
            f"/kannel/{SECRET}/mo/",
        ):
            assert await get(port, path + "?from=x&text=y&at=1") == 404
        assert await get(port, right, "POST") == 404
        assert keeper.kept == []
        assert await get(port, right) == 200
    assert keeper.texts == ["bonjour"]


async def test_a_text_that_cannot_be_kept_is_brought_again(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.keeper.fails = 2
    await rig.carrier.text(NUMBER, b"garde-moi")
    await until(lambda: rig.bearer.health().code == "not_keeping", "told")
    await rig.received()
    assert (rig.keeper.texts, rig.keeper.calls) == (["garde-moi"], 3)
    assert rig.bearer.health().state == "ok"


class Forgetful(Keeper):
    """Commits, and fails after it the first time."""

    async def keep(self, raw: RawPdu) -> None:
        await super().keep(raw)
        if len(self.kept) == 1:
            raise OSError("the disk is full")


async def test_what_is_brought_again_is_the_same_pdu(make_rig: MakeRig) -> None:
    rig = await make_rig(keeper=Forgetful())
    await rig.ready()
    await rig.carrier.text(NUMBER, ("Où êtes-vous? " * 20).encode("utf-16-be"), 2)
    await until(lambda: len(rig.keeper.kept) >= 6, "brought again")
    first, *again = [raw.pdu for raw in rig.keeper.kept]
    assert first == again[0]
    assert len(set(again)) == len(again)


async def test_a_port_that_is_taken_is_waited_for() -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    keeper = Keeper()
    bearer = bearer_of("http://127.0.0.1:9/", "x", keeper, port)
    async with running(bearer):
        await until(lambda: "nothing can listen" in bearer._callbacks.trouble, "told")
        taken.close()
        await taken.wait_closed()
        await until(lambda: not bearer._callbacks.trouble, "listening")
