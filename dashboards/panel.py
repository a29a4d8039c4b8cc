"""What a panel is: one question, its SQL, its words, its columns. Pure.

Page, Grafana and checks are built from the same `Panel` objects. The SQL is ClickHouse with bound parameters; every
panel may use those of `PARAMETERS` and no others, so that a value can never become part of a statement.
"""

from dataclasses import dataclass
from typing import Literal

# Name and ClickHouse type of every value that a statement may bind. Empty lists and '' mean "all".
PARAMETERS = {
    "from": "DateTime64(3, 'UTC')",  # start of the range, inclusive
    "to": "DateTime64(3, 'UTC')",  # end of the range, exclusive
    "zone": "String",  # IANA name; days and hours are those of this zone
    "bucket": "String",  # hour, day or month: the step of lines over time, chosen from the range
    "sources": "Array(String)",
    "templates": "Array(String)",
    "campaigns": "Array(String)",
    "mask": "UInt8",  # 1: phone numbers are shown with their middle left out
}

Kind = Literal["stat", "line", "stack", "bar", "heatmap", "funnel", "table"]
# count 1,234 · share 0..1 shown in per cent · ms durations · time UTC moments · money in the rate card's currency
Unit = Literal["count", "share", "ms", "seconds", "time", "money", "text", "phone", "mark"]
# x: the axis (time, hour, label) · y: second axis of a heatmap · series: splits lines or bars · value: what is drawn ·
# numerator, denominator: the two terms that stand beside a share · before: the same value one period earlier ·
# mark: 1 = provisional · cell: of a table, nothing else
Role = Literal["x", "y", "series", "value", "numerator", "denominator", "before", "mark", "cell"]
# Where the numbers come from, and so how far they may lag: live tables, the cohort-ordered copy, the rollups made
# from it, or the samples of the pipeline.
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
    """The panel is red when `column` is `side` of `limit` (in the column's unit)."""

    column: str
    side: Literal["above", "below"]
    limit: float


@dataclass(slots=True, frozen=True, kw_only=True)
class Panel:
    """One question to the tables.

    `id`: [a-z0-9-]+, unique over all dashboards, stable: URLs, CSV names and Grafana's uids are made of it.
    `meaning` says what the number is, `remediation` what to do when it is bad. `width` is in twelfths of a wide screen.
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
    """Panels that are looked at together; `id` stands in the URL."""

    id: str
    title: str
    purpose: str
    panels: tuple[Panel, ...]
