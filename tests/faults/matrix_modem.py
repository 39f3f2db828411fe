"""Faults of the modem, of its SIM and of the mobile network."""

from __future__ import annotations

from tests.faults.fault import Fault

__all__ = ["MODEM"]

_STEPS = "tests/faults/test_modem_steps.py::test_struck"
_CONDITIONS = "tests/faults/test_modem_conditions.py::"
_ERRORS = "tests/faults/test_modem_errors.py::test_refused"

_EACH = "at each command from its plug to a text sent and one read, at the prompt, after Ctrl-Z, before and after +CMGS, at the report"
_UNKNOWN = "a text whose Ctrl-Z had left is `unknown`, in its thread and in doctor (outbox_failed)"
_AGAIN = "warn not_sending, with the code; the text is tried again, later each time, until its time is over: then failed and shown"

_MODEM = tuple(
    Fault(group="modem", name=name, how=how, test=test, where=where, sees=sees)  # type: ignore[arg-type]
    for name, how, test, where, sees in (
        ("unplugged at each AT step", f"{_EACH}; back after 0.5 s", f"{_STEPS}[unplug", "ci", f"bad no_port; {_UNKNOWN}"),
        ("frozen at each AT step", f"{_EACH}; for 2 s, every make", f"{_STEPS}[silence-real]", "bench", f"bad silent; {_UNKNOWN}"),
        ("rebooting at each AT step", f"{_EACH}; every make", f"{_STEPS}[reboot-real]", "bench", f"log `modem.down`; {_UNKNOWN}"),
        (
            "everything its simulator can do wrong", "prompts, results, reports, listings: late, cut, doubled, wrong, none; noise",
            "tests/modem/test_fault_table.py::test_no_fault_loses_or_doubles_a_text", "ci", _UNKNOWN,
        ),
        ("unplugged while texts wait", "put back at the same port", f"{_CONDITIONS}test_unplugged[same", "ci", "bad no_port"),
        ("renumbered", "put back as ttyUSB1", f"{_CONDITIONS}test_unplugged[another", "ci", "bad no_port"),
        (
            "frozen for good", "after a Ctrl-Z, until a person unplugs it", f"{_CONDITIONS}test_frozen_for_good", "bench",
            f"bad silent; {_UNKNOWN}",
        ),
    )
)  # fmt: skip
_SIM = tuple(
    Fault(group="SIM", name=name, how=how, test=f"{_CONDITIONS}{test}", where="ci", sees=sees)
    for name, how, test, sees in (
        ("full of texts", "40 texts came while nobody read; room for 15", "test_full_of_texts", "nothing: they are read and deleted"),
        (
            "full of what is not ours", "drafts in every place; made room for in a phone", "test_full_of_what_is_not_ours",
            "warn store_full",
        ),
        (
            "wrong PIN, and the modem counts tries", "three wrong PINs, a restart and a power cut after each: one try in all",
            "test_wrong_pin[the modem counts tries]", "bad pin_refused, then pin_few_tries",
        ),
        (
            "wrong PIN, and the modem counts none", "the same: two tries in all, never a third",
            "test_wrong_pin[it counts none]", "bad pin_refused, then pin_few_tries",
        ),
        ("without a message centre", "erased while it runs (CMS 330)", "test_no_message_centre", "bad no_smsc"),
    )
)  # fmt: skip
_NETWORK = tuple(
    Fault(group="network", name=name, how=how, test=f"{_CONDITIONS}{test}", where="ci", sees="bad not_registered")
    for name, how, test in (
        ("none", "no cell as the modem starts", "test_no_network[from the start]"),
        ("gone as a text goes", "the network's refusal (CMS 331) is the first word of it", "test_no_network[as a text is refused]"),
    )
)
_REFUSED = tuple(
    Fault(
        group="refused", name=f"{code}, {words}", how="once at the PDU, at the prompt and to AT+CMGL; then at the PDU again and again",
        test=f"{_ERRORS}[{code}]", where="ci", sees=sees,
    )
    for code, words, sees in (
        ("CMS 38", "network out of order", _AGAIN),
        ("CMS 42", "congestion", _AGAIN),
        ("CMS 69", "facility not implemented", "given up: failed at once, with the code, or sent by another modem"),
        ("CMS 111", "protocol error", _AGAIN),
        ("CMS 304", "invalid PDU", _AGAIN),
        ("CMS 330", "message centre unknown", f"{_AGAIN}; bad no_smsc where the SIM names none"),
        ("CMS 331", "no network", f"{_AGAIN}; bad not_registered where it is so"),
        ("CMS 332", "network timeout", "it may have gone: `unknown`, never sent again by itself; sent again if the PDU had not left"),
        ("CMS 500", "unknown error", f"{_AGAIN}; several numbers in a row: the modem is reset"),
        ("CMS 515", "the maker's", f"{_AGAIN}; five in a row: the modem is reset"),
        ("CME 515", "please wait", f"{_AGAIN}; five in a row: the modem is reset"),
    )
)  # fmt: skip

MODEM: tuple[Fault, ...] = (*_MODEM, *_SIM, *_NETWORK, *_REFUSED)
