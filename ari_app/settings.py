"""textback.toml: every setting, its default, and errors that name the key and the fix."""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from ari_app.contact_settings import ContactsSettings
from ari_app.errors import SettingsError
from ari_app.modem_settings import ModemSettings
from ari_app.numbers import e164
from ari_app.operate_settings import AlarmSettings, BackupSettings, RetentionSettings
from ari_app.pbx_settings import AmiSettings, CdrSettings, CelSettings, PbxSettings
from ari_app.priority_settings import EmergencySettings, PrioritySettings, VoicemailSettings
from ari_app.setting_types import (
    Address,
    AgiAddress,
    AnyFile,
    Country,
    Duration,
    Name,
    Network,
    Part,
    Url,
    Whole,
    YesNo,
    say,
)

__all__ = [
    "DEFAULT_PATH",
    "AgiSettings",
    "AmiSettings",
    "CdrSettings",
    "CelSettings",
    "ClinicSettings",
    "HoursException",
    "HoursSettings",
    "LineSettings",
    "ModemSettings",
    "PbxSettings",
    "PortalSettings",
    "ReplySettings",
    "Settings",
    "StoreSettings",
    "chosen_path",
    "load",
]

DEFAULT_PATH = Path("/etc/textback/textback.toml")
MAIN_LINE = "main"
"""Name of the line of every DID that no [[line]] claims."""
URGENT_LAMP = "urgent"
"""What the device state of the second lamp ends with."""


Texts = dict[Literal["fr", "en", "both"], dict[Literal["missed", "closed", "voicemail", "asked", "received", "safety"], str]]
"""Words by language and trigger; "both": for who may speak either."""


class ClinicSettings(Part):
    """[clinic]: who texts, where, in which languages."""

    name: str = Field(min_length=1)
    number: str
    country: Country = "CA"
    subdivision: str | None = "QC"
    timezone: str = "America/Toronto"
    languages: tuple[Literal["fr", "en"], ...] = Field(default=("fr", "en"), min_length=1)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError('is no time zone; write one of the tz database, such as "America/Toronto"')
        return value

    @model_validator(mode="after")
    def _number(self) -> Self:
        if e164(self.number, self.country) != self.number:
            raise ValueError('number: is not E.164; write it as "+15145550123"')
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class HoursException(Part):
    """[[hours.exception]]: one date that differs: ``closed = true`` or ``open = "09:00-12:00"``."""

    date: date
    closed: YesNo = False
    open: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.closed == (self.open is not None):
            raise ValueError('write either closed = true or open = "09:00-12:00"')
        return self


class HoursSettings(Part):
    """[hours]: OSM opening_hours, holidays, exceptions, night switch."""

    open: str = "24/7"
    holidays: YesNo = True
    follow: str | None = None
    """Device state of a night switch ("Custom:DAYNIGHT1"): it wins over the timetable."""
    exception: tuple[HoursException, ...] = ()


class LineSettings(Part):
    """[[line]]: DIDs that differ from the clinic's main line."""

    did: tuple[str, ...] = Field(min_length=1)
    name: Name | None = None
    clinic: str | None = Field(default=None, min_length=1)
    """{clinic} of its texts: another clinic of the house."""
    number: str | None = None
    hours: str | None = None
    text: Texts = Field(default_factory=dict)
    modem: str | None = None
    language: Literal["fr", "en"] | None = None
    reply: YesNo = True
    on_call: str | None = None

    def claims(self, did: str) -> bool:
        """Does one of the patterns (shell style: ``*``, ``?``, ``[…]``) match this DID."""
        return any(fnmatch.fnmatchcase(did, pattern) for pattern in self.did)


class ReplySettings(Part):
    """[reply]: when a caller gets a text."""

    mode: Literal["send", "watch", "off"] = "send"
    delay: Duration = timedelta(seconds=30)
    cooldown: Duration = timedelta(hours=24)
    min_ring: Duration = timedelta(seconds=3)
    max_age: Duration = timedelta(hours=2)
    conversation: Duration = timedelta(hours=12)
    per_number_limit: Whole = Field(default=3, ge=1)
    daily_limit: Whole = Field(default=200, ge=0)
    burst: Whole = Field(default=15, ge=1)
    countries: tuple[Country, ...] = ("CA", "US")
    exclude: tuple[str, ...] = ()
    compact: YesNo = True
    """Write “ as ", œ as oe, ê as e and the like where the text then takes fewer SMS."""
    text: Texts = Field(default_factory=dict)


class StoreSettings(Part):
    """[store]: the SQLite file."""

    path: AnyFile = Path("/var/lib/textback/textback.db")
    retention: RetentionSettings = RetentionSettings()
    backup: BackupSettings = BackupSettings()


class PhonesSettings(Part):
    """[portal.phones]: desk phones."""

    allow: tuple[Network, ...] = ()
    """Networks they may ask from; none: no phone is answered."""
    push: YesNo = False
    """Tell phones over SIP NOTIFY that something waits; needs [pbx.ami]. Never a word of a patient."""
    overdue: Literal["blink", "steady"] = "blink"
    """What the lamp does while somebody waits for longer than ``portal.overdue``."""


class PortalSettings(Part):
    """[portal]: web pages and desk phones."""

    listen: Address = "127.0.0.1:8790"
    base_url: Url | None = None
    """As browsers and phones reach it: behind a proxy, or for phones where ``listen`` is every address."""
    certificate: AnyFile | None = None
    key: AnyFile | None = None
    proxies: tuple[Network, ...] = ()
    """Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    idle: Duration = timedelta(minutes=30)
    """A session nobody used for this long is over."""
    session: Duration = timedelta(hours=12)
    """And each is, after this long."""
    overdue: Duration = timedelta(minutes=15)
    """Minutes of opening hours after which a thread has waited too long: the lamp blinks, and after as long again pages are notified."""
    metrics: tuple[Network, ...] = ("127.0.0.1", "::1")
    """Networks that may read /metrics."""
    phones: PhonesSettings = PhonesSettings()

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate: set both certificate and key, or neither")
        return self

    @property
    def address(self) -> str:
        """What addresses of pages begin with, as far as the settings say: no slash at the end."""
        return (self.base_url or f"{'https' if self.certificate else 'http'}://{self.listen}").rstrip("/")


class AgiSettings(Part):
    """[agi]: the FastAGI server."""

    listen: AgiAddress = "127.0.0.1:4573"
    speech: tuple[str, ...] = ("espeak-ng", "-v", "{language}", "-s", "150", "-w", "{file}")
    """Speaks a text given on stdin into the WAV file {file}; {language} is "fr" or "en"."""
    sounds: AnyFile = Path("/var/spool/textback")
    """Folder both we and Asterisk can read, for what is spoken; each file is there for one call only."""
    recordings: AnyFile | None = None
    """Folder of the clinic's own recordings, LANGUAGE/NAME.wav in place of what is spoken; only the service reads it."""


def _no_twins(key: str, names: list[str], fix: str) -> None:
    twin = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twin is not None:
        raise ValueError(f'{key}: two are named "{twin}"; {fix}')


def _is_e164(key: str, number: str | None, country: str) -> None:
    if number is not None and e164(number, country) != number:
        raise ValueError(f'{key}: is not E.164; write it as "+15145550123"')


class Settings(Part):
    """All of textback.toml."""

    clinic: ClinicSettings
    line: tuple[LineSettings, ...] = ()
    pbx: PbxSettings
    hours: HoursSettings = HoursSettings()
    reply: ReplySettings = ReplySettings()
    modem: tuple[ModemSettings, ...] = ()
    store: StoreSettings = StoreSettings()
    portal: PortalSettings = PortalSettings()
    agi: AgiSettings = AgiSettings()
    contacts: ContactsSettings = ContactsSettings()
    priority: tuple[PrioritySettings, ...] = ()
    emergency: EmergencySettings = EmergencySettings()
    voicemail: VoicemailSettings = VoicemailSettings()
    alarm: AlarmSettings = AlarmSettings()

    @model_validator(mode="after")
    def _modems(self) -> Self:
        _no_twins("modem", [modem.name for modem in self.modem], "give each a name of its own")
        for position, modem in enumerate(self.modem):
            _is_e164(f"modem.{position}.number", modem.number, self.clinic.country)
            _is_e164(f"modem.{position}.forward", modem.forward, self.clinic.country)
        _no_twins("modem", [modem.listen for modem in self.modem if modem.kind == "kannel"], "give each a listen of its own")
        return self

    @model_validator(mode="after")
    def _lines(self) -> Self:
        modems = {modem.name for modem in self.modem}
        names = [MAIN_LINE, *(self.line_name(line) for line in self.line)]
        _no_twins("line", names, f'give each a name of its own ("{MAIN_LINE}" is the clinic\'s)')
        for position, line in enumerate(self.line):
            if line.modem is not None and line.modem not in modems:
                raise ValueError(f'line.{position}.modem: there is no [[modem]] named "{line.modem}"')
            _is_e164(f"line.{position}.number", line.number, self.clinic.country)
            _is_e164(f"line.{position}.on_call", line.on_call, self.clinic.country)
        return self

    @model_validator(mode="after")
    def _excluded(self) -> Self:
        for position, number in enumerate(self.reply.exclude):
            if e164(number, self.clinic.country) is None:
                raise ValueError(f'reply.exclude.{position}: "{number}" is no phone number; write it as "+15145550123"')
        return self

    @model_validator(mode="after")
    def _priorities(self) -> Self:
        lines = (MAIN_LINE, *(self.line_name(line) for line in self.line))
        for position, rule in enumerate(self.priority):
            unknown = next((line for line in rule.line if line not in lines), None)
            if unknown is not None:
                raise ValueError(f'priority.{position}.line: there is no line "{unknown}"; use one of: {", ".join(lines)}')
            _is_e164(f"priority.{position}.notify", rule.notify, self.clinic.country)
        if URGENT_LAMP in lines:
            raise ValueError(f'line: none may be named "{URGENT_LAMP}": so is the lamp of what is urgent')
        return self

    @staticmethod
    def line_name(line: LineSettings) -> str:
        """The line's name; without one its first DID pattern, letters and digits kept."""
        return line.name or re.sub(r"[^A-Za-z0-9]+", "_", line.did[0]).strip("_") or "line"

    def line_of(self, did: str) -> LineSettings | None:
        """The first [[line]] that claims a DID as the trunk gives it, or its E.164; None for the main line."""
        number = e164(did, self.clinic.country)
        for line in self.line:
            if line.claims(did) or (number is not None and line.claims(number)):
                return line
        return None


def chosen_path(path: Path | None = None) -> Path:
    """Which file is read: ``path``, else $TEXTBACK_CONFIG, else /etc/textback/textback.toml."""
    return path or Path(os.environ.get("TEXTBACK_CONFIG") or DEFAULT_PATH)


def load(path: Path | None = None) -> Settings:
    """Read textback.toml: ``path``, else $TEXTBACK_CONFIG, else /etc/textback/textback.toml. Raises SettingsError."""
    chosen = chosen_path(path)
    try:
        document = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no settings file at {chosen}",
            "write one (an example ships as ari_app/config/textback.toml), or name it with --config",
        ) from error
    except OSError as error:
        raise SettingsError(f"cannot read {chosen} ({error.strerror})", "let the user that runs textback read it") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{chosen} is not UTF-8 (byte {error.start})", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{chosen} is not TOML: {error}", "mend that line") from error
    return parse(document, str(chosen))


def parse(document: dict[str, Any], origin: str = "textback.toml") -> Settings:
    """Settings from a parsed TOML document. Raises SettingsError with every wrong key, its path and the fix."""
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        wrong = error.errors()
        # pydantic counts the items that are left: a list whose items are wrong is not also empty
        told = [item for item in wrong if item["type"] != "too_short" or not any(_within(other, item) for other in wrong)]
        raise SettingsError(f"{origin}: " + "; ".join(say(item) for item in told), "mend these keys and start again") from error


def _within(inner: Any, outer: Any) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]
