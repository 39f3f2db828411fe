"""The screens of a desk phone, built from what the board says. Pure: no XML, no store.

Answering takes two presses: a row of the inbox opens the thread, where the ready replies are rows two to six. Declining a call that
rings takes one: it is the first row. Addresses hold what makes a request safe to repeat: ``seen`` (the newest text that was shown) and
a nonce, which is the act of a reply.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from ari_app.board import (
    Box,
    Canned,
    Counts,
    Entry,
    Ringing,
    Row,
    ThreadView,
)
from ari_app.model import Level, MessageState
from ari_app.portal.characters import cut, plain, wrapped
from ari_app.portal.screen_said import Saying, is_callers
from ari_app.portal.screens import Ack, Choice, Input, Key, Link, Menu, Shape, Text, Verb

__all__ = ["BOXES", "READY", "Flow", "mark_of", "stamp_of"]

READY = 5
"""Ready replies in a thread's own menu: with the row of its last words they have the digits 2 to 6."""
BOXES = {Box.TO_ANSWER: "i", Box.TROUBLE: "x", Box.ALL: "a"}
"""Parts of the inbox that phones show, as addresses name them."""
_READY_PAGE = 8
_AGAIN = 60
"""Seconds after which an inbox looks again."""
_AGAIN_RINGING = 10
"""The same while a call rings: it is over soon."""
_INBOX = Link("")


def stamp_of(row: Row) -> str:
    """A thread as it was shown, for an address: it differs as soon as anything came of it."""
    return format(int(row.changed.timestamp() * 1_000_000), "x")


def mark_of(name: str) -> str:
    """A name as it was shown, for an address, which must not hold one."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Flow(Saying):
    """Builds screens for one member on one phone, now."""

    member: int | None
    """Who looks; None while that is not known."""
    shape: Shape
    nonce: Callable[[], str]
    """A new one at each call."""
    dial: Callable[[str], str]
    """What a phone dials for an E.164 number."""

    # ---- the list

    def inbox(
        self, rows: Sequence[Row], counts: Counts, *, offset: int = 0, box: Box = Box.TO_ANSWER, rings: Ringing | None = None
    ) -> Menu:
        """Up to ``shape.rows`` of ``rows``, and a way on where there are more; ways to the other boxes under them.

        ``rings``: a call that rings, before all.
        """
        say, shown, letter = self.words, rows[: self.shape.rows], BOXES[box]
        choices = [self._row(row) for row in shown] or [Choice(say(f"nothing_{letter}"), _INBOX)]
        declining = None if rings is None else Link(f"q/{quote(rings.id, safe='')}/{self.nonce()}")
        if rings is not None and declining is not None:
            choices.insert(0, self._ringing(rings, declining))
        more = Link(f"{letter}/{offset + len(shown)}") if len(rows) > len(shown) else None
        if more:
            choices.append(Choice(say("more"), more))
        if box is not Box.TO_ANSWER:
            choices.append(Choice(say("to_answer"), _INBOX))
        if box is not Box.TROUBLE and counts.trouble:
            choices.append(Choice(say("box_x", count=counts.trouble), Link(f"{BOXES[Box.TROUBLE]}/0")))
        if box is not Box.ALL:
            choices.append(Choice(say("box_a"), Link(f"{BOXES[Box.ALL]}/0")))
        keys = [Key(say("open"), Verb.SELECT)]
        if declining is not None:
            keys.append(Key(say("decline"), declining))
        if any(choice.dial for choice in choices):
            keys.append(Key(say("call"), Verb.DIAL))
        if more:
            keys.append(Key(say("next"), more))
        keys.append(Key(say("exit"), Verb.EXIT))
        before = max(offset - self.shape.rows, 0)
        is_first = not offset and box is Box.TO_ANSWER
        return Menu(
            say(f"box_{letter}", count=counts.trouble if box is Box.TROUBLE else counts.to_answer),
            tuple(choices),
            note=say("inbox_note", unopened=counts.unopened, trouble=counts.trouble),
            keys=tuple(keys),
            back=None if is_first else Link(f"{letter}/{before}") if offset else _INBOX,
            again=None if not is_first else _AGAIN if rings is None else _AGAIN_RINGING,
        )

    def _row(self, row: Row) -> Choice:
        new = row.waits_since is not None and not row.opened
        mark = "! " if row.urgent else "x " if row.trouble else "+ " if row.level is Level.HIGH else "* " if new else ""
        offered = self.words("offered_short", name=cut(plain(row.offered), 24)) if row.offered else ""
        about = [f"({what})" for what in (self.level(row), self.kind(row), offered) if what]
        held = [f"({self.words('by', name=plain(row.holder.name))})"] if row.holder else []
        words = [] if row.last is None else [self.said(row.last)]
        return Choice(
            f"{mark}{self.name(row)} {self.when(row.last.at if row.last else row.changed)}",
            Link(f"t/{row.thread}"),
            more=" ".join([*held, *about, *words]),
            dial=self.dial(row.number) if row.number else None,
        )

    def _ringing(self, call: Ringing, declining: Link) -> Choice:
        about = [] if call.kind is None else [self.words(f"kind_{call.kind}")]
        about += [self.words(f"level_{int(call.level)}")] if call.level is not Level.NORMAL else []
        about += [self.words("ringing_more", time=self.when(call.since))]
        return Choice(self.words("ringing", name=self.caller(call)), declining, more=f"({', '.join(about)})")

    # ---- a thread

    def thread(self, view: ThreadView, canned: Sequence[Canned]) -> Menu:
        """Its last words, the ready replies, and what else may be done."""
        say, row, at = self.words, view.row, f"t/{view.row.thread}"
        last = self._last_of_caller(view.entries)
        reading = Link(f"{at}/r/0")
        choices = [Choice(say("empty_thread"), reading) if last is None else Choice(self.head(last), reading, more=self.said(last))]
        if self._textable(view):
            choices += [self._ready(view, each) for each in canned[:READY]]
            if len(canned) > READY:
                choices.append(Choice(say("canned_more"), Link(f"{at}/n/{READY}")))
            if self.shape.writes:
                choices.append(Choice(say("write"), Link(f"{at}/w")))
        keys = [Key(say("open"), Verb.SELECT)]
        if row.number:
            call = Link(f"{at}/b/{self.nonce()}")
            choices.append(Choice(say("call_back"), call, dial=self.dial(row.number)))
            keys.append(Key(say("call"), call))
        if row.offered:
            keep = Link(f"{at}/o/{mark_of(row.offered)}/{self.nonce()}")
            choices.append(Choice(say("keep_name", name=plain(row.offered)), keep))
            keys.insert(1, Key(say("keep"), keep))
        done = Link(f"{at}/d/{stamp_of(row)}")
        choices.append(Choice(say("mark_done"), done))
        keys += [Key(say("done"), done), Key(say("back"), _INBOX)]
        note = self._note(view) or self.level(row) or self.kind(row)
        title = f"{cut(self.name(row), 14)}: {note}" if note else self.name(row)
        return Menu(title, tuple(choices), keys=tuple(keys), back=_INBOX)

    def _note(self, view: ThreadView) -> str:
        """What one must know before writing."""
        if view.opted_out is not None:
            return self.words("opted_out_note")
        if view.not_textable is not None:
            return self.words("not_textable_note")
        holder = view.row.holder
        return "" if holder is None or holder.member == self.member else self.words("held_note", name=plain(holder.name))

    def ready(self, view: ThreadView, canned: Sequence[Canned], first: int) -> Menu:
        """Ready replies from ``first`` on."""
        say, at = self.words, f"t/{view.row.thread}"
        choices = []
        if self._textable(view):
            choices = [self._ready(view, each) for each in canned[first : first + _READY_PAGE]]
            if len(canned) > first + _READY_PAGE:
                choices.append(Choice(say("canned_more"), Link(f"{at}/n/{first + _READY_PAGE}")))
            if self.shape.writes:
                choices.append(Choice(say("write"), Link(f"{at}/w")))
        choices.append(Choice(say("back"), Link(at)))
        keys = (Key(say("open"), Verb.SELECT), Key(say("back"), Link(at)))
        return Menu(say("canned"), tuple(choices), note=self.name(view.row), keys=keys, back=Link(at))

    def _ready(self, view: ThreadView, canned: Canned) -> Choice:
        return Choice(plain(canned.label), Link(f"t/{view.row.thread}/c/{canned.id}/{view.seen}/{self.nonce()}"))

    @staticmethod
    def _textable(view: ThreadView) -> bool:
        return view.row.number is not None and view.opted_out is None and view.not_textable is None

    @staticmethod
    def _last_of_caller(entries: Sequence[Entry]) -> Entry | None:
        """What the caller said or did last: that is what a reply answers. Else whatever came last."""
        return next((each for each in entries if is_callers(each)), entries[0] if entries else None)

    def reading(self, view: ThreadView, page: int) -> Text:
        """The time line, newest first, as much as a page holds. A page that is not there is the last one."""
        say, at = self.words, f"t/{view.row.thread}"
        pages = self._pages(view)
        page = min(page, len(pages) - 1)
        onward = Link(f"{at}/r/{page + 1}") if page + 1 < len(pages) else None
        keys = [Key(say("reply"), Link(f"{at}/n/0"))] if self._textable(view) else []
        if onward:
            keys.append(Key(say("next"), onward))
        if view.row.number:
            keys.append(Key(say("call"), Link(f"{at}/b/{self.nonce()}")))
        keys.append(Key(say("back"), Link(at)))
        name = self.name(view.row)
        title = say("page", title=name, page=page + 1, pages=len(pages)) if len(pages) > 1 else name
        return Text(title, pages[page], tuple(keys), onward or Link(at), Link(at))

    def _pages(self, view: ThreadView) -> list[str]:
        blocks = [f"{self.head(each)} {self.said(each)}{self.state(each)}" for each in view.entries]
        if view.older:
            blocks.append(self.words("older"))
        blocks = blocks or [self.words("empty_thread")]
        if self.shape.lines is not None:
            width, most = self.shape.lines
            lines = [line for block in blocks for line in wrapped(block, width)]
            return ["\n".join(lines[first : first + most]) for first in range(0, len(lines), most)]
        pages = [""]
        for block in blocks:
            for piece in _pieces(block, self.shape.text):
                joined = f"{pages[-1]}\n{piece}" if pages[-1] else piece
                if len(joined) > self.shape.text:
                    pages.append(piece)
                else:
                    pages[-1] = joined
        return pages

    # ---- writing

    def write(self, view: ThreadView, draft: str = "") -> Input:
        """A text of one's own; ``draft`` is what was typed before."""
        say, at = self.words, f"t/{view.row.thread}"
        return Input(
            self.name(view.row),
            say("write_prompt"),
            Link(f"{at}/f/{view.seen}/{self.nonce()}"),
            self._typing(),
            Link(at),
            value=plain(draft),
        )

    def _typing(self) -> tuple[Key, ...]:
        say = self.words
        return Key(say("send"), Verb.SUBMIT), Key(say("erase"), Verb.ERASE), Key(say("mode"), Verb.MODE), Key(say("cancel"), Verb.EXIT)

    def confirm(self, thread: int, text: str, parts: int, seen: int, nonce: str) -> Text:
        """What is about to leave, and what it costs."""
        say, at = self.words, f"t/{thread}"
        send = Link(f"{at}/s/{seen}/{nonce}")
        keys = (Key(say("send"), send), Key(say("change"), Link(f"{at}/w/{nonce}")), Key(say("cancel"), Link(at)))
        return Text(say("confirm", parts=parts), cut_text(plain(text), self.shape.text), keys, send, Link(at))

    def sent(self, view: ThreadView, text: str, state: MessageState) -> Ack:
        """The text that leaves, or left."""
        say = self.words
        title = "queued_title" if state in (MessageState.QUEUED, MessageState.SENDING) else "sent_title"
        return self._ack(say(title, name=self.name(view.row)), cut_text(plain(text), self.shape.text), view.row.thread)

    def calling(self, view: ThreadView) -> Ack:
        """The member's own phone is about to ring."""
        name = self.name(view.row)
        return self._ack(self.words("calling_title", name=name), self.words("calling", name=name), view.row.thread)

    def done(self, view: ThreadView) -> Ack:
        """The thread is settled."""
        return self._ack(self.words("done_title"), self.words("done_text", name=self.name(view.row)), view.row.thread)

    def declined(self, call: Ringing, thread: int) -> Ack:
        """The caller hears that a text comes."""
        name = self.caller(call)
        return self._ack(self.words("declined_title", name=name), self.words("declined_text", name=name), thread)

    def kept(self, thread: int, name: str) -> Ack:
        """The name that the caller gave is a contact's now."""
        return self._ack(self.words("kept_title"), self.words("kept_text", name=plain(name)), thread)

    def changed(self, view: ThreadView) -> Ack:
        """Nothing was done: it is not what was shown any more."""
        say, at = self.words, Link(f"t/{view.row.thread}")
        keys = (Key(say("again"), at), Key(say("list"), _INBOX))
        return Ack(say("changed_title"), say("changed_text", name=self.name(view.row)), keys, at, _INBOX)

    def _ack(self, title: str, text: str, thread: int) -> Ack:
        say = self.words
        return Ack(title, text, (Key(say("list"), _INBOX), Key(say("again"), Link(f"t/{thread}"))), _INBOX, _INBOX)

    # ---- refusals

    def held(self, thread: int, who: str, until: datetime | None, over: Link) -> Menu:
        """Somebody else answers: theirs to finish, unless it is taken from them on purpose."""
        told = self.words("held", name=plain(who), time=self.when(until) if until else "…")
        return self._refusal(told, Link(f"t/{thread}"), Choice(self.words("take_over"), over))

    def answered(self, thread: int, who: str, anyway: Link, *, held: bool = False) -> Menu:
        """Somebody else answered since this was shown; ``held``: and is still at it, so that who sends takes over."""
        told = self.words("answered_meanwhile", name=plain(who))
        return self._refusal(told, Link(f"t/{thread}/r/0"), Choice(self.words("take_over" if held else "send_anyway"), anyway))

    def _refusal(self, told: str, read: Link, anyway: Choice) -> Menu:
        say = self.words
        choices = (Choice(told, read), anyway, Choice(say("list"), _INBOX))
        keys = (Key(say("open"), Verb.SELECT), Key(say("list"), _INBOX))
        return Menu(say("refused_title"), choices, keys=keys, back=_INBOX)

    def error(self, told: str, back: Link | None = _INBOX) -> Ack:
        """Why not. ``back`` None: nothing of ours is offered."""
        say, told = self.words, cut_text(told, self.shape.text)
        if back is None:
            return Ack(say("error_title"), told, (Key(say("exit"), Verb.EXIT),), Verb.EXIT, None)
        return Ack(say("error_title"), told, (Key(say("back"), back), Key(say("exit"), Verb.EXIT)), back, back)

    # ---- the PIN

    def pin(self, name: str, *, wrong: bool = False) -> Input | Menu:
        """Asks for the member's PIN, once per ``nonce``."""
        nonce, prompt = self.nonce(), self.words("pin_wrong" if wrong else "pin_prompt")
        if not self.shape.writes:
            return self.keypad(name, nonce, "", prompt)
        title = self.words("pin_title", name=cut(plain(name), 16))
        keys = tuple(key for key in self._typing() if key.does is not Verb.MODE)
        return Input(title, prompt, Link(f"k/{nonce}"), keys, None, secret=True)

    def keypad(self, name: str, nonce: str, typed: str, prompt: str | None = None) -> Menu:
        """The digits as rows: row 1 is 1, row 10 is 0."""
        say = self.words
        choices = [Choice(digit, Link(f"k/{nonce}/{typed}{digit}")) for digit in "1234567890"]
        choices += [Choice(say("ok"), Link(f"k/{nonce}/{typed}-")), Choice(say("erase"), Link(f"k/{nonce}"))]
        note = prompt or say("pin_keyed", count=len(typed))
        keys = (Key(say("ok"), Link(f"k/{nonce}/{typed}-")), Key(say("erase"), Link(f"k/{nonce}")), Key(say("exit"), Verb.EXIT))
        return Menu(f"{cut(plain(name), 10)}: {note}", tuple(choices), note=note, keys=keys)


def _pieces(block: str, most: int) -> list[str]:
    """A block that fits a page stays whole; a longer one is broken between words."""
    return [block] if len(block) <= most else wrapped(block, most)


def cut_text(text: str, most: int) -> str:
    """At most ``most`` characters, lines kept."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
