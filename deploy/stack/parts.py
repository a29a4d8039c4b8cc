"""The parts of the stack as data: what starts each, where it listens, how long its stop may take. Pure but for reading
the files that tell whether a part has changed."""

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.cli import Failure
from deploy.stack.layout import Layout
from schemas.config import Config, Secret
from schemas.topics import DEAD, EVENTS, RAW

ROOT = Path(__file__).parents[2]
# Stands for the number of a process of a part with several.
INSTANCE = "{instance}"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Of a stop in order, before SIGKILL: ingest has 10 s for what it accepted, a worker finishes and commits a batch, Kafka
# and ClickHouse close their files.
STOP_SECONDS = {"kafka": 40, "clickhouse": 40, "ingest": 25, "normalise": 30, "load": 45}
STAGES = ("normalise", "load")


@dataclass(slots=True, frozen=True)
class Listener:
    """A port that a part takes, and the setting that says which."""

    host: str
    port: int
    setting: str
    variable: str


@dataclass(slots=True, frozen=True)
class Part:
    """`command` None = an outside service, only watched. A part restarts when `stamp` or anything else here changes.

    `reads` are the sections of the settings that the process itself loads: overrides of other sections are not its
    business and do not restart it.
    """

    name: str
    address: str
    command: tuple[str, ...] | None
    count: int = 1
    listeners: tuple[Listener, ...] = ()
    stamp: str = ""
    reads: tuple[str, ...] = ()


def parts(config: Config, layout: Layout, broker: Iterable[str]) -> list[Part]:
    """Every part in the order of the flow; `broker` is the command of the local Kafka. Raises Failure."""
    return [ingest(config, layout), kafka(config, broker), *workers(config, layout), clickhouse(config, layout)]


def kafka(config: Config, broker: Iterable[str]) -> Part:
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
    host, _, port = config.kafka.bootstrap.rpartition(":")
    if host not in LOOPBACK or not port.isdigit():
        raise Failure(
            f"kafka.bootstrap is {config.kafka.bootstrap!r}, and a local Kafka listens on 127.0.0.1 alone: "
            "write 127.0.0.1:<port>, or set kafka.local = false to use that one"
        )
    return int(port)


def clickhouse(config: Config, layout: Layout) -> Part:
    settings = config.clickhouse
    if not settings.local:
        return Part("clickhouse", settings.url, None)
    host, port = _clickhouse_address(settings.url)
    arguments = ["--data", str(layout.clickhouse), "--host", host, "--port", str(port), "--users", str(layout.users)]
    arguments += ["--max-memory-bytes", str(settings.max_memory_bytes)]
    listener = Listener(host, port, "clickhouse.url", "ACKSTREAM_CLICKHOUSE_URL")
    secrets = _secrets([settings.password, settings.reader_password])
    stamp = digest([*code("deploy/clickhouse"), settings.user, settings.reader_user, *secrets])
    return Part("clickhouse", settings.url, (*python(layout, "deploy.clickhouse"), *arguments), 1, (listener,), stamp)


def _clickhouse_address(url: str) -> tuple[str, int]:
    parsed = urlsplit(url)
    if parsed.scheme != "http" or parsed.hostname is None:
        raise Failure(
            f"clickhouse.url is {url!r}, and the local ClickHouse speaks http: write http://127.0.0.1:<port>, "
            "or set clickhouse.local = false to use that one"
        )
    return ("127.0.0.1" if parsed.hostname in LOOPBACK else parsed.hostname), parsed.port or 8123


def ingest(config: Config, layout: Layout) -> Part:
    settings = config.ingest
    command = (*python(layout, "deploy.cli"), "ingest", "--instance", INSTANCE)
    listener = Listener(settings.host, settings.port, "ingest.port", "ACKSTREAM_INGEST_PORT")
    address = f"http://{settings.host}:{settings.port}"
    stamp = digest([*code("ingest", "schemas"), settings.model_dump_json(), config.kafka.bootstrap, *_sources(config)])
    return Part("ingest", address, command, settings.processes, (listener,), stamp, ("ingest", "kafka"))


def workers(config: Config, layout: Layout) -> list[Part]:
    counts = {"normalise": config.streams.normalise_workers, "load": config.streams.load_workers}
    addresses = {"normalise": RAW.name, "load": f"{EVENTS.name}, {DEAD.name}"}
    secrets = _secrets([config.clickhouse.password])
    read = (config.streams, config.kafka, config.clickhouse)
    stamp = digest([*code("streams", "schemas"), *(section.model_dump_json() for section in read), *secrets])
    return [
        Part(
            stage,
            addresses[stage],
            (*python(layout, "deploy.cli"), "worker", stage, "--instance", INSTANCE),
            counts[stage],
            stamp=stamp,
            reads=("streams", "kafka", "clickhouse"),
        )
        for stage in STAGES
    ]


def python(layout: Layout, module: str) -> tuple[str, ...]:
    """This Python, running `module`, with a mark in its command line by which its processes can be found."""
    return (sys.executable, "-X", mark(layout), "-m", module)


def mark(layout: Layout) -> str:
    return f"ackstream={layout.key}"


def environment(part: Part, config_file: Path, layout: Layout, env: Mapping[str, str]) -> dict[str, str]:
    """What the part's processes get to know of the settings in force: the file and the overrides that concern it."""
    if not part.reads:
        return {}
    prefixes = tuple(f"ACKSTREAM_{section.upper()}_" for section in part.reads)
    overrides = {key: value for key, value in env.items() if key.startswith(prefixes)}
    fixed = {"ACKSTREAM_CONFIG": str(config_file), "ACKSTREAM_DATA_DIR": str(layout.root)}
    return dict(sorted({**overrides, **fixed}.items()))


def digest(facts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def code(*folders: str) -> list[str]:
    """Changes when a file that the processes have loaded changes, so that `up` after an upgrade restarts them."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".sql"))
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def _sources(config: Config) -> list[str]:
    found: list[str] = []
    for name, source in sorted(config.sources.items()):
        found += [name, source.provider, *_secrets([*source.secrets, *source.verify_tokens, *source.sent_tokens])]
    return found


def _secrets(found: Iterable[Secret | None]) -> list[str]:
    return [secret.read() if secret is not None else "" for secret in found]
