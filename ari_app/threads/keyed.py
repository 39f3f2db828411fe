"""Numbers under the house's own key: what is remembered of a number that nobody may read any more.

HMAC-SHA256 (RFC 2104, FIPS 180-4) of the number in E.164. Without the key a table of digests tells nothing; a bare hash would not do:
there are so few numbers that all of them are tried in minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
from pathlib import Path

from ari_app.errors import StoreError
from ari_app.threads import place

__all__ = ["KEY_BYTES", "digest", "key_path", "load", "load_or_make", "teach"]

KEY_BYTES = 32


def key_path(store: Path) -> Path:
    """Where the key of a store lies: ``<store.path>.key``."""
    return store.with_name(store.name + ".key")


def load(store: Path) -> bytes | None:
    """The key beside a store; None where there is none. Raises StoreError, code ``key``, for one that cannot be read or is none."""
    path = key_path(store)
    try:
        text = path.read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path} ({error.strerror})", "let the service's user read it", code="key") from error
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"{path} is no key: it must be {KEY_BYTES * 2} hexadecimal digits",
            "put back the one that lies with the backups (textback.key)",
            code="key",
        )
    return key


def load_or_make(store: Path) -> bytes:
    """The key beside a store (``key_path``, mode 0600), made when there is none. Raises StoreError, code ``key``."""
    key = load(store)
    if key is not None:
        return key
    key = secrets.token_bytes(KEY_BYTES)
    path = key_path(store)
    made = path.with_name(path.name + ".new")  # never half a key under its name
    try:
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            os.fchmod(fd, 0o600)
            home = path.parent.stat()
            if os.geteuid() == 0 and home.st_uid != 0:
                os.fchown(fd, home.st_uid, home.st_gid)
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(fd)
        made.rename(path)
        place.keep_names(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path} ({error.strerror})", "let the service's user write in that folder", code="key") from error
    return key


def digest(key: bytes, number: str) -> str:
    """What stands for a number (E.164, else the sender as the network named it): 64 hexadecimal digits."""
    return hmac.new(key, number.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def teach(connection: sqlite3.Connection, key: bytes | None) -> None:
    """Let SQL of this connection say ``keyed(number)``: the digest, NULL without a key or a number."""

    def keyed(number: str | None) -> str | None:
        return None if key is None or number is None else digest(key, number)

    connection.create_function("keyed", 1, keyed, deterministic=True)
