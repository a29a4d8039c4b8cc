"""Rules about messages: do they arrive, is there word of them, what do they fail of. Pure."""

# ruff: noqa: S608  (no value is ever part of these texts: the moment is bound)

from typing import Final

from dashboards.alerts import rule_sql
from dashboards.alerts.rule import NOW, Rule
from schemas.error_codes import class_sql

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

_DELIVERY_FELL: Final = Rule(
    id="delivery-rate-fell",
    title="Delivery rate fell",
    meaning="Of the messages of the last six hours fewer were delivered within an hour of sending than is usual for "
    "this source and category (the seven days before, at the same age), by more than chance explains.",
    remediation="Failures shows the codes since then. None: Senders, whether the number is connected and webhooks "
    "arrive. A new campaign to old numbers looks the same: compare deliverability (Overview).",
    sql=f"""SELECT source, category, {rule_sql.fall("arrived")} AS value,
    arrived_recent / n_recent AS share, arrived_usual / n_usual AS usual, n_recent AS messages
FROM {rule_sql.recent_and_usual("source, category", arrived=rule_sql.ARRIVED)}""",
    labels=("source", "category"),
    summary="{source}, {category}: {share:.1%} of {messages:,} messages delivered within an hour, usually {usual:.1%}.",
    above=0.03,  # three points below what chance explains: less is nobody's emergency
    clear=0.0,
    for_seconds=10 * _MINUTE,
    keep_seconds=30 * _MINUTE,
    every_seconds=5 * _MINUTE,
    severity="critical",
    dashboard="failures",
    group=("source",),
)

_SILENT_ROSE: Final = Rule(
    id="silent-share-rose",
    title="Messages without a word",
    meaning="More messages than usual for this source have neither been delivered nor failed an hour after sending. "
    "Either their phones are off, or the provider's webhooks do not reach us.",
    remediation="Senders: when is the last webhook, is the number connected? In the provider's console: is the webhook "
    "address right and do its calls fail?",
    sql=f"""SELECT source, {rule_sql.rise("silent")} AS value,
    silent_recent / n_recent AS share, silent_usual / n_usual AS usual, n_recent AS messages
FROM {rule_sql.recent_and_usual("source", silent=rule_sql.SILENT)}""",
    labels=("source",),
    summary="{source}: {share:.1%} of {messages:,} messages without a word after an hour, usually {usual:.1%}.",
    above=0.05,
    clear=0.0,
    for_seconds=10 * _MINUTE,
    keep_seconds=30 * _MINUTE,
    every_seconds=5 * _MINUTE,
    severity="critical",
    dashboard="senders",
    group=("source",),
)

_IDS_DIFFER: Final = Rule(
    id="ids-do-not-match",
    title="Sent records and statuses do not match",
    meaning="Messages without a word and statuses without a sent record rise together: what is reported as sent "
    "carries other ids than the provider's statuses, so one message is counted as two.",
    remediation="Report the id that the provider's answer to the send call holds (POST /sent), not one of your own.",
    sql=f"""SELECT source, least({rule_sql.rise("silent")}, {rule_sql.rise("orphan")}) AS value,
    silent_recent / n_recent AS share, orphan_recent / n_recent AS orphans
FROM {rule_sql.recent_and_usual("source", silent=rule_sql.SILENT, orphan=rule_sql.ORPHAN)}""",
    labels=("source",),
    summary="{source}: {share:.1%} of messages without a word, {orphans:.1%} without a sent record.",
    above=0.05,
    clear=0.0,
    for_seconds=10 * _MINUTE,
    keep_seconds=30 * _MINUTE,
    every_seconds=5 * _MINUTE,
    severity="warning",
    dashboard="senders",
    group=("source",),
)

# Codes come from outside: as many of them as somebody likes are still few alerts.
_MOST: Final = "ORDER BY value DESC, code LIMIT 100"
# Failures count by the time of sending, and many codes come minutes after it.
_LAST_TWO_HOURS: Final = f"slot >= {NOW} - toIntervalHour(2) AND slot <= {NOW}"
_ACCOUNT_DANGER: Final = Rule(
    id="account-in-danger",
    title="The account is in danger",
    meaning="Messages of the last two hours failed with a code that speaks of the account, not of the message: "
    "locked, blocked for a policy, payment missing, not registered.",
    remediation="Stop the campaign and look at the account in the provider's console now; Failures says what each "
    "code wants.",
    sql=f"""SELECT source, {rule_sql.without_digits("error_code")} AS code, toFloat64(sum(o.failed)) AS value
FROM outbound AS o
WHERE {_LAST_TWO_HOURS} AND failed > 0 AND {class_sql("provider", "error_code")} = 'account'
GROUP BY source, code
{_MOST}""",
    labels=("source", "code"),
    summary="{source}: {value:,.0f} messages failed with code {code}.",
    above=0.0,
    clear=0.0,
    for_seconds=0.0,
    keep_seconds=10 * _MINUTE,
    every_seconds=1 * _MINUTE,
    severity="critical",
    dashboard="failures",
    group=("source",),
)

_UNKNOWN_CODE: Final = Rule(
    id="unknown-error-code",
    title="An error code that nobody knows",
    meaning="Messages of the last 24 hours failed with a code that is not in the list: they count as failed, but "
    "nobody has said what to do about them.",
    remediation="Look the code up at the provider, and treat these messages accordingly; a newer version may know it.",
    sql=f"""SELECT provider, {rule_sql.without_digits("error_code")} AS code, toFloat64(sum(o.failed)) AS value
FROM outbound AS o
WHERE slot >= {NOW} - toIntervalHour(24) AND slot <= {NOW} AND failed > 0
    AND {class_sql("provider", "error_code")} = 'unknown'
GROUP BY provider, code
{_MOST}""",
    labels=("provider", "code"),
    summary="{provider}: {value:,.0f} messages failed with the unknown code {code}.",
    above=0.0,
    clear=0.0,
    for_seconds=0.0,
    keep_seconds=1 * _HOUR,
    every_seconds=1 * _MINUTE,
    severity="warning",
    dashboard="failures",
    group=("provider",),
)

RULES: Final = (_DELIVERY_FELL, _SILENT_ROSE, _IDS_DIFFER, _ACCOUNT_DANGER, _UNKNOWN_CODE)
