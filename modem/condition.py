"""What a modem's condition is called: the words of ``modem.types.Health``, worst first. Pure."""

from __future__ import annotations

from modem.forwarding import Forwarding
from modem.inbox import Inbox
from modem.reset import Ladder, Why
from modem.session import Radio

__all__ = ["DENIED", "NOT_REGISTERED", "Words", "condition", "stuck"]

Words = tuple[str, str, str, str]
"""State ("ok", "warn", "bad"), code, what, fix."""

DENIED: Words = "bad", "denied", "the network denies this SIM", "ask the carrier whether the SIM is active; try it in a phone"
NOT_REGISTERED: Words = (
    "bad", "not_registered", "the modem is not registered with a network", "check antenna, coverage and the SIM's plan",
)  # fmt: skip
_FIX = {
    Why.SILENT: "unplug the modem and plug it in again; if it stays silent, choose another of its ports, or replace it",
    Why.UNREGISTERED: "check antenna, coverage and the SIM's plan; unplug the modem and plug it in again; try the SIM in a phone",
    Why.REFUSING: "check the SIM's credit and plan; unplug the modem and plug it in again; try the SIM in a phone",
}
_WEAK = 5
"""+CSQ (27.007 8.5) of -103 dBm: below it a small mobile station need not hear the cell (3GPP TS 45.005 6.2: -102 dBm)."""
_PERMIT = "let the udev rule give the service's user the stick's file authorized, so that it can be switched off and on"


def stuck(ladder: Ladder, *, usb_forbidden: bool) -> Words | None:
    """The alarm when no reset has helped: what was tried, and what a person can do."""
    why = ladder.alarm
    if why is None:
        return None
    fix = f"{_FIX[why]}; {_PERMIT}" if usb_forbidden else _FIX[why]
    return "bad", "reset_failed", f"{why.value}, and nothing helps: {ladder.tried}", fix


def condition(
    radio: Radio, inbox: Inbox, forwarding: Forwarding, ladder: Ladder, *, usb_forbidden: bool, unsent: int = 0, said: str = ""
) -> Words:
    """How a modem is that is set up. ``unsent``: SMS in a row that did not go, ``said``: what came of the last of them."""
    resets = f", reset {ladder.made} times since the start" if ladder.made > 1 else ", reset once since the start" if ladder.made else ""
    return (
        _kept_off(radio, stuck(ladder, usb_forbidden=usb_forbidden))
        or _kept_from_texts(inbox, unsent, said)
        or _doubtful(radio, forwarding)
        or ("ok", "ok", f"registered{resets}", "")
    )


def _kept_off(radio: Radio, alarm: Words | None) -> Words | None:
    """Nothing goes."""
    if radio.denied:
        return DENIED
    if alarm is not None:
        return alarm
    if not radio.registered:
        return NOT_REGISTERED
    if not radio.smsc:
        return "bad", "no_smsc", "the SIM names no SMS centre", 'set the carrier\'s with AT+CSCA="+…" or in a phone'
    return None


def _kept_from_texts(inbox: Inbox, unsent: int, said: str) -> Words | None:
    """Texts that came do not come through, or those to be sent do not go."""
    if inbox.failing:
        return "bad", "not_keeping", f"received texts cannot be stored ({inbox.failing})", "they wait in the modem; check disk and store"
    if inbox.unreadable:
        stores = ", ".join(inbox.unreadable)
        return "bad", "not_reading", f"the modem does not give out the texts in its store {stores}", _FIX[Why.SILENT]
    if unsent:
        so = f"the last {unsent} SMS" if unsent > 1 else "the last SMS"
        return "warn", "not_sending", f"{so} did not go ({said})", "if that lasts, check the SIM's credit and plan; try the SIM in a phone"
    if inbox.full:
        stores = ", ".join(inbox.full)
        return "warn", "store_full", f"the modem's store {stores} is full of messages that are not ours", "delete them in a phone"
    return None


def _doubtful(radio: Radio, forwarding: Forwarding) -> Words | None:
    """It works, and may not for long, or not all of it."""
    if radio.roaming:
        return "warn", "roaming", "the SIM is roaming", "texts may cost more or be refused; check coverage of the home network"
    if radio.signal is not None and radio.signal <= _WEAK:
        return "warn", "weak_signal", "the signal is too weak to rely on", "move the modem, or use a longer or an outdoor antenna"
    if forwarding.failed:
        return (
            "warn",
            "not_forwarded",
            f"calls to the SIM are not forwarded ({forwarding.failed}); they are rejected and listed",
            "ask the carrier whether the SIM's plan has call forwarding and voice, or leave forward out of this modem's settings",
        )
    return None
