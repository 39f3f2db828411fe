"""[contacts] of textback.toml: the clinic's own database, its file's address, where what is filed goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from ari_app.model import Kind
from ari_app.setting_types import AnyFile, Duration, Part, PatientUrl, SendUrl, YesNo, secret

__all__ = ["SOURCE_KEYS", "ColumnsSettings", "ContactsSettings", "FilingSettings", "SourceSettings"]

SOURCE_KEYS = {
    "csv": ("path", "encoding", "delimiter"),
    "sql": ("url", "url_file", "query"),
    "ldap": ("server", "start_tls", "certificate", "username", "password", "password_file", "base", "filter"),
}
"""Which keys are of which kind alone."""
_NEEDED = {"csv": ("path",), "sql": ("query",), "ldap": ("server", "base")}


class ColumnsSettings(Part):
    """[contacts.source.columns]: which column (LDAP: attribute) holds what. Those not given are found by their usual names."""

    external: str | None = None
    name: str | None = None
    first: str | None = None
    """First name, and ``last``: where the name is in two columns."""
    last: str | None = None
    numbers: tuple[str, ...] = ()
    language: str | None = None
    kind: str | None = None
    tags: str | None = None


class SourceSettings(Part):
    """[contacts.source]: the clinic's own database, only ever read."""

    kind: Literal["csv", "sql", "ldap"]
    every: Duration = timedelta(minutes=15)
    """How often it is looked at; a CSV file is read soon after it was written."""
    columns: ColumnsSettings = ColumnsSettings()
    kinds: dict[str, Kind] = Field(default_factory=dict)
    """What the column ``kind`` may hold, and what that is here; anything else, or no such column: client."""

    path: AnyFile | None = None
    """CSV, or a workbook of Excel."""
    encoding: str | None = None
    delimiter: str | None = None
    """Found out where they are not given."""

    url: str | None = Field(default=None, repr=False)
    """SQLAlchemy URL (docs.sqlalchemy.org, Database URLs)."""
    url_file: AnyFile | None = None
    query: str | None = None

    server: str | None = None
    """"ldap://host" or "ldaps://host"."""
    start_tls: YesNo = False
    certificate: AnyFile | None = None
    """Of the authority that signed the server's, where the system does not know it."""
    username: str | None = None
    """DN to bind as; anonymous without."""
    password: str | None = Field(default=None, repr=False)
    password_file: AnyFile | None = None
    base: str | None = None
    filter: str = "(objectClass=person)"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for kind, keys in SOURCE_KEYS.items():
            given = [key for key in keys if key in self.model_fields_set]
            if kind != self.kind and given:
                raise ValueError(f'{given[0]}: is of kind = "{kind}", and this source is "{self.kind}"')
        for key in _NEEDED[self.kind]:
            if getattr(self, key) is None:
                raise ValueError(f"{key}: is missing")
        if self.kind == "sql" and (self.url is None) == (self.url_file is None):
            raise ValueError("url: set either url or url_file")
        if self.username is not None and (self.password is None) == (self.password_file is None):
            raise ValueError("password: set either password or password_file")
        if self.server is not None and not self.server.startswith(("ldap://", "ldaps://")):
            raise ValueError('server: cannot be used; write "ldap://host" or "ldaps://host"')
        if self.start_tls and self.server is not None and self.server.startswith("ldaps://"):
            raise ValueError('start_tls: is for "ldap://"; "ldaps://" is encrypted already')
        return self

    def read_url(self) -> str:
        """The database's URL. Raises SettingsError when its file cannot be read."""
        return secret(self.url, self.url_file, "contacts.source.url") or ""

    def read_password(self) -> str | None:
        """The LDAP password. Raises SettingsError when its file cannot be read."""
        return secret(self.password, self.password_file, "contacts.source.password")


class FilingSettings(Part):
    """[contacts.filing]: where a thread, a transcript or a voicemail goes that staff put into a client's file."""

    folder: AnyFile | None = None
    """A folder per external id is made in it."""
    webhook: SendUrl | None = None
    """Gets a POST, signed with ``secret``."""
    secret: str | None = Field(default=None, repr=False)
    secret_file: AnyFile | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.folder is None) == (self.webhook is None):
            raise ValueError("folder: set either folder or webhook")
        if self.webhook is not None and (self.secret is None) == (self.secret_file is None):
            raise ValueError("secret: set either secret or secret_file, with which each POST is signed")
        return self

    def read_secret(self) -> str:
        """What signs. Raises SettingsError when its file cannot be read."""
        return secret(self.secret, self.secret_file, "contacts.filing.secret") or ""


class ContactsSettings(Part):
    """[contacts]: who is behind a number."""

    link: PatientUrl | None = None
    """Opens a client's file in the clinic's software: an address with {external}."""
    source: SourceSettings | None = None
    filing: FilingSettings | None = None
