"""What doctor says of AMI, where push to desk phones needs it."""

from __future__ import annotations

from ari_app.errors import PbxError, SettingsError
from ari_app.pbx.ami import check
from ari_app.probes import Finding
from ari_app.settings import Settings

__all__ = ["look"]


async def look(settings: Settings) -> Finding | None:
    """Can phones be told over SIP NOTIFY; None where that is not wanted, or lacks [pbx.ami]. Sends nothing."""
    ami = settings.pbx.ami
    if not settings.portal.phones.push or ami is None:
        return None
    if not settings.pbx.device.startswith("PJSIP/"):
        return Finding(
            "warn",
            "push_not_pjsip",
            f"phones are rung as {settings.pbx.device}, and only PJSIP phones can be told anything",
            "set portal.phones.push = false",
        )
    try:
        allowed = set(await check(ami))
    except SettingsError:
        return None  # said of the settings
    except PbxError as error:
        return Finding("warn", "ami_refused" if error.code == "pbx_auth" else "ami_unreachable", error.what, error.fix)
    if "PJSIPNotify" in allowed:
        return Finding("ok", "ami", f"Asterisk lets {ami.username} tell phones over AMI")
    if "ModuleLoad" in allowed:
        return Finding(
            "warn",
            "ami_no_notify",
            "Asterisk has no AMI action PJSIPNotify: no phone is told anything",
            "load res_pjsip_notify.so: asterisk -rx 'module load res_pjsip_notify.so', and see modules.conf",
        )
    return Finding(
        "warn",
        "ami_no_right",
        f'the AMI user "{ami.username}" may not send a NOTIFY: no phone is told anything',
        "give it write = system in manager.conf, then asterisk -rx 'manager reload'",
    )
