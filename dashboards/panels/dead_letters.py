"""Dead letters: bodies that could not be parsed, for the dashboard Pipeline.

The panels show where a body is stored and why it was refused, never its content.
"""

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold
from schemas.tables import DEAD_LETTER_COUNT

_ARRIVED_AT: Final = "ifNull(received_at, stored_at)"
_FROM_DEAD_LETTERS: Final = f"""FROM dead_letters
WHERE {sql.in_range(_ARRIVED_AT)} AND {sql.SOURCES}"""

COUNT: Final = Panel(
    id="dead-letters",
    title="Dead letters",
    kind="stat",
    sql=f"SELECT {DEAD_LETTER_COUNT} AS count {_FROM_DEAD_LETTERS}",
    columns=(Column("count", "Dead letters"),),
    meaning="Bodies, or single elements of a body, that could not be parsed. Nothing is lost: every body is kept in "
    "wa.raw or wa.sent.",
    remediation="Above 0: the table of latest dead letters shows the reason of each.",
    layer="live",
    width=2,
    threshold=Threshold("count", "above", 0),
)

OVER_TIME: Final = Panel(
    id="dead-letters-over-time",
    title="Dead letters by reason",
    kind="stack",
    sql=f"""SELECT {sql.bucket(_ARRIVED_AT)} AS at, reason AS series, {DEAD_LETTER_COUNT} AS count
{_FROM_DEAD_LETTERS}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Reason", "text", "series"),
        Column("count", "Dead letters"),
    ),
    meaning="Dead letters by the arrival of their body. They leave this chart when `ackstream replay` parses them with "
    "a version that supports them.",
    remediation="unknown_shape, bad_element: the provider sends a new format. parser_error: a bug in Ackstream, please "
    "report it. invalid_json: somebody else posts to your webhook address.",
    layer="live",
)

LATEST: Final = Panel(
    id="dead-letters-newest",
    title="Latest dead letters",
    kind="table",
    sql=f"""SELECT {_ARRIVED_AT} AS arrived_at, reason, source, provider, {sql.masked_text("detail")} AS problem,
    raw.topic AS topic, raw.partition AS partition, raw.offset AS position, raw.index AS element
{_FROM_DEAD_LETTERS}
ORDER BY arrived_at DESC, topic, partition, position, element
LIMIT 100""",
    columns=(
        columns.time("arrived_at", "Received at"),
        columns.text("reason", "Reason"),
        columns.SOURCE,
        columns.text("provider", "Provider"),
        columns.text("problem", "Problem"),
        columns.text("topic", "Topic"),
        columns.count("partition", "Partition"),
        columns.count("position", "Offset"),
        columns.count("element", "Element"),
    ),
    meaning="The latest 100 dead letters with the place of each body in Kafka. The content is not shown here.",
    remediation="The same reason again and again: the provider sends a format that Ackstream does not support. Report "
    "provider and reason; with a version that supports it, `ackstream replay` loads the messages.",
    layer="live",
    width=12,
)
