"""``modem``: the radios, one by one."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.text import Text

from ari_app.cli.access import reading
from ari_app.cli.frame import Env, command
from ari_app.cli.given import wait_option
from ari_app.cli.render import HEALTH_STYLES, Screen
from ari_app.cli.send import UNDER_WAY, send_text, tell
from ari_app.control import ModemStatus, NotRunningError, ask, service_status, socket_path
from ari_app.desk import known_modem
from ari_app.errors import StoreError, TextbackError
from ari_app.logs import clean
from ari_app.settings import ModemSettings, Settings
from modem.probe import probe as ask_ports

__all__ = ["modem", "send_test_text"]

_TEST = "Test: {clinic}"


@click.group()
def modem() -> None:
    """The modems: how each is, which ports have one, a test text, a SIM unlocked."""


def _known(settings: Settings, name: str) -> None:
    """Raises NotFoundError for a name that no [[modem]] has."""
    known_modem(name, [each.name for each in settings.modem])


async def _standing(settings: Settings) -> list[dict[str, Any]]:
    """Every [[modem]] with how the running service sees it, and since when a text waits for it."""
    try:
        seen = {each.name: each for each in (await service_status(settings.store.path)).modems}
    except NotRunningError:
        seen = {}
    try:
        async with reading(settings) as store:
            waits = await store.oldest_waiting()
    except StoreError:
        waits = {}  # before the first start there is none
    return [_row(each, seen.get(each.name), waits.get(each.name)) for each in settings.modem]


def _row(configured: ModemSettings, seen: ModemStatus | None, waits: datetime | None) -> dict[str, Any]:
    if seen is None:
        what = "the service does not run, so nothing is known of it"
        seen = ModemStatus(name=configured.name, state="warn", code="not_running", what=what, fix="start it: systemctl start textback")
    told = seen.model_dump(mode="json")
    return {
        **told,
        "kind": configured.kind,
        "port": seen.port or (configured.port if configured.kind == "serial" else configured.url),
        "number": configured.number,
        "waits_since": None if waits is None else waits.isoformat(),
    }


@command(modem, "list")
def list_all(env: Env) -> None:
    """List the modems of textback.toml, and how each is."""
    rows = asyncio.run(_standing(env.settings))

    def draw(screen: Screen) -> None:
        if not rows:
            screen.say("There is no [[modem]] in textback.toml yet. `textback modem probe` shows those plugged in.")
            return
        screen.table(
            ("name", "", "what", "model", "port", "signal", "24 h"),
            [
                (
                    row["name"],
                    Text(row["state"], style=HEALTH_STYLES[row["state"]]),
                    clean(row["what"]),
                    clean(row["model"]),
                    row["port"] or "",
                    "" if row["signal"] is None else f"{row['signal']}/31",
                    _carried(row),
                )
                for row in rows
            ],
        )

    env.answer(rows, draw)


def _carried(row: dict[str, Any]) -> str:
    return f"{row['carried']} SMS" if row["budget"] is None else f"{row['carried']} of {row['budget']} SMS"


@command(modem)
@click.argument("name", required=False)
def status(env: Env, name: str | None) -> None:
    """Show all that is known of the modem NAME, or of every one."""
    if name is not None:
        _known(env.settings, name)
    rows = [row for row in asyncio.run(_standing(env.settings)) if name in (None, row["name"])]
    env.answer(rows, lambda screen: _draw(screen, rows))


def _draw(screen: Screen, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        _draw_one(screen, row)


def _draw_one(screen: Screen, row: dict[str, Any]) -> None:
    screen.say(row["name"], style="bold")
    share = f"{row['failed']} of {row['tried']}"
    facts = (
        ("state", f"{row['state']}: {row['what']}"),
        ("fix", row["fix"]),
        ("model", row["model"]),
        ("port", row["port"] or ""),
        ("IMEI", row["imei"]),
        ("number", row["number"] or row["own_number"]),
        ("network", row["operator"] + ("" if row["registered"] else " (not registered)" if row["model"] else "")),
        ("signal", "" if row["signal"] is None else f"{row['signal']} of 31"),
        ("calls to it", f"forwarded to {row['forwarded']}" if row["forwarded"] else ""),
        ("last 24 h", _carried(row)),
        ("failed", f"{share}: others carry its texts until it has proved itself" if row["failing"] else share),
        ("waiting", f"a text is due since {screen.time(row['waits_since'])}" if row["waits_since"] else "nothing"),
    )
    screen.table(("", ""), [(what, clean(said)) for what, said in facts if said])


@command(modem)
@click.argument("port", default="auto")
def probe(env: Env, port: str) -> None:
    """Ask the ports that may have a modem who is there: PORT is a path, a pattern ("/dev/ttyUSB*"), or "auto" for every likely one.

    Model, IMEI, SIM, network, signal and the SIM's number, or why nothing answers. Changes nothing. A port that the service or another
    program uses is told as busy. Works without textback.toml.
    """
    found = asyncio.run(_probed(env, port))
    env.answer(found, lambda screen: _draw_probed(screen, found))


async def _probed(env: Env, port: str) -> list[dict[str, Any]]:
    """What the ports say; of one that the running service has, whose it is."""
    found = [asdict(each) for each in await ask_ports(port)]
    try:
        ours = {modem.port: modem.name for modem in (await service_status(env.settings.store.path)).modems}
    except TextbackError:
        ours = {}  # without settings or service
    for row in found:
        if row["code"] == "port_busy" and row["port"] in ours:
            name = ours[row["port"]]
            row |= {"what": f"the service uses it as {name}", "fix": f"see `textback modem status {name}`"}
    return found


def _draw_probed(screen: Screen, found: list[dict[str, Any]]) -> None:
    if not found:
        screen.say("No port here looks like a modem's. Plug it in; one in storage or HiLink mode shows none.")
        return
    screen.table(
        ("port", "", "model", "IMEI", "SIM", "network", "signal", "number"),
        [
            (
                row["port"],
                Text("" if row["code"] == "answers" else f"{row['what']}{'; ' if row['fix'] else ''}{row['fix']}", style="yellow"),
                clean(row["model"]),
                row["imei"],
                clean(row["sim"] if row["pin_tries"] is None else f"{row['sim']} ({row['pin_tries']} tries left)"),
                clean(" ".join(filter(None, (row["operator"], row["registration"] and f"({row['registration']})")))),
                "" if row["signal"] is None else f"{row['signal']}/31",
                clean(row["own_number"]),
            )
            for row in found
        ],
        whole=("port",),
    )


@command(modem, "send-test")
@click.argument("name")
@click.argument("number")
@click.argument("text", required=False)
@wait_option
def send_test(env: Env, *, name: str, number: str, text: str | None, wait: float | None) -> None:
    """Send a test text to NUMBER through the modem NAME, and no other; TEXT in place of the built-in words.

    It stands in NUMBER's thread as every text does. Waits for the network unless --wait says otherwise; exit 1 when it did not go.
    """
    settings = env.settings
    _known(settings, name)
    done = asyncio.run(send_test_text(settings, name, number, text, 90.0 if wait is None else wait))
    env.answer(done, lambda screen: tell(screen, done))


async def send_test_text(settings: Settings, modem: str, number: str, text: str | None, seconds: float) -> dict[str, Any]:
    """Send a text through that modem and no other; ``{message, thread, state}``. Raises TextbackError, also when it waits longer."""
    act = f"cli-{uuid.uuid4().hex}"
    words = text or _TEST.format(clinic=settings.clinic.name)
    done = await send_text(settings, {"number": number, "text": words, "act": act, "line": None, "modem": modem}, seconds)
    if seconds and done["state"] in UNDER_WAY:
        raise TextbackError(
            f"text {done['message']} is {done['state']} after {seconds:g} s",
            f"see `textback modem status {modem}`; it goes when that modem can, within 24 hours",
            code=f"text_{done['state']}",
        )
    return done


@command(modem)
@click.argument("name")
def unlock(env: Env, name: str) -> None:
    """Enter the PIN of textback.toml once more into the SIM of the modem NAME.

    For after a PIN was refused, or its answer never came, and pin or pin_file is right now. Never with fewer than three tries left:
    then put the SIM in a phone and enter its PIN there once.
    """
    _known(env.settings, name)
    done = asyncio.run(ask(socket_path(env.settings.store.path), "unlock", {"modem": name}, patience=150.0))
    env.answer(done, lambda screen: screen.say(done["what"]))
