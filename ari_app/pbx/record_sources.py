"""Where records come from, read again and again: only what came since is read, as long as nothing speaks against it. Blocking."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.pbx.cdr import Read, Row, cut_off
from ari_app.pbx.cdr_csv import LINES as CDR_LINES
from ari_app.pbx.cel import CelLog, CelRow
from ari_app.pbx.cel_csv import LINES as CEL_LINES
from ari_app.pbx.config import WatchConfig
from ari_app.pbx.record_files import Mark, Records, read_back, read_on
from ari_app.pbx_settings import RecordSettings
from ari_app.settings import Settings

__all__ = ["CdrSource", "CelRead", "CelSource"]

_LONGEST = timedelta(hours=12)
"""A call's rows are looked for so long before its end; of a longer one others tell."""


class CdrSource:
    """Call detail records of a file or a database."""

    def __init__(self, settings: Settings, most: int) -> None:
        self._cdr = settings.pbx.cdr
        self._most = most
        self._rows: tuple[Row, ...] = ()
        self._since = datetime.max  # noqa: DTZ901 - as written
        self._mark: Mark | None = None
        self._counted: int | None = None
        self._cut = False
        self.changed = True
        """Had the last read other rows than the one before."""
        self.written: datetime | None = None
        """When the file was last written to, None for a database and for a file in which nothing is."""

    def read(self, since: datetime) -> Read | None:
        """Rows that ended since then (as written, without a zone), by their end; None where none are named.

        Raises SourceError (``cdr_…``), SettingsError.
        """
        where = _where(self._cdr)
        if where is None:
            return None
        skipped = self._file(where, since) if isinstance(where, Path) else self._table(where, since)
        return Read(self._rows, self._cut, skipped)

    def _file(self, path: Path, since: datetime) -> int:
        self.written = _written(path)
        more = read_on(path, CDR_LINES, self._mark, most=self._most) if since >= self._since else None
        if more is None:
            self._mark = None
            more = read_back(path, CDR_LINES, lambda row: row.end < since, most=self._most)
            self._rows, self._since, self._cut = (), since, more.cut
        self.changed = bool(more.rows) or not self._rows
        if self.changed:
            rows = sorted([*(row for row in self._rows if row.end >= since), *more.rows], key=lambda row: row.end)
            self._cut = self._cut or len(rows) > self._most
            self._rows = tuple(rows[-self._most :])
        self._mark = more.mark
        return more.skipped

    def _table(self, url: str, since: datetime) -> int:
        from ari_app.pbx.cdr_sql import count_sql, read_sql  # noqa: PLC0415 - SQLAlchemy is large, and of use to few

        near = self._since <= since <= self._since + _LONGEST
        if near and self._counted is not None and count_sql(url, self._since) == self._counted:
            self.changed = False
            return 0
        self.changed, self._counted = True, None
        # counted before it is read: what comes between is read again
        counted = count_sql(url, since)
        read = read_sql(url, since, most=self._most)
        self._rows, self._cut, self._since, self._counted = read.rows, read.cut, since, counted
        return read.skipped


@dataclass(frozen=True, slots=True)
class CelRead:
    """The log as far as it was read, what is over in it told."""

    log: CelLog
    skipped: int
    cut: bool


class CelSource:
    """The channel event log of a file or a database; without one named, of the database of the call records."""

    def __init__(self, settings: Settings, config: WatchConfig, most: int) -> None:
        self._settings = settings
        self._config = config
        self._most = most
        self._log: CelLog | None = None
        self._since = datetime.max.replace(tzinfo=UTC)
        self._from: Path | str = ""
        self._mark: Mark | None = None
        self._newest: int | None = None
        self._cut = False

    def read(self, since: datetime, until: datetime) -> CelRead | None:
        """What was over by ``until``, of calls that ended since then; None where there is no log.

        Raises SourceError (``cel_…``), SettingsError.
        """
        where = _where(self._settings.pbx.cel) or self._beside()
        if where is None:
            self._log = None
            return None
        more = self._on(where) if self._log is not None and where == self._from and since >= self._since else None
        log = self._log
        if log is None or more is None:
            self._log = None
            more = self._back(where, since)
            log, self._cut = CelLog(self._config, self._settings.clinic.zone), more.cut
        log.add(more.rows)
        log.tell(until)
        log.drop(since)
        self._log, self._from, self._since = log, where, since
        return CelRead(log, more.skipped, self._cut)

    def _beside(self) -> str | None:
        url = _where(self._settings.pbx.cdr)
        if not isinstance(url, str):
            return None
        from ari_app.pbx.cel_sql import beside  # noqa: PLC0415 - SQLAlchemy is large, and of use to few

        return beside(url)

    def _on(self, where: Path | str) -> Records[CelRow] | None:
        """What was added."""
        if isinstance(where, Path):
            more = read_on(where, CEL_LINES, self._mark, most=self._most)
            self._mark = None if more is None else more.mark
            return more
        from ari_app.pbx.cel_sql import read_sql_on  # noqa: PLC0415

        found = read_sql_on(where, self._newest, most=self._most)
        more, self._newest = found or (None, None)
        return more

    def _back(self, where: Path | str, since: datetime) -> Records[CelRow]:
        """All that may belong to calls that ended since then."""
        oldest = since - _LONGEST
        written = cut_off(since, self._settings.clinic.zone)

        def is_older(row: CelRow) -> bool:
            return row.eventtime < (written if row.eventtime.tzinfo is None else oldest)

        if isinstance(where, Path):
            read = read_back(where, CEL_LINES, is_older, most=self._most)
            self._mark = read.mark
            return read
        from ari_app.pbx.cel_sql import read_sql_back  # noqa: PLC0415

        read, self._newest = read_sql_back(where, is_older, most=self._most)
        return read


def _written(path: Path) -> datetime | None:
    with contextlib.suppress(OSError):
        stands = path.stat()
        return datetime.fromtimestamp(stands.st_mtime, UTC) if stands.st_size else None
    return None


def _where(records: RecordSettings | None) -> Path | str | None:
    """The file, or the URL of the database. Raises SettingsError."""
    return None if records is None else records.read_url() or records.csv
