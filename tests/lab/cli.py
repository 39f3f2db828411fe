"""scripts/lab: bring a lab up and down, look at it, place calls through it."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from tests.lab import state
from tests.lab.lab import Lab, sweep, take_down
from tests.lab.listener import Event
from tests.lab.root import LabError
from tests.lab.runner import play_all, record
from tests.lab.scenarios import TABLE
from tests.lab.scripts import Caller, Phone

__all__ = ["main"]


def _say(text: str) -> None:
    click.echo(text, err=True)


_named = click.option("--name", default="default", show_default=True, help="Which lab; several can be up at once.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A private real Asterisk with SIPp as trunk and phones and a simulated modem, all on loopback."""


@main.command()
@click.argument("version", type=click.Choice(["22", "16"]), default="22")
@_named
def up(version: str, name: str) -> None:
    """Bring up Asterisk 22 or 16 and everything around it; it stays up."""

    async def run() -> None:
        lab = await Lab.up(version, name, keep=True, progress=_say)
        try:
            _show(lab.record)
        finally:
            await lab.detach()

    asyncio.run(run())


@main.command()
@_named
@click.option("--all", "everything", is_flag=True, help="Every lab of this user.")
def down(name: str, everything: bool) -> None:
    """Take a lab down: no process and no mount is left."""
    for each in state.records() if everything else [state.read(name)]:
        take_down(each)
        _say(f'The lab "{each.name}" is down.')


@main.command()
def status() -> None:
    """Every lab that is up, with its ports, passwords and files."""
    sweep()
    found = state.records()
    for each in found:
        _show(each)
    if not found:
        _say("No lab is up.")


@main.command()
@click.argument("did")
@click.option("--caller", default="4385550199", show_default=True, help='Number the caller shows; "" shows none.')
@click.option("--phones", default="", help="101=answer:3,102=busy,103=ring … answer:SECS[:TALKSECS], busy, decline, ring, silent.")
@click.option("--give-up", default=30.0, show_default=True, help="Seconds of ringing after which the caller hangs up.")
@click.option("--talk", default=5.0, show_default=True, help="Seconds after the answer at which the caller hangs up.")
@click.option("--prohibited", is_flag=True, help="Caller ID withheld, number in P-Asserted-Identity.")
@_named
def call(*, did: str, caller: str, phones: str, give_up: float, talk: float, prohibited: bool, name: str) -> None:
    """Place a call from outside to DID, and tell how it goes. Phones that are not named are not registered."""
    plan = parse_phones(phones)

    async def run() -> None:
        lab = await Lab.attach(name)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(lab.detach)
            await stack.enter_async_context(lab.phones(plan))
            headers = (f"P-Asserted-Identity: <sip:{caller}@127.0.0.2>", "Privacy: id") if prohibited else ()
            how = Caller(caller, did, give_up=give_up, talk=talk, headers=headers, anonymous=prohibited)
            story = Story(did, frozenset(plan))
            told = asyncio.create_task(lab.listener.wait(story.tell, "the end of the call", after=len(lab.listener.heard), patience=700))
            agent = await stack.enter_async_context(lab.trunk_call(how))
            await agent.over(690)
            await told

    asyncio.run(run())


class Story:
    """Tells a call as it goes: who rings, who answers, where the caller is."""

    def __init__(self, did: str, phones: frozenset[str]) -> None:
        self._did = did
        self._phones = phones
        self._call = ""
        self._last = ""

    def tell(self, event: Event) -> str | None:
        """Prints what an event says of the call; the call's id once it has ended."""
        channel = event.get("channel")
        if not isinstance(channel, dict):
            return None
        if event["type"] == "ChannelCreated" and channel["state"] == "Ring" and channel["dialplan"]["exten"] == self._did:
            self._call = channel["id"]
            self._say(event, f"call {self._call} from {channel['caller']['number'] or 'nobody'} to {self._did}")
        elif channel["id"] == self._call:
            return self._of_the_call(event, channel)
        elif event["type"] == "ChannelStateChange" and channel["state"] in {"Ringing", "Up"}:
            extension = str(channel["name"]).partition("/")[2].partition("-")[0]
            if extension in self._phones:
                self._say(event, f"{extension} {'rings' if channel['state'] == 'Ringing' else 'answers'}")
        return None

    def _of_the_call(self, event: Event, channel: dict[str, Any]) -> str | None:
        app = channel["dialplan"].get("app_name", "")
        if event["type"] == "ChannelEnteredBridge":
            self._say(event, "the caller is joined")
        elif event["type"] == "ChannelDestroyed":
            self._say(event, f"the call is over: cause {event['cause']} ({event['cause_txt']})")
            return self._call
        elif app in {"VoiceMail", "Queue", "BackGround", "Playback", "Dial"} and app != self._last:
            self._say(event, f"the caller is in {app}")
            self._last = app
        return None

    def _say(self, event: Event, what: str) -> None:
        click.echo(f"{event['timestamp'][11:23]}  {what}")


@main.command("play")
@click.argument("scenarios", nargs=-1)
@click.option("--at-once", default=12, show_default=True, help="How many side by side.")
@click.option(
    "--record", "into", type=click.Path(file_okay=False, path_type=Path), help="Write each one's events to DIR/VERSION/NAME.jsonl."
)
@_named
def play_(scenarios: tuple[str, ...], at_once: int, into: Path | None, name: str) -> None:
    """Play the scenarios of tests/lab/scenarios.py (all, or those named) on a lab that is up."""
    chosen = [scenario for scenario in TABLE if not scenarios or scenario.name in scenarios]
    unknown = set(scenarios) - {scenario.name for scenario in TABLE}
    if unknown:
        raise click.UsageError(f"there is no scenario {', '.join(sorted(unknown))}; there are: {', '.join(each.name for each in TABLE)}")

    async def run() -> int:
        lab = await Lab.attach(name)
        try:
            told = await play_all(lab, chosen, at_once=at_once, told=_tell)
            if into is not None:
                for scenario in chosen:
                    record(lab, scenario, into / lab.record.line / f"{scenario.name}.jsonl")
        finally:
            await lab.detach()
        return sum(wrong is not None for wrong in told.values())

    sys.exit(1 if asyncio.run(run()) else 0)


def _tell(which: str, wrong: str | None, seconds: float) -> None:
    click.echo(f"{seconds:5.1f} s  {which}" + (f": {wrong}" if wrong else ""))


def parse_phones(text: str) -> dict[str, Phone]:
    """``101=answer:3,102=busy`` as phones. Raises click.UsageError naming what is wrong."""
    plan = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\d{3,4})=(answer|busy|decline|ring|silent)(?::(\d+(?:\.\d+)?))?(?::(\d+(?:\.\d+)?))?", item)
        if match is None:
            raise click.UsageError(f'"{item}" is no phone; write 101=answer:SECS[:TALKSECS], 101=busy, 101=decline, 101=ring or 101=silent')
        if match[2] != "answer" and match[3]:
            raise click.UsageError(f'"{item}": only answer takes seconds')
        plan[match[1]] = Phone(match[2], after=float(match[3] or 0), talk=float(match[4]) if match[4] else None)
    return plan


def _show(record: state.Record) -> None:
    ports, folder = record.ports, record.folder
    up_now = any(each.what == "asterisk" and each.running for each in record.processes)
    click.echo(f"""lab "{record.name}": Asterisk {record.line} is {"up" if up_now else "not running"}
  ARI       http://127.0.0.1:{ports.ari}   user textback, password {record.ari_password}
  AMI       127.0.0.1:{ports.ami}   user lab, secret {record.ami_secret}
  SIP       127.0.0.1:{ports.sip} (UDP); trunk from 127.0.0.2
  modem     {folder / "modem" if (folder / "modem").exists() else "none"}   handset: {folder / "modem.sock"}
  settings  {folder / "textback.toml"}
  logs      {folder / "asterisk/log/messages"}   calls: {folder / "asterisk/log/cdr-csv/Master.csv"}
  DIDs      5145550100 group 101-103, then voicemail; …101 desk; …102 queue; …103 menu; …104 closed greeting; …105 rings only""")


def run() -> None:
    """Entry of ``python -m tests.lab``: one line and the fix instead of a traceback."""
    try:
        main()
    except LabError as error:
        _say(f"error: {error.what}")
        if error.fix:
            _say(f"  fix: {error.fix}")
        sys.exit(1)
