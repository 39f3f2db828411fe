"""The PBX's call records: where they are, what they say of contexts and numbers, what they would have had textback send."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import click

from ari_app.errors import SettingsError, SetupError, SourceError, TextbackError
from ari_app.numbers import e164
from ari_app.pbx.cdr import Read, calls_of, cut_off
from ari_app.pbx.config import WatchConfig
from ari_app.preview import Preview, preview, read_records
from ari_app.settings import CdrSettings, Settings
from ari_app.setup.asking import LEAST, Answers, Asking, nested
from ari_app.setup.asterisk import Found
from ari_app.setup.paths import Paths
from ari_app.setup.portal import read_secret

__all__ = ["Records", "cdr_url", "look_at_records", "outlook"]

DAYS = 30
_Source = tuple[str, str, str]
"""Key of [pbx.cdr] ("csv", "url"), its value, and what people call it."""
_CSV = Path("var/log/asterisk/cdr-csv/Master.csv")
_FREEPBX = Path("etc/freepbx.conf")
_DATABASE = "asteriskcdrdb"
_AUTO, _NONE = "auto", "none"


@dataclass(frozen=True, slots=True)
class Records:
    """``read``: rows of the last days, None without a source. ``contexts``: where calls from outside arrived that no usual name fits,
    most first; ``number``: E.164, the one most of them dialled."""

    read: Read | None = None
    contexts: tuple[str, ...] = ()
    number: str | None = None
    said: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)
    """Of a database: with its password, to be kept in ``cdr_url``."""


def cdr_url(folder: Path) -> Path:
    """The file beside textback.toml that holds the URL of the call records' database."""
    return folder / "cdr-url"


def look_at_records(asking: Asking, answers: Answers, found: Found | None, paths: Paths) -> Records:
    """Fills ``pbx.cdr.*``. Raises SetupError for a source that was named and cannot be read; one that was found is only told."""
    given, file = asking.given("--cdr"), asking.given("--cdr-url-file")
    if given is not None and file is not None:
        raise click.UsageError("give either --cdr or --cdr-url-file")
    if given == _NONE or (given is None and file is None and not asking.afresh):
        return Records()
    named = given not in (None, _AUTO) or file is not None
    if file is not None:
        source: _Source | None = ("url", read_secret(Path(file), "--cdr-url-file"), "that database")
    else:
        source = _named(str(given)) if named else _found(paths.root, found)
    if source is None:
        return Records(said=("No call records were found: what would have been sent is not known.",))
    key, value, words = source
    try:
        cdr = CdrSettings.model_validate({key: value})
        since = datetime.now(UTC) - timedelta(days=DAYS)
        settings = Settings.model_validate(nested(LEAST))
        read = read_records(cdr, cut_off(since, settings.clinic.zone))
        history = calls_of(read.rows, WatchConfig.of(settings), settings.clinic.zone, since=since)
    except (SourceError, SettingsError, ValueError) as error:
        what = error.what if isinstance(error, TextbackError) else "it names no source"
        if named:
            flag = "--cdr" if file is None else "--cdr-url-file"
            raise SetupError(f"{flag}: {what}", "name a CSV file, a database by its URL in a file, or none", code="setup_cdr") from error
        return Records(said=(f"The call records of {words} cannot be read: {what}.",))
    # one source: of what a file names too, the one that is not wanted any more goes
    kept = {"csv": value} if key == "csv" else {"url_file": str(cdr_url(paths.folder))}
    answers.update({f"pbx.cdr.{each}": kept.get(each) for each in ("csv", "url", "url_file")})
    dialled = Counter(number for call in history.calls if (number := e164(call.did, settings.clinic.country)) is not None)
    contexts = tuple(context for context, _ in Counter(history.strange).most_common(5) if context)
    number = dialled.most_common(1)[0][0] if dialled else None
    return Records(read, contexts, number, (f"Call records: {words}.",), value if key == "url" else None)


def _named(given: str) -> _Source:
    """Raises SetupError for a URL with a password, which everybody on this machine can read while setup runs."""
    if "://" not in given:
        return "csv", given, given
    try:
        secret = urlsplit(given).password
    except ValueError:
        secret = None  # no URL: whoever reads it says so
    if secret is not None:
        raise SetupError(
            "--cdr: a password on the command line can be read by every user of this machine",
            "write the URL into a file, and name that: --cdr-url-file FILE",
            code="setup_cdr",
        )
    return "url", given, "that database"


def _found(root: Path, found: Found | None) -> _Source | None:
    if found is None:
        return None
    config = root / _FREEPBX
    if config.is_file():
        said = dict(re.findall(r"""\$amp_conf\[['"](\w+)['"]\]\s*=\s*['"]([^'"]*)['"]""", config.read_text("utf-8", "replace")))
        user, password, host = said.get("AMPDBUSER"), said.get("AMPDBPASS"), said.get("AMPDBHOST", "localhost")
        if user and password is not None:
            name = said.get("CDRDBNAME") or _DATABASE
            url = f"mysql://{quote(user, safe='')}:{quote(password, safe='')}@{host}/{name}"
            return "url", url, f"FreePBX's database {name}, with FreePBX's own user"
    path = root / _CSV
    return ("csv", str(path), str(path)) if path.is_file() and path.stat().st_size else None


def outlook(settings: Settings, records: Records) -> tuple[Preview | None, tuple[str, ...]]:
    """What the last days would have sent, and the same in words."""
    if records.read is None:
        return None, ()
    try:
        seen = preview(settings, records.read, datetime.now(UTC), DAYS)
    except SettingsError as error:
        return None, (f"What would have been sent cannot be told: {error.what}.",)
    return seen, tuple(_words(seen, settings))


def _words(seen: Preview, settings: Settings) -> Iterator[str]:
    yield from seen.sentences()
    if seen.examples:
        last = seen.examples[-1]
        at = last.at.astimezone(settings.clinic.zone)
        yield f"The last one, {at:%Y-%m-%d %H:%M} to {last.caller}: {last.text}"
    yield "All of it: textback preview."
