"""Pages for the microbrowser of Poly (Polycom) phones: XHTML of few elements, soft keys after the body."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from ari_app.portal.characters import plain
from ari_app.portal.phones.markup import Canvas, add
from ari_app.portal.screens import Ack, Choice, Input, Link, Menu, Screen, Text, Verb

__all__ = ["DOCTYPE", "draw"]

DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
_VERBS = {Verb.SUBMIT: "Softkey:Submit", Verb.EXIT: "Softkey:Exit"}


def draw(screen: Screen, canvas: Canvas) -> Element:
    """The screen as a page."""
    root = Element("html")
    add(add(root, "head"), "title", canvas.title(screen.title))
    body = add(root, "body")
    match screen:
        case Menu():
            if screen.note:
                add(body, "p", canvas.row(screen.note))
            for choice in screen.choices[: canvas.brand.rows]:
                _choice(add(body, "p"), choice, canvas)
        case Input():
            form = SubElement(body, "form", {"method": "get", "action": canvas.url(screen.to), "accept-charset": "utf-8"})
            line = add(form, "p", f"{canvas.title(screen.prompt).rstrip(':')}: ")
            add(line, "input", type="password" if screen.secret else "text", name="m", value=plain(screen.value))
            add(line, "input", type="submit", value=next(canvas.label(key.label) for key in screen.keys if key.does is Verb.SUBMIT))
        case Text() | Ack():
            line = add(body, "p")
            last: Element | None = None
            for words in plain(screen.text).split("\n"):
                if last is None:
                    line.text = words
                    last = line
                else:
                    last = add(line, "br")
                    last.tail = words
    verbs = {**_VERBS, Verb.EXIT: canvas.leaving(screen, _VERBS[Verb.EXIT])} if isinstance(screen, Input) else _VERBS
    for number, (label, address) in enumerate(canvas.keys(screen.keys, verbs.get), 1):
        action = address if address.startswith("Softkey:") else f"Softkey:Fetch;{address}"
        add(root, "softkey", index=str(number), label=label, action=action)
    return root


def _choice(line: Element, choice: Choice, canvas: Canvas) -> None:
    link = add(line, "a", canvas.row(choice.label), href=canvas.url(choice.to))
    if choice.dial and _is_thread(choice.to):
        # the row's own call: one press on the second link
        link.tail = " "
        add(line, "a", "Tel", href=f"tel://{choice.dial}")
    if choice.more:
        add(line, "br").tail = canvas.more(choice.more)


def _is_thread(link: Link) -> bool:
    return link.path.startswith("t/") and link.path.count("/") == 1
