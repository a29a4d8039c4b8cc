"""Creates the Kafka topics of `schemas/topics.py` and aligns their settings; never deletes a topic."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from deploy import blocking
from schemas.errors import Failure
from schemas.process.waiting import wait_for_async
from schemas.topics import DAY_MS, TOPICS, Topic

_ALREADY_EXISTS = 36
_INVALID_REPLICATION = 38
# ConfigSource of Kafka: the value was set on this topic, as opposed to a default of the broker.
_SET_ON_TOPIC = 1
_VISIBLE_SECONDS = 30.0


@dataclass(slots=True, frozen=True)
class Changes:
    """What `ensure_topics` changed: names of topics that were created, that got other settings, more partitions."""

    created: tuple[str, ...] = ()
    aligned: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()


def settings(topic: Topic, replication: int, retention_days: int) -> dict[str, str]:
    """The settings of `topic` on Kafka, by their Kafka names."""
    wanted = {
        "cleanup.policy": topic.cleanup,
        "max.message.bytes": str(topic.max_bytes),
        # acks=all then means a majority: a body answered with 200 survives the loss of one of three brokers.
        "min.insync.replicas": str(replication // 2 + 1),
    }
    if topic.arrival_times:
        wanted["message.timestamp.type"] = "LogAppendTime"
    if topic.cleanup == "compact":
        # The segment being written is never compacted and a recovery reads all of it: 64 MiB instead of 1 GiB.
        wanted["segment.bytes"] = str(64 * 1024 * 1024)
    else:
        days = -1 if retention_days < 0 else retention_days * DAY_MS
        wanted["retention.ms"] = str(days if topic.retention_ms is None else topic.retention_ms)
    return wanted


def ensure_topics_sync(bootstrap: str, partitions: int, replication: int, retention_days: int) -> Changes:
    """`ensure_topics` for code that is not asynchronous."""
    return blocking.run(ensure_topics(bootstrap, partitions, replication, retention_days))


async def ensure_topics(
    bootstrap: str, partitions: int, replication: int, retention_days: int, topics: Iterable[Topic] = TOPICS
) -> Changes:
    """Creates missing topics and aligns the settings of the others; keys that Ackstream does not set keep their values.

    Topics whose records may be in any partition get more partitions if they have fewer than `partitions`. Returns when
    every topic has leaders and consumer groups can be joined. Raises Failure when keys would move between partitions,
    and when Kafka refuses.
    """
    wanted = tuple(topics)
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await client.start()
        _check_partitions(await _partitions(client), wanted, partitions)
        grown = await _grow(client, wanted, partitions)
        created = await _create(client, wanted, partitions, replication, retention_days)
        aligned = await _align(client, wanted, replication, retention_days)
        await _wait_groups(client)
    except (KafkaError, OSError) as error:
        raise Failure(f"the topics could not be created or changed in Kafka at {bootstrap}: {error}") from None
    finally:
        await client.close()
    return Changes(created, aligned, grown)


def _check_partitions(found: dict[str, int], wanted: tuple[Topic, ...], partitions: int) -> None:
    for topic in wanted:
        count = found.get(topic.name, partitions)
        if count != partitions and topic.placing == "shared":
            raise Failure(
                f"{topic.name} has {count} partitions and kafka.partitions is {partitions}: set kafka.partitions = "
                f"{count} (a message's events must stay in one partition), or see 'More partitions' in "
                "deploy/docs/operations.md"
            )


async def _grow(client: AIOKafkaAdminClient, wanted: tuple[Topic, ...], partitions: int) -> tuple[str, ...]:
    found = await _partitions(client)
    free = [topic.name for topic in wanted if topic.placing == "free"]
    small = [name for name in free if found.get(name, partitions) < partitions]
    if small:
        await client.create_partitions({name: NewPartitions(total_count=partitions) for name in small})
    return tuple(small)


async def _partitions(client: AIOKafkaAdminClient) -> dict[str, int]:
    found = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in found if topic["error_code"] == 0}


async def _create(
    client: AIOKafkaAdminClient, wanted: tuple[Topic, ...], partitions: int, replication: int, retention_days: int
) -> tuple[str, ...]:
    there = await _partitions(client)
    missing = [
        NewTopic(topic.name, partitions, replication, topic_configs=settings(topic, replication, retention_days))
        for topic in wanted
        if topic.name not in there
    ]
    if not missing:
        return ()
    response = await client.create_topics(missing)
    for name, code, *rest in response.topic_errors:
        if code == _INVALID_REPLICATION:
            raise Failure(
                f"Kafka has fewer brokers than kafka.replication = {replication}: lower this setting or add brokers"
            )
        if code not in (0, _ALREADY_EXISTS):
            raise for_code(code)(f"{name}: {rest[0] if rest and rest[0] else for_code(code).description}")
    await _wait_visible(client, {topic.name for topic in wanted})
    _check_partitions(await _partitions(client), wanted, partitions)
    return tuple(topic.name for topic in missing)


async def _wait_visible(client: AIOKafkaAdminClient, names: set[str]) -> None:
    if not await wait_for_async(lambda: _all_led(client, names), _VISIBLE_SECONDS, every=0.05):
        raise Failure(
            f"Kafka created the topics, but they have no leader after {_VISIBLE_SECONDS:.0f} s: see Kafka's log"
        )


async def _all_led(client: AIOKafkaAdminClient, names: set[str]) -> bool:
    topics = [topic for topic in await client.describe_topics() if topic["topic"] in names]
    partitions = [partition for topic in topics for partition in topic["partitions"]]
    return len(topics) == len(names) and all(partition["leader"] >= 0 for partition in partitions)


async def _wait_groups(client: AIOKafkaAdminClient) -> None:
    """Waits for a group coordinator; the first request for one makes Kafka create the offsets topic."""

    async def found() -> bool:
        with suppress(KafkaError):
            await client.find_coordinator("ackstream")
            return True
        return False

    if not await wait_for_async(found, _VISIBLE_SECONDS, every=0.05):
        await client.find_coordinator("ackstream")  # raises the reason


async def _align(
    client: AIOKafkaAdminClient, wanted: tuple[Topic, ...], replication: int, retention_days: int
) -> tuple[str, ...]:
    changes = []
    for topic in wanted:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        [response] = await client.describe_configs([resource])
        present, set_here = _configs(response)
        want = settings(topic, replication, retention_days)
        if any(present.get(key) != value for key, value in want.items()):
            # Kafka replaces the whole set, so values that users have set are sent again.
            changes.append(ConfigResource(ConfigResourceType.TOPIC, topic.name, {**set_here, **want}))
    if changes:
        for response in await client.alter_configs(changes):
            for code, message, _, name in response.resources:
                if code:
                    raise for_code(code)(f"{name}: {message}")
    return tuple(change.name for change in changes)


def _configs(response: Any) -> tuple[dict[str, str], dict[str, str]]:
    """From a DescribeConfigs response: all settings, and those that are set on the topic itself."""
    found = response.to_object()["resources"][0]
    if found["error_code"]:
        raise for_code(found["error_code"])(found["error_message"])
    entries = found["config_entries"]
    present = {entry["config_names"]: entry["config_value"] for entry in entries}
    set_here = [entry["config_names"] for entry in entries if entry["config_source"] == _SET_ON_TOPIC]
    return present, {name: present[name] for name in set_here}
