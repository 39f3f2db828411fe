"""A typical model of each brand: its display, what its requests look like, and every element and attribute its browser knows.

From the vendors' guides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BRANDS", "Browser"]


@dataclass(frozen=True)
class Browser:
    """A typical model of a brand."""

    brand: str
    agent: str
    rows: int
    """Lines of the display, its title not counted."""
    columns: int
    keys: int
    """Soft keys side by side; more are behind a key of their own."""
    content_types: tuple[str, ...]
    bytes: int
    elements: Mapping[str, frozenset[str]]
    """Elements it knows, and the attributes of each."""
    roots: frozenset[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    space: str = "%20"
    """A space that was typed, in an address."""
    page: str = ""
    """Its name in an address, where it is not the brand's."""


def _known(**elements: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(attributes.split()) for name, attributes in elements.items()}


def _ipphone(prefix: str, *, aastra: bool = False) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    root = "Beep Timeout LockIn cancelAction destroyOnExit"
    roots = {
        f"{prefix}TextMenu": f"{root} style wrapList defaultIndex",
        f"{prefix}TextScreen": f"{root} doneAction",
        f"{prefix}InputScreen": f"{root} type password editable" if aastra else root,
    }
    parts = _known(
        Title="wrap", MenuItem="", Prompt="", URI="", Dial="", SoftKey="index", Label="", Text="", URL="", Parameter="", Default=""
    )
    if not aastra:
        parts |= _known(InputField="type password editable")
    return parts | _known(**roots), frozenset(roots)


_YEALINK, _YEALINK_ROOTS = _ipphone("YealinkIPPhone")
_AASTRA, _AASTRA_ROOTS = _ipphone("AastraIPPhone", aastra=True)
_HTEK, _HTEK_ROOTS = _ipphone("")
_CISCO_ROOTS = frozenset({"CiscoIPPhoneMenu", "CiscoIPPhoneText", "CiscoIPPhoneInput"})
_CISCO = {name: frozenset[str]() for name in _CISCO_ROOTS} | _known(
    Title="", Prompt="", MenuItem="", Name="", URL="", Text="", SoftKeyItem="", Position="", InputItem="", DisplayName="",
    QueryStringParam="", DefaultValue="", InputFlags="",
)  # fmt: skip
_SNOM_ROOTS = frozenset({"SnomIPPhoneMenu", "SnomIPPhoneText", "SnomIPPhoneInput"})
_SNOM = {name: frozenset({"track"}) for name in _SNOM_ROOTS} | _known(
    Title="", MenuItem="name", Url="", ExtraText="", Text="", fetch="mil", SoftKeyItem="", Name="", Label="", URL="", InputItem="",
    DisplayName="", InputToken="", DefaultValue="", InputFlags="",
)  # fmt: skip
_POLY = {
    **_known(html="", head="", title="", body="", p="", a="href", br="", softkey="index label action", input="type name value"),
    "form": frozenset({"method", "action", "accept-charset"}),
}
_XMLAPP = _known(
    xmlapp="title", view="", section="", command="label text action", text="label", Softkeys="", Softkey="action label commandArgs"
)
_SCREEN = {
    **_known(
        Screen="", Page="", ShowStatusLine="", Contents="", DisplayString="font halign color bgcolor", X="", Y="", DisplayStr="",
        styles="pos_x pos_y width", SoftKeys="", SoftKey="action label commandArgs",
    ),
    "input": frozenset({"name", "value", "type", "maxlength", "data-type"}),
}  # fmt: skip

_XML = ("text/xml",)
BRANDS: dict[str, Browser] = {
    browser.brand: browser
    for browser in (
        Browser("yealink", "Yealink SIP-T46S 66.86.0.15 80:5e:c0:12:34:56", 9, 40, 4, _XML, 10_000, _YEALINK, _YEALINK_ROOTS),
        Browser("aastra", "Mitel6930 MAC:14-00-E9-1E-DB-52 V:6.4.0.140-SIP", 9, 40, 6, _XML, 10_000, _AASTRA, _AASTRA_ROOTS),
        Browser("htek", "Htek UC926 2.0.4.4.24 00:1f:c1:1c:22:01", 9, 40, 4, _XML, 10_000, _HTEK, _HTEK_ROOTS),
        Browser("fanvil", "Fanvil X4 2.10.2.6887 0c383e07e16c", 6, 36, 4, _XML, 10_000, _YEALINK, _YEALINK_ROOTS),
        Browser(
            "cisco", "Allegro-Software-WebClient/4.34", 9, 40, 4, _XML, 40_000, _CISCO, _CISCO_ROOTS,
            {
                "x-CiscoIPPhoneModelName": "CP-8841", "x-CiscoIPPhoneDisplay": "298,144,3,G", "x-CiscoIPPhoneSDKVersion": "6.0.2",
                "Accept": "x-CiscoIPPhone/*", "Accept-Charset": "utf-8,iso-8859-1;q=0.8", "Accept-Language": "en-US",
            },
            space="+",
        ),
        Browser("cisco-mpp", "Cisco-CP-8841-3PCC/11.3.1 (00562b043615)", 9, 40, 4, _XML, 40_000, _CISCO, _CISCO_ROOTS, space="+"),
        Browser(
            "snom", "Mozilla/4.0 (compatible; snom725-SIP 8.9.3.80 1.1.5 000413741767)", 4, 32, 4, _XML, 10_000, _SNOM, _SNOM_ROOTS
        ),
        Browser(
            "poly", "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Application", 8, 36, 4, ("text/html",), 5_000, _POLY,
            frozenset({"html"}), space="+",
        ),
        Browser(
            "grandstream", "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b82aabbcc", 8, 40, 4, ("application/xml", "text/xml"),
            10_000, _XMLAPP, frozenset({"xmlapp"}),
        ),
        Browser(
            "grandstream-old", "Grandstream GXP2110 1.0.4.23", 6, 26, 3, ("application/xml", "text/xml"), 10_000, _SCREEN,
            frozenset({"Screen"}), page="grandstream",
        ),
    )
}  # fmt: skip
