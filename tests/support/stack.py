"""The whole way on real parts, in a folder of its own: Kafka, ClickHouse, ingest, workers. IO.

The one place that starts services for tests: a later switch to containers changes `Stack.start` of "kafka" and
"clickhouse" and nothing else. Every part is a process that can be killed, stopped and started again.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import clickhouse_connect
from aiokafka import AIOKafkaProducer

from deploy.admin.topics import ensure_topics_sync
from deploy.local.kafka.broker import Broker
from deploy.local.ports import free_ports
from deploy.local.worker_lag import lags
from schemas.metrics import INGEST_STORE_UP
from schemas.settings.config import Config, load
from streams.runtime.migrations import migrate
from tests.support import cli
from tests.support.waiting import wait_until

META_SECRET = "meta-" + secrets.token_hex(8)
WASENDER_SECRET = "wasender-" + secrets.token_hex(8)
TOKEN = "token-" + secrets.token_hex(8)

# All that stacks of tests have in common; what ingest does and which sources there are, each says itself.
COMMON = """
[kafka]
bootstrap = "{bootstrap}"
partitions = 4

[clickhouse]
url = "http://127.0.0.1:{clickhouse}"
password = {{ env = "TEST_CLICKHOUSE_PASSWORD" }}
reader_password = {{ env = "TEST_READER_PASSWORD" }}

[dashboards]
port = {dashboards}

[streams]
insert_seconds = 0.2
session_seconds = 10
"""
_INGEST = """
[ingest]
port = {ingest}
answer_within_seconds = 5
"""
_SOURCES = """
[sources.meta]
provider = "meta"
secrets = [{{ env = "TEST_META_SECRET" }}]
verify_tokens = [{{ env = "TEST_TOKEN" }}]
sent_tokens = [{{ env = "TEST_TOKEN" }}]

[sources.wasender]
provider = "wasender"
secrets = [{{ env = "TEST_WASENDER_SECRET" }}]
sent_tokens = [{{ env = "TEST_TOKEN" }}]

[sources.zapini]
provider = "zapini"
sent_tokens = [{{ env = "TEST_TOKEN" }}]
"""


class Stack:
    """Parts: kafka, clickhouse, ingest, normalise, load, and on demand analytics, dashboards."""

    def __init__(self, folder: Path, broker: Broker | None = None) -> None:
        """`broker` belongs to somebody else and is only used; without one the stack has its own."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._own_broker = broker is None
        self.broker = broker or Broker(folder / "kafka")
        self.ports = dict(zip(("ingest", "clickhouse", "dashboards"), free_ports(3), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['ingest']}"
        self.passwords = {"ackstream": secrets.token_hex(8), "dashboards": secrets.token_hex(8)}
        self._secrets = {
            "TEST_CLICKHOUSE_PASSWORD": self.passwords["ackstream"],
            "TEST_READER_PASSWORD": self.passwords["dashboards"],
            "TEST_META_SECRET": META_SECRET,
            "TEST_WASENDER_SECRET": WASENDER_SECRET,
            "TEST_TOKEN": TOKEN,
        }
        self.env = {**os.environ, "ACKSTREAM_CONFIG": str(folder / "ackstream.toml"), **self._secrets}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "ackstream.toml").write_text(
            (_INGEST + COMMON + _SOURCES).format(bootstrap=self.broker.bootstrap, **self.ports)
        )
        users = {name: {"password": word, "readonly": name == "dashboards"} for name, word in self.passwords.items()}
        (folder / "users.json").write_text(json.dumps(users))
        (folder / "users.json").chmod(0o600)
        self._client: Any = None

    @property
    def config(self) -> Config:
        """The settings; their secrets are in this process's environment too once `environ` was entered."""
        return load(self.folder / "ackstream.toml", self.env)

    def up(self) -> "Stack":
        """Starts what takes webhooks to the tables and waits until it works."""
        for part in ("kafka", "clickhouse", "ingest", "normalise", "load"):
            self.start(part)
        self.ready()
        return self

    def start(self, part: str) -> None:
        """Starts a part; Kafka and ClickHouse are waited for and made ready to use."""
        if part == "kafka":
            if not self.broker.running:
                self.broker.start()
            settings = self.config.kafka
            ensure_topics_sync(settings.bootstrap, settings.partitions, settings.replication, settings.retention_days)
        elif part == "clickhouse":
            self.start_clickhouse(tables=True)
        elif part in ("ingest", "dashboards"):
            self.spawn(part, "deploy.cli", part)
        else:
            self.spawn(
                part, "deploy.cli", "worker", part.partition("-")[0], "--instance", part.partition("-")[2] or "0"
            )

    def start_clickhouse(self, *, tables: bool) -> None:
        """Starts ClickHouse and waits for it; `tables` = with the migrations applied."""
        data, users, port = self.folder / "clickhouse", self.folder / "users.json", str(self.ports["clickhouse"])
        self.spawn(
            "clickhouse", "deploy.local.clickhouse_server", "--data", str(data), "--users", str(users), "--port", port
        )
        wait_until("ClickHouse answers /ping", lambda: self._read(f"http://127.0.0.1:{port}/ping")[0] == 200)
        if tables:
            with self.environ():
                migrate(self.config)

    def ready(self) -> None:
        """Waits until ingest can store and the workers have their partitions."""
        wait_until("ingest stores", self.stores)
        for stage in ("normalise", "load"):
            wait_until(f"{stage} is ready", partial(self.works, stage))

    def wait_until_loaded(self, seconds: float = 120.0) -> None:
        """Waits until the workers have committed everything that is in Kafka: every table and view has it then.

        A row in event_log proves nothing about the tables of its materialized views: they get their rows later in the
        same INSERT. The load worker commits when the INSERT has returned.
        """
        wait_until("everything is loaded", lambda: set(lags(self.broker.bootstrap).values()) == {0}, seconds)

    def stores(self) -> bool:
        """Whether ingest is connected to Kafka; /readyz says 200 before, because the spool takes bodies as well."""
        return f"{INGEST_STORE_UP.name} 1.0" in self._read(f"{self.url}/metrics")[1]

    def works(self, stage: str) -> bool:
        """Whether the worker has its partitions."""
        return bool(self.heartbeat(stage).get("ready"))

    def heartbeat(self, stage: str) -> dict[str, Any]:
        """What the worker last wrote of itself; empty when this very process has not written yet."""
        try:
            beat: dict[str, Any] = json.loads((self.config.data_dir / "run" / f"worker-{stage}-0.json").read_text())
        except FileNotFoundError:
            return {}
        return beat if beat["pid"] == self.processes[stage].pid else {}

    def kill(self, part: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal; SIGKILL and SIGTERM are waited for."""
        if part == "kafka":
            self.broker.kill() if sign == signal.SIGKILL else os.kill(self.broker.pid, sign)
            return
        os.kill(self.processes[part].pid, sign)
        if sign in (signal.SIGKILL, signal.SIGTERM):
            self.processes[part].wait(30)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `ackstream ...` on this stack, in this process: a process of its own costs a second of CPU each time."""
        own = {name: value for name, value in self.env.items() if os.environ.get(name) != value}
        with ThreadPoolExecutor(1) as pool:  # the test may be a coroutine, and a command runs an event loop of its own
            done = pool.submit(cli.run, *command, **own).result()
        assert not check or done.code == 0, done.stdout + done.stderr
        return subprocess.CompletedProcess(command, done.code, done.stdout, done.stderr)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """POSTs to ingest: status and body of the answer."""
        request = Request(self.url + path, data=body, headers=dict(headers or {}), method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    @property
    def client(self) -> Any:
        """A ClickHouse client of the full user."""
        if self._client is None:
            with self.environ():
                self._client = clickhouse_connect.get_client(**self.config.clickhouse.client_options())
        return self._client

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query as dicts."""
        return list(self.client.query(sql, parameters=parameters).named_results())

    @contextmanager
    def environ(self) -> Iterator[None]:
        """The stack's secrets in this process's environment."""
        before = {name: os.environ.get(name) for name in self._secrets}
        os.environ.update(self._secrets)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def down(self) -> None:
        """Ends everything that runs."""
        for process in self.processes.values():
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait(30)
        if self._own_broker:
            self.broker.stop()

    def logs(self, part: str) -> str:
        """What a part printed."""
        return (self.folder / f"{part}.log").read_text()

    def spawn(self, part: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], env=self.env, stdout=log, stderr=log
            )

    @staticmethod
    def _read(url: str) -> tuple[int, str]:
        """Status and text of a GET; status 0 when nobody answers."""
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310
                return int(answer.status), answer.read().decode()
        except HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""


def put(stack: Stack, records: Sequence[tuple[str, bytes | None, Mapping[str, Any]]]) -> None:
    """Writes (topic, value, headers) into partition 0 of each topic, in order."""

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=stack.broker.bootstrap, max_request_size=8 * 1024 * 1024)
        await producer.start()
        try:
            for topic, value, headers in records:
                encoded = [(name, word if word is None else word.encode()) for name, word in headers.items()]
                await producer.send(topic, value, key=b"k", partition=0, headers=encoded)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(write())
