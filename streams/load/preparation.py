"""What a load worker does with its stored states before it starts, and what it reports about them."""

import asyncio

from aiokafka.errors import KafkaError

from schemas.errors import Failure
from schemas.process.logs import get_logger
from schemas.topics import STATE
from streams.load import state_folder
from streams.runtime.app import Stage
from streams.runtime.retries import retry
from streams.runtime.topic_identity import TopicIdentity
from streams.runtime.topic_reader import TopicReader

log = get_logger("load")


def note_skipped(stage: Stage, count: int) -> None:
    """Reports records of the changelog that are no states."""
    note = f"{count:,} records of {STATE.name} are no states and were skipped; another program has written them"
    stage.heartbeat.notes["skipped_states"] = note
    log.error("states_skipped", records=count, topic=STATE.name)


async def prepare(stage: Stage) -> None:
    """Before the start: sets the states aside when they do not belong to the changelog. Waits for Kafka.

    Ends the process when the changelog has another number of partitions than the states were made with.
    """
    bootstrap = stage.config.kafka.bootstrap
    identity, ends = await retry(
        lambda: changelog_of(bootstrap),
        (KafkaError, OSError, Failure),
        lambda error: f"Kafka at {bootstrap} does not describe {STATE.name}: {type(error).__name__}",
        stage.report_before_start,
    )
    if (refusal := await asyncio.to_thread(state_folder.moved_keys, stage.folder, identity)) is not None:
        stage.refuse(refusal)
    reason = await asyncio.to_thread(state_folder.strangeness, stage.folder, identity, ends)
    if reason is not None:
        aside = await asyncio.to_thread(state_folder.set_aside, stage.folder)
        note = f"{reason}; they were set aside in {aside.name} and rebuilt from {STATE.name}"
        stage.heartbeat.notes["set_aside"] = note
        log.error("states_set_aside", reason=reason, folder=aside.name)
    await asyncio.to_thread(state_folder.mark, stage.folder, identity)


async def changelog_of(bootstrap: str) -> tuple[TopicIdentity, dict[int, int]]:
    """The identity of the changelog and its end by partition. Raises KafkaError, OSError and Failure."""
    async with TopicReader(bootstrap) as topics:
        partitions = await topics.partitions(STATE)
        identity = (await topics.identities([STATE]))[STATE.name]
        ends = await topics.ends(partitions)
    return identity, {tp.partition: end for tp, end in ends.items()}
