"""Rules about sources and the senders behind them: do webhooks come, is the number connected. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: the moment is bound)

from typing import Final

from dashboards.alerts import rule_sql
from dashboards.alerts.rule import NOW, Rule

_MINUTE: Final = 60.0

# A slot is 15 minutes: what lies in one slot and the next may be nearly two slots apart.
_SLOT: Final = 900
_SOURCE_SILENT: Final = Rule(
    id="source-silent",
    title="A source has fallen silent",
    meaning="No webhook for longer than 99 % of this source's own pauses in five weeks, although in the same hours "
    "of each of the weeks before (of the day before, for a source younger than a week) at least ten came.",
    remediation="In the provider's console: does its webhook point here, do its calls fail? Then: is ingest reachable "
    "from outside, is the number connected?",
    sql=f"""WITH
    arrayFilter(days -> began <= last_at - toIntervalDay(days), [7, 14, 21, 28]) AS weeks,
    if(empty(weeks), arrayFilter(days -> began <= last_at - toIntervalDay(days), [1]), weeks) AS shifts,
    (seen, days) -> seen.1 > last_at - toIntervalDay(days)
        AND seen.1 + toIntervalSecond({_SLOT}) <= {NOW} - toIntervalDay(days) AS in_its_hours,
    arrayMap(days -> arraySum(seen -> if(in_its_hours(seen, days), seen.2, 0), slots), shifts) AS came
SELECT source,
    if(empty(shifts) OR arrayMin(came) < 10, 0, silent_seconds / (usual_seconds + {_SLOT})) AS value,
    toFloat64(dateDiff('second', last_at, {NOW})) AS silent_seconds,
    toFloat64(usual_gap) AS usual_seconds,
    if(empty(came), 0, arrayMin(came)) AS expected
FROM
(
    SELECT source, min(slot) AS began, max(last) AS last_at, groupArray((slot, deliveries)) AS slots,
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
    summary="{source}: no webhook for {silent_seconds}; at this time of the week at least {expected:,} came so far.",
    above=1.0,
    clear=1.0,
    for_seconds=2 * _MINUTE,
    keep_seconds=0.0,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="senders",
    group=("source",),
)


def _last_state(words: str) -> str:
    """Of each sender whether the last state that it told is one of `words`; what was told a month ago is old news."""
    account = rule_sql.without_digits("account")
    return f"""SELECT source, sender, toFloat64(last IN ({words})) AS value, last AS state, since_seconds
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
    title="A sender is disconnected",
    meaning="The last state that the provider told of this sender is disconnected, or waiting for a QR code: nothing "
    "is sent or received through it.",
    remediation="Connect it again in the provider's console (scan the code with the phone, renew the login).",
    sql=_last_state("'disconnected', 'qr'"),
    labels=("source", "sender"),
    summary="{source}, sender {sender}: {state} for {since_seconds}.",
    above=0.0,
    clear=0.0,
    for_seconds=2 * _MINUTE,  # a connection that comes back by itself does so within seconds
    keep_seconds=2 * _MINUTE,
    every_seconds=30.0,
    severity="critical",
    dashboard="senders",
    group=("source",),
)

_BANNED: Final = Rule(
    id="sender-banned",
    title="A sender is banned or limited",
    meaning="WhatsApp has banned or limited this sender: the last state that the provider told of it says so.",
    remediation="Stop sending through it at once. Read the reason in the provider's console and ask for a review "
    "there; send less, and only to people who want it.",
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
