"""A check from start to end; it writes nothing but the ledger."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from schemas.providers import registry
from schemas.settings.config import Config
from schemas.topics import MESSAGES
from streams.reconcile import gaps, ledger, offsets
from streams.reconcile.bodies import Bodies
from streams.reconcile.events import EventAnomaly, Events
from streams.reconcile.expect import Expected, RecordParser, Unsettled
from streams.reconcile.ledger import LedgerLine, TableCounts
from streams.reconcile.model import Findings, SourceHour, Window
from streams.reconcile.offsets import InTransit, StageOffsets
from streams.reconcile.repair import Repair
from streams.reconcile.tables import Tables, stored_offsets
from streams.reconcile.unit_diff import DifferentUnit, UnitDiff, shown_key
from streams.reconcile.units import Units
from streams.runtime.lag import GROUPS
from streams.runtime.progress import Progress
from streams.runtime.topic_reader import Offsets, TopicReader, length

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


# Residuals that show that ClickHouse lacks events, so that its rows are not the truth.
INCOMPLETE: Final = frozenset({"body_lost", "lost", "changed", "event_lost", "unit_lost"})


@dataclass(slots=True)
class Report:
    """The result of a check."""

    window: Window
    fast: bool
    findings: Findings = field(default_factory=Findings)
    ledger: dict[SourceHour, LedgerLine] = field(default_factory=dict)
    in_transit: InTransit = field(default_factory=InTransit)
    units: int = 0
    different: list[DifferentUnit] = field(default_factory=list)
    accepted_gap: int = 0  # records that were deleted unread, in gaps that somebody has accepted

    @property
    def unpublished(self) -> list[DifferentUnit]:
        """Units of which wa.messages does not have ClickHouse's row."""
        return [one for one in self.different if one.topic_problem]


class Check:
    """One check. `spooled` counts the records in this machine's spool; it blocks."""

    def __init__(
        self, config: Config, client: "Client", topics: TopicReader, progress: Progress, spooled: Callable[[], int]
    ) -> None:
        self._config = config
        self._client = client
        self._topics = topics
        self._progress = progress
        self._spooled = spooled

    async def run(self, asked: Window, *, fast: bool) -> Report:
        """Compares everything within the window. Raises KafkaError, OSError, ClickHouseError and Failure."""
        began = time.time_ns() // 1_000_000
        stored = await asyncio.to_thread(stored_offsets, self._client)
        start = await offsets.current(self._topics)
        days = self._config.kafka.retention_days
        window, note = await offsets.within_kafka(self._topics, start, stored, asked, days)
        report = Report(window, fast)
        report.findings.notes += [note] if note else []
        report.in_transit = offsets.in_transit(start, await asyncio.to_thread(self._spooled))
        await self._gaps(start, report)
        tables = Tables(self._client, window, start.raw_start)
        parser = RecordParser(self._config, registry.load(self._config), window)
        bodies = Bodies(self._topics, tables, start, Expected(parser, fast), report.findings)
        await self._bodies(bodies)
        anomalies, unit_diff = await self._tables(bodies, report)
        await bodies.read_tail()  # what has changed meanwhile is not compared
        add_anomalies(bodies.expected.unsettled, anomalies, unit_diff.units, report.findings)
        report.different = unit_diff.add_residuals(report.different)
        await asyncio.to_thread(self._ledger, bodies, unit_diff.units, report, began)
        return report

    async def repair(self, report: Report) -> int:
        """Publishes again the rows of wa.messages that differ; returns how many. See streams.reconcile.repair."""
        kinds = {kind for kind, count in report.findings.by_kind().items() if count}
        units = Units(self._client, report.window.source)
        unit_diff = UnitDiff(self._topics, units, {}, Unsettled(), report.findings)
        repair = Repair(self._config, self._client, self._topics, unit_diff, self._progress, self._spooled)
        return await repair.run(report.unpublished, complete=not kinds & INCOMPLETE)

    async def accept_gaps(self, reason: str, who: str) -> list[gaps.KnownGap]:
        """Records that all standing gaps are accepted, which returns them."""
        return await asyncio.to_thread(lambda: gaps.accept(self._client, gaps.known(self._client), reason, who))

    async def _gaps(self, start: StageOffsets, report: Report) -> None:
        starts = {**start.raw_start, **start.load_start}
        unread: Offsets = {}
        for stage, own in (("normalise", start.raw_start), ("load", start.load_start)):
            unread |= gaps.unread(await self._topics.committed(GROUPS[stage][0], own), own)
        known = await asyncio.to_thread(gaps.known, self._client)
        gaps.add(known, unread, starts, report.findings)
        report.accepted_gap = sum(gap.records for gap in known if gap.accepted)

    @contextmanager
    def _step(self, text: str, total: int = 1) -> Iterator[Callable[[int], None]]:
        """A line of the progress display; yields a function to call with how much more is done."""
        total, done = max(total, 1), 0
        task = self._progress.task(text, total)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            task.update(done)

        yield advance
        task.update(total)

    async def _bodies(self, bodies: Bodies) -> None:
        span = await bodies.span()
        with self._step("reading bodies", length(span)) as advance:
            await bodies.read(span, advance)
        with self._step("comparing bodies"):
            await bodies.compare()

    async def _tables(self, bodies: Bodies, report: Report) -> tuple[list[EventAnomaly], UnitDiff]:
        """Compares the tables with one another, as a whole: the window does not apply to them."""
        source = report.window.source
        with self._step("comparing events"):
            anomalies = await asyncio.to_thread(Events(self._client, source).anomalies)
        units = Units(self._client, source)
        span = await self._topics.whole(MESSAGES)
        unit_diff = UnitDiff(self._topics, units, span, bodies.expected.unsettled, report.findings)
        if not report.fast:
            slices = await asyncio.to_thread(units.count)
            with (
                self._step("comparing units", slices) as on_slice,
                self._step("wa.messages", length(span)) as on_records,
            ):
                report.different = await unit_diff.different(on_slice, on_records)
            report.units = sum(units.rows.counts)
        for name, count in await asyncio.to_thread(units.broken_rates):
            report.findings.add("rates", SourceHour(name, 0), f"units of {name}", count)
        return anomalies, unit_diff

    def _ledger(self, bodies: Bodies, units: Units, report: Report, at_ms: int) -> None:
        """Makes the ledger, and stores it unless the check was a fast one."""
        tables, window = bodies.tables, report.window
        counts = TableCounts(
            loaded=tables.counts("deliveries"),
            dead=tables.counts("dead_letters"),
            first=Events(self._client, window.source).first_deliveries(window),
            joined=units.joined,
            orphan=units.orphan,
        )
        report.ledger = ledger.lines(bodies.expected, counts, bodies.waiting, report.findings)
        if not report.fast:
            ledger.write(self._client, report.ledger, report.findings, window, at_ms)


def add_anomalies(unsettled: Unsettled, anomalies: list[EventAnomaly], units: Units, findings: Findings) -> None:
    """Adds the anomalies of events and units to the residuals, except those that may still be unprocessed."""
    for one in anomalies:
        if one.event_id not in unsettled.events:
            findings.add(one.kind, one.place, one.what)
    lost = [
        (place, f"event {event_id} is not in its unit {message_id}")
        for place, message_id, event_id in units.anomalies.events_without_unit
        if event_id not in unsettled.events and not unsettled.has_message(place.source, message_id)
    ]
    extra = [
        (place, f"unit {shown_key(key)}")
        for place, key in units.anomalies.units_without_events
        if not unsettled.has_message(key[0], key[1])
    ]
    findings.add_named("unit_lost", lost)
    findings.add_named("unit_extra", extra)
