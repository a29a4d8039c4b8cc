"""Measures the whole way on real Kafka and ClickHouse: CPU time an event of each process, and how fresh rows are.

    python -m tests.bench.pipeline [--events 200000] [--rates 50,1000,3300] [--seconds 20]

First wa.raw is filled and each stage works through its backlog alone, so that its CPU time is that of the work. Then
signed webhooks are posted at fixed rates while every part runs; the freshness of an event is `stored_at - received_at`.
All parts share the machine with the broker, the engine and the client.
"""

import argparse
import asyncio
import hmac
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.worker_lag import lags
from schemas.topics import RAW
from streams.runtime.batch_producer import new_producer, wait_until_stored
from tests.bench.ingest import cpu_seconds, say
from tests.bench.streams import bodies
from tests.support.stack import META_SECRET, Stack
from tests.support.waiting import wait_until

PARTITIONS = 12
CONNECTIONS = 32
MEASURED = ("kafka", "ingest", "normalise", "load", "clickhouse")


@contextmanager
def services() -> Iterator[Stack]:
    """A stack with the product's default settings, of which Kafka and ClickHouse run."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        settings = stack.folder / "ackstream.toml"
        text = settings.read_text().replace("partitions = 4", f"partitions = {PARTITIONS}")
        settings.write_text(text.replace("insert_seconds = 0.2\n", ""))
        try:
            stack.start("kafka")
            stack.start("clickhouse")
            yield stack
        finally:
            stack.down()


def cpu_by_part(stack: Stack) -> dict[str, float]:
    """CPU seconds of every running part so far."""
    pids = {part: process.pid for part, process in stack.processes.items() if process.poll() is None}
    pids["kafka"] = stack.broker.pid
    return {part: cpu_seconds(pid) for part, pid in pids.items()}


async def fill_raw(bootstrap: str, raw: Sequence[bytes]) -> None:
    """Writes the bodies to wa.raw as ingest does, 100 a record batch."""
    producer = new_producer(bootstrap, "bench")
    await producer.start()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    words = {"provider": "meta", "source": "meta", "auth": "ok", "scheme": "hmac", "received_at": now}
    try:
        pending = []
        for start in range(0, len(raw), 100):
            batch = producer.create_batch()
            for number, body in enumerate(raw[start : start + 100], start):
                headers = [(name, word.encode()) for name, word in words.items()]
                headers.append(("request_id", f"{number:032x}".encode()))
                batch.append(key=None, value=body, timestamp=None, headers=headers)
            pending.append(await producer.send_batch(batch, RAW.name, partition=start // 100 % PARTITIONS))
        await wait_until_stored(pending)
    finally:
        await producer.stop()


def backlog(stack: Stack, count: int) -> None:
    """Prints the CPU time an event of each process for a backlog of `count` bodies, stage by stage."""
    asyncio.run(fill_raw(stack.broker.bootstrap, bodies(count)))
    total, wall = 0.0, 0.0
    for stage in ("normalise", "load"):
        stack.start(stage)
        wait_until(f"{stage} is ready", lambda stage=stage: stack.works(stage))  # type: ignore[misc]
        before, began = cpu_by_part(stack), time.monotonic()
        wait_until(f"{stage} is done", lambda stage=stage: lags(stack.broker.bootstrap)[stage] == 0, 600)  # type: ignore[misc]
        took, after = time.monotonic() - began, cpu_by_part(stack)
        spent = {part: (after[part] - before[part]) / count * 1e6 for part in after}
        total, wall = total + sum(spent.values()), wall + took
        parts = ", ".join(f"{part} {spent[part]:.1f}" for part in MEASURED if part in spent)
        say(f"{stage:10s} {sum(spent.values()):6.1f} us of CPU an event ({parts}); {count / took:,.0f}/s")
    say(f"both       {total:6.1f} us of CPU an event; {count / wall:,.0f}/s one after the other")


class _Poster(asyncio.Protocol):
    """One connection; `answered` counts its 200s."""

    def __init__(self, free: "asyncio.Queue[_Poster]") -> None:
        self._free = free
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._free.put_nowait(self)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"answered {data[:60]!r}")
        self.answered += 1
        self._free.put_nowait(self)


def request(port: int, body: bytes) -> bytes:
    """A signed webhook as it stands on the wire."""
    signature = hmac.digest(META_SECRET.encode(), body, "sha256").hex()
    head = (
        f"POST /webhooks/meta HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post_at(port: int, raw: Sequence[bytes], rate: float) -> float:
    """Posts each body at its time; returns how late the last one left, in seconds."""
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Poster] = asyncio.Queue()
    posters = [(await loop.create_connection(lambda: _Poster(free), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    requests = [request(port, body) for body in raw]
    began = loop.time()
    for number, wire in enumerate(requests):
        if (early := began + number / rate - loop.time()) > 0:
            await asyncio.sleep(early)
        (await free.get()).transport.write(wire)
    late = loop.time() - began - len(requests) / rate
    while sum(poster.answered for poster in posters) < len(requests):  # noqa: ASYNC110  (counted by callbacks)
        await asyncio.sleep(0.01)
    for poster in posters:
        poster.transport.close()
    return late


_FRESHNESS = """
SELECT quantilesExact(0.5, 0.95, 0.99, 1)(date_diff('ms', received_at, stored_at)) AS ms, count() AS events
FROM event_log WHERE received_at > {since:DateTime64(3)}
"""


def freshness(stack: Stack, rate: int, raw: Sequence[bytes]) -> None:
    """Prints the freshness at a rate, and the CPU that each process takes."""
    since: Mapping[str, Any] = {"since": datetime.now(UTC)}
    before, began = cpu_by_part(stack), time.monotonic()
    late = asyncio.run(post_at(stack.ports["ingest"], raw, rate))
    took, after = time.monotonic() - began, cpu_by_part(stack)
    stack.wait_until_loaded()
    (found,) = stack.query(_FRESHNESS, **since)
    p50, p95, p99, longest = found["ms"]
    parts = ", ".join(f"{part} {(after[part] - before[part]) / took:.2f}" for part in MEASURED)
    say(
        f"{rate:6,d}/s   p50 {p50:5d} ms   p95 {p95:5d} ms   p99 {p99:5d} ms   longest {longest:5d} ms   "
        f"{found['events']:,} events, the last left {late:.2f} s late; cores: {parts}"
    )


def main() -> int:
    """Prints one line for each stage and each rate."""
    parser = argparse.ArgumentParser(description="CPU time an event and freshness of the whole way.")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rates", default="50,1000,3300")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with services() as stack:
        backlog(stack, options.events)
        stack.start("ingest")
        stack.ready()
        sent = options.events
        for rate in (int(word) for word in options.rates.split(",") if word):
            count = int(rate * options.seconds)
            freshness(stack, rate, bodies(sent + count)[sent:])
            sent += count
    return 0


if __name__ == "__main__":
    sys.exit(main())
