"""Which missing offsets are a gap, and how a gap is recorded."""

import orjson
import pytest

from streams.runtime.gaps import Gap, deleted, letter


@pytest.mark.parametrize(
    ("expected", "found", "log_start", "missing"),
    [
        (None, 500, 500, None),  # a new group has missed nothing
        (100, 100, 0, None),
        (100, 500, 500, (100, 500)),
        (100, 505, 500, (100, 500)),  # 500 to 504 are markers of transactions
        (100, 500, 600, (100, 500)),  # more was deleted after the fetch
        (100, 103, 100, None),  # markers
        (100, 103, 0, None),
        (0, 7, 7, (0, 7)),
    ],
)
def test_only_what_lies_before_the_logs_start_was_deleted(
    expected: int | None, found: int, log_start: int, missing: tuple[int, int] | None
) -> None:
    assert deleted(expected, found, log_start) == missing


def test_a_gap_that_is_found_again_replaces_its_record() -> None:
    early = letter(Gap("wa.raw", 3, 120, 130, None, 1_795_176_000_000))
    later = letter(Gap("wa.raw", 3, 120, 140, 1_795_170_000_000, 1_795_176_000_000))
    assert early["raw"] == later["raw"] == {"topic": "wa.raw", "partition": 3, "offset": 120, "index": 0}
    assert early["detail"] == "10 records were deleted from Kafka before they were read"
    assert orjson.loads(early["excerpt"]) == {"end": 130, "after": None, "before": "2026-11-20T12:00:00.000Z"}
    assert orjson.loads(later["excerpt"])["after"] == "2026-11-20T10:20:00.000Z"
