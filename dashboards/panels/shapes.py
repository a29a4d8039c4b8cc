"""Panels that are alike but for a column: numbers with their change, shares, tables of rates. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold

ONE_TO_ONE: Final = "One-to-one messages only; groups stand apart."
_CHANGE: Final = "The change is against the period of the same length just before."
_NOW: Final = sql.is_now("slot")


def count_stat(identifier: str, title: str, expression: str, *, meaning: str, remediation: str) -> Panel:
    """A number of one-to-one messages, an expression over a row of `outbound`, and the same of the period before."""
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""SELECT
    sumIf({expression}, {_NOW}) AS messages,
    sumIf({expression}, NOT {_NOW}) AS messages_before
FROM outbound
WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}""",
        columns=(Column("messages", title), Column("messages_before", "Period before", role="before")),
        meaning=f"{meaning} {_CHANGE}",
        remediation=remediation,
        layer="rollup",
        width=2,
    )


def share_stat(
    identifier: str,
    title: str,
    part: tuple[str, str, str],
    whole: tuple[str, str, str],
    *,
    meaning: str,
    remediation: str,
    threshold: Threshold | None = None,
) -> Panel:
    """A share of one-to-one messages, its two terms, the period before and the mark of youth.

    Both terms: name, title, expression over a row of `outbound`. A threshold is of the column `rate`.
    """
    return Panel(
        id=identifier,
        title=title,
        kind="stat",
        sql=f"""WITH
    sumIf({part[2]}, NOT {_NOW}) AS part_before,
    sumIf({whole[2]}, NOT {_NOW}) AS whole_before
SELECT
    {sql.share(part[0], whole[0])} AS rate,
    sumIf({part[2]}, {_NOW}) AS {part[0]},
    sumIf({whole[2]}, {_NOW}) AS {whole[0]},
    {sql.share("part_before", "whole_before")} AS rate_before,
    toUInt8(maxIf({sql.SETTLED_AT}, {_NOW}) > now('UTC')) AS provisional
FROM outbound
WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS}""",
        columns=(
            Column("rate", title, "share"),
            Column(part[0], part[1], role="numerator"),
            Column(whole[0], whole[1], role="denominator"),
            Column("rate_before", "Period before", "share", "before"),
            columns.PROVISIONAL,
        ),
        meaning=f"{meaning} {_CHANGE}",
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
    """What was sent and became of it, one row a value of the column `key` of `outbound`, the largest first."""
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
