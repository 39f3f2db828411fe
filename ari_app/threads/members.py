"""Members, their sessions and their keys. Digests and hashes only: who reads the file opens no door with it."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from ari_app.board import Actor, Key, Member, Role
from ari_app.clock import Clock
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import StaffChanged
from ari_app.model import Language
from ari_app.threads.audit import audit
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.rows import moment, required, stamp

__all__ = ["Members", "key_of", "member_of"]


def member_of(row: sqlite3.Row) -> Member:
    """The member of a row of ``member``."""
    return Member(
        id=row["id"],
        login=row["login"],
        name=row["name"],
        role=Role(row["role"]),
        language=row["language"],
        extension=row["extension"],
        has_password=row["password"] is not None,
        has_pin=row["pin"] is not None,
        active=bool(row["active"]),
        created=required(row["created"]),
    )


def key_of(row: sqlite3.Row) -> Key:
    """The key of a row of ``key``."""
    return Key(
        id=row["id"],
        member=row["member"],
        use=row["use"],
        brand=row["brand"],
        label=row["label"],
        created=required(row["created"]),
        used=moment(row["used"]),
        address=row["address"],
        revoked=moment(row["revoked"]),
    )


class Members:
    """``store.members``. What changes a member, a session or a key is audited and told as StaffChanged.

    ``digest``: SHA-256 of a token, as hexadecimal digits; ``hash``: Argon2's encoded form. Raises NotFoundError for who is not there.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- who there is

    async def all(self) -> tuple[Member, ...]:
        """Everybody, also who is no longer active, by name."""
        rows = await self._database.read(lambda reader: reader.all("SELECT * FROM member ORDER BY name COLLATE NOCASE, id"))
        return tuple(member_of(row) for row in rows)

    async def get(self, member: int) -> Member:
        """Raises NotFoundError."""
        return member_of(await self._database.read(lambda reader: _row(reader, member)))

    async def by_login(self, login: str) -> tuple[Member, str | None] | None:
        """Who signs in so, with the hash of their password; upper and lower case are the same."""
        row = await self._database.read(lambda reader: reader.one("SELECT * FROM member WHERE login = ?", (login,)))
        return None if row is None else (member_of(row), row["password"])

    async def by_extension(self, extension: str) -> Member | None:
        """Whose phone this is; active or not."""
        row = await self._database.read(lambda reader: reader.one("SELECT * FROM member WHERE extension = ?", (extension,)))
        return None if row is None else member_of(row)

    async def pin(self, member: int) -> str | None:
        """The hash of a member's PIN."""
        found: str | None = (await self._database.read(lambda reader: _row(reader, member)))["pin"]
        return found

    async def add(
        self,
        *,
        login: str,
        name: str,
        role: Role,
        language: Language | None = None,
        extension: str | None = None,
        password: str | None = None,
        by: Actor,
    ) -> Member:
        """A new member. ``password``: its hash. Raises RefusedError: ``login_taken``, ``extension_taken``."""
        now = self._clock.now()

        def work(tx: Transaction) -> Member:
            _free(tx, login, extension)
            member = tx.insert(
                "member",
                {
                    "login": login,
                    "name": name,
                    "role": role.value,
                    "language": language,
                    "extension": extension,
                    "password": password,
                    "created": stamp(now),
                },
            )
            audit(tx, by, "add_member", now, what=f"{login}, {role.value}")
            tx.notify(StaffChanged(member))
            return member_of(_row(tx, member))

        return await self._database.write(work)

    async def change(
        self,
        member: int,
        *,
        login: str | None = None,
        name: str | None = None,
        role: Role | None = None,
        language: Language | None,
        extension: str | None,
        active: bool | None = None,
        by: Actor,
    ) -> Member:
        """Change what is given (None keeps it; ``language`` and ``extension`` are as given). Who is no longer active is signed out.

        Raises RefusedError: ``login_taken``, ``extension_taken``, ``last_administrator``.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Member:
            before = _row(tx, member)
            after: dict[str, Any] = {
                "login": login or before["login"],
                "name": name or before["name"],
                "role": (role or Role(before["role"])).value,
                "language": language,
                "extension": extension,
                "active": before["active"] if active is None else int(active),
            }
            changed = [column for column, value in after.items() if before[column] != value]
            if not changed:
                return member_of(before)
            _free(tx, after["login"], extension, but=member)
            tx.run(
                """UPDATE member SET login = :login, name = :name, role = :role, language = :language, extension = :extension,
                    active = :active WHERE id = :id""",
                {**after, "id": member},
            )
            _keep_an_administrator(tx, before)
            if not after["active"]:
                tx.run("DELETE FROM session WHERE member = ?", (member,))
                tx.run("UPDATE thread SET holder = NULL, held_at = NULL WHERE holder = ?", (member,))
            audit(tx, by, "change_member", now, what=f"{after['login']}: {', '.join(changed)}")
            tx.notify(StaffChanged(member))
            return member_of(_row(tx, member))

        return await self._database.write(work)

    async def set_password(self, member: int, hashed: str, by: Actor) -> None:
        """A new password ends every session of the member: who opened one with the old one is out."""
        await self._secret(member, "password", hashed, "set_password", by)

    async def set_pin(self, member: int, hashed: str | None, by: Actor) -> None:
        """A new PIN for the voice menu and the desk phone; None takes it away."""
        await self._secret(member, "pin", hashed, "set_pin" if hashed else "remove_pin", by)

    async def rehashed(self, member: int, hashed: str) -> None:
        """The same password under stronger parameters: no act of anybody."""
        await self._database.write(lambda tx: tx.run("UPDATE member SET password = ? WHERE id = ?", (hashed, member)))

    async def _secret(self, member: int, column: str, hashed: str | None, act: str, by: Actor) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            login = _row(tx, member)["login"]
            tx.run(f"UPDATE member SET {column} = ? WHERE id = ?", (hashed, member))  # noqa: S608  (our own)
            if column == "password":
                tx.run("DELETE FROM session WHERE member = ?", (member,))
            audit(tx, by, act, now, what=login)
            tx.notify(StaffChanged(member))

        await self._database.write(work)

    # -- sessions

    async def add_session(self, digest: str, member: int, by: Actor) -> None:
        """A member signed in."""
        now = self._clock.now()
        at = stamp(now)

        def work(tx: Transaction) -> None:
            _row(tx, member)
            row = {"digest": digest, "member": member, "created": at, "seen": at, "address": by.address}
            tx.insert("session", row)
            audit(tx, by, "signed_in", now)

        await self._database.write(work)

    async def session(self, digest: str) -> tuple[Member, datetime, datetime] | None:
        """Whose session this is, when it began and when it was last used; None for one that ended, or whose member is not active."""
        row = await self._database.read(
            lambda reader: reader.one(
                """SELECT m.*, s.created AS began, s.seen FROM session s JOIN member m ON m.id = s.member
                    WHERE s.digest = ? AND m.active""",
                (digest,),
            )
        )
        return None if row is None else (member_of(row), required(row["began"]), required(row["seen"]))

    async def touch_session(self, digest: str) -> None:
        """The session was used now."""
        now = stamp(self._clock.now())
        await self._database.write(lambda tx: tx.run("UPDATE session SET seen = max(seen, ?) WHERE digest = ?", (now, digest)))

    async def end_session(self, digest: str, by: Actor) -> bool:
        """A member signed out; False when they were."""
        now = self._clock.now()

        def work(tx: Transaction) -> bool:
            member = tx.value("DELETE FROM session WHERE digest = ? RETURNING member", (digest,))
            if member is None:
                return False
            audit(tx, by, "signed_out", now)
            tx.notify(StaffChanged(member))
            return True

        return await self._database.write(work)

    async def end_sessions(self, member: int, by: Actor) -> int:
        """Sign a member out wherever they are signed in. How many sessions ended."""
        now = self._clock.now()

        def work(tx: Transaction) -> int:
            login = _row(tx, member)["login"]
            ended = tx.run("DELETE FROM session WHERE member = ?", (member,))
            audit(tx, by, "end_sessions", now, what=f"{login}: {ended}")
            tx.notify(StaffChanged(member))
            return ended

        return await self._database.write(work)

    async def end_sessions_before(self, created: datetime, seen: datetime) -> int:
        """Forget sessions that began before ``created`` or were last used before ``seen``: they are over. How many."""

        def work(tx: Transaction) -> int:
            rows = tx.all("DELETE FROM session WHERE created < ? OR seen < ? RETURNING member", (stamp(created), stamp(seen)))
            for row in rows:
                tx.notify(StaffChanged(row["member"]))
            return len(rows)

        return await self._database.write(work)

    # -- keys

    async def keys(self, member: int | None = None) -> tuple[Key, ...]:
        """Keys of a member, or of everybody, newest first; revoked ones too."""
        rows = await self._database.read(
            lambda reader: reader.all("SELECT * FROM key WHERE ? IS NULL OR member = ? ORDER BY id DESC", (member, member))
        )
        return tuple(key_of(row) for row in rows)

    async def add_key(self, digest: str, member: int, *, use: str, brand: str | None, label: str, by: Actor) -> Key:
        """A token was made that stands for a member. ``use``: "phone" or "api"."""
        now = self._clock.now()

        def work(tx: Transaction) -> Key:
            login = _row(tx, member)["login"]
            row = {"digest": digest, "member": member, "use": use, "brand": brand, "label": label, "created": stamp(now)}
            key = tx.insert("key", row)
            audit(tx, by, "make_key", now, what=f"{login}: {use} key {key}")
            tx.notify(StaffChanged(member))
            return key_of(_key(tx, key))

        return await self._database.write(work)

    async def key(self, digest: str) -> tuple[Member, Key] | None:
        """Whose key this is; None for one that is revoked, or whose member is not active."""

        def look(reader: Reader) -> tuple[Member, Key] | None:
            row = reader.one("SELECT * FROM key WHERE digest = ? AND revoked IS NULL", (digest,))
            member = None if row is None else reader.one("SELECT * FROM member WHERE id = ? AND active", (row["member"],))
            return None if row is None or member is None else (member_of(member), key_of(row))

        return await self._database.read(look)

    async def touch_key(self, key: int, address: str) -> None:
        """The key was used now, from ``address``."""
        now = stamp(self._clock.now())
        await self._database.write(lambda tx: tx.run("UPDATE key SET used = ?, address = ? WHERE id = ?", (now, address, key)))

    async def revoke_key(self, key: int, by: Actor) -> Key:
        """The key opens nothing from now on. Raises NotFoundError."""
        now = self._clock.now()

        def work(tx: Transaction) -> Key:
            row = _key(tx, key)
            if row["revoked"] is None:
                tx.run("UPDATE key SET revoked = ? WHERE id = ?", (stamp(now), key))
                audit(tx, by, "revoke_key", now, what=f"{_row(tx, row['member'])['login']}: {row['use']} key {key}")
                tx.notify(StaffChanged(row["member"]))
            return key_of(_key(tx, key))

        return await self._database.write(work)


def _row(reader: Reader, member: int) -> sqlite3.Row:
    row = reader.one("SELECT * FROM member WHERE id = ?", (member,))
    if row is None:
        raise NotFoundError(f"there is no member {member}", "see `textback staff list`", code="no_member")
    return row


def _key(reader: Reader, key: int) -> sqlite3.Row:
    row = reader.one("SELECT * FROM key WHERE id = ?", (key,))
    if row is None:
        raise NotFoundError(f"there is no key {key}", "see `textback staff keys`", code="no_key")
    return row


def _free(tx: Transaction, login: str, extension: str | None, *, but: int | None = None) -> None:
    taken = tx.one("SELECT name FROM member WHERE login = ? AND id IS NOT ?", (login, but))
    if taken is not None:
        raise RefusedError(f"the login {login!r} is taken by {taken['name']}", "choose another", code="login_taken")
    taken = tx.one("SELECT name FROM member WHERE extension = ? AND id IS NOT ?", (extension, but))
    if taken is not None:
        raise RefusedError(f"extension {extension} belongs to {taken['name']}", "take it from that member first", code="extension_taken")


def _keep_an_administrator(tx: Transaction, before: sqlite3.Row) -> None:
    """Without one nobody could let anybody in again but the shell."""
    if before["role"] != Role.ADMINISTRATOR or not before["active"]:
        return
    if tx.one("SELECT 1 FROM member WHERE role = 'administrator' AND active") is None:
        raise RefusedError(f"{before['name']} is the last administrator", "make another member one first", code="last_administrator")
