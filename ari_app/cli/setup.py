"""``setup``: from a fresh package to the first text, and back."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ari_app.cli import access
from ari_app.cli.frame import Env
from ari_app.cli.modem import send_test_text
from ari_app.cli.render import Screen
from ari_app.cli.running import draw, examined
from ari_app.cli.setup_options import FORMS, flags_of, options
from ari_app.errors import SetupError, TextbackError
from ari_app.logs import clean

if TYPE_CHECKING:
    from ari_app.doctor import Examination
    from ari_app.settings import Settings
    from ari_app.setup.journal import Undone
    from ari_app.setup.plan import Plan, Prepare
    from ari_app.setup.portal import Member

__all__ = ["setup"]

_TEST_PATIENCE = 90.0


class _Terminal:
    """The administrator at the keyboard."""

    def text(self, words: str, default: str | None) -> str:
        return str(click.prompt(words, default=default or "", show_default=bool(default)))

    def secret(self, words: str, *, twice: bool) -> str:
        while True:
            first = str(click.prompt(words, default="", hide_input=True, show_default=False))
            if not first or not twice or first == click.prompt("Once more", default="", hide_input=True, show_default=False):
                return first
            click.echo("The two are not the same.")

    def yes(self, words: str, *, default: bool) -> bool:
        return click.confirm(words, default=default)

    def say(self, words: str) -> None:
        click.echo(clean(words))


@options
def setup(
    env: Env,
    *,
    yes: bool,
    dry_run: bool,
    undo: bool,
    erase_data: bool,
    start: bool,
    test_text: str | None,
    **given: Any,
) -> None:
    """Set textback up on this machine: PBX, modem, clinic, portal, first member. Asks, shows every step, and asks before it does any.

    Answers come from the options below, else from the settings file that is there, else from questions with a default. When a step
    fails, all of them are undone. Run twice it changes nothing. Run it as root.

    With --yes nothing is asked: every answer that has no default is then needed as an option, and those that are missing are named.
    It starts in mode watch: it decides and shows everything, and sends nothing by itself until you say --mode send.
    """
    from ari_app.setup.paths import Paths  # noqa: PLC0415 - no other command needs these rooms

    if os.geteuid() != 0:
        raise SetupError("setup writes files of Asterisk and of systemd", "run it as root: sudo textback setup", code="setup_root")
    paths = Paths.below(Path(os.environ.get("TEXTBACK_ROOT") or "/"), env.config)
    env.config = paths.settings
    asks = not yes and sys.stdin.isatty() and sys.stdout.isatty() and not env.as_json
    if not asks and not yes and not dry_run:
        raise click.UsageError("there is nobody to ask; add --yes, and each answer as an option")
    if undo:
        _undo(env, paths, asks=asks, dry_run=dry_run, erase=erase_data)
        return
    if erase_data:
        raise click.UsageError("--erase-data belongs to --undo")
    _Run(env, paths, _Terminal() if asks else None, start=start, test_text=test_text).go(flags_of(given), dry_run=dry_run)


class _Run:
    """One setup, from its questions to doctor's table."""

    def __init__(self, env: Env, paths: Any, terminal: _Terminal | None, *, start: bool, test_text: str | None) -> None:
        self._env = env
        self._paths = paths
        self._terminal = terminal
        self._start = start
        self._test_text = test_text

    def go(self, flags: dict[str, Any], *, dry_run: bool) -> None:
        from ari_app.setup.asking import Asking  # noqa: PLC0415
        from ari_app.setup.journal import Journal  # noqa: PLC0415
        from ari_app.setup.plan import House, Prepare, planned  # noqa: PLC0415
        from ari_app.setup.steps import to_do  # noqa: PLC0415

        asking = Asking(flags, self._paths.written(), self._terminal)
        asking.forms(FORMS)
        house = House(_administrator, _add)
        with Journal(self._paths.journal) as journal:
            try:
                plan = planned(asking, self._paths, house, screen=_screen() and not self._env.as_json, start=self._start)
            except Prepare as first:
                self._prepare(first, journal, dry_run=dry_run)
                return
            self._ask_test_text(plan, afresh=asking.afresh)
            titles = [step.title for step in to_do(plan.steps)]
            self._tell(plan, titles)
            if dry_run:
                self._env.answer(self._document(plan, titles, done=False), lambda screen: screen.say("Nothing was changed."))
                return
            if titles and not self._agreed():
                return
            done = self._do(plan, journal)
        self._end(plan, done)

    def _agreed(self) -> bool:
        if self._terminal is None or self._terminal.yes("Do all this", default=True):
            return True
        click.echo("Nothing was changed.")
        return False

    def _prepare(self, first: Prepare, journal: Any, *, dry_run: bool) -> None:
        """The other machine comes first: its users' files are made here."""
        from ari_app.setup.steps import run, to_do  # noqa: PLC0415

        titles = [step.title for step in to_do(first.steps)]
        self._list("The PBX is on another machine and does not know textback yet. First, setup:", titles)
        if not dry_run:
            if not self._agreed():
                return
            run(first.steps, journal, say=lambda title: self._say(f"  {title}"))

        def human(screen: Screen) -> None:
            for line in first.advice.splitlines():
                screen.paste(line)
            screen.say("Nothing was changed." if dry_run else "Then run the same command again.")

        self._env.answer({"done": not dry_run, "prepared": titles, "advice": first.advice}, human)

    def _ask_test_text(self, plan: Plan, *, afresh: bool) -> None:
        if self._test_text is None and self._terminal is not None and afresh and plan.starts and plan.settings.modem:
            self._test_text = self._terminal.text("A mobile number for a test text (empty: none)", None).strip() or None
        if self._test_text is not None:
            from ari_app.desk import check_text  # noqa: PLC0415

            check_text(self._test_text, "Test", plan.settings.clinic.country, act="setup-test")

    def _say(self, words: str) -> None:
        """On the way, for who looks on; with --json nobody does."""
        if not self._env.as_json:
            click.echo(clean(words))

    def _tell(self, plan: Plan, titles: list[str]) -> None:
        if self._terminal is None:
            for words in plan.said:
                self._say(words)
        for words in plan.outlook:
            self._say(words)
        if not titles:
            self._say("Everything is so already.")
            return
        self._list("Setup:", titles)

    def _list(self, heading: str, titles: list[str]) -> None:
        self._say(heading)
        for number, title in enumerate(titles, 1):
            self._say(f"{number:>3}. {title}")

    def _do(self, plan: Plan, journal: Any) -> list[str]:
        from ari_app.setup.service import store_files  # noqa: PLC0415
        from ari_app.setup.steps import run  # noqa: PLC0415

        done: list[str] = []
        store = plan.settings.store.path
        before, folder = store_files(store), store.parent.is_dir()

        def say(title: str) -> None:
            done.append(title)
            self._say(f"  {title}")

        def undone(one: Undone) -> None:
            if one.kept and not folder and one.what == f"{store.parent}/":
                return  # what the service began in it goes below, and the folder with it
            self._say(f"  undone: {one.what}" if not one.kept else f"  left: {one.what} ({one.kept})")

        try:
            run(plan.steps, journal, say=say, undone=undone)
        except BaseException:
            for path in set(store_files(store)) - set(before):
                path.unlink(missing_ok=True)
            if not folder and store.parent.is_dir() and not any(store.parent.iterdir()):
                store.parent.rmdir()
            raise
        return done

    def _end(self, plan: Plan, done: list[str]) -> None:
        from ari_app.setup.service import START, settled  # noqa: PLC0415

        if plan.member is not None and plan.member.shown and any(title.startswith("adds the member") for title in done):
            _show(f"{plan.member.login} signs in with the password {plan.member.password} (shown once; change it in the portal)")
        if plan.starts and plan.settings.modem and (done or self._test_text):
            self._say("Waiting for the modem's network …")
            settled(plan.settings.store.path)
        text = self._test(plan)
        found = examined(self._env)
        document = self._document(plan, done, done=True, text=text, found=found)

        def human(screen: Screen) -> None:
            draw(screen, found)
            if text is not None:
                screen.say(text["what"])
            if not plan.starts:
                screen.say("Setup does not start the service here. Start it:")
                screen.paste(f"    {START}")
            screen.say(f"The portal: {plan.settings.portal.address}")
            if plan.settings.reply.mode == "watch":
                screen.say("Mode watch: it shows what it would send, and sends nothing by itself. To send: textback setup --mode send")

        self._env.answer(document, human)
        if (found.bad and plan.starts) or (text is not None and not text["sent"]):
            sys.exit(1)

    def _test(self, plan: Plan) -> dict[str, Any] | None:
        number = self._test_text
        if number is None:
            return None
        if not plan.settings.modem:
            return {"number": number, "sent": False, "what": "No test text: there is no modem yet."}
        name = plan.settings.modem[0].name
        if not plan.starts:
            how = f"textback modem send-test {name} {number}"
            return {"number": number, "sent": False, "what": f"No test text: the service does not run yet. Then: {how}"}
        self._say(f"Sending a test text to {number} …")
        try:
            done = asyncio.run(send_test_text(plan.settings, name, number, None, _TEST_PATIENCE))
        except TextbackError as error:
            return {"number": number, "sent": False, "what": f"The test text did not go: {error}"}
        return {"number": number, "sent": True, "what": f"The test text to {number} is {done['state']}."}

    def _document(
        self, plan: Plan, titles: list[str], *, done: bool, text: dict[str, Any] | None = None, found: Examination | None = None
    ) -> dict[str, Any]:
        from ari_app.setup.service import START  # noqa: PLC0415

        return {
            "done": done,
            "steps": titles,
            "found": list(plan.said),
            "preview": plan.preview,
            "settings": str(self._paths.settings),
            "mode": plan.settings.reply.mode,
            "portal": plan.settings.portal.address,
            "start": None if plan.starts else START,
            "test_text": text,
            "doctor": None if found is None else found.document(),
        }


def _administrator(store: Path) -> bool:
    if not store.exists():
        return False
    from ari_app.setup.store import administrator  # noqa: PLC0415

    with access.as_owner(store):
        return administrator(store)


def _add(settings: Settings, member: Member) -> None:
    args = {"login": member.login, "name": member.name, "role": "administrator", "language": None, "extension": member.extension}
    asyncio.run(access.staff(settings, "add_member", args | {"password": member.password}))


def _screen() -> bool:
    """Is there a terminal of its own, which no log or pipe reads."""
    try:
        os.close(os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _show(words: str) -> None:
    with Path("/dev/tty").open("w", encoding="utf-8") as tty:
        tty.write(f"{words}\n")


def _undo(env: Env, paths: Any, *, asks: bool, dry_run: bool, erase: bool) -> None:
    from ari_app.setup.journal import Journal  # noqa: PLC0415
    from ari_app.setup.service import erase_data, stopped, their_data  # noqa: PLC0415

    data = their_data(paths.written(), paths.root)
    with Journal(paths.journal) as journal:
        held = journal.held()
        if not env.as_json:
            _list("Setup takes out:" if held else "There is nothing of setup's to take out.", dict.fromkeys(held))
            if erase:
                _list("It erases, for good:" if data else "There is no data to erase.", map(str, data))
        if dry_run:
            env.answer(_undone_document([], data, erased=False, steps=held), lambda screen: screen.say("Nothing was changed."))
            return
        if asks and (held or erase) and not click.confirm("Do all this", default=not erase):
            click.echo("Nothing was changed.")
            return
        if erase:
            stopped(data)
            erase_data(data)
        came = journal.undo()

    def human(screen: Screen) -> None:
        for one in dict.fromkeys(came):
            if one.kept:
                screen.say(f"Left: {one.what} ({one.kept})")
        if data and not erase:
            screen.say(f"Calls and texts stay in {data[0]}. To erase them too: textback setup --undo --erase-data")
        if held:
            screen.say("Taken out.")

    env.answer(_undone_document(list(came), data, erased=erase, steps=()), human)


def _list(heading: str, lines: Iterable[str]) -> None:
    click.echo(heading)
    for line in lines:
        click.echo(clean(f"  {line}"))


def _undone_document(came: list[Undone], data: tuple[Path, ...], *, erased: bool, steps: tuple[str, ...]) -> dict[str, Any]:
    return {
        "to_undo": list(steps),
        "undone": [one.what for one in came if not one.kept],
        "left": [asdict(one) for one in dict.fromkeys(came) if one.kept],
        "data": [str(path) for path in data],
        "erased": erased,
    }
