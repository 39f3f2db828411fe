"""The AT commands of the simulated modem that are about texts (3GPP TS 27.005), PDU mode."""

from __future__ import annotations

from modem.sim_codes import cms
from modem.sim_commands import Call, command
from modem.sim_modem import Modem
from modem.sim_pdu import tpdu_length

__all__: list[str] = []


@command("+CMGF")
def _format(modem: Modem, call: Call) -> list[str]:
    del modem
    if call.form == "ask":
        return ["+CMGF: 0"]
    if call.form == "forms":
        return ["+CMGF: (0)"]
    if call.number(0, 0) != 0:
        raise cms(303)  # text mode: what real modems do there differs too much to be worth simulating
    return []


@command("+CSMS")
def _service(modem: Modem, call: Call) -> list[str]:
    settings = modem.settings
    if call.form == "forms":
        return ["+CSMS: (0,1)"]
    if call.form == "set":
        if call.number(0) > 1:
            raise cms(303)
        settings.acknowledges = call.number(0) == 1
        settings.unacknowledged = False
        return ["+CSMS: 1,1,1"]
    return [f"+CSMS: {int(settings.acknowledges)},1,1,1"]


@command("+CNMA")
def _acknowledge(modem: Modem, call: Call) -> list[str]:
    """A text or report handed over was taken (TS 27.005 4.7)."""
    if call.form == "forms":
        return ["+CNMA: (0-2)"]
    if not modem.acknowledge():
        raise cms(340)
    return []


@command("+CSMP")
def _text_mode_parameters(modem: Modem, call: Call) -> list[str]:
    if call.form == "set":
        modem.settings.accepted["+CSMP"] = ",".join(call.args)
        return []
    return ["+CSMP: " + modem.settings.accepted.get("+CSMP", "17,167,0,0")] if call.form == "ask" else []


@command("+CSCA")
def _service_centre(modem: Modem, call: Call) -> list[str]:
    if call.form == "ask":
        return [f'+CSCA: "{modem.smsc}",{145 if modem.smsc.startswith("+") else 129}']
    if call.form == "set":
        if not call.args[0].removeprefix("+").isdecimal():
            raise cms(305)
        modem.smsc = call.args[0]
    return []


@command("+CPMS")
def _memories(modem: Modem, call: Call) -> list[str]:
    stores, chosen = modem.stores, modem.settings.memories
    names = ",".join(f'"{name}"' for name in stores.sizes)
    writable = ",".join(f'"{name}"' for name in stores.sizes if name != "SR")
    if call.form == "forms":
        return [f"+CPMS: ({names}),({writable}),({writable})"]
    if call.form == "ask":
        return ["+CPMS: " + ",".join(f'"{name}",{stores.use(name)}' for name in chosen)]
    if call.form != "set":
        raise cms(302)
    for place, name in enumerate(call.args):
        if place > 2 or (name and (name not in stores.sizes or (place and name == "SR"))):
            raise cms(302)
    for place, name in enumerate(call.args):
        chosen[place] = name or chosen[place]
    modem.network.later(0, modem.network.flush)
    return ["+CPMS: " + ",".join(stores.use(name) for name in chosen)]


@command("+CNMI")
def _indications(modem: Modem, call: Call) -> list[str]:
    settings, takes = modem.settings, modem.profile.cnmi
    if call.form == "ask":
        return ["+CNMI: " + ",".join(map(str, settings.cnmi))]
    if call.form == "forms":
        return ["+CNMI: " + ",".join(f"({','.join(map(str, values))})" for values in takes)]
    values = [call.number(place, 0) for place in range(max(len(call.args), 5))]
    if len(values) > 5 or any(value not in allowed for value, allowed in zip(values, takes, strict=True)):
        raise cms(302)
    mode, texts, cells, reports, held = values
    settings.cnmi = (mode, texts, cells, reports, held)
    if mode and settings.held_back:
        lines, settings.held_back = settings.held_back, []
        if held == 0:  # <bfr> 0: give them to the client; 1: drop them
            modem.network.later(0, lambda: modem.urcs(lines))
    return []


def _message(modem: Modem, call: Call) -> tuple[str, int]:
    """Store and index of a command that names one. Raises AtError 321 when nothing can be there."""
    store, index = modem.settings.memories[0], call.number(0)
    if not 1 <= index <= modem.stores.sizes[store]:
        raise cms(321)
    return store, index


@command("+CMGL")
def _list(modem: Modem, call: Call) -> list[str]:
    if call.form == "forms":
        return ["+CMGL: (0-4)"]
    wanted = call.number(0, 0)
    if wanted > 4:
        raise cms(304)
    lines = []
    for index, stored in sorted(modem.stores.held[modem.settings.memories[0]].items()):
        if wanted in {4, stored.status}:
            lines += [f"+CMGL: {index},{stored.status},,{tpdu_length(stored.pdu)}", stored.pdu]
            stored.status = 1 if stored.status == 0 else stored.status
    return lines


@command("+CMGR")
def _read(modem: Modem, call: Call) -> list[str]:
    if call.form == "forms":
        return []
    store, index = _message(modem, call)
    stored = modem.stores.held[store].get(index)
    if stored is None:
        return []  # an empty place answers OK alone on many modems
    line = f"+CMGR: {stored.status if modem.profile.tells_status else ''},,{tpdu_length(stored.pdu)}"
    stored.status = 1 if stored.status == 0 else stored.status
    return [line, stored.pdu]


@command("+CMGD")
def _delete(modem: Modem, call: Call) -> list[str]:
    store = modem.settings.memories[0]
    held = modem.stores.held[store]
    if call.form == "forms":
        return [f"+CMGD: ({','.join(map(str, sorted(held)))}),(0-4)"]
    sweep = call.number(1, 0)
    if sweep > 4:
        raise cms(302)
    if sweep == 0:
        store, index = _message(modem, call)
        modem.delete(store, index)
        return []
    statuses = {1: {1}, 2: {1, 3}, 3: {1, 2, 3}, 4: {0, 1, 2, 3}}[sweep]
    for index in [index for index, stored in held.items() if stored.status in statuses]:
        modem.delete(store, index)
    return []


@command("+CMSS")
def _send_stored(modem: Modem, call: Call) -> list[str] | None:
    if call.form == "forms":
        return []
    index = call.number(0)
    stored = modem.stores.held[modem.settings.memories[1]].get(index)
    if stored is None or stored.status < 2:
        raise cms(321)
    stored.status = 3
    modem.submit(stored.pdu, tpdu_length(stored.pdu), name="+CMSS")
    return None


@command("+CMGS", "+CMGW")
def _send(modem: Modem, call: Call) -> list[str] | None:
    if call.form == "forms":
        return []
    length = call.number(0)
    if call.form != "set" or not 7 <= length <= 164:
        raise cms(304)
    modem.open_prompt(length, store_only=call.name == "+CMGW")
    return None
