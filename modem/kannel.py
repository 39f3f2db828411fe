"""Kannel (an SMS gateway; Debian's ``kannel`` 1.4.5) as a bearer of texts: for who has outgrown radios on USB.

Texts go to its smsbox over HTTP (``kannel_sending``), texts received and delivery reports come back over HTTP (``kannel_callbacks``).
Parts are SMS-SUBMIT PDUs as a radio's, so that a text planned for one bearer can go by another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
import structlog

from modem import pdu
from modem.errors import ModemError, bug
from modem.kannel_callbacks import Callbacks, dlr_url
from modem.kannel_sending import Account, Answer, ask, hand_over, probe_of, request_of, result_of
from modem.timing import Timing
from modem.types import Commit, Door, Health, NotSent, Refused, SendResult, Sent, Submit, Unknown

__all__ = ["KannelBearer", "check"]


class KannelBearer:
    """Implements ``modem.types.Bearer``. ``url``: smsbox's sendsms service; ``username``, ``password``: a sendsms-user of kannel.conf.

    ``smsc``: the smsc-id to send through (None: as Kannel routes). ``listen``: host and port where call-backs are taken, which Kannel
    reaches under ``callback`` (scheme, host and port; None: ``http://`` and ``listen``); ``secret``: what they must know, letters, digits,
    - and _. ``number``: E.164, the sender of texts. ``on_ready`` is called each time Kannel becomes able to send.
    Raises ValueError for a username or password that no HTTP header can carry.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        username: str,
        password: str,
        smsc: str | None = None,
        listen: str = "127.0.0.1:13080",
        callback: str | None = None,
        secret: str,
        number: str,
        door: Door,
        on_ready: Callable[[], None],
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        for what, value in (("username", username), ("password", password)):
            if value != value.strip() or not value.isprintable():
                raise ValueError(
                    f"{what}: begins or ends with a blank, or holds what no HTTP header can; choose another in kannel.conf too"
                )
        self.name = name
        self._account = Account(url, username, password, number, smsc)
        self._callback = (callback or f"http://{listen}").rstrip("/")
        self._secret = secret
        self._on_ready = on_ready
        self._timing = timing
        self._callbacks = Callbacks(name, listen, secret, door=door, timing=timing, alive=self._alive)
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._trouble: ModemError | None = ModemError("starting", "Kannel has not been asked yet", "wait a moment")
        self._look_now = asyncio.Event()
        self._unanswered = 0
        """Parts in a row that Kannel left without an answer: smsbox may be well, and bearerbox behind it hang."""
        self._held_until = 0.0
        """Monotonic time until which nothing is sent for that reason, though probes go well."""
        self._reference = random.randrange(256)  # noqa: S311 - no secret: after a restart, not the references just used

    @property
    def ready(self) -> bool:
        """Kannel knows our account and takes texts."""
        return self._trouble is None

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        """The parts of a text; see ``modem.types.Bearer.split``."""
        return pdu.submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        """Send one part; see ``modem.types.Bearer.send``. ``commit`` stands between the TCP connection and the request's first octet."""
        if self._trouble is not None:
            return NotSent(self._trouble.what)
        self._reference = reference = (self._reference + 1) % 256
        reports = dlr_url(self._callback, self._secret, reference=reference, recipient=part.number, submitted=datetime.now(UTC))
        try:
            request = request_of(self._account, part.pdu, dlr_url=reports)
        except ValueError as error:
            return Refused("pdu", f"the part cannot be read: {error}", permanent=True)
        answer = await hand_over(self._account, request, commit, self._timing)
        result = result_of(answer, reference) if isinstance(answer, Answer) else answer
        self._heard(result, part)
        return result

    def _heard(self, result: SendResult, part: Submit) -> None:
        """Log a result; where it says that something is wrong with Kannel, nothing more is sent until a probe went well."""
        trouble: ModemError | None = None
        match result:
            case Sent(reference):
                self._log.info("modem.sent", reference=reference, part=part.part, parts=part.parts, octets=part.length)
                self._unanswered = 0
            case Refused(code, what, permanent):
                self._log.warning("modem.refused", code=code, what=what, permanent=permanent, octets=part.length)
                if code in {"kannel_auth", "kannel_strange"}:
                    trouble = _trouble(code, what)
            case NotSent(what, called_off):
                self._log.info("modem.not_sent", what=what, called_off=called_off)
                if not called_off:
                    trouble = _trouble("kannel_refused", what)
            case Unknown(what):
                self._log.error("modem.unknown", what=what, octets=part.length)
                trouble = _trouble("kannel_silent", what)
                self._unanswered += 1
                if self._unanswered > 1:
                    pause = min(self._timing.retry_person * 2 ** (self._unanswered - 2), _LONGEST_HOLD)
                    self._held_until = asyncio.get_running_loop().time() + pause
        if trouble is not None:
            self._found(trouble)
            self._look_now.set()

    def _alive(self) -> None:
        """A call-back came through bearerbox: it does not hang."""
        self._unanswered, self._held_until = 0, 0.0

    def health(self) -> Health:
        """How it is right now, for doctor."""
        state, code, what, fix = self._state()
        return Health(state, code, what, fix, registered=self.ready, model="Kannel", port=self._account.url)

    def _state(self) -> tuple[str, str, str, str]:
        calls, trouble = self._callbacks, self._trouble
        if trouble is not None:
            return "warn" if trouble.code == "starting" else "bad", trouble.code, trouble.what, trouble.fix
        if calls.trouble:
            return "bad", "callback_port", f"Kannel's call-backs do not come: {calls.trouble}", "set listen to an address that is free here"
        if calls.failing:
            what = f"received texts cannot be stored ({calls.failing})"
            return "bad", "not_keeping", what, "Kannel brings them again, see http-request-retry; check disk and store"
        if calls.unreadable:
            return "bad", "callback_strange", f"Kannel's last call-back was {calls.unreadable}", "write get-url as docs/kannel.md has it"
        return "ok", "ok", "Kannel takes texts", ""

    async def run(self) -> None:
        """Watch Kannel and take its call-backs until cancelled. No fault of Kannel, network or store ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._callbacks.run())
            group.create_task(self._watch())

    async def _watch(self) -> None:
        """Ask from time to time whether Kannel would take a text, sooner while it would not."""
        pause = self._timing.retry_first
        while True:
            self._look_now.clear()
            try:
                trouble = await check(self._account, self._timing) or self._held()
            except Exception as error:  # noqa: BLE001 - nothing may end the watch; where it happened is logged, its data is not
                self._log.error("modem.unexpected", **bug(error))
                trouble = ModemError("failed", f"the driver failed ({type(error).__name__})", "report this with the log")
            if not self._look_now.is_set():  # else a text failed meanwhile: its word is the newer one
                self._found(trouble)
            if self._trouble is None:
                pause = self._timing.retry_first
                try:
                    async with asyncio.timeout(self._timing.watch):
                        await self._look_now.wait()
                except TimeoutError:
                    pass
            else:
                await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
                pause = min(pause * 2, self._timing.retry_most)

    def _held(self) -> ModemError | None:
        """A smsbox that answers may stand before a bearerbox that does not."""
        if asyncio.get_running_loop().time() < self._held_until:
            return _trouble("kannel_silent", f"Kannel left {self._unanswered} texts in a row without an answer")
        return None

    def _found(self, trouble: ModemError | None) -> None:
        """Note how Kannel is, and say so when that changed."""
        before, self._trouble = self._trouble, trouble
        if trouble is not None:
            if before is None or before.code != trouble.code:
                self._log.warning("modem.down", code=trouble.code, what=trouble.what)
        elif before is not None:
            self._log.info("modem.ready")
            try:
                self._on_ready()
            except Exception as error:  # noqa: BLE001 - the caller's fault is not the modem's
                self._log.error("modem.on_ready_failed", **bug(error))


_LONGEST_HOLD = 900.0
"""Seconds between two texts at most, while Kannel answers none."""


async def check(account: Account, timing: Timing) -> ModemError | None:
    """Ask, without sending, whether Kannel would take a text: what keeps it from that, None when nothing does."""
    try:
        answer = await ask(account, probe_of(account), timing)
    except TimeoutError:
        return _trouble("kannel_silent", f"Kannel does not answer in {timing.command:g} s")
    except aiohttp.ServerDisconnectedError:
        return _trouble("kannel_silent", "Kannel closes the connection without an answer")
    except (aiohttp.ClientError, OSError) as error:
        return _trouble("kannel_refused", f"Kannel cannot be reached: {error}")
    if answer.status == 400 and "receiver" in answer.said.lower():
        return None
    match result_of(answer, 0):
        case Refused("kannel_auth" as code, what):
            return _trouble(code, what)
    return _trouble("kannel_strange", f"what answers there is not Kannel's sendsms (HTTP {answer.status})")


_FIXES = {
    "kannel_refused": "is smsbox running, and is url its sendsms service (group smsbox, sendsms-port)?",
    "kannel_auth": "write username and password as in group sendsms-user of kannel.conf, and look at its user-allow-ip",
    "kannel_silent": "look at smsbox's and bearerbox's logs; restart the one that hangs",
    "kannel_strange": 'write url as "http://host:13013/cgi-bin/sendsms", the port being sendsms-port of kannel.conf',
}


def _trouble(code: str, what: str) -> ModemError:
    return ModemError(code, what, _FIXES[code])
