"""The PBX's own records, read again and again: calls that ended while nobody watched.

Blocking: to be called in a thread, one read at a time. No ARI: what only it can tell of a trunk is put in with ``presented``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from ari_app.errors import SettingsError, TextbackError
from ari_app.model import Call, OutgoingCall, Presentation
from ari_app.pbx.cdr import Read, calls_of, cut_off
from ari_app.pbx.cdr_csv import read_csv
from ari_app.pbx.config import WatchConfig, matcher
from ari_app.pbx.places import trunk_name
from ari_app.settings import Settings

__all__ = ["Found", "PbxRecords", "Source", "endpoints_to_ask", "presented"]

Source = Literal["cel", "cdr"]

MOST_ROWS = 100_000
"""Rows of one read: the oldest are left out where there are more, and ``cut`` says so."""
_SETTLES = timedelta(seconds=5)
"""A call detail record may be followed by another one of the same call for so long."""

_NOTHING: Mapping[str, Source] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one read found. Calls that are over, by their end, oldest first."""

    calls: tuple[Call, ...] = ()
    """``presentation`` is ALLOWED where ``pbx.cdr.shown`` says so, else UNKNOWN until ``presented``."""
    outgoing: tuple[OutgoingCall, ...] = ()
    source: Mapping[str, Source] = field(default_factory=lambda: _NOTHING)
    """Which records told a call, by its id; of outgoing ones too."""
    strange: Mapping[str, int] = field(default_factory=dict)
    """Calls of outside numbers that came on no inbound context, by context: not among ``calls``."""
    skipped: int = 0
    """Lines or rows that are no record."""
    cut: bool = False
    """There were more rows than are read at once: the oldest calls are left out."""
    problems: tuple[TextbackError, ...] = ()
    """What could not be read, while the other records could."""


def endpoints_to_ask(found: Found) -> frozenset[str]:
    """PJSIP endpoints ("voipms") of calls that show a number and of which it is not known whether it was hidden."""
    names = (trunk_name(call.channel).partition("/") for call in found.calls if _in_doubt(call))
    return frozenset(name for technology, _, name in names if technology == "PJSIP" and name)


def presented(found: Found, shows_hidden: Mapping[str, bool | None]) -> Found:
    """The same, where a number shown on an endpoint that shows no hidden ones (False) was not hidden. None: not known."""
    return replace(found, calls=tuple(_presented(call, shows_hidden) for call in found.calls))


def _in_doubt(call: Call) -> bool:
    return call.presentation is Presentation.UNKNOWN and call.caller is not None


def _presented(call: Call, shows_hidden: Mapping[str, bool | None]) -> Call:
    technology, _, name = trunk_name(call.channel).partition("/")
    if _in_doubt(call) and technology == "PJSIP" and shows_hidden.get(name) is False:
        return replace(call, presentation=Presentation.ALLOWED)
    return call


class PbxRecords:
    """The records named by [pbx.cel] and [pbx.cdr]. What was read is kept as long as it is asked for again."""

    def __init__(self, settings: Settings, config: WatchConfig | None = None) -> None:
        self._pbx = settings.pbx
        self._zone = settings.clinic.zone
        self._config = config or WatchConfig.of(settings)
        cdr = settings.pbx.cdr
        self._is_shown = matcher(cdr.shown if cdr is not None else ())

    @property
    def configured(self) -> bool:
        """Are any records named."""
        return any(each is not None and (each.csv or each.url or each.url_file) for each in (self._pbx.cdr, self._pbx.cel))

    def read(self, since: datetime, until: datetime) -> Found:
        """Calls that ended from ``since`` to ``until`` and are over for good. Blocking.

        Raises SourceError (``cdr_…``, ``cel_…``) when no records can be read, SettingsError for a URL that cannot be used.
        """
        read = self._cdr(cut_off(since, self._zone))
        history = calls_of(read.rows, self._config, self._zone, since=since)
        calls = tuple(self._shown(call) for call in history.calls if call.ended <= until - _SETTLES)
        outgoing = tuple(call for call in history.outgoing if call.ended is None or call.ended <= until - _SETTLES)
        source: dict[str, Source] = dict.fromkeys((each.id for each in _all(calls, outgoing)), "cdr")
        return Found(calls=calls, outgoing=outgoing, source=source, strange=history.strange, skipped=read.skipped, cut=read.cut)

    def _shown(self, call: Call) -> Call:
        return replace(call, presentation=Presentation.ALLOWED) if _in_doubt(call) and self._is_shown(call.channel) else call

    def _cdr(self, since: datetime) -> Read:
        cdr = self._pbx.cdr
        url = None if cdr is None else cdr.read_url()
        if url is not None:
            from ari_app.pbx.cdr_sql import read_sql  # noqa: PLC0415 - SQLAlchemy is large, and of use to few

            return read_sql(url, since, most=MOST_ROWS)
        if cdr is not None and cdr.csv is not None:
            return read_csv(cdr.csv, since, most=MOST_ROWS)
        raise SettingsError("pbx.cdr names no call records", "write [pbx.cdr] csv or url_file", code="no_cdr")


def _all(calls: Iterable[Call], outgoing: Iterable[OutgoingCall]) -> Iterable[Call | OutgoingCall]:
    yield from calls
    yield from outgoing
