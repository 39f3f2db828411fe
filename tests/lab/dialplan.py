"""What the configuration files leave open: the extensions, queues, mailboxes and dialplan of the clinic and of every scenario."""

from __future__ import annotations

__all__ = ["CLINIC_PHONES", "values"]

CLINIC_PHONES = tuple(str(number) for number in range(101, 107))


def values() -> dict[str, str]:
    """The placeholders of etc/*.conf."""
    phones = list(CLINIC_PHONES)
    mailboxes = [*CLINIC_PHONES, "600"]
    queues = "[700](lab)\n" + "".join(f"member = Local/{each}@from-queue/n,0,Desk {each},PJSIP/{each}\n" for each in CLINIC_PHONES[:3])
    pieces = "[from-did-scenarios]\n\n[scenario-internal]\n"
    return {
        "PHONES": "\n".join(_phone(each) for each in phones),
        "MAILBOXES": "\n".join(f"{each} => 1234,Mailbox {each}" for each in mailboxes),
        "QUEUES": queues,
        "DIALPLAN": pieces,
        "FROM_INTERNAL_EXTRA": "scenario-internal",
        "PARKING_SECONDS": "4",
    }


def _phone(extension: str) -> str:
    return f"[{extension}](phone)\naors = {extension}\ncallerid = Desk {extension} <{extension}>\n[{extension}](place)\n"
