"""The steps that let textback into the Asterisk of this machine: two users, HTTP and AMI on loopback, what events carry, a dialplan's part.

Lines of others are never rewritten, and ours name our files with #tryinclude: an #include of a file that somebody takes away would stop
the whole of ari.conf or manager.conf at Asterisk's next start. On FreePBX nothing is put into a file it writes anew: only into its
``…_custom.conf``, and what its GUI rules is set with fwconsole. Sources: FreePBX framework (Console/Setting.class.php), core
(etc/http.conf), arimanager (etc/ari.conf).
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from ari_app.errors import SetupError
from ari_app.setup.access import Access, ami_text, ari_text, merged, network
from ari_app.setup.asterisk import Found
from ari_app.setup.changes import AddBlock, Run, WriteFile
from ari_app.setup.conf import Conf, generated, truth
from ari_app.setup.connection import answers
from ari_app.setup.files import Owner
from ari_app.setup.journal import Journal
from ari_app.setup.steps import Step

__all__ = ["Dialplan", "address", "group_step", "steps"]

ARI_FILE, AMI_FILE, DIALPLAN_FILE = "textback_ari.conf", "textback_manager.conf", "textback_extensions.conf"
_AGI = "127.0.0.1:4573"


@dataclass(frozen=True, slots=True)
class Dialplan:
    """What a dialplan may ask (docs/dialplan.md). ``phones``: the context phones dial in, where *767 and *768 are to be had."""

    phones: str | None = None
    agi: str = _AGI


def address(found: Found) -> str:
    """``pbx.ari`` once the steps are done."""
    now = found.now.http
    if now.enabled or found.flavour == "freepbx":
        return now.url
    return f"http://127.0.0.1:{found.open_port}{now.prefix}"


def steps(found: Found, access: Access, dialplan: Dialplan | None = None) -> list[Step]:
    """What is to be done to Asterisk, in order; steps that are done already say so (``needed``).

    Raises SetupError: "setup_user_exists", "setup_generated", "setup_includes", "setup_comment", "setup_context", "setup_port",
    "setup_ami_off", "setup_no_ari", "setup_sections".
    """
    _free(found, access)
    changes: list[Step] = [*(_on_freepbx(found, access) if found.flavour == "freepbx" else _on_plain(found, access))]
    commands = ["module reload http", "module reload res_ari.so", "manager reload"]
    if dialplan is not None:
        changes += _dialplan(found, dialplan)
        commands.append("dialplan reload")
    loading = _Loading(found, access, address(found), changes, commands)
    return [_Announced(loading), *changes, _Loaded(loading)]


def group_step(found: Found, user: str = "textback") -> Run:
    """The service's user among Asterisk's group: voicemail's messages lie where only that may read (docs/voicemail.md).

    Nothing is done where either is not known, or Asterisk runs as root: that group would open too much.
    """
    root = [] if found.root == Path("/") else ["--root", str(found.root)]

    def missing() -> bool:
        names = [line.split(":") for line in (found.root / "etc/group").read_text("utf-8", "replace").splitlines()]
        users = [line.split(":")[0] for line in (found.root / "etc/passwd").read_text("utf-8", "replace").splitlines()]
        members = next((each[3].split(",") for each in names if each[0] == found.group and len(each) == 4), None)
        return members is not None and user in users and user not in members and found.group != "root"

    return Run(
        f"adds {user} to the group {found.group}, to read the messages left in voicemail",
        missing,
        ["usermod", *root, "--append", "--groups", found.group, user],
        ["gpasswd", *root, "--delete", user, found.group],
        f"{user} in the group {found.group}",
    )


def _free(found: Found, access: Access) -> None:
    for what, name, users, file in (
        ("ARI", access.ari_user, found.others.ari_users, "ari.conf"),
        ("AMI", access.ami_user, found.others.ami_users, "manager.conf"),
    ):
        if name.lower() in {each.lower() for each in users}:  # Asterisk takes both for one
            section = found.conf(file, ours=False).of(name)
            raise SetupError(
                f'there is an {what} user "{name}" already, in {section.file if section else file}',
                f"take it out and reload, or choose another name (--{what.lower()}-user)",
                code="setup_user_exists",
            )


def _owner(found: Found) -> Owner:
    """FreePBX gives all of /etc/asterisk to Asterisk's user; elsewhere what Asterisk reads need not be Asterisk's to write."""
    return Owner(found.user if found.flavour == "freepbx" else "root", found.group)


def _general(conf: Conf) -> str:
    """A heading that adds to [general], or begins it where there is none ("(+)" without one is an error that stops the whole file).

    Raises SetupError where there are several: which of them Asterisk goes by differs from file to file.
    """
    several = conf.doubled("general")
    if len(several) > 1:
        raise SetupError(
            f"{several[1].file} begins [general] a second time, and Asterisk does not read both",
            "put the lines of both under the first, then run setup again",
            code="setup_sections",
        )
    return "[general](+)" if conf.of("general") is not None else "[general]"


def _ends_well(found: Found, name: str) -> Path:
    """A file at whose end lines of ours are read. Raises SetupError."""
    path = found.config / name
    if path in found.conf(name).open_comment:
        raise SetupError(f"{path} ends inside a comment (;-- without --;)", "close it", code="setup_comment")
    if found.flavour == "plain" and generated(path):
        raise SetupError(
            f"{path} says that a program writes it anew", "let that program make the users; docs: config/asterisk", code="setup_generated"
        )
    return path


def _on_plain(found: Found, access: Access) -> list[Step]:
    owner = _owner(found)
    http, ari, manager = (found.conf(name, ours=False) for name in ("http.conf", "ari.conf", "manager.conf"))
    if not ari.files:  # res_ari.so and what builds on it were not loaded, and are not by a reload (seen in 16)
        raise SetupError(
            f"there is no {found.config}/ari.conf, so Asterisk runs without ARI",
            "make one with the lines [general] and enabled = yes, then asterisk -rx 'core restart when convenient'",
            code="setup_no_ari",
        )
    made: list[Step] = []
    if not found.others.http.enabled:
        path = _ends_well(found, "http.conf")
        if not found.open_port:
            raise SetupError("no port is free for Asterisk's HTTP server", "set bindport in http.conf", code="setup_port")
        made.append(
            AddBlock(
                f"adds to {path}: HTTP server on, on loopback port {found.open_port} alone",
                path,
                f"{_general(http)}\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {found.open_port}",
                owner=owner,
            )
        )
    general = f"{_general(ari)}\nenabled = yes\nchannelvars = {','.join(merged(found.others.channelvars))}\n\n"
    made += _user(found, "ARI", ari_text(access, general), into="ari.conf")
    open_ami = "" if found.others.ami.enabled else f"{_general(manager)}\nenabled = yes\nbindaddr = 127.0.0.1\n\n"
    made += _user(found, "AMI", ami_text(_permitted(found, access), open_ami), into="manager.conf")
    return made


def _on_freepbx(found: Found, access: Access) -> list[Step]:
    owner = _owner(found)
    made = _setting(found, "HTTPENABLED", "mini-HTTP Server", "http.conf")
    if found.fwconsole is not None:
        made += _setting(found, "ENABLE_ARI", "Asterisk REST Interface", "ari.conf")
    path = _custom(found, "ari.conf", "ari_general_custom.conf")
    heading = _heading_at(found.conf("ari.conf", ours=False), path)
    if found.fwconsole is None and not found.others.ari_enabled:
        heading += "enabled = yes\n"
    made.append(
        AddBlock(
            f"adds to {path}: what events of a call carry (channelvars)",
            path,
            f"{heading}channelvars = {','.join(merged(found.others.channelvars))}",
            owner=owner,
        )
    )
    made += _user(found, "ARI", ari_text(access), into=_custom(found, "ari.conf", "ari_additional_custom.conf").name)
    if not found.others.ami.enabled:
        raise SetupError(
            f"AMI is off in {found.config}/manager.conf, and FreePBX itself needs it",
            "fwconsole reload, and see FreePBX's dashboard",
            code="setup_ami_off",
        )
    made += _user(found, "AMI", ami_text(_permitted(found, access)), into=_custom(found, "manager.conf", "manager_custom.conf").name)
    return made


def _permitted(found: Found, access: Access) -> Access:
    """Who speaks to an address of the LAN from the same machine comes from that address, not from loopback."""
    try:
        near = ipaddress.ip_address(found.now.ami.host)
    except ValueError:
        return access
    return access if near.is_loopback else replace(access, permit=(*access.permit, network(str(near))))


def _user(found: Found, what: str, text: str, *, into: str) -> list[Step]:
    file, owner = {"ARI": ARI_FILE, "AMI": AMI_FILE}[what], _owner(found)
    path, where = found.config / file, _ends_well(found, into)
    name = {"ARI": "it watches calls, lights lamps, calls back", "AMI": "it declines calls, marks voicemail heard"}[what]
    return [
        WriteFile(f"writes {path}: {what} user with a secret of its own ({name})", path, text.encode, 0o640, owner),
        AddBlock(f"adds to {where}: #tryinclude {file}", where, f"#tryinclude {file}", owner=owner),
    ]


def _custom(found: Found, main: str, custom: str) -> Path:
    """FreePBX's file for lines of others. Raises SetupError where FreePBX does not read it."""
    conf, path = found.conf(main), found.config / custom
    if path not in (*conf.files, *conf.missing):
        raise SetupError(
            f"FreePBX's {found.config / main} does not include {custom}",
            "bring FreePBX's modules up to date: fwconsole ma upgradeall, then fwconsole reload",
            code="setup_includes",
        )
    return path


def _heading_at(conf: Conf, path: Path) -> str:
    """ari_general_custom.conf is read inside [general]; a heading is needed only where somebody began another section in it."""
    own = [section for section in conf.sections if section.file == path]
    return "[general](+)\n" if own and own[-1].name != "general" else ""


def _setting(found: Found, key: str, label: str, file: str) -> list[Step]:
    """What FreePBX's GUI rules is switched on with its own command, which shows it in the GUI too. Issabel has none: a line of ours."""

    def off() -> bool:
        return not truth(found.conf(file, ours=False).get("general", "enabled"), default=file == "ari.conf")

    if not off():
        return []
    if found.fwconsole is None:
        path = _custom(found, file, file.replace(".", "_custom."))
        return [AddBlock(f"adds to {path}: {label} on", path, "[general](+)\nenabled = yes", owner=_owner(found))]
    command = str(found.fwconsole)
    return [
        Run(
            f'switches on FreePBX\'s "{label}" ({key}), then fwconsole reload: as Apply Config does, with whatever waits to be applied',
            off,
            ["/bin/sh", "-c", f"{shlex.quote(command)} setting {key} 1 && {shlex.quote(command)} reload"],
            [command, "setting", key, "0"],
            f"FreePBX's setting {key}",
        )
    ]


def _dialplan(found: Found, wanted: Dialplan) -> list[Step]:
    owner = _owner(found)
    text = (files("ari_app.config") / "asterisk/extensions_textback.conf").read_text(encoding="utf-8").replace(_AGI, wanted.agi)
    main = found.conf("extensions.conf", ours=False)
    phones = wanted.phones
    if found.flavour == "freepbx":
        path = _custom(found, "extensions.conf", "extensions_custom.conf")
        phones = phones or "from-internal-custom"
    else:
        path = _ends_well(found, "extensions.conf")
        if phones is not None and main.of(phones) is None:
            known = ", ".join(main.names(but=("general", "globals"))[:12])
            raise SetupError(f"{path} has no context {phones}", f"name the one your phones dial in: {known}", code="setup_context")
    lines = f"#tryinclude {DIALPLAN_FILE}"
    if phones is not None:
        plus = "(+)" if main.of(phones) is not None else ""
        lines += f"\n[{phones}]{plus}\ninclude => textback-inbox\ninclude => textback-decline"
    own = found.config / DIALPLAN_FILE
    return [
        WriteFile(f"writes {own}: what a dialplan may ask (*767, *768, open or closed)", own, text.encode, 0o640, owner),
        AddBlock(
            f"adds to {path}: #tryinclude {DIALPLAN_FILE}" + (f", *767 and *768 in {phones}" if phones else ""), path, lines, owner=owner
        ),
    ]


@dataclass(slots=True)
class _Loading:
    """Asterisk reads its files anew after the changes, and again after they are taken out."""

    found: Found
    access: Access
    ari: str
    changes: Sequence[Step]
    commands: Sequence[str]
    _stale: bool = field(default=False, init=False)

    def stale(self) -> bool:
        """Something will be changed, or was in a run that was killed before Asterisk had read it."""
        self._stale = self._stale or any(each.needed() for each in self.changes) or not answers(self.found, self.access, self.ari)
        return self._stale

    def loaded(self) -> None:
        """Raises SetupError with what is wrong, in doctor's words, when either user is not let in after that."""
        for command in self.commands:
            self.found.console(command)
        answers(self.found, self.access, self.ari, patience=15.0, strict=True)
        self._stale = False


@dataclass(frozen=True, slots=True)
class _Announced:
    """First, so that it is undone last: what was taken out has to be read anew too."""

    loading: _Loading

    @property
    def title(self) -> str:
        return "has Asterisk read these files anew when they are taken out again"

    def needed(self) -> bool:
        return any(each.needed() for each in self.loading.changes) and self.loading.stale()

    def do(self, journal: Journal) -> None:
        found, asterisk = self.loading.found, f"{shlex.quote(str(self.loading.found.binary))} -rx"
        lines = [f"{asterisk} 'core show version' || exit 0", *(f"{asterisk} {shlex.quote(each)}" for each in self.loading.commands)]
        if found.fwconsole is not None and any(isinstance(each, Run) for each in self.loading.changes):
            lines.insert(0, f"{shlex.quote(str(found.fwconsole))} reload")
        script = f"exec >/dev/null 2>&1; {'; '.join(lines)}"
        journal.command("Asterisk, which reads its files anew", (), ["/bin/sh", "-c", script])


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Reads anew what concerns us, calls go on; then both users have to get in."""

    loading: _Loading

    @property
    def title(self) -> str:
        ami = self.loading.found.now.ami
        commands = ", ".join(self.loading.commands)
        return (
            f"has Asterisk read them ({commands}; calls go on) and logs in, to ARI at {self.loading.ari} and AMI at {ami.host}:{ami.port}"
        )

    def needed(self) -> bool:
        return self.loading.stale()

    def do(self, journal: Journal) -> None:  # noqa: ARG002 - changes no file
        self.loading.loaded()
