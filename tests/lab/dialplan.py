"""What the configuration files leave open: extensions, queues, mailboxes, parking lots and dialplan, of the clinic and each scenario."""

from __future__ import annotations

from tests.lab.scenarios import TABLE, numbers_of

__all__ = ["CLINIC_PHONES", "values"]

CLINIC_PHONES = tuple(str(number) for number in range(101, 107))


def values() -> dict[str, str]:
    """The placeholders of etc/*.conf."""
    phones, mailboxes = list(CLINIC_PHONES), [*CLINIC_PHONES, "600"]
    queues = ["[700](lab)\n" + "".join(f"member = Local/{each}@from-queue/n,0,Desk {each},PJSIP/{each}\n" for each in CLINIC_PHONES[:3])]
    lots, dids, pieces = [], ["[from-did-scenarios]\n"], ["[scenario-internal]\n"]
    for scenario in TABLE:
        numbers = numbers_of(scenario)
        fields = numbers.fields
        phones += [fields["a"], fields["b"], fields["c"], fields["fax"]]
        mailboxes += [fields["a"], fields["b"]]
        if scenario.queue:
            queues.append(f"[q{fields['queue']}](lab)\n" + "".join(f"member = {each.format(**fields)}\n" for each in scenario.queue))
        park = f"parkpos = {fields['slot']}-{fields['slot']}"
        rest = f"context = parkedcalls\nparkingtime = {scenario.parking_seconds}\ncomebacktoorigin = yes\ncomebackdialtime = 20\n"
        lots.append(f"[{fields['lot']}]\n{park}\n{rest}")
        lines = [f"exten => {numbers.did},1,NoOp({scenario.name})", *(f" same => n,{line}" for line in scenario.plan)]
        dids.append("\n".join(lines).format(**fields) + "\n")
        if scenario.more:
            pieces.append(scenario.more.format(**fields))
    return {
        "PHONES": "\n".join(_phone(each) for each in phones),
        "MAILBOXES": "\n".join(f"{each} => 1234,Mailbox {each}" for each in mailboxes),
        "QUEUES": "\n".join(queues),
        "LOTS": "\n".join(lots),
        "DIALPLAN": "\n".join([*dids, *pieces]),
    }


def _phone(extension: str) -> str:
    endpoint = f"[{extension}](phone)\naors = {extension}\ncallerid = Desk {extension} <{extension}>\n"
    return f"{endpoint}[{extension}](place)\nmailboxes = {extension}@default\n"
