"""Faults the simulated modem plays on demand: what each is called, what it does, and the book they wait in."""

from __future__ import annotations

from dataclasses import dataclass

from modem.sim_codes import FORMS, AtError

__all__ = ["KINDS", "POINTS", "Fault", "FaultBook"]

KINDS = {
    "refuse": "answer the PDU with +CMS ERROR `code` (default 500), or with `line` as it stands; the network never sees it",
    "refuse_prompt": "answer AT+CMGS with +CMS ERROR `code` (default 302), or with `line`, instead of the prompt",
    "no_prompt": "enter the PDU without giving a prompt; only ESC or Ctrl-Z leads out",
    "bare_prompt": "give the prompt as `>` without a blank",
    "naked_prompt": "give the prompt as `>` alone, without a line end before it",
    "late_prompt": "give the prompt `ms` late",
    "no_answer": "the network takes the part, no +CMGS ever comes",
    "late_answer": "the network takes the part, +CMGS comes `ms` late",
    "lost": "+CMGS comes, the network loses the part: no handset, no report",
    "no_report": "the part goes, its status report never comes",
    "late_report": "the status report comes `ms` later than others",
    "twice_report": "the status report comes twice",
    "shuffled_report": "keep the status reports of the next `count` parts, then send them, the last first",
    "wrong_report": "the status report bears the TP-MR `reference`, which is another part's or nobody's",
    "error": "answer `command` with +CME ERROR `code`, a plain ERROR without `code`, or with `line` as it stands",
    "no_final": "leave out the final result of `command`",
    "inside": "write `line` (an unsolicited line such as ^RSSI:17) inside the reply of `command`",
    "half": "write the reply of `command` in two halves, `ms` apart",
    "cut": "write the first half of the reply of `command`, never the rest",
    "half_line": "write the next unsolicited line in two halves, `ms` apart (between +CMT or +CDS and its PDU)",
    "garbage": "write the bytes of `hex` `at` once (now) or before the reply of `command`",
    "silence": "stop listening and talking for `ms` (without `ms`: until unplugged or rebooted)",
    "reboot": "restart: settings lost, the port stays",
    "forget": "lose the settings of AT+CNMI without a word, as some modems do after a while",
    "unplug": "lose the port; back after `ms` (without `ms`: on replug)",
}

POINTS = ("now", "command", "prompt", "ctrl_z", "accepted", "answered", "report")
"""Where silence, reboot and unplug strike: at once; when ``command`` is received; the prompt was given; Ctrl-Z came and the network saw
nothing; the network took the part and +CMGS was not written; +CMGS was written (an unplugged client may not have read it); a status
report is due."""

_STRIKES = {"silence", "reboot", "unplug"}
_AT_ONCE = _STRIKES | {"forget"}
_SENDING = {
    "refuse", "no_answer", "late_answer", "lost", "no_report", "late_report", "twice_report", "shuffled_report", "wrong_report",
}  # fmt: skip
_COMMAND = {"error", "no_final", "inside", "half", "cut", "garbage"}
_ERRORS = {"refuse", "refuse_prompt", "error"}
_NEEDS = {
    "late_prompt": "ms", "late_answer": "ms", "late_report": "ms", "inside": "line", "garbage": "hex", "error": "command",
    "wrong_report": "reference",
}  # fmt: skip


@dataclass
class Fault:
    """One fault and how often it is still to be played."""

    kind: str
    at: str = ""
    count: int = 1
    skip: int = 0
    """Let this many pass first."""
    number: str | None = None
    """Only parts to this number."""
    command: str | None = None
    """Only command lines that begin so ("AT+CSQ"); None: any."""
    code: int | None = None
    line: str | None = None
    hex: str | None = None
    ms: int | None = None
    form: str | None = None
    """How an error is written whatever AT+CMEE says: numeric, verbose or no_blank ("+CMS ERROR:38")."""
    family: str | None = None
    """"cms" or "cme" where it is not the fault's own, as +CME ERROR 30 from AT+CMGS."""
    reference: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming what is wrong and the fix."""
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}: use one of {', '.join(KINDS)}")
        if not self.at:
            self.at = "now" if self.kind in _AT_ONCE or (self.kind == "garbage" and self.command is None) else ""
        elif self.kind not in _STRIKES and (self.kind, self.at) not in {("garbage", "now"), ("forget", "now")}:
            raise ValueError(f"{self.kind} takes no `at`: only {', '.join(sorted(_STRIKES))} do")
        elif self.at not in POINTS:
            raise ValueError(f"`at` is one of {', '.join(POINTS)}, not {self.at!r}")
        need = _NEEDS.get(self.kind)
        if need is not None and getattr(self, need) is None:
            raise ValueError(f"{self.kind} needs `{need}`")
        if self.number is not None and self.kind not in _SENDING and self.at not in {"ctrl_z", "accepted", "answered"}:
            raise ValueError(f"{self.kind} cannot know the number yet: leave `number` out")
        if self.command is not None and self.kind not in _COMMAND and self.at != "command":
            raise ValueError(f"{self.kind} takes no `command`")
        if (self.form or self.family) and self.kind not in _ERRORS:
            raise ValueError(f"{self.kind} takes no `form` and no `family`: only {', '.join(sorted(_ERRORS))} do")
        if self.form not in {None, *FORMS} or self.family not in {None, "cms", "cme"}:
            raise ValueError(f"`form` is one of {', '.join(FORMS)}, `family` is cms or cme")
        if self.reference is not None and not 0 <= self.reference <= 255:
            raise ValueError("`reference` is a TP-MR, 0 to 255")
        if self.count < 1 or self.skip < 0 or (self.ms is not None and self.ms < 0):
            raise ValueError("`count` is 1 or more, `skip` and `ms` are 0 or more")
        self._check_hex()

    def _check_hex(self) -> None:
        if self.hex is not None:
            try:
                bytes.fromhex(self.hex)
            except ValueError:
                raise ValueError("`hex` is bytes as hexadecimal digits, such as ff00") from None

    def result(self, cmee: int, *, family: str = "", code: int = 0) -> str:
        """The final result of a refusal or error; ``family`` and ``code`` where the fault names none."""
        if self.line is not None:
            return self.line
        told = self.code if self.code is not None else code
        return AtError((self.family or family) if told or self.code is not None else "", told).line(cmee, self.form)


class FaultBook:
    """Faults waiting for their turn, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, *kinds: str, at: str = "", number: str | None = None, command: str | None = None) -> Fault | None:
        """The oldest fault that fits, counted as played; None when there is none."""
        for fault in self._faults:
            if fault.kind not in kinds or fault.at != at or (fault.number is not None and fault.number != number):
                continue
            if fault.command is not None and not (command or "").upper().startswith(fault.command.upper()):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.count -= 1
            if not fault.count:
                self._faults.remove(fault)
            return fault
        return None

    def strike(self, at: str, *, number: str | None = None, command: str | None = None) -> Fault | None:
        """The silence, reboot or unplug due at this point."""
        return self.take(*sorted(_STRIKES), at=at, number=number, command=command)

    def state(self) -> list[dict[str, object]]:
        """What still waits."""
        return [{key: value for key, value in vars(fault).items() if value not in (None, "")} for fault in self._faults]
