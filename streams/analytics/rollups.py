"""Keeps the rollups up to date: which days are due, in which order, how often. IO: ClickHouse.

The view `rebuild_days` says what is due by the counters of `changed_log` and `rebuilt_log`, so nothing is remembered
here: a pass may be cut off anywhere, be repeated, or run twice at once.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from streams.analytics.rebuild_sql import note
from streams.analytics.rollup_sql import ROLLUPS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# A source, a UTC day, and the count of changes that its rebuild will have seen.
Pair = tuple[str, date, int]

# What a statement may rebuild, in rows that were ever inserted for its days (a message has three to five). What it
# writes then fits into one block of an INSERT, a million rows, and so appears at once.
_BUDGET: Final = 1_000_000
# Days in one statement of a queue: they travel in the URL, which servers take up to 1 MiB of.
_DAYS: Final = 250
# How many times the pass's own time is rested after it: rollups take a tenth of the time, unless they lag by a minute;
# half of it while more is due than one pass does.
_REST: Final = 10.0
_REST_BEHIND: Final = 1.0
_SHORTEST_REST: Final = 1.0
_LONGEST_REST: Final = 60.0

# Three queues, so that neither old days wait for ever behind today, which is always due, nor today behind old ones:
# 0 today and yesterday, 1 other days, 2 days that are not due but were last rebuilt a day ago. These are looked at
# again for the sake of what no counter tells: a server that died between two tables, a copy that was truncated.
#
# `generation` stands above every earlier one, whatever the server's clock does, and is made before anything is read.
_DUE: Final = f"""
WITH
    (SELECT toUnixTimestamp64Nano(greatest(now64(9, 'UTC'), max(rebuilt_at) + INTERVAL 1 NANOSECOND)) FROM rebuilt_log)
    AS generation
SELECT name, source, day, changes,
    multiIf(changes <= rebuilt_changes, 2, day >= toDate(now('UTC')) - 1, 0, 1) AS queue, generation
FROM rebuild_days
WHERE changes > rebuilt_changes OR rebuilt_at < now64(9) - INTERVAL 1 DAY
ORDER BY queue, rand()
LIMIT {_DAYS + 1} BY name, queue"""  # noqa: S608  (a number; one more than is taken, so that the rest shows)
_SHARES: Final = {0: 1.0, 1: 1.0, 2: 0.1}
# What stands in rebuilt_log for a pass after which nothing was left.
_COMPLETE: Final = ("", "", date(1970, 1, 1), 0)


class Rollups:
    """The rollups of one database. Not for two threads at once: a client is not."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        # Seconds to rest before the next pass.
        self.pause = _SHORTEST_REST

    def pass_once(self) -> int:
        """Rebuilds what is due, within a budget: how many days of a source in a rollup that were, 0 when none was due.

        Raises what the client raises; the next pass goes on where this one ended.
        """
        began = time.monotonic()
        rows = self._client.query(_DUE).result_rows
        due, everything = select_due(rows)
        if rows:
            parameters = {"generation": int(rows[0][5])}
            work = [rollup for rollup in ROLLUPS if due[rollup.name]]
            for rollup in work:
                days = [(source, day) for source, day, _ in due[rollup.name]]
                self._client.command(rollup.insert, parameters={**parameters, "pairs": days})
            # Remembers what was rebuilt; and that nothing is left of what was due before the pass, when that is so.
            done = [(name, *pair) for name, pairs in due.items() for pair in pairs] + [_COMPLETE] * everything
            self._client.command(note(work), parameters={**parameters, "done": done})
        rest = (_REST if everything else _REST_BEHIND) * (time.monotonic() - began)
        self.pause = min(max(rest, _SHORTEST_REST), _LONGEST_REST)
        return sum(map(len, due.values()))


def select_due(rows: Sequence[Sequence[Any]]) -> tuple[dict[str, list[Pair]], bool]:
    """The rows of _DUE that one pass takes, by rollup, and whether these are all that are due."""
    taken: dict[str, list[Pair]] = defaultdict(list)
    spent: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    everything = True
    for name, source, day, changes, queue, _ in rows:
        days, reading = spent[name, queue]
        # At least one of each queue, however large it is.
        if days and (days == _DAYS or reading + changes > _BUDGET * _SHARES[queue]):
            everything = everything and queue == 2
            continue
        spent[name, queue] = days + 1, reading + changes
        taken[name].append((source, day, changes))
    return taken, everything


def catch_up(client: "Client") -> None:
    """Rebuilds until nothing is due any more."""
    rollups = Rollups(client)
    while rollups.pass_once():
        pass
