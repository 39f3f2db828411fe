"""What an administrator copies into Asterisk, copied into a lab: the shipped dialplan, included where the phones dial."""

from __future__ import annotations

from pathlib import Path

from tests.lab.lab import Lab

__all__ = ["install_dialplan"]

_SNIPPET = Path(__file__).parents[2] / "config/asterisk/extensions_textback.conf"
_INCLUDED = f"#include {_SNIPPET.name}\n"
_CODES = "[from-internal](+)\ninclude => textback-inbox\ninclude => textback-decline\n"


async def install_dialplan(lab: Lab) -> None:
    """config/asterisk/extensions_textback.conf beside extensions.conf, its codes (*767, *768) among what the phones dial. Twice is once."""
    etc = lab.record.folder / "asterisk/etc"
    shipped = _SNIPPET.read_text(encoding="utf-8").replace("127.0.0.1:4573", f"127.0.0.1:{lab.record.ports.agi}")
    (etc / _SNIPPET.name).write_text(shipped, encoding="utf-8")
    plan = (etc / "extensions.conf").read_text(encoding="utf-8")
    more = "".join(f"\n{each}" for each in (_INCLUDED, _CODES) if each not in plan)
    if more:
        (etc / "extensions.conf").write_text(plan + more, encoding="utf-8")
    await lab.ami.command("dialplan reload")
