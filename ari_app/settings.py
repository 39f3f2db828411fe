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

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ari_app.errors import SettingsError
from ari_app.numbers import e164
from ari_app.setting_types import (
    Address,
    AgiAddress,
    AnyFile,
    Country,
    Duration,
    Imei,
    Name,
    Pin,
    SendUrl,
    Url,
    Whole,
    Word,
    YesNo,
    say,
)

__all__ = [
    "DEFAULT_PATH",
    "AgiSettings",
    "AmiSettings",
    "CdrSettings",
    "ClinicSettings",
    "HoursException",
    "HoursSettings",
    "LineSettings",
    "ModemSettings",
    "PbxSettings",
    "PortalSettings",
    "ReplySettings",
    "RetentionSettings",
    "Settings",
    "StoreSettings",
    "chosen_path",
    "load",
]

DEFAULT_PATH = Path("/etc/textback/textback.toml")
MAIN_LINE = "main"
"""Name of the line of every DID that no [[line]] claims."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClinicSettings(_Part):
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


class HoursException(_Part):
    """[[hours.exception]]: one date that differs: ``closed = true`` or ``open = "09:00-12:00"``."""

    date: date
    closed: YesNo = False
    open: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.closed == (self.open is not None):
            raise ValueError('write either closed = true or open = "09:00-12:00"')
        return self


class HoursSettings(_Part):
    """[hours]: OSM opening_hours, holidays, exceptions, night switch."""

    open: str = "24/7"
    holidays: YesNo = True
    follow: str | None = None
    """Device state of a night switch ("Custom:DAYNIGHT1"): it wins over the timetable."""
    exception: tuple[HoursException, ...] = ()


class LineSettings(_Part):
    """[[line]]: DIDs that differ from the clinic's main line."""

    did: tuple[str, ...] = Field(min_length=1)
    name: Name | None = None
    number: str | None = None
    hours: str | None = None
    text: dict[Literal["fr", "en"], dict[Literal["missed", "closed", "voicemail", "asked", "received"], str]] = Field(default_factory=dict)
    modem: str | None = None
    language: Literal["fr", "en"] | None = None
    reply: YesNo = True
    on_call: str | None = None

    def claims(self, did: str) -> bool:
        """Does one of the patterns (shell style: ``*``, ``?``, ``[…]``) match this DID."""
        return any(fnmatch.fnmatchcase(did, pattern) for pattern in self.did)


def _secret(inline: str | None, file: Path | None, key: str) -> str | None:
    if file is None:
        return inline
    try:
        found = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{key}_file: cannot read {file} ({error.strerror})", f"create it, readable by the service's user, or set {key}"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{key}_file: {file} is not UTF-8", "write it again as plain text") from error
    if not found:
        raise SettingsError(f"{key}_file: {file} is empty", "write the secret into it, on one line")
    return found


class AmiSettings(_Part):
    """[pbx.ami]: optional; push, voicemail, blacklist."""

    host: str = "127.0.0.1"
    port: Whole = Field(default=5038, ge=1, le=65535)
    username: str
    secret: str | None = Field(default=None, repr=False)
    secret_file: AnyFile | None = None


class CdrSettings(_Part):
    """[pbx.cdr]: optional; where calls missed while away are read."""

    csv: AnyFile | None = None
    url: str | None = Field(default=None, repr=False)


class PbxSettings(_Part):
    """[pbx]: the Asterisk watched."""

    ari: Url = "http://127.0.0.1:8088"
    username: str = Field(min_length=1)
    password: str | None = Field(default=None, repr=False)
    password_file: AnyFile | None = None
    app: Word = "textback"
    inbound_contexts: tuple[str, ...] = Field(
        default=("from-trunk*", "from-pstn*", "from-analog*", "from-zaptel*", "from-digital*"), min_length=1
    )
    internal_length: tuple[Whole, Whole] = (2, 6)
    machines: tuple[str, ...] = ()
    """Channel names ("PJSIP/fax*") of devices that are no person."""
    outside: Literal["list", "trust"] = "list"
    ami: AmiSettings | None = None
    cdr: CdrSettings | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("password: set either password or password_file")
        low, high = self.internal_length
        if not 1 <= low <= high <= 15:
            raise ValueError("internal_length: write two lengths, the shorter first, such as [2, 6]")
        return self

    def read_password(self) -> str:
        """The ARI password; raises SettingsError when its file cannot be read."""
        return _secret(self.password, self.password_file, "pbx.password") or ""


class ReplySettings(_Part):
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
    text: dict[Literal["fr", "en"], dict[Literal["missed", "closed", "voicemail", "asked", "received"], str]] = Field(default_factory=dict)


_SERIAL_ONLY = ("port", "imei", "pin", "pin_file", "forward")
_KANNEL_ONLY = ("url", "username", "password", "password_file", "smsc", "listen", "callback", "secret", "secret_file")


class ModemSettings(_Part):
    """[[modem]]: one radio, or one Kannel that stands for many."""

    name: Name
    kind: Literal["serial", "kannel"] = "serial"
    number: str | None = None
    """The number texts come from: the SIM's own, or Kannel's; E.164."""
    daily_budget: Whole | None = Field(default=None, ge=0)
    """SMS it may carry in 24 hours, parts of long texts counted each."""
    pace: Duration = timedelta(0)
    """Least time from one text's start to the next one's."""

    port: str = "auto"
    """Device path, a pattern of paths ("/dev/ttyUSB*"), "auto" (found by USB identity), or a pyserial URL."""
    imei: Imei | None = None
    pin: Pin | None = Field(default=None, repr=False)
    pin_file: AnyFile | None = None
    forward: str | None = None
    """E.164: where the network is told to send the SIM's voice calls. Without it they are rejected and listed."""

    url: SendUrl | None = None
    """Kannel's sendsms service: "http://host:13013/cgi-bin/sendsms"."""
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    password_file: AnyFile | None = None
    smsc: Word | None = None
    """Kannel's smsc-id to send through; without it Kannel routes by itself."""
    listen: Address = "127.0.0.1:13080"
    """Where Kannel's call-backs (texts received, delivery reports) are taken."""
    callback: Url | None = None
    """Scheme, host and port under which Kannel reaches ``listen``; by default that address itself."""
    secret: str | None = Field(default=None, repr=False)
    secret_file: AnyFile | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        foreign = _KANNEL_ONLY if self.kind == "serial" else _SERIAL_ONLY
        stray = next((key for key in foreign if key in self.model_fields_set), None)
        if stray is not None:
            raise ValueError(f'{stray}: belongs to kind = "{"kannel" if self.kind == "serial" else "serial"}"; leave it out')
        if self.pin is not None and self.pin_file is not None:
            raise ValueError("pin: set either pin or pin_file")
        if self.kind == "kannel":
            for key in ("url", "username", "number"):
                if getattr(self, key) is None:
                    raise ValueError(f'{key}: is missing; kind = "kannel" needs it')
            for key in ("password", "secret"):
                if (getattr(self, key) is None) == (getattr(self, f"{key}_file") is None):
                    raise ValueError(f"{key}: set either {key} or {key}_file")
            if self.callback is None and self.listen.rpartition(":")[0] in {"0.0.0.0", "[::]"}:  # noqa: S104 - refused
                raise ValueError('callback: is missing; Kannel needs an address it can reach, such as "http://192.0.2.10:13080"')
        return self

    def read_pin(self) -> str | None:
        """The SIM's PIN, None when it has none; raises SettingsError when its file cannot be read or holds none."""
        pin = _secret(self.pin, self.pin_file, f"modem.{self.name}.pin")
        if pin is not None and not re.fullmatch(r"\d{4,8}", pin):
            raise SettingsError(f"modem.{self.name}.pin_file: holds no PIN", "write 4 to 8 digits into it")
        return pin

    def read_password(self) -> str:
        """Kannel's sendsms password; raises SettingsError when its file cannot be read."""
        return _secret(self.password, self.password_file, f"modem.{self.name}.password") or ""

    def read_secret(self) -> str:
        """What call-backs must know; raises SettingsError when its file cannot be read or it is too short to be one."""
        secret = _secret(self.secret, self.secret_file, f"modem.{self.name}.secret") or ""
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", secret):
            raise SettingsError(
                f"modem.{self.name}.secret: is no secret", "write 16 or more letters, digits, - and _ that nobody can guess"
            )
        return secret

    def read_secrets(self) -> tuple[str, ...]:
        """Every secret its kind needs; raises SettingsError where one cannot be read."""
        if self.kind == "kannel":
            return (self.read_password(), self.read_secret())
        pin = self.read_pin()
        return () if pin is None else (pin,)


class RetentionSettings(_Part):
    """[store.retention]: how long each class is kept."""

    texts: Duration | None = None
    calls: Duration | None = None
    recordings: Duration | None = None
    audit: Duration | None = None


class StoreSettings(_Part):
    """[store]: the SQLite file."""

    path: AnyFile = Path("/var/lib/textback/textback.db")
    retention: RetentionSettings = RetentionSettings()


class PhonesSettings(_Part):
    """[portal] phones: networks desk phones may ask from."""

    allow: tuple[str, ...] = ()


class PortalSettings(_Part):
    """[portal]: web pages and desk phones."""

    listen: str = "127.0.0.1:8790"
    base_url: str | None = None
    certificate: AnyFile | None = None
    key: AnyFile | None = None
    phones: PhonesSettings = PhonesSettings()


class AgiSettings(_Part):
    """[agi]: the FastAGI server."""

    listen: AgiAddress = "127.0.0.1:4573"


def _no_twins(key: str, names: list[str], fix: str) -> None:
    twin = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twin is not None:
        raise ValueError(f'{key}: two are named "{twin}"; {fix}')


def _is_e164(key: str, number: str | None, country: str) -> None:
    if number is not None and e164(number, country) != number:
        raise ValueError(f'{key}: is not E.164; write it as "+15145550123"')


class Settings(_Part):
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
