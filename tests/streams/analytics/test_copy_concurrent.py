"""Readers beside two writers and the copy: every reading is a state that the INSERTs can have made.

A reader knows which INSERTs had been answered before, and which had been begun by the end. So each message must show
the join of all answered blocks and of some of those that were running, computed by the algebra in Python.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations
from typing import Any

import pytest

from streams.analytics.audit import Audit
from streams.analytics.copy import Copy, Limits, catch_up, rebuild
from tests.streams.load.test_lifecycle import rows_of
from tests.support.engine import Engine
from tests.support.events import DAY, NOON, event
from tests.support.waiting import wait_until

MESSAGES = 30
Event = dict[str, Any]


def story(rng: random.Random, message_id: str) -> list[Event]:
    """All events of one message: late sent records, midnights, months, members, repetitions."""
    sent = NOON + rng.choice([0, DAY // 2 - 1, DAY // 2, 9 * DAY, 10 * DAY + DAY // 2])
    to = f"+5511955550{rng.randrange(1000):03d}"
    events = [event("sent", message_id=message_id, at=sent, template=rng.choice("ab"), to=to, received=NOON + 11 * DAY)]
    members = [None] if rng.random() < 0.8 else ["+5511955550003", "+5511955550004", "11@lid"]
    for member in members:
        at = sent
        for word in ["sent", "delivered", "read"][: rng.randint(1, 3)] + rng.choice([[], ["failed"], ["deleted"]]):
            at += rng.choice([0, 1, DAY // 2, 25 * DAY])
            timed: Event = {} if rng.random() < 0.1 else {"at": at}
            events.append(event("status", message_id=message_id, status=word, participant=member, to=to, **timed))
    return events + rng.choices(events, k=rng.randint(0, 3))


class Blocks:
    """Blocks of events: which INSERTs were begun, which were answered, and the rows that any of them join to."""

    def __init__(self, rng: random.Random) -> None:
        events = [one for number in range(MESSAGES) for one in story(rng, f"m{number}")]
        rng.shuffle(events)
        self.blocks: list[list[Event]] = []
        while events:
            size = rng.choice([1, 1, 2, 5, 20])
            self.blocks.append(events[:size])
            events = events[size:]
        self.begun: set[int] = set()
        self.answered: set[int] = set()
        self.blocks_of: dict[str, set[int]] = defaultdict(set)
        for number, block in enumerate(self.blocks):
            for one in block:
                self.blocks_of[one["message_id"]].add(number)
        self._rows: dict[tuple[str, frozenset[int]], list[Event]] = {}

    def rows(self, message_id: str, blocks: frozenset[int]) -> list[Event]:
        """The rows of a message after these blocks."""
        if (message_id, blocks) not in self._rows:
            events = [one for number in blocks for one in self.blocks[number] if one["message_id"] == message_id]
            rows = sorted(rows_of(events).values(), key=lambda row: str(row["participant"]))
            self._rows[message_id, blocks] = rows
        return self._rows[message_id, blocks]

    def possible(self, message_id: str, answered: set[int], begun: set[int]) -> Iterator[list[Event]]:
        """The rows that a message may show: all blocks of `answered` joined, and any of the others in `begun`."""
        about = self.blocks_of[message_id]
        certain, doubtful = about & answered, (about & begun) - answered
        for size in range(len(doubtful) + 1):
            for more in combinations(sorted(doubtful), size):
                yield self.rows(message_id, frozenset(certain.union(more)))


def read(engine: Engine) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for row in engine.rows("SELECT * FROM messages ORDER BY message_id, participant"):
        found[row["message_id"]].append(row)
    return found


def check_one_reading(engine: Engine, blocks: Blocks) -> None:
    answered = set(blocks.answered)
    found = read(engine)
    begun = set(blocks.begun)
    for number in range(MESSAGES):
        message_id = f"m{number}"
        assert found.get(message_id, []) in list(blocks.possible(message_id, answered, begun))


def test_what_waits_is_decided_before_the_copy_is_opened(engine: Engine) -> None:
    """What `current_units` relies on, on views of its form: a value in WITH comes before the views in FROM."""
    engine.run("CREATE TABLE decided (id String) ENGINE = MergeTree ORDER BY id")
    engine.run("CREATE TABLE opened (id String) ENGINE = ReplacingMergeTree ORDER BY id")
    engine.run("CREATE VIEW opened_view AS SELECT * FROM opened FINAL")
    engine.run("INSERT INTO decided VALUES ('waits')")
    engine.run(
        "CREATE VIEW both AS WITH (SELECT (1, groupArray(id)) FROM decided WHERE sleep(3) = 0) AS waiting "
        "SELECT id FROM opened_view WHERE waiting.1 AND id NOT IN (SELECT arrayJoin(waiting.2)) "
        "UNION ALL SELECT id FROM opened_view WHERE NOT waiting.1 OR id IN (SELECT arrayJoin(waiting.2))"
    )
    reading = (
        "SELECT count() AS n FROM system.processes WHERE query LIKE '%FROM both%' AND query NOT LIKE '%processes%'"
    )
    with ThreadPoolExecutor(1) as pool:
        for number in range(20):
            answer = pool.submit(engine.rows, "SELECT id FROM both ORDER BY id")
            wait_until("the reading has begun", lambda: engine.rows(reading)[0]["n"])
            engine.run(f"INSERT INTO opened VALUES ('{number}'), ('waits')")  # noqa: S608
            engine.run("INSERT INTO decided VALUES ('comes too late')")
            in_time = not answer.done()
            shown = [row["id"] for row in answer.result()]
            if in_time:
                assert shown == sorted([*map(str, range(number + 1)), "waits"])
                return
    raise AssertionError("no INSERT was fast enough to come between")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_reading_is_true_while_writers_and_the_copy_work(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    blocks = Blocks(rng)
    stop = threading.Event()

    def write(numbers: range) -> None:
        for number in numbers:
            blocks.begun.add(number)
            engine.load(blocks.blocks[number])
            blocks.answered.add(number)

    def copy() -> None:
        with engine.client() as client:
            work = Copy(client, Limits(settle_seconds=0.5))
            for number in range(1_000_000):
                if stop.is_set():
                    return
                work.pass_once()
                if number == 5:
                    rebuild(client)
                elif number % 7 == 6:
                    client.command(f"OPTIMIZE TABLE {('cohort_log', 'lifecycle_log')[number % 2]} FINAL")
                stop.wait(0.1)

    with ThreadPoolExecutor(4) as pool:
        total = len(blocks.blocks)
        writers: list[Future[None]] = [pool.submit(write, range(start, total, 2)) for start in (0, 1)]
        copiers = [pool.submit(copy), pool.submit(copy)]
        try:
            readings = 0
            while readings < 5 or not all(writer.done() for writer in writers):
                check_one_reading(engine, blocks)
                readings += 1
        finally:
            stop.set()
        for done in writers + copiers:
            done.result()
    with engine.client() as client:
        catch_up(client)
        assert Audit(client).pass_once() == 0
    everything = set(range(len(blocks.blocks)))
    assert read(engine) == {
        f"m{n}": blocks.rows(f"m{n}", frozenset(blocks.blocks_of[f"m{n}"])) for n in range(MESSAGES)
    }
    assert blocks.answered == everything
    same = [engine.rows(f"SELECT * EXCEPT {names} FROM {view} ORDER BY message_id, participant")  # noqa: S608
            for view, names in (("cohorts", "(country)"), ("units", "(version, days)"))]  # fmt: skip
    assert same[0] == same[1]
