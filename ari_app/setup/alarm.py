"""Questions about who is written to when something keeps textback from working."""

from __future__ import annotations

from pathlib import Path

import click

from ari_app.setup.asking import Answers, Asking, check_key, listed
from ari_app.setup.certificate import host_names
from ari_app.setup.portal import read_secret

__all__ = ["ask_alarm"]

_PLAIN = "localhost"
_OTHERS = ("--alarm-from", "--mail-host", "--mail-port", "--mail-tls", "--mail-user", "--mail-password-file")


def ask_alarm(asking: Asking, answers: Answers, folder: Path) -> str | None:
    """Fills ``alarm.email.*``; the mail server's password, where it needs one that has yet to be written beside textback.toml."""
    to = asking.value(
        "--alarm-to",
        "E-mail address for alarms (empty: none)",
        lambda given: check_key("alarm.email.to", listed(given), {"alarm.email.sender": "a@b.example"}),
        key="alarm.email.to",
        needed=False,
    )
    if not to:
        stray = next((flag for flag in _OTHERS if asking.given(flag) is not None), None)
        if stray is not None:
            raise click.UsageError(f"{stray} goes with --alarm-to")
        return None
    answers["alarm.email.to"] = to
    beside = {"alarm.email.to": to}

    def take(flag: str, words: str, key: str, default: str | None) -> str | None:
        found = asking.value(flag, words, lambda given: str(check_key(key, given, beside)), key=key, default=default)
        answers[key] = found
        if found is not None:
            beside[key] = found
        return found

    take("--alarm-from", "They come from the address", "alarm.email.sender", _sender(to[0]))
    host = take("--mail-host", "Mail server", "alarm.email.host", _PLAIN)
    if host == _PLAIN and asking.given("--mail-port") is None:
        return None
    answers["alarm.email.port"] = asking.value(
        "--mail-port",
        "Its port",
        lambda given: int(check_key("alarm.email.port", _whole(given), beside)),
        key="alarm.email.port",
        default="587",
    )
    default = {587: "starttls", 465: "tls"}.get(answers["alarm.email.port"], "none")
    take("--mail-tls", "Encrypted how (none, starttls, tls)", "alarm.email.tls", default)
    return _login(asking, answers, folder)


def _login(asking: Asking, answers: Answers, folder: Path) -> str | None:
    user = asking.value("--mail-user", "User there (empty: none)", str, key="alarm.email.username", needed=False)
    if not user:
        return None
    answers["alarm.email.username"] = user
    kept, file = folder / "mail-password", asking.given("--mail-password-file")
    held = asking.there("alarm.email.password_file")
    there = asking.there("alarm.email.password") or (held and (held != str(kept) or kept.exists()))
    if there and file is None:
        return None
    answers["alarm.email.password_file"], answers["alarm.email.password"] = str(kept), None
    if file is not None:
        return read_secret(Path(file), "--mail-password-file")
    if asking.terminal is None:
        asking.missing.append("--mail-password-file")
        return None
    while not (written := asking.terminal.secret("Password there", twice=False)):
        asking.terminal.say("nothing was written")
    return written


def _sender(to: str) -> str | None:
    """An address of this machine, where it has a full name; else of the domain that is written to."""
    full = next((name for name in host_names() if "." in name), to.partition("@")[2])
    return f"textback@{full}"


def _whole(written: str) -> int | str:
    return int(written) if written.isascii() and written.isdecimal() else written
