"""Faults of the store, of its disk, of power and of clocks."""

from __future__ import annotations

from tests.faults.fault import Fault
from tests.faults.steps import IN, OUT

__all__ = ["STORE"]

_AGAIN = "log `started` again, and `texts_unknown_after_stop` where one may have left"
_UNSURE = "the text is `unknown` until a report settles it, in its thread and in `textback doctor` (outbox_failed)"
_KILLED = "tests/faults/test_store_killed.py"

_OUT = tuple(
    Fault(
        group="killed as a text goes out",
        name=name,
        how="kill -9 at this step, of a text of two parts where there are two; started again",
        test=f"{_KILLED}::test_on_the_way_out[{name}]",
        where="ci",
        sees=_UNSURE if "unknown" in ends else _AGAIN,
    )
    for name, (_, ends) in OUT.items()
)
_IN = tuple(
    Fault(
        group="killed as a text comes in",
        name=name,
        how="kill -9 at this step of a text of two parts that is answered by a notice; started again",
        test=f"{_KILLED}::test_on_the_way_in[{name}]",
        where="ci",
        sees="log `started` again; the text stays in the modem until it is kept",
    )
    for name in IN
)
_UPGRADE = (
    Fault(
        group="killed in an upgrade",
        name="at each statement",
        how="the files as they were before each statement of every migration, of a blank store and of the first schema with rows, opened",
        test="tests/faults/test_store_upgrade.py::test_each_statement",
        where="bench",
        sees="log `started`: the upgrade goes on where it was",
    ),
)

_RANDOM = (
    Fault(
        group="killed at random",
        name="texts through a modem",
        how="kill -9 at 10 random moments of 60 callers, restarted each time",
        test="tests/test_outbox_modem.py::test_killed_at_any_moment_nobody_is_texted_twice",
        where="ci",
        sees=_AGAIN,
    ),
)
_DISK = "tests/faults/test_store_disk.py"
_DAMAGED = "tests/faults/test_store_damaged.py"
_STORE = (
    Fault(
        group="store",
        name="disk full",
        how="the file system of the store filled to the last byte under the running service, then freed",
        test=f"{_DISK}::test_a_full_disk",
        where="ci",
        sees="alarms `disk_low`, `store_unwritable`; doctor: `disk_full`, and `store_unwritable` with how much waits in memory; "
        "who sends a text is told that it was not taken",
    ),
    Fault(
        group="store",
        name="disk full at the start",
        how="the store opened on a file system without a byte of room, then with some",
        test=f"{_DISK}::test_a_start_on_a_full_disk",
        where="ci",
        sees="the start is refused with `free space on the disk of …`; doctor: `disk_full`",
    ),
    Fault(
        group="store",
        name="held by another program",
        how="another process begins to write, and does not end",
        test=f"{_DISK}::test_held_by_another_program",
        where="ci",
        sees="alarm and doctor: `store_unwritable`, with `end the program that writes to it`",
    ),
    Fault(
        group="store",
        name="damaged, found at the start",
        how="every page but the first overwritten; then `textback restore latest`",
        test=f"{_DAMAGED}::test_before_the_start",
        where="ci",
        sees="the start is refused and the file left as it is: `store_damaged`, with the command that restores it",
    ),
    Fault(
        group="store",
        name="damaged while it is used",
        how="every page but the first overwritten under the running service",
        test=f"{_DAMAGED}::test_under_the_running_service",
        where="ci",
        sees="the service ends and is refused from then on: `store_damaged`, with the command that restores it; alarm `service_failed`",
    ),
    Fault(
        group="store",
        name="restored from a backup",
        how="texts went, waited and were put off since the backup; the store that was there asked, and not to be asked",
        test="tests/backup/test_restoring.py::test_the_store_that_was_there_knows_what_became_of_them",
        where="ci",
        sees="`textback restore` counts what it held back; texts that may have gone are `unknown`",
    ),
    Fault(
        group="store",
        name="restored without the store that was there",
        how="what waited when the backup was made may have gone since: none of it goes by itself",
        test="tests/backup/test_restoring.py::test_without_the_store_that_was_there_what_waited_may_have_gone",
        where="ci",
        sees="`textback restore` counts what it held back; texts that may have gone are `unknown`",
    ),
)
_POWER = (
    Fault(
        group="power cut",
        name="order of syncs",
        how="strace of the running service: fdatasync before the PDU, and before AT+CMGD",
        test="tests/test_durability.py::test_the_attempt_is_on_disk_before_the_pdu_and_the_text_before_its_deletion",
        where="ci",
        sees=_UNSURE,
    ),
    Fault(
        group="power cut",
        name="files of a frozen process",
        how="SIGSTOP at 200 random moments under traffic, store and log copied and opened, SIGCONT",
        test="tests/faults/test_store_power.py::test_files_of_a_frozen_process",
        where="bench",
        sees=_UNSURE,
    ),
    Fault(
        group="power cut",
        name="what was not synced is lost",
        how="400 cuts of a traced run: of what was not synced half the sectors come to the disk, at random; the files opened",
        test="tests/faults/test_store_power.py::test_power_cut",
        where="bench",
        sees=_UNSURE,
    ),
)
_CLOCKS = "tests/faults/test_clock_jumps.py"
_SET = "doctor: `clock_back` or `clocks_apart` while it is wrong"
_JUMPS = tuple(
    Fault(
        group="clock",
        name=name,
        how="set while texts wait, are between PDU and answer, and have gone; then calls come",
        test=f"{_CLOCKS}::test_a_clock_that_is_set[{name}]",
        where="ci",
        sees=sees,
    )
    for name, sees in (
        ("an hour back", _SET),
        ("an hour ahead", "nothing: a text goes an hour sooner by the clock"),
        ("a year back", _SET),
        ("a year ahead", "what waited is too old by the clock: calls are listed `stale`, texts of staff fail and are shown"),
        ("from 1970 to now", "as a year ahead; let the machine have a clock, or systemd-time-wait-sync.service"),
    )
)
_NIGHTS = (
    Fault(
        group="clock",
        name="a call that ended in the future",
        how="Asterisk's clock an hour and a year ahead of ours, or ours set back while it rang",
        test=f"{_CLOCKS}::test_a_call_that_ended_in_the_future",
        where="ci",
        sees="doctor and alarm: `clocks_apart`",
    ),
    Fault(
        group="clock",
        name="nights of changed clocks",
        how="America/Toronto in March and November: delay, max_age, cooldown and opening hours over the change",
        test=f"{_CLOCKS}::test_a_night_of_changed_clocks",
        where="ci",
        sees="nothing",
    ),
)

STORE: tuple[Fault, ...] = (*_OUT, *_IN, *_UPGRADE, *_RANDOM, *_STORE, *_POWER, *_JUMPS, *_NIGHTS)
