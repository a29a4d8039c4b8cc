"""Which cluster and which life of a topic this is: a topic that is deleted and made anew has another id.

aiokafka asks for metadata in a version without topic ids, so version 12 of the request (Kafka 3.1) is declared here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

_METADATA = 3
_VERSION = 12


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", CompactString()), ("port", Int32), ("rack", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16), ("name", CompactString()), ("id_high", Int64), ("id_low", Int64),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16), ("partition", Int32), ("leader", Int32), ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)), ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)), ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32), ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )  # fmt: skip


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _VERSION
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("id_high", Int64), ("id_low", Int64), ("name", CompactString()), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = _METADATA

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class([(0, 0, topic, {}) for topic in self._topics], False, False, {})


@dataclass(slots=True, frozen=True)
class TopicIdentity:
    """The ids of a cluster and of a topic in it, and how many partitions the topic has."""

    cluster: str
    topic: str
    partitions: int


async def identities_of(client: AIOKafkaClient, topics: Iterable[str]) -> dict[str, TopicIdentity]:
    """The identities of the topics that exist. `client` is bootstrapped. Raises KafkaError and OSError."""
    answer: Any = await client.send(client.get_random_node(), _MetadataRequest(topics))
    found = {}
    for error_code, name, high, low, _, partitions, *_ in answer.topics:
        if error_code == UnknownTopicOrPartitionError.errno:
            continue
        if error_code:
            raise for_code(error_code)()
        topic_id = f"{high % 2**64:016x}{low % 2**64:016x}"
        found[name] = TopicIdentity(answer.cluster_id or "", topic_id, len(partitions))
    return found
