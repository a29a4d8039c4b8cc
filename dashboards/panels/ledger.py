"""What every stage did with what was received, as `ackstream check` counted it, for the dashboard Pipeline. Pure."""

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold

_CHECKED: Final = f"""FROM ledger
WHERE {sql.in_range("hour")} AND {sql.SOURCES}"""
_RUN: Final = "Written by `ackstream check`: run it every hour, for instance from cron."

RESIDUAL: Final = Panel(
    id="residual",
    title="Lost or counted twice",
    kind="stat",
    sql=f"""SELECT if(count() = 0, NULL, toUInt64(sum(residual))) AS residuals
{_CHECKED}""",
    columns=(Column("residuals", "Residual"),),
    meaning="Everything that is not as it must be, in the hours of arrival in the range, when they were last checked; "
    f"empty when none was. {_RUN}",
    remediation="Any: the ledger below says where and what, `ackstream check` names each and says what mends it.",
    layer="live",
    width=3,
    threshold=Threshold("residuals", "above", 0),
)

LEDGER: Final = Panel(
    id="ledger",
    title="Ledger",
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
    arrayStringConcat(arraySort(groupUniqArrayIf(ledger.kinds, ledger.kinds != '')), '; ') AS what,
    max(ledger.checked_at) AS checked_at
{_CHECKED}
GROUP BY at, source
ORDER BY at DESC, source
LIMIT 200""",
    columns=(
        Column("at", "Received at", "time", "cell"),
        columns.text("source", "Source"),
        columns.count("stored", "Bodies stored"),
        columns.count("spooled", "By the spool"),
        columns.count("understood", "Understood"),
        columns.count("dead_bodies", "Dead"),
        columns.count("split", "Split into"),
        columns.count("loaded", "Loaded"),
        columns.count("events", "Events"),
        columns.count("duplicates", "Duplicates"),
        columns.count("dead", "Dead letters"),
        columns.count("joined", "Joined"),
        columns.count("orphan", "Orphans"),
        columns.count("waiting", "On the way"),
        columns.count("residual", "Residual"),
        columns.text("what", "What"),
        Column("checked_at", "Checked", "time", "cell"),
    ),
    meaning="By arrival: bodies stored = understood + dead; split into = loaded = events + duplicates; statuses of "
    "outbound messages with a sent record (joined) and without one (orphans). Counted anew from Kafka and ClickHouse, "
    f"never by the processes themselves. {_RUN}",
    remediation="A residual: `ackstream check` names each thing and says what mends it. On the way: counted at the "
    "next check.",
    layer="live",
    width=12,
    threshold=Threshold("residual", "above", 0),
)
