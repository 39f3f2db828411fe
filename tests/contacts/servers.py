"""Real servers for sources: PostgreSQL and OpenLDAP of Debian, each in a folder of its own, ended when the block ends."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["PASSWORD", "Directory", "Postgres", "openldap", "postgres"]

PASSWORD = "s3cret-of-the/reader@"
"""With signs a URL must escape."""
_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_SLAPD = Path("/usr/sbin/slapd")


@dataclass(frozen=True)
class Postgres:
    """A server on a unix socket, and a superuser's way in."""

    folder: Path

    def url(self, user: str = "reader", password: str = PASSWORD, database: str = "clinic") -> str:
        quoted = password.replace("/", "%2F").replace("@", "%40")
        return f"postgresql://{user}:{quoted}@/{database}?host={self.folder}"

    def run(self, sql: str, database: str = "clinic") -> str:
        """As superuser; what psql prints."""
        command = (str(_PROGRAMS[-1] / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", "owner", "-d", database)
        done = subprocess.run(command, input=sql, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _as_postgres(folder: Path) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return ()
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ("runuser", "-u", "postgres", "--")


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Skips the test where there is no PostgreSQL."""
    if not _PROGRAMS:
        pytest.skip("no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="textback-pg-"))
    prefix = _as_postgres(folder)
    data, secret = folder / "data", folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)

    def run(program: str, *args: str) -> None:
        command = (*prefix, str(_PROGRAMS[-1] / program), *args)
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, done.stderr

    try:
        run("initdb", "-D", str(data), "-U", "owner", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
        try:
            server = Postgres(folder)
            server.run("CREATE DATABASE clinic", "postgres")
            yield server
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Directory:
    """An OpenLDAP with LDAP, STARTTLS and LDAPS on loopback."""

    port: int
    tls_port: int
    certificate: Path
    base: str = "dc=clinic,dc=example"
    user: str = "cn=reader,dc=clinic,dc=example"


_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
database mdb
suffix "dc=clinic,dc=example"
rootdn "cn=reader,dc=clinic,dc=example"
rootpw {password}
directory {folder}/data
maxsize 67108864
access to attrs=userPassword by * none
access to * by * read
"""
_ROOT = """dn: dc=clinic,dc=example
objectClass: dcObject
objectClass: organization
dc: clinic
o: Clinique

dn: ou=people,dc=clinic,dc=example
objectClass: organizationalUnit
ou: people
"""


@contextlib.contextmanager
def openldap(entries: Sequence[str]) -> Iterator[Directory]:
    """With these LDIF entries below ou=people. Skips the test where there is no slapd."""
    if not _SLAPD.exists():
        pytest.skip("no OpenLDAP here")
    folder = Path(tempfile.mkdtemp(prefix="textback-ldap-"))
    try:
        (folder / "data").mkdir()
        (folder / "slapd.conf").write_text(_CONF.format(folder=folder, password=PASSWORD))
        (folder / "all.ldif").write_text("\n".join((_ROOT, *entries)), "utf-8")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.key", "-out", "server.pem")
        subject = ("-subj", "/CN=directory", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        subprocess.run(["openssl", "req", "-x509", *key, *subject], cwd=folder, check=True, capture_output=True)
        conf = str(folder / "slapd.conf")
        subprocess.run(["/usr/sbin/slapadd", "-q", "-f", conf, "-l", str(folder / "all.ldif")], check=True, capture_output=True)
        plain, tls = _free_port(), _free_port()
        urls = f"ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}"
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([str(_SLAPD), "-d", "0", "-f", conf, "-h", urls], stdout=log, stderr=log)
        try:
            _answers(plain, server)
            _answers(tls, server)
            yield Directory(plain, tls, folder / "server.pem")
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None, "slapd ended by itself"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("slapd does not answer")
