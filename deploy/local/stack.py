"""The stack as processes of this machine under a supervisor."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from deploy.admin.topics import ensure_topics_sync
from deploy.local import data_problems, leftovers, preflight, supervisor_conf, worker_lag
from deploy.local.interface import PartStatus, Report, StackStatus
from deploy.local.kafka import broker, jars, java
from deploy.local.layout import Layout, write_private
from deploy.local.parts import (
    WORKERS,
    Part,
    environment,
    java_marks,
    kafka_port,
    mark,
    part_of,
    parts,
    secret_variables,
)
from deploy.local.supervisor import Process, Supervisor
from deploy.local.watch import ALIVE, Watch
from ingest.storage import spool_folder
from schemas.errors import Failure
from schemas.process.waiting import wait_for
from schemas.settings.base import Secret
from schemas.settings.config import Config
from streams.runtime.migrations import migrate
from streams.runtime.schema_objects import restore

STORES = ("kafka", "clickhouse")
FLOW = (*WORKERS, "ingest", "dashboards")
# A first start with cold caches takes 10 s; a worker that lost its disk reads all of its changelog again.
HEALTHY_SECONDS = {
    "kafka": 120.0, "clickhouse": 120.0, "normalise": 600.0, "load": 600.0, "analytics": 120.0, "ingest": 60.0,
    "dashboards": 60.0,
}  # fmt: skip
# An outside service is there or it is not.
OUTSIDE_SECONDS = 10.0
GONE = "the supervisor is gone, so nothing watches over what still runs: `make up` takes over"
# A part that has died so often while being waited for does not come up by itself.
_DEATHS = 3


class Local:
    """The services of one settings file, as `interface.Stack` defines them."""

    def __init__(self, config: Config, file: Path, env: Mapping[str, str] = os.environ) -> None:
        self._config = config
        self._file = file
        self._env = env
        self._layout = Layout(config.data_dir)

    def start(self, report: Report) -> None:
        """Starts parts that do not run or have changed, in the order of their needs.

        Nothing that runs is stopped before all that can be checked has been; when a part fails to start, the others run
        on.
        """
        self._layout.create()
        preflight.room(self._layout.root)
        with self._layout.lock():
            supervisor = Supervisor(self._layout)
            before = self._recorded()
            running = {process.part for process in self._processes(supervisor) if process.state in ALIVE}
            self._preflight(before, running)
            found = parts(self._config, self._layout, self._prepare_kafka(report))
            watch = Watch(self._config, self._layout, _read(self._config.clickhouse.password))
            conf = self._render(supervisor, found)
            # What a killed supervisor has left is replaced, changed or not.
            settled = _unchanged(before, conf) & running if supervisor.alive() else set()
            self._check_settled(supervisor, watch, found, settled, report)
            self._write_secrets(found)
            self._configure(supervisor, conf)
            try:
                self._bring_up(supervisor, watch, found, STORES, report)
                self._prepare_stores(report)
                self._bring_up(supervisor, watch, found, FLOW, report)
            except Failure:
                for name in running:
                    supervisor.start(name)
                raise

    def stop(self, report: Report) -> None:
        """Stops everything in order, orphaned processes included."""
        if not self._layout.supervisor_conf.exists():
            return
        with self._layout.lock():
            supervisor = Supervisor(self._layout)
            if supervisor.alive():
                report("stopping; ingest stores what it has accepted first ...")
                supervisor.shutdown()
            if leftovers.end(mark(self._layout)):
                report("ended orphaned processes of a killed supervisor")

    def locked(self) -> AbstractContextManager[None]:
        """Holds the lock of up, down and clean."""
        return self._layout.lock()

    def status(self) -> StackStatus:
        """The status of every part and of the spool."""
        found = parts(self._config, self._layout, (), lambda _: "")
        supervisor = Supervisor(self._layout)
        processes = self._processes(supervisor)
        watch = Watch(self._config, self._layout, self._password_in_use())
        behind = worker_lag.lags(self._config.kafka.bootstrap)
        gone = bool(processes) and not supervisor.alive()
        place = spool_folder.folder(self._config.data_dir)
        return StackStatus(
            tuple(_status(watch, part, processes, behind) for part in found),
            GONE if gone else None,
            spool_folder.held(place),
            len(spool_folder.broken(place)),
            tuple(data_problems.sentences(self._config, worker_lag.deleted(self._config.kafka.bootstrap))),
        )

    def _processes(self, supervisor: Supervisor) -> list[Process]:
        """The processes of the supervisor; after it was killed, its orphaned processes."""
        if supervisor.alive():
            return supervisor.processes()
        found = [(pid, *part_of(words)) for pid, words in leftovers.command_lines(mark(self._layout))]
        return [Process(part, instance, "RUNNING", pid) for pid, part, instance in sorted(found)]

    def _recorded(self) -> supervisor_conf.Recorded:
        text = ""
        with suppress(OSError):
            text = self._layout.supervisor_conf.read_text()
        return supervisor_conf.recorded(text)

    def _preflight(self, before: supervisor_conf.Recorded, running: set[str]) -> None:
        """Checks settings, secrets and ports before anything changes. Raises Failure or ConfigError."""
        preflight.sources(self._config)
        wanted = [part for part in parts(self._config, self._layout, ()) if part.command is not None]
        preflight.free_listeners(wanted, {port for name in running for port in before.ports(name)})

    def _render(self, supervisor: Supervisor, found: list[Part]) -> str:
        hidden = secret_variables(self._config)
        return supervisor_conf.render(
            supervisor.daemon(),
            self._layout,
            found,
            lambda part: environment(part, self._file, self._layout, self._env, hidden),
        )

    def _check_settled(
        self, supervisor: Supervisor, watch: Watch, found: list[Part], settled: set[str], report: Report
    ) -> None:
        """Checks the stores that keep running or are external: they answer, and the topics fit."""
        stores = [part for part in found if part.name in STORES and (part.command is None or part.name in settled)]
        for part in stores:
            self._wait_healthy(supervisor, watch, part)
        if any(part.name == "kafka" for part in stores):
            self._prepare_topics(report)

    def _prepare_kafka(self, report: Report) -> list[str]:
        """The command of the local broker, with its storage and settings ready; empty when it is not local."""
        if not self._config.kafka.local:
            return []
        port, folder = kafka_port(self._config), self._layout.kafka
        found = java.find(self._env)
        if not jars.folder(self._env).is_dir():
            report("fetching Kafka (once, 44 MB) ...")
        class_path = jars.ensure(found, self._env)
        broker.prepare(folder, port, self._config.kafka.controller_port, found.binary, class_path)
        binary, *arguments = broker.command(folder, found.binary, class_path)
        return [binary, *java_marks(self._layout, "kafka"), *arguments]

    def _write_secrets(self, found: list[Part]) -> None:
        """Writes the secrets of this environment for the parts, and the users of the local ClickHouse."""
        for part in found:
            if part.reads:
                write_private(self._layout.given(part.name), json.dumps(part.given))
        settings = self._config.clickhouse
        if settings.local:
            users = {settings.user: {"password": _read(settings.password), "readonly": False}}
            if settings.reader_password:
                users[settings.reader_user] = {"password": settings.reader_password.read(), "readonly": True}
            write_private(self._layout.users, json.dumps(users))

    def _password_in_use(self) -> str:
        """The password of our ClickHouse user that the running workers have; this shell may have another or none."""
        secret = self._config.clickhouse.password
        if secret is None or secret.env is None:
            return _read(secret)
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._layout.given("load").read_text())[secret.env])
        return os.environ.get(secret.env, "")

    def _configure(self, supervisor: Supervisor, conf: str) -> None:
        """Starts the supervisor with the configuration of the parts and stops parts that changed. Starts no part."""
        if supervisor.alive() and self._recorded().head != supervisor_conf.recorded(conf).head:
            supervisor.shutdown()
        if not supervisor.alive():
            leftovers.end(mark(self._layout))
            supervisor.launch(conf, secret_variables(self._config))
            return
        added, changed, removed = supervisor.reload(conf)
        # As in a stop: workers that lose Kafka first would try in vain to end in order.
        for name in sorted([*changed, *removed], key=supervisor_conf.ORDER.index, reverse=True):
            supervisor.remove(name)
        for name in [*changed, *added]:
            supervisor.add(name)

    def _prepare_topics(self, report: Report) -> None:
        kafka = self._config.kafka
        changes = ensure_topics_sync(kafka.bootstrap, kafka.partitions, kafka.replication, kafka.retention_days)
        if changes.created:
            report(f"topics created: {', '.join(changes.created)}")
        if changes.grown:
            report(f"topics with more partitions: {', '.join(changes.grown)}")
        if changes.aligned:
            report(f"topics aligned with the settings: {', '.join(changes.aligned)}")

    def _prepare_stores(self, report: Report) -> None:
        self._prepare_topics(report)
        applied = migrate(self._config)
        if applied:
            report(f"migrations applied: {', '.join(applied)}")
        for line in restore(self._config):
            report(line)

    def _bring_up(
        self, supervisor: Supervisor, watch: Watch, found: list[Part], names: tuple[str, ...], report: Report
    ) -> None:
        chosen = [part for part in found if part.name in names]
        for part in chosen:
            if part.command is not None:
                supervisor.start(part.name)
        for part in sorted(chosen, key=lambda part: names.index(part.name)):
            seconds = self._wait_healthy(supervisor, watch, part)
            report(f"{part.name:<11} {part.address}" + (f"  ready in {seconds:.1f} s" if seconds > 1 else ""))

    def _wait_healthy(self, supervisor: Supervisor, watch: Watch, part: Part) -> float:
        """Blocks until the part is healthy; returns the seconds. Raises Failure with the reason from its log."""
        start = time.monotonic()
        limit = OUTSIDE_SECONDS if part.command is None else HEALTHY_SECONDS[part.name]
        seen: dict[int, set[int]] = {}
        mine: list[Process] = []

        def healthy() -> bool:
            nonlocal mine
            mine = [process for process in supervisor.processes() if process.part == part.name]
            if watch.health(part, mine) == "ok":
                return True
            for process in mine:
                seen.setdefault(process.instance, set()).add(process.pid)
            deaths = max((len(pids - {0}) for pids in seen.values()), default=0)
            if deaths > _DEATHS or any(process.circuit_open for process in mine):
                raise Failure(watch.why_unhealthy(part, mine, self._file))
            return False

        if not wait_for(healthy, limit, every=0.2):
            raise Failure(watch.why_unhealthy(part, mine, self._file))
        return time.monotonic() - start


def _unchanged(before: supervisor_conf.Recorded, conf: str) -> set[str]:
    """The parts that a supervisor with configuration `before` keeps running when it loads `conf`."""
    now = supervisor_conf.recorded(conf)
    same = {name for name, section in now.programs.items() if before.programs.get(name) == section}
    return same if before.head == now.head else set()


def _status(watch: Watch, part: Part, processes: list[Process], behind: Mapping[str, int | None]) -> PartStatus:
    return watch.status(part, [process for process in processes if process.part == part.name], behind.get(part.name))


def _read(secret: Secret | None) -> str:
    return secret.read() if secret else ""
