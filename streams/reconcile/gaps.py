"""Gaps in a check: records that Kafka deleted unread, and which of them an operator has accepted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from schemas.parsing.times import to_iso
from schemas.tables import ACCEPTED_GAP_LOG, INSERT_SETTINGS
from streams.reconcile.model import Findings, source_hour
from streams.runtime.topic_reader import Offsets

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_QUERY = """
SELECT topic, partition, first_offset, end_offset, toUnixTimestamp64Milli(after_at), toUnixTimestamp64Milli(before_at),
    accepted_at IS NOT NULL, accepted_by, accepted_reason
FROM gaps
ORDER BY before_at, topic, partition, first_offset
"""


@dataclass(slots=True, frozen=True)
class KnownGap:
    """A row of the view `gaps`; times in ms, None = unknown."""

    topic: str
    partition: int
    first: int
    end: int
    after_ms: int | None
    before_ms: int | None
    accepted: bool
    accepted_by: str
    accepted_reason: str

    @property
    def records(self) -> int:
        """How many records are missing."""
        return self.end - self.first

    @property
    def words(self) -> str:
        """`wa.raw/3 offsets 120 to 3310, received between ... and ...`."""
        place = f"{self.topic}/{self.partition} offsets {self.first} to {self.end - 1}"
        if self.before_ms is None:
            return place
        since = "before" if self.after_ms is None else f"between {to_iso(self.after_ms)} and"
        return f"{place}, received {since} {to_iso(self.before_ms)}"


def known(client: "Client") -> list[KnownGap]:
    """Every gap that a worker has found. Raises ClickHouseError."""
    return [KnownGap(*row) for row in client.query(_QUERY).result_rows]


def accept(client: "Client", gaps: list[KnownGap], reason: str, who: str) -> list[KnownGap]:
    """Records that the standing gaps are accepted; returns them. Raises ClickHouseError."""
    standing = [gap for gap in gaps if not gap.accepted]
    rows = [
        {
            "topic": gap.topic, "partition": gap.partition, "first_offset": gap.first, "end_offset": gap.end,
            "reason": reason, "accepted_by": who,
        }
        for gap in standing
    ]  # fmt: skip
    if rows:
        block = b"\n".join(map(orjson.dumps, rows))
        client.raw_insert(ACCEPTED_GAP_LOG, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)
    return standing


def add(gaps: list[KnownGap], unread: Offsets, starts: Offsets, findings: Findings) -> None:
    """Adds the standing gaps to the residuals and the accepted ones to the notes.

    `unread`: what each group has committed in partitions where that is below `starts`, the first offset that is left:
    no worker has come to these yet.
    """
    for gap in gaps:
        if gap.accepted:
            findings.notes.append(
                f"{gap.records:,} records were deleted unread ({gap.words}); accepted by {gap.accepted_by}: "
                f"{gap.accepted_reason}"
            )
        else:
            findings.add("gap", source_hour("", gap.before_ms), gap.words, gap.records)
    found = {(gap.topic, gap.partition, gap.first) for gap in gaps}
    for tp, reached in unread.items():
        if (tp.topic, tp.partition, reached) not in found:
            words = f"{tp.topic}/{tp.partition} offsets {reached} to {starts[tp] - 1}, where no worker has come yet"
            findings.add("gap", source_hour("", None), words, starts[tp] - reached)


def unread(reached: Offsets, starts: Offsets) -> Offsets:
    """The committed offsets below what Kafka still has."""
    return {tp: offset for tp, offset in reached.items() if 0 <= offset < starts[tp]}
