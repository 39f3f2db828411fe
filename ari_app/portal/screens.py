"""What a small screen shows, before any brand's XML: a menu, a text, a field to type into, or an acknowledgement.

Plain values. ``Link.path`` is relative to the phone's own address (/p/<token>/<brand>); ``phones/`` writes them in each brand's dialect,
``screen_flow`` builds them from the values of the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Ack", "Choice", "Input", "Key", "Link", "Menu", "Screen", "Shape", "Text", "Verb"]


@dataclass(frozen=True, slots=True)
class Link:
    """A page of ours: "" is the inbox, "t/17" a thread."""

    path: str


class Verb(StrEnum):
    """What a key does at the phone itself."""

    SELECT = "select"
    """Opens the row the cursor is on."""
    DIAL = "dial"
    """Calls the number of the row the cursor is on."""
    SUBMIT = "submit"
    ERASE = "erase"
    MODE = "mode"
    """Switches the keypad between letters and digits."""
    EXIT = "exit"
    """Leaves the application."""


@dataclass(frozen=True, slots=True)
class Key:
    """A soft key. The most needed first: a phone with few keys shows the first ones."""

    label: str
    does: Link | Verb


@dataclass(frozen=True, slots=True)
class Choice:
    """A row that leads on. Phones select it by its digit, 1 being the first."""

    label: str
    to: Link
    more: str = ""
    """Goes on in the same row, or in a smaller line under it where the brand has one."""
    dial: str | None = None
    """What the phone itself dials to call this row's number, as ``pbx.dial`` writes it."""


@dataclass(frozen=True, slots=True)
class Menu:
    """Rows to choose from. Never without one: an empty list locks some phones up."""

    title: str
    choices: tuple[Choice, ...]
    note: str = ""
    """A few words under the title, where the brand has a place for them: nothing that is not said elsewhere."""
    keys: tuple[Key, ...] = ()
    back: Link | None = None
    """Where Back leads; None leaves the application."""
    again: int | None = None
    """Seconds after which it looks again, where the brand can."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words to read."""

    title: str
    text: str
    keys: tuple[Key, ...]
    done: Link | Verb
    """What the OK key does: it is there on every phone, soft keys are not."""
    back: Link | None


@dataclass(frozen=True, slots=True)
class Input:
    """A field to type into; the phone asks for ``to`` with ``m`` = what was typed."""

    title: str
    prompt: str
    to: Link
    keys: tuple[Key, ...]
    back: Link | None
    value: str = ""
    secret: bool = False
    """A PIN: digits, not shown."""


@dataclass(frozen=True, slots=True)
class Ack:
    """What came of a deed, or why not. Not kept in the phone's history: Back must not do the deed again."""

    title: str
    text: str
    keys: tuple[Key, ...]
    done: Link | Verb
    back: Link | None


Screen = Menu | Text | Input | Ack


@dataclass(frozen=True, slots=True)
class Shape:
    """What a brand's screen holds, as far as the flow of screens depends on it."""

    rows: int
    """Threads a page."""
    text: int
    """Characters of a page of text."""
    writes: bool
    """Is there a field to type into. Else ready replies only, and a PIN from a menu of digits."""
    lines: tuple[int, int] | None = None
    """Characters of a line and lines of a page, where the brand neither wraps nor scrolls."""
