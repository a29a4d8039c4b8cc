"""Chats that wait for an answer now, for the dashboard Conversations.

These panels show the present moment and ignore the chosen range. They read the copy of the last days chat by chat, and
count messages as the rollup of conversations does: direct chats, no reactions and edits; a failed message is no answer.
"""

# ruff: noqa: S608  (no value is ever part of these texts: all of them are bound)

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold

# WhatsApp's customer service window: free-form messages are allowed for so long after the customer's last message.
WINDOW_HOURS: Final = 24
SOON_HOURS: Final = 4
# A chat that was not answered for a week is no longer listed.
_DAYS: Final = 7

# When the customer wrote the message. The cohort time of an inbound message is our receipt, or our own reading.
_WRITTEN_AT: Final = "ifNull(inbound_at, cohort_at)"
_NEEDS_ANSWER: Final = "direction = 'in' AND type NOT IN ('reaction', 'edit')"
_NOW: Final = "now64(3, 'UTC')"
_PRESENT: Final = "The present moment, whatever range is chosen. Direct chats only; only the source filter applies."


def _chats(hours: int) -> str:
    """One row for each chat in which a customer wrote within so many hours; `waiting`: times of unanswered messages.

    Most customers received something and wrote nothing. They are excluded before messages are grouped.
    """
    recently = f"cohort_at >= {_NOW} - toIntervalHour({hours})"
    return f"""SELECT source, customer, argMax(recent.account, {_WRITTEN_AT}) AS account,
        max(recent.country) AS country,
        maxIf(cohort_at, direction = 'out' AND status != 'failed') AS answered_at,
        arraySort(groupArrayIf({_WRITTEN_AT}, {_NEEDS_ANSWER})) AS written,
        arrayFilter(x -> x > answered_at, written) AS waiting,
        written[-1] + toIntervalHour({WINDOW_HOURS}) AS window_ends_at
    FROM recent
    WHERE {recently} AND NOT is_group AND customer != '' AND origin != 'history'
        AND (direction = 'out' OR {_NEEDS_ANSWER}) AND {sql.SOURCES}
        AND customer IN (SELECT customer FROM recent_writers WHERE {recently} AND {sql.SOURCES})
    GROUP BY source, customer
    HAVING notEmpty(written)"""


_LAST_WEEK: Final = _chats(_DAYS * 24)
# Enough to count chats with an open window; the customer may have been waiting since before it.
_LAST_WINDOW: Final = _chats(WINDOW_HOURS)
_CLOSES_SOON: Final = f"window_ends_at > {_NOW} AND window_ends_at <= {_NOW} + toIntervalHour({SOON_HOURS})"
_WAITED: Final = f"intDiv(dateDiff('millisecond', waiting[1], {_NOW}), 1000)"

UNANSWERED_COUNT: Final = Panel(
    id="unanswered-count",
    title="Waiting for an answer",
    kind="stat",
    sql=f"""SELECT countIf(notEmpty(waiting)) AS waiting_chats
FROM ({_LAST_WINDOW})
WHERE window_ends_at > {_NOW}""",
    columns=(Column("waiting_chats", "Waiting for an answer"),),
    meaning="Chats whose last message is the customer's and whose 24 h window is open, so that a free-form answer is "
    f"possible. {_PRESENT}",
    remediation="Higher than your team can answer within the hour: start at the top of Unanswered chats, which lists "
    "those who have waited longest first.",
    layer="copy",
    width=3,
)

EXPIRING_COUNT: Final = Panel(
    id="expiring-count",
    title=f"Waiting, window closes in {SOON_HOURS} h",
    kind="stat",
    sql=f"""SELECT countIf(notEmpty(waiting)) AS expiring_chats
FROM ({_LAST_WINDOW})
WHERE {_CLOSES_SOON}""",
    columns=(Column("expiring_chats", "Waiting, window closes soon"),),
    meaning=f"Unanswered chats whose 24 h window closes within {SOON_HOURS} hours. {_PRESENT}",
    remediation="Answer these first: after the window has closed, only a template reaches the customer, and templates "
    "cost money.",
    layer="copy",
    width=3,
    threshold=Threshold("expiring_chats", "above", 0),
)

_CHAT: Final = (
    columns.phone("number", "Customer"),
    columns.count("messages", "Unanswered messages"),
    columns.time("waiting_since", "Waiting since"),
    columns.seconds("waited", "Waiting time"),
    columns.time("window_ends_at", "Window closes"),
    columns.SOURCE,
    columns.SENDER,
    columns.COUNTRY,
)
_CHAT_SQL: Final = f"""SELECT {sql.masked("customer")} AS number, length(waiting) AS messages,
    if(empty(waiting), NULL, waiting[1]) AS waiting_since,
    if(empty(waiting), NULL, {_WAITED}) AS waited,
    window_ends_at, source, account, country"""

UNANSWERED: Final = Panel(
    id="unanswered",
    title="Unanswered chats",
    kind="table",
    sql=f"""{_CHAT_SQL}
FROM ({_LAST_WEEK})
WHERE notEmpty(waiting)
ORDER BY window_ends_at > {_NOW} DESC, waiting[1], source, customer
LIMIT 500""",
    columns=_CHAT,
    meaning=f"Chats of the last {_DAYS} days whose last message is the customer's: first those with an open window, "
    f"then by waiting time, longest first. At most 500. {_PRESENT}",
    remediation="Answer from the top. Window closed: only a template is delivered; decide whether the chat is still "
    "worth one.",
    layer="copy",
    width=12,
)

EXPIRING: Final = Panel(
    id="expiring",
    title=f"Windows that close within {SOON_HOURS} hours",
    kind="table",
    sql=f"""{_CHAT_SQL}
FROM ({_LAST_WEEK})
WHERE {_CLOSES_SOON}
ORDER BY empty(waiting), window_ends_at, source, customer
LIMIT 500""",
    columns=_CHAT,
    meaning=f"The window is open for {WINDOW_HOURS} hours after the customer's last message. Unanswered chats first, "
    f"then by time left. At most 500. {_PRESENT}",
    remediation="Answer the unanswered chats now. Write to the others before the window closes if you want to add "
    "something.",
    layer="copy",
    width=12,
)
