"""The panel model: one question with its SQL, texts and columns, and the dashboards that panels belong to.

The web page, Grafana and the tests are built from the same `Panel` objects. The SQL is ClickHouse SQL with bound
parameters. A panel may use the parameters in `PARAMETERS` and no others, so that a value never becomes part of a
statement.
"""

from dataclasses import dataclass
from typing import Literal

# Name and ClickHouse type of every value that a statement may bind. Empty lists and '' mean "all".
PARAMETERS = {
    "from": "DateTime64(3, 'UTC')",  # start of the range, inclusive
    "to": "DateTime64(3, 'UTC')",  # end of the range, exclusive
    "zone": "String",  # IANA time zone; days and hours are those of this zone
    "bucket": "String",  # hour, day or month: the step of charts over time, chosen from the length of the range
    "sources": "Array(String)",
    "templates": "Array(String)",
    "campaigns": "Array(String)",
    "mask": "UInt8",  # 1: the middle of phone numbers is hidden
}

Kind = Literal["stat", "line", "stack", "bar", "heatmap", "funnel", "table"]
# count 1,234 · share 0..1, shown in per cent · ms durations · time UTC · money in the currency of the rate card ·
# mark 0 or 1
Unit = Literal["count", "share", "ms", "seconds", "time", "money", "text", "phone", "mark"]
# x: the axis (time, hour, label) · y: second axis of a heatmap · series: splits lines or bars · value: what is drawn ·
# numerator, denominator: the two terms shown beside a share · before: the same value in the previous period ·
# mark: 1 = provisional · cell: the only role in a table besides mark
Role = Literal["x", "y", "series", "value", "numerator", "denominator", "before", "mark", "cell"]
# Which tables the numbers come from, which decides how far they may lag: live tables, the copy ordered by time of
# sending, the rollups made from that copy, or the samples of the pipeline's metrics.
Layer = Literal["live", "copy", "rollup", "samples"]


@dataclass(slots=True, frozen=True)
class Column:
    """A column of the answer, in the order of the SELECT."""

    name: str
    title: str
    unit: Unit = "count"
    role: Role = "value"


@dataclass(slots=True, frozen=True)
class Threshold:
    """The panel is red while `column` is above or below `limit` (in the column's unit)."""

    column: str
    side: Literal["above", "below"]
    limit: float


@dataclass(slots=True, frozen=True, kw_only=True)
class Panel:
    """One question to the tables.

    `id`: [a-z0-9-]+, unique over all dashboards, stable: URLs, CSV names and Grafana's panel ids are made of it.
    `meaning` defines the number, `remediation` says what to do when it is bad. `width`: twelfths of a wide screen.
    """

    id: str
    title: str
    kind: Kind
    sql: str
    columns: tuple[Column, ...]
    meaning: str
    remediation: str
    layer: Layer
    width: int = 6
    threshold: Threshold | None = None


@dataclass(slots=True, frozen=True)
class Dashboard:
    """Panels that are read together; `id` is part of the URL."""

    id: str
    title: str
    purpose: str
    panels: tuple[Panel, ...]
