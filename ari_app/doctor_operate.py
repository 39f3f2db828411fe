"""What doctor says of what runs by itself: alarms that are open, who is told of them and what they do not know yet, the last backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from ari_app.alarms.words import fix, what
from ari_app.backup import last
from ari_app.errors import SettingsError, StoreError
from ari_app.probes import Finding
from ari_app.settings import Settings
from ari_app.threads.alarms import Alarm, Due

__all__ = ["judge_alarms", "judge_backup"]

_BACKUP_OLD = timedelta(days=2)


def judge_alarms(settings: Settings, found: tuple[Alarm, ...], owed: tuple[Due, ...], zone: tzinfo) -> Iterator[Finding]:
    """``found``: alarms that are open; ``owed``: what no way took yet. Times in ``zone``."""
    for each in found:
        said = what(each.code, each.subject, each.facts)
        yield Finding("warn", "alarm_open", f"alarm since {_time(each.since, zone)}: {said}", fix(each.code, each.subject))
    told = [name for name, way in (("e-mail", settings.alarm.email), ("webhook", settings.alarm.webhook)) if way is not None]
    try:
        if settings.alarm.email is not None:
            settings.alarm.email.read_password()
        if settings.alarm.webhook is not None:
            settings.alarm.webhook.read_secret()
    except SettingsError as error:
        yield Finding("bad", "alarm_secret", error.what, error.fix)
    failing = [each for each in owed if each.tries]
    for way in dict.fromkeys(each.way for each in failing):
        those = [each for each in failing if each.way == way]
        yield Finding("warn", "alarm_untold", f"{len(those)} messages about alarms wait for {way}: {those[0].error}", "textback alarm test")
    if not told:
        yield Finding("warn", "alarm_nobody", "nobody is told of alarms", "set [alarm.email] or [alarm.webhook] in textback.toml")
    elif not found and not failing:
        yield Finding("ok", "alarms", f"no alarm is open; they are told by {' and '.join(told)}")


def judge_backup(settings: Settings, now: datetime, zone: tzinfo) -> Finding:
    """The newest copy in [store.backup] folder. Times in ``zone``."""
    try:
        newest = last(settings, now)
    except StoreError as error:
        return Finding("warn", error.code, error.what, error.fix)
    if newest is None:
        return Finding(
            "warn",
            "backup_none",
            f"there is no backup in {settings.store.backup.folder} yet",
            "textback backup makes one now; each night: systemctl enable --now textback-backup.timer",
        )
    said = f"the last backup is of {_time(newest.at, zone)}"
    if now - newest.at > _BACKUP_OLD:
        return Finding("warn", "backup_old", said, "see journalctl -u textback-backup, then: textback backup")
    folder = settings.store.backup.folder
    if folder.stat().st_dev == settings.store.path.parent.stat().st_dev:
        fix = f"copy {folder} to another machine each day too (docs/backup.md)"
        return Finding("warn", "backup_same_disk", f"{said}, found sound, on the disk of the store: lost with it", fix)
    return Finding("ok", "backup", f"{said}, found sound, in {folder}")


def _time(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
