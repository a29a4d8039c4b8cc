"""The stored lifecycle states: a Faust table on RocksDB with its changelog in `wa.state`.

A recovery joins the changelog into the stored states instead of overwriting them, so a late record of a stalled worker
removes nothing. Records that are no states, which another program wrote, are counted and skipped.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import faust
import rocksdict
from faust.types.tuples import TP

from schemas.process.logs import describe
from schemas.topics import STATE
from streams.load.changelog_record import home_of, is_unit_key, parse_state
from streams.load.lifecycle import State, dumps, join, loads


class StateTable(faust.Table[bytes, bytes]):
    """States by unit. Keys and values are bytes in the form of streams.load.lifecycle."""

    skipped = 0  # changelog records that are no states, since the start
    # Both are set by the worker: Faust would only log what a recovery raises, and try again for ever.
    on_failure: Callable[[str], NoReturn]
    on_skipped: Callable[[int], None]
    count: Callable[[], int]  # the partitions of the topic

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Recovery: joins changelog records into the store and notes the offsets reached."""
        before = self.skipped
        try:
            self._apply(batch)
        except Exception as error:
            self.on_failure(f"the recovery of the states failed: {describe(error)}")
        if self.skipped > before:
            self.on_skipped(self.skipped)

    def _apply(self, batch: Iterable[Any]) -> None:
        reached: dict[TP, int] = {}
        pending: dict[TP, dict[bytes, State]] = {}
        for event in batch:
            message = event.message
            reached[message.tp] = max(message.offset, reached.get(message.tp, -1))
            if message.value is None:
                continue
            state = parse_state(message.value) if is_unit_key(message.key) else None
            if state is None:
                self.skipped += 1
                continue
            if home_of(message.key, self.count()) != message.tp.partition:
                self.on_failure(
                    f"{STATE.name} has states in other partitions than their events: it was given more partitions. The "
                    "way to more of them is in deploy/docs/operations.md"
                )
            states = pending.setdefault(message.tp, {})
            known = states.get(message.key)
            if known is None and (stored := self.store(message.tp.partition).get(message.key)) is not None:
                known = loads(stored)
            states[message.key] = state if known is None else join(known, state)
        for tp, states in pending.items():
            self.put(tp.partition, states)
        for tp, offset in reached.items():
            self.data.set_persisted_offset(tp, offset)

    def store(self, partition: int) -> Any:
        """The RocksDB of a partition."""
        return self._rocks._db_for_partition(partition)  # Faust's own accessors find the partition by a task-local

    def has(self, partition: int) -> bool:
        """Whether this worker has the partition at present."""
        return partition in self._rocks._dbs

    @property
    def _rocks(self) -> Any:
        return self.data

    def put(self, partition: int, states: dict[bytes, State]) -> list[tuple[bytes, bytes]]:
        """Writes states in one batch; returns the changelog records that must follow."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        records = [(key, dumps(state)) for key, state in states.items()]
        for key, value in records:
            batch.put(key, value)
        self.store(partition).write(batch)
        return records

    def scan(self, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The stored states whose keys begin with `prefix`, in the order of keys."""
        for key, value in self.store(partition).items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value

    def reached(self, partition: int, offset: int) -> None:
        """Notes that the changelog up to `offset` is in the store and in Kafka."""
        tp = TP(STATE.name, partition)
        if offset > (self.data.persisted_offset(tp) or -1):
            self.data.set_persisted_offset(tp, offset)
