"""The kinds of values textback.toml holds, and what is said of a wrong one: what it is, and what to write."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ari_app.errors import SettingsError

__all__ = [
    "Address",
    "AgiAddress",
    "AnyFile",
    "Country",
    "DialString",
    "Duration",
    "Imei",
    "Name",
    "Network",
    "Part",
    "PatientUrl",
    "Pin",
    "SendUrl",
    "Url",
    "Whole",
    "Word",
    "YesNo",
    "say",
    "secret",
]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = timedelta(days=36500)
_CREDENTIALS = Path("/run/credentials")
"""systemd.exec(5), LoadCredential=: a folder for each unit, from its start to its stop."""
_SCHEME = re.compile(r"(?!javascript:|data:|vbscript:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
"""A program of the clinic may have a scheme of its own ("dentitek:patient?id=")."""


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is no duration; write a whole number and a unit, such as "30s", "2h" or "7d"')
    try:
        found = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    except (OverflowError, ValueError):  # int() refuses thousands of digits
        found = timedelta.max
    if found > _LONGEST:
        raise ValueError(f'is too long; "{_LONGEST.days}d" is the most')
    return found


def _like(pattern: str, fix: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise ValueError(f"cannot be used; write {fix}")
        return value

    return AfterValidator(check)


def _country(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('is no country; write its two capital letters (ISO 3166), such as "CA"')
    return value


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f'is no full path; write it from the root, such as "/etc/textback/{value.name or "name"}"')
    return value


def _agi(value: str) -> str:
    match = re.fullmatch(r"(127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]):([0-9]{1,5})", value)
    if match is None or not 0 < int(match[2]) < 65536 or any(int(octet) > 255 for octet in re.findall(r"\d+", match[1])):
        raise ValueError('is no address of this machine alone; write loopback and a port, such as "127.0.0.1:4573"')
    return value


def _url(value: str) -> str:
    match = re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::([0-9]{1,5}))?/?", value)
    if match is None or not 0 < int(match[1] or 80) < 65536:
        raise ValueError('cannot be used; write scheme, host and port and nothing else, such as "http://127.0.0.1:8088"')
    return value


def _send_url(value: str) -> str:
    match = re.fullmatch(r"(https?://[^/?#]+)/[^\s?#]+", value)
    if match is None or _url(match[1]) != match[1]:
        raise ValueError('cannot be used; write "http://127.0.0.1:13013/cgi-bin/sendsms"')
    return value


def _patient_url(value: str) -> str:
    if value.count("{external}") != 1 or re.search(r"[\s{}\"'<>]", value.replace("{external}", "")) or _SCHEME.match(value) is None:
        raise ValueError('cannot be used; write an address with {external} where the id goes, such as "https://host/client/{external}"')
    return value


def _address(value: str) -> str:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", value)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError('is no address to listen at; write host and port, such as "127.0.0.1:13080"')
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError('is no network; write it as "192.168.1.0/24", one address alone as "192.168.1.20"') from error
    return value


def _dial_string(value: str) -> str:
    fields = re.findall(r"\{([^{}]*)\}", value)
    rest = re.sub(r"\{(?:extension|national|e164|digits)\}", "", value)
    if len(fields) != 1 or re.fullmatch(r"[A-Za-z0-9/@_.*#+-]*", rest) is None:
        raise ValueError('cannot be used; write one placeholder and what stands around it, such as "PJSIP/{extension}" or "9{national}"')
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""``^\\d+(ms|s|m|h|d)$``."""
Whole = Annotated[int, Field(strict=True)]
YesNo = Annotated[bool, Field(strict=True)]
AnyFile = Annotated[Path, AfterValidator(_absolute)]
"""A full path: a service and a command started elsewhere must mean the same file."""
Country = Annotated[str, AfterValidator(_country)]
"""ISO 3166-1 alpha-2."""
Name = Annotated[str, _like(r"[A-Za-z0-9_-]{1,32}", "up to 32 letters, digits, - and _")]
Word = Annotated[str, _like(r"[A-Za-z0-9_.-]+", "letters, digits, dots, - and _")]
Url = Annotated[str, AfterValidator(_url)]
"""Scheme, host and port of an HTTP server."""
Imei = Annotated[str, _like(r"[0-9]{14,16}", "its 15 digits, as AT+CGSN or the label says")]
Pin = Annotated[str, _like(r"[0-9]{4,8}", "4 to 8 digits in quotes")]
AgiAddress = Annotated[str, AfterValidator(_agi)]
Address = Annotated[str, AfterValidator(_address)]
"""Host and port to listen at."""
PatientUrl = Annotated[str, AfterValidator(_patient_url)]
"""An address with {external} in it."""
SendUrl = Annotated[str, AfterValidator(_send_url)]
"""URL of an HTTP service, path included, without a query."""


class Part(BaseModel):
    """A table of textback.toml: unknown keys are refused, values are fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_KINDS: Mapping[str, str] = {
    "bool_type": "is neither true nor false",
    "date_from_datetime_parsing": "is no date; write it as 2026-12-24",
    "date_parsing": "is no date; write it as 2026-12-24",
    "date_type": "is no date; write it as 2026-12-24",
    "date_from_datetime_inexact": "is no date; write it as 2026-12-24, without a time",
    "dict_type": "is no table",
    "extra_forbidden": "there is no such key",
    "int_type": "is no whole number; write it without quotes and point",
    "missing": "is missing",
    "model_type": "is no table",
    "path_type": "is no path; write it in quotes",
    "string_too_short": "is empty",
    "string_type": "is no text; write it in quotes",
    "tuple_type": "is no list; write it in [ ]",
}
_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda facts: f"is too small; {facts['ge']} is the least",
    "less_than_equal": lambda facts: f"is too large; {facts['le']} is the most",
    "literal_error": lambda facts: f"is not known; write {facts['expected'].replace(chr(39), chr(34))}",
    "too_short": lambda _: "is empty; write one at least",
}


def say(item: Any) -> str:
    """One of pydantic's errors as "key.path: what is wrong; what to write". Never the value: it may be a password."""
    steps = [str(step) for step in item["loc"]]
    kind, facts = item["type"], item.get("ctx", {})
    if steps and steps[-1] == "[key]":
        return f"{'.'.join(steps[:-1])}: there is no such key; known are {facts.get('expected', '').replace(chr(39), '')}"
    path = ".".join(steps)
    if kind == "value_error":
        said = str(item["msg"]).removeprefix("Value error, ")
        named = re.match(r"[a-z_.0-9]+: ", said) is not None
        return f"{path}.{said}" if path and named else f"{path}: {said}" if path else said
    if kind == "tuple_type" and isinstance(item["input"], dict):
        return f"{path}: is one table; write it with double brackets, [[{path}]]"
    said = _KINDS.get(kind) or (_BOUNDS[kind](facts) if kind in _BOUNDS else str(item["msg"]))
    return f"{path}: {said}"


def secret(inline: str | None, file: Path | None, key: str) -> str | None:
    """A secret as written, else what its file holds; None without either. Raises SettingsError naming ``key`` and the fix.

    Its code is "credential_away" for a credential of systemd's, which is there while the service runs, and only then.
    """
    if file is None:
        return inline
    try:
        found = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        if not file.is_relative_to(_CREDENTIALS):
            raise SettingsError(f"{key}_file: there is no {file}", f"create it, readable by the service's user, or set {key}") from error
        unit = file.relative_to(_CREDENTIALS).parts[0]
        raise SettingsError(
            f"{key}_file: systemd gave no credential {file.name} to {unit}",
            f"see systemctl cat {unit}: a line LoadCredentialEncrypted={file.name}:… has to be there. Textback setup writes it: --pin-file",
            code="credential_away",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{key}_file: cannot read {file} ({error.strerror})", f"create it, readable by the service's user, or set {key}"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{key}_file: {file} is not UTF-8", "write it again as plain text") from error
    if not found:
        raise SettingsError(f"{key}_file: {file} is empty", "write the secret into it, on one line")
    return found


Network = Annotated[str, AfterValidator(_network)]
"""CIDR, or one address."""
DialString = Annotated[str, AfterValidator(_dial_string)]
"""A device or a number to dial, with one placeholder."""
