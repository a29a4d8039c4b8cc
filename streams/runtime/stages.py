"""Waits until the workers of a stage have processed everything in Kafka."""

from collections.abc import Awaitable, Callable

from schemas.errors import Failure
from schemas.process.waiting import StalledError, wait_until_empty
from streams.runtime.lag import GROUPS
from streams.runtime.progress import Progress
from streams.runtime.topic_reader import TopicReader, between, length

# A part that processes nothing for this long is considered down.
STALLED_SECONDS = 60.0


async def wait_for_stage(topics: TopicReader, stage: str, progress: Progress) -> None:
    """Waits until a stage has processed what its topics hold now. Raises Failure when it makes no progress."""
    group, read = GROUPS[stage]
    ends = await topics.ends([tp for topic in read for tp in await topics.partitions(topic)])
    starts = await topics.starts(ends)

    async def left() -> int:
        return length(between(await topics.reached(group, starts), ends))

    await wait_until_done(left, f"waiting for {stage}", f"the {stage} worker processes nothing", progress)


async def wait_until_done(measure: Callable[[], Awaitable[int]], text: str, stalled: str, progress: Progress) -> None:
    """Waits until `measure` returns 0, shown as `text`. Raises Failure, which begins with `stalled`."""
    total = await measure()
    if not total:
        return
    task = progress.task(text, total)
    try:
        await wait_until_empty(measure, STALLED_SECONDS, on_left=lambda left: task.update(max(total - left, 0)))
    except StalledError as error:
        raise Failure(f"{stalled}, {error.left:,} are left: see `make status`") from None
