"""The fields of a message's lifecycle and the columns made of them: one table for SQL, workers, copy, check and replay.

`FIELDS` lists what is kept of every unit (source, message_id, participant) and how two values of a field join. The
join is associative, commutative and idempotent, so any order and repetition of events gives the same value. ClickHouse
joins the columns of `lifecycle_log`, the load worker joins its state. `COLUMNS` lists what the view `units` makes of
the fields. All other lists of fields or columns are derived from these two tables, or a test compares them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Rule(Enum):
    """How two values of a field join: the aggregate and the type of its column in `lifecycle_log`, and what value wins.

    schemas/clickhouse/0002_lifecycle.sql describes the encodings.
    """

    STAMP = "min, UInt64", "the earliest time; any time of the provider before our own"
    EVIDENCE = "min, UInt8", "the strongest evidence of a direction"
    ORIGIN = "min, UInt8", "the first of api, echo, history, none"
    FLAG = "max, UInt8", "1 once any event sets it"
    SMALLEST_WORD = "min, LowCardinality(String)", "the first word in the order of text"
    KNOWN_WORD = "min, String", "a known word before none, then the order of text"
    PHONE_FIRST = "min, String", "a phone before another id"
    TYPE_FIRST = "min, String", "a type before unsupported before unknown"
    RANKED_WORD = "min, String", "the word of the sent record by its origin, then the provider's; the earliest of each"
    STAMPED_WORD = "min, String", "the earliest word"
    STAMPED_FLAG = "min, UInt64", "the earliest flag"
    ERROR = "min, String", "code and title of the earliest failure"
    FIRST_MOMENT = "min, DateTime64(3, 'UTC')", "the earliest moment"
    LAST_MOMENT = "max, DateTime64(3, 'UTC')", "the latest moment"
    DAYS = "groupUniqArrayArray, Array(Date)", "the union"
    ROWS = "sum, UInt64", "the number of inserted rows"

    def __init__(self, aggregate: str, winner: str) -> None:
        self.clickhouse_type = f"SimpleAggregateFunction({aggregate})"
        self.winner = winner


@dataclass(slots=True, frozen=True)
class Field:
    """One field. `inherited`: a member of a group joins the value of its parent row (participant '') to its own.

    `in_state`: the load worker keeps it too, because a row of wa.messages needs it.
    """

    name: str
    rule: Rule
    inherited: bool
    in_state: bool = True


# New fields go to the end: the stored state of a worker is a list in this order, and a state that was stored before a
# field existed is shorter. RANKED_WORD and STAMPED_WORD fields are read from the event's field of the same name.
FIELDS: Final = (
    Field("pending", Rule.STAMP, inherited=False),
    Field("sent", Rule.STAMP, inherited=True),
    Field("delivered", Rule.STAMP, inherited=False),
    Field("read", Rule.STAMP, inherited=False),
    Field("played", Rule.STAMP, inherited=False),
    Field("failed", Rule.STAMP, inherited=False),
    Field("deleted", Rule.STAMP, inherited=True),
    Field("own_read", Rule.STAMP, inherited=False),
    Field("own_played", Rule.STAMP, inherited=False),
    Field("direction", Rule.EVIDENCE, inherited=True),
    Field("origin", Rule.ORIGIN, inherited=True),
    Field("live", Rule.FLAG, inherited=True),
    Field("is_group", Rule.FLAG, inherited=False),
    Field("provider", Rule.SMALLEST_WORD, inherited=False),
    Field("account", Rule.KNOWN_WORD, inherited=True),
    Field("recipient", Rule.PHONE_FIRST, inherited=False),
    Field("sender", Rule.PHONE_FIRST, inherited=False, in_state=False),
    Field("type", Rule.TYPE_FIRST, inherited=True),
    Field("template", Rule.RANKED_WORD, inherited=True),
    Field("campaign", Rule.RANKED_WORD, inherited=True),
    Field("category", Rule.RANKED_WORD, inherited=True),
    Field("pricing_category", Rule.STAMPED_WORD, inherited=True),
    Field("pricing_type", Rule.STAMPED_WORD, inherited=True, in_state=False),
    Field("billable", Rule.STAMPED_FLAG, inherited=True, in_state=False),
    Field("error", Rule.ERROR, inherited=False),
    Field("inbound", Rule.STAMP, inherited=False, in_state=False),
    Field("first_seen_at", Rule.FIRST_MOMENT, inherited=False),
    Field("last_event_at", Rule.LAST_MOMENT, inherited=False),
    Field("days", Rule.DAYS, inherited=True, in_state=False),
    Field("n", Rule.ROWS, inherited=True, in_state=False),
    Field("callback_data", Rule.RANKED_WORD, inherited=True),
)


class Kind(Enum):
    """The form of a column's values: text ('' = not known), a time in ms (NULL = not known), a number."""

    WORD = "word"
    TIME = "time"
    NUMBER = "number"


@dataclass(slots=True, frozen=True)
class Column:
    """A column of the view `units`, made of the fields `made_of`; the key's columns are made of none.

    `published`: it is in the view `messages` and in the rows of wa.messages, and `ackstream check` compares it there.
    """

    name: str
    kind: Kind
    made_of: tuple[str, ...]
    published: bool = True


KEY: Final = ("source", "message_id", "participant")

# The published ones in the order of the view `messages`, and of the JSON object on wa.messages.
COLUMNS: Final = (
    Column("source", Kind.WORD, ()),
    Column("provider", Kind.WORD, ("provider",)),
    Column("account", Kind.WORD, ("account",)),
    Column("message_id", Kind.WORD, ()),
    Column("participant", Kind.WORD, ()),
    Column("recipient", Kind.WORD, ("recipient",)),
    Column("direction", Kind.WORD, ("direction",)),
    Column("origin", Kind.WORD, ("origin",)),
    Column("type", Kind.WORD, ("type",)),
    Column("template", Kind.WORD, ("template",)),
    Column("campaign", Kind.WORD, ("campaign",)),
    Column("category", Kind.WORD, ("category",)),
    Column("callback_data", Kind.WORD, ("callback_data",)),
    Column("pricing_category", Kind.WORD, ("pricing_category",)),
    Column("sent_at", Kind.TIME, ("sent",)),
    Column("delivered_at", Kind.TIME, ("delivered",)),
    Column("read_at", Kind.TIME, ("read", "own_read", "direction")),
    Column("played_at", Kind.TIME, ("played", "own_played", "direction")),
    Column("failed_at", Kind.TIME, ("failed",)),
    Column("deleted_at", Kind.TIME, ("deleted",)),
    Column("error_code", Kind.WORD, ("error",)),
    Column("error_title", Kind.WORD, ("error",)),
    Column(
        "status",
        Kind.WORD,
        ("pending", "sent", "delivered", "read", "played", "failed", "own_read", "own_played", "direction"),
    ),
    Column("first_seen_at", Kind.TIME, ("first_seen_at",)),
    Column("last_event_at", Kind.TIME, ("last_event_at",)),
    Column(
        "cohort_at",
        Kind.TIME,
        (
            "sent", "pending", "delivered", "read", "played", "failed", "deleted", "own_read", "own_played",
            "direction", "first_seen_at",
        ),
    ),
    Column("is_group", Kind.NUMBER, ("is_group",)),
    Column("counted", Kind.NUMBER, ("direction", "live"), published=False),
    Column("customer", Kind.WORD, ("recipient", "sender", "direction"), published=False),
    Column("pricing_type", Kind.WORD, ("pricing_type",), published=False),
    Column("billable", Kind.NUMBER, ("billable",), published=False),
    Column("to_delivered_ms", Kind.NUMBER, ("sent", "delivered"), published=False),
    Column(
        "to_read_ms",
        Kind.NUMBER,
        ("sent", "read", "played", "own_read", "own_played", "direction"),
        published=False,
    ),
    Column("inbound_at", Kind.TIME, ("inbound",), published=False),
)  # fmt: skip

STATE_FIELDS: Final = tuple(field for field in FIELDS if field.in_state)
PUBLISHED: Final = tuple(column.name for column in COLUMNS if column.published)
# Columns that a unit has beside its key.
FACTS: Final = tuple(column.name for column in COLUMNS if column.name not in KEY)


def published(*kinds: Kind) -> tuple[str, ...]:
    """The names of the published columns of these kinds."""
    return tuple(column.name for column in COLUMNS if column.published and column.kind in kinds)
