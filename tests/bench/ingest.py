"""Measures the edge: verify and store in a real Kafka, against a bare aiohttp handler in the same run.

    python -m tests.bench.ingest [--seconds 4] [--rounds 3] [--connections 64]

Both servers are processes of their own, loaded in turn by the same closed-loop client (another process) with signed
670-byte bodies. What counts is the ratio, and the CPU time a request: requests per second depend on the machine and on
what else runs there.
"""

import argparse
import asyncio
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import uvloop
from aiohttp import web

from deploy.admin.topics import ensure_topics_sync
from deploy.local.kafka.broker import Broker
from deploy.local.ports import free_ports

SECRET = "bench-secret"
BODY_BYTES = 670
START_SECONDS = 30.0


def signed_request(port: int) -> bytes:
    """One webhook as it stands on the wire."""
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "pad": ""}]})
    body = body.replace('"pad": "', '"pad": "' + "x" * (BODY_BYTES - len(body)))
    signature = hmac.digest(SECRET.encode(), body.encode(), "sha256").hex()
    head = (
        f"POST /webhooks/bench HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        f"Content-Length: {BODY_BYTES}\r\n\r\n"
    )
    return (head + body).encode()


class _Client(asyncio.Protocol):
    """Sends the next request when the answer to the last one is there."""

    def __init__(self, request: bytes, counts: dict[bytes, int]) -> None:
        self._request = request
        self._counts = counts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        status = data[9:12]
        self._counts[status] = self._counts.get(status, 0) + 1
        self._transport.write(self._request)


async def load(port: int, connections: int, seconds: float) -> dict[bytes, int]:
    """Answers by status that `connections` clients got in `seconds`."""
    counts: dict[bytes, int] = {}
    loop = asyncio.get_running_loop()
    request = signed_request(port)
    made = [
        await loop.create_connection(lambda: _Client(request, counts), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    counts.clear()
    await asyncio.sleep(seconds)
    done = dict(counts)
    for transport, _ in made:
        transport.close()
    return done


async def reference(port: int) -> None:
    """Reads the body and answers 200: what aiohttp costs by itself."""

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks/bench", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(command: list[str], port: int, path: str, env: dict[str, str]) -> Iterator[int]:
    """Runs a server; its pid once `path` answers."""
    process = subprocess.Popen([sys.executable, "-m", *command], env=env)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"{command} did not start")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):  # noqa: S310  (loopback)
            return True
    except OSError as error:
        return getattr(error, "code", 0) in (404, 405)


def measure(pid: int, port: int, arguments: argparse.Namespace) -> tuple[float, float]:
    """Requests a second and CPU microseconds a request of one round."""
    command = [sys.executable, "-m", "tests.bench.ingest", "--seconds", str(arguments.seconds)]
    command += ["--connections", str(arguments.connections), "--load", str(port)]
    before = cpu_seconds(pid)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = cpu_seconds(pid) - before
    counts = json.loads(done.stdout)
    if set(counts) != {"200"}:
        raise SystemExit(f"answers other than 200: {counts}")
    # The load lasts half a second longer than it is counted.
    return counts["200"] / arguments.seconds, spent / (arguments.seconds + 0.5) / (
        counts["200"] / arguments.seconds
    ) * 1e6


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    """Both servers in turn, `rounds` times."""
    ingest_port, reference_port = free_ports(2)
    with Broker(folder / "kafka") as broker:
        ensure_topics_sync(broker.bootstrap, 12, 1, -1)
        settings = folder / "ackstream.toml"
        settings.write_text('[sources.bench]\nprovider = "meta"\nsecrets = [{ env = "BENCH_SECRET" }]\n')
        env = os.environ | {
            "ACKSTREAM_CONFIG": str(settings),
            "ACKSTREAM_INGEST_PORT": str(ingest_port),
            "ACKSTREAM_KAFKA_BOOTSTRAP": broker.bootstrap,
            "BENCH_SECRET": SECRET,
        }
        bare = ["tests.bench.ingest", "--reference", str(reference_port)]
        with (
            server(["deploy.cli", "ingest"], ingest_port, "/readyz", env) as ours,
            server(bare, reference_port, "/", env) as theirs,
        ):
            say(f"{arguments.connections} connections, {BODY_BYTES}-byte signed bodies, acks=all")
            for _ in range(arguments.rounds):
                rate, cost = measure(ours, ingest_port, arguments)
                bare_rate, bare_cost = measure(theirs, reference_port, arguments)
                say(
                    f"verify and store {rate:7.0f}/s {cost:5.0f} us CPU | bare handler {bare_rate:7.0f}/s "
                    f"{bare_cost:5.0f} us CPU | {rate / bare_rate:.2f} of its rate, {cost / bare_cost:.2f} of its CPU"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--reference", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reference:
        uvloop.run(reference(arguments.reference))
    elif arguments.load:
        counts = uvloop.run(load(arguments.load, arguments.connections, arguments.seconds))
        say(json.dumps({status.decode(): number for status, number in counts.items()}))
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(arguments, Path(folder))


if __name__ == "__main__":
    main()
