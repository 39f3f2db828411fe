"""Passwords and PINs, as argon2id hashes (RFC 9106): slow on purpose, so off the event loop and never many at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ari_app.errors import RefusedError

__all__ = ["LEAST", "Passwords", "check_password", "check_pin_written"]

_T = TypeVar("_T")

LEAST = 10
"""Characters of a password."""
_LONGEST = 200
_WAITING = 16
"""Tries that wait for their turn in one lane: a flood is turned away, not queued."""

_BUSY = 5
"""Seconds after which it is worth trying again."""


def check_password(password: str, login: str) -> None:
    """Raises RefusedError, code ``bad_password``, for one that is guessed at once."""
    fix = f"choose {LEAST} characters or more; a short sentence does well"
    if len(password) < LEAST:
        raise RefusedError(f"the password has {len(password)} characters, and {LEAST} is the least", fix, code="bad_password")
    if len(password) > _LONGEST:
        raise RefusedError(f"the password is longer than {_LONGEST} characters", "choose a shorter one", code="bad_password")
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise RefusedError("the password is not UTF-8", "write it again as UTF-8", code="bad_password")
    if len(set(password)) < 4 or password.casefold() == login.casefold():
        raise RefusedError("the password is too simple", fix, code="bad_password")


def check_pin_written(pin: str) -> None:
    """Raises RefusedError, code ``bad_pin``."""
    if re.fullmatch(r"[0-9]{4,8}", pin) is None:
        raise RefusedError("a PIN is 4 to 8 digits", "write it as digits alone", code="bad_pin")


class Passwords:
    """Hashes and verifies, one at a time for those who are known and one at a time for everybody else: strangers keep no member waiting."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(parallelism=1)  # memory and passes as in RFC 9106 4; on one processor: the event loop has the others
        self._known = _Lane("password-known")
        self._strangers = _Lane("password")
        self._decoy: str | None = None

    async def hashed(self, password: str) -> str:
        """The hash to keep: salt and costs are in it. Raises RefusedError, code ``throttled``."""
        return await self._known.run(self._hasher.hash, password)

    async def right(self, kept: str | None, password: str, *, known: bool = False) -> bool:
        """Is it the one behind the hash ``kept``. Without one the answer is no, and takes as long.

        ``known``: asked from where the same account came in before. Raises RefusedError, code ``throttled``.
        """
        lane = self._known if known else self._strangers
        return await lane.run(self._verify, kept, password)

    def outdated(self, kept: str) -> bool:
        """Was it made with other costs than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Let the threads go."""
        self._known.close()
        self._strangers.close()

    def _verify(self, kept: str | None, password: str) -> bool:
        if self._decoy is None:
            self._decoy = self._hasher.hash("a password nobody has")
        if len(password) > _LONGEST:
            kept, password = None, password[:_LONGEST]
        try:
            # half a surrogate pair is no UTF-8 and nobody's password
            self._hasher.verify(kept or self._decoy, password.encode("utf-8", "replace"))
        except (Argon2Error, InvalidHashError):
            return False
        return kept is not None


class _Lane:
    """One thread, and a few who wait for it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._inside = 0

    async def run(self, work: Callable[..., _T], *args: object) -> _T:
        if self._inside > _WAITING:
            raise RefusedError(
                "too many people sign in at this moment",
                f"wait {_BUSY} seconds and try again",
                code="throttled",
                facts={"seconds": _BUSY},
            )
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        finally:
            self._inside -= 1

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
