"""What doctor says of the modems while the service runs: each one's own health, its budget, and whether too much of it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ari_app.control import ModemStatus
from ari_app.probes import Finding

__all__ = ["judge_modem", "judge_modems"]

_NEAR = 0.9
"""Share of the daily budget from which its end is told: automatic texts stop there."""


def judge_modem(modem: ModemStatus) -> Iterator[Finding]:
    """Its health first, then what its texts show."""
    yield Finding(modem.state, modem.code, _with_signal(modem), modem.fix)
    if modem.failing:
        yield Finding(
            "bad",
            "modem_failing",
            f"{modem.failed} of its last {modem.tried} SMS failed: other modems carry what they can until three in a row went",
            "see `textback modem status` and the log for the carrier's codes; ask the carrier whether the SIM is barred or out of credit",
        )
    if modem.budget is not None and modem.carried >= _NEAR * modem.budget:
        spent = modem.carried >= modem.budget
        yield Finding(
            "bad" if spent else "warn",
            "budget_spent" if spent else "budget_near",
            f"{modem.carried} of the {modem.budget} SMS of its daily_budget are spent: "
            + ("nothing goes by it" if spent else "automatic texts wait for other modems or for tomorrow"),
            "raise modem.daily_budget if the SIM's plan allows, or add a modem",
        )


def judge_modems(modems: Sequence[ModemStatus]) -> list[tuple[str, Finding]]:
    """Every finding with the part it is about."""
    return [(f"modem {modem.name}", finding) for modem in modems for finding in judge_modem(modem)]


def _with_signal(modem: ModemStatus) -> str:
    return modem.what if modem.signal is None else f"{modem.what} (signal {modem.signal} of 31)"
