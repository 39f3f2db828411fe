"""The whole life of textback on one clean machine: installed, set up, a caller texted, answered, upgraded, removed, taken out, purged.

What a step leaves is looked at where the administrator would: in the machine's own files, its journal, its processes and the commands'
own answers. Raises LabError where a step does not do what it should; figures go to the caller.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.install import pbx, snapshot
from tests.install.machine import ADDRESS, SHARE, Machine
from tests.lab.root import LabError

__all__ = ["PIN", "SIM", "Story"]

SIM, PIN = "+15145550177", "4321"
_OLD_CALLER, _CALLER, _TESTER = "4385550101", "4385550123", "+14385550144"
_REPLY = "Bonjour, je voudrais un rendez-vous jeudi"
_SETUP = (
    f"textback setup --yes --json --clinic 'Clinique du Parc' --number +1{pbx.CLINIC} --hours 'Mo-Su 00:00-24:00' --pin-file /run/pin "
    f"--sim-number {SIM} --forward +1{pbx.CLINIC} --listen {ADDRESS} --phones 192.168.1.0/24 --login anne --member-name 'Anne Roy' "
    f"--password-file /run/password --extension 101 --mode send --modem"
)
_STARTED = "39f53479d3a045ac8e11786248231fbf"
"""systemd's message "a unit has started" (systemd.journal-fields(7), sd-messages.h)."""
_APT = "apt-get --quiet --yes"


class Story:
    """One machine's story. ``seconds``: how long each stage took, ``counts``: what was counted, both by the name of the figure."""

    def __init__(self, machine: Machine, deb: Path, later: Path, say: Callable[[str], None]) -> None:
        """``later``: the same package under a higher version, what ``deb`` is upgraded to."""
        self._machine = machine
        self._say = say
        self._deb, self._later = (Path(SHARE) / Path(shutil.copy(each, machine.share)).name for each in (deb, later))
        self.seconds: dict[str, float] = {}
        self.counts: dict[str, float] = {}

    async def tell(self) -> None:
        """All of it, in order."""
        await self._before()
        began = time.monotonic()
        await self._install()
        await self._set_up()
        self.seconds["install_to_test_text_s"] = await self._arrival(_TESTER) - began
        sent = await self._missed_call()
        self.seconds["install_to_text_s"] = sent - began
        self._say(f"from apt install to the first text-back: {sent - began:.0f} s")
        await self._reply()
        await self._from_a_desk()
        await self._again()
        await self._hardened()
        await self._frozen()
        await self._upgrade()
        await self._remove()
        await self._undo()
        await self._purge()

    @contextmanager
    def _stage(self, figure: str, words: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[figure] = time.monotonic() - began
        self._say(f"{words}: {self.seconds[figure]:.1f} s")

    async def _before(self) -> None:
        """A PBX with a history, a stick in its USB port, and the look everything is compared with at the end."""
        machine = self._machine
        await pbx.configure(machine)
        await machine.plug_in()
        await pbx.missed_call(machine, _OLD_CALLER)
        await machine.run("cat >/run/pin", given=PIN)
        await machine.run("cat >/run/password && chmod 600 /run/pin /run/password", given="un mot de passe assez long")
        self._clean = await snapshot.look(machine)
        self._say(f"the machine as it was: {len(self._clean)} paths")

    async def _install(self) -> None:
        with self._stage("install_s", "apt install"):
            await self._machine.run(f"{_APT} install {self._deb}", patience=600)
        if (await self._machine.tried("systemctl is-active textback")).code == 0:
            raise LabError("the service was started by installing it, before anybody set it up")

    async def _set_up(self) -> None:
        with self._stage("setup_s", "textback setup --yes, a test text and doctor with it"):
            told = await self._json(f"{_SETUP} {self._machine.port} --test-text {_TESTER}", patience=400)
        if not told["doctor"]["ready"] or told["mode"] != "send" or not (told["test_text"] or {}).get("sent"):
            raise LabError(f"setup ended without a service that is ready: {json.dumps(told['doctor'], indent=1)} {told['test_text']}")
        for item in told["doctor"]["items"]:
            if item["state"] != "ok":
                self._say(f"doctor, {item['state']}: {item['part']}: {item['what']}")
        self._steps = len(told["steps"])
        self._say(f"setup did {self._steps} steps")

    async def _missed_call(self) -> float:
        """Returns when the text was at the network."""
        machine = self._machine
        await pbx.missed_call(machine, _CALLER)
        over = time.monotonic()
        sent = await self._arrival(f"+1{_CALLER}")
        self.seconds["hangup_to_text_s"] = sent - over
        (text,) = await machine.modem.wait(f"+1{_CALLER}", 1, timeout=1)
        self._say(f"the caller was texted {sent - over:.0f} s after the call: {text['text']}")
        return sent

    async def _arrival(self, number: str) -> float:
        """When the network had a handset's first text, on the monotonic clock."""
        await self._machine.modem.wait(number, 1, timeout=150)
        entries = self._machine.modem.journal(events=["arrived"])["entries"]
        return float(next(entry["t"] for entry in entries if entry["number"] == number))

    async def _reply(self) -> None:
        with self._stage("reply_to_thread_s", "the caller's answer, shown by textback thread"):
            self._machine.modem.text(f"+1{_CALLER}", _REPLY)
            for _ in range(60):
                thread = await self._json(f"textback thread +1{_CALLER} --json")
                if any(message["direction"] == "in" and message["text"] == _REPLY for message in thread["messages"]):
                    break
            else:
                raise LabError(f"the caller's answer does not show: {thread}")
        if thread["state"] != "to_answer":
            raise LabError(f"a thread with a caller's answer is {thread['state']}")

    async def _from_a_desk(self) -> None:
        """The portal answers at its address on the LAN, with the certificate setup made."""
        made = re.search(r'^certificate = "(.*)"', await self._machine.run("cat /etc/textback/textback.toml"), re.MULTILINE)
        if made is None:
            raise LabError("setup made no certificate for the portal")
        browser = f"""python3 -c 'import ssl, urllib.request as web
print(web.urlopen("https://{ADDRESS}:8790/", context=ssl.create_default_context(cafile="{made[1]}"), timeout=60).read().decode())'"""
        if "password" not in (page := await self._machine.run(browser)):
            raise LabError(f"the portal answers a desk with: {page[:300]}")

    async def _again(self) -> None:
        """Run twice it changes nothing: neither a step nor a file."""
        look = "find /etc /opt/asterisk-textback /usr/lib/systemd -xdev -printf '%p %m %u:%g %C@ %l\\n' | sort | sha256sum"
        before = await self._machine.run(look)
        with self._stage("setup_again_s", "setup once more"):
            told = await self._json(f"{_SETUP} {self._machine.port}", patience=300)
        self.counts["setup_again_steps"] = len(told["steps"])
        if told["steps"]:
            self._say(f"run twice, setup did: {told['steps']}")
        if await self._machine.run(look) != before:
            raise LabError("run twice, setup changed a file below /etc")

    async def _hardened(self) -> None:
        """What systemd itself thinks of the unit as it is installed and set up, and what the service left readable."""
        machine = self._machine
        told = await machine.run("systemd-analyze security --no-pager textback.service | tail -1")
        found = re.search(r"(\d+\.\d+)", told)
        if found is None:
            raise LabError(f"systemd-analyze security says: {told}")
        self.counts["exposure"] = float(found[1])
        if PIN in await machine.run("cat /etc/textback/*pin* /etc/textback/*.toml /etc/textback/setup.json 2>/dev/null; true"):
            raise LabError("the SIM's PIN stands in the clear in /etc/textback")
        link = "/dev/ttyACM0" if machine.lacks else await machine.run("readlink -f /dev/textback-* /dev/textback/* 2>/dev/null; true")
        if "/dev/ttyACM0" not in link:
            raise LabError("the udev rule gave the modem no name that stays")
        # from inside the service's own namespaces: what it may not write, it cannot
        pid = await self._pid()
        wrote = await machine.tried(f"nsenter --target {pid} --mount -- touch /etc/asterisk/written /usr/written /var/lib/asterisk/written")
        if wrote.code == 0 or (await machine.tried("ls /etc/asterisk/written /usr/written /var/lib/asterisk/written")).code == 0:
            raise LabError("the service may write where it has no business")

    async def _frozen(self) -> None:
        """A service that stands still is ended by its watchdog and back by itself."""
        machine, was = self._machine, await self._pid()
        with self._stage("frozen_to_back_s", "frozen by SIGSTOP, ended by the watchdog, ready again"):
            await machine.run(f"kill -STOP {was}")
            await machine.run(
                f'for turn in $(seq 600); do now=$(systemctl show -P MainPID textback); [ "$now" != {was} ] && [ "$now" != 0 ] '
                "&& systemctl -q is-active textback && exit 0; sleep 0.1; done; exit 1",
                patience=90,
            )
            await self._ready()

    async def _upgrade(self) -> None:
        had, started = await self._rows(), await self._starts()
        with self._stage("upgrade_s", "upgrade"):
            await self._machine.run(f"{_APT} install {self._later}", patience=600)
        await self._ready()
        self.counts["upgrade_starts"] = starts = await self._starts() - started
        if starts != 1:
            raise LabError(f"the upgrade started the service {starts} times; it should be restarted once")
        self.counts["upgrade_rows_lost"] = _lost(had, await self._rows())

    async def _remove(self) -> None:
        """Removed, not purged: what was there is there when it is installed again."""
        had = await self._rows()
        with self._stage("remove_s", "apt remove"):
            await self._machine.run(f"{_APT} remove asterisk-textback", patience=300)
        if (await self._machine.tried("ls /opt/asterisk-textback /usr/bin/textback")).code == 0:
            raise LabError("removed, the program is still there")
        if (await self._machine.tried("systemctl is-active textback")).code == 0:
            raise LabError("removed, the service still runs")
        await self._machine.run("test -s /var/lib/textback/textback.db -a -s /etc/textback/textback.toml -a -s /etc/textback/setup.json")
        await self._machine.run(f"{_APT} install {self._later}", patience=600)
        told = await self._json("textback setup --yes --json", patience=300)
        if not told["doctor"]["ready"]:
            raise LabError(f"installed again, it is not ready: {json.dumps(told['doctor'], indent=1)}")
        self.counts["remove_rows_lost"] = _lost(had, await self._rows())

    async def _undo(self) -> None:
        machine = self._machine
        with self._stage("undo_s", "textback setup --undo"):
            told = await self._json("textback setup --yes --undo --json", patience=300)
        if told["left"]:
            raise LabError(f"undo left: {told['left']}")
        users = await machine.run("asterisk -rx 'ari show users'; asterisk -rx 'manager show users'")
        if "textback" in users:
            raise LabError(f"after undo Asterisk still lets textback in: {users}")

    async def _purge(self) -> None:
        machine = self._machine
        with self._stage("purge_s", "apt purge"):
            await machine.run(f"{_APT} purge asterisk-textback", patience=300)
        differing = snapshot.changes(self._clean, await snapshot.look(machine))
        left = snapshot.unexplained(differing)
        for change in left:
            self._say(str(change))
        for pattern, paths in snapshot.explained(differing).items():
            self._say(
                f"may differ ({snapshot.ALLOWED[pattern]}): {', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}"
            )
        self.counts["left_behind"] = len(left)
        running = await machine.run(
            "ps -eo args | grep -E '^(/opt/asterisk-|/usr/bin/)textback'; systemctl list-units --all --no-legend 'textback*'; true"
        )
        if running.strip():
            raise LabError(f"purged, and still running or known to systemd: {running.strip()}")
        if (await machine.tried("id textback")).code == 0:
            raise LabError("purged, the user textback is still there")
        await pbx.missed_call(machine, _CALLER)  # the PBX takes calls as before

    async def _json(self, command: str, *, patience: float = 120) -> dict[str, Any]:
        """A command's one document; status 1 is for what it says. Raises LabError when it says no document, or an error."""
        done = await self._machine.tried(command, patience=patience)
        try:
            told = json.loads(done.out)
        except ValueError:
            raise LabError(f"{command[:60]} ended with {done.code}: {(done.out + done.err).strip()[-3000:]}") from None
        if "error" in told:
            raise LabError(f"{command[:60]}: {told['error']['what']}. {told['error']['fix']}")
        assert isinstance(told, dict)
        return told

    async def _ready(self) -> None:
        """Until doctor calls it ready."""
        for _ in range(40):
            told = await self._json("textback doctor --json")
            if told["ready"]:
                return
            await asyncio.sleep(0.5)
        raise LabError(f"it does not get ready: {json.dumps(told['items'], indent=1)}")

    async def _pid(self) -> int:
        return int(await self._machine.run("systemctl show -P MainPID textback"))

    async def _starts(self) -> int:
        return len((await self._machine.run(f"journalctl -o cat --no-pager UNIT=textback.service MESSAGE_ID={_STARTED}")).splitlines())

    async def _rows(self) -> set[str]:
        """Every call and message, as the commands tell them."""
        told = await self._machine.run("textback calls --json --limit 0")
        threads = await self._machine.run("textback threads --json --limit 0")
        calls = {f"call {call['id']} {call['decision']} {call['reason']}" for call in json.loads(told)}
        numbers = [thread["number"] for thread in json.loads(threads)]
        messages = set()
        for number in numbers:
            thread = await self._json(f"textback thread {number} --json")
            messages |= {f"message {each['id']} {each['text']}" for each in thread["messages"]}
        if not calls or not messages:
            raise LabError("there are no calls and messages to keep")
        return calls | messages


def _lost(had: set[str], has: set[str]) -> int:
    return len(had - has)
