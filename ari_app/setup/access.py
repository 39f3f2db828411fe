"""The two users setup makes in Asterisk: what they may do, in the words of Asterisk's own files, and where their secrets are kept."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.errors import SetupError
from ari_app.setup.asterisk import CHANNELVARS
from ari_app.setup.changes import WriteFile
from ari_app.setup.files import Owner, read

__all__ = ["AMI_SECRET", "ARI_PASSWORD", "Access", "ami_text", "ari_text", "merged", "network", "secret_steps"]

ARI_PASSWORD, AMI_SECRET = "ari-password", "ami-secret"
"""Files beside textback.toml, for ``pbx.password_file`` and ``pbx.ami.secret_file``."""
_HEAD = "; Made by textback setup, which writes it anew. textback setup --undo takes it out.\n"


@dataclass(frozen=True, slots=True)
class Access:
    """Names and secrets of both users. ``permit``: addresses the AMI user may come from; ARI has no such list, its firewall does it."""

    ari_password: str = field(repr=False)
    ami_secret: str = field(repr=False)
    ari_user: str = "textback"
    ami_user: str = "textback"
    permit: tuple[str, ...] = ("127.0.0.1/255.255.255.255",)

    @classmethod
    def kept(
        cls, folder: Path, *, ari_user: str = "textback", ami_user: str = "textback", permit: Iterable[str] = ("127.0.0.1",)
    ) -> Access:
        """With the secrets that are kept in ``folder`` (/etc/textback), fresh ones of 192 bits where there are none.

        Raises SetupError: a secret that cannot be read, an address that is none ("setup_address"), a name Asterisk's files cannot hold
        ("setup_user_name").
        """
        for name in (ari_user, ami_user):
            if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) or name.lower() == "general":
                raise SetupError(f'"{name}" cannot be a user of Asterisk', "write letters, digits, dots, - and _", code="setup_user_name")
        return cls(
            ari_password=_kept(folder / ARI_PASSWORD),
            ami_secret=_kept(folder / AMI_SECRET),
            ari_user=ari_user,
            ami_user=ami_user,
            permit=tuple(network(each) for each in permit),
        )


def network(text: str) -> str:
    """An address or network as permit and deny take it: "192.168.1.9/255.255.255.255". Raises SetupError "setup_address"."""
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise SetupError(f'"{text}" is no address', "write it as 192.168.1.9 or 192.168.1.0/24", code="setup_address") from None
    return found.with_netmask if found.version == 4 else str(found)


def _kept(path: Path) -> str:
    held = (read(path) or b"").decode("utf-8", "replace").strip()
    return held or secrets.token_hex(24)


def secret_steps(folder: Path, access: Access, owner: Owner) -> list[WriteFile]:
    """Both secrets as files of mode 0640; ``owner`` is root and the service's group."""
    return [
        WriteFile(f"writes {folder / name}: {what}", folder / name, lambda held=held: f"{held}\n".encode(), 0o640, owner)  # type: ignore[misc]
        for name, what, held in (
            (ARI_PASSWORD, "the password of the ARI user, for the service alone", access.ari_password),
            (AMI_SECRET, "the secret of the AMI user, for the service alone", access.ami_secret),
        )
    ]


def merged(theirs: Iterable[str]) -> tuple[str, ...]:
    """Channel variables that stand, and ours: each once, theirs first. In Asterisk a second line replaces the first."""
    return tuple(dict.fromkeys((*theirs, *CHANNELVARS)))


def ari_text(access: Access, general: str = "") -> str:
    """textback_ari.conf. ``general`` is a section [general] that goes before the user.

    ``read_only = no``: textback filters its events, sets global variables, lights lamps and rings the phone of who calls back.
    """
    return (
        f"{_HEAD}{general}[{access.ari_user}]\ntype = user\npassword = {access.ari_password}\n"
        "; it filters its events, sets TEXTBACK_OPEN, lights lamps, rings the phone of who calls back\nread_only = no\n"
    )


def ami_text(access: Access, general: str = "") -> str:
    """textback_manager.conf: read "call" tells of voicemail; write "system", "call", "user" let it ask, decline, mark voicemail."""
    permits = "".join(f"permit = {each}\n" for each in access.permit)
    deny = "deny = 0.0.0.0/0.0.0.0\n" + ("deny = ::/0\n" if any(":" in each for each in access.permit) else "")
    return f"{_HEAD}{general}[{access.ami_user}]\nsecret = {access.ami_secret}\n{deny}{permits}read = call\nwrite = system,call,user\n"
