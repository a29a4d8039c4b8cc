"""What could not be understood, for the dashboard Pipeline. Pure.

Where a body lies and why it was refused, never what it says.
"""

from typing import Final

from dashboards import columns, sql
from dashboards.panel import Column, Panel, Threshold
from schemas.tables import DEAD_LETTER_COUNT

_DEAD_AT: Final = "ifNull(received_at, stored_at)"
_DEAD: Final = f"""FROM dead_letters
WHERE {sql.in_range(_DEAD_AT)} AND {sql.SOURCES}"""

DEAD_COUNT: Final = Panel(
    id="dead-letters",
    title="Dead letters",
    kind="stat",
    sql=f"SELECT {DEAD_LETTER_COUNT} AS letters {_DEAD}",
    columns=(Column("letters", "Dead letters"),),
    meaning="Bodies, or single elements of one, that could not be understood. Nothing is lost: each stays in wa.raw, "
    "or in wa.sent.",
    remediation="Any: the newest are below, with their reason.",
    layer="live",
    width=2,
    threshold=Threshold("letters", "above", 0),
)

DEAD_OVER_TIME: Final = Panel(
    id="dead-letters-over-time",
    title="Dead letters by reason",
    kind="stack",
    sql=f"""SELECT {sql.bucket(_DEAD_AT)} AS at, reason AS series, {DEAD_LETTER_COUNT} AS letters
{_DEAD}
GROUP BY at, series
ORDER BY at, series""",
    columns=(
        Column("at", "Received at", "time", "x"),
        Column("series", "Reason", "text", "series"),
        Column("letters", "Dead letters"),
    ),
    meaning="By the arrival of the body. Read again with a parser that understands them (`ackstream replay`), they "
    "leave this chart.",
    remediation="unknown_shape, bad_element: the provider sends something new. parser_error: a mistake of ours, "
    "please report it. invalid_json: somebody else is posting to your address.",
    layer="live",
)

DEAD_NEWEST: Final = Panel(
    id="dead-letters-newest",
    title="Newest dead letters",
    kind="table",
    sql=f"""SELECT {_DEAD_AT} AS arrived_at, reason, source, provider, {sql.masked_digits("detail")} AS what,
    raw.topic AS topic, raw.partition AS partition, raw.offset AS position, raw.index AS element
{_DEAD}
ORDER BY arrived_at DESC, topic, partition, position, element
LIMIT 100""",
    columns=(
        Column("arrived_at", "Received at", "time", "cell"),
        columns.text("reason", "Reason"),
        columns.text("source", "Source"),
        columns.text("provider", "Provider"),
        columns.text("what", "What is wrong"),
        columns.text("topic", "Topic"),
        columns.count("partition", "Partition"),
        columns.count("position", "Offset"),
        columns.count("element", "Element"),
    ),
    meaning="The newest 100, and where each body lies in Kafka; its content is not shown here.",
    remediation="The same reason again and again: the provider sends a shape that is not known here. Report provider "
    "and reason; once a version understands it, `ackstream replay` brings the messages in.",
    layer="live",
    width=12,
)
