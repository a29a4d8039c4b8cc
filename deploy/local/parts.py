"""The parts of the stack as data: what starts each, where it listens, how long its stop may take. Pure but for reading
the files that tell whether a part has changed."""

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
# Stands for the number of a process of a part with several.
INSTANCE = "{instance}"
_PART = "ackstream-part="
_LOADED = (".py", ".sql", ".html", ".css", ".js", ".svg")
# Of a stop in order, before SIGKILL: ingest has 10 s for what it accepted, a worker finishes and commits a batch,
# analytics and the page drop what they do, Kafka and ClickHouse close their files.
STOP_SECONDS = {
    "kafka": 40, "clickhouse": 40, "normalise": 30, "load": 45, "analytics": 15, "ingest": 25, "dashboards": 15,
}  # fmt: skip
STAGES = ("normalise", "load")
# Parts that listen on nothing: how they are stands in the files that they write every second.
WORKERS = (*STAGES, "analytics")
Reader = Callable[[Secret], str]


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

    `reads` are the sections, or single keys, of the settings that the process itself uses: overrides of others are not
    its business and do not restart it. `given` are the secrets, by variable, that it would read from the environment.
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
    """Every part in the order of the flow; `broker` is the command of the local Kafka. Raises Failure.

    `read` gives a secret; whoever only looks at the parts needs none, and may give anything.
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
            f"kafka.bootstrap is '{config.kafka.bootstrap}', and a local Kafka listens on 127.0.0.1 alone: "
            "write 127.0.0.1:<port>, or set kafka.local = false to use that one"
        )
    return port


def clickhouse(config: Config, layout: Layout, read: Reader) -> Part:
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
            f"clickhouse.url is {url!r}, and the local ClickHouse speaks http: write http://127.0.0.1:<port>, "
            "or set clickhouse.local = false to use that one"
        )
    return ("127.0.0.1" if parsed.hostname in LOOPBACK else parsed.hostname), parsed.port or 8123


def ingest(config: Config, layout: Layout, read: Reader) -> Part:
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
    counts = {"normalise": config.streams.normalise_workers, "load": config.streams.load_workers}
    addresses = {"normalise": f"{RAW.name}, {SENT.name}", "load": f"{EVENTS.name}, {DEAD.name}"}
    secrets = _those(config.clickhouse.password)
    facts = _told(config.streams, config.kafka, config.clickhouse)
    common = [*code("streams", "schemas"), *facts, *map(read, secrets)]
    # Which sources there are, and how each is read.
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
    """Makes the tables that dashboards read; looks at Kafka and at ingest's metrics too."""
    secrets = _those(config.clickhouse.password)
    facts = [*_told(config.streams, config.kafka, config.clickhouse, config.costs), config.ingest.url]
    stamp = digest([*code("streams", "schemas"), *facts, *sorted(config.sources), *map(read, secrets)])
    command = (*_program(layout, "analytics"), "worker", "analytics", "--instance", INSTANCE)
    reads = ("streams", "kafka", "clickhouse", "costs", "ingest.host", "ingest.port")
    return Part("analytics", "cohorts, rollups", command, 1, (), stamp, reads, _given(secrets, read))


def dashboards(config: Config, layout: Layout, read: Reader) -> Part:
    """The page. Of all secrets it is given two: the read-only user's password, and where alerts are sent."""
    settings = config.dashboards
    secrets = _those(config.clickhouse.reader_password, config.alerts.webhook)
    store = config.clickhouse.model_dump_json(include={"url", "database", "reader_user", "reader_password"})
    named = [f"{name}={source.provider}" for name, source in config.sources.items()]
    facts = [*_told(settings, config.alerts), store, config.costs.currency, *named, *map(read, secrets)]
    stamp = digest([*code("dashboards", "schemas"), *facts])
    listener = Listener(settings.host, settings.port, "dashboards.port", "ACKSTREAM_DASHBOARDS_PORT")
    command = (*_program(layout, "dashboards"), "dashboards")
    reads = ("dashboards", "alerts", "clickhouse", "costs.currency")
    return Part("dashboards", f"{settings.url}/", command, 1, (listener,), stamp, reads, _given(secrets, read))


def python(layout: Layout, part: str, module: str) -> tuple[str, ...]:
    """This Python, running `module`, with marks in its command line by which its processes can be found."""
    return (sys.executable, "-X", mark(layout), "-X", f"{_PART}{part}", "-m", module)


def java_marks(layout: Layout, part: str) -> tuple[str, ...]:
    """The same marks for a program of Java."""
    return (f"-D{mark(layout)}", f"-D{_PART}{part}")


def _program(layout: Layout, part: str) -> tuple[str, ...]:
    return (*python(layout, part, "deploy.cli.run_part"), str(layout.given(part)))


def mark(layout: Layout) -> str:
    return f"ackstream={layout.key}"


def whose(words: list[str]) -> tuple[str, int]:
    """The part and the number of a process with the command line `words`; no part when it does not tell."""
    part = next((word.partition(_PART)[2] for word in words if word.removeprefix("-D").startswith(_PART)), "")
    number = words[words.index("--instance") + 1] if "--instance" in words[:-1] else "0"
    return part, int(number) if number.isdigit() else 0


def environment(
    part: Part, config_file: Path, layout: Layout, env: Mapping[str, str], hidden: Iterable[str] = ()
) -> dict[str, str]:
    """What the part's processes get to know of the settings in force: the file and the overrides that concern it.

    `hidden` variables hold secrets and are not among them, whatever their name.
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
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


def code(*folders: str | Path) -> list[str]:
    """Changes when a file that the processes have loaded changes, so that `up` after an upgrade restarts them."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in _LOADED)
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def secret_variables(config: Config) -> frozenset[str]:
    """The environment variables that hold secrets."""
    found = [secret for source in config.sources.values() for secret in source_secrets(source)]
    found += _those(config.clickhouse.password, config.clickhouse.reader_password, config.alerts.webhook)
    return frozenset(secret.env for secret in found if secret.env is not None)


def source_secrets(source: Source) -> tuple[Secret, ...]:
    return (*source.secrets, *source.verify_tokens, *source.sent_tokens, *source.auth.all_secrets())


def _facts(name: str, source: Source, read: Reader) -> list[str]:
    """What ingest knows of a source; the places too, since a secret that moves to another variable is given anew."""
    return [name, source.model_dump_json(), *map(read, source_secrets(source))]


def _those(*found: Secret | None) -> list[Secret]:
    return [secret for secret in found if secret is not None]


def _told(*sections: BaseModel) -> list[str]:
    return [section.model_dump_json() for section in sections]


def _given(found: Iterable[Secret], read: Reader) -> dict[str, str]:
    return {secret.env: read(secret) for secret in found if secret.env is not None}
