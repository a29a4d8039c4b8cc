"""Real processes of the edge, and the records that they stored in `wa.raw`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.local.ports import free_ports
from schemas.topics import RAW

META_SECRET = "meta-app-secret-7c1e"
META_OLD_SECRET = "meta-old-secret-03fa"
WASENDER_SECRET = "wasender-static-9d52"
VERIFY_TOKEN = "verify-token-51aa"
SENT_TOKEN = "sent-token-e077"
SECRETS = (META_SECRET, META_OLD_SECRET, WASENDER_SECRET, VERIFY_TOKEN, SENT_TOKEN)

SOURCES = """
[sources.meta]
provider = "meta"
secrets = [{ env = "T_META" }, { env = "T_META_OLD" }]
verify_tokens = [{ env = "T_VERIFY" }]
sent_tokens = [{ env = "T_SENT" }]

[sources.wasender]
provider = "wasender"
secrets = [{ env = "T_WASENDER" }]

[sources.twilio]
provider = "twilio"

[sources.open]
provider = "zapini"
"""
ENV = {
    "T_META": META_SECRET,
    "T_META_OLD": META_OLD_SECRET,
    "T_VERIFY": VERIFY_TOKEN,
    "T_SENT": SENT_TOKEN,
    "T_WASENDER": WASENDER_SECRET,
}
WAIT_SECONDS = 60.0

PARTITIONS = 4

Setting = str | int | float | bool | list[str]
T = TypeVar("T")


class EdgeProcess:
    """`ackstream ingest` with a settings file in `folder`; any number of instances. Ended by `close`."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        ingest: Mapping[str, Setting],
        sources: str = SOURCES,
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {json.dumps(value)}" for key, value in {"port": self.port, **ingest}.items()]
        text = "\n".join(["[ingest]", *lines, "[kafka]", f'bootstrap = "{bootstrap}"', sources])
        (folder / "ackstream.toml").write_text(text)
        self.env = {**os.environ, **ENV, "ACKSTREAM_CONFIG": str(folder / "ackstream.toml")}

    def start(self, instance: int = 0, command: Sequence[str] = ()) -> "EdgeProcess":
        """Starts a process; it need not be healthy yet. `command`: instead of `ackstream ingest`, for Python."""
        with self.log_file.open("ab") as log:
            arguments = command or ["-m", "deploy.cli", "ingest", "--instance", str(instance)]
            self.processes.append(subprocess.Popen([sys.executable, *arguments], env=self.env, stdout=log, stderr=log))
        return self

    def failed_start(self, instance: int = 0) -> str:
        """Starts a process that must end by itself with exit 1; returns its stderr."""
        command = [sys.executable, "-m", "deploy.cli", "ingest", "--instance", str(instance)]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        assert done.returncode == 1, done
        return done.stderr

    def wait(self, path: str = "/readyz", status: int = 200) -> "EdgeProcess":
        """Returns when `path` answers `status`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.status(path) != status:
            ended = [process.returncode for process in self.processes if process.poll() is not None]
            assert not ended, f"ended with {ended}: {self.log}"
            assert time.monotonic() < deadline, f"{path} never answered {status}: {self.log}"
            time.sleep(0.05)
        return self

    def status(self, path: str) -> int:
        """The status that `path` answers, 0 without an answer."""
        try:
            with urlopen(self.url + path, timeout=5) as answer:  # noqa: S310  (loopback)
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except (URLError, OSError):
            return 0

    @property
    def log_file(self) -> Path:
        return self.folder / "ingest.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def pid(self) -> int:
        return self.processes[-1].pid

    def memory(self) -> int:
        """Resident bytes of the process started last (Linux)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> list[int]:
        """Ends all processes with SIGTERM; returns their exit codes."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        try:
            return [process.wait(WAIT_SECONDS) for process in self.processes]
        finally:
            for process in self.processes:
                if process.poll() is None:
                    process.kill()


def partitions() -> list[TopicPartition]:
    """The partitions of `wa.raw`."""
    return [TopicPartition(RAW.name, number) for number in range(PARTITIONS)]


class RawTopic:
    """The records of `wa.raw` since `mark` was called last, all of them before that."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._next: dict[TopicPartition, int] = dict.fromkeys(partitions(), 0)
        self._found: list[ConsumerRecord] = []

    async def mark(self) -> "RawTopic":
        """From now on only later records count."""
        self._next = await self._with_consumer(lambda consumer: consumer.end_offsets(partitions()))
        self._found = []
        return self

    async def records(self) -> list[ConsumerRecord]:
        """Everything since the mark; a second call reads only what came since the first."""
        await self._with_consumer(self._read)
        return list(self._found)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        ends = await consumer.end_offsets(partitions())
        for partition, offset in self._next.items():
            consumer.seek(partition, offset)
        while [partition for partition in ends if await consumer.position(partition) < ends[partition]]:
            batch = await consumer.getmany(timeout_ms=200)
            self._found += [record for records in batch.values() for record in records]
            self._next = {partition: await consumer.position(partition) for partition in ends}

    async def _with_consumer(self, work: Callable[[AIOKafkaConsumer], Awaitable[T]]) -> T:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
        )
        await consumer.start()
        try:
            consumer.assign(partitions())
            return await work(consumer)
        finally:
            await consumer.stop()


def headers(record: ConsumerRecord) -> dict[str, str]:
    """The headers of a record as text; fails for a name that occurs twice."""
    found = {name: value.decode() for name, value in record.headers}
    assert len(found) == len(record.headers)
    return found
