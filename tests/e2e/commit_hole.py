"""A worker that never acknowledges record 50 and then asks for a commit: commit_hole.py BOOTSTRAP FOLDER stock|ours.

Prints the committed offset of its group in Kafka, and runs until it is killed.
"""

import sys
from typing import Any, cast

import faust
from aiokafka import TopicPartition

from streams.runtime import batches
from streams.runtime.batches import BatchSchema
from streams.runtime.partition_batches import BatchApp

TOPIC = "wa.raw"
RECORDS = 100
NEVER = 50


def main() -> None:
    """Runs the worker."""
    bootstrap, folder, kind = sys.argv[1:]
    batches.BATCH_RECORDS = 1  # then a batch is one record, as a message of stock Faust
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
                await app.consumer.commit(start_new_transaction=False)  # so that record 50 is the next to commit
            seen += 1
            if seen == RECORDS:
                await app.consumer.commit(start_new_transaction=False)
                thread: Any = cast("Any", app.consumer)._thread
                partition = TopicPartition(TOPIC, 0)
                committed = await thread.call_thread(thread._consumer.committed, partition)
                sys.stdout.write(f"committed {committed}\n")
                sys.stdout.flush()

    app.agent(topic)(agent)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
