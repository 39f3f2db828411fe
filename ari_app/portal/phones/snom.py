"""The dialect of Snom's minibrowser: a cousin of Cisco's, with function keys by name and a token in the address for what is typed."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ari_app.portal.characters import plain
from ari_app.portal.phones.markup import Canvas, add
from ari_app.portal.screens import Ack, Input, Menu, Screen, Text, Verb

__all__ = ["draw"]

_TOKEN = "__X__"  # noqa: S105 what the phone replaces, no secret
_VERBS = {Verb.EXIT: "snom://mb_exit"}
"""Selecting, submitting and erasing have keys of their own on every Snom."""


def draw(screen: Screen, canvas: Canvas) -> Element:
    """The screen as one object."""
    match screen:
        case Menu():
            root = Element("SnomIPPhoneMenu")
            add(root, "Title", canvas.title(screen.title))
            for choice in screen.choices[: canvas.brand.rows]:
                item = add(root, "MenuItem", name=canvas.row(choice.label))
                add(item, "Url", canvas.url(choice.to))
                if choice.more:
                    add(item, "ExtraText", canvas.more(choice.more))
            if screen.again is not None:
                add(root, "fetch", canvas.base, mil=str(screen.again * 1000))
        case Input():
            # its Title is not shown: the field's name stands there
            root = Element("SnomIPPhoneInput", track="no")
            add(root, "Title", canvas.title(screen.title))
            add(root, "Url", f"{canvas.url(screen.to)}?m={_TOKEN}")
            item = add(root, "InputItem")
            add(item, "DisplayName", canvas.title(screen.prompt if screen.secret else screen.title))
            add(item, "InputToken", _TOKEN)
            add(item, "DefaultValue", plain(screen.value))
            add(item, "InputFlags", "pn" if screen.secret else "a")
        case Text() | Ack():
            root = Element("SnomIPPhoneText", {"track": "no"} if isinstance(screen, Ack) else {})
            add(root, "Title", canvas.title(screen.title))
            add(root, "Text", plain(screen.text))
    verbs = {Verb.EXIT: canvas.leaving(screen, _VERBS[Verb.EXIT])} if isinstance(screen, Input) else _VERBS
    for number, (label, address) in enumerate(canvas.keys(screen.keys, verbs.get), 1):
        key = add(root, "SoftKeyItem")
        add(key, "Name", f"F{number}")
        add(key, "Label", label)
        add(key, "URL", address)
    return root
