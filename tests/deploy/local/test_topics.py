"""`ensure_topics` on a real broker: what it creates, aligns, keeps and refuses; and the broker through crashes."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.admin.topics import Changes, ensure_topics, ensure_topics_sync, settings
from deploy.local.kafka.broker import Broker, answers
from schemas.errors import Failure
from schemas.topics import DAY_MS, TOPICS, Topic


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker") / "kafka") as found:
        yield found


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    yield client
    await client.close()


async def config(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    entries = answer.to_object()["resources"][0]["config_entries"]
    return {entry["config_names"]: entry["config_value"] for entry in entries}


async def test_topics_are_what_the_list_says(broker: Broker, admin: AIOKafkaAdminClient) -> None:
    await ensure_topics(broker.bootstrap, 3, 1, 90)
    found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    for topic in TOPICS:
        assert found[topic.name] == 3
        present = await config(admin, topic.name)
        wanted = settings(topic, 1, 90)
        assert {key: present[key] for key in wanted} == wanted
    assert await ensure_topics(broker.bootstrap, 3, 1, 90) == Changes()


async def test_a_topic_takes_a_record_as_large_as_it_says(broker: Broker) -> None:
    await ensure_topics(broker.bootstrap, 3, 1, 90)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, max_request_size=10 * 1024**2) as producer:
        for topic in TOPICS:
            await producer.send_and_wait(topic.name, b"x" * (topic.max_bytes - 1024), key=b"k")


async def test_settings_are_aligned_and_those_set_by_hand_stay(broker: Broker, admin: AIOKafkaAdminClient) -> None:
    mine = Topic("mine", "none", "test", retention_ms=None)
    await ensure_topics(broker.bootstrap, 1, 1, 5, [mine])
    by_hand = {**settings(mine, 1, 5), "segment.ms": "7777777"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "mine", by_hand)])
    assert await ensure_topics(broker.bootstrap, 1, 1, 9, [replace(mine, max_bytes=2048)]) == Changes((), ("mine",))
    present = await config(admin, "mine")
    assert present["retention.ms"] == str(9 * DAY_MS)
    assert present["max.message.bytes"] == "2048"
    assert present["segment.ms"] == "7777777"


async def test_another_number_of_partitions_is_refused_before_anything_is_made(
    broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    await admin.create_topics([NewTopic("counted", 2, 1)])
    wanted = [Topic("counted", "none", "test"), Topic("not-made", "none", "test")]
    with pytest.raises(Failure, match=r"counted has 2 partitions .* set kafka.partitions = 2"):
        await ensure_topics(broker.bootstrap, 4, 1, 90, wanted)
    assert "not-made" not in await admin.list_topics()


async def test_more_copies_than_brokers_are_refused(broker: Broker) -> None:
    with pytest.raises(Failure, match=r"kafka.replication = 3"):
        await ensure_topics(broker.bootstrap, 1, 3, 90, [Topic("copies", "none", "test")])


def test_retention_for_ever_and_majorities() -> None:
    raw = Topic("t", "none", "test", retention_ms=None)
    assert settings(raw, 1, -1)["retention.ms"] == "-1"
    assert [settings(raw, copies, 1)["min.insync.replicas"] for copies in (1, 2, 3, 5)] == ["1", "2", "2", "3"]


async def test_a_broker_that_is_away_is_an_answer_and_not_an_error() -> None:
    assert not await answers("127.0.0.1:1")


def test_a_killed_broker_keeps_its_topics_and_its_address(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        first, address = broker.pid, broker.bootstrap
        ensure_topics_sync(address, 1, 1, 90)
        broker.kill()
        broker.restart()
        assert broker.pid != first
        assert ensure_topics_sync(address, 1, 1, 90) == Changes()
