"""Every Kafka topic, once. Pure. `deploy` creates and checks them from here; nothing is ever auto-created."""

from dataclasses import dataclass
from typing import Literal

MIB = 1024 * 1024
DAY_MS = 86_400_000


@dataclass(slots=True, frozen=True)
class Topic:
    """`max_bytes` bounds one record; `retention_ms` None = the setting of the installation, -1 = for ever.

    `arrival_times`: a record's time is when the broker got it, not what its producer's clock said.
    """

    name: str
    key: str
    value: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int | None = -1
    max_bytes: int = MIB
    arrival_times: bool = False


# A body may have 4 MiB; its headers and the record's framing stay far below the fifth.
RAW = Topic("wa.raw", "none", "body bytes verbatim", retention_ms=None, max_bytes=5 * MIB)
# Of the user's own producers. They write received_at nowhere, so it is the broker's time.
SENT = Topic("wa.sent", "any", "sent records, JSON", retention_ms=None, max_bytes=5 * MIB, arrival_times=True)
# An event repeats its body's text once, but escaping may lengthen it; past this it is a dead letter (too_large).
EVENTS = Topic("wa.events", '["source","message_id"]', "canonical event, JSON", retention_ms=None, max_bytes=8 * MIB)
MESSAGES = Topic(
    "wa.messages", '["source","message_id","participant"]', "lifecycle row, JSON", cleanup="compact", max_bytes=8 * MIB
)
DEAD = Topic("wa.dead", '["topic",partition,offset,index]', "dead letter, JSON", retention_ms=None)
# Changelog of the lifecycle state: what a worker that lost its disk rebuilds from.
STATE = Topic(
    "wa.state", '["source","message_id","participant"]', "lifecycle state, JSON", cleanup="compact", max_bytes=8 * MIB
)

TOPICS = (RAW, SENT, EVENTS, MESSAGES, DEAD, STATE)
PRODUCE_MAX_BYTES = max(topic.max_bytes for topic in TOPICS)
