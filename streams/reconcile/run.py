"""A check from start to end. IO: Kafka and ClickHouse, read alone but for the ledger."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from schemas.providers import registry
from schemas.settings.config import Config
from schemas.topics import MESSAGES
from streams.reconcile import ledger, offsets
from streams.reconcile.bodies import Bodies
from streams.reconcile.events import Events, Odd
from streams.reconcile.expect import Expected, Moved, Reader
from streams.reconcile.ledger import Line, Told
from streams.reconcile.model import Found, Place, Window
from streams.reconcile.offsets import InTransit
from streams.reconcile.repair import Repair
from streams.reconcile.tables import Tables
from streams.reconcile.unit_diff import Compared, Differing, shown_key
from streams.reconcile.units import Units
from streams.runtime.progress import Progress
from streams.runtime.topic_reader import TopicReader, length

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


# Residuals that say that ClickHouse may lack events: its rows are not the truth then.
LACKING: Final = frozenset({"body_lost", "lost", "changed", "event_lost", "unit_lost"})


@dataclass(slots=True)
class Report:
    """What a check found."""

    window: Window
    fast: bool
    found: Found = field(default_factory=Found)
    ledger: dict[Place, Line] = field(default_factory=dict)
    in_transit: InTransit = field(default_factory=InTransit)
    units: int = 0
    differing: list[Differing] = field(default_factory=list)

    @property
    def unpublished(self) -> list[Differing]:
        """Units of which wa.messages does not have ClickHouse's row."""
        return [one for one in self.differing if one.topic_problem]


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
        """Looks at everything within the window. Raises KafkaError, OSError, ClickHouseError and Failure."""
        began = time.time_ns() // 1_000_000
        start = await offsets.current(self._topics)
        window, note = await offsets.within_retention(self._topics, start, asked, self._config.kafka.retention_days)
        report = Report(window, fast)
        report.found.notes += [note] if note else []
        report.in_transit = offsets.in_transit(start, await asyncio.to_thread(self._spooled))
        tables = Tables(self._client, window, start.raw_start)
        reader = Reader(self._config, registry.load(self._config), window)
        bodies = Bodies(self._topics, tables, start, Expected(reader, fast), report.found)
        await self._bodies(bodies)
        odd, compared = await self._tables(bodies, report)
        await bodies.read_tail()  # what has moved meanwhile is not compared
        tell(bodies.expected, odd, compared.units, report.found)
        report.differing = compared.tell(report.differing)
        await asyncio.to_thread(self._ledger, bodies, compared.units, report, began)
        return report

    async def repair(self, report: Report) -> int:
        """Publishes again what differs in wa.messages: how many rows. See streams.reconcile.repair."""
        kinds = {kind for kind, count in report.found.by_kind().items() if count}
        units = Units(self._client, report.window.source)
        compared = Compared(self._topics, units, {}, Moved(), report.found)
        repair = Repair(self._config, self._client, self._topics, compared, self._progress, self._spooled)
        return await repair.run(report.unpublished, complete=not kinds & LACKING)

    @contextmanager
    def _step(self, what: str, total: int = 1) -> Iterator[Callable[[int], None]]:
        """A line of the progress display; yields what is called with how much more is done."""
        total, done = max(total, 1), 0
        task = self._progress.task(what, total)

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

    async def _tables(self, bodies: Bodies, report: Report) -> tuple[list[Odd], Compared]:
        """The tables among themselves, as a whole: these are no matter of when something was received."""
        source = report.window.source
        with self._step("comparing events"):
            odd = await asyncio.to_thread(Events(self._client, source).odd)
        units = Units(self._client, source)
        span = await self._topics.whole(MESSAGES)
        compared = Compared(self._topics, units, span, bodies.expected.moved, report.found)
        if not report.fast:
            slices = await asyncio.to_thread(units.count)
            with (
                self._step("comparing units", slices) as on_slice,
                self._step("wa.messages", length(span)) as on_records,
            ):
                report.differing = await compared.differing(on_slice, on_records)
            report.units = sum(units.rows.counts)
        for name, count in await asyncio.to_thread(units.broken_rates):
            report.found.add("rates", Place(name, 0), f"units of {name}", count)
        return odd, compared

    def _ledger(self, bodies: Bodies, units: Units, report: Report, at_ms: int) -> None:
        """What is counted by hour; stored when everything was looked at."""
        tables, window = bodies.tables, report.window
        told = Told(
            loaded=tables.counts("deliveries"),
            dead=tables.counts("letters"),
            first=Events(self._client, window.source).first_deliveries(window),
            joined=units.joined,
            orphan=units.orphan,
        )
        report.ledger = ledger.lines(bodies.expected, told, bodies.waiting, report.found)
        if not report.fast:
            ledger.write(self._client, report.ledger, report.found, window, at_ms)


def tell(expected: Expected, odd: list[Odd], units: Units, found: Found) -> None:
    """Adds what is strange in the tables and does not move just now. Pure."""
    moved = expected.moved
    for one in odd:
        if one.event_id not in moved.events:
            found.add(one.kind, one.place, one.what)
    lost = [
        (where, f"event {event_id} is not in its unit {message_id}")
        for where, message_id, event_id in units.strange.unknown_events
        if event_id not in moved.events and not moved.has_message(where.source, message_id)
    ]
    extra = [
        (where, f"unit {shown_key(key)}")
        for where, key in units.strange.unspoken_units
        if not moved.has_message(key[0], key[1])
    ]
    found.named("unit_lost", lost)
    found.named("unit_extra", extra)
