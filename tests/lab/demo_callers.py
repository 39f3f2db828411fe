"""The demo's part on who calls: the clinic's list of clients, a call declined from the page, a message left, words of an emergency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from tests.lab.browser import looks, page_of
from tests.lab.demo_portal import LOGIN, Screen, folder, portal_url
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import Stage, until

__all__ = ["bring_in", "decline", "emergency", "leaves_a_message", "settings"]

_CLIENTS = """NoDossier;Prénom;Nom;Cellulaire;Maison;Langue\r
1042;Élodie;Côté;(514) 555-0177;;français\r
1043;Priya;Shah;450 555-0133;;anglais\r
1044;Marc;Tremblay;;514-555-0134;\r
"""
"""As Excel writes it on a French Windows."""
_ALARM = "Bonjour, depuis ce matin mon père a une douleur thoracique"


def settings(lab: Lab) -> dict[str, Any]:
    """What of the demo's settings is for who calls."""
    return {
        "voicemail": {"spool": str(lab.record.folder / "asterisk/spool/voicemail")},
        "contacts": {"link": "dossiers:client/{external}"},
    }


async def bring_in(show: Screen, staged: Stage) -> None:
    """``textback contacts import`` of the clinic's list. Raises LabError."""
    file = staged.settings.parent / "clients.csv"
    file.write_bytes(_CLIENTS.encode("cp1252"))
    status, out, err = await staged.run("contacts", "import", str(file), "--yes")
    if status:
        raise LabError(f"textback contacts import ended with {status}: {err}")
    show.say("$ textback contacts import clients.csv")
    show.screen("\n".join(line for line in (out or err).splitlines() if line.strip()))


async def decline(show: Screen, staged: Stage, browser: Browser, *, caller: str, name: str, did: str) -> None:
    """``caller`` (national digits) rings; the page says who; one key declines, and the caller gets a text. Raises LabError."""
    lab, number = staged.lab, f"+1{caller}"
    before = len(await staged.modem("inbox", number=number))
    async with page_of(browser, portal_url(staged), LOGIN) as page:
        async with lab.phones({"101": Phone("ring")}), lab.trunk_call(Caller(caller, did)) as call:
            ring = page.locator(".ring", has_text=name)
            await expect(ring).to_have_count(1)
            await looks(page, _kept() / "ringing-fr.png")
            show.say(f"while it rings, the open page says who: {name}; Anne has somebody at the desk and presses d")
            await page.keyboard.press("d")
            await call.over()
        await expect(ring).to_have_count(0)
    text = (await staged.handset(number, before + 1))[-1]
    show.say("the caller heard that a text comes, and has it:")
    show.screen(text["text"])
    row = next((each for each in await staged.ask("calls", "--number", number)), None)
    if row is None or row["reason"] != "asked":
        raise LabError(f"the declined call was not decided as asked for: {row}")


async def leaves_a_message(show: Screen, staged: Stage, browser: Browser, *, caller: str, name: str, did: str) -> None:
    """``caller`` leaves a message; it stands in their thread, and plays. Raises LabError."""
    lab = staged.lab
    async with page_of(browser, portal_url(staged), LOGIN) as page:
        speaker = Caller(caller, did, talk=10, audio=str(lab.record.folder / "talking.ulaw"))
        async with lab.phones({"101": Phone("busy"), "102": Phone("busy"), "103": Phone("busy")}), lab.trunk_call(speaker) as call:
            await call.over()
        row = page.locator("#side .row", has_text=name)
        await expect(row).to_have_count(1)
        await row.locator(".row-link").click()
        player = page.locator(".pane audio").first
        await expect(player).to_have_count(1)
        # as a person would: play it, and see that it is as long as it says
        seconds = await player.evaluate(
            """player => new Promise((done, failed) => {
                player.onloadedmetadata = () => done(player.duration)
                player.onerror = () => failed(new Error('the sound does not play'))
                player.preload = 'metadata'
                player.load()
            })"""
        )
        await looks(page, _kept() / "voicemail-fr.png")
    show.say(f"the message stands in the thread of {name}, {seconds:.1f} s of sound that the page plays")


async def emergency(show: Screen, staged: Stage) -> None:
    """Words of an emergency are answered at once, and the thread goes before all others. Raises LabError."""
    number = "+15145550166"
    show.screen(_ALARM)
    await staged.modem("text", **{"from": number, "text": _ALARM})
    (text,) = await staged.handset(number, 1)
    show.say("at once, to the handset:")
    show.screen(text["text"])
    if "911" not in text["text"]:
        raise LabError("the answer does not say whom to call")

    async def listed() -> bool:
        return bool(await staged.ask("threads", "--state", "to_answer", "--number", number))

    await until("the emergency in the list", listed)


def _kept() -> Path:
    kept = folder()
    kept.mkdir(mode=0o700, exist_ok=True)
    return kept
