"""The Asterisk on this machine as setup finds it: who it is, plain or FreePBX, what listens where, and who may use it already.

Asterisk reads no setting from here; everything is read from its files, and its version from the program. Sources: Asterisk's
configs/samples; FreePBX 15 to 17: framework and core (amp_conf/astetc, etc/http.conf), arimanager (etc/ari.conf).
"""

from __future__ import annotations

import grp
import pwd
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ari_app.errors import SetupError
from ari_app.setup.conf import Conf, generated, load, truth

__all__ = ["CHANNELVARS", "Ami", "Found", "Http", "State", "find"]

CHANNELVARS = ("CALLERID(num-pres)", "VMSTATUS", "TEXTBACK_OPTION")
"""What every event of a channel has to carry: is the number hidden, was a message left, what was chosen in a menu."""
_OLDEST = (16, 3)
"""eventFilter came with 16.3: without it a PBX's every event would be read."""
_PLACES = ("usr/sbin/asterisk", "usr/local/sbin/asterisk", "usr/bin/asterisk", "opt/asterisk/sbin/asterisk")
_CONFIGS = ("etc/asterisk", "usr/local/etc/asterisk", "opt/asterisk/etc/asterisk")
_PORTS = (8088, 18088, 28088)
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Http:
    """Asterisk's HTTP server (http.conf), in which ARI lives."""

    enabled: bool
    host: str
    """To be reached from this machine: loopback where it listens everywhere."""
    port: int
    prefix: str
    tls_port: int | None

    @property
    def url(self) -> str:
        """``pbx.ari`` of textback.toml."""
        return f"http://{self.host}:{self.port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Ami:
    """Asterisk's manager (manager.conf)."""

    enabled: bool
    host: str
    port: int
    tls_port: int | None


@dataclass(frozen=True, slots=True)
class State:
    """What the files say."""

    http: Http
    ari_enabled: bool
    ari_users: tuple[str, ...]
    channelvars: tuple[str, ...]
    ami: Ami
    ami_users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An Asterisk on this machine."""

    root: Path
    binary: Path
    version: str
    """"22.10.1"; "unknown" for one built from a working copy."""
    config: Path
    """Asterisk's configuration directory."""
    flavour: Literal["plain", "freepbx"]
    running: bool
    user: str
    group: str
    """Who Asterisk runs as."""
    now: State
    others: State
    """The same without what setup has written."""
    open_port: int
    """Where its HTTP server goes on loopback if it is off: the port its files name, else one nobody listens at; 0: none is free."""
    fwconsole: Path | None
    """FreePBX's command line, where there is one."""
    cdr: bool
    """cdr.conf has the call records on."""
    unanswered: bool
    """cdr.conf: a call that never reached a Dial leaves a record too."""

    def conf(self, name: str, *, ours: bool = True) -> Conf:
        """One of its files with all it includes. Raises SetupError."""
        return load(self.config / name, self.config, ours=ours)

    def console(self, command: str) -> str:
        """What the running Asterisk answers to a console command (asterisk -rx). Raises SetupError "setup_asterisk_down"."""
        done = _ask(self.binary, "-rx", command)
        if done is None:
            raise SetupError("Asterisk is not running", "systemctl start asterisk, then run setup again", code="setup_asterisk_down")
        return done

    def sentence(self) -> str:
        """For who looks on: "Asterisk 22.10.1 (FreePBX), running as asterisk, configured in /etc/asterisk"."""
        kind = " (FreePBX)" if self.flavour == "freepbx" else ""
        runs = f"running as {self.user}" if self.running else "not running"
        return f"Asterisk {self.version}{kind}, {runs}, configured in {self.config}"


def find(root: Path = Path("/")) -> Found:
    """Looks at the Asterisk of this machine; changes nothing.

    Raises SetupError: "setup_no_asterisk", "setup_asterisk_old", "setup_no_config", "setup_permission" (its files are not everybody's).
    """
    binary = next((root / place for place in _PLACES if (root / place).exists()), None)
    if binary is None and root == Path("/"):
        binary = Path(path) if (path := shutil.which("asterisk")) else None
    if binary is None:
        raise SetupError(
            "there is no Asterisk on this machine",
            "install it, or name the machine it runs on: textback setup --pbx HOST",
            code="setup_no_asterisk",
        )
    version = _version(_ask(binary, "-V") or "")
    if version is not None and version[:2] < _OLDEST:
        raise SetupError(
            f"Asterisk {'.'.join(map(str, version))} is too old", "upgrade it to 16.3 or newer (22 is best)", code="setup_asterisk_old"
        )
    config = _config(root)
    main = load(config / "asterisk.conf", config)
    user, group = _runs_as(root, main)
    cdr = load(config / "cdr.conf", config)
    freepbx = any((root / name).exists() for name in ("etc/freepbx.conf", "etc/amportal.conf")) or generated(config / "extensions.conf")
    now, others = _state(config, ours=True), _state(config, ours=False)
    return Found(
        root=root,
        binary=binary,
        version=".".join(map(str, version)) if version else "unknown",
        config=config,
        flavour="freepbx" if freepbx else "plain",
        running=_ask(binary, "-rx", "core show version") is not None,
        user=user,
        group=group,
        now=now,
        others=others,
        open_port=now.http.port if now.http.enabled else _open_port(others.http.port),
        fwconsole=next((at for name in ("usr/sbin/fwconsole", "var/lib/asterisk/bin/fwconsole") if (at := root / name).exists()), None),
        cdr=truth(cdr.get("general", "enable"), default=True),
        unanswered=truth(cdr.get("general", "unanswered"), default=False),
    )


def _open_port(named: int) -> int:
    for port in dict.fromkeys((named, *_PORTS)):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def _ask(binary: Path, *args: str) -> str | None:
    """None: it could not be asked, or said that it failed."""
    try:
        done = subprocess.run([str(binary), *args], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _version(said: str) -> tuple[int, ...] | None:
    """ "Asterisk 22.10.1~dfsg…", "Asterisk certified/18.9-cert1"."""
    found = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)+)", said)
    return tuple(map(int, found[1].split("."))) if found else None


def _config(root: Path) -> Path:
    """asterisk.conf may name another directory than the one it lies in (astetcdir)."""
    for place in _CONFIGS:
        folder = root / place
        if folder.is_dir():
            named = load(folder / "asterisk.conf", folder).get("directories", "astetcdir")
            other = root / named.lstrip("/") if named else folder
            return other if other.is_dir() else folder
    raise SetupError("Asterisk's configuration directory is not there (/etc/asterisk)", "install its samples", code="setup_no_config")


def _runs_as(root: Path, main: Conf) -> tuple[str, str]:
    """asterisk.conf says, or Debian's defaults; else who owns what only Asterisk writes, as user and group names (numbers without)."""
    user, group = main.get("options", "runuser"), main.get("options", "rungroup")
    if user and group:
        return user, group
    defaults = root / "etc/default/asterisk"
    said = (
        dict(re.findall(r'^AST_(USER|GROUP)="?([\w.-]+)"?', defaults.read_text("utf-8", "replace"), re.MULTILINE))
        if defaults.exists()
        else {}
    )
    user, group = user or said.get("USER"), group or said.get("GROUP")
    for name in ("run/asterisk/asterisk.ctl", "var/run/asterisk/asterisk.ctl", "var/lib/asterisk/astdb.sqlite3", "var/lib/asterisk"):
        path = root / name
        if path.exists():
            found = path.stat()
            return user or _user(found.st_uid), group or _group(found.st_gid)
    return user or "root", group or "root"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _state(config: Path, *, ours: bool) -> State:
    http, ari, manager = (load(config / name, config, ours=ours) for name in ("http.conf", "ari.conf", "manager.conf"))
    said = ari.get("general", "channelvars") or ""
    return State(
        http=Http(
            enabled=truth(http.get("general", "enabled"), default=False),
            host=_near(http.get("general", "bindaddr")),
            port=_port(http.get("general", "bindport"), 8088),
            prefix="/" + prefix.strip("/") if (prefix := (http.get("general", "prefix") or "").strip("/")) else "",
            tls_port=_tls(http, 8089),
        ),
        ari_enabled=bool(ari.files) and truth(ari.get("general", "enabled"), default=True),
        ari_users=ari.names(),
        channelvars=tuple(dict.fromkeys(each.strip() for each in said.split(",") if each.strip())),
        ami=Ami(
            enabled=truth(manager.get("general", "enabled"), default=False),
            host=_near(manager.get("general", "bindaddr")).strip("[]"),
            port=_port(manager.get("general", "port"), 5038),
            tls_port=_tls(manager, 5039),
        ),
        ami_users=manager.names(),
    )


def _near(address: str | None) -> str:
    """Where what listens at ``address`` is reached from this machine, as it stands in a URL."""
    address = (address or "").strip("[] ")
    if address in ("", "0.0.0.0", "::"):  # noqa: S104 - read, not bound
        return "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def _port(said: str | None, usual: int) -> int:
    return int(said) if said and said.isdecimal() else usual


def _tls(conf: Conf, usual: int) -> int | None:
    if not truth(conf.get("general", "tlsenable"), default=False):
        return None
    return _port((conf.get("general", "tlsbindaddr") or "").rpartition(":")[2], usual)
