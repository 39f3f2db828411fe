"""What a caller's text comes to: opting out and in, a notice, or nothing but its place in the thread.

A reaction to a text ("tapback") is shown and no more: it asks for no answer, and is no part of a conversation, as nobody wrote.
One confirmation of STOP, none after. Emergency words are answered with the safety text, once an hour, also to who opted out: they
wrote first. The daily limits of automatic texts hold for notices too, but for those two. Nothing is ever answered that is no person's
number: short codes, names, the clinic's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from ari_app.model import Inbound, Language, Reaction
from ari_app.policy.hours import Opening
from ari_app.policy.keywords import Keyword, automatic, meaning
from ari_app.policy.tapbacks import tapback

__all__ = ["HELP_PAUSE", "PICTURE_PAUSE", "ROBOT_ANSWERS", "ROBOT_TEXTS", "SAFETY_PAUSE", "react"]

ROBOT_TEXTS = 5
"""Automatic texts of ours to one number within an hour after which no notice goes: two robots may be talking."""
ROBOT_ANSWERS = timedelta(minutes=5)
"""A robot answers an automatic text of ours within this span; later it speaks of something else."""
HELP_PAUSE = timedelta(hours=1)
"""HELP is answered once in this span."""
PICTURE_PAUSE = timedelta(hours=24)
"""Who sends pictures is told once in this span that we cannot see them."""
SAFETY_PAUSE = timedelta(hours=1)
"""Emergency words are answered once in this span."""
_DAY = timedelta(hours=24)
_NIGHT = timedelta(hours=12)
"""How far back a closure reaches whose beginning nobody knows (a night switch)."""


def react(
    inbound: Inbound,
    now: datetime,
    opening: Opening,
    *,
    conversation: timedelta,
    answerable: bool,
    limited: bool,
    replies: bool,
    wrote: Language | None,
    emergency: Collection[Language],
    words: Callable[[str, Language | None], tuple[str, Language]],
) -> Reaction:
    """``conversation``: how long after words of staff a text counts as their answer. ``answerable``: a notice may go to this number.
    ``limited``: the day's limit of automatic texts, to it or to all, is reached. ``replies``: the line sends automatic texts.
    ``wrote``: the language of the text, where it tells. ``emergency``: the languages of emergency words in it that are to be answered.
    ``words``: text of a notice by name, in the language given or else that known of the caller."""
    if not inbound.number.startswith("+"):
        return Reaction()
    if (tap := tapback(inbound.text)) is not None:
        return Reaction(note="reaction taken back" if tap.removed else "reaction", automatic=True, reopens=False)
    talking = inbound.last_staff is not None and now - inbound.last_staff < conversation
    found = meaning(inbound.text)
    if found is not None and talking and not found.sure:
        found = None  # as likely the answer to a question of staff
    if found is None and not inbound.picture and automatic(inbound.text):
        # staff see it: a person may have written just these words
        answers_us = inbound.last_auto is not None and now - inbound.last_auto < ROBOT_ANSWERS
        return Reaction(automatic=True, looping=answers_us)
    name: str | None = None
    opt: bool | None = None
    reopens = True
    if found is None and emergency:
        last = inbound.notices.get("safety")
        name = "safety" if last is None or now - last >= SAFETY_PAUSE else None
    elif found is None and inbound.picture:
        name = "picture" if replies and _unaware(inbound, now) else None
    elif found is None:
        name = "received" if replies and _first_while_closed(inbound, now, opening) else None
    elif found.keyword is Keyword.STOP:
        opt, reopens, name = True, talking, None if inbound.opted_out else "stop"
    elif found.keyword is Keyword.START and inbound.opted_out:
        opt, reopens, name = False, talking, "start"
    elif found.keyword is Keyword.HELP:
        last = inbound.notices.get("help")
        name = "help" if last is None or now - last >= HELP_PAUSE else None
    wrote = wrote if found is None else found.language
    quiet = limited or inbound.auto_recent >= ROBOT_TEXTS
    if name is None or not answerable or (quiet and not _owed(name, inbound, now, limited=limited)):
        return Reaction(opt=opt, reopens=reopens, wrote=wrote)
    # words like "911" are of both languages, and tell none
    text, language = words(name, wrote or (next(iter(emergency)) if len(emergency) == 1 else None))
    return Reaction(opt=opt, notice=text, notice_name=name, reopens=reopens, language=language, wrote=wrote)


def _owed(name: str, inbound: Inbound, now: datetime, *, limited: bool) -> bool:
    """Goes beyond the limits: the safety text, and the one confirmation of STOP, this not where two robots may be talking."""
    if name == "safety":
        return True
    last = inbound.notices.get(name)
    return limited and inbound.auto_recent < ROBOT_TEXTS and name == "stop" and (last is None or now - last >= _DAY)


def _unaware(inbound: Inbound, now: datetime) -> bool:
    """May the sender of a picture be told that we cannot see it, and was not lately."""
    told = inbound.notices.get("picture")
    return not inbound.opted_out and not inbound.looping and (told is None or now - told >= PICTURE_PAUSE)


def _first_while_closed(inbound: Inbound, now: datetime, opening: Opening) -> bool:
    if opening.open or inbound.opted_out:
        return False
    closed = opening.since or now - _NIGHT
    told, staff = inbound.notices.get("received"), inbound.last_staff
    return (told is None or told < closed) and (staff is None or staff < closed)
