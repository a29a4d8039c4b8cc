"""The stack as processes of this machine under a supervisor. IO: everything `up`, `down` and `status` do."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from deploy import java, kafka_broker, kafka_jars
from deploy.cli import Failure
from deploy.migrations import MigrationError, migrate
from deploy.stack import health, lag, leftovers, preflight, supervisor_conf
from deploy.stack.interface import Health, PartStatus, Report
from deploy.stack.layout import Layout
from deploy.stack.parts import STAGES, Part, environment, kafka_port, mark, parts
from deploy.stack.supervisor import Process, Supervisor
from deploy.topics import ensure_topics_sync
from schemas.config import Config, Secret

STORES = ("kafka", "clickhouse")
FLOW = (*STAGES, "ingest")
# A first start with cold caches takes 10 s; a worker that lost its disk reads all of its changelog again.
HEALTHY_SECONDS = {"kafka": 120.0, "clickhouse": 120.0, "ingest": 60.0, "normalise": 600.0, "load": 600.0}
# An outside service is there or it is not.
OUTSIDE_SECONDS = 10.0
# A part that has died so often while being waited for does not come up by itself.
_DEATHS = 3


class Local:
    """The services of one settings file; see interface.Stack."""

    def __init__(self, config: Config, file: Path, env: Mapping[str, str] = os.environ) -> None:
        self._config = config
        self._file = file
        self._env = env
        self._layout = Layout(config.data_dir)
        self._probes = health.probes(config)

    def start(self, report: Report) -> None:
        """Starts what does not run or has changed, in the order of what needs what."""
        self._layout.create()
        preflight.room(self._layout.root)
        with self._layout.lock():
            supervisor = Supervisor(self._layout)
            found = parts(self._config, self._layout, self._prepare_kafka(report))
            self._write_users()
            self._configure(supervisor, found)
            running = {process.part for process in supervisor.processes() if process.state in ("RUNNING", "STARTING")}
            preflight.free_listeners(part for part in found if part.command is not None and part.name not in running)
            self._bring_up(supervisor, found, STORES, report)
            self._prepare_stores(report)
            self._bring_up(supervisor, found, FLOW, report)

    def stop(self, report: Report) -> None:
        if not self._layout.supervisor_conf.exists():
            return
        with self._layout.lock():
            supervisor = Supervisor(self._layout)
            if supervisor.alive():
                report("stopping, at most as long as what was accepted needs to be stored ...")
                supervisor.shutdown()
            if leftovers.end(mark(self._layout)):
                report("ended processes that a killed supervisor had left behind")

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other ups, downs and cleans away."""
        return self._layout.lock()

    def status(self) -> list[PartStatus]:
        found = parts(self._config, self._layout, ())
        processes = Supervisor(self._layout).processes()
        behind = lag.lags(self._config.kafka.bootstrap)
        return [self._status(part, [p for p in processes if p.part == part.name], behind) for part in found]

    def _prepare_kafka(self, report: Report) -> list[str]:
        """The command of the local broker, with its storage and settings ready; empty when it is not local."""
        if not self._config.kafka.local:
            return []
        port, folder = kafka_port(self._config), self._layout.kafka
        found = java.find(self._env)
        if not kafka_jars.folder(self._env).is_dir():
            report("fetching Kafka (once, 44 MB) ...")
        jars = kafka_jars.ensure(found, self._env)
        kafka_broker.prepare(folder, port, self._config.kafka.controller_port, found.binary, jars)
        binary, *arguments = kafka_broker.command(folder, found.binary, jars)
        return [binary, f"-D{mark(self._layout)}", *arguments]

    def _write_users(self) -> None:
        """The users of the local ClickHouse; the file holds their passwords."""
        settings = self._config.clickhouse
        if not settings.local:
            return
        users = {settings.user: {"password": settings.password.read() if settings.password else "", "readonly": False}}
        if settings.reader_password:
            users[settings.reader_user] = {"password": settings.reader_password.read(), "readonly": True}
        part = self._layout.users.with_suffix(".new")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump(users, stream)
        part.replace(self._layout.users)

    def _configure(self, supervisor: Supervisor, found: list[Part]) -> None:
        """Makes the supervisor run and know the parts; stops those that changed. Starts none."""
        daemon = supervisor.daemon(_environment_secrets(self._config))
        conf = supervisor_conf.render(
            daemon, self._layout, found, lambda part: environment(part, self._file, self._layout, self._env)
        )
        if supervisor.alive() and not self._head_same(supervisor_conf.head(daemon, self._layout)):
            supervisor.shutdown()
        if not supervisor.alive():
            leftovers.end(mark(self._layout))
            supervisor.launch(conf)
            return
        added, changed, removed = supervisor.reload(conf)
        # As in a stop: workers that lose Kafka first would try in vain to end in order.
        for name in sorted([*changed, *removed], key=supervisor_conf.ORDER.index, reverse=True):
            supervisor.remove(name)
        for name in [*changed, *added]:
            supervisor.add(name)

    def _head_same(self, head: str) -> bool:
        return self._layout.supervisor_conf.read_text().startswith(head)

    def _prepare_stores(self, report: Report) -> None:
        kafka = self._config.kafka
        changes = ensure_topics_sync(kafka.bootstrap, kafka.partitions, kafka.replication, kafka.retention_days)
        if changes.created:
            report(f"topics created: {', '.join(changes.created)}")
        if changes.aligned:
            report(f"topics aligned with the settings: {', '.join(changes.aligned)}")
        try:
            applied = migrate(self._config)
        except MigrationError as error:
            raise Failure(str(error)) from None
        if applied:
            report(f"migrations applied: {', '.join(applied)}")

    def _bring_up(self, supervisor: Supervisor, found: list[Part], names: tuple[str, ...], report: Report) -> None:
        chosen = [part for part in found if part.name in names]
        for part in chosen:
            if part.command is not None:
                supervisor.start(part.name)
        for part in sorted(chosen, key=lambda part: names.index(part.name)):
            seconds = self._wait_healthy(supervisor, part)
            report(f"{part.name:<11} {part.address}" + (f"  ready in {seconds:.1f} s" if seconds > 1 else ""))

    def _wait_healthy(self, supervisor: Supervisor, part: Part) -> float:
        """Blocks until the part is healthy; the seconds it took. Raises Failure with the reason its log gives."""
        start = time.monotonic()
        limit = OUTSIDE_SECONDS if part.command is None else HEALTHY_SECONDS[part.name]
        seen: dict[int, set[int]] = {}
        while True:
            mine = [process for process in supervisor.processes() if process.part == part.name]
            if self._health(part, mine) == "ok":
                return time.monotonic() - start
            for process in mine:
                seen.setdefault(process.instance, set()).add(process.pid)
            deaths = max((len(pids - {0}) for pids in seen.values()), default=0)
            if deaths > _DEATHS or time.monotonic() - start > limit:
                raise Failure(self._unhealthy(part, mine))
            time.sleep(0.2)

    def _unhealthy(self, part: Part, mine: list[Process]) -> str:
        if part.command is None:
            return f"{part.name} at {part.address} does not answer: start it, or mend its address in {self._file}"
        sick = next((process for process in mine if not self._process_ok(part, process)), None)
        log = self._layout.log(part.name, sick.instance if sick else 0)
        beat = health.heartbeat(self._layout, part.name, sick.instance) if sick and part.name in STAGES else {}
        said = (sick and sick.trouble) or beat.get("last_error") or health.last_line(log) or "it said nothing"
        return f"{part.name} does not get healthy: {said} ({log})"

    def _health(self, part: Part, mine: list[Process]) -> Health:
        if part.command is not None:
            running = [process for process in mine if process.state in ("RUNNING", "STARTING")]
            if not running:
                return "down"
            if not all(self._process_ok(part, process) for process in mine):
                return "starting"
        probe = self._probes.get(part.name)
        if probe is None or probe():
            return "ok"
        return "down" if part.command is None else "starting"

    def _process_ok(self, part: Part, process: Process) -> bool:
        if process.state not in ("RUNNING", "STARTING"):
            return False
        return part.name not in STAGES or health.beats(
            health.heartbeat(self._layout, part.name, process.instance), process.pid
        )

    def _status(self, part: Part, mine: list[Process], behind: Mapping[str, int | None]) -> PartStatus:
        logs = [self._layout.log(part.name, process.instance) for process in mine]
        beats = [health.heartbeat(self._layout, part.name, process.instance) for process in mine if part.name in STAGES]
        told = [str(beat["last_error"]) for beat in beats if beat.get("last_error")]
        told += [error for log in logs if (error := health.last_error(log)) is not None]
        outside = part.command is None
        now = self._health(part, mine)
        return PartStatus(
            name=part.name,
            address=part.address,
            health=now,
            running=int(now == "ok") if outside else sum(process.pid > 0 for process in mine),
            wanted=part.count,
            pids=tuple(process.pid for process in mine if process.pid > 0),
            lag=behind.get(part.name),
            last_error=told[0] if told else None,
            log=None if outside else str(logs[0] if logs else self._layout.log(part.name, 0)),
        )


def _environment_secrets(config: Config) -> list[str]:
    """Secrets given by environment variables: processes inherit them from the supervisor, which is told once."""
    found: list[Secret | None] = [config.clickhouse.password, config.clickhouse.reader_password]
    for source in config.sources.values():
        found += [*source.secrets, *source.verify_tokens, *source.sent_tokens]
    return [secret.read() for secret in found if secret is not None and secret.env is not None]
