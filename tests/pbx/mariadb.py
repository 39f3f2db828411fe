"""A real MariaDB with FreePBX's table of call records, in a folder of its own, on a unix socket, ended when the block ends."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

__all__ = ["FREEPBX_CEL", "PASSWORD", "Mariadb", "mariadb"]

PASSWORD = "s3cret-of-the/reader@"
"""With signs a URL must escape."""
FREEPBX_CDR = """
CREATE TABLE cdr (
  calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '', src varchar(80) NOT NULL DEFAULT '',
  dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '', channel varchar(80) NOT NULL DEFAULT '',
  dstchannel varchar(80) NOT NULL DEFAULT '', lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
  duration int(11) NOT NULL DEFAULT 0, billsec int(11) NOT NULL DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '',
  amaflags int(11) NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '', uniqueid varchar(32) NOT NULL DEFAULT '',
  userfield varchar(255) NOT NULL DEFAULT '', did varchar(50) NOT NULL DEFAULT '', recordingfile varchar(255) NOT NULL DEFAULT '',
  cnum varchar(80) NOT NULL DEFAULT '', cnam varchar(80) NOT NULL DEFAULT '', outbound_cnum varchar(80) NOT NULL DEFAULT '',
  outbound_cnam varchar(80) NOT NULL DEFAULT '', dst_cnam varchar(80) NOT NULL DEFAULT '', linkedid varchar(32) NOT NULL DEFAULT '',
  peeraccount varchar(80) NOT NULL DEFAULT '', sequence int(11) NOT NULL DEFAULT 0,
  KEY calldate (calldate), KEY dst (dst), KEY accountcode (accountcode), KEY uniqueid (uniqueid), KEY did (did)
) DEFAULT CHARSET=utf8mb4
"""
"""As FreePBX 16 and 17 make it."""

FREEPBX_CEL = """
CREATE TABLE cel (
  id int(11) NOT NULL AUTO_INCREMENT, eventtype varchar(30) NOT NULL, eventtime datetime NOT NULL, cid_name varchar(80) NOT NULL,
  cid_num varchar(80) NOT NULL, cid_ani varchar(80) NOT NULL, cid_rdnis varchar(80) NOT NULL, cid_dnid varchar(80) NOT NULL,
  exten varchar(80) NOT NULL, context varchar(80) NOT NULL, channame varchar(80) NOT NULL, appname varchar(80) NOT NULL,
  appdata varchar(255) NOT NULL, amaflags int(11) NOT NULL, accountcode varchar(20) NOT NULL, uniqueid varchar(32) NOT NULL,
  linkedid varchar(32) NOT NULL, peer varchar(80) NOT NULL, userdeftype varchar(255) NOT NULL, extra varchar(512) NOT NULL,
  PRIMARY KEY (id), KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid), KEY context_index (context)
) DEFAULT CHARSET=utf8mb4
"""
"""As FreePBX makes it: whole seconds, without an index on them."""


@dataclass(frozen=True)
class Mariadb:
    """A server on a unix socket. ``run`` is its administrator."""

    socket: Path

    def url(self, *, user: str = "textback", password: str = PASSWORD, scheme: str = "mysql", more: str = "") -> str:
        quoted = password.replace("/", "%2F").replace("@", "%40")
        return f"{scheme}://{user}:{quoted}@localhost/asteriskcdrdb?unix_socket={self.socket}{more}"

    def run(self, *statements: str, rows: list[tuple[object, ...]] | None = None) -> None:
        """Statements in turn; ``rows`` are given to the last."""
        opened = pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)
        with contextlib.closing(opened) as connection, connection.cursor() as cursor:
            for statement in statements[: len(statements) if rows is None else -1]:
                cursor.execute(statement)
            if rows is not None:
                cursor.executemany(statements[-1], rows)


@contextlib.contextmanager
def mariadb() -> Iterator[Mariadb]:
    """With the database asteriskcdrdb, its table, and a user who may read it. Skips the test where there is no MariaDB."""
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("no MariaDB here")
    folder = Path(tempfile.mkdtemp(prefix="textback-maria-"))
    user = getpass.getuser()
    data, path = folder / "data", folder / "socket"
    own = ("--no-defaults", f"--user={user}", f"--datadir={data}")
    lean = ("--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--skip-networking")
    try:
        make = ["mariadb-install-db", *own, "--auth-root-authentication-method=normal", "--skip-test-db"]
        done = subprocess.run(make, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with (folder / "log").open("wb") as log:
            command = ["mariadbd", *own, *lean, f"--socket={path}", f"--pid-file={folder / 'pid'}"]
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            made = Mariadb(path)
            _answers(server, made)
            made.run(
                "CREATE DATABASE asteriskcdrdb",
                "USE asteriskcdrdb",
                FREEPBX_CDR,
                f"GRANT SELECT ON asteriskcdrdb.* TO 'textback'@'localhost' IDENTIFIED BY '{PASSWORD}'",
                f"GRANT ALL ON asteriskcdrdb.* TO 'strong'@'localhost' IDENTIFIED BY '{PASSWORD}'",
            )
            yield made
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(server: subprocess.Popen[bytes], made: Mariadb) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "mariadbd ended by itself"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            # its own client leaves a socket open when it is refused
            probe.connect(str(made.socket))
            return
        time.sleep(0.05)
    raise AssertionError("mariadbd does not answer")
