"""Who is there: sessions of the page, tokens of desk phones and programs, PINs. What they may do is the desk's."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta

import structlog

from ari_app.board import Actor, Face, Key, Member
from ari_app.clock import Clock
from ari_app.desk.checks import is_utf8
from ari_app.desk.passwords import Passwords
from ari_app.desk.throttle import Gate, place
from ari_app.errors import NotFoundError, RefusedError
from ari_app.standing import Standing
from ari_app.threads import Store

__all__ = ["Doors", "digest_of", "is_token", "new_token"]

log = structlog.get_logger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_TOUCH = timedelta(minutes=1)
"""How often it is written down that a session or a key is in use."""
_LONGEST_LOGIN = 64


def new_token() -> str:
    """128 random bits in 22 characters of the URL alphabet (RFC 4648 section 5): a Yealink takes addresses of 99 characters."""
    return secrets.token_urlsafe(16)


def is_token(written: str) -> bool:
    """Could ``new_token`` have made it."""
    return _TOKEN.fullmatch(written) is not None


def digest_of(token: str) -> str:
    """What is kept of a token, in hex. Tokens are random, so that a plain SHA-256 gives nothing away."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


class Doors:
    """Opens to members. ``address``: the IP address somebody comes from, or the extension they call from."""

    def __init__(self, store: Store, standing: Standing, clock: Clock) -> None:
        self._store = store
        self._portal = standing.settings.portal
        self._clock = clock
        self._passwords = Passwords()
        self._logins = Gate(clock)
        self._pins = Gate(clock, by_account=True)  # four digits: many places must not share the guessing

    def close(self) -> None:
        """Let the hashing threads go."""
        self._passwords.close()

    # -- the page

    async def sign_in(self, login: str, password: str, address: str, browser: str = "") -> str:
        """The token of a new session, for a cookie. ``browser``: a token that a browser keeps, by which it is known when it comes back:
        whoever guesses this login from the same address, as behind one router, does not hold it up.

        Raises RefusedError: ``bad_login`` (no such login, a wrong password or a member who left: nobody is told which, and it takes as
        long), ``throttled`` (wait, and try again).
        """
        login = login.strip()[:_LONGEST_LOGIN] if is_utf8(login) else ""
        where = browser if is_token(browser) and self._logins.knows(login, browser) else address
        known = self._logins.knows(login, where)
        self._logins.enter(login, where)
        found = await self._store.members.by_login(login)
        member, kept = found if found is not None and found[0].active else (None, None)
        if not await self._passwords.right(kept, password, known=known) or member is None or kept is None:
            log.warning("login_refused", address=place(address))
            raise RefusedError("this login and password do not fit", "write them again, or ask an administrator", code="bad_login")
        self._logins.right(login, where)
        if is_token(browser):
            self._logins.right(login, browser)
        if self._passwords.outdated(kept):
            await self._store.members.rehashed(member.id, await self._passwords.hashed(password))
        token = new_token()
        await self._store.members.add_session(digest_of(token), member.id, _actor(member, Face.WEB, address))
        return token

    async def session(self, token: str, address: str, touch: bool = True) -> tuple[Actor, Member] | None:
        """Who a session's token stands for; None when it is over (idle or too old), ended or was never one.

        ``touch`` False: what a page does by itself (live updates) does not prolong it.
        """
        if not is_token(token):
            return None
        digest = digest_of(token)
        found = await self._store.members.session(digest)
        if found is None:
            return None
        member, created, seen = found
        now = self._clock.now()
        if not member.active or now - seen > self._portal.idle or now - created > self._portal.session:
            return None
        if touch and _stale(seen, now):
            await self._store.members.touch_session(digest)
        return _actor(member, Face.WEB, address), member

    async def sign_out(self, token: str, address: str = "") -> None:
        """End a session; one that is none is no error."""
        found = await self.session(token, address)
        if found is not None:
            await self._store.members.end_session(digest_of(token), found[0])

    # -- phones and programs

    async def key(self, token: str, use: str, address: str) -> tuple[Actor, Key] | None:
        """Who a token in an address or a header stands for; ``use`` is "phone" or "api". None when it opens nothing (any more)."""
        if not is_token(token):
            return None
        found = await self._store.members.key(digest_of(token))
        if found is None:
            return None
        member, key = found
        if key.revoked is not None or key.use != use or not member.active:
            return None
        if key.used is None or key.address != address or _stale(key.used, self._clock.now()):
            await self._store.members.touch_key(key.id, address)
        return _actor(member, Face.PHONE if use == "phone" else Face.API, address), key

    async def member(self, member: int) -> Member | None:
        """A member who may come in."""
        try:
            found = await self._store.members.get(member)
        except NotFoundError:
            return None
        return found if found.active else None

    async def member_of(self, extension: str) -> Member | None:
        """The member whose own phone this is."""
        member = await self._store.members.by_extension(extension)
        return member if member is not None and member.active else None

    async def check_pin(self, member: Member, pin: str, address: str) -> bool:
        """Is this the member's PIN; False also where none is set. Raises RefusedError, code ``throttled``."""
        account = str(member.id)
        known = self._pins.knows(account, address)
        self._pins.enter(account, address)
        if not await self._passwords.right(await self._store.members.pin(member.id), pin, known=known):
            log.warning("pin_refused", member=member.id, address=place(address))
            return False
        self._pins.right(account, address)
        return True


def _actor(member: Member, face: Face, address: str) -> Actor:
    return Actor(member=member.id, name=member.name, role=member.role, face=face, address=address)


def _stale(written: datetime, now: datetime) -> bool:
    # a clock that was set back must not keep a session alive without a word of it
    return not timedelta(0) <= now - written < _TOUCH
