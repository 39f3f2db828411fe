"""Questions about the PBX: here or elsewhere, and in which contexts calls from outside arrive."""

from __future__ import annotations

import asyncio
import fnmatch
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ari_app.errors import SettingsError, SetupError
from ari_app.probes import Finding
from ari_app.setting_types import secret
from ari_app.settings import AmiSettings, PbxSettings
from ari_app.setup import asterisk, wiring
from ari_app.setup.access import AMI_SECRET, ARI_PASSWORD, Access, secret_steps
from ari_app.setup.asking import Answers, Asking, check_key, listed
from ari_app.setup.asterisk import Found
from ari_app.setup.changes import WriteFile
from ari_app.setup.connection import look
from ari_app.setup.files import Owner
from ari_app.setup.journal import Journal
from ari_app.setup.paths import Paths
from ari_app.setup.portal import read_secret
from ari_app.setup.settings_file import default_of
from ari_app.setup.steps import Step

__all__ = ["Switchboard", "ask_contexts", "ask_pbx"]

_HERE = "here"
_TRUNKS = ("pjsip.conf", "sip.conf", "iax.conf", "chan_dahdi.conf")
"""Files whose endpoints say in which context their calls arrive."""


@dataclass(frozen=True, slots=True)
class Switchboard:
    """``found``: the Asterisk of this machine, None for another one's; ``steps`` let textback into it."""

    found: Found | None
    steps: Sequence[Step] = ()
    said: str = ""


def ask_pbx(asking: Asking, answers: Answers, paths: Paths, owner: Owner) -> Switchboard:
    """Fills ``pbx.*``. Raises SetupError where Asterisk cannot be used as it stands."""
    where = _where(asking, paths)
    if where is None:
        return Switchboard(None)
    if where != _HERE:
        return _elsewhere(asking, answers, paths, owner, where)
    found = asterisk.find(paths.root)
    if not asking.afresh and not (found.config / wiring.ARI_FILE).exists():
        _made_by_hand(asking)
        return Switchboard(found, said=found.sentence())
    access = Access.kept(
        paths.folder,
        ari_user=asking.given("--ari-user") or asking.there("pbx.username") or "textback",
        ami_user=asking.given("--ami-user") or asking.there("pbx.ami.username") or "textback",
    )
    steps = wiring.steps(found, access, _dialplan(asking))
    answers["pbx.ari"] = wiring.address(found)
    _users(answers, paths, access)
    answers["pbx.ami.host"], answers["pbx.ami.port"] = found.now.ami.host, found.now.ami.port
    return Switchboard(found, [*secret_steps(paths.folder, access, owner), *steps], found.sentence())


def _dialplan(asking: Asking) -> wiring.Dialplan | None:
    if not asking.given("--dialplan"):
        return None
    return wiring.Dialplan(phones=asking.given("--phone-context"), agi=asking.there("agi.listen") or default_of("agi.listen"))


def _users(answers: Answers, paths: Paths, access: Access) -> None:
    answers["pbx.username"], answers["pbx.password_file"] = access.ari_user, str(paths.folder / ARI_PASSWORD)
    answers["pbx.ami.username"], answers["pbx.ami.secret_file"] = access.ami_user, str(paths.folder / AMI_SECRET)


def _where(asking: Asking, paths: Paths) -> str | None:
    """ "here", or the URL of another machine's ARI."""
    if asking.given("--pbx") is None and not asking.afresh:
        held = str(asking.there("pbx.ari") or default_of("pbx.ari"))
        return _HERE if _loopback(held) and _here(paths) else held
    try:
        default, what = _HERE, f"{asterisk.find(paths.root).sentence()}. Use it"
    except SetupError as error:
        if error.code != "setup_no_asterisk":
            raise
        default, what = "", "There is no Asterisk on this machine. Where does it run"
    words = f"{what} (here, or the address of the other machine's ARI: https://pbx.example:8089)"
    return asking.value("--pbx", words, _checked_where, default=default or None)


def _here(paths: Paths) -> bool:
    """Is there an Asterisk: what listens on loopback may be the end of a tunnel."""
    try:
        asterisk.find(paths.root)
    except SetupError as error:
        if error.code == "setup_no_asterisk":
            return False
        raise
    return True


def _checked_where(written: str) -> str:
    if written == _HERE:
        return written
    url = written.rstrip("/") if "://" in written else f"https://{written}" if ":" in written else f"https://{written}:8089"
    return str(check_key("pbx.ari", url))


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _made_by_hand(asking: Asking) -> None:
    """The settings name users that setup did not make: they are used as they are. Raises SetupError where they do not get in."""
    try:
        pbx = PbxSettings.model_validate(asking.there("pbx"))
        finding = asyncio.run(look(pbx, pbx.read_password()))[0]
    except (ValueError, SettingsError) as error:
        raise SetupError(
            f"[pbx] of textback.toml cannot be used: {error}", "mend it, then run setup again", code="setup_settings"
        ) from error
    if finding.state == "bad":
        raise SetupError(finding.what, finding.fix, code=finding.code)


def _elsewhere(asking: Asking, answers: Answers, paths: Paths, owner: Owner, url: str) -> Switchboard:
    """The users are made there, by who looks after that machine (docs/setup.md); here their secrets are kept, and tried."""
    answers["pbx.ari"] = url
    answers["pbx.username"] = asking.value("--ari-user", "ARI user there", _name, key="pbx.username", default="textback")
    ari = _Secret(paths.folder / ARI_PASSWORD, "the password of the ARI user there, for the service alone", owner)
    password = ari.ask(asking, "--ari-password-file", "Its password", "pbx.password")
    steps: list[Step] = []
    if password is not None and not ari.held(asking, "pbx.password"):
        answers["pbx.password_file"] = str(ari.path)
        steps.append(ari.step(password))
    secret = _ami_elsewhere(asking, answers, paths, owner, steps)
    if answers.get("pbx.username") and password:
        pbx = PbxSettings(ari=url, username=answers["pbx.username"], password=password)
        ami = None
        if secret is not None:
            host, port, user = (answers[f"pbx.ami.{key}"] for key in ("host", "port", "username"))
            ami = AmiSettings(host=host, port=port, username=user, secret=secret)
        steps.append(_Tried(pbx, password, ami))
    return Switchboard(None, steps, f"Asterisk is elsewhere: {url}")


def _ami_elsewhere(asking: Asking, answers: Answers, paths: Paths, owner: Owner, steps: list[Step]) -> str | None:  # fmt: skip
    words = "AMI there (host, with :port unless 5038; empty: none. Without it no call is declined, no lamp of voicemail follows)"
    where = asking.value("--ami", words, _checked_ami, needed=False)
    if where is None or where == ("", 0):
        return None
    answers["pbx.ami.host"], answers["pbx.ami.port"] = where
    answers["pbx.ami.username"] = asking.value("--ami-user", "AMI user there", _name, key="pbx.ami.username", default="textback")
    kept = _Secret(paths.folder / AMI_SECRET, "the secret of the AMI user there, for the service alone", owner)
    secret = kept.ask(asking, "--ami-secret-file", "Its secret", "pbx.ami.secret")
    if secret is not None and not kept.held(asking, "pbx.ami.secret"):
        answers["pbx.ami.secret_file"] = str(kept.path)
        steps.append(kept.step(secret))
    return secret


def _checked_ami(written: str) -> tuple[str, int]:
    if written == "none":
        return "", 0
    host, _, port = written.rpartition(":") if re.search(r":\d+$", written) else (written, "", "5038")
    check_key("pbx.ami.port", int(port), {"pbx.ami.username": "-", "pbx.ami.secret": "-"})
    return host, int(port)


def _name(written: str) -> str:
    if not written:
        raise SetupError("nothing was written", "write a name", code="setup_answer")
    return written


@dataclass(frozen=True, slots=True)
class _Secret:
    """A secret that another machine chose, kept beside textback.toml."""

    path: Path
    what: str
    owner: Owner

    def ask(self, asking: Asking, flag: str, words: str, key: str) -> str | None:
        """From its flag's file, the settings, the file that is kept, or a person."""
        file = asking.given(flag)
        if file is not None:
            return read_secret(Path(file), flag)
        if asking.there(key) is not None or asking.there(f"{key}_file") is not None:
            return secret(asking.there(key), Path(held) if (held := asking.there(f"{key}_file")) else None, key)
        if asking.terminal is None:
            asking.missing.append(flag)
            return None
        while not (written := asking.terminal.secret(words, twice=False)):
            asking.terminal.say("nothing was written")
        return written

    def held(self, asking: Asking, key: str) -> bool:
        """Do the settings keep it somewhere else."""
        there = asking.there(f"{key}_file")
        return asking.there(key) is not None or there not in (None, str(self.path))

    def step(self, secret: str) -> Step:
        return WriteFile(f"writes {self.path}: {self.what}", self.path, f"{secret}\n".encode, 0o640, self.owner)


@dataclass(frozen=True, slots=True)
class _Tried:
    """Both users are let in there, and may do what they have to."""

    pbx: PbxSettings
    password: str = field(repr=False)
    ami: AmiSettings | None = None

    @property
    def title(self) -> str:
        return f"tests the connection: ARI at {self.pbx.ari}" + (f", AMI at {self.ami.host}:{self.ami.port}" if self.ami else "")

    def _bad(self) -> list[Finding]:
        return [each for each in asyncio.run(look(self.pbx, self.password, self.ami)) if each.state == "bad"]

    def needed(self) -> bool:
        return bool(self._bad())

    def do(self, journal: Journal) -> None:  # noqa: ARG002 - changes nothing
        bad = self._bad()
        if bad:
            raise SetupError(bad[0].what, bad[0].fix, code=bad[0].code)


def ask_contexts(asking: Asking, answers: Answers, found: Found | None, seen: Sequence[str]) -> None:
    """Fills ``pbx.inbound_contexts`` where the usual names do not fit. ``seen``: where the call records say that calls arrived."""
    usual = list(default_of("pbx.inbound_contexts"))
    known = tuple(dict.fromkeys([*seen, *(_contexts(found) if found else ())]))
    fits = any(fnmatch.fnmatchcase(context, pattern) for context in known for pattern in usual)
    if not asking.afresh and asking.given("--contexts") is None:
        return
    if fits and asking.given("--contexts") is None:
        return
    listing = f"; there are {', '.join(known[:12])}" if known else ""
    contexts = asking.value(
        "--contexts",
        f"Contexts in which calls from outside arrive{listing}",
        lambda given: check_key("pbx.inbound_contexts", listed(given)),
        guess=",".join(seen) or None,
        default=None if known else ",".join(usual),
    )
    if contexts is not None:
        answers["pbx.inbound_contexts"] = contexts


def _contexts(found: Found) -> list[str]:
    """Of trunks and phones, as their files say."""
    return [value for name in _TRUNKS for section in found.conf(name).sections for key, value in section.options if key == "context"]
