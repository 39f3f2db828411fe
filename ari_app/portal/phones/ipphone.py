"""The dialect of Yealink, Aastra/Mitel, Htek and Fanvil: one set of objects whose names begin differently.

Yealink "XML Browser Developer's Guide" SIP-T4X; Aastra "XML API for SIP Phones" 3.3.1 SP4.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ari_app.portal.characters import plain
from ari_app.portal.phones.markup import Canvas, add
from ari_app.portal.screens import Ack, Input, Link, Menu, Screen, Text, Verb

__all__ = ["draw"]

_VERBS = {
    Verb.SELECT: "SoftKey:Select",
    Verb.DIAL: "SoftKey:Dial",
    Verb.SUBMIT: "SoftKey:Submit",
    Verb.ERASE: "SoftKey:BackSpace",
    Verb.MODE: "SoftKey:ChangeMode",
    Verb.EXIT: "SoftKey:Exit",
}
_AASTRA_VERBS = {**_VERBS, Verb.DIAL: "SoftKey:Dial2", Verb.MODE: None}


def draw(screen: Screen, canvas: Canvas) -> Element:
    """The screen as one object."""
    match screen:
        case Menu():
            root = _menu(screen, canvas)
        case Input():
            root = _input(screen, canvas)
        case Text() | Ack():
            root = _text(screen, canvas)
    verbs = _AASTRA_VERBS if canvas.brand.name == "aastra" else _VERBS
    for index, (label, address) in enumerate(canvas.keys(screen.keys, verbs.get), 1):
        key = add(root, "SoftKey", index=str(index))
        add(key, "Label", label)
        add(key, "URI", address)
    return root


def _root(canvas: Canvas, kind: str, screen: Screen, **attributes: str) -> Element:
    root = Element(f"{canvas.brand.prefix}{kind}", attributes)
    if canvas.brand.name == "aastra" or isinstance(screen, Ack):
        root.set("destroyOnExit", "yes")
    if screen.back is not None:
        root.set("cancelAction", canvas.url(screen.back))
    return root


def _menu(screen: Menu, canvas: Canvas) -> Element:
    root = _root(canvas, "TextMenu", screen, style="numbered", Beep="no", Timeout="120", LockIn="no", wrapList="yes")
    add(root, "Title", canvas.title(screen.title), wrap="no")
    for choice in screen.choices[: canvas.brand.rows]:
        item = add(root, "MenuItem")
        add(item, "Prompt", canvas.row(choice.label, choice.more))
        add(item, "URI", canvas.url(choice.to))
        if choice.dial:
            add(item, "Dial", choice.dial)
    return root


def _text(screen: Text | Ack, canvas: Canvas) -> Element:
    root = _root(canvas, "TextScreen", screen, Beep="no", Timeout="30" if isinstance(screen, Ack) else "180", LockIn="yes")
    # without it the OK key says "Invalid URI"
    root.set("doneAction", canvas.url(screen.done) if isinstance(screen.done, Link) else _VERBS[screen.done])
    add(root, "Title", canvas.title(screen.title), wrap="no")
    add(root, "Text", plain(screen.text))
    return root


def _input(screen: Input, canvas: Canvas) -> Element:
    kind, secret = ("number", "yes") if screen.secret else ("string", "no")
    if canvas.brand.name == "aastra":
        root = _root(canvas, "InputScreen", screen, type=kind, password=secret, editable="yes", Beep="no", Timeout="300", LockIn="yes")
    else:
        root = _root(canvas, "InputScreen", screen, Beep="no", Timeout="300", LockIn="yes")
    add(root, "Title", canvas.title(screen.title), wrap="no")
    add(root, "URL", canvas.url(screen.to))
    field = root if canvas.brand.name == "aastra" else add(root, "InputField", type=kind, password=secret, editable="yes")
    add(field, "Prompt", f"{canvas.title(screen.prompt).rstrip(':')}:")
    add(field, "Parameter", "m")
    add(field, "Default", plain(screen.value))
    return root
