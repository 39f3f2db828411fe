"""Which version runs: read once, and nothing breaks where the package's metadata is missing."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ari_app
from ari_app.service import Service
from ari_app.settings import load
from tests.contract.clinic import write_settings

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_packages() -> None:
    assert ari_app.__version__ == importlib.metadata.version("asterisk-textback")


async def test_a_service_goes_on_telling_the_version_it_started_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(load(write_settings(tmp_path)))
    monkeypatch.setattr(importlib.metadata.Distribution, "discover", classmethod(lambda _, **__: iter(())))
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("asterisk-textback")
    assert service.status().version == ari_app.__version__


def test_a_bare_tree_has_no_version_and_works(tmp_path: Path) -> None:
    """The product's folders alone, with the libraries but not the package's own metadata on the path."""
    for room in ("agi", "ari_app", "modem"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    hidden = (
        "import importlib.metadata as m, sys, runpy\n"
        "found = m.Distribution.discover.__func__\n"
        "ours = 'asterisk-textback'\n"
        "m.Distribution.discover = classmethod(lambda cls, **k: (d for d in found(cls, **k) if d.metadata['Name'] != ours))\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.argv = ['textback', '--version']\n"
        "runpy.run_module('ari_app', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", hidden], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "textback unknown\n", "")
