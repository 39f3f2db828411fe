"""Grandstream: ``<xmlapp>`` for GXP2130 to 2170 and GRP, ``<Screen>`` drawn by position for the GXP21xx before them.

Source: Grandstream "GXP21xx XML Application Guide" 1.0.0.2.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ari_app.portal.characters import plain, wrapped
from ari_app.portal.phones.markup import Canvas, add
from ari_app.portal.screens import Ack, Input, Menu, Screen, Text, Verb

__all__ = ["draw", "draw_old"]

_LINE = 20
"""Pixels from one line to the next."""


def draw(screen: Screen, canvas: Canvas) -> Element:
    """The screen as an application of one view. A section is never empty: that cannot be left."""
    root = Element("xmlapp", title=canvas.title(screen.title))
    section = add(add(root, "view"), "section")
    match screen:
        case Menu():
            for choice in screen.choices[: canvas.brand.rows]:
                row = add(section, "command", label=canvas.row(choice.label))
                if choice.more:
                    row.set("text", canvas.more(choice.more))
                row.set("action", canvas.url(choice.to))
        case Text() | Ack():
            for words in plain(screen.text).split("\n"):
                add(section, "text", label=words or " ")
        case Input():
            raise ValueError("an <xmlapp> has no field to type into: Shape.writes is False")
    keys = add(root, "Softkeys")
    for label, address in canvas.keys(screen.keys, _exit):
        if address == _EXIT:
            add(keys, "Softkey", action=_EXIT, label=label)
        else:
            add(keys, "Softkey", action="UseURL", label=label, commandArgs=address)
    return root


_EXIT = "QuitApp"
_SUBMIT = "AppendInputURL"


def _exit(verb: Verb) -> str | None:
    return _EXIT if verb is Verb.EXIT else None


def draw_old(screen: Screen, canvas: Canvas) -> Element:
    """The screen as lines at positions. Rows have no links of their own: each is a soft key of its number."""
    root = Element("Screen")
    page = add(root, "Page")
    add(page, "ShowStatusLine", "false")
    contents = add(page, "Contents")
    _line(contents, 0, canvas.title(screen.title))
    numbered: list[tuple[str, str]] = []
    match screen:
        case Menu():
            for number, choice in enumerate(screen.choices[: canvas.brand.rows], 1):
                _line(contents, number, f"{number} {canvas.row(choice.label, choice.more)}")
                numbered.append((str(number), canvas.url(choice.to)))
        case Text() | Ack():
            for number, words in enumerate(wrapped(plain(screen.text), canvas.brand.row)[: canvas.brand.rows + 1], 1):
                _line(contents, number, words)
        case Input():
            _line(contents, 1, canvas.title(screen.prompt))
            field = add(contents, "input", name="m", value=_literal(plain(screen.value)), type="password" if screen.secret else "text")
            field.set("maxlength", "8" if screen.secret else "480")
            field.set("data-type", "string")
            add(field, "styles", pos_x="0", pos_y=str(5 + 2 * _LINE), width="200")
    verbs = {Verb.EXIT: canvas.leaving(screen, _EXIT) if isinstance(screen, Input) else _EXIT, Verb.SUBMIT: _SUBMIT}
    keys = add(page, "SoftKeys")
    for label, address in [*numbered, *canvas.keys(screen.keys, verbs.get)]:
        if address == _EXIT:
            add(keys, "SoftKey", action=_EXIT, label=label)
        elif address == _SUBMIT and isinstance(screen, Input):
            add(keys, "SoftKey", action=_SUBMIT, label=label, commandArgs=canvas.url(screen.to))
        else:
            add(keys, "SoftKey", action="UseURL", label=label, commandArgs=address)
    return root


def _line(contents: Element, number: int, words: str) -> None:
    shown = add(contents, "DisplayString", font="unifont", halign="left", color="Black", bgcolor="White")
    add(shown, "X", "0")
    add(shown, "Y", str(5 + number * _LINE))
    add(shown, "DisplayStr", _literal(words))


def _literal(words: str) -> str:
    """``$name`` is a variable of the phone: a dollar sign is written twice."""
    return words.replace("$", "$$")
