"""A real OpenLDAP: in pages, over LDAP, STARTTLS and LDAPS, as somebody or as nobody, searched and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import plain
from ari_app.contacts.people import Rules
from ari_app.contacts.source_ldap import LdapSource
from ari_app.errors import SourceError
from ari_app.model import Kind
from tests.contacts.made import Understood, said, taken
from tests.contacts.servers import PASSWORD, Directory, openldap

PEOPLE = 1200
"""More than the server gives at once, more than two pages."""


def entry(uid: int, name: str, *lines: str) -> str:
    first, _, last = name.partition(" ")
    head = ("objectClass: inetOrgPerson", f"uid: {uid}", f"cn: {name}", f"givenName: {first}", f"sn: {last}", f"employeeNumber: {uid}")
    return "\n".join((f"dn: uid={uid},ou=people,dc=clinic,dc=example", *head, *lines, ""))


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    entries = [entry(n, f"Anne Roy{n}", f"mobile: +1 514 555 {n:04}") for n in range(PEOPLE)]
    entries.append(
        entry(
            9001, "Zoé Côté", "telephoneNumber: 438 555-0101", "telephoneNumber: 438 555-0102", "homePhone: 438 555-0103 ext. 4",
            "facsimileTelephoneNumber: 438 555-0109", "preferredLanguage: fr-CA", "employeeType: fournisseur",
        )
    )  # fmt: skip
    half = entry(9002, "Jean Roy", "mobile: 514 555-0104").replace("givenName: Jean\n", "")
    with openldap([*entries, half]) as running:
        yield running


def source(directory: Directory, *, server: str | None = None, **more: Any) -> LdapSource:
    given = {"base": f"ou=people,{directory.base}", "filter": "(objectClass=inetOrgPerson)"} | more
    return LdapSource(SourceSettings(kind="ldap", server=server or f"ldap://127.0.0.1:{directory.port}", **given))


def found(of: LdapSource, **rules: Any) -> Understood:
    with of.table() as table:
        return taken(table, of.name, of.wanted, Rules(country="CA", **rules))


def failure(of: LdapSource) -> SourceError:
    with pytest.raises(SourceError) as failed:
        found(of)
    assert failed.value.fix
    assert PASSWORD not in str(failed.value)
    return failed.value


def test_everybody_in_pages(directory: Directory) -> None:
    people = found(source(directory))
    assert len(people.externals) == PEOPLE + 2
    assert ("Anne Roy0", ("+15145550000",)) in said(people)
    assert all(len(external) == 36 for external in people.externals)  # entryUUID, RFC 4530
    zoe = next(one for one in people.added if one.name == "Zoé Côté")
    assert [(each.number, each.label) for each in zoe.numbers] == [("+14385550101", None), ("+14385550102", None)]
    assert (zoe.language, zoe.kind) == ("fr", Kind.SUPPLIER)
    assert people.tally.refused == 0


def test_who_has_a_last_name_alone_is_called_by_the_whole_one(directory: Directory) -> None:
    assert said(found(source(directory, filter="(uid=9002)"))) == [("Jean Roy", ("+15145550104",))]


def test_columns_and_kinds_that_are_set(directory: Directory) -> None:
    columns = {"external": "employeeNumber", "name": "cn", "numbers": ["homePhone", "mobile"], "kind": "objectClass"}
    people = found(source(directory, columns=columns, filter="(|(uid=9001)(uid=7))"), kinds={plain("inetOrgPerson"): Kind.STAFF})
    assert [(one.external, one.name, one.kind) for one in people.added] == [("7", "Anne Roy7", Kind.STAFF)]
    assert people.tally.refused == 1  # only an extension


@pytest.mark.parametrize("way", ["ldaps", "start_tls"])
def test_encrypted_and_as_somebody(directory: Directory, way: str, tmp_path: Path) -> None:
    server = f"ldaps://localhost:{directory.tls_port}" if way == "ldaps" else f"ldap://127.0.0.1:{directory.port}"
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    more: dict[str, Any] = {"server": server, "start_tls": way == "start_tls", "username": directory.user, "password_file": secret}
    assert len(found(source(directory, certificate=directory.certificate, **more)).externals) == PEOPLE + 2
    untrusted = failure(source(directory, **more))
    assert "certificate" in untrusted.what.lower()
    assert "contacts.source.certificate" in untrusted.fix
    assert "none.pem cannot be used" in failure(source(directory, certificate=tmp_path / "none.pem", **more)).what
    assert "password cannot be used" in failure(source(directory, certificate=secret, **more)).what


def test_a_certificate_for_another_name(directory: Directory) -> None:
    said_of_it = failure(source(directory, server=f"ldaps://127.0.0.2:{directory.tls_port}", certificate=directory.certificate))
    assert "127.0.0.2" in said_of_it.what


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "wrong", "username": "cn=reader,dc=clinic,dc=example"}, "refuses the user or the password"),
        ({"base": "ou=nowhere,dc=clinic,dc=example"}, "noSuchObject"),
        ({"filter": "(objectClass=person"}, "is no LDAP filter"),
        ({"server": "ldap://127.0.0.1:1"}, "cannot be reached"),
    ],
)
def test_what_goes_wrong_is_told(directory: Directory, more: dict[str, Any], words: str) -> None:
    assert words in failure(source(directory, **more)).what


def test_the_connection_may_only_read(directory: Directory) -> None:
    """Who binds may write; the connection that is used may not."""
    of = source(directory, username=directory.user, password=PASSWORD)
    with of.table() as table:
        next(table.rows)
        connection = of._connect()
        with pytest.raises(Exception, match="read-only"):
            connection.delete(f"uid=7,ou=people,{directory.base}")  # type: ignore[no-untyped-call]
        connection.unbind()
    assert len(found(source(directory)).externals) == PEOPLE + 2
