"""Keeps the store and app_voicemail's spool in step: what is left is found, what is heard on one side is heard on the other.

One task does all of it, so that nothing is moved while it is looked at. It looks where something changed: the mailbox that AMI's
MessageWaiting names; without AMI, after each call that reached voicemail and every few seconds, folders whose time stamp moved.
A message is filed once its call is; one whose call is not known yet is tried again with each call that is filed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from ari_app.clock import Clock, sleep_or
from ari_app.errors import PbxError, PbxUnavailableError, StoreError
from ari_app.events import CallChanged, Notice, VoicemailChanged
from ari_app.model import Call, Outcome, Presentation, Reached
from ari_app.numbers import e164
from ari_app.pbx.ami import Ami, Waiting
from ari_app.pbx.outputs import Attached, CallEnded, Detached, Output
from ari_app.settings import Settings
from ari_app.threads import Store
from ari_app.threads.matching import Found, Left, Unmatched
from ari_app.threads.voicemail import Misplaced, Placed, Prioritize
from ari_app.voicemail import spool
from ari_app.voicemail.sound import TYPE, kept
from ari_app.voicemail.spool import Mail, Mailbox, Marks, NotMovedError
from ari_app.voicemail.transcribe import Transcriber

__all__ = ["Keeper"]

log = structlog.get_logger("voicemail")

_SWEEP = 10.0
"""Seconds between looks at what changed, where AMI does not tell."""
_SWEEP_TOLD = 60.0
"""And where it does: programs move files too."""
_SETTLED = 1.0
"""A folder that changed within these seconds may change again with the same time stamp."""
_AGAIN = 0.3
"""Seconds until a mailbox is looked at again, of which something seemed gone, or moved under our eyes."""
_TRIED = timedelta(days=1)
"""So long a message whose call is not known is tried again; after that at each start."""
_OLDEST = timedelta(days=30)
"""What lies in the spool for longer is not looked at: nobody waits for it any more."""
_ATTACHED = timedelta(seconds=5)
"""Calls of before are all filed so long after the watcher came back."""


@dataclass(slots=True)
class _Wanted:
    """What is to be looked at next."""

    mailboxes: dict[Mailbox, set[str]]
    """Each with the channels AMI named: who left a message there, or listened."""
    sweep: bool = False
    retry: bool = False
    moves: bool = False

    def __bool__(self) -> bool:
        return bool(self.mailboxes) or self.sweep or self.retry or self.moves


class Keeper:
    """``file``: files a call nobody saw, of which a message is the proof. ``ami``: None where it is not set.

    ``priority``: what puts the thread of a call before others, by the settings in force.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        ami: Ami | None,
        file: Callable[[Call], Awaitable[None]],
        priority: Prioritize,
    ) -> None:
        self._spool = settings.voicemail.spool
        self._internal = settings.pbx.internal_length
        self._country = settings.clinic.country
        dialled = (e164(did, self._country) for line in settings.line for did in line.did)
        lines, modems = (line.number for line in settings.line), (modem.number for modem in settings.modem)
        self._own = {settings.clinic.number, *lines, *modems, *dialled}
        self._expected = "spool" in settings.voicemail.model_fields_set
        """A clinic without voicemail, or with its PBX elsewhere, has no such folder."""
        self._store = store
        self._clock = clock
        self._ami = ami
        self._file_call = file
        self._priority = priority
        self._marks: Marks = {}
        self._unfiled: dict[str, Mail] = {}
        """Messages whose call is not known (yet)."""
        self._attached: datetime | None = None
        self._said: set[str] = set()
        """What was said to be wrong with the spool, each once."""
        self._stuck: set[int] = set()
        """Messages that could not be moved, each said once."""
        transcription = settings.voicemail.transcription
        self._transcriber = None if transcription is None else Transcriber(transcription, store, clock)
        self.jobs: list[Callable[[], Coroutine[Any, Any, None]]] = [self.run]
        """What is to run beside the watcher."""
        if self._transcriber is not None:
            self.jobs.append(self._transcriber.run)
        self._wanted = _Wanted({}, sweep=True, moves=True)
        self._wake = asyncio.Event()
        if ami is not None:
            ami.on_waiting = self._waiting
            ami.on_connected.append(self._connected)

    # -- what tells of changes

    def _waiting(self, told: Waiting) -> None:
        self._want(mailbox=(told.mailbox, told.context), channel=told.channel)

    def _connected(self) -> None:
        self._want(sweep=True, moves=True)

    def heard(self, output: Output) -> None:
        """The PBX said this."""
        match output:
            case Attached():
                self._attached = self._clock.now()
                self._want(sweep=True)
            case Detached():
                self._attached = None
            case CallEnded(call) if not self._told and (call.reached is Reached.VOICEMAIL or call.voicemail_left):
                self._want(sweep=True)

    def noticed(self, notices: tuple[Notice, ...]) -> None:
        """This changed in the store."""
        if self._transcriber is not None:
            self._transcriber.noticed(notices)
        calls = self._unfiled and any(isinstance(each, CallChanged) for each in notices)
        heard = any(isinstance(each, VoicemailChanged) for each in notices)
        if calls or heard:
            self._want(retry=bool(calls), moves=heard)

    def _want(
        self, *, mailbox: Mailbox | None = None, channel: str | None = None, sweep: bool = False, retry: bool = False, moves: bool = False
    ) -> None:
        wanted = self._wanted
        if mailbox is not None:
            wanted.mailboxes.setdefault(mailbox, set()).update([channel] if channel else [])
        wanted.sweep |= sweep
        wanted.retry |= retry
        wanted.moves |= moves
        self._wake.set()

    @property
    def _told(self) -> bool:
        """Does AMI tell of mailboxes."""
        return self._ami is not None and self._ami.status.mailboxes

    @property
    def _pause(self) -> float:
        if self._unfiled and self._attached is not None and not self._settled:
            return _ATTACHED.total_seconds()
        return _SWEEP_TOLD if self._told else _SWEEP

    # -- the task

    async def run(self) -> None:
        """Look where something changed, until cancelled."""
        while True:
            if not self._wanted:
                await sleep_or(self._clock, self._pause, self._wake)
            self._wake.clear()
            wanted, self._wanted = self._wanted, _Wanted({})
            try:
                await self._look(wanted or _Wanted({}, sweep=True, retry=True, moves=True))
            except StoreError as error:
                log.error("voicemail_not_kept", what=error.what, fix=error.fix)
                await self._from_scratch()
            except OSError as error:
                self._unreadable(error)
                await self._from_scratch()
            except Exception:
                log.exception("voicemail_failed")
                await self._from_scratch()

    async def _look(self, wanted: _Wanted) -> None:
        """Raises StoreError, OSError."""
        if wanted.sweep:
            for mailbox in await self._changed():
                wanted.mailboxes.setdefault(mailbox, set())
        for mailbox, channels in wanted.mailboxes.items():
            try:
                await self._mailbox(mailbox, channels)
            except OSError as error:
                # the others are looked into all the same
                self._unreadable(error)
                self._marks.pop(mailbox, None)
        if wanted.retry:
            for mail in tuple(self._unfiled.values()):
                await self._file(mail)
        if wanted.moves:
            for each in await self._store.voicemail.misplaced():
                await self._move(each)

    async def _from_scratch(self) -> None:
        """After a pause, everything is looked at: what was wanted is not known any more."""
        await self._clock.sleep(_SWEEP)
        self._marks = {}
        self._want(sweep=True, retry=True, moves=True)

    def _unreadable(self, error: OSError) -> None:
        said = f"{error.filename}: {error.strerror}"
        if said not in self._said and (self._expected or not isinstance(error, FileNotFoundError)):
            log.warning("voicemail_spool", what=said, fix="see `textback doctor`")
        self._said.add(said)

    async def _changed(self) -> set[Mailbox]:
        """Mailboxes with a folder that changed since the last look; at first all that have one."""
        now = self._clock.now().timestamp()
        found = await asyncio.to_thread(spool.marks, self._spool)
        changed = {mailbox for mailbox, folders in found.items() if self._marks.get(mailbox) != folders}
        # a mailbox may be gone as a whole
        changed |= await self._store.voicemail.mailboxes() - found.keys()
        # one that changed just now may go on changing within the same tick of the file system's clock
        self._marks = {mailbox: folders for mailbox, folders in found.items() if all(at / 1e9 < now - _SETTLED for _, at in folders)}
        return changed

    async def _mailbox(self, mailbox: Mailbox, channels: set[str]) -> None:
        """One mailbox: what moved is noted, what is new is filed."""
        there, lies = await self._read(mailbox), await self._store.voicemail.in_mailbox(*mailbox)
        if lies.keys() - {each.message for each in there}:
            # perhaps renamed while we looked: gone is what is missing twice
            await self._clock.sleep(_AGAIN)
            there = await self._read(mailbox)
        # who left a message is no listener, though the same event tells of both
        listened = bool(channels - {each.channel for each in there})
        moved = [Placed(each.message, *mailbox, each.folder) for each in there if lies.get(each.message) != each.folder]
        gone = lies.keys() - {each.message for each in there}
        await self._store.voicemail.placed([*moved, *(Placed(message, *mailbox, None, listened) for message in gone)])
        new = [each for each in there if each.message not in lies and self._clock.now() - each.at < _OLDEST]
        known = await self._store.voicemail.known([each.message for each in new]) if new else frozenset()
        for mail in new:
            if mail.message not in known:
                try:
                    await self._file(mail)
                except OSError as error:
                    # those after it are filed all the same; it is tried again with the next look
                    self._unreadable(error)
                    self._marks.pop(mailbox, None)

    async def _read(self, mailbox: Mailbox) -> list[Mail]:
        return await asyncio.to_thread(spool.mails, self._spool, mailbox)

    async def _file(self, mail: Mail) -> None:
        """Into its thread, where its call tells which; else kept for the next try."""
        self._unfiled.pop(mail.message, None)
        left = _left(mail)
        found = await self._store.voicemail.match(left, self._internal, known_since=self._attached if self._settled else None)
        if found is Unmatched.UNSEEN and await self._file_unseen(mail):
            found = await self._store.voicemail.match(left, self._internal, known_since=None)
        if not isinstance(found, Found):
            if found is not Unmatched.NOBODY and self._clock.now() - mail.at < _TRIED:
                self._unfiled[mail.message] = mail
            return
        try:
            sound = await asyncio.to_thread(kept, mail)
        except FileNotFoundError:
            # moved under our eyes: it is found where it lies now
            await self._clock.sleep(_AGAIN)
            self._want(mailbox=(mail.mailbox, mail.context))
            return
        if sound is None:
            log.warning("voicemail_without_sound", mailbox=mail.mailbox, context=mail.context, fix="see `textback doctor`")
        else:
            left = replace(left, seconds=sound.seconds)
        recording = None if sound is None else (TYPE, sound.data)
        transcribe = self._transcriber is not None
        filed = await self._store.voicemail.file(left, found, recording, transcribe=transcribe, priority=self._priority)
        if filed is not None:
            log.info("voicemail_filed", voicemail=filed, call=found.call, mailbox=mail.mailbox, seconds=round(left.seconds, 1))

    @property
    def _settled(self) -> bool:
        """Calls of the time before the watcher came are filed."""
        return self._attached is not None and self._clock.now() - self._attached >= _ATTACHED

    async def _file_unseen(self, mail: Mail) -> bool:
        """The call of a message that was left while nobody watched: listed to answer, with what the message says of it."""
        number = e164(mail.caller, self._country)
        if number is None or number in self._own:
            return False
        await self._file_call(
            Call(
                id=f"voicemail-{mail.message}",
                started=mail.at,
                ended=mail.at + timedelta(seconds=mail.seconds),
                presented=mail.caller,
                caller=number,
                presentation=Presentation.UNKNOWN,
                did="",
                context="",
                channel=mail.channel,
                outcome=Outcome.UNSEEN,
                answered_by=None,
                reached=Reached.VOICEMAIL,
                rang=0.0,
                caller_hung_up=True,
                voicemail_left=True,
            )
        )
        return True

    # -- heard here

    async def _move(self, each: Misplaced) -> None:
        """Have it lie in the spool as it stands here: by Asterisk, else by us. The phone's lamp follows."""
        try:
            await self._by_asterisk(each)
        except PbxError as error:
            try:
                await asyncio.to_thread(spool.move, self._spool, (each.mailbox, each.context), each.message, each.folder, each.to)
            except NotMovedError as fault:
                if each.id not in self._stuck:
                    log.warning(
                        "voicemail_not_moved", voicemail=each.id, to=each.to, ami=error.what, files=str(fault), fix="see `textback doctor`"
                    )
                self._stuck.add(each.id)
                return
            with contextlib.suppress(PbxError):
                if self._ami is not None:
                    await self._ami.refresh_voicemail(each.mailbox, each.context)
        self._stuck.discard(each.id)
        await self._store.voicemail.placed([Placed(each.message, each.mailbox, each.context, each.to)])

    async def _by_asterisk(self, each: Misplaced) -> None:
        if self._ami is None:
            raise PbxUnavailableError("AMI is not set")
        await self._ami.move_voicemail(each.mailbox, each.context, each.message, each.folder, each.to)


def _left(mail: Mail) -> Left:
    return Left(
        message=mail.message,
        mailbox=mail.mailbox,
        context=mail.context,
        folder=mail.folder,
        at=mail.at,
        seconds=mail.seconds,
        channel=mail.channel,
        presented=mail.caller,
    )
