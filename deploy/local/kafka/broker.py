"""A single Kafka node on loopback without Docker: settings, storage, command line.

The supervisor of the local stack and the tests start the same broker from here.
"""

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy import blocking
from deploy.local import ports
from deploy.local.kafka import jars, java
from schemas.errors import Failure
from schemas.process.waiting import wait_for
from schemas.settings.brokers import BrokerList
from schemas.topics import PRODUCE_MAX_BYTES

HOST = "127.0.0.1"
# 355 MB resident at rest with these; 512 MB holds batches of the largest bodies.
HEAP = ("-Xms256m", "-Xmx512m")
JVM = (
    *HEAP,
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
START_SECONDS = 90.0
STOP_SECONDS = 30.0

# To standard output: the supervisor stores and rotates it. INFO would be thousands of lines.
LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.started.name = kafka.server.KafkaRaftServer
logger.started.level = info
logger.slow.name = org.apache.kafka.controller.EventPerformanceMonitor
logger.slow.level = off
"""


def properties(log_dir: Path, port: int, controller_port: int) -> dict[str, str]:
    """The settings of the only node of a cluster."""
    mib = 1024 * 1024
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log_dir),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(PRODUCE_MAX_BYTES),
        "replica.fetch.max.bytes": str(PRODUCE_MAX_BYTES),
        # One node cannot hold the three replicas of the default; few partitions keep the start short.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "2",
        # 3 s of waiting for more members at each first join otherwise.
        "group.initial.rebalance.delay.ms": "0",
        # Ten years. After the default of 7 days a stopped stack would lose its committed offsets.
        "offsets.retention.minutes": "5256000",
        # After a crash the controller rejects the node until this time has passed (default 9 s).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # There is no replica: a power cut may lose one second, not the 30 s of the page cache.
        "log.flush.interval.ms": "1000",
        "log.flush.scheduler.interval.ms": "1000",
        # Of the heap above; holds the keys of any segment of a compacted topic (see deploy/admin/topics.py).
        "log.cleaner.dedupe.buffer.size": str(64 * mib),
    }


def render(settings: dict[str, str]) -> str:
    """`settings` as a Java properties file, in which a backslash escapes."""
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in settings.items())


def command(folder: Path, binary: Path, jars: Path) -> list[str]:
    """The command that starts the broker whose files `prepare` wrote into `folder`."""
    return [*_java(folder, binary, jars), "kafka.Kafka", str(folder / "server.properties")]


def prepare(folder: Path, port: int, controller_port: int, binary: Path, jars: Path) -> None:
    """Writes the settings into `folder` and formats its storage if that was never done. Raises Failure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log4j2.properties").write_text(LOGGING)
    (folder / "server.properties").write_text(render(properties(folder / "log", port, controller_port)))
    if not (folder / "log").exists():
        _format(folder, port, controller_port, binary, jars)


async def answers(bootstrap: str, seconds: float = 3.0) -> bool:
    """Whether a broker answers and is in service (registered and not fenced)."""
    if not any(ports.accepts(host, port, seconds) for host, port in BrokerList(bootstrap).addresses):
        return False
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(seconds * 1000))
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await client.close()


def _java(folder: Path, binary: Path, jars: Path) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    return [str(binary), *JVM, logging, "-cp", f"{jars}/*"]


def _format(folder: Path, port: int, controller_port: int, binary: Path, jars: Path) -> None:
    """Formats a folder beside `log` and renames it: storage is formatted wholly or not at all."""
    part = folder / "log.new"
    shutil.rmtree(part, ignore_errors=True)
    settings = folder / "format.properties"
    settings.write_text(render(properties(part, port, controller_port)))
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [
        *_java(folder, binary, jars),
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster}",
        "-c",
        str(settings),
    ]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no output"]
        raise Failure(f"{folder}: Kafka's storage could not be formatted: {lines[-1]}")
    settings.unlink()
    part.rename(folder / "log")


class Broker:
    """A broker for tests: free ports, storage in `folder`, can be killed.

    `start` and `restart` return when it answers. Not for production: nothing restarts it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._controller_port = ports.free_ports(2)
        self.bootstrap = f"{HOST}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; `start` comes first."""
        assert self._process is not None  # noqa: S101  (start comes first)
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Starts the broker and waits until it answers. Raises RuntimeError with the end of its log."""
        found = java.find()
        class_path = jars.ensure(found)
        self._prepare(found.binary, class_path)
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command(self.folder, found.binary, class_path), stdout=log, stderr=log, start_new_session=True
            )
        self._wait_ready()
        return self

    def _prepare(self, binary: Path, jars: Path) -> None:
        prepare(self.folder, self.port, self._controller_port, binary, jars)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait_end()

    def stop(self) -> None:
        """Stops it by SIGTERM; does nothing when it has ended already."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                self._wait_end()
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self) -> Self:
        """Stops it if it runs, then starts it on the same ports and storage."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_end(self) -> None:
        assert self._process is not None  # noqa: S101
        self._process.wait(STOP_SECONDS)

    def _wait_ready(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101
        wait_for(lambda: blocking.run(answers(self.bootstrap)) or process.poll() is not None, START_SECONDS)
        if process.poll() is not None or not blocking.run(answers(self.bootstrap)):
            self.stop()
            raise RuntimeError(f"Kafka did not start:\n{(self.folder / 'broker.log').read_text()[-2000:]}")
