"""Reconciliation of what was received with what every stage made of it, for the dashboard Pipeline.

The counts come from `ackstream check`.
"""

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold

_FROM_LEDGER: Final = f"""FROM ledger
WHERE {sql.in_range("hour")} AND {sql.SOURCES}"""
_CHECK: Final = "Written by `ackstream check`: run it every hour, for example with cron."

RESIDUAL: Final = Panel(
    id="residual",
    title="Lost or duplicated",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, toUInt64(sum(residual))) AS residual_sum
{_FROM_LEDGER}""",
    columns=(Column("residual_sum", "Lost or duplicated"),),
    meaning="Differences between what was received and what is stored, over the hours of arrival in the range, as of "
    f"the last check of each hour. Empty when no hour was checked. {_CHECK}",
    remediation="Above 0: the reconciliation table shows the hour and the source, `ackstream check` names every "
    "difference and how to repair it.",
    layer="live",
    width=3,
    threshold=Threshold("residual_sum", "above", 0),
)

LEDGER: Final = Panel(
    id="ledger",
    title="Reconciliation by time of arrival and source",
    kind="table",
    sql=f"""SELECT {sql.bucket("hour")} AS at, source,
    toUInt64(sum(ledger.stored)) AS stored,
    toUInt64(sum(ledger.spooled)) AS spooled,
    toUInt64(sum(ledger.understood)) AS understood,
    toUInt64(sum(ledger.dead_bodies)) AS dead_bodies,
    toUInt64(sum(ledger.split)) AS split,
    toUInt64(sum(ledger.loaded)) AS loaded,
    toUInt64(sum(ledger.events)) AS events,
    toUInt64(sum(ledger.duplicates)) AS duplicates,
    toUInt64(sum(ledger.dead)) AS dead,
    toUInt64(sum(ledger.joined)) AS joined,
    toUInt64(sum(ledger.orphan)) AS orphan,
    toUInt64(sum(ledger.waiting)) AS waiting,
    toUInt64(sum(ledger.residual)) AS residual,
    arrayStringConcat(arraySort(groupUniqArrayIf(ledger.kinds, ledger.kinds != '')), '; ') AS differences,
    max(ledger.checked_at) AS checked_at
{_FROM_LEDGER}
GROUP BY at, source
ORDER BY at DESC, source
LIMIT 200""",
    columns=(
        columns.time("at", "Received at"),
        columns.SOURCE,
        columns.count("stored", "Bodies stored"),
        columns.count("spooled", "Of these through the spool"),
        columns.count("understood", "Bodies parsed"),
        columns.count("dead_bodies", "Bodies not parsed"),
        columns.count("split", "Elements"),
        columns.count("loaded", "Loaded"),
        columns.count("events", "Events"),
        columns.count("duplicates", "Duplicates"),
        columns.count("dead", "Dead letters"),
        columns.count("joined", "Statuses with a sent record"),
        columns.count("orphan", "Statuses without a sent record"),
        columns.count("waiting", "In progress"),
        columns.count("residual", "Differences"),
        columns.text("differences", "Kinds of differences"),
        columns.time("checked_at", "Last check"),
    ),
    meaning="Bodies stored = parsed + not parsed; elements = loaded = events + duplicates; statuses of outbound "
    "messages with and without a sent record. Counted independently from Kafka and ClickHouse, not by the processes "
    f"themselves. {_CHECK}",
    remediation="Differences: `ackstream check` names each and says how to repair it. In progress: the next check "
    "counts these records.",
    layer="live",
    width=12,
    threshold=Threshold("residual", "above", 0),
)
