"""What doctor says of AMI, where [pbx.ami] is set: what this user may do there, and what would not work without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ari_app.errors import PbxError, SettingsError
from ari_app.pbx.ami import check
from ari_app.probes import Finding
from ari_app.settings import Settings

__all__ = ["look"]


async def look(settings: Settings) -> list[Finding]:
    """Can calls be declined, the PBX's blacklist be read, phones be told over SIP NOTIFY; none without [pbx.ami]. Changes nothing."""
    ami = settings.pbx.ami
    if ami is None:
        return []
    try:
        allowed = set(await check(ami))
    except SettingsError:
        return []  # said of the settings
    except PbxError as error:
        code = {"pbx_auth": "ami_refused", "ami_tls": "ami_tls"}.get(error.code, "ami_unreachable")
        return [Finding("warn", code, error.what, error.fix or "see that Asterisk runs and answers: asterisk -rx 'manager show connected'")]
    found = [*_calls(ami.username, allowed), *(_push(settings, ami.username, allowed) if settings.portal.phones.push else ())]
    return found or [Finding("ok", "ami", f"Asterisk lets {ami.username} do all that is wanted of it over AMI")]


def _calls(user: str, allowed: Collection[str]) -> Iterator[Finding]:
    """What an action is listed for: Redirect is of the class "call", DBGet of "system" (main/manager.c, main/db.c)."""
    if "Redirect" not in allowed or "Getvar" not in allowed:
        yield Finding(
            "warn",
            "ami_no_redirect",
            f'the AMI user "{user}" may not redirect: staff cannot decline a call',
            "give it write = system,call,user in manager.conf, then asterisk -rx 'manager reload'",
        )
    if "DBGet" not in allowed:
        yield Finding(
            "warn",
            "ami_no_blacklist",
            f'the AMI user "{user}" may not read AstDB: who stands in the PBX\'s blacklist is texted all the same',
            "give it write = system,call,user in manager.conf, then asterisk -rx 'manager reload'",
        )


def _push(settings: Settings, user: str, allowed: Collection[str]) -> Iterator[Finding]:
    if not settings.pbx.device.startswith("PJSIP/"):
        yield Finding(
            "warn",
            "push_not_pjsip",
            f"phones are rung as {settings.pbx.device}, and only PJSIP phones can be told anything",
            "set portal.phones.push = false",
        )
    elif "PJSIPNotify" in allowed:
        return
    elif "ModuleLoad" in allowed:
        yield Finding(
            "warn",
            "ami_no_notify",
            "Asterisk has no AMI action PJSIPNotify: no phone is told anything",
            "load res_pjsip_notify.so: asterisk -rx 'module load res_pjsip_notify.so', and see modules.conf",
        )
    else:
        yield Finding(
            "warn",
            "ami_no_right",
            f'the AMI user "{user}" may not send a NOTIFY: no phone is told anything',
            "give it write = system,call,user in manager.conf, then asterisk -rx 'manager reload'",
        )
