"""Gaps: records that Kafka deleted before a worker had read them.

A consumer that comes back after retention, `delete_records` or a shrunk topic is set to the first record that is left,
without an error. So each worker compares the first offset that it gets with the one that it expects. A gap is written
to wa.dead before anything after it is read, in the form of a dead letter with the reason `records_deleted`; the view
`gaps` of ClickHouse shows it. Its key is where the gap begins, so a gap that is found again after a crash is the same.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.parsing.times import to_iso
from schemas.reasons import Reason


@dataclass(slots=True, frozen=True)
class Gap:
    """The offsets from `first` to before `end` of a partition, which were deleted unread.

    `after_ms`, `before_ms`: the times of the last record that was read before the gap (None: not since the start of the
    worker) and of the first one after it; whatever was deleted had arrived between the two.
    """

    topic: str
    partition: int
    first: int
    end: int
    after_ms: int | None
    before_ms: int

    @property
    def records(self) -> int:
        """How many offsets are missing."""
        return self.end - self.first


def deleted(expected: int | None, found: int, log_start: int) -> tuple[int, int] | None:
    """The deleted offsets when a consumer expects one offset and gets another; None when nothing was deleted.

    `log_start` = the first offset that Kafka still has. Offsets can also be missing because they never were records:
    those of transaction markers. They are behind the log's start.
    """
    if expected is None or log_start <= expected:
        return None
    return expected, min(found, log_start)


def letter(gap: Gap) -> dict[str, Any]:
    """The value of a gap's record on wa.dead."""
    times = {
        "end": gap.end,
        "after": None if gap.after_ms is None else to_iso(gap.after_ms),
        "before": to_iso(gap.before_ms),
    }
    return {
        "raw": {"topic": gap.topic, "partition": gap.partition, "offset": gap.first, "index": 0},
        "source": "",
        "provider": "",
        "received_at": to_iso(gap.before_ms),
        "request_id": f"gap {gap.topic}/{gap.partition} {gap.first}",
        "reason": str(Reason.RECORDS_DELETED),
        "detail": f"{gap.records} records were deleted from Kafka before they were read",
        "excerpt": orjson.dumps(times).decode(),
    }
