"""What doctor says of the modems: each one's own health, its budget, whether too much of it fails, and sticks that are no serial port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ari_app.control import ModemStatus
from ari_app.probes import Finding
from modem.ports import is_modem

__all__ = ["judge_modem", "judge_modems", "judge_reports", "without_port"]

_SOME = 10
"""SMS that go without one report: no chance any more."""

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


def judge_reports(reports: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, Finding]]:
    """Modems whose SMS go and are never reported on. ``reports``: SMS sent lately by each modem, and how many of them were reported on."""
    for modem, (sent, reported) in reports.items():
        if sent >= _SOME and not reported:
            yield (
                f"modem {modem}",
                Finding(
                    "warn",
                    "no_reports",
                    f"not one of the {sent} SMS of the last week was reported as delivered or not: they stay sent",
                    "ask the carrier whether the SIM's plan has delivery reports (status reports); else try another modem",
                ),
            )


def without_port(sys: Path = Path("/sys")) -> Iterator[Finding]:
    """USB modems that have no serial port: they stand as a disk or a network card (HiLink). ``sys``: where sysfs is mounted."""
    for device in sorted((sys / "bus/usb/devices").glob("*")):
        vendor, product, name = (_said(device / each) for each in ("idVendor", "idProduct", "product"))
        if is_modem(vendor) and not any(device.glob("*:*/tty*")):
            yield Finding(
                "bad",
                "no_serial_port",
                f"a modem without serial port is plugged in: {name or 'USB'} ({vendor}:{product}), as disk or network card (HiLink)",
                "install usb-modeswitch and plug it in anew; HiLink needs stick firmware, or another modem (docs/modems.md)",
            )


def _said(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _with_signal(modem: ModemStatus) -> str:
    return modem.what if modem.signal is None else f"{modem.what} (signal {modem.signal} of 31)"
