"""Every wait of the modem layer in one place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds, unless said otherwise. The defaults suit real modems."""

    probe: float = 1.0
    """For AT to be answered when a port is opened or the dialogue is out of step."""
    probes: int = 3
    """How often AT is tried then."""
    find: float = 0.3
    """The same wait while searching among ports."""
    settle: float = 0.1
    """Late answers are dropped for this long after AT was answered."""
    command: float = 5.0
    """For an ordinary command."""
    slow: float = 30.0
    """For one that asks the SIM or the stores."""
    prompt: float = 5.0
    """For the prompt of AT+CMGS."""
    result: float = 60.0
    """For +CMGS after the Ctrl-Z; makers name 60 to 120 s as their longest."""
    result_in_doubt: float = 10.0
    """The same, from a line on that may mean that the modem started anew."""
    sim: float = 60.0
    """For a SIM to become ready after power-up or PIN."""
    again: float = 1.0
    """Between two looks at something that takes its time: SIM, registration."""
    poll: float = 45.0
    """Between two readings of all stores, beside what the modem announces."""
    poll_deaf: float = 5.0
    """The same where the modem announces nothing."""
    keep_again: float = 5.0
    """After a PDU could not be kept."""
    watch: float = 30.0
    """Between two looks at a modem that is well."""
    retry_first: float = 0.5
    """Before the first reopening; doubled up to ``retry_most``, each with jitter."""
    retry_most: float = 5.0
    retry_person: float = 60.0
    """Before trying again what only a person can mend (PIN, PUK)."""
