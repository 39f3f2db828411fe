"""Where setup finds and puts things, below a root that is "/" but for trials ($TEXTBACK_ROOT), and whose they are."""

from __future__ import annotations

import pwd
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ari_app.errors import SetupError
from ari_app.setup.files import Owner, read
from ari_app.setup.journal import JOURNAL

__all__ = ["Paths"]

_USER = "textback"


@dataclass(frozen=True, slots=True)
class Paths:
    """``settings``: textback.toml; what setup writes for the service lies beside it."""

    root: Path
    settings: Path

    @classmethod
    def below(cls, root: Path, settings: Path | None = None) -> Paths:
        return cls(root, settings or root / "etc/textback/textback.toml")

    @property
    def folder(self) -> Path:
        return self.settings.parent

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL.name

    @property
    def elsewhere(self) -> dict[str, str]:
        """Settings whose default is a path of "/", for another root."""
        if self.root == Path("/"):
            return {}
        return {
            "store.path": str(self.root / "var/lib/textback/textback.db"),
            "store.backup.folder": str(self.root / "var/backups/textback"),
            "agi.sounds": str(self.root / "var/spool/textback"),
        }

    @property
    def example(self) -> str:
        """The settings file that ships."""
        return (files("ari_app.config") / "textback.toml").read_text(encoding="utf-8")

    def written(self) -> str | None:
        """The settings file that is there; the example as it ships counts as none. Raises SetupError."""
        try:
            found = (read(self.settings) or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise SetupError(f"{self.settings} is not UTF-8 (byte {error.start})", "save it as UTF-8", code="setup_settings") from error
        return None if found in ("", self.example) else found

    def owners(self) -> tuple[Owner, Owner]:
        """Of what the service may read, and of what is its own. Raises SetupError where the service has no user on this machine."""
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            if self.root != Path("/"):
                return Owner(), Owner()
            raise SetupError(
                f"this machine has no user {_USER}",
                "install the Debian package, or: useradd --system --user-group --groups dialout textback",
                code="setup_no_user",
            ) from None
        return Owner("root", _USER), Owner(_USER, _USER)
