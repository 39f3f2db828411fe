"""The dialect of Cisco's phones, enterprise and multiplatform (MPP, 3PCC).

Source: "Cisco Unified IP Phone Services Application Development Notes".
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ari_app.portal.characters import plain
from ari_app.portal.phones.markup import Canvas, add
from ari_app.portal.screens import Ack, Input, Menu, Screen, Text, Verb

__all__ = ["draw"]

_VERBS = {
    Verb.SELECT: "SoftKey:Select",
    Verb.DIAL: None,  # of directories only
    Verb.SUBMIT: "SoftKey:Submit",
    Verb.ERASE: "SoftKey:<<",
    Verb.MODE: None,
    Verb.EXIT: "SoftKey:Exit",
}
_INPUT_VERBS = {**_VERBS, Verb.EXIT: "SoftKey:Cancel"}


def draw(screen: Screen, canvas: Canvas) -> Element:
    """The screen as one object. Any soft key of ours takes all of the phone's away, so that there is always one that leaves."""
    match screen:
        case Menu():
            root = _begin(screen.title, screen.note, "Menu", canvas)
            for choice in screen.choices[: canvas.brand.rows]:
                item = add(root, "MenuItem")
                add(item, "Name", canvas.row(choice.label, choice.more))
                add(item, "URL", canvas.url(choice.to))
        case Input():
            root = _begin(screen.title, screen.prompt, "Input", canvas)
            add(root, "URL", canvas.url(screen.to))
            item = add(root, "InputItem")
            add(item, "DisplayName", canvas.title(screen.prompt))
            add(item, "QueryStringParam", "m")
            add(item, "DefaultValue", plain(screen.value))
            add(item, "InputFlags", "NP" if screen.secret else "A")
        case Text() | Ack():
            root = _begin(screen.title, "", "Text", canvas)
            add(root, "Text", plain(screen.text))
    keys = canvas.keys(screen.keys, (_INPUT_VERBS if isinstance(screen, Input) else _VERBS).get)
    if isinstance(screen, Menu) and not canvas.select_first and len(keys) > 1:
        keys = [keys[-1], *keys[:-1]]
    for position, (label, address) in enumerate(keys, 1):
        key = add(root, "SoftKeyItem")
        add(key, "Name", label)
        add(key, "URL", address)
        add(key, "Position", str(position))
    return root


def _begin(title: str, prompt: str, kind: str, canvas: Canvas) -> Element:
    root = Element(f"{canvas.brand.prefix}{kind}")
    add(root, "Title", canvas.title(title))
    add(root, "Prompt", canvas.title(prompt))
    return root
