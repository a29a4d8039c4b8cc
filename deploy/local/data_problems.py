"""Problems of the data while every part may be healthy: deleted records, missing tables. For `ackstream status`."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from schemas.errors import ConfigError
from schemas.settings.config import Config
from streams.reconcile.gaps import known
from streams.runtime import schema_objects
from streams.runtime.clickhouse import CLICKHOUSE_ERRORS, connect

_ADVICE = "`ackstream check` lists them, `ackstream check --accept-gap REASON` records a decision"


def sentences(config: Config, unread: Mapping[str, int]) -> list[str]:
    """One for each missing table or view, each topic with gaps that nobody has accepted, and each stage with `unread`
    deletions.

    A ClickHouse that does not answer has a line of its own in the status; then only the last are known.
    """
    records: Counter[str] = Counter()
    schema: list[str] = []
    with suppress(ConfigError, *CLICKHOUSE_ERRORS), connect(config.clickhouse) as client:
        schema = schema_objects.sentences(schema_objects.drift_of(client, config.clickhouse.database))
        for gap in known(client):
            if not gap.accepted:
                records[gap.topic] += gap.records
    lines = [
        f"{count:,} records of {topic} were deleted from Kafka before they were read: {_ADVICE}"
        for topic, count in sorted(records.items())
    ]
    return (
        schema
        + lines
        + [
            f"{count:,} records before {stage} were deleted from Kafka, and no worker has come there yet: {_ADVICE}"
            for stage, count in unread.items()
            if count
        ]
    )
