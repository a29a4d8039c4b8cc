"""CPU time of the stream stages per event, as ratios against decoding and encoding the same bytes, in one run.

python -m tests.bench.streams [--events N] [--rounds N]
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import orjson
import rocksdict

from schemas.normalisation.raw_topic import normalise
from streams.load.lifecycle import apply_events, dumps

POSITION = {"topic": "wa.raw", "partition": 0, "offset": 0}
HEADERS = {"source": "shop", "provider": "meta", "received_at": "2026-11-20T12:00:00.123Z", "request_id": "0" * 32}
BATCH = 2000


def bodies(count: int) -> list[bytes]:
    """Meta status bodies of some 650 bytes: three statuses a message, interleaved over 500 messages."""
    made = []
    for number in range(count):
        message, word = number // 1500 * 500 + number % 500, ("sent", "delivered", "read")[number // 500 % 3]
        status = {
            "id": f"wamid.HBgMNTUxMTk5OTk{message:08d}FQIAERgSQ0Y1RjM4N0E0",
            "status": word,
            "timestamp": str(1_795_176_000 + number // 1000),
            "recipient_id": f"55119555{message % 100_000:05d}",
            "biz_opaque_callback_data": f"campaign={message // 1000}",
            "conversation": {"id": f"{message:032x}", "origin": {"type": "utility"}},
            "pricing": {"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"},
        }
        metadata = {"display_phone_number": "5511900001111", "phone_number_id": "700600500400300"}
        value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
        entry = {"id": "102030405060708", "changes": [{"value": value, "field": "messages"}]}
        made.append(orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]}))
    return made


def reference(raw: list[bytes]) -> None:
    """Decode and encode: what any consumer of these bodies pays."""
    for body in raw:
        orjson.dumps(orjson.loads(body))


def stage_one(raw: list[bytes]) -> list[bytes]:
    """Bodies to canonical events."""
    return [event.value for body in raw for event in normalise(HEADERS, body, POSITION)[0]]


def stage_two(events: list[bytes]) -> None:
    """Events to lifecycle states in RocksDB and rows, in batches as a worker gets them."""
    folder = Path(tempfile.mkdtemp())
    store = rocksdict.Rdict(str(folder / "db"), options=rocksdict.Options(raw_mode=True))

    def items_from(key: bytes) -> Iterable[tuple[bytes, bytes]]:
        return cast("Iterable[tuple[bytes, bytes]]", store.items(from_key=key))

    try:
        for start in range(0, len(events), BATCH):
            batch = [orjson.loads(event) for event in events[start : start + BATCH]]
            states, rows = apply_events(batch, store.get, items_from)
            write = rocksdict.WriteBatch(raw_mode=True)
            for key, state in states.items():
                write.put(key, dumps(state))
            store.write(write)
            for row in rows.values():
                orjson.dumps(row)
    finally:
        store.close()
        shutil.rmtree(folder)


def cpu(work: Callable[..., Any], argument: Any) -> float:
    """Seconds of CPU that the call takes, all threads."""
    start = time.process_time()
    work(argument)
    return time.process_time() - start


def main() -> int:
    """Prints the medians of the rounds."""
    parser = argparse.ArgumentParser(description="CPU time of the stream stages per event.")
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raw = bodies(options.events)
    events = stage_one(raw)
    measured: dict[str, list[float]] = {"reference": [], "normalise": [], "lifecycle": []}
    for _ in range(options.rounds):  # interleaved: a machine that slows down slows all three
        measured["reference"].append(cpu(reference, raw))
        measured["normalise"].append(cpu(stage_one, raw))
        measured["lifecycle"].append(cpu(stage_two, events))
    base = measured["reference"]
    sys.stdout.write(f"{options.events:,} events, median of {options.rounds} rounds\n")
    for name, seconds in measured.items():
        ratio = statistics.median(one / other for one, other in zip(seconds, base, strict=True))
        each = statistics.median(seconds) / options.events * 1e6
        sys.stdout.write(f"{name:10s} {each:7.1f} us of CPU an event   {ratio:5.1f} x decode + encode\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
