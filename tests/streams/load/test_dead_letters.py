"""Dead letters on the real engine: of an element the last that Kafka got counts, in whatever order they come in."""

from itertools import permutations
from typing import Any

import orjson

from schemas.tables import DEAD_LETTER_LOG, INSERT_SETTINGS, migrations
from tests.support.engine import Engine

BEFORE = 6  # migrations of the version whose letters had no offset
SEEN = "SELECT raw.offset AS element, reason, detail FROM dead_letters ORDER BY element"


def letter(element: int, reason: str, **more: Any) -> dict[str, Any]:
    """What stands on wa.dead, as the worker hands it on."""
    return {
        "raw": {"topic": "wa.raw", "partition": 0, "offset": element, "index": 0},
        "source": "shop", "provider": "meta", "received_at": "2026-11-20T12:00:00.000Z", "request_id": "r",
        "reason": reason, "detail": "", "excerpt": "", **more,
    }  # fmt: skip


def insert(engine: Engine, *letters: dict[str, Any], table: str = DEAD_LETTER_LOG) -> None:
    engine.run(
        b"\n".join(map(orjson.dumps, letters)), query=f"INSERT INTO {table} FORMAT JSONEachRow", **INSERT_SETTINGS
    )


def test_the_order_on_kafka_decides_whatever_the_order_of_the_inserts(engine: Engine) -> None:
    first = {"reason": "unknown_shape", "detail": "first", "letter_offset": 5}
    second = {"reason": "resolved", "letter_offset": 9}
    last = {"reason": "bad_element", "detail": "last", "letter_offset": 12}
    resolved = {"reason": "resolved", "letter_offset": 12}
    orders = list(enumerate(permutations(range(3))))
    for turn in range(3):
        for number, order in orders:  # elements from 100 are understood in the end, those from 200 are dead again
            insert(engine, letter(100 + number, **[first, second, resolved][order[turn]]))
            insert(engine, letter(200 + number, **[first, second, last][order[turn]]))
    expected = [{"element": 200 + number, "reason": "bad_element", "detail": "last"} for number, _ in orders]
    assert engine.rows(SEEN) == expected
    engine.run(f"OPTIMIZE TABLE {DEAD_LETTER_LOG} FINAL")
    assert engine.rows(SEEN) == expected


def test_a_letter_that_is_inserted_again_is_the_same_letter(engine: Engine) -> None:
    dead = letter(1, "unknown_shape", letter_offset=3)
    for one in (dead, letter(1, "resolved", letter_offset=4), dead, dead):
        insert(engine, one)
    assert engine.rows(SEEN) == []
    insert(engine, dead, letter(2, "too_large", letter_offset=0))
    assert [row["element"] for row in engine.rows(SEEN)] == [2]


def test_letters_of_before_are_kept_and_stand_below_those_that_have_an_offset(engine: Engine) -> None:
    old = Engine(engine.server, "letters_of_before", last=BEFORE)
    columns = [row["name"] for row in old.rows("DESCRIBE TABLE dead_letters")]
    late, early = {"stored_at": "2027-01-01T00:00:00.000Z"}, {"stored_at": "2026-11-20T12:00:01.000Z"}
    for element in (1, 2):
        insert(old, letter(element, "unknown_shape", detail="old", **late), table="dead_letter_log")
        insert(old, letter(element, "bad_element", detail="older", **early), table="dead_letter_log")
    insert(old, letter(3, "unknown_shape", **early), table="dead_letter_log")
    insert(old, letter(3, "resolved", **late), table="dead_letter_log")
    for _ in range(2):  # as after a crash in the middle
        for migration in migrations()[BEFORE:]:
            old.apply(migration)
    unchanged = [{"element": element, "reason": "unknown_shape", "detail": "old"} for element in (1, 2)]
    assert old.rows(SEEN) == unchanged
    assert [row["name"] for row in old.rows("DESCRIBE TABLE dead_letters")] == columns

    insert(old, letter(1, "resolved", letter_offset=0, **early))
    insert(old, letter(4, "unknown_shape", detail="by a worker of before", **late), table="dead_letter_log")
    insert(old, letter(1, "bad_element", detail="by a worker of before", **late), table="dead_letter_log")
    for _ in range(2):
        assert old.rows(SEEN) == [
            unchanged[1],
            {"element": 4, "reason": "unknown_shape", "detail": "by a worker of before"},
        ]
        old.run(f"OPTIMIZE TABLE {DEAD_LETTER_LOG} FINAL")
