"""A directory (LDAPv3, RFC 4511), searched in pages (RFC 2696) over a connection that may only read."""

from __future__ import annotations

import contextlib
import ssl
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it calls pyasn1's tables by their old names
    import ldap3
    from ldap3.core.exceptions import LDAPBindError, LDAPException, LDAPInvalidFilterError, LDAPSocketOpenError

from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import Wanted
from ari_app.contacts.table import Refused, Row, Table, words_of
from ari_app.errors import SourceError

__all__ = ["LdapSource"]

_CONNECT = 10
_PATIENCE = 60
"""Seconds."""
_PAGE = 500
_IDS = ("entryUUID", "objectGUID", "ipaUniqueID", "nsUniqueId")
"""By which servers name an entry for good: RFC 4530, Active Directory, FreeIPA, 389."""
_NAMES = ("displayName", "cn", "givenName", "sn", "o", "preferredLanguage")
_NUMBERS = ("telephoneNumber", "mobile", "homePhone", "otherTelephone", "otherMobile", "otherHomePhone")
_KIND = "employeeType"
_ID = "entry UUID"
"""The column that stands for whichever of ``_IDS`` there is."""


class _Tls(ldap3.Tls):  # type: ignore[misc,unused-ignore]
    """With the standard library's own check of the name: ldap3's stands on a function that Python 3.12 has no more."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        host = connection.server.host
        connection.socket = self._context.wrap_socket(connection.socket, do_handshake_on_connect=do_handshake, server_hostname=host)


class LdapSource:
    """One search below one base."""

    def __init__(self, settings: SourceSettings) -> None:
        """Raises SettingsError when the password cannot be read."""
        self._settings = settings
        self._password = settings.read_password()
        self.name = f"{settings.server} {settings.base}"
        given = Wanted.of(settings.columns).columns
        self.wanted = Wanted({"external": (_ID,)} | dict(given))
        self._single = {name for field, names in given.items() if field not in {"number", "kind", "tags"} for name in names}
        more = [name for names in given.values() for name in names]
        self._header = tuple(dict.fromkeys([_ID, *_NAMES, *_NUMBERS, _KIND, *more]))

    @contextlib.contextmanager
    def table(self) -> Iterator[Table]:
        """The entries found. Raises SourceError."""
        try:
            connection = self._connect()
            try:
                yield Table(what=self.name, rows=self._rows(connection), header=self._header)
            finally:
                with contextlib.suppress(LDAPException):
                    connection.unbind()
        except LDAPException as error:
            raise self._failed(error) from None

    def _connect(self) -> ldap3.Connection:
        settings = self._settings
        try:
            context = ssl.create_default_context(cafile=settings.certificate)
        except OSError as error:
            what = f"contacts.source.certificate: {settings.certificate} cannot be used ({error.strerror or error})"
            raise SourceError(what, "write the authority's certificate there, as PEM, for the service's user to read") from error
        server = ldap3.Server(
            settings.server or "",
            tls=_Tls(context),
            connect_timeout=_CONNECT,
            get_info=ldap3.NONE,
        )
        connection = ldap3.Connection(
            server,
            user=settings.username,
            password=self._password,
            read_only=True,
            auto_referrals=False,  # to where a password would follow
            check_names=False,
            raise_exceptions=True,
            receive_timeout=_PATIENCE,
        )
        try:
            connection.open()
            if settings.start_tls:
                connection.start_tls()
            connection.bind()
        except BaseException:
            with contextlib.suppress(LDAPException, OSError):
                connection.unbind()
            if connection.socket is not None:  # ldap3 leaves one that did not connect
                connection.socket.close()
            raise
        return connection

    def _rows(self, connection: ldap3.Connection) -> Iterator[Row | Refused]:
        asked = [*_IDS, *(name for name in self._header if name != _ID)]
        try:
            entries = connection.extend.standard.paged_search(
                self._settings.base, self._settings.filter, ldap3.SUBTREE, attributes=asked, paged_size=_PAGE, generator=True
            )
            number = 0
            for entry in entries:
                if entry.get("type") == "searchResEntry":
                    number += 1
                    yield Row(number, self._cells(entry))
        except LDAPException as error:
            raise self._failed(error) from None

    def _cells(self, entry: dict[str, Any]) -> list[str]:
        raw = {name.lower(): values for name, values in entry["raw_attributes"].items()}
        raw["displayname"] = raw.get("displayname") or raw.get("cn", [])
        cells = []
        for name in self._header:
            if name == _ID:
                cells.append(_id(raw) or str(entry["dn"]))
                continue
            values = [words_of(value) for value in raw.get(name.lower(), ())]
            cells.append((values[0] if values else "") if name in _NAMES or name in self._single else "\n".join(values))
        return cells

    def _failed(self, error: LDAPException) -> SourceError:
        name = self.name
        if isinstance(error, LDAPBindError) or getattr(error, "result", None) == 49:  # invalidCredentials, RFC 4511 4.1.9
            return SourceError(f"{name} refuses the user or the password", "see contacts.source.username and password")
        if isinstance(error, LDAPInvalidFilterError):
            return SourceError("contacts.source.filter is no LDAP filter", 'write it as "(objectClass=person)"')
        if isinstance(error, LDAPSocketOpenError) or "ssl" in str(error).lower() or "certificate" in str(error).lower():
            said = _plain(error, self._password)
            if "certificate" in said.lower():
                fix = "set contacts.source.certificate to that of the authority that signed the server's, and server to the name it is for"
            else:
                fix = "see contacts.source.server, and that it is up"
            return SourceError(f"{name} cannot be reached: {said}", fix)
        return SourceError(
            f"{name} cannot be searched: {_plain(error, self._password)}", "see contacts.source.base, and what its user may read"
        )


def _id(raw: dict[str, Any]) -> str:
    for name in _IDS:
        values = raw.get(name.lower())
        if values:
            value: bytes = values[0]
            # Active Directory keeps the 16 bytes of a GUID ([MS-DTYP] 2.3.4.2)
            return str(uuid.UUID(bytes_le=value)) if name == "objectGUID" and len(value) == 16 else words_of(value)
    return ""


def _plain(error: LDAPException, password: str | None) -> str:
    said = " ".join((getattr(error, "description", None) or str(error) or type(error).__name__).split())[:300]
    return said.replace(password, "…") if password else said
