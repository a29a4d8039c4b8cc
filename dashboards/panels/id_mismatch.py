"""Sources that report other message ids than their statuses carry, for the dashboard Senders."""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Panel, Threshold


def older_than(seconds: int) -> str:
    """Condition: every message of the slot was sent at least so many seconds ago."""
    return f"slot + toIntervalSecond({sql.SLOT_SECONDS} + {seconds}) <= now('UTC')"


# Both shares must rise by 10 points: a day on which many phones are off raises only the share of pending messages, a
# sending application that does not report raises only the share without a sent record.
_RISE: Final = 0.1
_MIN_MESSAGES: Final = 20
_CURRENT: Final = sql.in_current_period("slot")

ID_MISMATCH: Final = Panel(
    id="message-id-mismatch",
    title="Message id mismatches",
    kind="table",
    sql=f"""SELECT source, {sql.share("orphans", "messages")} AS orphan_rate, orphans,
    {sql.share("orphans_before", "messages_before")} AS orphan_rate_before,
    {sql.share("pending_messages", "messages")} AS pending_rate, pending_messages,
    {sql.share("pending_before", "messages_before")} AS pending_rate_before,
    messages,
    toUInt8(messages >= {_MIN_MESSAGES} AND orphan_rate >= ifNull(orphan_rate_before, 0) + {_RISE}
        AND pending_rate >= ifNull(pending_rate_before, 0) + {_RISE}) AS mismatch
FROM
(
    SELECT source,
        sumIf(outbound.sent, {_CURRENT}) AS messages,
        sumIf(outbound.orphan, {_CURRENT}) AS orphans,
        sumIf({sql.PENDING}, {_CURRENT}) AS pending_messages,
        sumIf(outbound.sent, NOT {_CURRENT}) AS messages_before,
        sumIf(outbound.orphan, NOT {_CURRENT}) AS orphans_before,
        sumIf({sql.PENDING}, NOT {_CURRENT}) AS pending_before
    FROM outbound
    WHERE {sql.in_both_periods("slot")} AND {sql.ONE_TO_ONE} AND {sql.FILTERS} AND {older_than(3600)}
    GROUP BY source
)
WHERE messages > 0
ORDER BY mismatch DESC, messages DESC, source
LIMIT 300""",
    columns=(
        columns.SOURCE,
        columns.share("orphan_rate", "Without a sent record / all"),
        columns.count("orphans", "Without a sent record"),
        columns.share("orphan_rate_before", "Without a sent record / all, previous period"),
        columns.share("pending_rate", "Pending after 1 h / all"),
        columns.count("pending_messages", "Pending after 1 h"),
        columns.share("pending_rate_before", "Pending after 1 h / all, previous period"),
        columns.count("messages", "All messages"),
        columns.count("mismatch", "Both rose"),
    ),
    meaning="Messages older than an hour: the shares without a sent record and without a final status, compared with "
    "the previous period of the same length. Both rise by 10 points or more (with at least 20 messages): sent records "
    "and statuses carry different message ids, so that one message is counted twice. One-to-one messages only.",
    remediation="Both rose: the message_id in POST /sent is not the id in the statuses. Report the id that the "
    "provider repeats in its webhooks; `ackstream message ID` shows what is known under an id. Correct reports match "
    "at once, also for old messages that are reported again.",
    layer="rollup",
    width=12,
    threshold=Threshold("mismatch", "above", 0),
)
