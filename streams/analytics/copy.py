"""The copy of the units in the order of source and day: what has to be copied, in which portions, how often.

Only the speed of dashboards depends on this process. Every INSERT is a function of one reading of the truth, so a copy
may be interrupted anywhere, repeated, and run twice at once; the views `messages` and `delivery_rates` read everything
that is not marked as copied from the truth.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.analytics import copy_sql as sql

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SECOND: Final = 1_000_000_000  # in nanoseconds

# An INSERT that has been running longer does not delay the copy: its blocks reach all tables in less time.
_LONGEST_INSERT: Final = 60 * _SECOND
# How often the window in which readers look for blocks is moved, and its least length: a clock that is set back by less
# does no harm. For a million messages in the window a reader counts for some 10 ms.
_MOVE_SECONDS: Final = 30.0
_WINDOW: Final = 300 * _SECOND
# A copy that has made no progress for longer is begun again; the view copy_waiting has the same limit.
_LONGEST_STANDSTILL: Final = 6 * 86_400 * _SECOND

_SHORTEST_PAUSE: Final = 1.0
_IDLE_PAUSE: Final = 3.0
_LONGEST_PAUSE: Final = 15.0
# A repeated block must reach the tables that follow cohort_log. The second setting filters rows before they are joined,
# which saves a third of the time; the conditions are on the key of lifecycle_log, so the result is the same.
_SETTINGS: Final = {"insert_deduplicate": "0", "optimize_move_to_prewhere_if_final": "1"}

# The copy, and the excerpts of it that views keep in another order.
_COPIES: Final = ("cohort_log", "recent_log", "failure_log")


@dataclass(slots=True, frozen=True)
class Limits:
    """How much a copy does at a time."""

    # A block is copied once it has been visible for this time. A reader decides what is not copied and opens the
    # copy milliseconds later: a message that arrives in between, and moves to another month, is not copied by then.
    settle_seconds: float = 1.0
    # Rows of touched_log in one INSERT, and rows of the truth in one slice of a rebuild: some 100 MB, a second or two.
    portion_rows: int = 50_000
    # Blocks that one pass handles; the workers make two a second.
    blocks: int = 2_000
    # The longest duration of a pass, so that a stop does not have to wait for it.
    pass_seconds: float = 5.0


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
        """No block older than this appears any more or gains rows."""
        return min(self.settled_before, self.now - _WINDOW)


@dataclass(slots=True)
class _Seen:
    """A block as it was when it was first seen: `rows` of it, at `at` of the monotonic clock."""

    rows: int
    at: float


class Copy:
    """The copy of one database. For one thread at a time, because a client is."""

    def __init__(self, client: "Client", limits: Limits | None = None) -> None:
        self._client = client
        self._limits = limits or Limits()
        # Blocks that are not copied yet, among those older than `_seen_before` (ns).
        self._seen: dict[int, _Seen] = {}
        self._seen_before = 0
        self._window_at: float | None = None
        # Whether everything that was stored when the last pass began has been copied.
        self.is_complete = False
        # Seconds until the next pass.
        self.pause = _SHORTEST_PAUSE

    def pass_once(self) -> int:
        """Copies touched messages, then a part of a rebuild if one is due, for some seconds at most.

        Returns how many rows of touched_log and of the truth were copied; 0 when there was nothing to do. Raises what
        the client raises; the next pass continues where this one ended.
        """
        began = time.monotonic()
        state = self._state()
        copied = 0
        for portion in _portions(self._ready(state, began), self._limits.portion_rows):
            if time.monotonic() - began < self._limits.pass_seconds:
                self._copy_blocks(portion)
                copied += sum(portion.values())
        state, rebuilt = self._rebuild(state, began)
        self._move_window(state)
        self.is_complete = bool(state.complete) and not self._seen and self._seen_before == state.now
        self._choose_pause(began, copied + rebuilt)
        return copied + rebuilt

    def _state(self) -> _State:
        (row,) = self._client.query(sql.STATE).result_rows
        return _State(*row)

    def _ready(self, state: _State, now: float) -> dict[int, int]:
        """Rows by block, of the blocks that have settled; the others wait for a later pass."""
        most = self._limits.blocks
        waiting: list[Any] = list(self._client.query(sql.BLOCKS, parameters={"limit": most}).result_rows)
        self._seen = {block: self._seen.get(block) or _Seen(rows, now) for block, rows in waiting}
        self._seen_before = state.now if len(waiting) < most else waiting[-1][0]
        settled_before = max(state.settled_before, state.now - _LONGEST_INSERT)
        return {
            block: seen.rows
            for block, seen in self._seen.items()
            if block < settled_before and now - seen.at >= self._limits.settle_seconds
        }

    def _copy_blocks(self, blocks: dict[int, int]) -> None:
        parts = -(-sum(blocks.values()) // self._limits.portion_rows)
        for part in range(parts):
            where = {"blocks": list(blocks), "oldest": min(blocks), "newest": max(blocks), "parts": parts, "part": part}
            self._client.command(sql.COPY_BLOCKS, parameters=where, settings=_SETTINGS)
        self._client.command(sql.MARK, parameters={"done": list(blocks.items())})
        for block in blocks:
            del self._seen[block]

    def _rebuild(self, state: _State, began: float) -> tuple[_State, int]:
        """Continues a rebuild, slice by slice in the order of message ids: the new state, and the rows copied."""
        rows = 0
        if state.complete and state.now - state.touched_before > _LONGEST_STANDSTILL:
            state = self._set(state, rebuild=state.rebuild + 1, complete=0, message_id="")
        if not state.complete and state.message_id == "":
            # The slices contain everything that was touched before the first of them is read.
            state = self._set(state, touched_before=max(state.touched_before, state.closed_before))
        while not state.complete and time.monotonic() - began < self._limits.pass_seconds:
            where = {"first": state.message_id, "rows": self._limits.portion_rows}
            end = self._client.query(sql.SLICE_END, parameters=where).result_rows
            statement = sql.COPY_SLICE if end else sql.COPY_REST
            ids = {"first": state.message_id, "end": end[0][0] if end else ""}
            self._client.command(statement, parameters=ids, settings=_SETTINGS)
            state = self._set(state, complete=int(not end), message_id=ids["end"])
            rows += self._limits.portion_rows
        return state, rows

    def _move_window(self, state: _State) -> None:
        """Moves the start of the readers' window to the oldest block that is not copied or can still gain rows."""
        now = time.monotonic()
        if self._window_at is None or now - self._window_at >= _MOVE_SECONDS:
            oldest = min((*self._seen, self._seen_before, state.closed_before))
            self._set(state, touched_before=max(state.touched_before, oldest - 1))
            self._window_at = now

    def _set(self, state: _State, **changed: Any) -> _State:
        state = state._replace(**changed)
        _store(self._client, state)
        return state

    def _choose_pause(self, began: float, copied: int) -> None:
        """The copy works half of the time at most, and seldom when there is nothing to do."""
        if copied or self._seen:
            self.pause = min(max(_SHORTEST_PAUSE, time.monotonic() - began), _LONGEST_PAUSE)
        else:
            self.pause = min(self.pause * 1.5, _IDLE_PAUSE)


def _portions(blocks: dict[int, int], most_rows: int) -> list[dict[int, int]]:
    """Blocks, oldest first, in portions of `most_rows`; a larger block is a portion of its own."""
    portions: list[dict[int, int]] = []
    rows = most_rows
    for block in sorted(blocks):
        if rows + blocks[block] > most_rows:
            portions.append({})
            rows = 0
        portions[-1][block] = blocks[block]
        rows += blocks[block]
    return portions


def catch_up(client: "Client", limits: Limits | None = None) -> None:
    """Copies until everything stored is copied. Without readers beside it: blocks do not have to settle."""
    copy = Copy(client, limits or Limits(settle_seconds=0.0))
    while True:
        if not copy.pass_once():
            if copy.is_complete:
                return
            time.sleep(0.05)


def rebuild(client: "Client") -> None:
    """Empties the copy and begins a new one; readers get everything from the truth until that is complete."""
    _begin_again(client)
    # A reader that decided before to open the copy has opened it after this time, and keeps what it has opened.
    time.sleep(2 * Limits().settle_seconds)
    for table in _COPIES:
        client.command(f"TRUNCATE TABLE {table}")
    # Another process may have begun, and even completed, a rebuild in the meantime, and its rows are lost.
    _begin_again(client)


def _begin_again(client: "Client") -> None:
    state = _State(*client.query(sql.STATE).result_rows[0])
    _store(client, state._replace(rebuild=state.rebuild + 1, complete=0, message_id=""))


def _store(client: "Client", state: _State) -> None:
    names = ("rebuild", "touched_before", "complete", "message_id")
    client.command(sql.SET_STATE, parameters={name: getattr(state, name) for name in names})
