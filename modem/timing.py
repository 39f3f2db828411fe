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
    find: float = 0.25
    """The same wait while searching among ports."""
    port: float = 0.9
    """The most that one port may cost then, whatever it says."""
    look_of_port: float = 10.0
    """The same when every port is asked for all it can tell."""
    settle: float = 0.1
    """Late answers are dropped for this long after AT was answered."""
    command: float = 5.0
    """For an ordinary command."""
    slow: float = 30.0
    """For one that asks the SIM or the network, or begins to list a store."""
    listing: float = 600.0
    """For a whole store to be listed, as long as it keeps coming: a SIM may take a second for each of 255 texts."""
    store: float = 8.0
    """For a store to be chosen, or one message in it deleted: makers name 5 s at the most."""
    rest: float = 5.0
    """Between two lines that begin as an answer does, and from the last to the final result."""
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
    """After a PDU or a call could not be kept."""
    watch: float = 30.0
    """Between two looks at a modem that is well."""
    quiet: float = 5.0
    """Without a text to send before commands that can wait are given."""
    caller: float = 2.0
    """From the first ring for the caller's number to come."""
    ring: float = 10.0
    """Without a ring, a call is over; they come every 3 to 6 s."""
    forwarding: float = 86_400.0
    """Between two looks at where the network forwards calls."""
    forwarding_again: float = 3_600.0
    """The same when that could not be set."""
    retry_first: float = 0.5
    """Before the first reopening; doubled up to ``retry_most``, each with jitter."""
    retry_most: float = 5.0
    retry_person: float = 60.0
    """Before trying again what only a person can mend (PIN, PUK)."""
    ports: float = 0.5
    """Between two looks, during those pauses, whether a port has come or gone: that ends them."""
    replaced: float = 10.0
    """For the modem served before to come back, before another in its place is taken for it."""
    silent: int = 4
    """So many openings in a row without an answer before the modem is reset."""
    unregistered: float = 300.0
    """Without registration, though it was registered, before the modem is reset; and from one reset to the next."""
    refusals: int = 5
    """So many texts in a row that the modem itself refuses, or does not answer, before it is reset."""
    reset_apart: float = 3_600.0
    """Between two resets of one kind, at the least."""
    usb_off: float = 2.0
    """How long a stick is switched off for a reset."""
