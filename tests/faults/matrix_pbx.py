"""Faults of the PBX, of the network to it, of AGI, and of the service itself."""

from __future__ import annotations

from typing import Literal

from tests.faults.fault import Fault

__all__ = ["PBX"]

_ASTERISK, _FROZEN, _NETWORK = (f"tests/faults/test_pbx_{name}.py::test_" for name in ("asterisk", "frozen", "network"))
_LOST = "bad pbx_lost, an alarm; log `pbx_disconnected`, then `pbx_connected`"
_AGAIN = "log `started` again; systemd counts the restarts"
_FOUND = "log `history_filed`: calls found in the PBX's records"


def _rows(group: str, where: Literal["ci", "bench"], *rows: tuple[str, str, str, str]) -> tuple[Fault, ...]:
    return tuple(Fault(group=group, name=name, how=how, test=test, where=where, sees=sees) for name, how, test, sees in rows)


PBX: tuple[Fault, ...] = (
    *_rows(
        "Asterisk",
        "ci",
        ("restarted", "`core restart now` while a call rings", f"{_ASTERISK}asterisk_restarted", _LOST),
        ("killed", "kill -9 while one call rings and another is talked on", f"{_ASTERISK}asterisk_killed", _LOST),
        ("reloaded", "`core reload` while a call rings, and while one is talked on", f"{_ASTERISK}asterisk_reloaded", "nothing"),
        ("stopped gracefully", "`core stop gracefully` while a call rings; started again", f"{_ASTERISK}asterisk_stopped", _LOST),
    ),
    *_rows(
        "Asterisk",
        "bench",
        (
            "frozen",
            "SIGSTOP until the service sees it, in the middle of calls; they go on",
            f"{_FROZEN}asterisk_frozen_in",
            f"bad pbx_frozen; {_LOST}",
        ),
        (
            "frozen while a caller gives up",
            "SIGSTOP; the hang-up waits in its buffers",
            f"{_FROZEN}asterisk_frozen_while",
            f"{_LOST}; {_FOUND}",
        ),
    ),
    *_rows(
        "network to the PBX",
        "bench",
        (
            "cut in the middle of calls",
            "a machine of its own (network namespace), its cable pulled: a call rings, one is talked on, three come",
            f"{_NETWORK}the_cable_pulled_in",
            f"{_LOST}; {_FOUND}",
        ),
        (
            "cut between calls",
            "the same, for a moment, then while 21 callers call",
            f"{_NETWORK}the_cable_pulled_between",
            f"{_LOST}; {_FOUND}",
        ),
        (
            "certificate ran out, and is renewed",
            "Asterisk restarted with one that ran out; then a new one, and the copy it is trusted by",
            f"{_NETWORK}asterisks_certificate",
            f"bad pbx_tls; {_LOST}",
        ),
        (
            "password changed",
            "at Asterisk; later in the file of `pbx.password_file`: no restart",
            f"{_NETWORK}the_password",
            f"bad pbx_auth; {_LOST}",
        ),
    ),
    *_rows(
        "service",
        "ci",
        (
            "killed, and away",
            "kill -9 while a call rings; seven callers call before it is started",
            f"{_ASTERISK}the_service_killed",
            f"{_AGAIN}; {_FOUND}",
        ),
        (
            "killed under traffic",
            "kill -9 at 30 random moments, fifty callers at once all the while",
            "tests/lab/test_bars.py::test_thirty_kills",
            _AGAIN,
        ),
    ),
    *_rows(
        "service",
        "bench",
        ("killed two hundred times", "the same, 200 times", "tests/faults/test_pbx_kills.py::test_two_hundred", _AGAIN),
        (
            "frozen for 6 s",
            "SIGSTOP while 200 callers call",
            f"{_FROZEN}the_service_frozen_under_traffic[less-than-the-watchdog]",
            "nothing, or `pbx_disconnected`",
        ),
        (
            "frozen for good",
            "SIGSTOP while 200 callers call; WatchdogSec=8",
            f"{_FROZEN}the_service_frozen_under_traffic[until-the-watchdog]",
            f"{_AGAIN}; {_FOUND}",
        ),
    ),
    *_rows(
        "two services",
        "ci",
        (
            "of one database",
            "`textback run` beside a running one",
            f"{_ASTERISK}a_second_service_on_one_store",
            "error store_locked; the second ends (1)",
        ),
        (
            "of one ARI application",
            "the same `pbx.app`, another database",
            f"{_ASTERISK}a_second_service_of_one_application",
            "error pbx_replaced names the other; the second ends (3), its unit does not start it again",
        ),
    ),
    *_rows(
        "AGI",
        "ci",
        (
            "service frozen in the middle of a question",
            "SIGSTOP while the caller hears it; WatchdogSec=8",
            "tests/lab/test_dialplan_abuse.py::test_a_call_in_the_middle_of_a_question_is_let_go",
            f"{_AGAIN}; the dialplan goes on",
        ),
    ),
    *_rows(
        "AGI",
        "bench",
        (
            "service killed in the middle of a question",
            "kill -9 while the caller hears it",
            "tests/lab/test_dialplan_abuse.py::test_a_call_in_the_middle_of_a_question_goes_on",
            f"{_AGAIN}; the dialplan goes on",
        ),
    ),
)
