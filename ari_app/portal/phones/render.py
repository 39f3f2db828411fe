"""A screen as the bytes one phone gets, never more than it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ari_app.portal.phones import cisco, grandstream, ipphone, poly, snom
from ari_app.portal.phones.brands import Brand
from ari_app.portal.phones.markup import Canvas, document
from ari_app.portal.screens import Ack, Input, Menu, Screen, Text

__all__ = ["charset_of", "headers_of", "rendered"]

_DRAW = {
    "cisco": cisco.draw,
    "cisco-mpp": cisco.draw,
    "snom": snom.draw,
    "poly": poly.draw,
    "grandstream": grandstream.draw,
    "grandstream-old": grandstream.draw_old,
}
_PAST = "Fri, 02 Jan 1998 00:00:00 GMT"
"""Cisco: a page that expired stays out of the history, so that Back does not ask for it again. After 1970, for the 8800 series."""


def rendered(screen: Screen, canvas: Canvas, charset: str = "UTF-8") -> bytes:
    """The document, in at most ``brand.bytes`` bytes: text that makes it longer is cut, newest words first."""
    draw, doctype = _DRAW.get(canvas.brand.name, ipphone.draw), poly.DOCTYPE if canvas.brand.name == "poly" else ""
    body = document(draw(screen, canvas), doctype, charset)
    while len(body) > canvas.brand.bytes:
        screen = _shorter(screen)
        body = document(draw(screen, canvas), doctype, charset)
    return body


def _shorter(screen: Screen) -> Screen:
    match screen:
        case Text() | Ack():
            return replace(screen, text=screen.text[: len(screen.text) * 3 // 4].rstrip() + "…")
        case Input():
            return replace(screen, value=screen.value[: len(screen.value) // 2])
        case Menu(choices=choices):
            # what is under a row first, then rows before the last, which leads on
            if any(choice.more for choice in choices):
                return replace(screen, choices=tuple(replace(choice, more=choice.more[: len(choice.more) // 2]) for choice in choices))
            return replace(screen, choices=(*choices[:-2], choices[-1]))


def charset_of(brand: Brand, headers: Mapping[str, str]) -> str:
    """UTF-8, but ISO-8859-1 for a Cisco whose Accept-Charset knows nothing better: without a charset it takes its locale's."""
    accepted = headers.get("Accept-Charset", "").lower()
    known = {item.partition(";")[0].strip() for item in accepted.split(",") if item.strip()}
    if brand.name.startswith("cisco") and known and not known & {"utf-8", "*"} and "iso-8859-1" in known:
        return "ISO-8859-1"
    return "UTF-8"


def headers_of(screen: Screen, canvas: Canvas, charset: str = "UTF-8") -> dict[str, str]:
    """What goes with it: nothing of it is kept, and an inbox looks again where the brand can."""
    headers = {
        "Content-Type": f"{canvas.brand.content_type}; charset={charset}",
        "Cache-Control": "private, no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
        "Connection": "close",
    }
    is_cisco = canvas.brand.name.startswith("cisco")
    if isinstance(screen, Ack | Input):
        headers["Expires"] = _PAST if is_cisco else "0"
    elif not is_cisco:
        headers["Expires"] = "0"
    if isinstance(screen, Menu) and screen.again is not None and (is_cisco or canvas.brand.name == "poly"):
        headers["Refresh"] = f"{screen.again}; url={canvas.base}"
    return headers
