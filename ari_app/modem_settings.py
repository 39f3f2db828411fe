"""[[modem]] of textback.toml: a radio on a serial port, or a Kannel."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from ari_app.errors import SettingsError
from ari_app.setting_types import Address, AnyFile, Duration, Imei, Name, Part, Pin, SendUrl, Url, Whole, Word, secret

__all__ = ["ModemSettings"]

_SERIAL_ONLY = ("port", "imei", "pin", "pin_file", "forward")
_KANNEL_ONLY = ("url", "username", "password", "password_file", "smsc", "listen", "callback", "secret", "secret_file")


class ModemSettings(Part):
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
        pin = secret(self.pin, self.pin_file, f"modem.{self.name}.pin")
        if pin is not None and not re.fullmatch(r"\d{4,8}", pin):
            raise SettingsError(f"modem.{self.name}.pin_file: holds no PIN", "write 4 to 8 digits into it")
        return pin

    def read_password(self) -> str:
        """Kannel's sendsms password; raises SettingsError when its file cannot be read."""
        return secret(self.password, self.password_file, f"modem.{self.name}.password") or ""

    def read_secret(self) -> str:
        """What call-backs must know; raises SettingsError when its file cannot be read or it is too short to be one."""
        found = secret(self.secret, self.secret_file, f"modem.{self.name}.secret") or ""
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", found):
            raise SettingsError(
                f"modem.{self.name}.secret: is no secret", "write 16 or more letters, digits, - and _ that nobody can guess"
            )
        return found

    def read_secrets(self) -> tuple[str, ...]:
        """Every secret its kind needs; raises SettingsError where one cannot be read."""
        if self.kind == "kannel":
            return (self.read_password(), self.read_secret())
        pin = self.read_pin()
        return () if pin is None else (pin,)
