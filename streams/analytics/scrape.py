"""Readings of the metrics of ingest, and the increase of its counters between two readings."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from schemas import metrics

# A sample's name, part and source.
Series = tuple[str, str, str]

_OUTCOME = re.compile(r"[a-z_]{1,40}")
_GAUGES = {metrics.INGEST_STORE_UP.name: "store_up", metrics.INGEST_IN_FLIGHT_BYTES.name: "in_flight_bytes"}


@dataclass(slots=True, frozen=True)
class Reading:
    """One reading of the metrics: totals of counters since the start of ingest, and present values of gauges."""

    totals: Mapping[Series, float]
    gauges: Mapping[Series, float]


def read(text: str, sources: Collection[str]) -> Reading:
    """The reading in the text of GET /metrics. Raises ValueError when the text is not from ingest.

    A source that is not in `sources` becomes "", an outcome that is not a plain word "other": the answer of a foreign
    program at ingest's address must not make an endless list of labels.
    """
    totals: dict[Series, float] = {}
    gauges: dict[Series, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in _GAUGES:
                gauges[_GAUGES[sample.name], "", ""] = sample.value
            elif (series := _counted(sample.name, sample.labels, sources)) is not None:
                totals[series] = totals.get(series, 0.0) + sample.value
    if ("store_up", "", "") not in gauges:
        raise ValueError("these are not the metrics of ingest")
    return Reading(totals, gauges)


def _counted(name: str, labels: Mapping[str, str], sources: Collection[str]) -> Series | None:
    source = labels.get("source", "")
    known = source if source in sources else ""
    if name == metrics.INGEST_REQUESTS.name:
        outcome = labels.get("outcome", "")
        return "requests", outcome if _OUTCOME.fullmatch(outcome) else "other", known
    if name == metrics.INGEST_BYTES.name:
        return "bytes", "", known
    return None


def increases(before: Reading, now: Reading) -> dict[Series, float]:
    """The increase of each counter that grew. A smaller total than before means that ingest started again at 0."""
    grown = {}
    for series, total in now.totals.items():
        last = before.totals.get(series, 0.0)
        if (more := total - last if total >= last else total) > 0:
            grown[series] = more
    return grown
