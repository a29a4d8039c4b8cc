"""Measures what good senders see while slow uploads attack the edge with default settings.

    python -m tests.bench.slow_uploads [--uploads 240] [--posts 500] [--addresses 1]

Prints the share of answers other than 200 and the 50th and 99th percentile of their time, without and with the attack.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from deploy.admin.topics import ensure_topics_sync
from deploy.local.kafka.broker import Broker
from tests.ingest.edge_process import PARTITIONS, EdgeProcess
from tests.ingest.slow_uploads import good_posts, slow_uploads


async def measure(name: str, port: int, posts: int) -> None:
    """Prints one line: small posts that come whole or in two parts, and large ones, from six senders."""
    answers = await asyncio.gather(
        *(good_posts(port, posts // 5, 700, split=split) for split in (False, False, True, True)),
        *(good_posts(port, posts // 10, 200_000, split=split) for split in (False, True)),
    )
    flat = [answer for each in answers for answer in each]
    failed = sum(status != b"200" for status, _ in flat)
    times = sorted(seconds * 1000 for _, seconds in flat)
    middle, high = times[len(times) // 2], times[len(times) * 99 // 100]
    sys.stdout.write(
        f"{name}: {len(flat)} posts, {failed / len(flat):.2%} not 200, p50 {middle:.1f} ms, p99 {high:.1f} ms\n"
    )


async def compare(port: int, arguments: argparse.Namespace) -> None:
    """Without, and with the attack."""
    await measure("quiet ", port, arguments.posts)
    async with slow_uploads(port, arguments.uploads, arguments.addresses):
        await measure("attack", port, arguments.posts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=240)
    parser.add_argument("--posts", type=int, default=500)
    parser.add_argument("--addresses", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder) / "kafka") as broker:
        ensure_topics_sync(broker.bootstrap, PARTITIONS, 1, -1)
        edge = EdgeProcess(Path(folder) / "edge", broker.bootstrap, {})
        try:
            asyncio.run(compare(edge.start().wait().port, arguments))
        finally:
            edge.close()


if __name__ == "__main__":
    main()
