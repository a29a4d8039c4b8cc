"""Who waits for an answer now, for the dashboard Conversations. Pure.

These panels look at the present moment, whatever range is chosen: from the copy of the last days, chat by chat. They
see messages as the conversations' rollup does: direct chats, no reactions and edits, no answer by what failed.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold

# WhatsApp's customer service window: so long after the customer's last message anything may be written.
WINDOW_HOURS: Final = 24
SOON_HOURS: Final = 4
# Who was not answered for a week no longer waits.
_DAYS: Final = 7

# When the customer wrote it: the cohort of an inbound message is our receipt, or our own reading.
_AT: Final = "ifNull(inbound_at, cohort_at)"
_ASKS: Final = "direction = 'in' AND type NOT IN ('reaction', 'edit')"
_NOW: Final = "now64(3, 'UTC')"
_PRESENT: Final = (
    "The present moment, whatever range is chosen. Direct chats only; of the filters only the source applies."
)


def _chats(hours: int) -> str:
    """A row a chat in which a customer wrote within so many hours; `waiting`: times that no answer of ours follows.

    Most customers were sent something and wrote nothing: those are left out before messages are grouped.
    """
    since = f"cohort_at >= {_NOW} - toIntervalHour({hours})"
    return f"""SELECT source, customer, argMax(recent.account, {_AT}) AS account, max(recent.country) AS country,
        maxIf(cohort_at, direction = 'out' AND status != 'failed') AS answered_at,
        arraySort(groupArrayIf({_AT}, {_ASKS})) AS written,
        arrayFilter(x -> x > answered_at, written) AS waiting,
        written[-1] + toIntervalHour({WINDOW_HOURS}) AS window_ends_at
    FROM recent
    WHERE {since} AND NOT is_group AND customer != '' AND origin != 'history'
        AND (direction = 'out' OR {_ASKS}) AND {sql.SOURCES}
        AND customer IN (SELECT customer FROM recent_writers WHERE {since} AND {sql.SOURCES})
    GROUP BY source, customer
    HAVING notEmpty(written)"""


_WEEK: Final = _chats(_DAYS * 24)
# Enough to count chats with an open window; since when they wait may lie before it.
_LAST_WINDOW: Final = _chats(WINDOW_HOURS)
_SOON: Final = f"window_ends_at > {_NOW} AND window_ends_at <= {_NOW} + toIntervalHour({SOON_HOURS})"
_WAITED: Final = f"intDiv(dateDiff('millisecond', waiting[1], {_NOW}), 1000)"

UNANSWERED_COUNT: Final = Panel(
    id="unanswered-count",
    title="Waiting now",
    kind="stat",
    sql=f"""SELECT countIf(notEmpty(waiting)) AS waiting_chats
FROM ({_LAST_WINDOW})
WHERE window_ends_at > {_NOW}""",
    columns=(Column("waiting_chats", "Waiting now"),),
    meaning="Chats whose last word is the customer's and whose 24 h window is open, so that anything may be answered. "
    f"{_PRESENT}",
    remediation="Higher than your team can answer within the hour: the list below is sorted by who has waited longest.",
    layer="copy",
    width=3,
)

EXPIRING_COUNT: Final = Panel(
    id="expiring-count",
    title=f"Waiting, window closes within {SOON_HOURS} h",
    kind="stat",
    sql=f"""SELECT countIf(notEmpty(waiting)) AS expiring_chats
FROM ({_LAST_WINDOW})
WHERE {_SOON}""",
    columns=(Column("expiring_chats", "Waiting, closing soon"),),
    meaning=f"Unanswered chats whose 24 h window closes within {SOON_HOURS} hours. {_PRESENT}",
    remediation="Answer these first: once the window is closed only a template reaches them, and that costs.",
    layer="copy",
    width=3,
    threshold=Threshold("expiring_chats", "above", 0),
)

_CHAT: Final = (
    Column("number", "Customer", "phone", "cell"),
    columns.count("messages", "Unanswered messages"),
    Column("waiting_since", "Waiting since", "time", "cell"),
    Column("waited", "Waited", "seconds", "cell"),
    Column("window_ends_at", "Window closes", "time", "cell"),
    columns.text("source", "Source"),
    columns.text("account", "Number"),
    columns.text("country", "Country"),
)
_CHAT_SQL: Final = f"""SELECT {sql.masked("customer")} AS number, length(waiting) AS messages,
    if(empty(waiting), NULL, waiting[1]) AS waiting_since,
    if(empty(waiting), NULL, {_WAITED}) AS waited,
    window_ends_at, source, account, country"""

UNANSWERED: Final = Panel(
    id="unanswered",
    title="Unanswered",
    kind="table",
    sql=f"""{_CHAT_SQL}
FROM ({_WEEK})
WHERE notEmpty(waiting)
ORDER BY window_ends_at > {_NOW} DESC, waiting[1], source, customer
LIMIT 500""",
    columns=_CHAT,
    meaning=f"Chats of the last {_DAYS} days whose last word is the customer's: those with an open window first, then "
    f"by who has waited longest, at most 500. {_PRESENT}",
    remediation="Answer from the top. Window closed: only a template goes through; ask whether it is still worth one.",
    layer="copy",
    width=12,
)

EXPIRING: Final = Panel(
    id="expiring",
    title=f"Windows that close within {SOON_HOURS} hours",
    kind="table",
    sql=f"""{_CHAT_SQL}
FROM ({_WEEK})
WHERE {_SOON}
ORDER BY empty(waiting), window_ends_at, source, customer
LIMIT 500""",
    columns=_CHAT,
    meaning=f"A window is open for {WINDOW_HOURS} hours from the customer's last message. Unanswered chats first, then "
    f"by time left, at most 500. {_PRESENT}",
    remediation="Answer the unanswered ones now; if you still have something to say to the others, say it before the "
    "window closes.",
    layer="copy",
    width=12,
)
