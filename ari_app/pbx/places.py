"""What names mean: which application is which place, which channel is a device, which number a dial string holds."""

from __future__ import annotations

import re
from enum import Enum

from ari_app.model import Reached
from ari_app.numbers import e164

__all__ = ["Kind", "dialled_number", "kind_of", "other_half", "place_of", "trunk_name"]


class Kind(Enum):
    """What a channel is, by the technology in its name."""

    DEVICE = "device"
    LOCAL = "local"
    OTHER = "other"
    """Announcers, recorders, snoops, media sockets: never a person."""


_DEVICES = frozenset(
    {
        # the drivers of Asterisk itself
        "PJSIP", "SIP", "IAX2", "DAHDI", "SCCP", "Skinny", "MGCP", "USTM", "OOH323", "H323", "Motif", "Console", "Mobile", "Phone", "VPB",
        # kept outside it
        "Dongle", "Quectel", "Simcom", "Khomp", "mISDN", "CAPI",
    }
)  # fmt: skip


def kind_of(name: str) -> Kind:
    """Kind of the channel called ``name`` ("PJSIP/101-0000001a")."""
    technology = name.partition("/")[0]
    if technology in _DEVICES:
        return Kind.DEVICE
    return Kind.LOCAL if technology == "Local" else Kind.OTHER


def other_half(name: str) -> str | None:
    """Name of the other half of a Local channel ("Local/101@ctx-00000003;1" ↔ "…;2"), None for names without halves."""
    if name.endswith(";1"):
        return name[:-1] + "2"
    if name.endswith(";2"):
        return name[:-1] + "1"
    return None


def trunk_name(name: str) -> str:
    """Trunk or port of a channel: "PJSIP/voipms-0000001a" → "PJSIP/voipms", "DAHDI/4-1" → "DAHDI/4".

    An ISDN channel has the caller's number in its name: "DAHDI/i1/5145551234-3" → "DAHDI/i1".
    """
    bare = re.sub(r"(-[0-9A-Fa-f]{1,8})?(;[12])?$", "", name)
    span = re.match(r"DAHDI/i[0-9]+(?=/)", bare)
    return span[0] if span else bare


_PLACES = {
    Reached.QUEUE: "Queue AgentRequest",
    Reached.MENU: "BackGround BackgroundDetect Read WaitExten SpeechBackground Directory",
    Reached.VOICEMAIL: "VoiceMail MinivmGreet MinivmRecord Record",
    Reached.HOLD: "Park ParkAndAnnounce ParkedCall BridgeWait MusicOnHold StartMusicOnHold",
    Reached.FAX: "ReceiveFAX SendFAX RxFAX TxFAX",
    Reached.REMOTE: "VoiceMailMain MinivmAccMess DISA AgentLogin",
}  # fmt: skip
_BY_APP = {app.lower(): place for place, apps in _PLACES.items() for app in apps.split()}


def place_of(app: str) -> Reached | None:
    """The place an application keeps a caller in; None for one that passes the caller on, like Set or Goto."""
    return _BY_APP.get(app.lower())


def dialled_number(dialstring: str, leg_number: str, country: str) -> str | None:
    """E.164 of the number an outgoing leg dials, from Dial's dial string first, then the leg's own number; else None.

    Dial strings look like "5145551234@trunk", "trunk/5145551234", "g0/w5145551234" or "trunk/sip:+15145551234@host";
    FreePBX may put an access digit 9 before the number.
    """
    for text in (dialstring, leg_number):
        for piece in reversed(text.split("/")):
            user = re.sub(r"^(sips?|tel):", "", piece.partition("@")[0]).partition(";")[0].lstrip("wWpP")
            if not re.fullmatch(r"\+?[0-9]{5,17}", user):
                continue
            number = e164(user, country) or (e164(user[1:], country) if user.startswith("9") else None)
            if number is not None:
                return number
    return None
