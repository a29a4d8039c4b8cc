"""Keeps the copy up to date: what has to be copied, in which portions, how often. IO: ClickHouse.

Nothing depends on this process but how fast dashboards are. What it inserts is a function of one reading of the truth,
so it may be cut off anywhere, repeat itself, and run twice at once; the views `messages` and `delivery_rates` read from
the truth whatever it has not marked as copied.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.analytics import copy_sql as sql

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SECOND: Final = 1_000_000_000  # in nanoseconds

# A block has been visible for so long before it is copied. A reader decides what has not been copied, and milliseconds
# later opens the copy: a message that comes, and moves to another month, in between cannot have been copied by then.
SETTLE_SECONDS: Final = 1.0
# An INSERT that has been running longer holds nothing up: its blocks reach all tables within less.
_LONGEST_INSERT: Final = 60 * _SECOND
# Rows of touched_log in one INSERT, and rows of the truth in one slice of a rebuild: some 100 MB and a second or two.
_PORTION: Final = 50_000
# Blocks that one pass looks at; the workers make two a second.
_MOST_BLOCKS: Final = 2_000
# A pass ends after so long, so that a stop is not kept waiting.
_PASS_SECONDS: Final = 5.0
# How often the window in which readers look for blocks is moved, and how long it is at least: a clock that is set back
# by less does no harm. Counting costs a reader some 10 ms for a million messages in it.
_MOVE_SECONDS: Final = 30.0
_WINDOW: Final = 300 * _SECOND
# As in copy_waiting: a copy that has stood still for longer is begun anew.
_LONGEST_STANDSTILL: Final = 6 * 86_400 * _SECOND

_SHORTEST_PAUSE: Final = 1.0
_IDLE_PAUSE: Final = 3.0
_LONGEST_PAUSE: Final = 15.0
# A repeated block must reach the tables that follow cohort_log. Other messages of a granule are left out before their
# rows are joined, which takes a third off: the condition is one on the key of lifecycle_log, so it says the same there.
_SETTINGS: Final = {"insert_deduplicate": "0", "optimize_move_to_prewhere_if_final": "1"}

# The copy, and parts of it that views of it keep in another order.
_COPIES: Final = ("cohort_log", "recent_log", "failure_log")


class _State(NamedTuple):
    """The newest row of copy_state, and the server's clock; see copy_sql.STATE."""

    rebuild: int
    touched_before: int
    complete: int
    message_id: str
    now: int
    settled_before: int

    @property
    def closed_before(self) -> int:
        """Blocks older than this do not appear any more, and gain no rows."""
        return min(self.settled_before, self.now - _WINDOW)


@dataclass(slots=True)
class _Seen:
    """A block as it was when it was first seen: `rows` of it, at `at` of the monotonic clock."""

    rows: int
    at: float


class Copy:
    """The copy of one database. Not for two threads at once: a client is not."""

    def __init__(self, client: "Client", settle_seconds: float = SETTLE_SECONDS) -> None:
        self._client = client
        self._settle_seconds = settle_seconds
        # Blocks that are waiting, among those older than `_looked_before`.
        self._seen: dict[int, _Seen] = {}
        self._looked_before = 0
        self._window_at: float | None = None
        # Whether everything that was stored when the last pass began has been copied.
        self.is_complete = False
        # Seconds to wait before the next pass.
        self.pause = _SHORTEST_PAUSE

    def pass_once(self) -> int:
        """Copies what is waiting, for some seconds at most: touched messages, then a part of a rebuild if one is due.

        How many rows of touched_log and of the truth have been copied; 0 when there was nothing to do. Raises what the
        client raises; the next pass goes on where this one ended.
        """
        began = time.monotonic()
        state = self._state()
        copied = 0
        for portion in _portions(self._ready(state, began)):
            if time.monotonic() - began < _PASS_SECONDS:
                self._copy_blocks(portion)
                copied += sum(portion.values())
        state, rebuilt = self._rebuild(state, began)
        self._move_window(state)
        self.is_complete = bool(state.complete) and not self._seen and self._looked_before == state.now
        self._choose_pause(began, copied + rebuilt)
        return copied + rebuilt

    def _state(self) -> _State:
        (row,) = self._client.query(sql.STATE).result_rows
        return _State(*row)

    def _ready(self, state: _State, now: float) -> dict[int, int]:
        """Rows by block, of the blocks that have settled; remembers the others."""
        waiting: list[Any] = list(self._client.query(sql.BLOCKS, parameters={"limit": _MOST_BLOCKS}).result_rows)
        self._seen = {block: self._seen.get(block) or _Seen(rows, now) for block, rows in waiting}
        self._looked_before = state.now if len(waiting) < _MOST_BLOCKS else waiting[-1][0]
        settled_before = max(state.settled_before, state.now - _LONGEST_INSERT)
        return {
            block: seen.rows
            for block, seen in self._seen.items()
            if block < settled_before and now - seen.at >= self._settle_seconds
        }

    def _copy_blocks(self, blocks: dict[int, int]) -> None:
        parts = -(-sum(blocks.values()) // _PORTION)
        for part in range(parts):
            where = {"blocks": list(blocks), "oldest": min(blocks), "newest": max(blocks), "parts": parts, "part": part}
            self._client.command(sql.COPY_BLOCKS, parameters=where, settings=_SETTINGS)
        self._client.command(sql.MARK, parameters={"done": list(blocks.items())})
        for block in blocks:
            del self._seen[block]

    def _rebuild(self, state: _State, began: float) -> tuple[_State, int]:
        """Goes on with a rebuild, slice by slice in the order of the message ids: where it is now, and rows copied."""
        rows = 0
        if state.complete and state.now - state.touched_before > _LONGEST_STANDSTILL:
            state = self._set(state, rebuild=state.rebuild + 1, complete=0, message_id="")
        if not state.complete and state.message_id == "":
            # What was touched before the first slice is read, is in the slices.
            state = self._set(state, touched_before=max(state.touched_before, state.closed_before))
        while not state.complete and time.monotonic() - began < _PASS_SECONDS:
            where = {"first": state.message_id, "rows": _PORTION}
            end = self._client.query(sql.SLICE_END, parameters=where).result_rows
            statement = sql.COPY_SLICE if end else sql.COPY_REST
            ids = {"first": state.message_id, "end": end[0][0] if end else ""}
            self._client.command(statement, parameters=ids, settings=_SETTINGS)
            state = self._set(state, complete=int(not end), message_id=ids["end"])
            rows += _PORTION
        return state, rows

    def _move_window(self, state: _State) -> None:
        """Lets readers count from the oldest block on that is waiting or can still gain rows."""
        now = time.monotonic()
        if self._window_at is None or now - self._window_at >= _MOVE_SECONDS:
            oldest = min((*self._seen, self._looked_before, state.closed_before))
            self._set(state, touched_before=max(state.touched_before, oldest - 1))
            self._window_at = now

    def _set(self, state: _State, **changed: Any) -> _State:
        state = state._replace(**changed)
        _store(self._client, state)
        return state

    def _choose_pause(self, began: float, copied: int) -> None:
        """Half of the time at most is spent working, and little when there is nothing to do."""
        if copied or self._seen:
            self.pause = min(max(_SHORTEST_PAUSE, time.monotonic() - began), _LONGEST_PAUSE)
        else:
            self.pause = min(self.pause * 1.5, _IDLE_PAUSE)


def _portions(blocks: dict[int, int]) -> list[dict[int, int]]:
    """Blocks, oldest first, in portions of _PORTION rows; a block that is larger is a portion of its own. Pure."""
    portions: list[dict[int, int]] = []
    rows = _PORTION
    for block in sorted(blocks):
        if rows + blocks[block] > _PORTION:
            portions.append({})
            rows = 0
        portions[-1][block] = blocks[block]
        rows += blocks[block]
    return portions


def catch_up(client: "Client") -> None:
    """Copies until nothing that is stored is waiting. Not beside readers: it does not wait for blocks to settle."""
    copy = Copy(client, settle_seconds=0.0)
    while True:
        if not copy.pass_once():
            if copy.is_complete:
                return
            time.sleep(0.05)


def rebuild(client: "Client") -> None:
    """Empties the copy and has it made anew; readers get everything from the truth until that is done."""
    _begin_anew(client)
    # Who opened the copy before has it still; who decided before to open it has done so by then.
    time.sleep(2 * SETTLE_SECONDS)
    for table in _COPIES:
        client.command(f"TRUNCATE TABLE {table}")
    # Another process may have begun, and even ended, in the meantime, and what it copied is lost.
    _begin_anew(client)


def _begin_anew(client: "Client") -> None:
    state = _State(*client.query(sql.STATE).result_rows[0])
    _store(client, state._replace(rebuild=state.rebuild + 1, complete=0, message_id=""))


def _store(client: "Client", state: _State) -> None:
    names = ("rebuild", "touched_before", "complete", "message_id")
    client.command(sql.SET_STATE, parameters={name: getattr(state, name) for name in names})
