"""A simulated GSM modem: AT commands on a pty, with a network and handsets behind it. For trials, the demo, the lab and tests.

    python -m modem.simulator --link /tmp/modem --control /tmp/modem.sock --journal /tmp/modem.jsonl

puts a modem at ``/tmp/modem``: give that path to ``textback`` as the modem's port. Then talk to it from another terminal:

    python -m modem.simulator --control /tmp/modem.sock text +15145550199 "bonjour"     a handset texts the clinic
    python -m modem.simulator --control /tmp/modem.sock inbox +15145550199              what that handset received
    python -m modem.simulator --control /tmp/modem.sock do '{"do": "fault", "kind": "no_answer"}'

The control socket takes one JSON object a line and answers each with one line: ``{"ok": true, …}`` or ``{"ok": false, "error": "…"}``.
``do`` names a public method of ``Simulator``; its parameters are the other keys. Program and class do the same.

Numbers that fail on demand end in 5559 and three digits, whatever comes before (say +1 514 555 9401):

    401  refused for now, +CMS ERROR: 41        406  reported as still trying, then as delivered
    402  refused for good, +CMS ERROR: 1        407  modem unplugged on Ctrl-Z, nothing sent, back after 2 s
    403  goes, +CMGS never comes                408  modem unplugged after the network took it, before +CMGS
    404  goes, no status report ever comes      409  goes, +CMGS comes 10 s late
    405  goes, reported as failed for good      xxx  any other +CMS ERROR code: refused with it (038, 331, 500 …)

Faults on demand (``fault``) are listed by ``--help``, the control commands and their parameters by ``do --help``.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import socket
from pathlib import Path
from typing import Any, NoReturn

import click

from modem.sim_codes import FORMS
from modem.sim_control import COMMANDS
from modem.sim_faults import KINDS, POINTS
from modem.sim_network import MAGIC
from modem.sim_profiles import PROFILES
from modem.sim_world import Carrier, Simulator

__all__ = ["Carrier", "Simulator", "main"]


def _epilog() -> str:
    """What stands below the options: numbers that fail, faults, and their words."""
    blocks = {
        "Numbers that fail on demand (any number ending so)": [
            *(f"…5559{code:03d}  {what}" for code, what in MAGIC.items()),
            "…5559xxx  any other +CMS ERROR code xxx: refused with it",
        ],
        "Faults": [f"{name:<15} {what}" for name, what in KINDS.items()],
        "Where silence, reboot and unplug strike (`at`)": [", ".join(POINTS)],
        "How refuse, refuse_prompt and error may be written (`form`; `family` is cms or cme)": [", ".join(FORMS)],
    }
    return "\n\n".join(f"\b\n{title}:\n" + "\n".join(f"  {line}" for line in lines) for title, lines in blocks.items())


@click.group(invoke_without_command=True, epilog=_epilog())
@click.option("--link", type=click.Path(path_type=Path), help="Path the modem's port appears at. Starts a simulator.")
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket to listen on, or of the simulator to talk to.")
@click.option("--journal", type=click.Path(path_type=Path), help="File that gets a JSON line for all that happens.")
@click.option("--mute", type=click.Path(path_type=Path), multiple=True, help="A port that never answers; may be given several times.")
@click.option(
    "--quiet",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A port that answers AT and never announces; may be given several times.",
)
@click.option("--number", default="+15145550100", show_default=True, help="The SIM's own number.")
@click.option("--pin", help="The SIM asks for this PIN.")
@click.option("--profile", type=click.Choice(list(PROFILES)), default="generic", show_default=True)
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0, show_default=True, help="Network time of each part.")
@click.option("--report-ms", type=click.FloatRange(min=0), default=50, show_default=True, help="From then to its status report.")
@click.option("--registration-ms", type=click.IntRange(min=0), default=0, show_default=True, help="Searching after each start.")
@click.option("--attach-ms", type=click.IntRange(min=0), default=300, show_default=True, help="From then to what waited in the network.")
@click.option("--boot-ms", type=click.IntRange(min=0), default=0, show_default=True, help="Silence after each start.")
@click.option("--sim-ms", type=click.IntRange(min=0), default=0, show_default=True, help='"SIM busy" after each start and the PIN.')
@click.option("--away-ms", type=click.IntRange(min=0), help="How long the port is gone after AT+CFUN=1,1; default as the make does.")
@click.option("--imei", help="Fifteen digits, to tell several simulators apart.")
@click.pass_context
def main(context: click.Context, /, link: Path | None, control: Path | None, **options: Any) -> None:
    """A simulated GSM modem with handsets behind it."""
    if context.invoked_subcommand is not None:
        context.obj = control
        return
    if link is None:
        raise click.UsageError("say --link PATH to start a modem, or a command to talk to one: text, inbox, state, do")
    try:
        asyncio.run(_run(Simulator(link, control=control, **options)))
    except OSError as error:
        _fail(str(error))


async def _run(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with simulator:
        state = simulator.state()
        click.echo(json.dumps({"ready": True, "link": state["link"], "device": state["device"]}))
        await stopped.wait()


@main.command()
@click.argument("number")
@click.argument("text")
@click.pass_obj
def text(control: Path | None, number: str, text: str) -> None:
    """The handset NUMBER texts the modem."""
    _ask(control, {"do": "text", "from": number, "text": text})


@main.command()
@click.argument("number")
@click.option("--wait", "count", type=int, default=0, help="Wait until it has this many texts.")
@click.option("--timeout", type=float, default=30, show_default=True, help="Seconds to wait.")
@click.pass_obj
def inbox(control: Path | None, number: str, count: int, timeout: float) -> None:
    """Show what the handset NUMBER received."""
    answer = _ask(control, {"do": "wait", "number": number, "count": count, "timeout": timeout})
    for received in answer["result"]:
        click.echo(f"{received['time']}  from {received['sender']}: {received['text']}")
    if not answer["result"]:
        click.echo("nothing yet")


@main.command()
@click.pass_obj
def state(control: Path | None) -> None:
    """Show how the modem is."""
    click.echo(json.dumps(_ask(control, {"do": "state"}), indent=2, ensure_ascii=False))


def _signatures() -> str:
    """Every control command with its parameters and what it does."""
    lines = []
    for name in COMMANDS:
        method = getattr(Simulator, name)
        parameters = [
            str(one).replace("sender", "from").replace("'", "") for one in list(inspect.signature(method).parameters.values())[1:]
        ]
        lines.append(f"  {name}: {', '.join(parameters) or 'no parameters'}\n      {(method.__doc__ or '').splitlines()[0]}\n")
    return "\b\nCommands, their parameters and what they do:\n" + "".join(lines)


@main.command(epilog=_signatures())
@click.argument("command")
@click.pass_obj
def do(control: Path | None, command: str) -> None:
    """Give any control COMMAND, a JSON object such as '{"do": "fault", "kind": "no_prompt"}'."""
    try:
        told = json.loads(command)
    except ValueError as error:
        raise click.UsageError(f"COMMAND is not JSON: {error}") from None
    click.echo(json.dumps(_ask(control, told), ensure_ascii=False))


def _ask(control: Path | None, command: object) -> dict[str, Any]:
    if control is None:
        raise click.UsageError("say --control SOCKET before the command")
    try:
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as stream:
            connection.connect(str(control))
            stream.write(json.dumps(command).encode() + b"\n")
            stream.flush()
            answer = json.loads(stream.readline() or b'{"ok": false, "error": "the simulator closed the connection"}')
    except OSError as error:
        _fail(f"no simulator listens on {control} ({error.strerror}): start one with --link PATH --control {control}")
    if not answer.pop("ok"):
        _fail(answer["error"])
    return dict(answer)


def _fail(what: str) -> NoReturn:
    raise click.ClickException(what)


if __name__ == "__main__":
    main()
