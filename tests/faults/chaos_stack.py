"""A stack whose links are proxies and whose parts are restarted when they end, as a supervisor does."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from deploy.local.kafka.broker import HOST, Broker
from deploy.local.ports import free_ports
from tests.faults.plan import LINKS, PARTS, SOURCES
from tests.faults.proxy import Proxies
from tests.support.stack import COMMON, Stack

_INGEST = """
[ingest]
port = {ingest}
"""
_SOURCE = """
[sources.{name}]
provider = "{provider}"
secrets = [{{ env = "CHAOS_OLD_{number}" }}, {{ env = "CHAOS_NEW_{number}" }}]
sent_tokens = [{{ env = "TEST_TOKEN" }}]
"""
_WATCH_SECONDS = 0.3
# The pause of the supervisor of `make up` before a restart.
_PAUSE_SECONDS = 1.0


def provider_of(source: str) -> str:
    """The provider in the name of a source."""
    return source.split("-")[1]


class ProxiedBroker(Broker):
    """A broker with one listener per group of clients; it advertises the address of the group's proxy."""

    def __init__(self, folder: Path, proxies: Proxies) -> None:
        super().__init__(folder)
        self._ports = dict(zip(("INGEST", "WORKERS"), free_ports(2), strict=True))
        self.proxies = {name: proxies.to(port) for name, port in self._ports.items()}

    def _prepare(self, binary: Path, jars: Path) -> None:
        super()._prepare(binary, jars)
        with (self.folder / "server.properties").open("a") as file:  # the last line of a name counts
            file.write(self._listeners())

    def _listeners(self) -> str:
        real = {"PLAINTEXT": self.port, **self._ports}
        advertised = {"PLAINTEXT": self.port, **{name: proxy.port for name, proxy in self.proxies.items()}}
        protocols = ["CONTROLLER", *real]
        return (
            f"listeners=CONTROLLER://{HOST}:{self._controller_port},{_addresses(real)}\n"
            f"advertised.listeners={_addresses(advertised)}\n"
            f"listener.security.protocol.map={','.join(f'{name}:PLAINTEXT' for name in protocols)}\n"
        )


def _addresses(listeners: dict[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in listeners.items())


class ChaosStack(Stack):
    """The parts and their links by name. Whoever starts or kills a part must hold its lock."""

    def __init__(self, folder: Path, proxies: Proxies) -> None:
        super().__init__(folder)
        self.broker: ProxiedBroker = ProxiedBroker(folder / "kafka", proxies)
        blocks = [
            _SOURCE.format(name=name, provider=provider_of(name), number=number) for number, name in enumerate(SOURCES)
        ]
        settings = (_INGEST + COMMON).format(bootstrap=self.broker.bootstrap, **self.ports)
        (folder / "ackstream.toml").write_text(settings + "".join(blocks))
        self._secrets |= {
            f"CHAOS_{age}_{number}": f"{age.lower()}-{secrets.token_hex(8)}"
            for number in range(len(SOURCES))
            for age in ("OLD", "NEW")
        }
        self.env |= self._secrets
        clickhouse = proxies.to(self.ports["clickhouse"])
        kafka = self.broker.proxies
        self.links = dict(zip(LINKS, (kafka["INGEST"], kafka["WORKERS"], clickhouse), strict=True))
        self._addresses = {
            "ingest": {"ACKSTREAM_KAFKA_BOOTSTRAP": f"{HOST}:{kafka['INGEST'].port}"},
            "workers": {
                "ACKSTREAM_KAFKA_BOOTSTRAP": f"{HOST}:{kafka['WORKERS'].port}",
                "ACKSTREAM_CLICKHOUSE_URL": f"http://{HOST}:{clickhouse.port}",
            },
        }
        # The holder of a lock may stop that part or link, and must restore it.
        self.locks = {name: threading.Lock() for name in (*PARTS, *LINKS, "wa.raw", "more normalise", "more load")}
        self.restarts: Counter[str] = Counter()  # of parts that ended by themselves
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher")

    def run(self, *command: str, check: bool = True, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Runs `ackstream ...` in a process of its own: the other threads of the chaos run print meanwhile."""
        arguments = [sys.executable, "-m", "deploy.cli", *command]
        done = subprocess.run(arguments, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start_all(self) -> None:
        """Starts all parts, waits until they work, and restarts them from then on when they end."""
        self.up().start("analytics")
        self._watcher.start()

    def spawn(self, part: str, module: str, *arguments: str) -> None:
        role = part.partition("-")[0]
        links = {} if role == "clickhouse" else self._addresses["ingest" if role == "ingest" else "workers"]
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], env={**self.env, **links}, stdout=log, stderr=log
            )

    def _watch(self) -> None:
        while not self._closing.wait(_WATCH_SECONDS):
            for part in PARTS:
                if self.locks[part].acquire(blocking=False):  # a fault holds it otherwise
                    try:
                        self._restart_if_ended(part)
                    finally:
                        self.locks[part].release()

    def _restart_if_ended(self, part: str) -> None:
        process = self.processes.get(part)
        if process is not None and process.poll() is not None:
            self.restarts[part] += 1
            if not self._closing.wait(_PAUSE_SECONDS):
                self.restart(part)

    def restart(self, part: str) -> None:
        """Starts a part that has ended."""
        if part == "kafka":
            self.broker.start()
        elif part == "clickhouse":
            self.start_clickhouse(tables=False)
        else:
            self.start(part)

    def stop(self, part: str, sign: signal.Signals) -> None:
        """Sends a signal and waits for the end of the part, which is killed after half a minute."""
        with contextlib.suppress(ProcessLookupError):
            try:
                self.broker.stop() if part == "kafka" and sign == signal.SIGTERM else self.kill(part, sign)
            except subprocess.TimeoutExpired:
                self.restarts[f"{part} (no end after TERM)"] += 1
                self.kill(part, signal.SIGKILL)

    def pid(self, part: str) -> int:
        """The process id of a part."""
        return self.broker.pid if part == "kafka" else self.processes[part].pid

    def stop_watching(self) -> None:
        """From now on nothing is restarted."""
        self._closing.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def close(self) -> None:
        """Ends everything that was started here."""
        self.stop_watching()
        with contextlib.suppress(ProcessLookupError, AssertionError):
            os.kill(self.broker.pid, signal.SIGCONT)
        self.down()
