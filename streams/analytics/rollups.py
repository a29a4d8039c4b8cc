"""The rollups: which days are due, in which order, how often.

The view `rollup_days` finds the due days by the counters of `changed_log` and `rebuilt_log`. The process has no
state: a pass may be interrupted anywhere, repeated, or run twice at once.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from schemas.lengths import LENGTHS
from streams.analytics.rebuild_sql import note
from streams.analytics.rollup_sql import ROLLUPS
from streams.runtime.query_parameters import MOST_BYTES, encoded_bytes

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# A source, a UTC day, and the count of changes before its rebuild.
Pair = tuple[str, date, int]

# The most that a statement rebuilds, in rows that were ever inserted for its days (a message has three to five). Its
# result fits into one block of an INSERT, a million rows, and so appears at once.
_BUDGET: Final = 1_000_000
# Days of a queue in one statement. The note of a pass names those of all queues.
_DAYS: Final = 250
_DAYS_BYTES: Final = MOST_BYTES // (3 * len(ROLLUPS))
# The pause after a pass, as a multiple of the time of the pass: rollups take a tenth of the time, and half of it while
# more is due than one pass does. No pause is longer than a minute.
_PAUSE: Final = 10.0
_PAUSE_BEHIND: Final = 1.0
_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0

# Three queues, so that old days do not starve behind today, which is always due, and today not behind old days:
# 0 today and yesterday, 1 other days, 2 days that are not due but were last rebuilt a day ago. The last queue covers
# what no counter records: a server that died between two tables, a copy that was truncated.
#
# A longer source is in the tables only if they were filled by another program or an earlier version.
_SOURCE_BYTES: Final = 4 * LENGTHS["source"]
# `generation` is higher than every earlier one, whatever the server's clock does, and is made before anything is read.
# A rollup of a later version is left to that version: only what is rebuilt here is noted as rebuilt.
_DUE: Final = f"""
WITH
    (SELECT toUnixTimestamp64Nano(greatest(now64(9, 'UTC'), max(rebuilt_at) + INTERVAL 1 NANOSECOND)) FROM rebuilt_log)
    AS generation
SELECT name, source, day, changes,
    multiIf(changes <= rebuilt_changes, 2, day >= toDate(now('UTC')) - 1, 0, 1) AS queue, generation
FROM rollup_days
WHERE (changes > rebuilt_changes OR rebuilt_at < now64(9) - INTERVAL 1 DAY) AND length(source) <= {_SOURCE_BYTES}
    AND name IN ({", ".join(f"'{rollup.name}'" for rollup in ROLLUPS)})
ORDER BY queue, rand()
LIMIT {_DAYS + 1} BY name, queue"""  # noqa: S608  (numbers and names; one more is taken, so that the rest shows)
_SHARES: Final = {0: 1.0, 1: 1.0, 2: 0.1}
# The row of rebuilt_log for a pass after which nothing was due.
_COMPLETE: Final = ("", "", date(1970, 1, 1), 0)


class Rollups:
    """The rollups of one database. For one thread at a time, because a client is."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        # Seconds until the next pass.
        self.pause = _SHORTEST_PAUSE

    def pass_once(self) -> int:
        """Rebuilds what is due, within a budget. Raises what the client raises; the next pass goes on from there.

        Returns how many days were rebuilt, each source and rollup counted for itself; 0 when none was due.
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
            # Notes what was rebuilt, and whether that was all that was due before the pass.
            done = [(name, *pair) for name, pairs in due.items() for pair in pairs] + [_COMPLETE] * everything
            self._client.command(note(work), parameters={**parameters, "done": done})
        pause = (_PAUSE if everything else _PAUSE_BEHIND) * (time.monotonic() - began)
        self.pause = min(max(pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        return sum(map(len, due.values()))


def select_due(rows: Sequence[Sequence[Any]]) -> tuple[dict[str, list[Pair]], bool]:
    """The days that a pass takes from the rows (name, source, day, changes, queue, generation), by rollup.

    And whether these are all days that are due.
    """
    taken: dict[str, list[Pair]] = defaultdict(list)
    spent: dict[tuple[str, int], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    everything = True
    for name, source, day, changes, queue, _ in rows:
        days, reading, size = spent[name, queue]
        size += encoded_bytes((name, source, str(day), changes))
        # At least one of each queue, however large it is.
        if days and (days == _DAYS or size > _DAYS_BYTES or reading + changes > _BUDGET * _SHARES[queue]):
            everything = everything and queue == 2
            continue
        spent[name, queue] = days + 1, reading + changes, size
        taken[name].append((source, day, changes))
    return taken, everything


def catch_up(client: "Client") -> None:
    """Rebuilds until nothing is due."""
    rollups = Rollups(client)
    while rollups.pass_once():
        pass
