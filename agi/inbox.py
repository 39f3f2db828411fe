"""The inbox on any phone: ``*767`` tells who waits, and takes the answer by keys.

``AGI(agi://127.0.0.1:4573/inbox)``. Who calls is known by their phone: the name of its channel ("PJSIP/201-0000001a" is extension 201),
else the route's argument, for phones whose channels are not named by extension. The caller ID is believed only where a dialplan gives it
as that argument: it is the caller's own claim.

1 again, 2 next, 3 ready replies, 4 call back, 5 the message left, 6 keep the name the caller gave, 7 done, 9 the menu, * back, # skip. A
key stops what is being said.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from agi.headers import extensions_of
from agi.protocol import Request, RequestError
from agi.speech import Said, Speech, Voice
from agi.told import to_hear, unanswered
from agi.words import answered_by, cut, digits_of, happened, held_by, left, level, not_called, offered, option, say, waiting, who, wrote
from ari_app.board import Actor, Box, Face, Member, Row, TextEntry, ThreadView
from ari_app.clock import Clock
from ari_app.desk import Desk, Doors
from ari_app.errors import NotFoundError, RefusedError, TextbackError
from ari_app.model import Kind, Language
from ari_app.policy import language
from ari_app.speech import SpeechError

__all__ = ["Inbox"]

log = structlog.get_logger()

_PAUSE = 6.0
"""Seconds to think before what was said is said again."""
_PATIENCE = 3
"""Times it is said to somebody who presses nothing."""
_PIN_TRIES = 3
_PIN_LENGTH = 8
"""As the desk allows: one that long needs no # at its end."""
_TEXTS = 3
"""Of a caller's unanswered texts, the newest are read."""
_A_PAGE = 9
_FREE = 1.0
"""Seconds a telephone gets to be free again before it is rung."""


class Inbox:
    """The route. ``languages``: the clinic's, the first for who has none."""

    def __init__(self, desk: Desk, doors: Doors, speech: Speech, clock: Clock, languages: Sequence[Language]) -> None:
        self._desk = desk
        self._doors = doors
        self._speech = speech
        self._clock = clock
        self._languages = languages

    def begin(self) -> None:
        """Before the first call."""
        self._speech.clear()

    async def serve(self, request: Request) -> None:
        """One call, from the answer to the hang-up. Raises RequestError when the caller hangs up before that."""
        with self._speech.voice() as voice:
            await request.answer()
            member, extension = await self._who(request.headers)
            language = (member.language if member is not None else None) or self._languages[0]
            talk = _Talk(request, voice, language)
            if member is None:
                log.warning("voice_refused", reason="no member has this extension")
                await talk.tell("not_allowed")
            else:
                by = Actor(member=member.id, name=member.name, role=member.role, face=Face.VOICE, address=extension)
                await self._serve(talk, member, by)
            await request.hang_up()

    async def _who(self, headers: Mapping[str, str]) -> tuple[Member | None, str]:
        for extension in extensions_of(headers):
            member = await self._doors.member_of(extension)
            if member is not None:
                return member, extension
        return None, ""

    async def _serve(self, talk: _Talk, member: Member, by: Actor) -> None:
        calling: int | None = None
        try:
            if member.has_pin and not await self._knows_pin(talk, member, by):
                return
            calling = await _Round(talk, self._desk, self._clock, by, self._languages[0]).run()
        except TextbackError as error:
            log.error("voice_failed", what=error.code)
            await talk.tell("trouble")
        if calling is not None:
            await self._call_back(talk, calling, by)

    async def _knows_pin(self, talk: _Talk, member: Member, by: Actor) -> bool:
        for _ in range(_PIN_TRIES):
            pin = await talk.digits("pin", _PIN_LENGTH)
            try:
                if pin and await self._doors.check_pin(member, pin, by.address):
                    return True
            except RefusedError:
                await talk.tell("pin_wait")
                return False
            await talk.tell("pin_wrong")
        return False

    async def _call_back(self, talk: _Talk, thread: int, by: Actor) -> None:
        """Their phone is rung once it is free: a handset that is off its hook would be busy."""
        with contextlib.suppress(RequestError):
            await talk.tell("calling")
            await talk.request.wait_for_digit(_PAUSE)
            await talk.request.hang_up()
        await talk.request.closed()
        await self._clock.sleep(_FREE)
        try:
            await self._desk.call_back(thread, by=by)
        except TextbackError as error:
            log.warning("call_back_failed", reason=error.code)
        raise RequestError("hung up to be called back")


class _Talk:
    """Speaks and listens."""

    def __init__(self, request: Request, voice: Voice, language: Language) -> None:
        self.request = request
        self.language = language
        self._voice = voice

    def fixed(self, key: str) -> Said:
        return Said(say(key, self.language), self.language, fixed=True)

    def own(self, text: str, digits: str = "") -> Said:
        return Said(text, self.language, digits)

    async def speak(self, words: Sequence[Said]) -> str:
        """Say this; the key that stopped it, else ""."""
        try:
            sounds = await self._voice.say(words)
        except SpeechError as error:
            log.error("cannot_speak", code=error.code, what=error.what, fix=error.fix)
            return await self._without(words)
        for sound in sounds:
            if key := await self.request.stream(sound.name, lasts=sound.seconds):
                return key
        return ""

    async def _without(self, words: Sequence[Said]) -> str:
        """Numbers are said by Asterisk itself; the rest is a beep, and the keys work as ever."""
        if key := await self.request.stream("beep", lasts=2.0):
            return key
        for said in words:
            if said.digits and (key := await self.request.say_digits(said.digits)):
                return key
        return ""

    async def tell(self, key: str) -> None:
        """Say a sentence; a key cuts it short."""
        await self.speak([self.fixed(key)])

    async def ask(self, words: Sequence[Said], last: Sequence[Said] = ()) -> str:
        """Say this and ``last`` and wait for a key; then ``last`` again, or all where there is none. "" for who presses nothing."""
        now = [*words, *last]
        for _ in range(_PATIENCE):
            if key := await self.speak(now) or await self.request.wait_for_digit(_PAUSE):
                return key
            now = [*last] or now
        return ""

    async def play(self, data: bytes) -> tuple[str, bool]:
        """A message left: the key that stopped it, else ""; and whether it was played to its end. Raises SpeechError, RequestError."""
        sound, whole = await self._voice.play(data)
        key = await self.request.stream(sound.name, lasts=sound.seconds)
        return key, whole and not key

    async def digits(self, key: str, most: int) -> str:
        """Ask for digits, ended by #."""
        try:
            sounds = await self._voice.say([self.fixed(key)])
        except SpeechError as error:
            log.error("cannot_speak", code=error.code, what=error.what, fix=error.fix)
            return await self.request.get_data("beep", lasts=2.0, seconds=_PAUSE, most=most)
        return await self.request.get_data(sounds[0].name, lasts=sounds[0].seconds, seconds=_PAUSE, most=most)


class _Round:
    """One walk through what is to answer. Every caller comes once, unless something new came from them."""

    def __init__(self, talk: _Talk, desk: Desk, clock: Clock, by: Actor, language: Language) -> None:
        self._talk = talk
        self._language = language
        self._desk = desk
        self._clock = clock
        self._by = by
        self._heard: dict[int, datetime] = {}

    async def run(self) -> int | None:
        """Until nobody else waits, or nothing is pressed. The thread to call back, None where that was not asked for."""
        talk = self._talk
        counts = await self._desk.counts()
        if counts.to_answer:
            since = None if counts.oldest is None else self._clock.now() - counts.oldest
            await talk.speak([talk.own(waiting(counts.to_answer, since, talk.language))])
        while (row := await self._next()) is not None:
            self._heard[row.thread] = row.changed
            match await self._thread(row.thread):
                case "call":
                    return row.thread
                case "":
                    break
        else:
            await talk.tell("no_more" if self._heard else "nobody")
        await talk.tell("bye")
        return None

    async def _next(self) -> Row | None:
        limit, offset = 50, 0
        while rows := await self._desk.inbox(self._by, Box.TO_ANSWER, limit=limit, offset=offset):
            for row in rows:
                if self._heard.get(row.thread) != row.changed:
                    return row
            offset += limit
        return None

    async def _thread(self, thread: int) -> str:
        """Read a thread and do as told: "call", "next", or "" for who presses nothing."""
        talk = self._talk
        view = await self._desk.thread(self._by, thread)
        self._heard[thread] = view.row.changed
        words, pressed = self._reading(view), ""
        while True:
            key = pressed or await talk.ask(words, self._menu(view))
            words, pressed = [], ""
            match key:
                case "":
                    return ""
                case "1":
                    view = await self._desk.thread(self._by, thread, refresh=True)
                    words = self._reading(view)
                case "2" | "#":
                    return "next"
                case "3":
                    if await self._answer(view):
                        return "next"
                    # what stands there may be another's answer
                    view = await self._desk.thread(self._by, thread, refresh=True)
                case "4" if view.row.number is None:
                    await talk.tell("no_call")
                case "4":
                    return "call"
                case "5" | "6":
                    pressed, words = await (self._play(view) if key == "5" else self._keep(view))
                    view = await self._desk.thread(self._by, thread, refresh=True)
                case "7":
                    await self._desk.done(thread, by=self._by)
                    await talk.tell("done")
                    return "next"

    def _menu(self, view: ThreadView) -> list[Said]:
        """The keys; those of a message and a name only where there is one."""
        listen = [self._talk.fixed("menu_listen")] if to_hear(view) else []
        keep = [self._talk.fixed("menu_keep")] if view.row.offered else []
        return [*listen, *keep, self._talk.fixed("menu")]

    async def _play(self, view: ThreadView) -> tuple[str, list[Said]]:
        """The messages nobody heard yet, oldest first, else the newest; each is heard once it was played whole.

        The key that stopped them, and nothing more to say.
        """
        talk, messages = self._talk, to_hear(view)
        if not messages:
            await talk.tell("no_message")
        for message in messages:
            try:
                _, data = await self._desk.listen(message.id, self._by)
                key, whole = await talk.play(data)
            except (NotFoundError, SpeechError) as error:
                log.error("message_not_played", code=error.code)
                await talk.tell("no_sound")
                continue
            if whole:
                await self._desk.heard(message.id, True, self._by)
            if key := key or await talk.speak([talk.fixed("message_end" if whole else "more")]):
                return key, []
        return "", []

    async def _keep(self, view: ThreadView) -> tuple[str, list[Said]]:
        """The name that was told becomes a contact's. A key pressed meanwhile; what is to be said where they gave another name since."""
        fresh = await self._desk.thread(self._by, view.row.thread, refresh=True)
        if fresh.row.offered != view.row.offered:
            return "", self._reading(fresh)
        said = "kept"
        try:
            await self._desk.take_name(view.row.thread, by=self._by)
        except NotFoundError:
            said = "no_name"
        return await self._talk.speak([self._talk.fixed(said)]), []

    def _reading(self, view: ThreadView) -> list[Said]:
        talk, row, now = self._talk, view.row, self._clock.now()
        words = [talk.own(who(row.name, row.number, talk.language), digits_of(row.number or ""))]
        if raised := level(row, talk.language):
            words.append(talk.own(raised))
        if row.kind in {Kind.STAFF, Kind.SUPPLIER}:
            words.append(talk.own(say(row.kind.value, talk.language)))
        elif not row.known and row.number is not None:
            words.append(talk.own(say("new", talk.language)))
        if row.offered:
            words.append(talk.own(offered(row.offered, talk.language)))
        if row.opted_out:
            words.append(talk.fixed("opted_out"))
        if row.holder is not None and row.holder.member != self._by.member:
            words.append(talk.own(held_by(row.holder.name, talk.language)))
        calls, texts, tried = unanswered(view)
        words += [talk.own(happened(call, now, talk.language)) for call in calls[:1]]
        unheard = [message for message in to_hear(view) if message.heard is None]
        if unheard:
            words.append(talk.own(left(unheard, talk.language)))
        elif any(call.voicemail_left for call in calls[:1]):
            words.append(talk.own(say("voicemail", talk.language)))
        for text in reversed(texts[:_TEXTS]):
            spoken, whole = cut(text.text)
            words.append(talk.own(wrote(text, now, talk.language)))
            words.append(Said(spoken, language.of(text.text) or view.language or self._language))
            if not whole:
                words.append(talk.fixed("more"))
        words += [talk.own(not_called(call, now, talk.language)) for call in tried[:1] if call.failed is not None]
        return words

    async def _answer(self, view: ThreadView) -> bool:
        """Choose a ready reply and send it: True when it is on its way."""
        talk = self._talk
        if view.row.number is None:
            await talk.tell("no_reply")
            return False
        spoken = self._spoken_by(view)
        replies = await self._desk.canned(self._by, spoken)
        if not replies:
            await talk.tell("no_canned")
            return False
        first = 0
        while True:
            page = replies[first : first + _A_PAGE]
            words = [talk.fixed("canned")]
            words += [Said(option(number, each.label), each.language or spoken, str(number)) for number, each in enumerate(page, 1)]
            if len(replies) > _A_PAGE:
                words.append(talk.fixed("canned_more"))
            key = await talk.ask([*words, talk.fixed("star_back")])
            if key == "0" and len(replies) > _A_PAGE:
                first = first + _A_PAGE if first + _A_PAGE < len(replies) else 0
            elif key.isdecimal() and 1 <= int(key) <= len(page):
                chosen = page[int(key) - 1]
                text = await self._desk.fill(self._by, view.row.thread, chosen.id)
                return await self._confirm(view, Said(text, chosen.language or spoken))
            elif key in {"", "*", "#"}:
                return False

    def _spoken_by(self, view: ThreadView) -> Language:
        """The caller's language: known, else that of their last text, else the clinic's."""
        if view.language is not None:
            return view.language
        last = next((entry.text for entry in view.entries if isinstance(entry, TextEntry) and entry.incoming), "")
        return language.of(last) or self._language

    async def _confirm(self, view: ThreadView, text: Said) -> bool:
        talk, act, takeover, seen = self._talk, f"voice-{secrets.token_hex(16)}", False, view.seen
        question = [text, talk.fixed("confirm")]
        while True:
            key = ""
            while key not in {"1", "*", "#"}:
                key = await talk.ask(question)
                if not key:
                    break
            if key != "1":
                await talk.tell("not_sent")
                return False
            try:
                await self._desk.reply(view.row.thread, text.text, by=self._by, act=act, seen=seen, takeover=takeover)
            except RefusedError as error:
                if error.code == "held" and not takeover:
                    takeover = True
                    question = [talk.own(held_by(str(error.facts["name"]), talk.language)), talk.fixed("takeover")]
                elif error.code == "answered_meanwhile":
                    seen, takeover = int(error.facts["seen"]), takeover or "holder" in error.facts
                    question = [talk.own(answered_by(str(error.facts["name"]), talk.language)), talk.fixed("takeover")]
                else:
                    await talk.tell("opted_out_refused" if error.code == "opted_out" else "no_reply")
                    return False
            else:
                await talk.tell("sent")
                return True
