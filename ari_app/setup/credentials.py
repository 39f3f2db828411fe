"""Where the SIM's PIN is kept: a systemd credential, encrypted for this machine alone, where that works; else a file of the service's.

systemd-creds(1), systemd.exec(5) LoadCredentialEncrypted=. systemd 250 and newer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.errors import SetupError
from ari_app.setup.files import read
from ari_app.setup.journal import Journal

__all__ = ["PinCredential", "booted", "usable"]

_PATIENCE = 30.0
_OLDEST = 250
_PLAIN = "or keep the PIN in a file that root and the service may read: --pin-plain"
_UNIT = "textback.service"
_HOST_KEY = Path("var/lib/systemd/credential.secret")
_FORGET = (  # made for us, and worth nothing unless somebody else has encrypted with it since
    'grep -rqs "CredentialEncrypted=" /etc/systemd /run/systemd /usr/lib/systemd && exit 0; '
    'ls -A /etc/credstore.encrypted 2>/dev/null | grep -q . && exit 0; rm -f -- "$0"'
)


def booted(root: Path = Path("/")) -> bool:
    """Is systemd PID 1 here (sd_booted(3))."""
    return (root / "run/systemd/system").is_dir()


def usable(root: Path = Path("/")) -> bool:
    """Can systemd keep a credential here. Nothing is encrypted for trial: the first time makes this machine's key."""
    if not booted(root) or shutil.which("systemd-creds") is None:
        return False
    try:
        said = re.match(rb"systemd (\d+)", _creds(["--version"], b""))
    except SetupError:
        return False
    return said is not None and int(said[1]) >= _OLDEST


def _creds(args: list[str], given: bytes) -> bytes:
    """Raises SetupError "setup_credential"."""
    try:
        done = subprocess.run(["systemd-creds", *args], input=given, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603, S607 - no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"systemd-creds cannot be used ({error})", _PLAIN, code="setup_credential") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SetupError(f"systemd-creds failed: {said[-1] if said else done.returncode}", _PLAIN, code="setup_credential")
    return done.stdout


def _encrypted(name: str, secret: bytes) -> bytes:
    return _creds(["encrypt", f"--name={name}", "-", "-"], secret)


def _decrypted(held: bytes, name: str) -> bytes:
    return _creds(["decrypt", f"--name={name}", "-", "-"], held)


@dataclass(frozen=True, slots=True)
class PinCredential:
    """A step: the PIN as a credential that systemd decrypts for the service alone, into memory."""

    folder: Path
    """Of the encrypted file: /etc/textback."""
    modem: str
    pin: str = field(repr=False)
    root: Path = Path("/")

    @property
    def title(self) -> str:
        what = f"the PIN of {self.modem}'s SIM, encrypted for this machine"
        return f"writes {self._held}: {what}, and {self._drop_in}, which gives it to the service"

    @property
    def _name(self) -> str:
        return f"{self.modem}-pin"

    @property
    def _held(self) -> Path:
        return self.folder / f"{self._name}.cred"

    @property
    def _drop_in(self) -> Path:
        return self.root / f"etc/systemd/system/{_UNIT}.d/credentials.conf"

    @property
    def _line(self) -> str:
        return f"LoadCredentialEncrypted={self._name}:{self._held}"

    @property
    def pin_file(self) -> Path:
        return Path(f"/run/credentials/{_UNIT}/{self._name}")

    def needed(self) -> bool:
        held, drop_in = read(self._held), read(self._drop_in)
        if held is None or drop_in is None or self._line not in drop_in.decode("utf-8", "replace").splitlines():
            return True
        try:
            return _decrypted(held, self._name) != self.pin.encode()
        except SetupError:
            return True  # of another machine, or spoilt

    def do(self, journal: Journal) -> None:
        key = self.root / _HOST_KEY
        if not key.exists():
            journal.command(f"{key}, with which credentials are encrypted", ["systemd-creds", "setup"], ["sh", "-c", _FORGET, str(key)])
        journal.write_file(self._held, _encrypted(self._name, self.pin.encode()), mode=0o600)
        # undone in reverse: systemd looks again once the drop-in is gone
        journal.command("what systemd knows of the service", [], ["systemctl", "daemon-reload"])
        journal.make_folder(self._drop_in.parent, mode=0o755)
        others = [
            line for line in (read(self._drop_in) or b"").decode("utf-8", "replace").splitlines() if line.startswith("LoadCredential")
        ]
        lines = ["# made by textback setup", "[Service]", *dict.fromkeys([*others, self._line])]
        journal.write_file(self._drop_in, ("\n".join(lines) + "\n").encode(), mode=0o644)
        journal.command("", ["systemctl", "daemon-reload"], [])
