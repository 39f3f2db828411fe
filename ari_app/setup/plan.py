"""All that one `textback setup` will do: the answers gathered room by room, the settings they make, the steps in their order."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app.errors import SettingsError
from ari_app.policy.checks import check_settings
from ari_app.settings import Settings, parse
from ari_app.setup.alarm import ask_alarm
from ari_app.setup.asking import Answers, Asking
from ari_app.setup.asterisk import Found
from ari_app.setup.changes import WriteFile
from ari_app.setup.clinic import ask_clinic
from ari_app.setup.credentials import PinCredential, usable
from ari_app.setup.files import Owner
from ari_app.setup.journal import Journal
from ari_app.setup.paths import Paths
from ari_app.setup.portal import Member, Tls, ask_member, ask_portal
from ari_app.setup.radio import Radios, ask_modems
from ari_app.setup.records import Records, cdr_url, look_at_records, outlook
from ari_app.setup.service import BackToBefore, Restart, Start, Up, startable
from ari_app.setup.settings_file import Wanted, changed, default_of, rendered
from ari_app.setup.steps import Step
from ari_app.setup.switchboard import ask_contexts, ask_pbx
from ari_app.setup.wiring import group_step

__all__ = ["House", "Plan", "Prepare", "planned"]


@dataclass(frozen=True, slots=True)
class House:
    """What setup needs of the rooms above it."""

    administrator: Callable[[Path], bool]
    """Does a store that may be there have an administrator."""
    add: Callable[[Settings, Member], None]
    """Adds the first member; raises TextbackError."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``settings`` as they will be; ``steps`` in order; ``said``: what was found, for people; ``starts``: setup starts the service."""

    settings: Settings
    steps: Sequence[Step]
    said: tuple[str, ...]
    starts: bool
    member: Member | None = None
    preview: dict[str, Any] | None = None
    """What the last 30 days of call records would have sent, where there are records."""
    outlook: tuple[str, ...] = ()
    """The same in words."""


class Prepare(Exception):  # noqa: N818 - no error: the other machine comes first
    """A PBX on another machine needs both users before anything can be tried: ``steps`` make their files, ``advice`` says what to do."""

    def __init__(self, steps: Sequence[Step], advice: str) -> None:
        super().__init__(advice)
        self.steps = steps
        self.advice = advice


@dataclass(frozen=True, slots=True)
class _Asked:
    answers: Answers
    found: Found | None
    pbx: Sequence[Step]
    records: Records
    radios: Radios
    tls: Tls
    member: Member | None
    mail_password: str | None = field(repr=False)
    said: tuple[str, ...]


def planned(asking: Asking, paths: Paths, house: House, *, screen: bool, start: bool) -> Plan:
    """Asks, looks, and changes nothing. ``screen``: a password made here can be shown; ``start``: the service may be started.

    Raises TextbackError, click.UsageError for missing or wrong answers, Prepare where the PBX is elsewhere and does not know us yet.
    """
    readable, own = paths.owners()
    asked = _ask(asking, paths, house, readable, screen=screen)
    modems = None if asked.radios.modems is None else [dict(modem) for modem in asked.radios.modems]
    encrypted = bool(asked.radios.pins) and not asking.given("--pin-plain") and usable(paths.root)
    files = _pins(paths, asked.radios, modems, readable, encrypted=encrypted)
    text, settings = _settings(paths, Wanted(asked.answers, modems))
    if asked.mail_password is not None:
        words = "the password of the mail server, for the service alone"
        files.append(_kept(paths.folder / "mail-password", words, asked.mail_password, readable))
    if asked.records.url is not None:
        words = "the address of the call records' database, with its password, for the service alone"
        files.append(_kept(cdr_url(paths.folder), words, asked.records.url, readable))
    if asked.tls.made is not None:
        files.append(asked.tls.made)
    files.append(WriteFile(f"writes {paths.settings}: {_words(settings)}", paths.settings, text.encode, 0o640, readable))
    steps: list[Step] = [_Folder(paths.folder, 0o750, readable), _Folder(settings.store.path.parent, 0o700, own)]
    steps += _shared(asked.found, settings, own)
    starts = start and startable(paths.root)
    if starts:
        up, restart = Start(), Restart([each for each in (*asked.pbx, *files) if each in files or isinstance(each, WriteFile)])
        fresh = _Once(lambda: up.needed() or restart.needed())
        steps += [BackToBefore(restart), *asked.pbx, *files, up, restart, Up(settings.store.path, fresh)]
    else:
        steps += [*asked.pbx, *files]
    if asked.member is not None:
        steps.append(_First(settings, asked.member, house))
    seen, in_words = outlook(settings, asked.records)
    return Plan(settings, steps, asked.said, starts, asked.member, None if seen is None else seen.document(), in_words)


def _shared(found: Found | None, settings: Settings, own: Owner) -> list[Step]:
    """What the service and the Asterisk of this machine both read: what is spoken, what was left in voicemail."""
    if found is None:
        return []
    steps: list[Step] = [_Spoken(settings.agi.sounds, 0o2750, Owner(own.user, found.group))]
    if settings.voicemail.spool.is_dir() and (found.root / "etc/group").exists():
        steps.append(group_step(found))
    return steps


def _ask(asking: Asking, paths: Paths, house: House, owner: Owner, *, screen: bool) -> _Asked:
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words)
        if asking.terminal is not None:
            asking.terminal.say(words)

    answers = Answers(paths.elsewhere if asking.afresh else {})
    switchboard = ask_pbx(asking, answers, paths, owner)
    said += switchboard.said
    if switchboard.advice:
        asking.complete()
        raise Prepare(switchboard.steps, switchboard.advice)
    records = look_at_records(asking, answers, switchboard.found, paths)
    for each in records.said:
        say(each)
    ask_contexts(asking, answers, switchboard.found, records.contexts)
    ask_clinic(asking, answers, number=records.number, root=paths.root)
    radios = ask_modems(asking, answers, say)
    tls = ask_portal(asking, answers, paths.folder, owner)
    store = Path(asking.there("store.path") or answers.get("store.path") or str(default_of("store.path")))
    member = None if house.administrator(store) else ask_member(asking, screen=screen)
    mail_password = ask_alarm(asking, answers, paths.folder)
    asking.complete()
    return _Asked(answers, switchboard.found, switchboard.steps, records, radios, tls, member, mail_password, tuple(said))


def _pins(paths: Paths, radios: Radios, modems: list[dict[str, Any]] | None, owner: Owner, *, encrypted: bool) -> list[Step]:
    """Where each PIN is kept, which its [[modem]] is told."""
    steps: list[Step] = []
    for modem in modems or ():
        pin = radios.pins.get(modem["name"])
        if pin is not None:
            step, modem["pin_file"] = _pin(paths, modem["name"], pin, owner, encrypted=encrypted)
            steps.append(step)
    return steps


def _pin(paths: Paths, modem: str, pin: str, owner: Owner, *, encrypted: bool) -> tuple[Step, str]:
    if encrypted:
        credential = PinCredential(paths.folder, modem, pin, paths.root)
        return credential, str(credential.pin_file)
    path = paths.folder / f"{modem}-pin"
    return _kept(path, f"the PIN of {modem}'s SIM, not encrypted, readable by root and the service alone", pin, owner), str(path)


def _kept(path: Path, what: str, secret: str, owner: Owner) -> WriteFile:
    return WriteFile(f"writes {path}: {what}", path, f"{secret}\n".encode, 0o640, owner)


def _settings(paths: Paths, wanted: Wanted) -> tuple[str, Settings]:
    """The file, and what it says. Raises SettingsError, SetupError."""
    before = paths.written()
    text = rendered(paths.example, wanted) if before is None else changed(before, wanted)
    settings = parse(tomllib.loads(text), str(paths.settings))
    for problem in check_settings(settings):
        if problem.state == "bad":
            raise SettingsError(f"{problem.key}: {problem.what}", problem.fix)
    return text, settings


def _words(settings: Settings) -> str:
    modems = len(settings.modem)
    count = "no modem" if not modems else "one modem" if modems == 1 else f"{modems} modems"
    return f"{settings.clinic.name}, {settings.clinic.number}, {settings.hours.open}, {count}, mode {settings.reply.mode}"


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    mode: int
    owner: Owner

    @property
    def title(self) -> str:
        return f"makes the folder {self.path}"

    def needed(self) -> bool:
        return not self.path.is_dir()

    def do(self, journal: Journal) -> None:
        journal.make_folder(self.path, mode=self.mode, owner=self.owner)


@dataclass(frozen=True, slots=True)
class _Spoken(_Folder):
    """What lies in it is the service's, made anew at each start: it goes with the folder."""

    def do(self, journal: Journal) -> None:
        journal.make_folder(self.path, mode=self.mode, owner=self.owner)
        journal.command(f"what was spoken, in {self.path}", [], ["find", str(self.path), "-mindepth", "1", "-delete"])


@dataclass(slots=True)
class _Once:
    """Asked before anything is done, and answered the same from then on."""

    ask: Callable[[], bool]
    _said: bool | None = field(default=None, init=False)

    def __call__(self) -> bool:
        if self._said is None:
            self._said = self.ask()
        return self._said


@dataclass(frozen=True, slots=True)
class _First:
    """The first member, in the store: its undoing is the store's."""

    settings: Settings
    member: Member
    house: House

    @property
    def title(self) -> str:
        phone = f", extension {self.member.extension}" if self.member.extension else ""
        return f"adds the member {self.member.login} ({self.member.name}), administrator{phone}"

    def needed(self) -> bool:
        return not self.house.administrator(self.settings.store.path)

    def do(self, journal: Journal) -> None:  # noqa: ARG002 - goes with the store
        self.house.add(self.settings, self.member)
