"""Metrics in Prometheus' text format, and health in one word a part, of the facts that alarms go by.

Names and types follow https://prometheus.io/docs/practices/naming/; docs/monitoring.md lists them. Counters are of all time, whatever was
purged since: the store keeps them, so that a scrape reads a few hundred rows and no call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ari_app import __version__
from ari_app.alarms.facts import Facts
from ari_app.alarms.watch import QUEUE_OLD
from ari_app.threads.alarms import House

__all__ = ["BUCKETS", "Health", "Vitals", "families", "health"]

BUCKETS = (5.0, 10.0, 20.0, 30.0, 35.0, 40.0, 50.0, 60.0, 90.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Seconds from hang-up to text: close around the usual delay of half a minute, up to where a text is too late (reply.max_age)."""
_FRESH = 2.0
"""Seconds for which an answer about health is good: whoever asks without end shall not keep the store busy."""


@dataclass(frozen=True, slots=True)
class Health:
    """``parts``: "ok", or one word of what is wrong, by part."""

    parts: dict[str, str]

    @property
    def ok(self) -> bool:
        return all(word == "ok" for word in self.parts.values())


def health(facts: Facts) -> Health:
    """Ready as doctor means it: the store is read, the PBX watched, every modem registered; and nothing is stuck."""
    house, status = facts.house, facts.status
    stuck = house is not None and house.oldest_due is not None and facts.now - house.oldest_due > QUEUE_OLD
    return Health(
        {
            "store": "unreadable" if house is None else "ok",
            "pbx": "ok" if status.pbx.connected else "lost",
            "modems": "ok" if all(modem.registered for modem in status.modems) else "down",
            "queue": "stuck" if stuck else "ok",
        }
    )


class Vitals:
    """What /healthz and /metrics say, gathered when they are asked for."""

    def __init__(self, facts: Callable[[], Awaitable[Facts]]) -> None:
        self._facts = facts
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._asking: asyncio.Task[Facts] | None = None
        self._health: tuple[float, Health] | None = None

    async def health(self) -> Health:
        """A moment old at most."""
        now = asyncio.get_running_loop().time()
        if self._health is None or now - self._health[0] > _FRESH:
            self._health = (now, health(await self._gathered()))
        return self._health[1]

    async def metrics(self) -> bytes:
        """The whole exposition."""
        facts = await self._gathered()

        def drawn() -> bytes:
            registry = CollectorRegistry()
            registry.register(_Families(facts))
            return generate_latest(registry) + generate_latest(self._process)

        return await asyncio.to_thread(drawn)

    async def _gathered(self) -> Facts:
        """Who asks while others do shares their answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._facts())
        return await asyncio.shield(self._asking)


class _Families(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterable[Metric]:
        return families(self._facts)


def families(facts: Facts) -> Iterator[Metric]:
    """Every metric of ours."""
    yield InfoMetricFamily("textback_build", "The version that runs.", {"version": __version__})
    yield _gauge("textback_start_time_seconds", "When the service started, since the epoch.", _epoch(facts.status.started))
    yield from _pbx(facts)
    yield from _modems(facts)
    if facts.house is not None:
        yield from _counted(facts.house)
        yield from _waiting(facts, facts.house)
    yield from _kept(facts)


def _pbx(facts: Facts) -> Iterator[Metric]:
    pbx = facts.status.pbx
    yield _gauge("textback_pbx_connected", "1 while Asterisk is watched.", float(pbx.connected))
    yield _gauge("textback_pbx_live_calls", "Calls up now.", float(pbx.live_calls))
    if pbx.lag_ms is not None:
        yield _gauge("textback_pbx_clock_offset_seconds", "This clock less Asterisk's, at its last event.", pbx.lag_ms / 1000)
    history = facts.status.history
    yield _gauge("textback_history_readable", "1 while the PBX's own records can be read, for calls missed here.", history.state == "ok")
    yield CounterMetricFamily("textback_history_calls", "Calls found in those records since the start.", history.found)
    if history.read is not None:
        name = "textback_history_read_timestamp_seconds"
        yield _gauge(name, "When they were last read well, since the epoch.", _epoch(history.read))
    yield _gauge("textback_loop_lag_seconds", "99th percentile of how late the event loop is.", facts.status.loop_lag_ms_p99 / 1000)


def _modems(facts: Facts) -> Iterator[Metric]:
    registered = GaugeMetricFamily("textback_modem_registered", "1 while the modem is registered with its network.", labels=["modem"])
    signal = GaugeMetricFamily("textback_modem_signal", "Signal as +CSQ tells it, 0 to 31.", labels=["modem"])
    carried = GaugeMetricFamily("textback_modem_carried", "SMS that went, or may have, in the last 24 hours.", labels=["modem"])
    budget = GaugeMetricFamily("textback_modem_budget", "SMS that the modem may carry in 24 hours.", labels=["modem"])
    tried = GaugeMetricFamily("textback_modem_tried", "Texts that count for the share that fails.", labels=["modem"])
    failed = GaugeMetricFamily("textback_modem_failed", "Of those, the ones that failed.", labels=["modem"])
    failing = GaugeMetricFamily("textback_modem_failing", "1 while more than a tenth of at least 25 texts failed.", labels=["modem"])
    for modem in facts.status.modems:
        name = [modem.name]
        registered.add_metric(name, float(modem.registered))
        if modem.signal is not None:
            signal.add_metric(name, modem.signal)
        carried.add_metric(name, modem.carried)
        if modem.budget is not None:
            budget.add_metric(name, modem.budget)
        tried.add_metric(name, modem.tried)
        failed.add_metric(name, modem.failed)
        failing.add_metric(name, float(modem.failing))
    yield from (registered, signal, carried, budget, tried, failed, failing)


def _counted(house: House) -> Iterator[Metric]:
    calls = CounterMetricFamily(
        "textback_calls",
        "Calls decided about, by outcome and reason; one unseen and settled later counts under both.",
        labels=["outcome", "reason"],
    )
    for labels, n in sorted(house.calls.items()):
        calls.add_metric(labels, n)
    texts = CounterMetricFamily("textback_texts", "How often a text of a kind came to a state.", labels=["kind", "state"])
    for labels, n in sorted(house.texts.items()):
        texts.add_metric(labels, n)
    yield from (calls, texts)
    took = HistogramMetricFamily("textback_text_delay_seconds", "From the caller's hang-up to the automatic text sent.")
    took.add_metric([], *_buckets(house.took))
    yield took


def _buckets(took: tuple[tuple[float, int], ...]) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts by upper bound, and the sum of seconds."""
    counts = [(str(bound), float(sum(n for seconds, n in took if seconds <= bound))) for bound in BUCKETS]
    return [*counts, ("+Inf", float(sum(n for _, n in took)))], sum(seconds * n for seconds, n in took)


def _waiting(facts: Facts, house: House) -> Iterator[Metric]:
    yield _gauge("textback_queue_texts", "Texts queued, also those that are not due yet.", house.queued)
    yield _gauge("textback_queue_sending", "Texts on their way.", house.sending)
    yield _gauge("textback_queue_oldest_due_seconds", "For how long the oldest text that is due waits.", _age(facts, house.oldest_due))
    yield _gauge("textback_texts_unknown", "Texts that may not have gone, with which nobody dealt yet.", house.unknown)
    yield _gauge("textback_texts_failed", "Texts that did not go, with which nobody dealt yet.", house.failed)
    yield _gauge("textback_threads_to_answer", "Threads that wait for an answer.", house.to_answer)
    yield _gauge("textback_threads_longest_wait_seconds", "For how long the one waits that waits the longest.", _age(facts, house.longest))
    for synced in house.synced:
        if synced.source == "sync" and synced.good is not None:
            name = "textback_contacts_synced_timestamp_seconds"
            yield _gauge(name, "When the clinic's own database was last read well, since the epoch.", _epoch(synced.good))
    open_ = GaugeMetricFamily("textback_alarms_open", "1 for each alarm that is open.", labels=["code", "subject"])
    for alarm in house.open:
        open_.add_metric([alarm.code, alarm.subject], 1)
    yield open_
    yield _gauge("textback_alarms_untold", "Messages about alarms that e-mail or webhook did not take yet.", house.telling)


def _kept(facts: Facts) -> Iterator[Metric]:
    yield _gauge("textback_store_bytes", "Size of the store with its write-ahead log.", facts.store_bytes)
    yield _gauge("textback_store_readable", "1 while the store can be read.", float(facts.house is not None))
    free = GaugeMetricFamily("textback_disk_free_bytes", "Room where store and backups lie.", labels=["folder"])
    size = GaugeMetricFamily("textback_disk_size_bytes", "Size of the file system of that folder.", labels=["folder"])
    for disk in facts.disks:
        free.add_metric([str(disk.folder)], disk.free)
        size.add_metric([str(disk.folder)], disk.size)
    yield from (free, size)
    if facts.backup is not None:
        yield _gauge("textback_backup_timestamp_seconds", "When the newest backup was made, since the epoch.", _epoch(facts.backup))
    if facts.certificate is not None:
        name = "textback_certificate_end_timestamp_seconds"
        yield _gauge(name, "When the portal's certificate ends, since the epoch.", _epoch(facts.certificate))


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _epoch(at: datetime) -> float:
    return at.timestamp()


def _age(facts: Facts, since: datetime | None) -> float:
    return 0.0 if since is None else max((facts.now - since).total_seconds(), 0.0)
