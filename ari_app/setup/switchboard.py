"""Questions about the PBX: here or elsewhere, and in which contexts calls from outside arrive."""

from __future__ import annotations

import asyncio
import fnmatch
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ari_app.errors import SettingsError, SetupError
from ari_app.probes import Finding
from ari_app.setting_types import secret
from ari_app.settings import AmiSettings, PbxSettings
from ari_app.setup import asterisk, remote, wiring
from ari_app.setup.access import AMI_SECRET, ARI_PASSWORD, Access, secret_steps
from ari_app.setup.asking import Answers, Asking, check_key, listed
from ari_app.setup.asterisk import Found
from ari_app.setup.changes import Run, WriteFile
from ari_app.setup.connection import look
from ari_app.setup.credentials import booted
from ari_app.setup.files import Owner, read
from ari_app.setup.journal import Journal
from ari_app.setup.paths import Paths
from ari_app.setup.portal import read_secret
from ari_app.setup.settings_file import default_of
from ari_app.setup.steps import Step

__all__ = ["Switchboard", "ask_contexts", "ask_pbx"]

_HERE = "here"
_USER = "textback"
_TRUNKS = ("pjsip.conf", "sip.conf", "iax.conf", "chan_dahdi.conf")
"""Files whose endpoints say in which context their calls arrive."""


@dataclass(frozen=True, slots=True)
class Switchboard:
    """``found``: the Asterisk of this machine, None for another one's; ``steps`` let textback into it."""

    found: Found | None
    steps: Sequence[Step] = ()
    said: tuple[str, ...] = ()
    advice: str = ""
    """What has to be done on the other machine first: then only ``steps`` are done, and the same command goes on."""


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
        return Switchboard(found, said=(f"{found.sentence()}.",))
    access = Access.kept(
        paths.folder,
        ari_user=asking.given("--ari-user") or asking.there("pbx.username") or _USER,
        ami_user=asking.given("--ami-user") or asking.there("pbx.ami.username") or _USER,
    )
    steps = wiring.steps(found, access, _dialplan(asking))
    answers["pbx.ari"] = wiring.address(found)
    _users(answers, paths, access)
    answers["pbx.ami.host"], answers["pbx.ami.port"] = found.now.ami.host, found.now.ami.port
    return Switchboard(found, [*secret_steps(paths.folder, access, owner), *steps], (f"{found.sentence()}.",))


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
    """Both users' files are made here and copied there by who looks after that machine; once they are there, the same command goes on."""
    split = urlsplit(url)
    host, port = split.hostname or "", split.port or (443 if split.scheme == "https" else 80)
    ari = _Secret(paths.folder / ARI_PASSWORD, "the password of the ARI user there, for the service alone", owner)
    if asking.afresh and asking.given("--ari-password-file") is None and not ari.path.exists():
        return _prepared(paths, owner, host, port)
    answers["pbx.ari"] = url
    user = asking.given("--ari-user") or asking.there("pbx.username") or _USER
    answers["pbx.username"] = user
    steps: list[Step] = []
    password = ari.kept(asking, "--ari-password-file", "pbx.password")
    if not ari.elsewhere(asking, "pbx.password"):
        answers["pbx.password_file"] = str(ari.path)
        steps.append(ari.step(password))
    ami = _ami_elsewhere(asking, answers, paths, owner, (host, steps))
    seen = remote.certificate(host, port) if split.scheme == "https" else None
    said = [f"Asterisk is elsewhere: {url}."]
    if seen is None or seen.trusted:
        steps.append(_Tried(PbxSettings(ari=url, username=user, password=password), password, ami))
    else:
        said.append(f"Its certificate vouches for itself: {', '.join(seen.names) or 'no name'}, SHA-256 {seen.fingerprint}.")
        _trusted(asking, seen.fingerprint)
        steps += _trust(paths, seen.pem, owner)
    return Switchboard(None, steps, tuple(said))


def _prepared(paths: Paths, owner: Owner, host: str, port: int) -> Switchboard:
    here, folder = remote.outward(host), paths.folder / "pbx"
    access = Access.kept(paths.folder, permit=[here])
    steps: list[Step] = [*secret_steps(paths.folder, access, owner), *remote.piece_steps(folder, access)]
    return Switchboard(None, steps, advice=remote.advice(host, here, folder, ari_port=port))


def _trusted(asking: Asking, fingerprint: str) -> None:
    """What a person saw on the PBX itself is what is seen from here. Raises click.BadParameter, SetupError."""

    def check(written: str) -> str:
        if written.replace(":", "").upper() != fingerprint.replace(":", ""):
            raise SetupError(
                "that is not the certificate seen from here",
                "compare with the PBX's own: openssl x509 -noout -fingerprint -sha256 -in FILE",
                code="setup_fingerprint",
            )
        return written

    terminal = asking.terminal
    if asking.given("--pbx-fingerprint") is None and terminal is not None:
        terminal.say(f"The PBX's certificate, as seen from here (SHA-256): {fingerprint}")
        if not terminal.yes("Is it the same on the PBX (openssl x509 -noout -fingerprint -sha256 -in FILE)", default=False):
            raise SetupError("the certificate of the PBX is not trusted", "see who answers at that address", code="setup_fingerprint")
        return
    if asking.afresh or asking.given("--pbx-fingerprint") is not None:
        asking.value("--pbx-fingerprint", "", check)


def _trust(paths: Paths, pem: str, owner: Owner) -> list[Step]:
    held, drop_in = paths.folder / "pbx.pem", paths.root / "etc/systemd/system/textback.service.d/pbx.conf"
    text = f"# made by textback setup\n[Service]\nEnvironment=SSL_CERT_FILE={held}\n"
    return [
        WriteFile(f"writes {held}: the PBX's certificate, which the service trusts", held, pem.encode, 0o640, owner),
        WriteFile(f"writes {drop_in}: names it to the service", drop_in, text.encode, 0o644),
        *([Run("has systemd read that", _unread(drop_in, text), ["systemctl", "daemon-reload"])] if booted(paths.root) else []),
    ]


def _unread(path: Path, text: str) -> Callable[[], bool]:
    """Asked before it is written, and answered the same from then on."""
    due = read(path) != text.encode()
    return lambda: due


def _ami_elsewhere(asking: Asking, answers: Answers, paths: Paths, owner: Owner, pbx: tuple[str, list[Step]]) -> AmiSettings | None:
    host, steps = pbx
    given = asking.given("--ami")
    if given == "none" or (given is None and not asking.afresh and asking.there("pbx.ami.username") is None):
        return None
    kept = _Secret(paths.folder / AMI_SECRET, "the secret of the AMI user there, for the service alone", owner)
    if given is None and asking.afresh and asking.given("--ami-secret-file") is None and not kept.path.exists():
        return None
    at = (asking.there("pbx.ami.host") or host, asking.there("pbx.ami.port") or 5039)
    where: tuple[str, int] = at if given is None else asking.value("--ami", "", _checked_ami) or at
    user = asking.given("--ami-user") or asking.there("pbx.ami.username") or _USER
    tls = asking.there("pbx.ami.tls") if given is None and not asking.afresh else where[1] != 5038
    secret = kept.kept(asking, "--ami-secret-file", "pbx.ami.secret")
    answers["pbx.ami.host"], answers["pbx.ami.port"] = where
    answers["pbx.ami.username"], answers["pbx.ami.tls"] = user, bool(tls)
    if not kept.elsewhere(asking, "pbx.ami.secret"):
        answers["pbx.ami.secret_file"] = str(kept.path)
        steps.append(kept.step(secret))
    return AmiSettings(host=where[0], port=where[1], username=user, secret=secret, tls=bool(tls))


def _checked_ami(written: str) -> tuple[str, int]:
    host, _, port = written.rpartition(":") if re.search(r":\d+$", written) else (written, "", "5039")
    if not host:
        raise SetupError("no host was written", 'write "pbx.example:5039", or none', code="setup_answer")
    check_key("pbx.ami.port", int(port), {"pbx.ami.username": "-", "pbx.ami.secret": "-"})
    return host, int(port)


@dataclass(frozen=True, slots=True)
class _Secret:
    """A secret that another machine chose, kept beside textback.toml."""

    path: Path
    what: str
    owner: Owner

    def kept(self, asking: Asking, flag: str, key: str) -> str:
        """From its flag's file, the settings, or the file that is kept. Raises SetupError, SettingsError."""
        file = asking.given(flag)
        if file is not None:
            return read_secret(Path(file), flag)
        if asking.there(key) is not None or asking.there(f"{key}_file") is not None:
            return secret(asking.there(key), Path(held) if (held := asking.there(f"{key}_file")) else None, key) or ""
        return read_secret(self.path, flag)

    def elsewhere(self, asking: Asking, key: str) -> bool:
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
