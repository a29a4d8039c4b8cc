"""The page's own statements: what the filters offer, how far the data reach, how fresh they are. Pure."""

from typing import Final

from dashboards.sql import SOURCES, in_range

CHOICES: Final = 50  # of one list; whoever looks for another types a part of its name

# How far each layer lags; see the view.
FRESHNESS: Final = "SELECT layer, at, lag_seconds, pending FROM freshness ORDER BY layer"

# First and last quarter of an hour with a message in it, for the range "all".
EXTENT: Final = """SELECT minOrNull(first), maxOrNull(last) FROM (
    SELECT minOrNull(slot) AS first, maxOrNull(slot) AS last FROM outbound
    UNION ALL
    SELECT minOrNull(slot) AS first, maxOrNull(slot) AS last FROM inbound)"""

_SEARCH: Final = "({q:String} = '' OR positionCaseInsensitiveUTF8(value, {q:String}) > 0)"


def _of_outbound(column: str) -> str:
    return f"""SELECT {column} AS value, sum(sent) AS messages FROM outbound
WHERE {in_range("slot")} AND {SOURCES} AND value != '' AND {_SEARCH}
GROUP BY value ORDER BY messages DESC, value LIMIT {CHOICES + 1}"""  # noqa: S608  (constants)


# What can be chosen in a filter, the one with most messages of the range first. A source may have inbound alone.
FILTERS: Final = {
    "source": f"""SELECT value, sum(messages) AS messages FROM (
    SELECT source AS value, sum(sent) AS messages FROM outbound WHERE {in_range("slot")} GROUP BY value
    UNION ALL
    SELECT source AS value, sum(inbound.messages) AS messages FROM inbound WHERE {in_range("slot")} GROUP BY value)
WHERE {_SEARCH}
GROUP BY value ORDER BY messages DESC, value LIMIT {CHOICES + 1}""",  # noqa: S608
    "template": _of_outbound("template"),
    "campaign": _of_outbound("campaign"),
}
