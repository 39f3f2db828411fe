"""The options of ``setup``: one for every answer, by the flag that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["FORMS", "flags_of", "options"]

_ANSWERS: tuple[tuple[str, str, str], ...] = (
    ("--pbx", "WHERE", "here, or the address of another machine's ARI: https://pbx.example:8089."),
    ("--ari-user", "NAME", "Name of the ARI user; textback without."),
    ("--ari-password-file", "FILE", "Password of that user, for a PBX on another machine."),
    ("--pbx-fingerprint", "SHA256", "Of that PBX's certificate, where it vouches for itself."),
    ("--ami", "HOST[:PORT]", "AMI of a PBX on another machine (5039: TLS), or none; the same machine without."),
    ("--ami-user", "NAME", "Name of the AMI user; textback without."),
    ("--ami-secret-file", "FILE", "Secret of that user, for a PBX on another machine."),
    ("--contexts", "NAMES", 'Dialplan contexts in which calls from outside arrive: "from-trunk*,from-pstn".'),
    ("--phone-context", "NAME", "With --dialplan: the context that phones dial in."),
    ("--clinic", "NAME", "Name of the clinic, as it stands in every text."),
    ("--region", "CODE", "Country and province (ISO 3166-2), for holidays and local numbers; CA-QC without."),
    ("--number", "NUMBER", "Number that callers dial."),
    ("--timezone", "ZONE", "Time zone; the machine's without."),
    ("--languages", "LIST", "fr, en: the first for callers whose language is not known; fr,en without."),
    ("--hours", "HOURS", 'Opening hours: "Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00".'),
    ("--modem", "PORT", "Port of the modem, auto (found by itself), or none."),
    ("--pin-file", "FILE", "PIN of its SIM, where it asks for one."),
    ("--sim-number", "NUMBER", "Number of its SIM, where the SIM does not tell."),
    ("--forward", "NUMBER", "Have the network forward calls to the SIM there: the clinic's number."),
    ("--listen", "ADDRESS", "Address at which desks reach the portal: 192.168.1.10, with a port or without (8790)."),
    ("--base-url", "URL", "Address that staff open, where it is another: https://textback.example."),
    ("--certificate", "FILE", "The portal's certificate (PEM); one is made without."),
    ("--key", "FILE", "Its key (PEM)."),
    ("--phones", "NETWORKS", "Networks of the desk phones: 192.168.1.0/24; none without."),
    ("--login", "LOGIN", "The first member, an administrator, signs in so."),
    ("--member-name", "NAME", "Their name, as others read it; the login without."),
    ("--password-file", "FILE", "Their password; without, one is made and shown once on the terminal."),
    ("--extension", "EXT", "Extension of their phone."),
    ("--alarm-to", "ADDRESSES", "E-mail addresses that alarms go to."),
    ("--alarm-from", "ADDRESS", "Address that alarms come from."),
    ("--mail-host", "HOST", "Mail server; localhost without."),
    ("--mail-port", "PORT", "Its port; 587 for another machine, 25 for localhost."),
    ("--mail-tls", "HOW", "none, starttls or tls; as its port has it without."),
    ("--mail-user", "NAME", "User there."),
    ("--mail-password-file", "FILE", "Password of that user."),
    ("--cdr", "SOURCE", "Call records: auto, none, a CSV file, or the URL of a database; auto without."),
    ("--cdr-url-file", "FILE", "Holds the SQLAlchemy URL of the call records' database, where it has a password."),
)
FORMS = tuple(f"{flag} {form}" for flag, form, _ in _ANSWERS)
"""Each answer's flag with what follows it."""


def options(work: Callable[..., None]) -> Callable[..., None]:
    """Every option of ``setup``, in the order ``--help`` shows them."""
    acts = (
        click.option("--yes", is_flag=True, help="Ask nothing, and do it."),
        click.option("--dry-run", is_flag=True, help="Show the steps, and end."),
        click.option("--undo", is_flag=True, help="Take out all that setup did."),
        click.option("--erase-data", is_flag=True, help="With --undo: erase calls, texts and backups too, for good."),
    )
    answers = [click.option(flag, metavar=form, help=words) for flag, form, words in _ANSWERS]
    rest = (
        click.option("--dialplan", is_flag=True, help="Let a dialplan ask too: *767, *768, open or closed (docs/dialplan.md)."),
        click.option("--pin-plain", is_flag=True, help="Keep the PIN in a file, not as a credential that systemd encrypts."),
        click.option("--no-tls", is_flag=True, help="The portal without certificate: only behind a proxy, or for phones that take none."),
        click.option("--mode", type=click.Choice(["watch", "send", "off"]), help="watch without: shows what it would send."),
        click.option("--start/--no-start", default=True, help="Start the service now and at each boot; yes without."),
        click.option("--test-text", metavar="NUMBER", help="Send a test text there at the end."),
    )
    for option in reversed((*acts, *answers, *rest)):
        work = option(work)
    return work


_NEEDS = {"--key": "--certificate", "--phone-context": "--dialplan"}
"""Options that alone would do nothing, and what they go with."""


def flags_of(given: dict[str, Any]) -> dict[str, Any]:
    """Those that were given, by flag. Raises click.UsageError for one that does nothing without another, or against it."""
    flags = _flags(given)
    for flag, other in _NEEDS.items():
        if flag in flags and other not in flags:
            raise click.UsageError(f"{flag} goes with {other}")
    if {"--no-tls", "--certificate"} <= flags.keys():
        raise click.UsageError("give either --no-tls or --certificate")
    if flags.get("--modem") == "none" and (stray := {"--pin-file", "--sim-number", "--forward"} & flags.keys()):
        raise click.UsageError(f"{min(stray)} is of a modem, and --modem none has none")
    return flags


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    return {f"--{name.replace('_', '-')}": value for name, value in given.items() if value not in (None, False)}
