"""[alarm], [store.retention] and [store.backup] of textback.toml: what runs by itself once the administrator has gone home."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ari_app.setting_types import AnyFile, Duration, Part, SendUrl, Whole, secret

__all__ = ["AlarmSettings", "BackupSettings", "EmailSettings", "RetentionSettings", "WebhookSettings"]

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"


def _mailbox(value: str) -> str:
    if re.fullmatch(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_HOST}", value, re.ASCII) is None:
        raise ValueError('is no e-mail address; write it bare, such as "reseau@clinique.example"')
    return value


def _host(value: str) -> str:
    if re.fullmatch(_HOST, value, re.ASCII) is None:
        raise ValueError('is no name of a mail server; write it without port, such as "smtp.clinique.example"')
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]
"""An e-mail address without a name beside it (addr-spec, RFC 5322 3.4.1; ASCII)."""
Host = Annotated[str, AfterValidator(_host)]


class EmailSettings(Part):
    """[alarm.email]: who is written to, and by which mail server."""

    to: tuple[Mailbox, ...] = Field(min_length=1)
    sender: Mailbox
    """From, and where bounces go."""
    host: Host = "localhost"
    port: Whole = Field(default=25, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "none"
    """"starttls" (RFC 3207), mostly port 587; "tls" from the first byte (RFC 8314), mostly port 465. The certificate must be trusted."""
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    password_file: AnyFile | None = None

    @model_validator(mode="after")
    def _login(self) -> Self:
        given = (self.password is not None) + (self.password_file is not None)
        if given != (self.username is not None):
            raise ValueError("username: set it with one of password and password_file, or none of the three")
        if self.username is not None and self.tls == "none" and self.host != "localhost":
            raise ValueError('tls: a password is not sent in clear; write "starttls" or "tls"')
        return self

    def read_password(self) -> str | None:
        """None without a login. Raises SettingsError when its file cannot be read."""
        return secret(self.password, self.password_file, "alarm.email.password")


class WebhookSettings(Part):
    """[alarm.webhook]: gets a POST of JSON, signed with ``secret`` as [contacts.filing] signs."""

    url: SendUrl
    secret: str | None = Field(default=None, repr=False)
    secret_file: AnyFile | None = None

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("secret: set either secret or secret_file, with which each POST is signed")
        return self

    def read_secret(self) -> str:
        """What signs. Raises SettingsError when its file cannot be read."""
        return secret(self.secret, self.secret_file, "alarm.webhook.secret") or ""


class AlarmSettings(Part):
    """[alarm]: tells the administrator what keeps textback from working. Never a word or a number of a patient."""

    after: Duration = timedelta(minutes=5)
    """What is over sooner raises none."""
    language: Literal["fr", "en"] | None = None
    """Of what is written; the clinic's first without."""
    disk: Whole = Field(default=1024, ge=16)
    """MiB that must be free where the store and the backups lie."""
    email: EmailSettings | None = None
    webhook: WebhookSettings | None = None


def _kept(value: object) -> object:
    return None if value == "forever" else value


Kept = Annotated[Duration | None, BeforeValidator(_kept)]
"""A duration, or "forever"."""


class RetentionSettings(Part):
    """[store.retention]: how long each class is kept: docs/privacy.md says why so long."""

    texts: Kept = timedelta(days=730)
    """Texts, notes, transcripts of voicemail; names callers gave."""
    calls: Kept = timedelta(days=730)
    recordings: Kept = timedelta(days=90)
    """The sound of voicemail."""
    audit: Kept = timedelta(days=1825)
    """Who read and did what; the history of consent."""


class BackupSettings(Part):
    """[store.backup]: where ``textback backup`` writes, and how many it keeps."""

    folder: AnyFile = Path("/var/backups/textback")
    daily: Whole = Field(default=7, ge=1)
    """The newest of so many days stay."""
    weekly: Whole = Field(default=4, ge=0)
    """And the newest of so many weeks before."""
