"""Batches of a partition: split without loss, committed only as an unbroken prefix."""

from typing import Any

from faust.types.tuples import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.batches import BATCH_BYTES, BATCH_RECORDS, Batch, InFlight, split


class Record:
    """A Kafka record, as far as batches read it."""

    timestamp = 0
    timestamp_type = 0

    def __init__(self, offset: int, size: int = 1) -> None:
        self.offset = offset
        self.value = bytes(size)


def flight_of(sizes: list[int]) -> InFlight:
    """Batches of these sizes with consecutive offsets from 0."""
    flight, offset = InFlight(), 0
    for size in sizes:
        flight.batches.append(Batch(TP("t", 0), [Record(offset + n) for n in range(size)], 1))
        offset += size
    return flight


@given(st.lists(st.integers(0, 40), max_size=300))
def test_split_keeps_every_record_in_order_and_within_the_limits(sizes: list[int]) -> None:
    scale = BATCH_BYTES // 64
    records: list[Any] = [Record(offset, size * scale // 4) for offset, size in enumerate(sizes)]
    parts = list(split(records))
    assert [record for part in parts for record in part] == records
    for part in parts:
        assert len(part) == 1 or sum(len(record.value) for record in part) <= BATCH_BYTES
        assert 0 < len(part) <= BATCH_RECORDS


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8).flatmap(
        lambda sizes: st.tuples(st.just(sizes), st.permutations(range(len(sizes))))
    )
)
def test_the_committed_offset_never_passes_an_unacknowledged_batch(case: tuple[list[int], list[int]]) -> None:
    sizes, order = case
    flight = flight_of(sizes)
    batches = list(flight.batches)
    acknowledged: set[int] = set()
    for place in order:
        batches[place].acked = True
        acknowledged.add(place)
        whole = next((n for n in range(len(sizes)) if n not in acknowledged), len(sizes))
        expected = sum(sizes[:whole])
        offset = flight.advance()
        assert offset == (expected if whole else None)


def test_an_offset_is_offered_again_until_its_commit_succeeded() -> None:
    flight = flight_of([3])
    flight.batches[0].acked = True
    assert flight.advance() == 3
    assert flight.advance() == 3
    flight.committed = 3
    assert flight.advance() is None


def test_a_batch_that_never_reached_its_agent_is_noticed() -> None:
    flight = flight_of([1, 1, 1])
    first, second, third = flight.batches
    first.seen = second.seen = True
    assert not flight.skipped()
    second.seen = False
    assert not flight.skipped()
    third.seen = True
    assert flight.skipped()
