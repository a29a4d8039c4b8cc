"""SQL of the page itself: values of the filters, extent of the data, freshness."""

from typing import Final

from dashboards.sql import SOURCES, in_range

CHOICES: Final = 50  # of one list; a search finds the others

# The lag of each layer; see the view.
FRESHNESS: Final = "SELECT layer, at, lag_seconds, pending FROM freshness ORDER BY layer"

# First and last quarter of an hour with a message, for the range "all".
EXTENT: Final = """SELECT minOrNull(first), maxOrNull(last) FROM (
    SELECT minOrNull(slot) AS first, maxOrNull(slot) AS last FROM outbound
    UNION ALL
    SELECT minOrNull(slot) AS first, maxOrNull(slot) AS last FROM inbound)"""

_SEARCH: Final = "({q:String} = '' OR positionCaseInsensitiveUTF8(value, {q:String}) > 0)"


def _values(column: str) -> str:
    return f"""SELECT {column} AS value, sum(sent) AS messages FROM outbound
WHERE {in_range("slot")} AND {SOURCES} AND value != '' AND {_SEARCH}
GROUP BY value ORDER BY messages DESC, value LIMIT {CHOICES + 1}"""  # noqa: S608  (constants)


# Values of a filter, those with the most messages in the range first. A source may have only inbound messages.
FILTERS: Final = {
    "source": f"""SELECT value, sum(messages) AS messages FROM (
    SELECT source AS value, sum(sent) AS messages FROM outbound WHERE {in_range("slot")} GROUP BY value
    UNION ALL
    SELECT source AS value, sum(inbound.messages) AS messages FROM inbound WHERE {in_range("slot")} GROUP BY value)
WHERE {_SEARCH}
GROUP BY value ORDER BY messages DESC, value LIMIT {CHOICES + 1}""",  # noqa: S608
    "template": _values("template"),
    "campaign": _values("campaign"),
}
