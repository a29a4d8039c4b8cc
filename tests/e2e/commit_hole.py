"""A worker that never acknowledges record 50 and then asks for a commit: commit_hole.py BOOTSTRAP FOLDER stock|ours.

Prints the offset that Kafka then holds for its group, and goes on until it is killed.
"""

import sys
from typing import Any

import faust
from aiokafka import TopicPartition

from streams.runtime import partition_batches
from streams.runtime.partition_batches import BatchApp, BatchSchema

TOPIC = "wa.raw"
RECORDS = 100
NEVER = 50


def main() -> None:
    bootstrap, folder, kind = sys.argv[1:]
    partition_batches.BATCH_RECORDS = 1  # a batch is then what a message is to stock Faust
    make = faust.App if kind == "stock" else BatchApp
    app = make(
        f"hole-{kind}", broker=f"kafka://{bootstrap}", datadir=folder, web_enabled=False, topic_allow_declare=False,
        topic_disable_leader=True, stream_wait_empty=False, consumer_auto_offset_reset="earliest",
        broker_session_timeout=10.0, broker_commit_interval=3600.0,  # commits only when the test asks for one
    )  # fmt: skip
    topic = app.topic(TOPIC, value_type=bytes, value_serializer="raw") if kind == "stock" else app.topic(
        TOPIC, schema=BatchSchema()
    )  # fmt: skip

    async def agent(stream: Any) -> None:
        seen = 0
        async for event in stream.noack().events():
            event.message.seen = True
            if event.message.offset != NEVER:
                event.ack()
            if event.message.offset == NEVER - 1:
                await app.consumer.commit(start_new_transaction=False)  # so that 50 is the next that it expects
            seen += 1
            if seen == RECORDS:
                await app.consumer.commit(start_new_transaction=False)
                consumer = app.consumer._thread._consumer
                partition = TopicPartition(TOPIC, 0)
                committed = await app.consumer._thread.call_thread(consumer.committed, partition)
                sys.stdout.write(f"committed {committed}\n")
                sys.stdout.flush()

    app.agent(topic)(agent)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
