"""Every metric that Ackstream exports, declared once: name, type, labels, meaning.

Processes create their metrics from these declarations and dashboards name them from here, so the two cannot drift
apart. Label values come from closed lists (the settings' sources, the providers, outcomes, classes of errors), never
from a client.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True, frozen=True)
class Metric:
    """One metric. `merge`: how the values of several processes become one; counters and histograms are summed."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    merge: Literal["sum", "min", "max"] = "sum"


# Meta wants the median answer below 250 ms and counts answers over 1 s as slow: fine steps below 250 ms, few above.
_ANSWER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

INGEST_REQUESTS = Metric(
    "ingest_requests_total",
    "counter",
    "Requests to /webhooks and /sent by outcome; source and provider are empty for a source that is not configured",
    ("source", "provider", "outcome"),
)
INGEST_BYTES = Metric(
    "ingest_bytes_total", "counter", "Bytes of bodies that were stored before the answer", ("source", "provider")
)
INGEST_SECONDS = Metric(
    "ingest_request_seconds",
    "histogram",
    "Seconds from the headers of a POST to its answer",
    buckets=_ANSWER_SECONDS,
)
INGEST_IN_FLIGHT_BYTES = Metric("ingest_in_flight_bytes", "gauge", "Bytes of bodies that are read but not yet stored")
INGEST_STORED_RECORDS = Metric("ingest_stored_records_total", "counter", "Records that Kafka acknowledged")
INGEST_LATE_RECORDS = Metric(
    "ingest_late_records_total",
    "counter",
    "Records that Kafka acknowledged after their client got 503; its repetition makes them duplicates",
)
INGEST_STORE_UP = Metric(
    "ingest_store_up", "gauge", "1 while Kafka acknowledges in time, 0 while bodies are refused with 503", merge="min"
)
INGEST_SPOOL_RECORDS = Metric("ingest_spool_records", "gauge", "Bodies in the spool, not yet in Kafka")
INGEST_SPOOL_BYTES = Metric("ingest_spool_bytes", "gauge", "Bytes of the bodies in the spool, not yet in Kafka")
INGEST_SPOOL_OLDEST = Metric(
    "ingest_spool_oldest_seconds",
    "gauge",
    "Age of the oldest body in the spool in seconds; 0 for an empty spool",
    merge="max",
)
INGEST_SPOOLED = Metric(
    "ingest_spooled_total", "counter", "Bodies written to the spool because Kafka did not acknowledge them in time"
)
INGEST_DRAINED = Metric("ingest_drained_total", "counter", "Bodies moved from the spool to Kafka")
INGEST_KAFKA_ERRORS = Metric(
    "ingest_kafka_errors_total", "counter", "Failed connections and rejected batches by class of error", ("error",)
)

METRICS = (
    INGEST_REQUESTS,
    INGEST_BYTES,
    INGEST_SECONDS,
    INGEST_IN_FLIGHT_BYTES,
    INGEST_STORED_RECORDS,
    INGEST_LATE_RECORDS,
    INGEST_STORE_UP,
    INGEST_SPOOL_RECORDS,
    INGEST_SPOOL_BYTES,
    INGEST_SPOOL_OLDEST,
    INGEST_SPOOLED,
    INGEST_DRAINED,
    INGEST_KAFKA_ERRORS,
)
