"""In which order the tables show the rows of one INSERT: what a reader may rely on, see schemas/tables.py."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.engine import Engine
from tests.support.events import NOON, event

ROWS, BLOCKS = 200, 8
# Columns that tell how many of the events a table has.
DERIVED = {
    "delivery_log": "uniqExact(request_id)",
    "lifecycle_log": "uniqExact(message_id)",
    "touched_log": "uniqExact(message_id)",
    "delivery_time_log": "uniqExact(event_id)",
}


def count(engine: Engine, table: str, distinct: str = "uniqExact(event_id)") -> int:
    return int(engine.rows(f"SELECT {distinct} AS n FROM {table}")[0]["n"])  # noqa: S608


def test_rows_are_in_event_log_before_and_in_every_table_after_their_insert_has_returned(engine: Engine) -> None:
    def insert() -> None:
        for block in range(BLOCKS):
            ids = [f"{block}-{number}" for number in range(ROWS)]
            engine.load([event("status", message_id=one, request=one, status="read", at=NOON) for one in ids])

    with ThreadPoolExecutor(1) as pool:
        inserting = pool.submit(insert)
        while not inserting.done():
            for table, distinct in DERIVED.items():
                derived = count(engine, table, distinct)
                assert derived <= count(engine, "event_log"), table
        inserting.result()
    assert {table: count(engine, table, distinct) for table, distinct in DERIVED.items()} == dict.fromkeys(
        DERIVED, ROWS * BLOCKS
    )
