"""What the simulated modem remembers: its make, the SIM, the stores, and the settings it loses at a restart."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["PROFILES", "Profile", "Settings", "Sim", "Stored", "Stores"]


@dataclass(frozen=True)
class Profile:
    """A make of modem, as far as its dialogue differs."""

    name: str
    manufacturer: str
    model: str
    revision: str
    sizes: tuple[tuple[str, int], ...] = (("SM", 20), ("ME", 255), ("SR", 20))
    report_modes: tuple[int, ...] = (0, 1, 2)
    """The <ds> of AT+CNMI it takes."""
    boot_lines: tuple[str, ...] = ()
    """Written, unasked, when it starts."""
    chatter: tuple[str, ...] = ()
    """Written, unasked, one every ``chatter_s`` seconds in turn."""
    chatter_s: float = 5.0
    silencer: str = ""
    """The command line that ends the chatter until the next restart."""
    prompt: bytes = b"\r\n> "
    full_line: str = ""
    """Written when a text found no room; "{store}" is the store's name."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("generic", "Textback", "Simulated modem", "1.0"),
        Profile(
            "huawei",
            "huawei",
            "E173",
            "11.126.85.00.209",
            boot_lines=("^BOOT:20952548,0,0,0,72",),
            chatter=("^RSSI:17", "^DSFLOWRPT:0000003C,00000000,00000000,0000000000000000,0000000000000000,00000000,00000000"),
            silencer="AT^CURC=0",
            full_line='^SMMEMFULL: "{store}"',
        ),
        Profile(
            "sim800",
            "SIMCOM_Ltd",
            "SIMCOM_SIM800L",
            "Revision:1418B05SIM800L24",
            sizes=(("SM", 25), ("ME", 50), ("SR", 20)),
            report_modes=(0, 1),
            boot_lines=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
        ),
        Profile(
            "sim7670",
            "INCORPORATED",
            "A7670G-LABE",
            "A7670M7_V1.11.1",
            prompt=b"\r\n>\r\n",
            boot_lines=("*ATREADY: 1", "+CPIN: READY", "SMS DONE"),
        ),
        Profile("ec25", "Quectel", "EC25", "EC25EFAR06A06M4G", boot_lines=("RDY", "+CPIN: READY", "+QIND: SMS DONE")),
    )
}
"""What logs of real modems show: Huawei sticks chatter, the SIM800 rejects <ds> 2, the A7670 prompts without a blank."""


@dataclass
class Sim:
    """The SIM: what no restart changes."""

    pin: str | None = None
    """None: no PIN is asked for."""
    puk: str = "12345678"
    tries: int = 3
    puk_tries: int = 10
    open: bool = False
    """The PIN was given since the modem started."""
    present: bool = True

    @property
    def state(self) -> str:
        """As ``AT+CPIN?`` says it; "" when there is no SIM or it is blocked for good."""
        if not self.present or not self.puk_tries:
            return ""
        if not self.tries:
            return "SIM PUK"
        return "READY" if self.pin is None or self.open else "SIM PIN"


@dataclass
class Stored:
    """A message in a store. ``status``: 0 unread, 1 read, 2 unsent, 3 sent (``<stat>`` of 3GPP TS 27.005 3.1)."""

    pdu: str
    status: int


class Stores:
    """SM (SIM), ME (modem) and SR (status reports), each with its size. Kept over restarts."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.held: dict[str, dict[int, Stored]] = {name: {} for name in sizes}

    def put(self, store: str, pdu: str, status: int) -> int | None:
        """Index of the message, counted from 1; None when the store is full."""
        held = self.held[store]
        for index in range(1, self.sizes[store] + 1):
            if index not in held:
                held[index] = Stored(pdu, status)
                return index
        return None

    def use(self, store: str) -> str:
        """``<used>,<total>``."""
        return f"{len(self.held[store])},{self.sizes[store]}"


@dataclass
class Settings:
    """What a restart or ``ATZ`` puts back."""

    echo: bool = True
    cmee: int = 0
    memories: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    """<mem1> read and delete, <mem2> write and send, <mem3> receive."""
    cnmi: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    creg: dict[str, int] = field(default_factory=dict)
    """Of +CREG, +CGREG and +CEREG."""
    cops_format: int = 0
    held_back: list[tuple[str, ...]] = field(default_factory=list)
    """Unsolicited lines kept while the first digit of CNMI is 0."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Values of settings that are only remembered."""
