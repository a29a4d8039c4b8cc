"""A replay whose records are deleted by retention meanwhile reads the remaining ones and ends."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.topics import RAW
from streams.replay.reader import Selection, replay
from streams.replay.sinks import ToStreams
from tests.e2e.test_garbage import HEADERS
from tests.support.stack import Stack, put

PAD = "x" * 3 * 1024 * 1024  # two of them are more than the client prefetches


@pytest.mark.parametrize("kept", [1, 0])
def test_a_replay_overtaken_by_retention_reads_the_rest_and_ends(bare_kafka: Stack, kept: int) -> None:
    bodies = [b'{"message_id":"m%d","pad":"%s"}' % (number, PAD.encode()) for number in range(6)]
    put(bare_kafka, [(RAW.name, body, {**HEADERS, "kind": "sent"}) for body in bodies])

    async def run() -> tuple[int, int]:
        async with ToStreams(bare_kafka.config) as sink:
            steps = replay(bare_kafka.config, Selection(), sink)
            total = (await anext(steps)).total
            admin = AIOKafkaAdminClient(bootstrap_servers=bare_kafka.broker.bootstrap)
            await admin.start()
            await admin.delete_records({TopicPartition(RAW.name, 0): RecordsToDelete(before_offset=len(bodies) - kept)})
            await admin.close()
            return total, [step.events async for step in steps][-1]

    total, events = asyncio.run(asyncio.wait_for(run(), 60))
    assert total == len(bodies)
    assert kept <= events < len(bodies)  # depends on how much the client had prefetched
