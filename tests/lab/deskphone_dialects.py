"""How each brand's browser reads a page. Written apart from the portal's renderers: what the brand does not know is an error here too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from tests.lab.deskphone_brands import BRANDS, Browser

__all__ = ["BRANDS", "Action", "Field", "Item", "PhoneError", "Shown", "SoftKey", "read"]


class PhoneError(Exception):
    """The phone shows an error of its own, or has no such key."""


Does = Literal["go", "select", "dial", "submit", "erase", "mode", "exit", "back"]


@dataclass(frozen=True)
class Action:
    """What a key or a row does; ``to`` is an address, or the number dialled."""

    does: Does
    to: str = ""


@dataclass(frozen=True)
class Item:
    """A row, or a link: ``more`` stands under it."""

    label: str
    action: Action
    more: str = ""
    dial: str = ""


@dataclass(frozen=True)
class SoftKey:
    label: str
    action: Action


@dataclass(frozen=True)
class Field:
    """What is typed goes to ``url`` as ``name``; ``token``: it replaces that in the address. ``hidden``: sent along."""

    url: str
    name: str
    label: str
    value: str
    secret: bool
    token: str = ""
    hidden: tuple[tuple[str, str], ...] = ()


@dataclass
class Shown:
    """A page as the phone understood it."""

    kind: Literal["menu", "text", "input"]
    title: str
    note: str = ""
    text: str = ""
    items: list[Item] = field(default_factory=list)
    keys: list[SoftKey] = field(default_factory=list)
    field: Field | None = None
    done: Action | None = None
    """Of the OK key."""
    cancel: str = ""
    """Where Back leads; "" to the page before."""
    kept: bool = True
    """In the history."""
    again: tuple[float, str] | None = None
    """Seconds, address: it loads that by itself."""


def read(browser: Browser, body: bytes) -> Shown:
    """A document as this phone understands it. Raises PhoneError for what it would not show."""
    if not body.startswith(b"<?xml "):
        raise PhoneError("the document does not begin with its declaration")
    if len(body) > browser.bytes:
        raise PhoneError(f"the document has {len(body)} bytes, and {browser.bytes} is the most")
    try:
        root = ET.fromstring(body)  # noqa: S314  (our own server's, and no entities are declared)
    except ET.ParseError as error:
        raise PhoneError(f"the document is not well-formed: {error}") from error
    if root.tag not in browser.roots:
        raise PhoneError(f"<{root.tag}> is no page of a {browser.brand}")
    for element in root.iter():
        attributes = browser.elements.get(element.tag)
        if attributes is None:
            raise PhoneError(f"<{element.tag}> is unknown to a {browser.brand}")
        if odd := set(element.attrib) - attributes:
            raise PhoneError(f"<{element.tag}> has {', '.join(sorted(odd))}, unknown to a {browser.brand}")
    return _READERS[browser.brand](root)


def _text(element: Element, path: str) -> str:
    found = element.find(path)
    if found is None:
        raise PhoneError(f"<{element.tag}> has no <{path}>")
    return found.text or ""


def _uri(uri: str) -> Action:
    """An address, or one of the words that Yealink's and Cisco's families share."""
    kind, _, rest = uri.partition(":")
    if kind == "SoftKey":
        words: dict[str, Does] = {
            "Select": "select", "Dial": "dial", "Dial2": "dial", "Submit": "submit", "BackSpace": "erase", "<<": "erase",
            "ChangeMode": "mode", "Exit": "exit", "Cancel": "back", "Back": "back",
        }  # fmt: skip
        if rest not in words:
            raise PhoneError(f"{uri} is no soft key")
        return Action(words[rest])
    if kind == "Dial":
        return Action("dial", rest)
    if kind not in ("http", "https"):
        raise PhoneError(f"{uri!r} is no address")
    return Action("go", uri)


def _read_ipphone(root: Element) -> Shown:
    kind = root.tag.rpartition("IPPhone")[2]
    shown = Shown(
        {"TextMenu": "menu", "TextScreen": "text", "InputScreen": "input"}[kind],  # type: ignore[arg-type]
        _text(root, "Title"),
        cancel=root.get("cancelAction", ""),
        kept=root.get("destroyOnExit") != "yes" or kind == "TextMenu",
        keys=[SoftKey(_text(key, "Label"), _uri(_text(key, "URI"))) for key in root.findall("SoftKey")],
    )
    for item in root.findall("MenuItem"):
        dial = item.find("Dial")
        shown.items.append(Item(_text(item, "Prompt"), _uri(_text(item, "URI")), dial="" if dial is None else dial.text or ""))
    if kind == "TextMenu" and not 1 <= len(shown.items) <= 30:
        raise PhoneError(f"a menu of {len(shown.items)} rows")
    if kind == "TextScreen":
        shown.text = _text(root, "Text")
        if root.get("doneAction") is None:
            raise PhoneError("Invalid URI: a TextScreen without doneAction")
        shown.done = _uri(root.attrib["doneAction"])
    if kind == "InputScreen":
        inner = root.find("InputField")
        at = root if inner is None else inner
        secret = at.get("password") == "yes"
        shown.field = Field(_text(root, "URL"), _text(at, "Parameter"), _text(at, "Prompt"), _text(at, "Default"), secret)
    return shown


def _read_cisco(root: Element) -> Shown:
    keys = sorted(root.findall("SoftKeyItem"), key=lambda key: int(_text(key, "Position")))
    if [_text(key, "Position") for key in keys] != [str(place) for place in range(1, len(keys) + 1)] or len(keys) > 4:
        raise PhoneError("soft keys are at the positions 1 to 4, each once")
    shown = Shown("text", _text(root, "Title"), note=_text(root, "Prompt"))
    shown.keys = [SoftKey(_text(key, "Name"), _uri(_text(key, "URL"))) for key in keys]
    if root.tag.endswith("Menu"):
        shown.kind = "menu"
        for item in root.findall("MenuItem"):
            name = _text(item, "Name")
            if len(name) > 64:
                raise PhoneError("a name of more than 64 characters")
            shown.items.append(Item(name, _uri(_text(item, "URL"))))
        if not 1 <= len(shown.items) <= 100:
            raise PhoneError(f"a menu of {len(shown.items)} rows")
    elif root.tag.endswith("Input"):
        shown.kind = "input"
        item = root.findall("InputItem")[0]
        flags = _text(item, "InputFlags")
        if flags not in ("A", "T", "N", "U", "L", "AP", "NP"):
            raise PhoneError(f"InputFlags {flags}")
        shown.field = Field(
            _text(root, "URL"), _text(item, "QueryStringParam"), _text(item, "DisplayName"), _text(item, "DefaultValue"), "P" in flags
        )
    else:
        shown.text = _text(root, "Text")
        if len(shown.text) > 4000:
            raise PhoneError("a text of more than 4000 characters")
    return shown


def _snom_action(url: str) -> Action:
    if url == "snom://mb_exit":
        return Action("exit")
    if "#numberdial=" in url:
        return Action("dial", url.partition("#numberdial=")[2])
    return _uri(url)


def _read_snom(root: Element) -> Shown:
    shown = Shown("text", _text(root, "Title"), kept=root.get("track") != "no")
    names = [_text(key, "Name") for key in root.findall("SoftKeyItem")]
    if not set(names) <= {"F1", "F2", "F3", "F4"} or len(set(names)) != len(names):
        raise PhoneError(f"function keys {names}")
    shown.keys = [SoftKey(_text(key, "Label"), _snom_action(_text(key, "URL"))) for key in root.findall("SoftKeyItem")]
    fetch = root.find("fetch")
    if fetch is not None:
        shown.again = (int(fetch.attrib["mil"]) / 1000, fetch.text or "")
    if root.tag.endswith("Menu"):
        shown.kind = "menu"
        for item in root.findall("MenuItem"):
            more = item.find("ExtraText")
            shown.items.append(Item(item.attrib["name"], _snom_action(_text(item, "Url")), "" if more is None else more.text or ""))
        if not 1 <= len(shown.items) <= 100:
            raise PhoneError(f"a menu of {len(shown.items)} rows")
    elif root.tag.endswith("Input"):
        shown.kind = "input"
        item = root.findall("InputItem")[0]
        token, flags = _text(item, "InputToken"), _text(item, "InputFlags")
        if not token or token not in _text(root, "Url"):
            raise PhoneError("the address does not hold the token of what is typed")
        shown.field = Field(_text(root, "Url"), "", _text(item, "DisplayName"), _text(item, "DefaultValue"), "p" in flags, token)
    else:
        shown.text = _text(root, "Text")
    return shown


def _poly_action(action: str) -> Action:
    kind, _, rest = action.partition(":")
    if kind == "Softkey":
        if rest.startswith("Fetch;"):
            return Action("go", rest.removeprefix("Fetch;"))
        words: dict[str, Does] = {"Exit": "exit", "Back": "back", "Submit": "submit"}
        if rest in words:
            return Action(words[rest])
    if kind == "tel":
        return Action("dial", rest.removeprefix("//"))
    raise PhoneError(f"{action!r} is no action")


def _read_poly(root: Element) -> Shown:
    body = root.find("body")
    if body is None:
        raise PhoneError("a page without a body")
    shown = Shown("text", _text(root, "head/title"))
    shown.keys = [SoftKey(key.attrib["label"], _poly_action(key.attrib["action"])) for key in root.findall("softkey")]
    form = body.find("form")
    if form is not None:
        shown.kind = "input"
        fields = [each for each in form.iter("input") if each.get("type") in ("text", "password")]
        hidden = tuple((each.attrib["name"], each.attrib["value"]) for each in form.iter("input") if each.get("type") == "hidden")
        shown.field = Field(
            form.attrib["action"], fields[0].attrib["name"], "".join(form.itertext()).strip(), fields[0].get("value", ""),
            fields[0].get("type") == "password", hidden=hidden,
        )  # fmt: skip
        return shown
    plain: list[str] = []
    for line in body.findall("p"):
        links = line.findall("a")
        if not links:
            plain.append("".join("\n" if part is None else part for part in _parts(line)))
            continue
        first, *others = links
        dial = next((other.attrib["href"].removeprefix("tel://") for other in others if other.attrib["href"].startswith("tel:")), "")
        more = "".join(br.tail or "" for br in line.findall("br"))
        shown.items.append(Item(first.text or "", Action("go", first.attrib["href"]), more, dial))
    shown.kind = "menu" if shown.items else "text"
    if shown.items:
        shown.note = " ".join(plain)
    else:
        shown.text = "\n".join(plain)
    return shown


def _parts(line: Element) -> list[str | None]:
    parts: list[str | None] = [line.text or ""]
    for child in line:
        parts += [None if child.tag == "br" else child.text, child.tail or ""]
    return parts


def _grandstream_key(key: Element) -> Action:
    match key.attrib["action"]:
        case "UseURL":
            return Action("go", key.attrib["commandArgs"])
        case "Dial":
            return Action("dial", key.attrib["commandArgs"])
        case "QuitApp":
            return Action("exit")
        case "AppendInputURL":
            return Action("submit", key.attrib["commandArgs"])
        case other:
            raise PhoneError(f"{other} is no action")


def _read_xmlapp(root: Element) -> Shown:
    sections = root.findall("view/section")
    if not sections or any(len(section) == 0 for section in sections):
        raise PhoneError("an empty section cannot be left")
    shown = Shown("text", root.attrib["title"])
    shown.keys = [SoftKey(key.attrib["label"], _grandstream_key(key)) for key in root.findall("Softkeys/Softkey")]
    rows = [row for section in sections for row in section]
    shown.text = "\n".join(row.attrib["label"] for row in rows if row.tag == "text")
    shown.items = [
        Item(row.attrib["label"], Action("go", row.attrib["action"]), row.get("text", "")) for row in rows if row.tag == "command"
    ]
    if shown.items:
        shown.kind = "menu"
    return shown


def _read_screen(root: Element) -> Shown:
    def put(text: str) -> str:
        if "$" in text.replace("$$", ""):
            raise PhoneError("a variable that the phone does not have")
        return text.replace("$$", "$")

    lines = [put(_text(line, "DisplayStr")) for line in root.iter("DisplayString")]
    shown = Shown("text", lines[0], text="\n".join(lines[1:]))
    for key in root.iter("SoftKey"):
        action = _grandstream_key(key)
        if key.attrib["label"].isdigit():
            shown.items.append(Item(lines[int(key.attrib["label"])].partition(" ")[2], action))
        else:
            shown.keys.append(SoftKey(key.attrib["label"], action))
    inputs = [each for each in root.iter("input") if each.get("type") != "hidden"]
    if inputs:
        shown.kind = "input"
        submit = next(key.action.to for key in shown.keys if key.action.does == "submit")
        value = put(inputs[0].attrib["value"])
        shown.field = Field(submit, inputs[0].attrib["name"], shown.text, value, inputs[0].get("type") == "password")
    elif shown.items:
        shown.kind, shown.text = "menu", ""
    return shown


_READERS = {
    "yealink": _read_ipphone,
    "aastra": _read_ipphone,
    "htek": _read_ipphone,
    "fanvil": _read_ipphone,
    "cisco": _read_cisco,
    "cisco-mpp": _read_cisco,
    "snom": _read_snom,
    "poly": _read_poly,
    "grandstream": _read_xmlapp,
    "grandstream-old": _read_screen,
}
