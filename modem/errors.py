"""What can be wrong between us and a radio. Each names what is wrong and the fix; ``code`` is stable and machine-read."""

from __future__ import annotations

import traceback

__all__ = ["LinkLostError", "ModemError", "NoAnswerError", "bug"]


class ModemError(Exception):
    """The modem cannot be used as it is. Shown by doctor; tried again later, since people mend such things with it running.

    ``code``: no_port, permission, port_busy, port_failed, silent, wrong_modem, no_sim, sim_failure, pin_needed, pin_refused, pin_few_tries,
    pin_unsure, pin_not_noted, puk, forgot, no_pdu_mode; of Kannel: kannel_refused, kannel_auth, kannel_silent, kannel_strange.
    """

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.fix = fix


class LinkLostError(Exception):
    """The port is gone, or the modem behind it started anew (``restarted``).

    ``written``: octets of the write it interrupted that the kernel had taken.
    """

    def __init__(self, what: str, written: int = 0, *, restarted: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.written = written
        self.restarted = restarted


class NoAnswerError(Exception):
    """The modem did not answer a command in time. The next one begins by bringing the dialogue back in step."""


def bug(error: Exception) -> dict[str, str | int | None]:
    """Where a bug struck, for a log, without the values that a traceback may show."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return {"error": type(error).__name__, "file": place.filename.rpartition("/")[2], "line": place.lineno}
