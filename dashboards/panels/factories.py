"""Makes panels that differ in a column or an expression only: counts, shares and tables of rates."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final, NamedTuple

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold, Unit

ONE_TO_ONE: Final = "One-to-one messages only; group messages are counted separately."
CHANGE: Final = "The change is against the previous period of the same length."
_CURRENT: Final = sql.in_current_period("slot")
_OUTBOUND: Final = f"{sql.ONE_TO_ONE} AND {sql.FILTERS}"


class Term(NamedTuple):
    """Numerator or denominator of a share: its column, and an expression over a row of the panel's table."""

    name: str
    title: str
    expression: str


def previous(name: str, unit: Unit = "count") -> Column:
    """The column of the same value in the previous period."""
    return Column(name, "Previous period", unit, "before")


def count_stat(identifier: str, title: str, expression: str, *, meaning: str, remediation: str) -> Panel:
    """The sum of an expression over one-to-one rows of `outbound`, and the same sum of the previous period."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT
    sumIf({expression}, {_CURRENT}) AS messages,
    sumIf({expression}, NOT {_CURRENT}) AS messages_before
FROM outbound
WHERE {sql.in_both_periods("slot")} AND {_OUTBOUND}""",
        columns=(Column("messages", title), previous("messages_before")),
        meaning=f"{meaning} {CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=2,
    )


def share_stat(
    identifier: str,
    title: str,
    part: Term,
    whole: Term,
    *,
    meaning: str,
    remediation: str,
    threshold: Threshold | None = None,
    table: str = "outbound",
    condition: str = _OUTBOUND,
    settled_at: str = sql.SETTLED_AT,
) -> Panel:
    """A share, its two terms, the same share of the previous period, and whether it is provisional.

    `condition` selects rows of `table`, whose times are slots. A row can still change until `settled_at`. A threshold
    is one of the column `rate`.
    """
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""WITH
    sumIf({part.expression}, NOT {_CURRENT}) AS part_before,
    sumIf({whole.expression}, NOT {_CURRENT}) AS whole_before
SELECT
    {sql.share(part.name, whole.name)} AS rate,
    sumIf({part.expression}, {_CURRENT}) AS {part.name},
    sumIf({whole.expression}, {_CURRENT}) AS {whole.name},
    {sql.share("part_before", "whole_before")} AS rate_before,
    toUInt8(maxIf({settled_at}, {_CURRENT}) > now('UTC')) AS provisional
FROM {table}
WHERE {sql.in_both_periods("slot")} AND {condition}""",
        columns=(
            Column("rate", f"{part.title} / {whole.title.lower()}", "share"),
            Column(part.name, part.title, role="numerator"),
            Column(whole.name, whole.title, role="denominator"),
            previous("rate_before", "share"),
            columns.PROVISIONAL,
        ),
        meaning=f"{meaning} {CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=3,
        threshold=threshold,
    )


def rates_table(
    identifier: str,
    title: str,
    key: Column,
    *,
    meaning: str,
    remediation: str,
    units: str = sql.ONE_TO_ONE,
    limit: int = 100,
    width: int = 6,
) -> Panel:
    """Counts and rates by the values of the column `key` of `outbound`, the largest first."""
    return Panel(
        id=identifier,
        title=title,
        kind="table",
        sql=f"""SELECT {key.name}, {sql.RATES}
FROM outbound
WHERE {sql.in_range("slot")} AND {units} AND {sql.FILTERS}
GROUP BY {key.name}
ORDER BY sent DESC, {key.name}
LIMIT {limit}""",
        columns=(key, *columns.RATES),
        meaning=meaning,
        remediation=remediation,
        layer="rollup",
        width=width,
    )
