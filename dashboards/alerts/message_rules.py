"""Rules about messages: delivery rate, missing statuses, error codes."""

# ruff: noqa: S608  (the statements contain constants only; the time is a bound parameter)

from typing import Final

from dashboards.alerts import rule_sql
from dashboards.alerts.rule import NOW, Rule
from schemas.error_codes import class_sql

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

_DELIVERY_RATE_FELL: Final = Rule(
    id="delivery-rate-fell",
    title="Delivery rate fell",
    meaning="The share of messages delivered within one hour of sending is lower in the last six hours than in the "
    "seven days before, for the same source and category, by more than random variation explains.",
    remediation="Check the error codes since then in Failures. If there are none, check in Senders whether the number "
    "is connected and webhooks arrive. A new campaign to an old contact list looks the same: compare deliverability in "
    "Overview.",
    sql=f"""SELECT source, category, {rule_sql.decrease("delivered")} AS value,
    delivered_recent / n_recent AS rate, delivered_usual / n_usual AS usual_rate, n_recent AS messages
FROM {rule_sql.recent_and_usual("source, category", delivered=rule_sql.DELIVERED)}""",
    labels=("source", "category"),
    summary="{source}, {category}: {rate:.1%} of {messages:,} messages delivered within an hour, "
    "usually {usual_rate:.1%}.",
    above=0.03,  # three points beyond random variation: a smaller decrease is not urgent
    clear=0.0,
    for_seconds=10 * _MINUTE,
    keep_seconds=30 * _MINUTE,
    every_seconds=5 * _MINUTE,
    severity="critical",
    dashboard="failures",
    group=("source",),
)

_WITHOUT_STATUS_ROSE: Final = Rule(
    id="without-status-rose",
    title="More messages without a status",
    meaning="One hour after sending, more messages of this source than usual are neither delivered nor failed. Either "
    "the recipients' phones are off, or the provider's webhooks do not arrive.",
    remediation="Check in Senders when the last webhook arrived and whether the number is connected. Check in the "
    "provider's console the webhook address and whether its calls fail.",
    sql=f"""SELECT source, {rule_sql.increase("without_status")} AS value,
    without_status_recent / n_recent AS rate, without_status_usual / n_usual AS usual_rate, n_recent AS messages
FROM {rule_sql.recent_and_usual("source", without_status=rule_sql.WITHOUT_STATUS)}""",
    labels=("source",),
    summary="{source}: {rate:.1%} of {messages:,} messages without a status after an hour, usually {usual_rate:.1%}.",
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
    meaning="Messages without a status and statuses without a sent record increase together: the message ids in sent "
    "records differ from those in the provider's statuses, so each message is counted twice.",
    remediation="Report to POST /sent the message id that the provider returned for the send request, not an id of "
    "your own.",
    sql=f"""SELECT source, least({rule_sql.increase("without_status")}, {rule_sql.increase("orphan")}) AS value,
    without_status_recent / n_recent AS rate, orphan_recent / n_recent AS orphans
FROM {rule_sql.recent_and_usual("source", without_status=rule_sql.WITHOUT_STATUS, orphan=rule_sql.ORPHAN)}""",
    labels=("source",),
    summary="{source}: {rate:.1%} of messages without a status, {orphans:.1%} without a sent record.",
    above=0.05,
    clear=0.0,
    for_seconds=10 * _MINUTE,
    keep_seconds=30 * _MINUTE,
    every_seconds=5 * _MINUTE,
    severity="warning",
    dashboard="senders",
    group=("source",),
)

# Codes come from outside: the limit bounds the number of alerts.
_FIRST_100: Final = "ORDER BY value DESC, code LIMIT 100"
# Failures are counted by the time of sending, and many codes arrive minutes later.
_LAST_TWO_HOURS: Final = f"slot >= {NOW} - toIntervalHour(2) AND slot <= {NOW}"
_ACCOUNT_AT_RISK: Final = Rule(
    id="account-at-risk",
    title="Account at risk",
    meaning="Messages of the last two hours failed with an error code about the account, not about the message: "
    "account locked, blocked for a policy violation, payment missing, number not registered.",
    remediation="Stop the campaign and check the account in the provider's console now. Failures shows what to do "
    "about each code.",
    sql=f"""SELECT source, {rule_sql.without_digits("error_code")} AS code, toFloat64(sum(o.failed)) AS value
FROM outbound AS o
WHERE {_LAST_TWO_HOURS} AND failed > 0 AND {class_sql("provider", "error_code")} = 'account'
GROUP BY source, code
{_FIRST_100}""",
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
    title="Unknown error code",
    meaning="Messages of the last 24 hours failed with a code that Ackstream does not know. They count as failed, "
    "without a class of error and without advice.",
    remediation="Look up the code in the provider's documentation and handle these messages accordingly. A newer "
    "version of Ackstream may know the code.",
    sql=f"""SELECT provider, {rule_sql.without_digits("error_code")} AS code, toFloat64(sum(o.failed)) AS value
FROM outbound AS o
WHERE slot >= {NOW} - toIntervalHour(24) AND slot <= {NOW} AND failed > 0
    AND {class_sql("provider", "error_code")} = 'unknown'
GROUP BY provider, code
{_FIRST_100}""",
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

RULES: Final = (_DELIVERY_RATE_FELL, _WITHOUT_STATUS_ROSE, _IDS_DIFFER, _ACCOUNT_AT_RISK, _UNKNOWN_CODE)
