"""One real machine: QEMU with systemd as PID 1, a disk that forgets, and a USB modem whose SIM and network are modem/simulator.py.

Its network is a cable to nowhere. What goes in lies in a folder it can read. The stick is the kernel's own USB gadget on its own dummy host
(g_serial, dummy_hcd), so that udev, the cdc_acm driver and the search for ports see one of a maker of modems, with all that a real one
has; its bytes go through a virtio port to the simulator on this side, whose journal is on the same clock as everything measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from modem.simulator import Simulator
from tests.install.agent import Agent
from tests.install.image import Image
from tests.install.machine import ADDRESS, HOUSEKEEPING, SHARE, Done, Machine, ended_with_us
from tests.lab.root import LabError, need

__all__ = ["accelerated", "machine"]

_STICK = """
set -e
modprobe dummy_hcd
modprobe g_serial use_acm=1 idVendor=0x12d1 idProduct=0x1001 iManufacturer=HUAWEI iProduct=Modem iSerialNumber=0123456789
for turn in $(seq 100); do [ -c /dev/ttyGS0 ] && [ -c /dev/virtio-ports/modem ] && break; sleep 0.1; done
stty -F /dev/ttyGS0 raw -echo
exec 3<>/dev/ttyGS0 4<>/dev/virtio-ports/modem
cat <&3 >&4 & cat <&4 >&3 & wait
"""


class QemuMachine(Machine):
    """A machine of its own, with its own kernel."""

    def __init__(self, agent: Agent, modem: Simulator, share: Path) -> None:
        super().__init__(modem, share, port="auto", lacks="")
        self._agent = agent

    async def tried(self, command: str, *, patience: float = 120, given: str = "") -> Done:
        return await self._agent.tried(command, patience=patience, given=given)

    async def plug_in(self) -> None:
        await self.run(f"systemd-run --quiet --unit=lab-stick --collect bash -c {shlex.quote(_STICK)}")
        await self.run("for turn in $(seq 100); do [ -c /dev/ttyACM0 ] && udevadm settle && exit; sleep 0.1; done; exit 1", patience=30)


@asynccontextmanager
async def machine(image: Image, folder: Path, *, number: str, pin: str | None, boot_patience: float = 240) -> AsyncIterator[Machine]:
    """Start a machine in ``folder`` and end it with the block. Raises LabError when it does not come up."""
    share = folder / "share"
    share.mkdir(parents=True)
    masked = " ".join(f"systemd.mask={unit}" for unit in HOUSEKEEPING)
    disk = folder / "disk.qcow2"
    await _done("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image.disk), "-F", "raw", str(disk))
    async with Simulator(
        folder / "modem", control=folder / "modem.sock", journal=folder / "modem.jsonl", number=number, pin=pin, profile="huawei"
    ) as modem:
        command = [
            *ended_with_us(), need("qemu-system-x86_64", "qemu-system-x86"),
            "-accel", "kvm" if accelerated() else "tcg,thread=multi", "-cpu", "max",
            "-m", "1024", "-smp", "2", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-serial", f"file:{folder / 'console.log'}",
            "-kernel", str(image.kernel), "-initrd", str(image.initrd),
            # no_timer_check: an emulated processor on a busy one fails Linux's test of its timer, and is none the worse for it
            "-append", f"root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 no_timer_check panic=-1 {masked}",
            "-drive", f"file={disk},if=virtio,format=qcow2,cache=unsafe",
            "-virtfs", f"local,path={share},mount_tag=share,security_model=none,readonly=on",
            "-netdev", "user,id=lan,restrict=on,net=192.168.1.0/24",
            "-device", "virtio-net-pci,netdev=lan",
            "-device", "virtio-serial",
            "-chardev", f"socket,path={folder / 'agent.sock'},server=on,wait=off,id=agent",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            "-chardev", f"serial,path={folder / 'modem'},id=modem",
            "-device", "virtserialport,chardev=modem,name=modem",
        ]  # fmt: skip
        with (folder / "qemu.log").open("wb") as said:
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said)
        agent = Agent(folder / "agent.sock")
        try:
            await _there(folder / "agent.sock", process, folder)
            try:
                await agent.connect(boot_patience)
            except (TimeoutError, LabError):
                console = (folder / "console.log").read_text(encoding="utf-8", errors="replace")[-800:]
                raise LabError(f"the machine did not come up: {console}") from None
            it = QemuMachine(agent, modem, share)
            await it.booted(boot_patience)
            await it.run(f"mount -t 9p -o trans=virtio,ro,msize=262144 share {SHARE}")
            await it.run(f"ip link set eth0 up && ip address add {ADDRESS}/24 dev eth0")
            yield it
        finally:
            await agent.close()
            await _end(process)


async def _there(path: Path, process: asyncio.subprocess.Process, folder: Path) -> None:
    """Wait for QEMU's socket. Raises LabError with its words when it ends instead."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(path.exists):
            if process.returncode is not None:
                raise LabError(f"QEMU ended: {(folder / 'qemu.log').read_text(encoding='utf-8', errors='replace').strip()[-800:]}")
            await asyncio.sleep(0.05)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its disk is thrown away: nothing needs to be shut down."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


async def _done(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        need(command[0], "qemu-utils"), *command[1:], stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    if process.returncode != 0:
        raise LabError(f"{command[0]} failed: {err.decode(errors='replace').strip()}")


def accelerated() -> bool:
    """Has this processor virtualisation to give; without, QEMU translates every instruction, some twenty times as slow.

    A /dev/kvm alone says little: within another machine it may be there and run nothing.
    """
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").partition("flags")[2].partition("\n")[0].split()
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and not {"vmx", "svm"}.isdisjoint(flags)
