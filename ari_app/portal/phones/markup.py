"""Elements of phone XML: built as a tree, so that it is well-formed and escaped whatever a caller wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ari_app.portal.characters import cut, plain
from ari_app.portal.phones.brands import Brand
from ari_app.portal.screens import Input, Key, Link, Verb

__all__ = ["Canvas", "add", "document"]


@dataclass(frozen=True, slots=True)
class Canvas:
    """On what a screen is drawn: the brand, and where its links lead."""

    brand: Brand
    base: str
    """Address of this phone's inbox, without a slash at its end."""
    select_first: bool = True
    """Cisco: is the first soft key the one that opens (79xx and multiplatform), or the one that leaves."""

    def url(self, link: Link) -> str:
        """Absolute: phones resolve relative addresses each in their own way."""
        return f"{self.base}/{link.path}" if link.path else self.base

    def title(self, text: str) -> str:
        return cut(plain(text), self.brand.title)

    def row(self, *parts: str) -> str:
        # some phones leave a row without words out, and number the others anew
        return cut(plain(" ".join(part for part in parts if part)), self.brand.row) or "…"

    def more(self, text: str) -> str:
        return cut(plain(text), self.brand.more)

    def label(self, text: str) -> str:
        return cut(plain(text), self.brand.label)

    def leaving(self, screen: Input, leaves: str) -> str:
        """Address of the key that gives a field up, where a brand has no word for it: back to where one came from."""
        return leaves if screen.back is None else self.url(screen.back)

    def keys(self, keys: Sequence[Key], verbs: Callable[[Verb], str | None]) -> list[tuple[str, str]]:
        """Label and address of the soft keys this brand can have. ``verbs``: its word for a verb, None for one it lacks."""
        found = []
        for key in keys:
            address = self.url(key.does) if isinstance(key.does, Link) else verbs(key.does)
            if address is not None:
                found.append((self.label(key.label), address))
        # the way out stays where there are more than the phone has
        return [*found[: self.brand.keys - 1], found[-1]] if len(found) > self.brand.keys else found


def add(parent: Element, tag: str, text: str | None = None, /, **attributes: str) -> Element:
    """A child with this text."""
    child = SubElement(parent, tag, attributes)
    child.text = text
    return child


def document(root: Element, doctype: str = "", charset: str = "UTF-8") -> bytes:
    """The document, its declaration first: no phone takes a byte before it."""
    indent(root, space="")
    body = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="{charset}"?>\n{doctype}{body}\n'.encode(charset, "replace")
