"""What to write into a desk phone so that it shows the inbox: the services page, the lamp's key, and push where it is on.

Pure functions: `textback staff phone add` prints a ``Sheet``, the portal draws it as a page to print. Which keys of a phone are free only
its administrator knows: the key numbers are examples. Names of settings are those of each vendor's provisioning guide; the type numbers
of keys as provisioning servers in use write them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from ari_app.errors import NotFoundError, RefusedError, SettingsError
from ari_app.settings import Settings

__all__ = ["BRANDS", "CODE", "PUSHED", "Note", "Sheet", "known_brand", "reaches", "services_url", "sheet"]

CODE = "*767"
"""What any phone dials to hear the inbox, and what its lamp watches (config/asterisk/extensions_textback.conf)."""
PUSHED = frozenset({"yealink", "aastra", "cisco-mpp"})
"""Brands that are told over SIP NOTIFY that something waits."""

_LABEL = "SMS"
_LONGEST = {"yealink": 99, "poly": 255, "grandstream": 256}
"""Characters of an address that the brand's setting holds."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know beside the lines. ``code`` is stable, for a face that says it in another language."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one phone needs. ``url`` holds its token: whoever has it reads the inbox from an allowed network until it is revoked."""

    brand: str
    name: str
    """The brand as people write it."""
    url: str
    where: str
    """The file the lines belong in, or the phone's own web page."""
    lines: tuple[str, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    url: str
    push: bool


def _yealink(given: _Given) -> list[str]:
    # DSS key types: 27 XML browser, 16 BLF
    lines = [
        "linekey.7.type = 27",
        f"linekey.7.value = {given.url}",
        f"linekey.7.label = {_LABEL}",
        "linekey.8.type = 16",
        "linekey.8.line = 1",
        f"linekey.8.value = {CODE}",
        f"linekey.8.label = {_LABEL}",
    ]
    return [*lines, "push_xml.sip_notify = 1", "push_xml.block_in_calling = 0"] if given.push else lines


def _aastra(given: _Given) -> list[str]:
    lines = [
        "softkey1 type: xml",
        f"softkey1 value: {given.url}",
        f"softkey1 label: {_LABEL}",
        "softkey2 type: blf",
        f"softkey2 value: {CODE}",
        f"softkey2 label: {_LABEL}",
        "softkey2 line: 1",
    ]
    return [*lines, "sip xml notify event: 1"] if given.push else lines


def _htek(given: _Given) -> list[str]:
    return [
        f"Line Key 5: Type = XML Browser, Value = {given.url}, Label = {_LABEL}",
        f"Line Key 6: Type = BLF, Value = {CODE}, Label = {_LABEL}, Account = 1",
    ]


def _fanvil(given: _Given) -> list[str]:
    # DSS key types: 21 an address to open, 1 a memory key ("/ba": BLF)
    return [
        "<dsskey>",
        '  <internal index="1">',
        f'    <Fkey index="2"><Type>21</Type><Value>{escape(given.url)}</Value><Title>{_LABEL}</Title></Fkey>',
        f'    <Fkey index="3"><Type>1</Type><Value>{CODE}@1/ba</Value><Title>{_LABEL}</Title></Fkey>',
        "  </internal>",
        "</dsskey>",
    ]


def _cisco(given: _Given) -> list[str]:
    # line features: 20 a service's address, 21 a speed dial with BLF
    url = escape(given.url)
    return [
        f"<servicesURL>{url}</servicesURL>",
        f'<line button="2"><featureID>20</featureID><featureLabel>{_LABEL}</featureLabel><serviceURI>{url}</serviceURI></line>',
        f'<line button="3"><featureID>21</featureID><featureLabel>{_LABEL}</featureLabel><speedDialNumber>{CODE}</speedDialNumber></line>',
    ]


def _cisco_mpp(given: _Given) -> list[str]:
    url = escape(given.url)
    values = {
        "XML_Application_Service_Name": _LABEL,
        "XML_Application_Service_URL": url,
        "Extension_2_": "Disabled",
        "Extended_Function_2_": f"fnc=xml;url={url};nme={_LABEL}",
        "Extension_3_": "Disabled",
        "Extended_Function_3_": f"fnc=blf+sd;sub={CODE}@$PROXY;ext={CODE}@$PROXY;nme={_LABEL}",
    }
    if given.push:
        values["CISCO_XML_EXE_Enable"] = "Yes"
    return [f'<{name} ua="na">{value}</{name}>' for name, value in values.items()]


def _snom(given: _Given) -> list[str]:
    return [
        f'<fkey idx="1" context="active" label="{_LABEL}" perm="R">url {escape(given.url)}</fkey>',
        f'<fkey idx="2" context="1" label="{_LABEL}" perm="R">blf sip:{CODE}@PBX;user=phone</fkey>',
    ]


def _poly(given: _Given) -> list[str]:
    url = quoteattr(given.url)
    # "automata": the key dials what it watches, as for a parking place
    return [
        f"mb.main.home={url}",
        'feature.enhancedFeatureKeys.enabled="1"',
        f'softkey.1.enable="1" softkey.1.label="{_LABEL}" softkey.1.action={url} softkey.1.use.idle="1"',
        'attendant.reg="1"',
        f'attendant.resourceList.1.address="{CODE}" attendant.resourceList.1.label="{_LABEL}" attendant.resourceList.1.type="automata"',
    ]


def _grandstream(given: _Given) -> list[str]:
    # P323 = 1: multi-purpose key 1 is a BLF key, on account P301 (0 is the first)
    return [f"P337={given.url}", f"P352={_LABEL}", "P323=1", "P301=0", f"P302={_LABEL}", f"P303={CODE}"]


@dataclass(frozen=True, slots=True)
class _Brand:
    name: str
    where: str
    lines: Callable[[_Given], list[str]]
    notes: tuple[Note, ...] = ()


_BRANDS = {
    "yealink": _Brand("Yealink", "<MAC>.cfg", _yealink),
    "aastra": _Brand(
        "Aastra, Mitel",
        "<MAC>.cfg",
        _aastra,
        (Note("prgkey", "a phone without keys at its screen (6730i, 6731i, 53i, 6863i, 6865i): write prgkey in place of softkey"),),
    ),
    "htek": _Brand("Htek", "the phone's web page, Function Keys", _htek),
    "fanvil": _Brand("Fanvil", "<MAC>.cfg (sysConf)", _fanvil),
    "cisco": _Brand("Cisco (enterprise firmware)", "SEP<MAC>.cnf.xml", _cisco),
    "cisco-mpp": _Brand(
        "Cisco (multiplatform firmware, 3PCC)",
        "<MAC>.xml (flat-profile)",
        _cisco_mpp,
    ),
    "snom": _Brand(
        "Snom",
        "<MAC>.xml (functionKeys)",
        _snom,
        (Note("pbx_host", "in place of PBX write the address the phone registers at"),),
    ),
    "poly": _Brand("Poly, Polycom", "<MAC>.cfg", _poly),
    "grandstream": _Brand(
        "Grandstream",
        "cfg<MAC>.xml",
        _grandstream,
        (Note("gxp_keys", "P323 and P301 to P303 are multi-purpose key 1 of GXP21xx; on others make a key BLF in the phone's web page"),),
    ),
}

BRANDS: dict[str, str] = {brand: each.name for brand, each in _BRANDS.items()}
"""The brands whose screens are known: as the address names them, and as people do."""


def known_brand(brand: str) -> str:
    """The brand, as it is. Raises NotFoundError, code ``no_brand``, for one whose screens nobody here knows."""
    if brand not in BRANDS:
        raise NotFoundError(
            f"no phone of the brand {brand[:40]!r} is known",
            f"use one of: {', '.join(BRANDS)}; any other phone dials {CODE}",
            code="no_brand",
        )
    return brand


def reaches(settings: Settings) -> str:
    """Who can reach ``portal.address`` as it is written: "any" machine that has a route there, only "this" one, or "none" at all."""
    portal = settings.portal
    host = portal.address.partition("://")[2]
    host = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
    if host == "localhost":
        return "this"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "any"
    return "none" if address.is_unspecified else "this" if address.is_loopback else "any"


def services_url(settings: Settings, token: str, brand: str) -> str:
    """The address a phone opens. Raises SettingsError where none can be told, RefusedError ``too_long`` where its setting is too short."""
    known_brand(brand)
    if reaches(settings) == "none":
        raise SettingsError(
            f"portal.listen is {settings.portal.listen}, every address of this machine: which one phones use is not known",
            'set portal.base_url, such as "http://192.168.1.10:8790"',
        )
    url = f"{settings.portal.address}/p/{token}/{brand}"
    longest = _LONGEST.get(brand)
    if longest is not None and len(url) > longest:
        raise RefusedError(
            f"the address would have {len(url)} characters, and {BRANDS[brand]} takes {longest}",
            "set a portal.base_url with a shorter host name",
            code="too_long",
        )
    return url


def sheet(settings: Settings, token: str, brand: str) -> Sheet:
    """What to write into a phone of this brand. Raises NotFoundError ``no_brand``, SettingsError, RefusedError ``too_long``."""
    known = _BRANDS[known_brand(brand)]
    url = services_url(settings, token, brand)
    push = settings.portal.phones.push and brand in PUSHED
    lines = known.lines(_Given(url, push))
    return Sheet(brand, known.name, url, known.where, tuple(lines), (*known.notes, *_notes(settings, brand, push)))


def _notes(settings: Settings, brand: str, push: bool) -> list[Note]:
    allowed = settings.portal.phones.allow
    notes = [
        Note("keys", "the key numbers are examples: use keys that are free"),
        Note("hint", f"the lamp needs the hint of {CODE}, from extensions_textback.conf, in the context the phone subscribes in"),
    ]
    if allowed:
        notes.append(Note("allow", f"the phone's own address must be within portal.phones.allow: {', '.join(allowed)}"))
    else:
        notes.append(Note("allow_nobody", "portal.phones.allow is empty: no phone is answered before its network stands there"))
    if reaches(settings) == "this":
        notes.append(
            Note("loopback", "only this machine reaches that address: set portal.listen or portal.base_url, then add the phone anew")
        )
    if push and brand == "cisco-mpp":
        notes.append(
            Note(
                "push_auth",
                "a pushed NOTIFY is answered with 401 and wants the password of the phone's line: outbound_auth of its endpoint",
            )
        )
    return notes
