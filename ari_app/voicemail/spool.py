"""app_voicemail's spool: what lies in it, and moving a message as Asterisk itself does. All of it blocks: run it in a thread.

A message is ``SPOOL/CONTEXT/MAILBOX/FOLDER/msgNNNN.txt`` beside its sound, once in each format of voicemail.conf. Seen on Asterisk
22.10.1 and 16.28.0, and in apps/app_voicemail.c and main/app.c:

- Sound is recorded in MAILBOX/tmp and renamed into INBOX, the .txt last: who sees the .txt sees all of it. It is there, and the AMI event
  MessageWaiting is said, some 10 ms before the caller's channel is gone. Folders have mode 0755, sounds 0644, the .txt 0666, less umask.
- The .txt has ``msg_id`` (its time, and a count since Asterisk's start) on both; ``origtime`` is when recording began, in whole seconds.
  ``callerchan`` is the channel that ran VoiceMail: the caller's own, or the far half of a Local one.
- Numbers have no gaps: what comes after a message that leaves a folder is renumbered. A message is known by its ``msg_id`` alone.
- Who moves files holds ``.lock`` in the folder: a hard link, tried for 5 s (``lockmode = lockfile``, the default).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ari_app.threads.voicemail import NEW, OLD

__all__ = ["FOLDERS", "Mail", "Mailbox", "Marks", "NotMovedError", "locked", "mails", "marks", "move", "opened", "still_there"]

Mailbox = tuple[str, str]
"""Mailbox and context: ("101", "default")."""
Marks = dict[Mailbox, tuple[tuple[str, int], ...]]
"""When each folder of each mailbox last changed, in ns."""

FOLDERS = (*NEW, OLD, "Work", "Family", "Friends", "Cust1", "Cust2", "Cust3", "Cust4", "Cust5")
"""Where a message may lie. "Deleted" (``backupdeleted``) is none of them."""
_TEXT = re.compile(r"msg(\d{4,5})\.txt", re.ASCII)
_LONGEST_TEXT = 65_536
_LOCK_PATIENCE = 5.0
_ACL_USER, _ACL_MASK = 0x02, 0x10


class NotMovedError(Exception):
    """A message's files stay where they are: why, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message in the spool."""

    message: str
    """Asterisk's id of it."""
    mailbox: str
    context: str
    folder: str
    text: Path
    """Its .txt."""
    at: datetime
    """When the caller began to speak, to the second."""
    channel: str
    """That ran VoiceMail."""
    caller: str
    """The number of caller ID as it was presented, "" for none."""
    seconds: float
    """As Asterisk says it, in whole seconds."""


def marks(spool: Path) -> Marks:
    """What changed when: one look at each folder, none into it (1,000 mailboxes: some 50 ms). Raises OSError where it cannot be read."""
    found: Marks = {}
    for context in _folders(spool):
        # FreePBX links the mailboxes of its devices to those of their users
        for mailbox in (each for each in _folders(context) if not each.is_symlink()):
            with contextlib.suppress(OSError):
                changed = tuple(
                    sorted(
                        (each.name, each.stat(follow_symlinks=False).st_mtime_ns) for each in os.scandir(mailbox) if each.name in FOLDERS
                    )
                )
                found[mailbox.name, context.name] = changed
    return found


def mails(spool: Path, mailbox: Mailbox, folders: Sequence[str] = FOLDERS) -> list[Mail]:
    """Every message of a mailbox, oldest first. One that is moved meanwhile may be missed, never seen twice.

    Raises OSError where it cannot be read.
    """
    number, context = mailbox
    home = spool / context / number
    if not _plain(number) or not _plain(context) or not home.is_dir():
        return []
    found: dict[str, Mail] = {}
    for folder in folders:
        try:
            texts = [each for each in (home / folder).iterdir() if _TEXT.fullmatch(each.name)]
        except FileNotFoundError:
            continue
        for text in texts:
            mail = _read(text, number, context, folder)
            if mail is not None:
                found[mail.message] = mail
    return sorted(found.values(), key=lambda each: (each.at, each.message))


@contextlib.contextmanager
def opened(file: Path) -> Iterator[BinaryIO | None]:
    """A file of the spool; None for what is none: a link would lead to whatever the service may read, a pipe would hold it for ever.

    Raises OSError where it cannot be read, FileNotFoundError among them.
    """
    try:
        found = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO}:
            raise
        yield None
        return
    if stat.S_ISREG(os.fstat(found).st_mode):
        with os.fdopen(found, "rb", buffering=0) as reading:
            yield reading
    else:
        os.close(found)
        yield None


def still_there(mail: Mail) -> bool:
    """Is it still the message of this file: what was read beside it then is its own."""
    now = _read(mail.text, mail.mailbox, mail.context, mail.folder)
    return now is not None and now.message == mail.message


def move(spool: Path, mailbox: Mailbox, message: str, folder: str, to: str) -> None:
    """Move a message's files between folders of its mailbox, to the end of ``to``, and close the gap. Raises NotMovedError."""
    number, context = mailbox
    home = spool / context / number
    source, target = home / folder, home / to
    try:
        _make(target, source)
        with locked(source), locked(target):
            mail = next((each for each in mails(spool, mailbox) if each.message == message and each.folder == folder), None)
            if mail is None:
                raise NotMovedError(f"it is no longer in {folder}")
            left = _number(mail.text)
            _rename(source, left, target, max(_numbers(target), default=-1) + 1)
            for later in (each for each in sorted(_numbers(source)) if each > left):
                _rename(source, later, source, later - 1)
    except OSError as error:
        raise NotMovedError(f"{error.filename or home}: {error.strerror}") from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against Asterisk and every other who keeps to its lock (main/app.c, ast_lock_path). Raises OSError, NotMovedError."""
    own, lock = folder / f".lock-{secrets.token_hex(4)}", folder / ".lock"
    os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                lock.hardlink_to(own)
                break
            except FileExistsError as error:
                if time.monotonic() > deadline:
                    raise NotMovedError(f"{lock} is held by another for longer than {_LOCK_PATIENCE:g} s") from error
                time.sleep(0.01)
    finally:
        own.unlink()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _make(folder: Path, beside: Path) -> None:
    """A folder that Asterisk did not make yet: only where it will be Asterisk's to write too.

    In one that it cannot write, Asterisk loses the messages it moves there (seen on 16.28).
    """
    if folder.is_dir():
        return
    like, ours = beside.stat(), os.geteuid()
    folder.mkdir(like.st_mode & 0o777)
    if ours == 0:
        os.chown(folder, like.st_uid, like.st_gid)
    elif like.st_uid != ours and not _may_write(folder, like.st_uid):
        folder.rmdir()
        raise NotMovedError(f"there is no {folder}, which Asterisk makes when the mailbox is first listened to on a phone")


def _may_write(folder: Path, user: int) -> bool:
    """Does an access control list give a user all of a folder (acl(5); its bytes: linux/posix_acl_xattr.h)."""
    try:
        acl = os.getxattr(folder, "system.posix_acl_access")
    except OSError:
        return False
    entries = {(tag, who): may for tag, may, who in struct.iter_unpack("<HHI", acl[4:])}
    mask = next((may for (tag, _), may in entries.items() if tag == _ACL_MASK), 7)
    return bool(entries.get((_ACL_USER, user), 0) & mask == 7)


def _rename(source: Path, number: int, target: Path, to: int) -> None:
    """The sounds first: who sees the .txt sees all of it."""
    stem = f"msg{number:04d}."
    files = [each for each in source.iterdir() if each.name.startswith(stem)]
    for file in sorted(files, key=lambda each: each.suffix == ".txt"):
        file.rename(target / f"msg{to:04d}.{file.name.removeprefix(stem)}")


def _number(text: Path) -> int:
    found = _TEXT.fullmatch(text.name)
    assert found is not None  # noqa: S101  (a Mail's file)
    return int(found[1])


def _numbers(folder: Path) -> list[int]:
    return [int(found[1]) for each in folder.iterdir() if (found := _TEXT.fullmatch(each.name))]


def _folders(above: Path) -> Sequence[Path]:
    with os.scandir(above) as entries:
        return [Path(each.path) for each in entries if each.is_dir() and not each.name.startswith(".")]


def _plain(name: str) -> bool:
    """A name of one folder: an AMI event must not lead out of the spool."""
    return bool(name) and name not in {".", ".."} and not re.search(r"[/\0]", name)


def _read(text: Path, mailbox: str, context: str, folder: str) -> Mail | None:
    """None for a file that is gone, or is no message's."""
    try:
        with opened(text) as file:
            said = "" if file is None else file.read(_LONGEST_TEXT).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    fields: dict[str, str] = {}
    for line in said.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(";"):
            fields.setdefault(name.strip(), value.strip())
    try:
        at = datetime.fromtimestamp(int(fields["origtime"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    channel = fields.get("callerchan", "")
    return Mail(
        # without an id of its own (spools older than Asterisk 11)
        message=fields.get("msg_id") or f"{fields['origtime']}-{channel}-{mailbox}@{context}",
        mailbox=mailbox,
        context=context,
        folder=folder,
        text=text,
        at=at,
        channel=channel,
        caller=_presented(fields.get("callerid", "")),
        seconds=_whole(fields.get("duration", "")),
    )


def _presented(callerid: str) -> str:
    """The number of ``"Name" <number>``, or of a number alone."""
    found = re.fullmatch(r".*<([^<>]*)>\s*", callerid)
    return (found[1] if found else callerid).strip()


def _whole(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) else 0.0
