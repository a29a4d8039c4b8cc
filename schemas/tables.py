"""The names of ClickHouse tables that Python writes to, and the migrations: the SQL files in `schemas/clickhouse`.

Rows are written as JSON objects whose keys are the columns, so there is no list of columns here: a test compares the
columns of `event_log` with the fields of `schemas.events`; `schemas.lifecycle` has the columns of units.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

EVENT_LOG = "event_log"
DEAD_LETTER_LOG = "dead_letter_log"
ACCEPTED_GAP_LOG = "accepted_gap_log"
RATE_LOG = "rate_log"
RATE_STEP_LOG = "rate_step_log"
SAMPLES = "samples"
SCHEMA_OBJECTS = "schema_objects"

# The number of elements in the view dead_letters. A body that was spooled although Kafka had stored it is in wa.raw
# twice, with one request_id and a dead letter for each place; a body without a request_id is identified by its place.
DEAD_LETTER_COUNT = "uniqExact(if(request_id = '', toString(raw), request_id), raw.index)"

# When the rows of one INSERT into event_log become visible: first in event_log, then in the tables of its materialized
# views, one after the other (a slow machine takes seconds). All tables have them only when the INSERT has returned, so
# that a row in event_log proves nothing about delivery_log or lifecycle_log. A reader waits for the last table that it
# reads, or for the load worker's committed offset: a lag of 0 means that every INSERT has returned.

# Settings of a worker's INSERT. Events have ISO times; unknown fields come from a newer version; a repeated block must
# reach the materialized views, which join it again (a replicated table would drop it before them).
INSERT_SETTINGS = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": "1",
    "insert_deduplicate": "0",
}


@dataclass(slots=True, frozen=True)
class Migration:
    """One SQL file: `number` orders it, `checksum` proves that an applied file was not edited."""

    number: int
    name: str
    statements: tuple[str, ...]
    checksum: str


def migrations() -> list[Migration]:
    """Every migration in order. Raises ValueError when a number is missing or used twice."""
    found = []
    for path in sorted(files("schemas").joinpath("clickhouse").iterdir(), key=lambda file: file.name):
        if not path.name.endswith(".sql"):
            continue
        text = path.read_text()
        statements = tuple(part.strip() for part in (text + "\n").split(";\n") if part.strip())
        digest = sha256(text.encode()).hexdigest()
        found.append(Migration(int(path.name.split("_")[0]), path.name, statements, digest))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations must be numbered 1, 2, 3 ...: {[migration.name for migration in found]}")
    return found
