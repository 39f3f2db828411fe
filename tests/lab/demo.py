"""scripts/demo: the main job, end to end, on a real Asterisk, with a simulated modem and handset. Every step is seen, or it fails."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from playwright.async_api import Browser

from tests.lab import demo_callers, demo_portal
from tests.lab.browser import PASSWORD, chromium
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import Stage, stage, until

__all__ = ["main"]

DID = "5145550100"
CALLER, PRESENTED = "+15145550177", "5145550177"
WISH = "Bonjour, je voudrais un rendez-vous cette semaine svp 🙂"
ANSWER = "Bonjour! Jeudi à 10 h 30, est-ce que ça vous convient?"
THANKS = "Oui parfait, merci!"


class Show:
    """What the demo prints: numbered steps with the time each took."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._step = 0

    def step(self, title: str) -> None:
        self._step += 1
        click.secho(f"\n{self._step}. {title}", bold=True)

    def say(self, text: str) -> None:
        click.echo(f"   [{time.monotonic() - self._begun:5.1f} s] {text}")

    def screen(self, text: str) -> None:
        click.echo("\n".join("   │ " + line for line in text.rstrip().splitlines()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="End after the tour, with exit status 0 only if every step was seen to happen.")
@click.option("--asterisk", type=click.Choice(["22", "16"]), default="22", show_default=True, help="Which Asterisk.")
def main(once: bool, asterisk: str) -> None:
    """A missed call becomes a text, its answer a thread, and staff reply: on a private Asterisk on this machine."""
    try:
        asyncio.run(_demo(once=once, line=asterisk))
    except LabError as error:
        click.secho(f"error: {error.what}", fg="red", err=True)
        if error.fix:
            click.echo(f"  fix: {error.fix}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


async def _demo(*, once: bool, line: str) -> None:
    show = Show()
    show.step(f"A private Asterisk {line} on this machine (first time: Debian's packages are fetched, about a minute)")
    lab = await Lab.up(line, f"demo{line}", progress=show.say)
    try:
        with tempfile.TemporaryDirectory(prefix="textback-demo-") as folder:
            show.say(f"up: ARI on {lab.ari_url}, phones and trunk are SIPp, the modem is simulated on {lab.modem_port}")
            show.step("textback run: it watches that Asterisk, whose dialplan knows nothing of it")
            settings = {"reply": {"delay": "2s", "min_ring": "1s"}, "portal": demo_portal.PORTAL, **demo_callers.settings(lab)}
            async with stage(lab, Path(folder), settings) as staged, chromium() as browser:
                show.say("doctor says: ready")
                await demo_portal.member(staged)
                show.step("The clinic's list of clients, as Excel wrote it")
                await demo_callers.bring_in(show, staged)
                await _tour(show, staged, browser)
                await _callers(show, staged, browser)
                await _portal(show, staged, browser)
                if not once:
                    await _stay(show, staged)
    finally:
        await lab.down()
    click.secho("\nEvery step was seen to happen." if once else "\nEverything is down again.", fg="green")


async def _tour(show: Show, staged: Stage, browser: Browser) -> None:
    lab = staged.lab
    show.step(f"{PRESENTED} calls the clinic; three phones ring, nobody is free")
    nobody = {"101": Phone("ring"), "102": Phone("busy"), "103": Phone("ring")}
    async with lab.phones(nobody), lab.trunk_call(Caller(PRESENTED, DID, give_up=4)) as call:
        await call.over()
    show.say("the caller gave up after 4 s of ringing")
    listed = await until("the call in the list", lambda: _first(staged, "missed"))
    show.say(
        f"textback calls: {listed['outcome']}, reached {listed['reached']}, rang {listed['rang']:.0f} s, decision {listed['decision']}"
    )

    show.step("Two seconds later (the demo's delay) the caller's handset gets one text")
    (text,) = await staged.handset(CALLER, 1)
    show.screen(text["text"])
    listed = await _first(staged, "missed", "reply")
    if listed is None:
        raise LabError("the text is there, but the call does not say that it was sent")

    show.step("The caller answers, when it suits them; the front desk sees it, and replies from the page beside the phone")
    show.screen(WISH)

    await demo_portal.answer_from_page(show, staged, browser, caller=CALLER, wish=WISH, answer=ANSWER)
    show.screen(ANSWER)

    show.step("The caller thanks; the front desk answers from a Yealink: its inbox, the caller, a ready reply")
    await staged.modem("text", **{"from": CALLER, "text": THANKS})
    await until("the thanks in the caller's thread", lambda: _heard(staged))
    await demo_portal.answer_from_phone(show, staged, CALLER)

    show.step("A second caller is answered: no text, and textback says why")
    somebody = {"101": Phone("answer", after=1), "102": Phone("busy"), "103": Phone("ring")}
    async with lab.phones(somebody), lab.trunk_call(Caller("4385550188", DID, talk=2)) as call:
        await call.over()
    answered = await until("the answered call in the list", lambda: _first(staged, "answered"))
    for subject in (listed["id"], answered["id"]):
        status, out, err = await staged.run("why", subject)
        if status:
            raise LabError(f"textback why {subject} ended with {status}: {err}")
        show.say(f"$ textback why {subject}")
        show.screen(out)
    if await staged.modem("inbox", number="+14385550188"):
        raise LabError("the answered caller got a text")

    show.step("The whole thread")
    _, out, _ = await staged.run("thread", CALLER)
    show.screen(out)


async def _first(staged: Stage, outcome: str, decision: str | None = None) -> Any:
    for call in await staged.ask("calls"):
        if call["outcome"] == outcome and decision in (None, call["decision"]):
            return call
    return None


async def _heard(staged: Stage) -> bool:
    thread = await staged.ask("thread", CALLER)
    return thread["state"] == "to_answer" and any(each["text"] == THANKS for each in thread["messages"])


async def _callers(show: Show, staged: Stage, browser: Browser) -> None:
    show.step("A client of that list calls; who it is shows before anyone picks up, and the call is declined for a text")
    await demo_callers.decline(show, staged, browser, caller="4505550133", name="Priya Shah", did=DID)
    show.step("Another client leaves a message")
    await demo_callers.leaves_a_message(show, staged, browser, caller="5145550134", name="Marc Tremblay", did=DID)
    show.step("Somebody texts words of an emergency")
    await demo_callers.emergency(show, staged)


async def _portal(show: Show, staged: Stage, browser: Browser) -> None:
    show.step("The inbox of each brand of desk phone")
    await demo_portal.brands(show, staged)
    show.step("Every page of the portal, as a picture")
    kept = await demo_portal.pictures(staged, browser, (await staged.ask("thread", CALLER))["id"])
    show.say(f"{len(list(kept.glob('*.png')))} pictures in {kept}")
    show.step("The portal")
    show.say(f"{demo_portal.portal_url(staged)}   user name {demo_portal.LOGIN}   password {PASSWORD}")


async def _stay(show: Show, staged: Stage) -> None:
    lab = staged.lab
    show.step("It stays up. Try, from this folder, in another terminal:")
    config, name = shlex.quote(str(staged.settings)), lab.record.name
    control = shlex.quote(str(lab.modem_control))
    click.echo(f"""
   a call nobody takes         scripts/lab call {DID} --caller 4505550123 --phones 101=ring --give-up 5 --name {name}
   a call that is answered     scripts/lab call {DID} --caller 4505550124 --phones 101=answer:2 --name {name}
   what callers received       .venv/bin/python -m modem.simulator --control {control} inbox +14505550123
   a caller texts              .venv/bin/python -m modem.simulator --control {control} text +14505550123 "Avez-vous une place demain?"
   calls, threads, why         .venv/bin/textback --config {config} calls | threads | thread +14505550123 | why +14505550123
   reply                       .venv/bin/textback --config {config} send +14505550123 "Oui, à 9 h."
   the portal                  {demo_portal.portal_url(staged)}   user name {demo_portal.LOGIN}   password {PASSWORD}
   is all well                 .venv/bin/textback --config {config} doctor

   Ctrl-C ends it and takes everything down.""")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    main()
