"""Topic ``install``: from a clean machine to the first text and back to the clean machine, on a real Debian 12 in QEMU."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.report import Row
from tests.install import container, image, package, qemu
from tests.install.story import PIN, SIM, Story
from tests.lab.root import LabError

__all__ = ["measure"]

_LIMITS = {
    "exposure": ("of 10", 2.0),  # systemd-analyze security
    "setup_again_steps": ("steps", 0.0),
    "upgrade_starts": ("starts", 1.0),
    "upgrade_rows_lost": ("rows", 0.0),
    "remove_rows_lost": ("rows", 0.0),
    "left_behind": ("paths", 0.0),
}


async def measure(say: Callable[[str], None], *, inside: str | None = None) -> list[Row]:
    """Seconds of each stage and what was counted. Raises LabError where a stage does not do what it should.

    ``inside``: "qemu" or "container"; None: QEMU where the processor has virtualisation to give.
    """
    disk = await asyncio.to_thread(image.prepare, say)
    with tempfile.TemporaryDirectory(prefix="textback-install-") as name:
        folder = Path(name)
        deb = await asyncio.to_thread(package.build, folder / "deb", None, say)
        version = re.fullmatch(rf"{package.NAME}_(.+)_[^_]+\.deb", deb.name)
        if version is None:
            raise LabError(f"{deb.name} is no name of a package")
        later = await asyncio.to_thread(package.repack, deb, f"{version[1]}+later", folder / "deb")
        kind = inside or ("qemu" if qemu.accelerated() else "container")
        say(f"a clean Debian 12 with Asterisk 16 starts ({kind})")
        started = qemu.machine if kind == "qemu" else container.machine
        async with started(disk, folder / "machine", number=SIM, pin=PIN) as clean:
            if clean.lacks:
                say(f"it has not {clean.lacks}; scripts/bench install --inside qemu has it all")
            elif not qemu.accelerated():
                say("without hardware virtualisation: every instruction is translated, some twenty times as slow")
            story = Story(clean, deb, later, say)
            await story.tell()
    timed = [Row(figure=name, unit="s", ours=round(value, 1)) for name, value in story.seconds.items()]
    counted = [Row(figure=name, unit=_LIMITS[name][0], ours=value, limit=_LIMITS[name][1]) for name, value in story.counts.items()]
    return timed + counted
