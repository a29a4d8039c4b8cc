"""Dead letters on the real engine: the last record of an element on Kafka counts, whatever the order of INSERTs."""

from itertools import permutations
from typing import Any

import orjson

from schemas.tables import DEAD_LETTER_LOG, INSERT_SETTINGS
from tests.support.engine import Engine

SEEN = "SELECT raw.offset AS element, reason, detail FROM dead_letters ORDER BY element"


def dead_letter(element: int, reason: str, **more: Any) -> dict[str, Any]:
    """A record of wa.dead as the worker inserts it."""
    return {
        "raw": {"topic": "wa.raw", "partition": 0, "offset": element, "index": 0},
        "source": "shop", "provider": "meta", "received_at": "2026-11-20T12:00:00.000Z", "request_id": "r",
        "reason": reason, "detail": "", "excerpt": "", **more,
    }  # fmt: skip


def insert(engine: Engine, *letters: dict[str, Any]) -> None:
    rows = b"\n".join(map(orjson.dumps, letters))
    engine.run(rows, query=f"INSERT INTO {DEAD_LETTER_LOG} FORMAT JSONEachRow", **INSERT_SETTINGS)


def test_the_order_on_kafka_decides_whatever_the_order_of_the_inserts(engine: Engine) -> None:
    first: dict[str, Any] = {"reason": "unknown_shape", "detail": "first", "dead_offset": 5}
    second: dict[str, Any] = {"reason": "resolved", "dead_offset": 9}
    last: dict[str, Any] = {"reason": "bad_element", "detail": "last", "dead_offset": 12}
    resolved: dict[str, Any] = {"reason": "resolved", "dead_offset": 12}
    orders = list(enumerate(permutations(range(3))))
    for turn in range(3):
        for number, order in orders:  # elements from 100 are understood in the end, those from 200 are dead again
            insert(engine, dead_letter(100 + number, **[first, second, resolved][order[turn]]))
            insert(engine, dead_letter(200 + number, **[first, second, last][order[turn]]))
    expected = [{"element": 200 + number, "reason": "bad_element", "detail": "last"} for number, _ in orders]
    assert engine.rows(SEEN) == expected
    engine.run(f"OPTIMIZE TABLE {DEAD_LETTER_LOG} FINAL")
    assert engine.rows(SEEN) == expected


def test_a_dead_letter_that_is_inserted_again_is_the_same(engine: Engine) -> None:
    dead = dead_letter(1, "unknown_shape", dead_offset=3)
    for one in (dead, dead_letter(1, "resolved", dead_offset=4), dead, dead):
        insert(engine, one)
    assert engine.rows(SEEN) == []
    insert(engine, dead, dead_letter(2, "too_large", dead_offset=0))
    assert [row["element"] for row in engine.rows(SEEN)] == [2]


def test_records_without_an_offset_rank_below_all_others(engine: Engine) -> None:
    """A replay into tables writes without Kafka."""
    late, early = {"stored_at": "2027-01-01T00:00:00.000Z"}, {"stored_at": "2026-11-20T12:00:01.000Z"}
    for element in (1, 2):
        insert(engine, dead_letter(element, "unknown_shape", detail="later", **late))
        insert(engine, dead_letter(element, "bad_element", detail="earlier", **early))
    insert(engine, dead_letter(3, "unknown_shape", **early))
    insert(engine, dead_letter(3, "resolved", **late))
    later = [{"element": element, "reason": "unknown_shape", "detail": "later"} for element in (1, 2)]
    assert engine.rows(SEEN) == later
    insert(engine, dead_letter(1, "resolved", dead_offset=0, **early))
    for _ in range(2):
        assert engine.rows(SEEN) == later[1:]
        engine.run(f"OPTIMIZE TABLE {DEAD_LETTER_LOG} FINAL")
