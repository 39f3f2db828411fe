"""The clinic's PBX as it stood before textback came: the lab's trunk, phones and dialplan, and for the rest Debian's own configuration."""

from __future__ import annotations

from pathlib import Path

from tests.install.machine import Machine
from tests.lab import dialplan
from tests.lab.root import LabError
from tests.lab.scripts import Caller, Phone, caller_script, phone_script

__all__ = ["CLINIC", "configure", "missed_call"]

CLINIC = "5145550100"
_ETC = Path(dialplan.__file__).with_name("etc")
_FILES = ("extensions.conf", "pjsip.conf", "voicemail.conf", "cdr.conf")
_PORTS = {"SIP": "5060", "CARRIER": "5070", "AGI": "4573"}
_DESK, _PHONE_PORT, _TRUNK_PORT = "101", 5101, 5070
_FOLDER = "/run/lab"
_RING = 6.0


async def configure(machine: Machine) -> None:
    """Write the PBX's configuration and have it read. Raises LabError."""
    values = dialplan.values() | _PORTS | {"DIALPLAN": "[from-did-scenarios]\n[scenario-internal]\n"}
    # the phone on the desk stands where it always stands: no registration to repeat
    values["PHONES"] = values["PHONES"].replace(f"[{_DESK}](place)\n", f"[{_DESK}](place)\ncontact = sip:127.0.0.1:{_PHONE_PORT}\n")
    for name in _FILES:
        text = (_ETC / name).read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        await machine.run(f"cat >/etc/asterisk/{name}", given=text)
    await machine.run("systemctl restart asterisk && asterisk -rx 'core waitfullybooted'", patience=180)
    listed = await machine.run("asterisk -rx 'pjsip show endpoints'")
    if f"Endpoint:  {_DESK}" not in listed or "Endpoint:  trunk" not in listed:
        raise LabError(f"the PBX knows neither trunk nor phone: {listed.strip()[-800:]}")
    await machine.run(f"mkdir -p {_FOLDER} && cat >{_FOLDER}/phone.xml", given=phone_script(Phone("ring")))
    await machine.run(
        f"systemd-run --quiet --unit=lab-phone --collect --working-directory={_FOLDER} "
        f"sipp -sf phone.xml -i 127.0.0.1 -p {_PHONE_PORT} -mi 127.0.0.1 -ci 127.0.0.1 -cp 5199 -nostdin -trace_err -error_file phone.log"
    )


async def missed_call(machine: Machine, number: str) -> None:
    """A caller (ten digits) rings the clinic, nobody answers, the caller gives up. Returns when it is over. Raises LabError."""
    script = caller_script(Caller(number, CLINIC, give_up=_RING))
    await machine.run(f"cat >{_FOLDER}/{number}.xml", given=script)
    done = await machine.tried(
        f"cd {_FOLDER} && TERM=dumb timeout 60 sipp -sf {number}.xml -i 127.0.0.2 -p {_TRUNK_PORT} -mi 127.0.0.2 -ci 127.0.0.1 -cp 5198 "
        f"-nostdin -skip_rlimit -trace_err -error_file {number}.log -m 1 127.0.0.1:5060 >{number}.screen 2>&1",
        patience=90,
    )
    if done.code not in {0, 1}:
        said = await machine.tried(f"cat {_FOLDER}/{number}.log; tail -30 {_FOLDER}/{number}.screen; tail -20 /var/log/asterisk/messages")
        raise LabError(f"the call of {number} ended with {done.code}: {said.out.strip()[-2000:]}")
