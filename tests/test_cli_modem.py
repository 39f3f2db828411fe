"""``textback modem``: with the service up and down."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ari_app.control import ModemStatus
from tests.contract.clinic import answer, error, run, service, write_settings
from tests.contract.conftest import _logs_as_before, config, filled
from tests.contract.test_contract import STATUS
from tests.threads.world import ALICE, BOB

__all__ = ["_logs_as_before", "config", "filled"]

MODEMS = """
[[modem]]
name = "gsm1"
port = "/dev/ttyUSB-none"
number = "+15145550177"
daily_budget = 100
[[modem]]
name = "gsm2"
"""

SEEN = STATUS.model_copy(
    update={
        "modems": (
            ModemStatus(
                name="gsm1", state="ok", code="ok", what="registered", registered=True, signal=21, model="huawei E173", operator="Telus",
                port="/dev/ttyUSB2", imei="356938035643809", carried=42, budget=100, tried=40, failed=1,
            ),
            ModemStatus(
                name="gsm2", state="bad", code="puk", what="the SIM is blocked", fix="put it in a phone", tried=30, failed=9, failing=True,
            ),
        )
    }
)  # fmt: skip


@pytest.fixture
def radios(tmp_path: Path) -> Path:
    return write_settings(tmp_path, MODEMS)


def test_list_and_status_with_the_service_up(radios: Path) -> None:
    with service(radios, SEEN):
        rows = answer(radios, "modem", "list")
        assert [(row["name"], row["kind"], row["carried"], row["number"]) for row in rows] == [
            ("gsm1", "serial", 42, "+15145550177"),
            ("gsm2", "serial", 0, None),
        ]
        assert answer(radios, "modem", "status", "gsm2") == rows[1:]
        shown = run(radios, "modem", "list").stdout
        assert "42 of 100 SMS" in shown
        assert "21/31" in shown
        told = run(radios, "modem", "status").stdout
    assert "Telus" in told
    assert "9 of 30: others carry its texts until it has proved itself" in told
    assert "put it in a phone" in told


def test_list_with_the_service_down(radios: Path) -> None:
    rows = answer(radios, "modem", "list")
    assert [(row["state"], row["code"], row["port"]) for row in rows] == [
        ("warn", "not_running", "/dev/ttyUSB-none"),
        ("warn", "not_running", "auto"),
    ]


def test_since_when_a_text_waits(radios: Path) -> None:
    answer(radios, "send", ALICE, "hello")
    assert [row["waits_since"] for row in answer(radios, "modem", "list")] == [None, None], "it waits for any"
    answer(radios, "modem", "send-test", "gsm2", BOB, "--wait", "0")
    waits = [row["waits_since"] for row in answer(radios, "modem", "list")]
    assert waits[0] is None
    assert waits[1] is not None


def test_no_modem_at_all(config: Path) -> None:
    assert answer(config, "modem", "list") == []
    assert "modem probe" in run(config, "modem", "list").stdout
    assert error(config, "modem", "status", "gsm1")["fix"] == "there is no [[modem]] in textback.toml yet"


@pytest.mark.parametrize("args", [("status", "gsm3"), ("send-test", "gsm3", ALICE), ("unlock", "gsm3")])
def test_a_name_that_no_modem_has(radios: Path, args: tuple[str, ...]) -> None:
    said = error(radios, "modem", *args)
    assert (said["code"], said["fix"]) == ("no_modem", "use one of: gsm1, gsm2")


def test_a_test_text_is_bound_to_its_modem_and_names_the_clinic(radios: Path) -> None:
    with service(radios, SEEN) as store:
        done = answer(radios, "modem", "send-test", "gsm2", ALICE, "--wait", "0")
        assert done["state"] == "queued"
        assert answer(radios, "thread", ALICE)["messages"][0]["text"] == "Test: Clinique"
        late = error(radios, "modem", "send-test", "gsm2", BOB, "--wait", "0.1")
        assert late["code"] == "text_queued"
        assert "modem status gsm2" in late["fix"]
    del store
    assert error(radios, "modem", "send-test", "gsm1", "nobody")["code"] == "no_number"


def test_unlock_needs_the_service(radios: Path) -> None:
    assert error(radios, "modem", "unlock", "gsm1")["code"] == "not_running"


def test_unlock_says_what_came_of_it(radios: Path) -> None:
    with service(radios, SEEN):
        assert error(radios, "modem", "unlock", "gsm1")["code"] == "no_modem"  # the test's service has none


def test_again_takes_nothing_beside_it(radios: Path) -> None:
    assert error(radios, "send", "--again", "7", code=1)["code"] == "not_found"
    assert error(radios, "send", ALICE, "hello", "--again", "7", code=2)["code"] == "usage"
    assert error(radios, "send", ALICE, code=2)["what"] == "Missing argument 'TEXT'."
    message = answer(radios, "send", ALICE, "hello")["message"]
    assert error(radios, "send", "--again", str(message))["code"] == "not_failed"


def test_a_long_text_counts_folded_with_the_service_down_too(radios: Path) -> None:
    assert answer(radios, "send", ALICE, "l’été " * 380)["state"] == "queued"  # 2,280 characters: 15 SMS folded, 35 as they stand


def test_probe_says_whose_a_busy_port_is(radios: Path) -> None:
    master, slave = os.openpty()
    try:
        port = os.ttyname(slave)
        fcntl.flock(slave, fcntl.LOCK_EX)  # as pyserial locks a port
        assert [row["what"] for row in answer(Path("none"), "modem", "probe", port)] == [f"another program uses {port}"]
        lab = SEEN.modems[0].model_copy(update={"port": port})
        with service(radios, SEEN.model_copy(update={"modems": (lab,)})):
            assert [row["what"] for row in answer(radios, "modem", "probe", port)] == ["the service uses it as gsm1"]
    finally:
        os.close(slave)
        os.close(master)


def test_probe_asks_each_port_of_a_pattern(tmp_path: Path) -> None:
    """Without settings: the simulated modem is a program of its own, as a stick would be, with a second port that says nothing."""
    radio, mute = tmp_path / "tty0", tmp_path / "tty1"
    command = [sys.executable, "-m", "modem.simulator", "--link", str(radio), "--mute", str(mute), "--imei", "490154203237518"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            assert json.loads(simulator.stdout.readline())["ready"]
            found = answer(Path("none"), "modem", "probe", str(tmp_path / "tty*"))
            shown = run(Path("none"), "modem", "probe", str(tmp_path / "tty*")).stdout
        finally:
            simulator.terminate()
    by_port = {row["port"]: row for row in found}
    assert set(by_port) == {str(radio), str(mute)}
    assert (by_port[str(radio)]["code"], by_port[str(radio)]["imei"], by_port[str(radio)]["registration"]) == (
        "answers",
        "490154203237518",
        "home",
    )
    assert by_port[str(radio)]["operator"]
    assert by_port[str(mute)]["code"] == "silent"
    assert "490154203237518" in shown
    gone = answer(Path("none"), "modem", "probe", str(tmp_path / "nothing"))
    assert [row["code"] for row in gone] == ["no_port"]
    assert answer(Path("none"), "modem", "probe", str(tmp_path / "x*")) == []
