"""Every Kafka topic, declared once. `deploy` creates and checks them from here; nothing is ever auto-created."""

from dataclasses import dataclass
from typing import Literal

MIB = 1024 * 1024
DAY_MS = 86_400_000


@dataclass(slots=True, frozen=True)
class Topic:
    """One topic. `key` and `value` describe its records for people.

    `max_bytes`: the limit of one record. `retention_ms`: None = the setting kafka.retention_days, -1 = for ever.
    `arrival_times`: a record's time is its arrival at the broker, not its producer's clock.
    `placing`: what decides about a record's partition. "free": nothing does, so partitions may be added. "shared": its
    key, and the topics of this kind have the same number of partitions, kafka.partitions. "own": its key, in the number
    of partitions with which the topic was made.
    """

    name: str
    key: str
    value: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int | None = -1
    max_bytes: int = MIB
    arrival_times: bool = False
    placing: Literal["free", "shared", "own"] = "shared"


# A body may have 4 MiB; its headers and the record's framing stay far below the fifth MiB.
RAW = Topic("wa.raw", "none", "body bytes verbatim", retention_ms=None, max_bytes=5 * MIB, placing="free")
# Written by the user's own producers. Their records have no received_at, so the broker's time is used.
SENT = Topic(
    "wa.sent", "any", "sent records, JSON", retention_ms=None, max_bytes=5 * MIB, arrival_times=True, placing="free"
)
# An event repeats its body's text once, but escaping may lengthen it; above this it is a dead letter (too_large).
EVENTS = Topic("wa.events", '["source","message_id"]', "canonical event, JSON", retention_ms=None, max_bytes=8 * MIB)
MESSAGES = Topic(
    "wa.messages", '["source","message_id","participant"]', "lifecycle row, JSON", cleanup="compact", max_bytes=8 * MIB
)
DEAD = Topic("wa.dead", '["topic",partition,offset,index]', "dead letter, JSON", retention_ms=None, placing="own")
# Changelog of the lifecycle state, from which a worker that lost its disk rebuilds it.
STATE = Topic(
    "wa.state", '["source","message_id","participant"]', "lifecycle state, JSON", cleanup="compact", max_bytes=8 * MIB
)

TOPICS = (RAW, SENT, EVENTS, MESSAGES, DEAD, STATE)
PRODUCE_MAX_BYTES = max(topic.max_bytes for topic in TOPICS)
