"""Push: desk phones are told over SIP NOTIFY how many wait for an answer. Off by default; never a name, a number or a word of anybody.

Only to phones of members that have a phone key of a brand that takes it (formats of the vendors' guides, gathered in the project's
facts): Yealink and Aastra/Mitel show a line on the idle screen, replaced by the next and taken away by an empty one; Cisco MPP takes
no more than an address, opens it, and can be told nothing to take away: it is told only when there is more than before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from xml.sax.saxutils import escape

import structlog

from ari_app.board import Key, Member
from ari_app.clock import Clock, sleep_or
from ari_app.errors import PbxError, StoreError
from ari_app.model import Language
from ari_app.provisioning import PUSHED

__all__ = ["CISCO_PAGE", "Notification", "PhonePush", "notification", "words"]

log = structlog.get_logger("push")

_LONGEST_SLEEP = 60.0
_SETTLE = 1.0
"""Seconds in which changes are gathered: a phone beeps once for a burst of texts."""
_RETRY = 10.0
_GOODBYE = 2.0
"""Seconds a stop gives the phones to be told."""
_SESSION = "textback"

CISCO_PAGE = "/p/waiting/{count}/{language}"
"""What a Cisco phone is sent to open: it says how many wait and nothing else, so it needs no token."""
_XML = "application/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, slots=True)
class Notification:
    """What a NOTIFY carries."""

    event: str
    content_type: str
    body: str


def words(count: int, language: Language) -> str:
    """How many wait, for a line of a display."""
    if language == "fr":
        return f"{count} à répondre"
    return f"{count} to answer"


def notification(brand: str, count: int, language: Language, *, beep: bool, address: str) -> Notification | None:
    """What a phone of this brand is told: ``count`` wait; 0 takes the line away. None where it can be told nothing, or not this.

    ``address``: what the portal's addresses begin with.
    """
    said = escape(words(count, language)) if count else ""
    sound = "yes" if beep else "no"
    if brand == "yealink":
        message = f'<Message Icon="Message">{said}</Message>' if count else "<Message/>"
        status = f'<YealinkIPPhoneStatus Beep="{sound}" SessionID="{_SESSION}" Timeout="0">{message}</YealinkIPPhoneStatus>'
        return Notification("Yealink-xml", _XML, _HEAD + status)
    if brand == "aastra":
        message = f'<Session>{_SESSION}</Session><Message index="0">{said}</Message>'
        return Notification("aastra-xml", _XML, f'{_HEAD}<AastraIPPhoneStatus Beep="{sound}">{message}</AastraIPPhoneStatus>')
    if brand == "cisco-mpp" and beep:
        return Notification("XML-Service", "text/html", address + CISCO_PAGE.format(count=min(count, 9999), language=language))
    return None


class Notifies(Protocol):
    """What is asked of the AMI client."""

    async def notify(self, endpoint: str, event: str, content_type: str, body: str) -> None:
        """A SIP NOTIFY to a PJSIP endpoint. Raises PbxError."""


@dataclass(frozen=True, slots=True)
class _Phone:
    endpoint: str
    brand: str
    language: Language


class PhonePush:
    """Keeps phones told while ``run()`` runs; when it is cancelled, what they show is taken away.

    ``count``: how many wait. ``people``: members and the keys of all. ``device``: pbx.device, which names a member's endpoint.
    """

    def __init__(
        self,
        ami: Notifies,
        clock: Clock,
        *,
        count: Callable[[], Awaitable[int]],
        people: Callable[[], Awaitable[tuple[Sequence[Member], Sequence[Key]]]],
        device: str,
        language: Language,
        address: str,
    ) -> None:
        self._ami = ami
        self._clock = clock
        self._count = count
        self._people = people
        self._device = device
        self._language = language
        self._address = address
        self._shown: dict[_Phone, int] = {}
        self._last = 0
        """How many waited at the last look: more than that beeps."""
        self._started = False
        self._connected = False
        self._wake = asyncio.Event()

    def connected(self) -> None:
        """Asterisk can be asked again: every phone is told."""
        self._shown = {}
        self._connected = True
        self._wake.set()

    def changed(self) -> None:
        """A thread, a member or a key changed."""
        self._wake.set()

    async def run(self) -> None:
        """Tell what changed, until cancelled."""
        try:
            while True:
                await sleep_or(self._clock, _LONGEST_SLEEP if not self._connected else await self._tell(), self._wake)
                await self._clock.sleep(_SETTLE)
                self._wake.clear()
        finally:
            await self._take_away([phone for phone, count in self._shown.items() if count])

    async def _tell(self) -> float:
        """Seconds until the next look."""
        shown = self._shown
        try:
            count, phones = await self._count(), await self._phones()
        except StoreError as error:
            log.error("push_not_read", what=error.what, fix=error.fix)
            return _RETRY
        # what waited before the start is no news
        beep = self._started and count > self._last
        self._started, self._last = True, count
        refused = False
        gone = [phone for phone, showed in shown.items() if showed and phone not in phones]
        # a line that a crash left on a display is taken away, so 0 is told as well
        for phone, wanted in [*((phone, 0) for phone in gone), *((phone, count) for phone in phones)]:
            if shown.get(phone) != wanted:
                told = await self._notify(phone, wanted, beep=beep and wanted > 0)
                refused = refused or not told
                if told:
                    shown[phone] = wanted
        return _RETRY if refused else _LONGEST_SLEEP

    async def _notify(self, phone: _Phone, count: int, *, beep: bool) -> bool:
        said = notification(phone.brand, count, phone.language, beep=beep, address=self._address)
        if said is None:
            return True
        try:
            await self._ami.notify(phone.endpoint, said.event, said.content_type, said.body)
        except PbxError as error:
            log.warning("push_refused", endpoint=phone.endpoint, what=error.what, fix=error.fix)
            return False
        log.info("pushed", endpoint=phone.endpoint, brand=phone.brand, waiting=count)
        return True

    async def _phones(self) -> tuple[_Phone, ...]:
        """Phones of members who work here and have an extension that is a PJSIP endpoint."""
        technology, _, resource = self._device.partition("/")
        if technology != "PJSIP":
            return ()  # PJSIPNotify knows no others
        members, keys = await self._people()
        brands: dict[int, set[str]] = {}
        for key in keys:
            if key.use == "phone" and key.revoked is None and key.brand in PUSHED:
                brands.setdefault(key.member, set()).add(key.brand)
        return tuple(
            _Phone(resource.replace("{extension}", member.extension), brand, member.language or self._language)
            for member in members
            if member.active and member.extension
            for brand in sorted(brands.get(member.id, ()))
        )

    async def _take_away(self, phones: Sequence[_Phone]) -> None:
        try:
            async with asyncio.timeout(_GOODBYE):
                for phone in phones:
                    await self._notify(phone, 0, beep=False)
        except TimeoutError:
            log.warning("push_left")
