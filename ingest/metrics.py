"""The edge's metrics over all processes of one data folder, in memory-mapped files below `data_dir/metrics/ingest`.

Each process writes files named after its instance number, so that a restarted one continues its counters instead of
starting new files; a scrape of any process adds up all of them. The first process of a fresh start empties the folder.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas import metrics as declared

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def folder(data_dir: Path) -> Path:
    """Where the processes of one data folder keep their metric files."""
    return data_dir / "metrics" / "ingest"


def wipe(data_dir: Path) -> None:
    """Deletes the metrics of an earlier start; only for a process that has no running sibling."""
    for file in _files(folder(data_dir)):
        file.unlink(missing_ok=True)


class Metrics:
    """The metrics of one process, and the scrape of all processes."""

    def __init__(self, data_dir: Path, instance: int) -> None:
        """Opens the files of `instance`. One Metrics a process: the client keeps its files in module state."""
        self._folder = folder(data_dir)
        self._folder.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._folder)
        from prometheus_client import CollectorRegistry, values

        values.ValueClass = values.MultiProcessValue(lambda: str(instance))  # type: ignore[no-untyped-call]
        own = CollectorRegistry()
        self.requests: Counter = _make(declared.INGEST_REQUESTS, own)
        self.bytes: Counter = _make(declared.INGEST_BYTES, own)
        self.seconds: Histogram = _make(declared.INGEST_SECONDS, own)
        self.in_flight: Gauge = _make(declared.INGEST_IN_FLIGHT_BYTES, own)
        self.stored: Counter = _make(declared.INGEST_STORED_RECORDS, own)
        self.late: Counter = _make(declared.INGEST_LATE_RECORDS, own)
        self.store_up: Gauge = _make(declared.INGEST_STORE_UP, own)
        self.spool_records: Gauge = _make(declared.INGEST_SPOOL_RECORDS, own)
        self.spool_bytes: Gauge = _make(declared.INGEST_SPOOL_BYTES, own)
        self.spool_oldest: Gauge = _make(declared.INGEST_SPOOL_OLDEST, own)
        self.spooled: Counter = _make(declared.INGEST_SPOOLED, own)
        self.drained: Counter = _make(declared.INGEST_DRAINED, own)
        self.kafka_errors: Counter = _make(declared.INGEST_KAFKA_ERRORS, own)
        self.in_flight.set(0)
        self.store_up.set(0)
        self._all = CollectorRegistry()
        self._all.register(self)

    def collect(self) -> Iterator[Any]:
        """The merged metrics of all processes, for the client's text writer."""
        from prometheus_client.multiprocess import MultiProcessCollector

        yield from MultiProcessCollector.merge([str(file) for file in _files(self._folder)])  # type: ignore[no-untyped-call]

    def scrape(self) -> bytes:
        """The text of GET /metrics."""
        from prometheus_client import generate_latest

        return generate_latest(self._all)


def _make(metric: declared.Metric, registry: Any) -> Any:
    import prometheus_client

    if metric.type == "counter":
        return prometheus_client.Counter(metric.name, metric.meaning, metric.labels, registry=registry)
    if metric.type == "gauge":
        return prometheus_client.Gauge(
            metric.name, metric.meaning, metric.labels, registry=registry, multiprocess_mode=metric.merge
        )
    return prometheus_client.Histogram(
        metric.name, metric.meaning, metric.labels, registry=registry, buckets=metric.buckets
    )


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.db"))
