"""The whole service on a real Asterisk: what callers, staff and an administrator live through, one story after the other."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from modem.simulator import Simulator
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import Stage, stage, until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RINGS, TAKEN = "5145550105", "5145550106"
QUICK = {"reply": {"delay": "1s", "min_ring": "500ms"}}
SLOW = {"reply": {"delay": "6s", "min_ring": "500ms"}}
WISH = "J'ai cassé une dent hier soir 😬 pouvez-vous me voir?"
ANSWER = "Oui, venez demain à 8 h 15."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    """Asterisk 22, nobody else on it: a service watches all of it."""
    lab = await Lab.up("22", f"service-{os.getpid()}")
    try:
        yield lab
    finally:
        await lab.down()


async def missed(staged: Stage, number: str) -> dict[str, Any]:
    """A call that rings a second and a half and is given up; its row, once filed."""
    before = {call["id"] for call in await calls(staged, number)}
    async with staged.lab.phones({"101": Phone("ring")}), staged.lab.trunk_call(Caller(number, RINGS, give_up=1.5)) as call:
        await call.over()
    return dict(await until("the missed call in the list", lambda: newest(staged, number, before)))


async def newest(staged: Stage, number: str, before: set[str]) -> dict[str, Any] | None:
    fresh = [call for call in await calls(staged, number) if call["id"] not in before]
    return fresh[0] if fresh else None


async def calls(staged: Stage, number: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = await staged.look("calls", "--number", "+1" + number)
    return listed


async def decided(staged: Stage, number: str) -> dict[str, Any]:
    """The newest call of a number once its decision is final."""

    async def look() -> dict[str, Any] | None:
        listed = await calls(staged, number)
        return listed[0] if listed and listed[0]["decision"] != "pending" else None

    return dict(await until("a final decision", look))


async def inbox(staged: Stage, number: str) -> list[str]:
    return [text["text"] for text in await staged.modem("inbox", number="+1" + number)]


async def thread(staged: Stage, number: str) -> dict[str, Any]:
    found: dict[str, Any] = await staged.look("thread", "+1" + number)
    return found


async def test_missed_call_text_answer_reply_and_no_word_of_it_in_the_log(lab: Lab, tmp_path: Path) -> None:
    number, pin = "4385550201", "4711"
    async with Simulator(tmp_path / "port", pin=pin) as simulator:
        modem = [{"name": "locked", "port": str(tmp_path / "port"), "pin": pin}]
        async with stage(lab, tmp_path, {**QUICK, "modem": modem}) as staged:
            call = await missed(staged, number)
            assert (call["outcome"], call["reached"], call["reason"]) == ("missed", "ring", "missed")
            (text,) = await simulator.wait("+1" + number, 1, timeout=30)
            final = await decided(staged, number)
            assert (final["decision"], final["reason"]) == ("reply", "missed")

            simulator.text("+1" + number, WISH)

            async def answered() -> bool:
                found = await thread(staged, number)
                return bool(found["state"] == "to_answer") and WISH in [each["text"] for each in found["messages"]]

            await until("the caller's answer in the thread", answered)
            sent = await staged.ask("send", "+1" + number, ANSWER, "--id", "form-1", "--wait", "20")
            assert sent["state"] in {"sent", "delivered"}
            again = await staged.ask("send", "+1" + number, ANSWER, "--id", "form-1", "--wait", "20")
            assert again["message"] == sent["message"]
            received = await simulator.wait("+1" + number, 2, timeout=30)
            assert [each["text"] for each in received] == [text["text"], ANSWER]

            async def delivered() -> bool:
                found = await thread(staged, number)
                return found["state"] == "answered" and [each["state"] for each in found["messages"]] == [
                    "delivered",
                    "received",
                    "delivered",
                ]

            await until("both texts reported delivered", delivered)
            status, said, _ = await staged.run("why", final["id"])
            assert status == 0
            assert "delivered" in said
        log = staged.log.read_text(encoding="utf-8")
    secrets = [WISH, ANSWER, text["text"], WISH[:20], "dent", pin, lab.record.ari_password, lab.record.ami_secret, "+1" + number, number]
    assert [line for line in log.splitlines() if any(word in line for word in secrets)] == []
    for line in log.splitlines():
        json.loads(line)


async def test_a_caller_reached_within_the_delay_gets_no_text(lab: Lab, tmp_path: Path) -> None:
    number = "4385550202"
    async with stage(lab, tmp_path, SLOW) as staged:
        first = await missed(staged, number)
        assert first["decision"] == "pending"
        async with lab.phones({"102": Phone("answer", after=0.2)}), lab.trunk_call(Caller(number, TAKEN, talk=1)) as call:
            await call.over()
        await until("both calls decided", lambda: _reasons(staged, number, ["answered", "reached_later"]))
        assert await inbox(staged, number) == []


async def test_a_call_back_from_a_desk_within_the_delay_cancels_the_text_and_keeps_the_thread_open(lab: Lab, tmp_path: Path) -> None:
    number = "4385550203"
    async with stage(lab, tmp_path, SLOW) as staged:
        await missed(staged, number)
        async with lab.phones({"101": Phone("ring")}), lab.desk_call(Caller("101", number, talk=2)) as call:
            await call.over()
        final = await decided(staged, number)
        assert (final["decision"], final["reason"]) == ("silence", "called_back")
        assert await inbox(staged, number) == []
        assert (await thread(staged, number))["state"] == "to_answer"


async def test_stop_is_confirmed_once_and_respected_by_everybody(lab: Lab, tmp_path: Path) -> None:
    number = "4385550204"
    async with stage(lab, tmp_path, {"reply": {**QUICK["reply"], "cooldown": "1ms"}}) as staged:
        await missed(staged, number)
        await staged.handset("+1" + number, 1)
        await staged.modem("text", **{"from": "+1" + number, "text": "Arrêt svp!"})
        await staged.handset("+1" + number, 2)
        await staged.modem("text", **{"from": "+1" + number, "text": "STOP"})

        async def both_kept() -> bool:
            return [each["direction"] for each in (await thread(staged, number))["messages"]].count("in") == 2

        await until("both texts kept", both_kept)
        call = await missed(staged, number)
        assert (call["decision"], call["reason"]) == ("silence", "opted_out")
        status, out, _ = await staged.run("send", "+1" + number, "Bonjour", "--json")
        assert status == 1
        assert "fix" in json.loads(out)["error"]
        assert len(await inbox(staged, number)) == 2


async def test_watch_mode_decides_and_sends_nothing(lab: Lab, tmp_path: Path) -> None:
    number = "4385550205"
    async with stage(lab, tmp_path, {"reply": {**QUICK["reply"], "mode": "watch"}}) as staged:
        await missed(staged, number)
        final = await decided(staged, number)
        assert (final["decision"], final["reason"]) == ("silence", "paused")
        assert await inbox(staged, number) == []


async def test_a_text_while_closed_gets_one_notice_when_the_clinic_opens(lab: Lab, tmp_path: Path) -> None:
    number = "4385550206"
    async with stage(lab, tmp_path, {**QUICK, "hours": {"open": "Dec 25 03:00-03:01", "holidays": False}}) as staged:
        call = await missed(staged, number)
        assert call["open"] is False
        assert (await decided(staged, number))["reason"] == "closed"
        await staged.handset("+1" + number, 1)
        await staged.modem("text", **{"from": "+1" + number, "text": "Avez-vous une place mardi?"})
        texts = await staged.handset("+1" + number, 2)
        await staged.modem("text", **{"from": "+1" + number, "text": "Ou mercredi?"})

        async def kept() -> bool:
            return [each["direction"] for each in (await thread(staged, number))["messages"]].count("in") == 2

        await until("the second text kept", kept)
        assert len(await inbox(staged, number)) == 2, "one notice, none after"
        assert texts[0]["text"] != texts[1]["text"]


async def test_staff_may_write_while_the_service_is_down_and_a_stop_drains(lab: Lab, tmp_path: Path) -> None:
    number = "4385550207"
    async with stage(lab, tmp_path, QUICK) as staged:
        await staged.modem("latency", ms=1500)
        sent = await staged.ask("send", "+1" + number, "Un")
        await until("the first text on its way", lambda: _state(staged, number, "sending"))
        status = await staged.supervisor.stop()
        assert status == 0
        assert sent["state"] in {"queued", "sending"}
        (first,) = (await thread(staged, number))["messages"]
        assert first["state"] in {"sent", "delivered"}, "a stop waits for the text on its way"
        second = await staged.ask("send", "+1" + number, "Deux")
        assert second["state"] == "queued"
    async with stage(lab, tmp_path, QUICK) as staged:
        await staged.modem("latency", ms=0)
        texts = await staged.handset("+1" + number, 2)
        assert [each["text"] for each in texts] == ["Un", "Deux"]


async def test_wrong_password_stops_the_service_and_says_what_to_do(lab: Lab, tmp_path: Path) -> None:
    wrong = {"pbx": {"ari": lab.ari_url, "username": "textback", "password": "not-this-one"}}
    async with stage(lab, tmp_path, {**QUICK, **wrong}, ready=False) as staged:
        await staged.supervisor.stop()
        status, _, said = await staged.run("run")
        assert status == 1
        assert "Traceback" not in said
        assert "ari.conf" in said
        assert "not-this-one" not in said


async def _reasons(staged: Stage, number: str, wanted: list[str]) -> bool:
    listed = await calls(staged, number)
    return not any(call["decision"] == "pending" for call in listed) and sorted(call["reason"] for call in listed) == sorted(wanted)


async def _state(staged: Stage, number: str, state: str) -> bool:
    return any(each["state"] == state for each in (await thread(staged, number))["messages"])


async def test_a_call_to_the_sim_is_rejected_listed_and_answered_from_the_number_called(lab: Lab, tmp_path: Path) -> None:
    number = "4385550231"
    async with Simulator(tmp_path / "other", number="+15145550178", imei="490154203237518") as other:
        modems = [
            {"name": "lab", "port": str(lab.modem_port)},
            {"name": "other", "port": str(tmp_path / "other"), "number": "+15145550178"},
        ]
        async with stage(lab, tmp_path, {**QUICK, "modem": modems}) as staged:
            await until("both modems", lambda: both_ready(staged))
            other.call("+1" + number, rings=5, every_ms=3000)
            call = dict(await until("the call in the list", lambda: newest(staged, number, set())))
            assert (call["outcome"], call["reached"], call["did"], call["id"][:10]) == ("missed", "none", "+15145550178", "sim.other.")
            (text,) = await other.wait("+1" + number, 1, timeout=30)
            assert text["sender"] == "+15145550178"
            found = await thread(staged, number)
            assert found["state"] == "to_answer"
            assert (await decided(staged, number))["reason"] == "missed"


async def both_ready(staged: Stage) -> bool:
    rows = await staged.ask("modem", "list")
    return len(rows) == 2 and all(row["registered"] for row in rows)
