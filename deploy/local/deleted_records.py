"""What Kafka has deleted before a worker had read it, as sentences for `ackstream status`."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from schemas.errors import ConfigError
from schemas.settings.config import Config
from streams.reconcile.gaps import known
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, connect

_ADVICE = "`ackstream check` lists them, `ackstream check --accept-gap REASON` records a decision"


def sentences(config: Config, unread: Mapping[str, int]) -> list[str]:
    """One for each topic with gaps that nobody has accepted, and for each stage with `unread` deletions.

    A ClickHouse that does not answer has a line of its own in the status; then only the latter are known.
    """
    records: Counter[str] = Counter()
    with suppress(ConfigError, *CLICKHOUSE_ERRORS), connect(config.clickhouse) as client:
        for gap in known(client):
            if not gap.accepted:
                records[gap.topic] += gap.records
    lines = [
        f"{count:,} records of {topic} were deleted from Kafka before they were read: {_ADVICE}"
        for topic, count in sorted(records.items())
    ]
    return lines + [
        f"{count:,} records before {stage} were deleted from Kafka, and no worker has come there yet: {_ADVICE}"
        for stage, count in unread.items()
        if count
    ]
