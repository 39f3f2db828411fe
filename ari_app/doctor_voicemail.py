"""What is wrong with voicemail, for ``doctor``: the spool, AMI, the engine that writes it down. Nothing is worse than "warn"."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.errors import PbxError, SettingsError
from ari_app.numbers import e164
from ari_app.pbx import ami
from ari_app.probes import Finding
from ari_app.settings import AmiSettings, Settings
from ari_app.threads.voicemail import NEW, Facts
from ari_app.voicemail.engines import trouble
from ari_app.voicemail.sound import READABLE, endings
from ari_app.voicemail.spool import Mail, mails, marks

__all__ = ["look"]

_LATELY = timedelta(days=30)
_WRITTEN = timedelta(hours=1)
_SETTLED = timedelta(minutes=2)
"""So long after it was left a message is in its thread, if it ever is."""


async def look(settings: Settings, facts: Facts) -> list[Finding]:
    """Everything wrong with it, or one finding that it is in order; none where this machine has no voicemail and none is spoken of."""
    spool = settings.voicemail.spool
    told = bool(settings.voicemail.model_fields_set)
    try:
        if not told and not await asyncio.to_thread(spool.exists):
            return []
        new, mailboxes = await asyncio.to_thread(_unheard, spool)
    except OSError as error:
        return [_unreadable(spool, error), *_engine(settings, facts)]
    found = [*_engine(settings, facts), *_unfiled(settings, facts, new), *_formats(new), *await _moving(settings, facts)]
    return found or [
        Finding("ok", "voicemail", f"voicemail in {spool}, {mailboxes} mailboxes: what is heard here or there is heard on both")
    ]


def _unheard(spool: Path) -> tuple[list[Mail], int]:
    """Messages nobody listened to, and how many mailboxes there are. Raises OSError."""
    mailboxes = marks(spool)
    return [mail for mailbox in mailboxes for mail in mails(spool, mailbox, NEW)], len(mailboxes)


def _unreadable(spool: Path, error: OSError) -> Finding:
    if isinstance(error, FileNotFoundError):
        return Finding(
            "warn",
            "voicemail_spool",
            f"there is no voicemail in {error.filename}",
            "set voicemail.spool to Asterisk's astspooldir/voicemail",
        )
    return Finding(
        "warn",
        "voicemail_unreadable",
        f"messages left are not found: {error.filename or spool} cannot be read ({error.strerror})",
        f"usermod -a -G asterisk {_user()}, then systemctl restart textback",
    )


def _unfiled(settings: Settings, facts: Facts, new: list[Mail]) -> Iterator[Finding]:
    """Those of callers from outside whose thread is not known for sure."""
    now = datetime.now(UTC)
    since = max(facts.since or now, now - _LATELY)
    low, high = settings.pbx.internal_length
    country = settings.clinic.country
    strays = [
        mail
        for mail in new
        if since < mail.at < now - _SETTLED
        and mail.message not in facts.known
        and not (e164(mail.caller, country) is None and mail.caller.isdigit() and low <= len(mail.caller) <= high)
    ]
    if strays:
        where = ", ".join(sorted({f"{mail.mailbox}@{mail.context}" for mail in strays}))
        yield Finding(
            "warn",
            "voicemail_unfiled",
            f"{len(strays)} unheard messages are in no thread, as it is not sure whose they are (mailbox {where})",
            "listen to them on a phone; see the item contexts",
        )


def _formats(new: list[Mail]) -> Iterator[Finding]:
    unreadable = sorted(
        {ending for mail in new if not set(there := endings(mail)).intersection(READABLE) for ending in there or ("no sound",)}
    )
    if unreadable:
        yield Finding(
            "warn",
            "voicemail_format",
            f"messages cannot be played here: they are recorded as {', '.join(unreadable)}",
            "write format = wav (or wav49, gsm) under [general] in voicemail.conf, then asterisk -rx 'voicemail reload'",
        )


async def _moving(settings: Settings, facts: Facts) -> list[Finding]:
    """Does what is heard here become heard on the phone, and the other way round at once."""
    spool = settings.voicemail.spool
    writable = await asyncio.to_thread(_writable, spool)
    access = f"setfacl -R -m u:{_user()}:rwX,d:u:{_user()}:rwX,d:u:asterisk:rwX {spool}"
    if settings.pbx.ami is None:
        so = "the lamp of no phone follows" if writable else "what is heard here stays new on the phones"
        return [
            Finding(
                "warn",
                "voicemail_no_ami",
                f"voicemail: without [pbx.ami] {so}",
                "set pbx.ami, its user with read = call, write = system,call,user",
            )
        ]
    try:
        allowed = await ami.check(settings.pbx.ami)
    except (PbxError, SettingsError):
        return []  # said under ami and settings
    found, user = [], settings.pbx.ami.username
    if "Filter" not in allowed:
        found.append(
            Finding(
                "warn",
                "voicemail_not_told",
                "Asterisk may not tell of mailboxes over AMI: what is heard on a phone shows here some seconds later",
                f"give {user} read = call and write = system,call,user in manager.conf, then asterisk -rx 'manager reload'",
            )
        )
    if "VoicemailMove" not in allowed and not writable:
        found.append(
            Finding(
                "warn",
                "voicemail_not_moved",
                "what is heard here stays new on the phones: this AMI user has no VoicemailMove, and the files may not be moved",
                f"give {user} write = system,call,user in manager.conf (Asterisk 18.20, 20.5 or later); else {access}, "
                "and pollmailboxes = yes in voicemail.conf for the lamps",
            )
        )
    elif facts.misplaced:
        found.append(
            Finding(
                "warn",
                "voicemail_behind",
                f"{facts.misplaced} messages are heard here and new on the phone, or the other way round",
                "see the service's log: voicemail_not_moved; where it says Read-only file system: systemctl edit textback, "
                f"write there [Service] and below it ReadWritePaths={spool}, then systemctl restart textback",
            )
        )
    return [*found, *await _deleting(settings.pbx.ami)]


async def _deleting(account: AmiSettings) -> list[Finding]:
    """Mailboxes in which nothing is ever found."""
    try:
        deleting = await ami.mailboxes_that_delete(account)
    except (PbxError, SettingsError):
        return []  # without the right to ask it is not known
    if not deleting:
        return []
    return [
        Finding(
            "warn",
            "voicemail_deleted",
            f"messages of mailbox {', '.join(deleting)} are not found: Asterisk deletes them as soon as they are mailed",
            "write delete = no for it in voicemail.conf (FreePBX: Delete Voicemail), then asterisk -rx 'voicemail reload'",
        )
    ]


def _writable(spool: Path) -> bool:
    """May every mailbox's INBOX be written; an empty spool, where it may itself."""
    homes = [spool / context / mailbox / NEW[0] for mailbox, context in marks(spool)]
    return all(os.access(each, os.W_OK | os.X_OK, effective_ids=True) for each in homes or [spool] if each.exists())


def _engine(settings: Settings, facts: Facts) -> Iterator[Finding]:
    chosen = settings.voicemail.transcription
    if chosen is None:
        return
    wrong = trouble(chosen.engine, chosen.model)
    if wrong is not None:
        waiting = f"; {facts.waiting} messages wait for it" if facts.waiting else ""
        yield Finding("warn", wrong.code, f"voicemail is not written down: {wrong.what}{waiting}", wrong.fix)
    elif facts.oldest is not None and datetime.now(UTC) - facts.oldest > _WRITTEN:
        # here nothing is wrong with it: the service may be allowed less, or the engine be slow
        yield Finding(
            "warn",
            "transcription_behind",
            f"{facts.waiting} messages wait to be written down, the oldest for more than an hour",
            "see the service's log: no_transcription, transcription_failed",
        )
    if facts.failed:
        yield Finding(
            "warn",
            "transcription_failed",
            f"{facts.failed} messages could not be written down in the last 30 days",
            "see the service's log: transcription_failed",
        )


def _user() -> str:
    """Doctor looks as the store's owner: who runs textback."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
