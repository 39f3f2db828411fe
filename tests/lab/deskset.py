"""What a desk phone does beside calls: watch a lamp (SUBSCRIBE, RFC 6665; dialog-info, RFC 4235), take a push (NOTIFY), show who calls.

A SIPp each; what came is read from its message trace.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tests.lab import sipp
from tests.lab.lab import Lab
from tests.lab.scripts import Phone, phone_script
from tests.lab.stage import until

__all__ = ["Deskset", "Notify", "pushed", "ringing", "watching"]

_OK = """SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Length: 0"""


def _send(text: str, how: str = "") -> str:
    lines = "\n".join(line.strip() for line in text.splitlines())
    return f"<send{how}><![CDATA[\n{lines}\n\n]]></send>\n"


def _scenario(body: str) -> str:
    return f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="deskset">\n{body}</scenario>\n'


_TAKES_NOTIFIES = '<label id="next"/>\n<recv request="NOTIFY"/>\n' + _send(_OK, ' next="next"')
_DIALOG_INFO = "{urn:ietf:params:xml:ns:dialog-info}"


@dataclass(frozen=True, slots=True)
class Notify:
    """A request as it came."""

    headers: dict[str, str]
    """By lower-case name."""
    body: str


class Deskset:
    """A phone and every NOTIFY it took."""

    def __init__(self, agent: sipp.Agent) -> None:
        self._agent = agent

    @property
    def notifies(self) -> list[Notify]:
        return self._came("NOTIFY")

    @property
    def callers(self) -> list[str]:
        """What the phone shows of each call it was rung for: the name and address of From."""
        return [each.headers["from"].partition(";tag=")[0] for each in self._came("INVITE")]

    def _came(self, method: str) -> list[Notify]:
        traces = list(self._agent.folder.glob("*_messages.log"))
        text = traces[0].read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n") if traces else ""
        found = []
        for piece in re.split(r"^-{20,} .*$", text, flags=re.MULTILINE):
            _, received, said = piece.partition("message received")
            _, _, sip = said.partition("\n\n")
            if received and sip.startswith(f"{method} "):
                lines, _, body = sip.partition("\n\n")
                headers = dict(re.findall(r"^([A-Za-z-]+) *: *(.*)$", lines, flags=re.MULTILINE))
                found.append(Notify({name.lower(): value for name, value in headers.items()}, body.strip("\n")))
        return found

    @property
    def lamp(self) -> str | None:
        """What the last dialog-info said: "terminated" is off, "confirmed" on, "early" blinks (Asterisk's res_pjsip_exten_state)."""
        bodies = [each.body for each in self.notifies if each.headers.get("content-type") == "application/dialog-info+xml"]
        if not bodies:
            return None
        root = ET.fromstring(bodies[-1])  # noqa: S314  (of our own lab)
        return root.findtext(f"{_DIALOG_INFO}dialog/{_DIALOG_INFO}state")

    @property
    def messages(self) -> tuple[int, int] | None:
        """New and old messages as the last message-summary said; the first lights the lamp."""
        said = [found for each in self.notifies if (found := re.search(r"^Voice-Message: (\d+)/(\d+)", each.body, re.MULTILINE))]
        return (int(said[-1][1]), int(said[-1][2])) if said else None

    async def shows(self, lamp: str, patience: float = 15) -> None:
        """Wait until the lamp is so. Raises LabError."""
        await until(f"the lamp {lamp}, now {self.lamp}", lambda: self.lamp == lamp, patience, 0.02)


def watching(lab: Lab, extension: str, watched: str = "*767") -> AbstractAsyncContextManager[Deskset]:
    """The BLF key of a phone: subscribed to the state of ``watched`` until the block ends."""
    return _subscribed(lab, extension, watched, "dialog", "application/dialog-info+xml")


def mailbox_of(lab: Lab, extension: str) -> AbstractAsyncContextManager[Deskset]:
    """The message lamp of a phone: subscribed to its mailbox until the block ends."""
    return _subscribed(lab, extension, extension, "message-summary", "application/simple-message-summary")


@asynccontextmanager
async def _subscribed(lab: Lab, extension: str, watched: str, event: str, accept: str) -> AsyncIterator[Deskset]:
    record = lab.record
    subscribe = f"""SUBSCRIBE sip:{watched}@[remote_ip]:[remote_port] SIP/2.0
        Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-s-[pid]-[call_number]
        From: <sip:{extension}@[local_ip]>;tag=b[call_number]
        To: <sip:{watched}@[remote_ip]:[remote_port]>
        Call-ID: [call_id]
        CSeq: 1 SUBSCRIBE
        Contact: <sip:{extension}@[local_ip]:[local_port]>
        Event: {event}
        Accept: {accept}
        Expires: 3600
        Max-Forwards: 70
        Content-Length: 0"""
    script = _scenario(_send(subscribe, ' retrans="500"') + '<recv response="200"/>\n' + _TAKES_NOTIFIES)
    port = sipp.free_port(record.ports.sipp, sipp.DESK)
    remote = f"{sipp.DESK}:{record.ports.sip}"
    agent = await sipp.Agent.start(record.folder / "sipp", script, sipp.DESK, port, remote, "-m", "1", "-trace_msg")
    deskset = Deskset(agent)
    try:
        await until(f"a first NOTIFY ({agent.said()})", lambda: deskset.lamp or deskset.messages, 10, 0.02)
        yield deskset
    finally:
        await agent.end()


@asynccontextmanager
async def pushed(lab: Lab, extension: str) -> AsyncIterator[Deskset]:
    """A phone, registered, that takes any NOTIFY until the block ends."""
    record = lab.record
    port = sipp.free_port(record.ports.sipp, sipp.DESK)
    script = _scenario('<recv request="NOTIFY"/>\n' + _send(_OK))
    agent = await sipp.Agent.start(record.folder / "sipp", script, sipp.DESK, port, "-trace_msg")
    try:
        await sipp.register(extension, port, record.ports.sip)
        yield Deskset(agent)
        await sipp.register(extension, port, record.ports.sip, seconds=0)
    finally:
        await agent.end()


@asynccontextmanager
async def ringing(lab: Lab, extension: str, how: Phone) -> AsyncIterator[Deskset]:
    """A phone that takes calls, registered until the block ends, and remembers who called."""
    record = lab.record
    port = sipp.free_port(record.ports.sipp, sipp.DESK)
    agent = await sipp.Agent.start(record.folder / "sipp", phone_script(how), sipp.DESK, port, "-trace_msg")
    try:
        await sipp.register(extension, port, record.ports.sip)
        yield Deskset(agent)
        await sipp.register(extension, port, record.ports.sip, seconds=0)
    finally:
        await agent.end()
