"""``doctor``: everything textback needs, looked at one by one. Each item: what was checked, what is wrong, the fix."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from ari_app import doctor_ami, doctor_pbx, doctor_voice, doctor_voicemail, probes
from ari_app.board import Role
from ari_app.control import NotRunningError, ServiceStatus, service_status
from ari_app.doctor_contacts import judge_contacts
from ari_app.doctor_lines import WEEKS, judge_lines
from ari_app.doctor_operate import judge_alarms, judge_backup
from ari_app.doctor_portal import certificate, judge_portal
from ari_app.doctor_radio import judge_modems, judge_reports, without_port
from ari_app.doctor_settings import judge_standing
from ari_app.errors import SettingsError, TextbackError
from ari_app.policy.checks import check_settings
from ari_app.probes import Finding
from ari_app.settings import Settings
from ari_app.standing import MODE, Stored, in_force
from ari_app.threads import Store

__all__ = ["Examination", "Item", "examine", "judge_clock", "judge_outbox", "judge_service"]

_LAG_MS = 20.0
"""Design rule 9: nothing holds the event loop longer."""
_CLOCKS_APART = 5_000.0
_CLOCKS_USELESS = 600_000.0
_WAITS_LONG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing checked. ``state``: "ok", "warn" or "bad"; ``code`` is stable."""

    part: str
    state: str
    code: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """``ready``: subscribed to the PBX, and every modem registered."""

    ready: bool
    items: tuple[Item, ...]

    @property
    def bad(self) -> bool:
        """Something keeps textback from working."""
        return any(item.state == "bad" for item in self.items)

    def document(self) -> dict[str, Any]:
        """``doctor --json``."""
        return {"ready": self.ready, "items": [asdict(item) for item in self.items]}


def _item(part: str, finding: Finding) -> Item:
    return Item(part, finding.state, finding.code, finding.what, finding.fix)


async def examine(settings: Settings, store: Store, *, origin: Path | None = None) -> Examination:
    """Look at everything. ``store``: opened for reading here; ``origin``: the settings file, to see who may read its passwords."""
    zone = settings.clinic.zone
    store_items, facts = await _store(settings, store)
    items = [*_settings(settings, origin), *_in_force(settings, facts["stored"] if facts else {})]
    items = items or [Item("settings", "ok", "settings", f"{origin or 'textback.toml'} is in order")]
    items += store_items
    try:
        status: ServiceStatus | None = await service_status(settings.store.path)
    except NotRunningError as error:
        status = None
        items.append(Item("service", "bad", error.code, error.what, error.fix))
    except TextbackError as error:
        status = None
        items.append(Item("service", "bad", error.code, error.what, error.fix))
        # it may well run: its port is its own
        items += await _pbx(settings, None)
        return Examination(False, tuple(items))
    items += await _pbx(settings, status)
    if status is None:
        found = await asyncio.gather(*(probes.bearer(modem) for modem in settings.modem))
        items += [_item(f"modem {modem.name}", finding) for modem, finding in zip(settings.modem, found, strict=True)]
    else:
        calls, options = bool(facts and facts["calls"]), any(rule.option for rule in settings.priority)
        items += judge_service(status, inbound=settings.pbx.inbound_contexts, calls=calls, options=options, zone=zone)
        said = {item.code for item in items}
        items += [_item("history", each) for each in doctor_pbx.judge_history(status.history, zone) if each.code not in said]
    if any(item.code == "no_port" for item in items):
        items += [_item("modem", each) for each in without_port()]
    if facts is not None:
        items += [_item(part, each) for part, each in judge_reports(facts["reports"])]
    if not settings.modem:
        needed = settings.reply.mode == "send"
        items.append(
            Item("modem", "bad" if needed else "warn", "no_modem", "there is no [[modem]] in the settings", 'add one: name = "gsm1"')
        )
    now = datetime.now(UTC)
    if facts is not None:
        sims = {} if status is None else {modem.name: modem.own_number for modem in status.modems}
        items += [_item("line", each) for each in judge_lines(settings, facts["dids"], facts["oldest"], sims, now)]
    items.append(judge_clock(now, facts["newest"] if facts else None, status, zone=zone))
    if facts is not None:
        items.append(judge_outbox(now, facts, zone=zone))
    if facts is not None:
        items += [_item("contacts", each) for each in judge_contacts(settings.contacts, facts["people"], facts["synced"], now, zone)]
        items += [_item("alarms", each) for each in judge_alarms(settings, facts["alarms"], facts["owed"], zone)]
        items.append(_item("backup", judge_backup(settings, now, zone)))
    items += await _for_staff(settings, facts, now)
    ready = (
        status is not None
        and status.pbx.connected
        and all(modem.registered for modem in status.modems)
        and (bool(status.modems) or settings.reply.mode != "send")
    )
    return Examination(ready, tuple(items))


def without_settings(error: SettingsError) -> Examination:
    """When textback.toml cannot be used, nothing else can be looked at."""
    return Examination(False, (Item("settings", "bad", error.code, error.what, error.fix),))


def _settings(settings: Settings, origin: Path | None) -> list[Item]:
    """Looked at as the service's user: what root may read is no proof."""
    away: list[Item] = []
    try:
        problems = check_settings(settings)
        settings.pbx.read_password()
        if settings.pbx.ami is not None:
            settings.pbx.ami.read_secret()
        for modem in settings.modem:
            try:
                modem.read_secrets()
            except SettingsError as error:
                if error.code != "credential_away":
                    raise
                away.append(_away(modem.name))
    except SettingsError as error:
        return [Item("settings", "bad", error.code, error.what, error.fix)]
    items = [Item("settings", each.state, "settings_problem", f"{each.key}: {each.what}", each.fix) for each in problems]
    items += away
    if origin is not None:
        items += _origin(settings, origin)
    return items


def _away(modem: str) -> Item:
    return Item(
        "settings",
        "warn",
        "credential_away",
        f"the PIN of {modem} is kept by systemd, which shows it to the service alone, while it runs: it cannot be looked at now",
        "start the service; if it then misses the PIN: textback setup --pin-file FILE",
    )


def _in_force(settings: Settings, stored: Stored) -> Iterator[Item]:
    """What the portal rules; and the mode that textback.toml sets, where it does not."""
    try:
        held = in_force(settings, stored)
    except SettingsError:
        return  # said already
    yield from (_item("settings", finding) for finding in judge_standing(held, settings.clinic.zone))
    mode = held.settings.reply.mode
    if mode != "send" and MODE not in held.changes:
        yield Item(
            "settings", "warn", "no_texts", f'reply.mode is "{mode}": no automatic text goes', "to have them go: textback setup --mode send"
        )


def _origin(settings: Settings, origin: Path) -> Iterator[Item]:
    ami = settings.pbx.ami
    inline = settings.pbx.password is not None or (ami is not None and ami.secret is not None)
    inline |= any({"pin", "password", "secret"} & modem.model_fields_set for modem in settings.modem)
    inline |= settings.pbx.cdr is not None and settings.pbx.cdr.url is not None
    contacts, told = settings.contacts.source, (settings.contacts.filing, settings.alarm.email, settings.alarm.webhook)
    inline |= contacts is not None and bool({"url", "password"} & contacts.model_fields_set)
    inline |= any({"password", "secret"} & part.model_fields_set for part in told if part is not None)
    if inline and origin.stat().st_mode & 0o004:
        yield Item("settings", "warn", "settings_mode", f"{origin} holds a password and everybody may read it", f"chmod 640 {origin}")
    if not os.access(origin, os.R_OK, effective_ids=True):
        yield Item(
            "settings",
            "bad",
            "settings_unreadable",
            f"the store's owner cannot read {origin}",
            f"let that user's group read it: chmod 640 {origin}",
        )


async def _store(settings: Settings, store: Store) -> tuple[list[Item], dict[str, Any] | None]:
    path = settings.store.path
    disk = [_item("disk", probes.disk(path))] if path.parent.is_dir() else []
    try:
        await store.open()
    except TextbackError as error:
        return [Item("store", "bad", error.code, error.what, error.fix), *disk], None
    try:
        facts = await store.counts()
        newest = await store.calls(limit=1)
        # a week more than is judged: so that it is known whether calls were written down that long ago
        lately = await store.calls(since=datetime.now(UTC) - timedelta(weeks=WEEKS + 1), limit=0) if settings.line else []
        members, keys = await store.members.all(), await store.members.keys()
        stored = await store.board.settings()
        people, synced = await store.contacts.count(), await store.contacts.states()
        voicemail = await store.voicemail.facts()
        alarms, owed = await store.alarms.open(), await store.alarms.due()
    except TextbackError as error:
        return [Item("store", "bad", error.code, error.what, error.fix), *disk], None
    finally:
        await store.close()
    findings = [await probes.intact(path), *probes.files(path)]
    items = [*(_item("store", finding) for finding in findings), *disk]
    more = {
        "calls": newest,
        "newest": newest[0]["ended"] if newest else None,
        "dids": {call["did"] for call in lately},
        "oldest": datetime.fromisoformat(lately[-1]["started"]) if lately else None,
        "administrators": sum(member.active and member.role is Role.ADMINISTRATOR for member in members),
        "extensions": sum(member.active and member.extension is not None for member in members),
        "phones": sum(key.use == "phone" and key.revoked is None for key in keys),
        "stored": stored,
        "voicemail": voicemail,
        "people": people,
        "synced": synced,
        "alarms": alarms,
        "owed": owed,
    }
    return items, {**facts, **more}


async def _for_staff(settings: Settings, facts: dict[str, Any] | None, now: datetime) -> list[Item]:
    """The pages, the phones and the voice that staff answer with."""
    portal = settings.portal
    found = [] if facts is None else list(judge_portal(settings, facts["administrators"], facts["phones"]))
    if portal.certificate is not None and portal.key is not None:
        found.append(certificate(portal.certificate, portal.key, now, settings.clinic.zone))
    items = [_item("portal", finding) for finding in found]
    if all(item.state == "ok" for item in items):
        items.append(Item("portal", "ok", "portal", f"pages are at {portal.address}"))
    items += [_item("ami", finding) for finding in await doctor_ami.look(settings)]
    if facts is not None:
        items += [_item("voicemail", finding) for finding in await doctor_voicemail.look(settings, facts["voicemail"])]
    if facts is not None and facts["extensions"]:  # whose phones may dial *767
        items += [_item("voice", finding) for finding in await doctor_voice.look(settings.agi, settings.clinic.languages, settings.pbx)]
    return items


async def _pbx(settings: Settings, status: ServiceStatus | None) -> list[Item]:
    now = datetime.now(UTC)
    connected = status is not None and status.pbx.connected
    try:
        found = await doctor_pbx.look(settings.pbx, settings.pbx.read_password(), connected=connected, now=now)
    except SettingsError:
        return []  # said under settings
    if status is not None:
        # the service says more; its unit may name certificates (SSL_CERT_FILE) that are not trusted here
        found = [each for each in found if each.code != "pbx_answers" and not (connected and each.code == "pbx_tls")]
    found += await doctor_pbx.records(settings, now, settings.clinic.zone)
    return [_item("clock" if each.code == "clocks_apart" else "pbx", each) for each in found]


def judge_service(status: ServiceStatus, *, inbound: tuple[str, ...], calls: bool, options: bool = False, zone: tzinfo = UTC) -> list[Item]:
    """What the running service says of itself. ``calls``: did any call ever come in; ``options``: do rules go by what was chosen in a menu.

    Times are told in ``zone``.
    """
    items = [Item("service", "ok", "running", f"version {status.version} runs as process {status.pid} since {_time(status.started, zone)}")]
    if (store := status.store) is not None:
        waits = f"; {store.kept} of what the PBX said wait in memory: do not stop the service" if store.kept else ""
        items.append(Item("store", "bad", store.code, store.what + waits, store.fix))
    pbx = status.pbx
    if pbx.connected:
        about = f"Asterisk {pbx.asterisk}" if pbx.asterisk else "Asterisk"
        items.append(Item("pbx", "ok", "pbx_connected", f"{about}, watched since {_time(pbx.since, zone)}, {pbx.live_calls} calls up"))
    else:
        items.append(
            Item(
                "pbx",
                "bad",
                "pbx_lost",
                f"not connected since {_time(pbx.since, zone)}: {pbx.reason}",
                "see that Asterisk runs; it is tried again",
            )
        )
    if pbx.channelvars is False:
        items.append(
            Item(
                "pbx",
                "warn",
                "channelvars",
                "Asterisk's events do not say who hides the number, nor that a voicemail was left",
                "write channelvars = CALLERID(num-pres),VMSTATUS,TEXTBACK_OPTION under [general] in ari.conf, "
                "then asterisk -rx 'module reload res_ari.so'",
            )
        )
    elif options and pbx.options is False:
        items.append(
            Item(
                "pbx",
                "warn",
                "channelvars_option",
                "Asterisk's events do not say what was chosen in a menu: rules with an option never hold",
                "write channelvars = CALLERID(num-pres),VMSTATUS,TEXTBACK_OPTION under [general] in ari.conf, "
                "then asterisk -rx 'module reload res_ari.so'",
            )
        )
    if pbx.overflows or pbx.unreadable:
        items.append(
            Item(
                "pbx",
                "warn",
                "pbx_events",
                f"{pbx.overflows} times events came too fast, {pbx.unreadable} could not be read, since the service started",
                "see its log",
            )
        )
    items.append(_contexts(pbx.strange_contexts, inbound, calls))
    items += [_item(part, finding) for part, finding in judge_modems(status.modems)]
    slow = status.loop_lag_ms_p99 > _LAG_MS
    items.append(
        Item(
            "loop",
            "warn" if slow else "ok",
            "loop_lag_ms_p99",
            f"loop_lag_ms_p99 = {status.loop_lag_ms_p99:g}",
            "see what else keeps this machine busy: its disk, its processor" if slow else "",
        )
    )
    return items


def _contexts(strange: tuple[str, ...], inbound: tuple[str, ...], calls: bool) -> Item:
    listed = ", ".join(inbound)
    if strange:
        names = ", ".join(strange)
        return Item(
            "contexts",
            "warn",
            "strange_contexts",
            f"calls from outside came in on {names}, which pbx.inbound_contexts does not have ({listed}): they are not listed",
            f"add {names} to pbx.inbound_contexts if your trunks use {'them' if len(strange) > 1 else 'it'}",
        )
    if not calls:
        return Item(
            "contexts", "warn", "no_calls", f"no call has come in yet on {listed}", "call the clinic once from outside and look again"
        )
    return Item("contexts", "ok", "contexts", f"calls come in on {listed}")


def judge_clock(now: datetime, newest: str | None, status: ServiceStatus | None, *, zone: tzinfo = UTC) -> Item:
    """Is the clock right, as far as can be told: not before what is already stored, and with Asterisk's."""
    if newest is not None and datetime.fromisoformat(newest) > now + timedelta(minutes=5):
        return Item(
            "clock",
            "bad",
            "clock_back",
            f"it is {_time(now, zone)} here, but the last call ended at {_time(newest, zone)}",
            "set the clock (NTP)",
        )
    lag = status.pbx.lag_ms if status is not None else None
    if lag is not None and abs(lag) > _CLOCKS_APART:
        # a call's end is by Asterisk's clock: far behind, its text is too old before it is due; far ahead, it goes late
        state = "bad" if abs(lag) > _CLOCKS_USELESS else "warn"
        return Item(
            "clock", state, "clocks_apart", f"this clock and Asterisk's are {abs(lag) / 1000:.1f} s apart", "keep both right by NTP"
        )
    return Item("clock", "ok", "clock", f"it is {_time(now, zone)}")


def judge_outbox(now: datetime, facts: dict[str, Any], *, zone: tzinfo = UTC) -> Item:
    """What waits, and what went wrong lately. ``facts``: ``Store.counts``."""
    oldest = facts["oldest_due"]
    waits = now - datetime.fromisoformat(oldest) if oldest else timedelta(0)
    lately = f"{facts['unknown_lately']} unknown and {facts['failed_lately']} failed in the last week"
    said = f"{facts['queued']} queued, {facts['sending']} on their way, {lately}"
    if waits > _WAITS_LONG:
        return Item(
            "outbox", "bad", "outbox_stuck", f"{said}; the oldest is due since {_time(oldest, zone)}", "see the items pbx and modem"
        )
    if facts["unknown_lately"] or facts["failed_lately"]:
        return Item(
            "outbox", "warn", "outbox_failed", said, "see `textback threads --state to_answer`, and call those whose text did not go"
        )
    return Item("outbox", "ok", "outbox", said)


def _time(at: datetime | str | None, zone: tzinfo) -> str:
    if at is None:
        return "the start"
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
