"""Batches: the records of one partition that travel through Faust as one event."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import faust
from faust.types.tuples import TP, ConsumerMessage

# A batch ends at this many records or bytes: about 50 ms of work, so that heartbeats and timers run in between.
BATCH_RECORDS = 2000
BATCH_BYTES = 2 * 1024 * 1024
# What a batch takes in memory besides the bytes of its records: a task and futures, and an object for each record.
BATCH_OVERHEAD, RECORD_OVERHEAD = 8 * 1024, 512


class Batch(ConsumerMessage):
    """Records of one partition, in order. `offset` is that of the last; `seen` = an agent has received the batch.

    `memory`: about how many bytes it takes until its effects are durable.
    """

    __slots__ = ("memory", "seen")

    def __init__(self, tp: TP, records: Sequence[Any], generation: int) -> None:
        last = records[-1]
        super().__init__(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, [], None,
            cast(Any, records), None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip
        self.seen = False
        self.memory = BATCH_OVERHEAD + sum(len(record.value or b"") + RECORD_OVERHEAD for record in records)

    @property
    def records(self) -> Sequence[Any]:
        """The records, in order."""
        return cast("Sequence[Any]", self.value)


class BatchSchema(faust.Schema[bytes, bytes]):
    """Passes `Batch.value` to the agent undecoded: the agent decodes, so that a bad record can never stop it."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Faust's hook: the function that makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001  (Faust's signature)
            return create_event(message.key, message.value, message.headers, message)

        return decode


def split(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Consecutive runs of at most BATCH_RECORDS records and BATCH_BYTES; one larger record is a run of its own."""
    start = size = 0
    for index, record in enumerate(records):
        length = len(record.value or b"")
        if index > start and (index - start >= BATCH_RECORDS or size + length > BATCH_BYTES):
            yield records[start:index]
            start, size = index, 0
        size += length
    if start < len(records):
        yield records[start:]


class InFlight:
    """Batches of one partition that were delivered to agents and are not yet committed, in order."""

    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()
        self.frontier: int | None = None  # every offset below it is acknowledged
        self.committed: int | None = None

    def advance(self) -> int | None:
        """Drops the acknowledged batches at the head; the offset to commit, None when it is committed already."""
        while self.batches and self.batches[0].acked:
            self.frontier = self.batches.popleft().offset + 1
        if self.frontier is None or (self.committed is not None and self.frontier <= self.committed):
            return None
        return self.frontier

    def skipped(self) -> bool:
        """Whether a batch was lost: a later one has reached the agent and this one has not."""
        later_seen = False
        for batch in reversed(self.batches):
            if batch.seen:
                later_seen = True
            elif later_seen:
                return True
        return False
