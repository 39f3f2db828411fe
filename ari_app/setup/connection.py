"""Is textback let into Asterisk: the ARI user, the AMI user and what it may do, and what events carry. Changes nothing."""

from __future__ import annotations

import asyncio
import time

from ari_app import probes
from ari_app.errors import PbxError, SetupError
from ari_app.pbx.ami import check
from ari_app.probes import Finding
from ari_app.settings import AmiSettings, PbxSettings
from ari_app.setup.access import Access
from ari_app.setup.asterisk import CHANNELVARS, Found

__all__ = ["answers", "look"]

_WANTED = {
    "Redirect": "a call cannot be declined",
    "DBGet": "the PBX's blacklist is not read",
    "PJSIPNotify": "no phone is told that something waits",
}
_LATER = frozenset({"PJSIPNotify"})
"""Of a module that may not be loaded (res_pjsip_notify.so): doctor says so where it matters."""
_AGAIN = 0.3


async def look(pbx: PbxSettings, password: str, ami: AmiSettings | None = None) -> list[Finding]:
    """What both users meet at a PBX, here or on another machine: doctor's own words."""
    found = [await probes.ari(pbx, password)]
    if ami is not None:
        found.append(await _ami(ami))
    return found


async def _ami(ami: AmiSettings) -> Finding:
    try:
        allowed = set(await check(ami))
    except PbxError as error:
        code = {"pbx_auth": "ami_refused", "pbx_unavailable": "ami_unreachable"}.get(error.code, error.code)
        return Finding("bad", code, error.what, error.fix)
    without = [what for action, what in _WANTED.items() if action not in allowed and action not in _LATER]
    if without:
        return Finding(
            "bad", "ami_no_right", f'the AMI user "{ami.username}" may too little: {", ".join(without)}', "write = system,call,user"
        )
    return Finding("ok", "ami", f"AMI at {ami.host}:{ami.port} lets {ami.username} do what is wanted of it")


def answers(found: Found, access: Access, ari: str, *, patience: float = 0.0, strict: bool = False) -> bool:
    """Do both users get in at the Asterisk of this machine, within ``patience`` seconds, and do events carry what they have to.

    ``strict``: raises SetupError with what is wrong instead of returning False.
    """
    pbx = PbxSettings(ari=ari, username=access.ari_user, password=access.ari_password)
    ami = AmiSettings(host=found.now.ami.host, port=found.now.ami.port, username=access.ami_user, secret=access.ami_secret)
    until = time.monotonic() + patience
    while True:
        bad = [each for each in asyncio.run(look(pbx, access.ari_password, ami)) if each.state != "ok"]
        if not bad:
            bad = _carried(found)
        if not bad or time.monotonic() >= until:
            break
        time.sleep(_AGAIN)
    if bad and strict:
        raise SetupError(bad[0].what, bad[0].fix, code=bad[0].code)
    return not bad


def _carried(found: Found) -> list[Finding]:
    said = found.conf("ari.conf").get("general", "channelvars") or ""
    missing = [each for each in CHANNELVARS if each not in {one.strip() for one in said.split(",")}]
    if not missing:
        return []
    return [
        Finding("bad", "setup_channelvars", f"ari.conf: channelvars lacks {', '.join(missing)}", "a later line replaces it: take it out")
    ]
