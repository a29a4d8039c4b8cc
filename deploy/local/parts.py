"""The parts of the stack as data: command, listeners, time to stop, and the stamp whose change restarts a part."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from deploy.local.layout import Layout
from ingest.http.sources import LOOPBACK
from schemas.errors import Failure
from schemas.settings.base import Secret
from schemas.settings.config import Config
from schemas.settings.sections import Source
from schemas.topics import DEAD, EVENTS, RAW, SENT

ROOT = Path(__file__).parents[2]
# Placeholder for the number of a process.
INSTANCE = "{instance}"
_PART = "ackstream-part="
_LOADED = (".py", ".sql", ".html", ".css", ".js", ".svg")
# Seconds from SIGTERM to SIGKILL: ingest stores what it accepted (10 s), a worker finishes and commits a batch,
# analytics and the page drop their work, Kafka and ClickHouse close their files.
STOP_SECONDS = {
    "kafka": 40, "clickhouse": 40, "normalise": 30, "load": 45, "analytics": 15, "ingest": 25, "dashboards": 15,
}  # fmt: skip
STAGES = ("normalise", "load")
# Parts without a listener: their health is in the heartbeat files.
WORKERS = (*STAGES, "analytics")
Reader = Callable[[Secret], str]


@dataclass(slots=True, frozen=True)
class Listener:
    """A port that a part listens on, with the setting and the variable that choose it."""

    host: str
    port: int
    setting: str
    variable: str


@dataclass(slots=True, frozen=True)
class Part:
    """One part. `command` None: an external service that is only watched. A part restarts when any field changes.

    `reads`: the sections or keys of the settings that the process uses; overrides of other keys do not restart it.
    `given`: secrets from the environment of `up`, by variable.
    """

    name: str
    address: str
    command: tuple[str, ...] | None
    count: int = 1
    listeners: tuple[Listener, ...] = ()
    stamp: str = ""
    reads: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


def parts(config: Config, layout: Layout, broker: Iterable[str], read: Reader = Secret.read) -> list[Part]:
    """Every part in the order of the data flow; `broker` is the command of the local Kafka. Raises Failure.

    `read` returns the value of a secret; status commands need no values and pass a function that returns "".
    """
    return [
        ingest(config, layout, read),
        kafka(config, broker),
        *workers(config, layout, read),
        clickhouse(config, layout, read),
        analytics(config, layout, read),
        dashboards(config, layout, read),
    ]


def kafka(config: Config, broker: Iterable[str]) -> Part:
    """Kafka: the local broker, or a server of the user."""
    address = config.kafka.bootstrap
    if not config.kafka.local:
        return Part("kafka", address, None)
    port = kafka_port(config)
    listeners = (
        Listener("127.0.0.1", port, "kafka.bootstrap", "ACKSTREAM_KAFKA_BOOTSTRAP"),
        Listener("127.0.0.1", config.kafka.controller_port, "kafka.controller_port", "ACKSTREAM_KAFKA_CONTROLLER_PORT"),
    )
    return Part("kafka", address, tuple(broker), 1, listeners, digest([str(port), str(config.kafka.controller_port)]))


def kafka_port(config: Config) -> int:
    """The port of the local broker. Raises Failure when the address is not one of this machine."""
    (host, port), *others = config.kafka.bootstrap.addresses
    if host not in LOOPBACK or others:
        raise Failure(
            f"kafka.bootstrap is '{config.kafka.bootstrap}', but the local Kafka listens only on 127.0.0.1: "
            "write 127.0.0.1:<port>, or set kafka.local = false to use that server"
        )
    return port


def clickhouse(config: Config, layout: Layout, read: Reader) -> Part:
    """ClickHouse: the local engine, or a server of the user."""
    settings = config.clickhouse
    if not settings.local:
        return Part("clickhouse", settings.url, None)
    host, port = _clickhouse_address(settings.url)
    arguments = ["--data", str(layout.clickhouse), "--host", host, "--port", str(port), "--users", str(layout.users)]
    arguments += ["--max-memory-bytes", str(settings.max_memory_bytes)]
    listener = Listener(host, port, "clickhouse.url", "ACKSTREAM_CLICKHOUSE_URL")
    secrets = [read(secret) if secret else "" for secret in (settings.password, settings.reader_password)]
    stamp = digest([*code("deploy/local/clickhouse_server"), settings.user, settings.reader_user, *secrets])
    command = (*python(layout, "clickhouse", "deploy.local.clickhouse_server"), *arguments)
    return Part("clickhouse", settings.url, command, 1, (listener,), stamp)


def _clickhouse_address(url: str) -> tuple[str, int]:
    parsed = urlsplit(url)
    if parsed.scheme != "http" or parsed.hostname is None:
        raise Failure(
            f"clickhouse.url is {url!r}, but the local ClickHouse speaks http: write http://127.0.0.1:<port>, "
            "or set clickhouse.local = false to use that server"
        )
    return ("127.0.0.1" if parsed.hostname in LOOPBACK else parsed.hostname), parsed.port or 8123


def ingest(config: Config, layout: Layout, read: Reader) -> Part:
    """The ingest processes, with the secrets of all sources."""
    settings = config.ingest
    command = (*_program(layout, "ingest"), "ingest", "--instance", INSTANCE)
    listener = Listener(settings.host, settings.port, "ingest.port", "ACKSTREAM_INGEST_PORT")
    address = f"http://{settings.host}:{settings.port}"
    sources = [fact for name, source in sorted(config.sources.items()) for fact in _facts(name, source, read)]
    loaded = [*code("ingest", "schemas"), *code(*config.providers)]
    stamp = digest([*loaded, settings.model_dump_json(), config.kafka.bootstrap, *sources])
    given = _given([secret for source in config.sources.values() for secret in source_secrets(source)], read)
    return Part("ingest", address, command, settings.processes, (listener,), stamp, ("ingest", "kafka"), given)


def workers(config: Config, layout: Layout, read: Reader) -> list[Part]:
    """The normalise and load workers."""
    counts = {"normalise": config.streams.normalise_workers, "load": config.streams.load_workers}
    addresses = {"normalise": f"{RAW.name}, {SENT.name}", "load": f"{EVENTS.name}, {DEAD.name}"}
    secrets = _present(config.clickhouse.password)
    facts = _as_json(config.streams, config.kafka, config.clickhouse)
    common = [*code("streams", "schemas"), *facts, *map(read, secrets)]
    # The sources and their mappings.
    sources = [f"{name}={source.provider} {source.mapping}" for name, source in sorted(config.sources.items())]
    stamps = {"normalise": digest([*common, *sources, *code(*config.providers)]), "load": digest(common)}
    return [
        Part(
            stage,
            addresses[stage],
            (*_program(layout, stage), "worker", stage, "--instance", INSTANCE),
            counts[stage],
            stamp=stamps[stage],
            reads=("streams", "kafka", "clickhouse"),
            given=_given(secrets, read),
        )
        for stage in STAGES
    ]


def analytics(config: Config, layout: Layout, read: Reader) -> Part:
    """The analytics process: fills the tables of the dashboards from ClickHouse, Kafka and the metrics of ingest."""
    secrets = _present(config.clickhouse.password)
    facts = [*_as_json(config.streams, config.kafka, config.clickhouse, config.costs), config.ingest.url]
    stamp = digest([*code("streams", "schemas"), *facts, *sorted(config.sources), *map(read, secrets)])
    command = (*_program(layout, "analytics"), "worker", "analytics", "--instance", INSTANCE)
    reads = ("streams", "kafka", "clickhouse", "costs", "ingest.host", "ingest.port")
    return Part("analytics", "cohorts, rollups", command, 1, (), stamp, reads, _given(secrets, read))


def dashboards(config: Config, layout: Layout, read: Reader) -> Part:
    """The page. It gets two secrets: the password of the read-only user and the alert webhook."""
    settings = config.dashboards
    secrets = _present(config.clickhouse.reader_password, config.alerts.webhook)
    store = config.clickhouse.model_dump_json(include={"url", "database", "reader_user", "reader_password"})
    named = [f"{name}={source.provider}" for name, source in config.sources.items()]
    facts = [*_as_json(settings, config.alerts), store, config.costs.currency, *named, *map(read, secrets)]
    stamp = digest([*code("dashboards", "schemas"), *facts])
    listener = Listener(settings.host, settings.port, "dashboards.port", "ACKSTREAM_DASHBOARDS_PORT")
    command = (*_program(layout, "dashboards"), "dashboards")
    reads = ("dashboards", "alerts", "clickhouse", "costs.currency")
    return Part("dashboards", f"{settings.url}/", command, 1, (listener,), stamp, reads, _given(secrets, read))


def python(layout: Layout, part: str, module: str) -> tuple[str, ...]:
    """The command that runs `module` with this Python; marks in it identify the stack and the part."""
    return (sys.executable, "-X", mark(layout), "-X", f"{_PART}{part}", "-m", module)


def java_marks(layout: Layout, part: str) -> tuple[str, ...]:
    """The same marks as arguments of Java."""
    return (f"-D{mark(layout)}", f"-D{_PART}{part}")


def _program(layout: Layout, part: str) -> tuple[str, ...]:
    return (*python(layout, part, "deploy.cli.run_part"), str(layout.given(part)))


def mark(layout: Layout) -> str:
    """The word in the command lines of all processes of this data folder."""
    return f"ackstream={layout.key}"


def part_of(words: list[str]) -> tuple[str, int]:
    """Part and number of the process with the command line `words`; the part is "" without a mark."""
    part = next((word.partition(_PART)[2] for word in words if word.removeprefix("-D").startswith(_PART)), "")
    number = words[words.index("--instance") + 1] if "--instance" in words[:-1] else "0"
    return part, int(number) if number.isdigit() else 0


def environment(
    part: Part, config_file: Path, layout: Layout, env: Mapping[str, str], hidden: Iterable[str] = ()
) -> dict[str, str]:
    """The environment of a part's processes: the settings file, and those overrides in `env` that the part reads.

    `hidden` variables hold secrets and are left out.
    """
    if not part.reads:
        return {}
    names = {f"ACKSTREAM_{read.replace('.', '_').upper()}" for read in part.reads if "." in read}
    prefixes = tuple(f"ACKSTREAM_{read.upper()}_" for read in part.reads if "." not in read)
    heard = (key for key in env if (key in names or key.startswith(prefixes)) and key not in hidden)
    overrides = {key: env[key] for key in heard}
    fixed = {"ACKSTREAM_CONFIG": str(config_file), "ACKSTREAM_DATA_DIR": str(layout.root)}
    return dict(sorted({**overrides, **fixed}.items()))


def digest(facts: Iterable[str]) -> str:
    """A hash of `facts`: 16 hex digits."""
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def code(*folders: str | Path) -> list[str]:
    """Hashes of the files that a process loads, so that `up` restarts it after an upgrade."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in _LOADED)
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def secret_variables(config: Config) -> frozenset[str]:
    """The environment variables that hold secrets."""
    found = [secret for source in config.sources.values() for secret in source_secrets(source)]
    found += _present(config.clickhouse.password, config.clickhouse.reader_password, config.alerts.webhook)
    return frozenset(secret.env for secret in found if secret.env is not None)


def source_secrets(source: Source) -> tuple[Secret, ...]:
    """Every secret that the settings of a source name."""
    return (*source.secrets, *source.verify_tokens, *source.sent_tokens, *source.auth.all_secrets())


def _facts(name: str, source: Source, read: Reader) -> list[str]:
    """Everything that ingest reads of a source, including where its secrets are stored."""
    return [name, source.model_dump_json(), *map(read, source_secrets(source))]


def _present(*found: Secret | None) -> list[Secret]:
    return [secret for secret in found if secret is not None]


def _as_json(*sections: BaseModel) -> list[str]:
    return [section.model_dump_json() for section in sections]


def _given(found: Iterable[Secret], read: Reader) -> dict[str, str]:
    return {secret.env: read(secret) for secret in found if secret.env is not None}
