"""Rules about sources and senders: missing webhooks, disconnected and banned senders."""

# ruff: noqa: S608  (the statements contain constants only; the time is a bound parameter)

from typing import Final

from dashboards.alerts import rule_sql
from dashboards.alerts.rule import NOW, Rule

_MINUTE: Final = 60.0

# A slot is 15 minutes: events in two neighbouring slots may be nearly two slots apart.
_SLOT: Final = 900
_SOURCE_SILENT: Final = Rule(
    id="source-silent",
    title="No webhooks from a source",
    meaning="No webhook has arrived for longer than 99 % of this source's own gaps in the last five weeks, although at "
    "least ten arrived in the same hours of each earlier week (for a source younger than a week: of the day before).",
    remediation="Check in the provider's console the webhook address and whether its calls fail. Then check whether "
    "ingest is reachable from outside and whether the number is connected.",
    sql=f"""WITH
    arrayFilter(days -> first_at <= last_at - toIntervalDay(days), [7, 14, 21, 28]) AS weeks,
    if(empty(weeks), arrayFilter(days -> first_at <= last_at - toIntervalDay(days), [1]), weeks) AS shifts,
    (entry, days) -> entry.1 > last_at - toIntervalDay(days)
        AND entry.1 + toIntervalSecond({_SLOT}) <= {NOW} - toIntervalDay(days) AS in_same_hours,
    arrayMap(days -> arraySum(entry -> if(in_same_hours(entry, days), entry.2, 0), slots), shifts) AS earlier
SELECT source,
    if(empty(shifts) OR arrayMin(earlier) < 10, 0, silent_seconds / (usual_seconds + {_SLOT})) AS value,
    toFloat64(dateDiff('second', last_at, {NOW})) AS silent_seconds,
    toFloat64(usual_gap) AS usual_seconds,
    if(empty(earlier), 0, arrayMin(earlier)) AS expected
FROM
(
    SELECT source, min(slot) AS first_at, max(last) AS last_at, groupArray((slot, deliveries)) AS slots,
        quantileExactHigh(0.99)(if(previous < '2001-01-01', {_SLOT}, dateDiff('second', previous, slot))) AS usual_gap
    FROM
    (
        SELECT source, slot, deliveries, last,
            lagInFrame(slot) OVER (
                PARTITION BY source ORDER BY slot ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous
        FROM
        (
            SELECT source, slot, sum(a.deliveries) AS deliveries, max(a.last_received_at) AS last
            FROM arrivals AS a
            WHERE kind != 'sent' AND slot >= {NOW} - toIntervalDay(35) AND slot <= {NOW}
            GROUP BY source, slot
        )
    )
    GROUP BY source
)""",
    labels=("source",),
    summary="{source}: no webhook for {silent_seconds}; at least {expected:,} arrived in the same hours before.",
    above=1.0,
    clear=1.0,
    for_seconds=2 * _MINUTE,
    keep_seconds=0.0,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="senders",
    group=("source",),
)


def _last_state(states: str) -> str:
    """SQL: for each sender, whether its last reported state, at most 30 days old, is one of `states`."""
    account = rule_sql.without_digits("account")
    return f"""SELECT source, sender, toFloat64(last IN ({states})) AS value, last AS state, since_seconds
FROM
(
    SELECT source, {account} AS sender, argMax(s.state, (s.occurred_at, s.event_id)) AS last,
        toFloat64(dateDiff('second', max(s.occurred_at), {NOW})) AS since_seconds
    FROM system_events AS s
    WHERE state NOT IN ('', 'unknown') AND occurred_at >= {NOW} - toIntervalDay(30) AND occurred_at <= {NOW}
    GROUP BY source, sender
)"""


_DISCONNECTED: Final = Rule(
    id="sender-disconnected",
    title="Sender disconnected",
    meaning="The last state that the provider reported for this sender is disconnected or waiting for a QR code: no "
    "messages are sent or received through it.",
    remediation="Reconnect the sender in the provider's console: scan the QR code with the phone, or log in again.",
    sql=_last_state("'disconnected', 'qr'"),
    labels=("source", "sender"),
    summary="{source}, sender {sender}: {state} for {since_seconds}.",
    above=0.0,
    clear=0.0,
    for_seconds=2 * _MINUTE,  # automatic reconnects take only seconds
    keep_seconds=2 * _MINUTE,
    every_seconds=30.0,
    severity="critical",
    dashboard="senders",
    group=("source",),
)

_BANNED: Final = Rule(
    id="sender-banned",
    title="Sender banned or limited",
    meaning="WhatsApp has banned or limited this sender, according to the last state that the provider reported.",
    remediation="Stop sending through it now. Read the reason in the provider's console and request a review there. "
    "Afterwards send fewer messages, and only to people who opted in.",
    sql=_last_state("'banned', 'limited'"),
    labels=("source", "sender"),
    summary="{source}, sender {sender}: {state} for {since_seconds}.",
    above=0.0,
    clear=0.0,
    for_seconds=0.0,
    keep_seconds=2 * _MINUTE,
    every_seconds=30.0,
    severity="critical",
    dashboard="senders",
    group=("source",),
)

RULES: Final = (_SOURCE_SILENT, _DISCONNECTED, _BANNED)
