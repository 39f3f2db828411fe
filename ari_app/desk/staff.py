"""Members, their passwords, PINs and keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ari_app.board import Actor, Face, Key, Member, Role
from ari_app.desk.base import Base
from ari_app.desk.checks import check_line_of_text, shown
from ari_app.desk.doors import digest_of, new_token
from ari_app.desk.passwords import check_password, check_pin_written
from ari_app.errors import RefusedError
from ari_app.provisioning import known_brand

__all__ = ["MadeKey", "Staff", "check_extension", "check_login", "check_name"]

_LOGIN = r"[A-Za-z0-9][A-Za-z0-9._@+-]{1,63}"
_EXTENSION = r"[0-9]{1,15}"
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key and its token, which is shown this once and kept nowhere."""

    key: Key
    token: str


class Staff(Base):
    """Administrators may all of it; a member may change their own password, PIN and language, and see and revoke their own keys."""

    async def members(self, *, by: Actor) -> tuple[Member, ...]:
        """Everybody, also who left, by name."""
        self._administrator(by)
        return await self._store.members.all()

    async def member(self, member: int, *, by: Actor) -> Member:
        """One of them; oneself without being an administrator. Raises NotFoundError."""
        self._own(by, member)
        return await self._member(member)

    async def add_member(
        self,
        login: str,
        name: str,
        role: Role,
        *,
        extension: str | None = None,
        language: Literal["fr", "en"] | None = None,
        password: str | None = None,
        by: Actor,
    ) -> Member:
        """A new member. Without ``password`` they can use desk phones and keys, and sign in once they have one.

        Raises RefusedError: ``bad_login_name``, ``bad_extension``, ``bad_password``, ``login_taken``, ``extension_taken``.
        """
        self._administrator(by)
        check_login(login)
        plain = check_name(name)
        check_extension(extension)
        hashed = None
        if password is not None:
            check_password(password, login)
            hashed = await self._passwords.hashed(password)
        member = await self._store.members.add(
            login=login, name=plain, role=role, language=language, extension=extension or None, password=hashed, by=by
        )
        return await self._member(member.id)

    async def change_member(
        self,
        member: int,
        *,
        login: str | None = None,
        name: str | None = None,
        role: Role | None = None,
        extension: str | None = None,
        language: Literal["fr", "en", ""] | None = None,
        active: bool | None = None,
        by: Actor,
    ) -> Member:
        """Change what is given; "" takes an extension or a language away. Who is no longer active is out at once.

        Raises NotFoundError, RefusedError (as ``add_member``, and ``last_administrator``).
        """
        if (login, name, role, extension, active) == (None,) * 5:
            self._own(by, member)
        else:
            self._administrator(by)
        before = await self._member(member)
        if login is not None:
            check_login(login)
        check_extension(extension)
        return await self._store.members.change(
            member,
            login=login,
            name=None if name is None else check_name(name),
            role=role,
            language=before.language if language is None else language or None,
            extension=before.extension if extension is None else extension or None,
            active=active,
            by=by,
        )

    async def set_password(self, member: int, password: str, *, current: str | None = None, by: Actor) -> None:
        """A new password; every session of the member ends. One's own needs the ``current`` one.

        Raises NotFoundError, RefusedError: ``bad_password``, ``bad_login`` (``current`` is wrong), ``throttled``.
        """
        self._own(by, member)
        found = await self._member(member)
        check_password(password, found.login)
        if by.member == member and found.has_password and by.face is not Face.SHELL:
            await self._confirm(found, current or "", by.address)
        await self._store.members.set_password(member, await self._passwords.hashed(password), by)

    async def set_pin(self, member: int, pin: str | None, *, by: Actor) -> None:
        """A PIN of 4 to 8 digits, asked at the telephone; None: none is asked. Raises NotFoundError, RefusedError ``bad_pin``."""
        self._own(by, member)
        await self._member(member)
        if pin is not None:
            check_pin_written(pin)
        await self._store.members.set_pin(member, None if pin is None else await self._passwords.hashed(pin), by)

    async def end_sessions(self, member: int, *, by: Actor) -> int:
        """Sign a member out everywhere; of how many sessions. Raises NotFoundError."""
        self._own(by, member)
        return await self._store.members.end_sessions(member, by)

    # -- keys

    async def keys(self, member: int | None = None, *, by: Actor) -> tuple[Key, ...]:
        """Keys of a member, or of everybody, newest first; revoked ones too."""
        self._own(by, member)
        return await self._store.members.keys(member)

    async def make_key(self, member: int, use: Literal["phone", "api"], brand: str | None, label: str, *, by: Actor) -> MadeKey:
        """A token that stands for a member: for a desk phone of a ``brand``, or for a program.

        Raises NotFoundError (``no_member``, ``no_brand``), RefusedError.
        """
        self._administrator(by)
        if (await self._member(member)).active is False:
            raise RefusedError("this member is no longer active", "make them active first", code="not_active")
        if use == "phone" and brand is None:
            raise RefusedError("a phone's key needs its brand", "name the brand", code="no_brand")
        if brand is not None:
            known_brand(brand)
        plain = check_line_of_text(label, _LONGEST_NAME, what="label")
        token = new_token()
        key = await self._store.members.add_key(
            digest_of(token), member, use=use, brand=brand if use == "phone" else None, label=plain, by=by
        )
        return MadeKey(key, token)

    async def revoke_key(self, key: int, *, by: Actor) -> Key:
        """The key opens nothing from now on. Raises NotFoundError."""
        if by.member is not None and key not in {each.id for each in await self._store.members.keys(by.member)}:
            self._administrator(by)
        return await self._store.members.revoke_key(key, by)

    # -- who may

    def _own(self, by: Actor, member: int | None) -> None:
        if by.member is None or by.member != member:
            self._administrator(by)

    async def _confirm(self, member: Member, password: str, address: str) -> None:
        self._confirms.enter(member.login, address)
        found = await self._store.members.by_login(member.login)
        if not await self._passwords.right(None if found is None else found[1], password, known=True):
            raise RefusedError("the present password is wrong", "write it again, or ask an administrator", code="bad_login")
        self._confirms.right(member.login, address)


def check_name(name: str) -> str:
    """A member's name without what is no letter of it. Raises RefusedError."""
    return check_line_of_text(name, _LONGEST_NAME, what="name")


def check_login(login: str) -> None:
    """Raises RefusedError ``bad_login_name``."""
    if re.fullmatch(_LOGIN, login) is None:
        fix = "use 2 to 64 letters without accents, digits and . _ - @ +"
        raise RefusedError(f"{shown(login)} cannot be a login", fix, code="bad_login_name")


def check_extension(extension: str | None) -> None:
    """None and "" are none. Raises RefusedError ``bad_extension``."""
    if extension and re.fullmatch(_EXTENSION, extension) is None:
        raise RefusedError(f"{shown(extension)} is no extension", "write its digits", code="bad_extension")
