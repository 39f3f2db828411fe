"""[pbx], [pbx.ami], [pbx.cdr] and [pbx.cel] of textback.toml: the Asterisk watched, and what it keeps of its calls."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ari_app.setting_types import AnyFile, DialString, Duration, Part, Url, Whole, Word, YesNo, secret

__all__ = ["AmiSettings", "CdrSettings", "CelSettings", "PbxSettings", "RecordSettings"]


class AmiSettings(Part):
    """[pbx.ami]: optional; push, voicemail, blacklist."""

    host: str = "127.0.0.1"
    port: Whole = Field(default=5038, ge=1, le=65535)
    tls: YesNo = False
    """Speak TLS from the first byte (manager.conf: tlsenable, tlsbindaddr); the certificate must be trusted, as for an ARI over https."""
    username: str
    secret: str | None = Field(default=None, repr=False)
    secret_file: AnyFile | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("secret: set either secret or secret_file")
        return self

    def read_secret(self) -> str:
        """The AMI secret; raises SettingsError when its file cannot be read."""
        return secret(self.secret, self.secret_file, "pbx.ami.secret") or ""


class RecordSettings(Part):
    """Where records of the PBX are: a CSV file, or a database."""

    _KEY: ClassVar[str]

    csv: AnyFile | None = None
    url: str | None = Field(default=None, repr=False)
    url_file: AnyFile | None = None
    """Holds the URL, whose password so stands in no other file."""

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise ValueError("url: set either url or url_file")
        return self

    def read_url(self) -> str | None:
        """The database's URL, None for a CSV file. Raises SettingsError when its file cannot be read."""
        return secret(self.url, self.url_file, f"{self._KEY}.url")


class CdrSettings(RecordSettings):
    """[pbx.cdr]: optional; the PBX's call detail records: what was missed while nobody watched, and ``textback preview``."""

    _KEY = "pbx.cdr"

    every: Duration = timedelta(minutes=5)
    """How often they are read while the PBX is watched; they are read at each connect too."""
    shown: tuple[str, ...] = ()
    """Channel names ("DAHDI/*") of trunks that give no number which its caller hid: records do not tell. PJSIP ones are asked over ARI."""

    @model_validator(mode="after")
    def _often_enough(self) -> Self:
        if not timedelta(seconds=10) <= self.every <= timedelta(hours=1):
            raise ValueError("every: write 10s to 1h")
        return self


class CelSettings(RecordSettings):
    """[pbx.cel]: optional; the PBX's channel event log, which tells all that call detail records do not."""

    _KEY = "pbx.cel"


class PbxSettings(Part):
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
    device: DialString = "PJSIP/{extension}"
    """How a member's own phone is rung for a call back."""
    dial_context: Word = "from-internal"
    """Where calls to the outside are dialled, as from that phone."""
    dial: DialString = "{national}"
    """How an outside number is dialled there: "9{national}"; {e164}, {digits} (E.164 without its plus), {national}."""
    ami: AmiSettings | None = None
    cdr: CdrSettings | None = None
    cel: CelSettings | None = None

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("password: set either password or password_file")
        low, high = self.internal_length
        if not 1 <= low <= high <= 15:
            raise ValueError("internal_length: write two lengths, the shorter first, such as [2, 6]")
        if "{extension}" not in self.device:
            raise ValueError('device: names no {extension}; write it as "PJSIP/{extension}"')
        if "{extension}" in self.dial:
            raise ValueError('dial: is for a number of the outside; write it as "{national}" or "9{national}"')
        return self

    def read_password(self) -> str:
        """The ARI password; raises SettingsError when its file cannot be read."""
        return secret(self.password, self.password_file, "pbx.password") or ""
