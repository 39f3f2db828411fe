"""The PBX's own records, read again and again: calls that ended while nobody watched.

Blocking: to be called in a thread, one read at a time. No ARI: what only it can tell of a trunk is put in with ``presented``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from ari_app.errors import SettingsError, SourceError, TextbackError
from ari_app.model import Call, OutgoingCall, Presentation
from ari_app.pbx.cdr import History, Read, calls_of, cut_off
from ari_app.pbx.cel import SETTLES
from ari_app.pbx.config import WatchConfig, matcher
from ari_app.pbx.places import trunk_name
from ari_app.pbx.record_merge import Source, merged
from ari_app.pbx.record_sources import CdrSource, CelSource
from ari_app.settings import Settings

__all__ = ["Found", "PbxRecords", "Source", "endpoints_to_ask", "presented"]

_WRITTEN_WITHIN = timedelta(minutes=7, seconds=30)
"""Zones differ by quarters of an hour; records that are written in batches come up to five minutes late."""
MOST_ROWS = 100_000
"""Rows of one read: the oldest are left out where there are more, and ``cut`` says so."""

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
    """The records named by [pbx.cel] and [pbx.cdr]. What was read is kept as long as it is asked for again; one read at a time."""

    def __init__(self, settings: Settings, config: WatchConfig | None = None) -> None:
        self._pbx = settings.pbx
        self._zone = settings.clinic.zone
        self._config = config or WatchConfig.of(settings)
        self._is_shown = matcher(settings.pbx.cdr.shown if settings.pbx.cdr is not None else ())
        self._cdr = CdrSource(settings, MOST_ROWS)
        self._cel = CelSource(settings, self._config, MOST_ROWS)
        self._history = History()
        self._since = datetime.max.replace(tzinfo=UTC)

    @property
    def configured(self) -> bool:
        """Are any records named."""
        return any(each is not None and (each.csv or each.url or each.url_file) for each in (self._pbx.cdr, self._pbx.cel))

    def read(self, since: datetime, until: datetime) -> Found:
        """Calls that ended from ``since`` to ``until`` and are over for good. Blocking.

        A call of both records is told by the channel event log where that has its whole story, else by the call detail records.
        Raises SourceError (``cdr_…``, ``cel_…``) when no records can be read, SettingsError for a URL that cannot be used.
        """
        failed: list[TextbackError] = []
        read = history = cel = None
        try:
            read = self._cdr.read(cut_off(since, self._zone))
            if read is not None and (doubt := self._elsewhere(read)) is not None:
                failed.append(doubt)
                read = replace(read, rows=tuple(row for row in read.rows if row.uniqueid))
            history = None if read is None else self._told(read, since)
        except TextbackError as error:
            failed.append(error)
        try:
            # a log beside call records that cannot be read cannot be read either
            cel = self._cel.read(since, until) if not failed or self._pbx.cel is not None else None
        except TextbackError as error:
            failed.append(error)
        if history is None and cel is None:
            raise failed[0] if failed else SettingsError(
                "neither pbx.cdr nor pbx.cel names records", "write [pbx.cdr] csv or url_file", code="no_cdr"
            )  # fmt: skip
        both = merged(
            cel.log.calls(since) if cel is not None else (),
            cel.log.outgoing(since) if cel is not None and cel.log.tells_all else (),
            history or History(),
            since,
            until - SETTLES,
            is_known=cel.log.saw if cel is not None and cel.log.tells_all else lambda _: False,
        )
        strange = dict(history.strange) if history is not None else {}
        if cel is not None:
            strange = {**strange, **{context: max(count, strange.get(context, 0)) for context, count in cel.log.strange(since).items()}}
        return Found(
            calls=tuple(self._shown(call) for call in both.calls),
            outgoing=both.outgoing,
            source=both.source,
            strange=strange,
            skipped=sum(each.skipped for each in (read, cel) if each is not None),
            cut=any(each.cut for each in (read, cel) if each is not None),
            problems=tuple(failed),
        )

    def _elsewhere(self, read: Read) -> SourceError | None:
        """Why rows without a uniqueid are not believed: their times seem to be of another zone than the clinic's.

        The newest row was written as its call ended, or some minutes later (cdr.conf, batch): so the file's own time tells.
        """
        bare = [row for row in read.rows if not row.uniqueid]
        if not bare or self._cdr.written is None or read.rows[-1].uniqueid:
            return None
        apart = self._cdr.written - read.rows[-1].end.replace(tzinfo=self._zone)
        if abs(apart) <= _WRITTEN_WITHIN:
            return None
        return SourceError(
            "the call records have no uniqueids, and their times are not those at which the file was written",
            'set loguniqueid = yes in cdr.conf, [csv], by which the zone is known; then asterisk -rx "module reload cdr_csv"',
            code="cdr_zone",
        )

    def _told(self, read: Read, since: datetime) -> History:
        """All calls of these rows, told anew only where the rows are others."""
        if self._cdr.changed or since < self._since:
            self._history = calls_of(read.rows, self._config, self._zone)
            self._since = since
        return self._history

    def _shown(self, call: Call) -> Call:
        return replace(call, presentation=Presentation.ALLOWED) if _in_doubt(call) and self._is_shown(call.channel) else call
