"""Questions about the clinic: what it is called, where it is, when it is open, what it speaks."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from ari_app.errors import SetupError
from ari_app.numbers import e164
from ari_app.policy.hours import Hours, public_holidays
from ari_app.settings import ClinicSettings
from ari_app.setup.asking import Answers, Asking, check_key, listed
from ari_app.setup.week import osm, without_lunch

__all__ = ["ask_clinic"]

_REGION = "CA-QC"


def ask_clinic(asking: Asking, answers: Answers, *, number: str | None, root: Path) -> None:
    """Fills ``clinic.*``, ``hours.open`` and ``reply.mode``. ``number``: a guess, as the PBX sees it."""
    answers["clinic.name"] = asking.value(
        "--clinic",
        "Name of the clinic, as it stands in every text",
        lambda given: check_key("clinic.name", " ".join(given.split())),
        key="clinic.name",
    )
    _region(asking, answers)
    country = answers.get("clinic.country") or asking.there("clinic.country") or "CA"
    answers["clinic.number"] = asking.value(
        "--number", "Number that callers dial", lambda given: _number(given, country), key="clinic.number", guess=number
    )
    answers["clinic.timezone"] = asking.value(
        "--timezone", "Time zone", lambda given: check_key("clinic.timezone", given), key="clinic.timezone", default=_zone(root)
    )
    languages = asking.value(
        "--languages",
        "Languages of the texts (fr, en); the first for callers whose language is not known",
        lambda given: check_key("clinic.languages", listed(given)),
        key="clinic.languages",
        default="fr,en",
    )
    answers["clinic.languages"] = languages
    answers["hours.open"] = _hours(asking, answers)
    if asking.afresh or asking.given("--mode"):
        answers["reply.mode"] = asking.given("--mode") or "watch"


def _region(asking: Asking, answers: Answers) -> None:
    if asking.given("--region") is None and not asking.afresh:
        return
    found = asking.value("--region", "Country and province, for holidays and local numbers (ISO 3166-2)", _checked_region, default=_REGION)
    if found is not None:
        answers["clinic.country"], _, part = found.partition("-")
        answers["clinic.subdivision"] = part or None


def _checked_region(written: str) -> str:
    country, _, part = written.upper().partition("-")
    check_key("clinic.country", country)
    clinic = {"name": "-", "number": "+15145550100", "country": country}
    public_holidays(ClinicSettings.model_validate(clinic | ({"subdivision": part} if part else {})))
    return f"{country}-{part}" if part else country


def _number(written: str, country: str) -> str:
    found = e164(written, country)
    if found is None:
        raise SetupError(f'"{written}" is no phone number', 'write it as "+15145550123"', code="setup_number")
    return found


def _zone(root: Path) -> str:
    """As the machine has it; Montréal's where it has none, or only UTC as servers do."""
    link = root / "etc/localtime"
    names = [str(link.readlink()).partition("zoneinfo/")[2]] if link.is_symlink() else []
    named = root / "etc/timezone"
    if named.is_file():
        names.append(named.read_text("utf-8", "replace").strip())
    usable = (
        name for name in names if name in available_timezones() and name not in {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "GMT", "Etc/GMT"}
    )
    return next(usable, "America/Toronto")


def _hours(asking: Asking, answers: Answers) -> str | None:
    zone = ZoneInfo(answers["clinic.timezone"] or "America/Toronto")

    def check(written: str) -> str:
        hours = osm(written)
        Hours(hours, key="hours.open", zone=zone, calendar=lambda year: {})  # noqa: ARG005 - only read
        return hours

    hours = asking.value("--hours", "Opening hours (Mo-Fr 08:00-17:00; Sa 09:00-12:00)", check, key="hours.open", guess="Mo-Fr 08:00-17:00")
    terminal = asking.interview
    if terminal is None or hours is None or asking.given("--hours") is not None:
        return hours
    if "," not in hours and hours != "24/7":
        hours = asking.value("--lunch", "Closed for lunch (12:00-13:00; empty: no)", partial(without_lunch, hours), needed=False) or hours
    now = datetime.now(UTC)
    seen = Hours(hours, key="hours.open", zone=zone).opening(now)
    until = "" if seen.until is None else f" until {seen.until.astimezone(zone):%A %H:%M}"
    terminal.say(f"So written: {hours}. The clinic is {'open' if seen.open else 'closed'} now{until}.")
    return hours
