"""Settings: one TOML file, overridable key by key from the environment. IO: reads that file.

Every key of a service section may be given as ACKSTREAM_<SECTION>_<KEY>, for example ACKSTREAM_INGEST_PORT=8001; the
environment wins. Secrets are never written in the file: `{ env = "NAME" }` or `{ file = "path" }` says where they are.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from schemas.errors import ConfigError
from schemas.settings import costs
from schemas.settings.authentication import Auth
from schemas.settings.brokers import BrokerList
from schemas.settings.section import Port, Secret, Section, Server, not_zero, words

DEFAULT_FILE = "ackstream.toml"
SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MIB = 1024 * 1024


class Ingest(Server):
    port: Port = 8000
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    # What providers call us by, for signatures made over the address: "https://hooks.example.com".
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")] = ""
    # Proxies whose X-Forwarded-For is believed: addresses or networks.
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(words)] = ()
    # Requests of one source, of one process; past it 429. 0 = no limit.
    source_per_second: Annotated[float, Field(ge=0)] = 0.0
    # Failed requests of one address that had none accepted within the hour; past it 429 before anything is read.
    strangers_per_minute: Annotated[int, Field(ge=0)] = 600
    # Of one process; past it a new connection is answered 503 and closed.
    max_connections: Annotated[int, Field(ge=1)] = 10_000
    max_body_bytes: Annotated[int, Field(ge=1024, le=4 * MIB)] = 4 * MIB
    # Bodies read but not yet stored, of one process; past it new ones are answered 503.
    max_in_flight_bytes: Annotated[int, Field(ge=4 * MIB)] = 64 * MIB
    # Meta counts answers over 1 s as slow and wants the median below 250 ms; a broker that needs longer is down.
    answer_within_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    # While Kafka is away bodies wait on the disk, in data_dir/spool; without a spool they are answered 503.
    spool: bool = True
    # What Kafka has not acknowledged by then goes to the spool.
    spool_after_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    # Of all processes together, and of the oldest body in it; past either bodies are answered 503.
    spool_max_bytes: Annotated[int, Field(ge=MIB)] = 1024 * MIB
    spool_max_age_hours: Annotated[float, Field(gt=0)] = 168.0


class Kafka(Section):
    bootstrap: BrokerList = BrokerList("127.0.0.1:9092")
    local: bool = True
    controller_port: Port = 9093
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    replication: Annotated[int, Field(ge=1, le=5)] = 1
    retention_days: Annotated[int, Field(ge=-1), AfterValidator(not_zero)] = 90


class ClickHouse(Section):
    url: str = "http://127.0.0.1:8123"
    local: bool = True
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "ackstream"
    user: str = "ackstream"
    password: Secret | None = None
    reader_user: str = "dashboards"
    reader_password: Secret | None = None
    max_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 4096 * MIB

    def client_options(self, *, reader: bool = False) -> dict[str, Any]:
        """What clickhouse-connect's client functions take; `reader` = as the read-only user. Reads the password."""
        url = urlsplit(self.url)
        secret = self.reader_password if reader else self.password
        return {
            "host": url.hostname or "127.0.0.1",
            "port": url.port or (8443 if url.scheme == "https" else 8123),
            "secure": url.scheme == "https",
            "username": self.reader_user if reader else self.user,
            "password": secret.read() if secret else "",
            "database": self.database,
            "autogenerate_session_id": False,  # sessions serialise their queries
        }


class Streams(Section):
    # An INSERT is sent at this many rows or this age, whichever comes first.
    insert_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    insert_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    commit_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    # Kafka refuses a session timeout under 6 s (group.min.session.timeout.ms).
    session_seconds: Annotated[float, Field(ge=6, le=300)] = 12.0
    # False: what people wrote (schemas.events.WRITTEN) stays in Kafka and never reaches ClickHouse.
    store_text: bool = True
    # A normalise worker stops when it cannot understand this share of the proven bodies of most sources; 0 = never.
    dead_share_limit: Annotated[float, Field(ge=0, le=1)] = 0.5
    normalise_workers: Annotated[int, Field(ge=1, le=64)] = 1
    load_workers: Annotated[int, Field(ge=1, le=64)] = 1


class Costs(Section):
    # Of all prices, ISO 4217; the bill of one account has one currency.
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    rates: tuple[costs.Rate, ...] = ()

    @field_validator("rates")
    @classmethod
    def _one_price_a_day(cls, rates: tuple[costs.Rate, ...]) -> tuple[costs.Rate, ...]:
        if twice := costs.double(rates):
            raise ValueError(f"two prices for {twice.category}, {twice.country} from {twice.valid_from}: keep one")
        return rates


class Dashboards(Server):
    """The page. It has no login: past loopback put a proxy with one in front, and name the proxy's hosts here."""

    port: Port = 8080
    # Names that a browser may call the page by, besides loopback's; empty and a host past loopback = any name.
    hosts: Annotated[tuple[str, ...], BeforeValidator(words)] = ()
    mask_phones: bool = True
    refresh_seconds: Annotated[int, Field(ge=2, le=3600)] = 30
    # Statements on ClickHouse at once, of everybody who looks; more wait.
    max_concurrent_queries: Annotated[int, Field(ge=1, le=64)] = 4
    query_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    # Rows of one panel on the page, and in one CSV file.
    max_rows: Annotated[int, Field(ge=100, le=50_000)] = 5_000
    max_csv_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 100_000


class Alerts(Section):
    """Rules that the page's process judges; without a webhook it shows them and tells nobody."""

    enabled: bool = True
    # Address of the receiver; those of chats hold a key, so it is treated as a secret.
    webhook: Secret | None = None
    # full: Alertmanager's form and a text; text: {"text": ...} alone, for chats that refuse other fields.
    form: Literal["full", "text"] = "full"
    check_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    # How long to wait for more of the same kind, so that they are one message.
    group_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    # What still fires is told again after so long; 0 = never.
    repeat_hours: Annotated[float, Field(ge=0, le=720)] = 12.0
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    # Of the page, as whoever reads a message reaches it; empty = the address that it listens at.
    page_url: Annotated[str, Field(pattern=r"^(https?://.+)?$")] = ""
    # Rules that are not wanted, by id; `ackstream alerts` lists them.
    disabled_rules: Annotated[tuple[str, ...], BeforeValidator(words)] = ()


class Source(Section):
    provider: str
    secrets: tuple[Secret, ...] = ()
    verify_tokens: tuple[Secret, ...] = ()
    sent_tokens: tuple[Secret, ...] = ()
    # What else, or instead, proves the sender.
    auth: Auth = Auth()
    # How to read the bodies, for a provider that leaves it to its sources; checked by that provider.
    mapping: dict[str, Any] | None = None
    # Instead of ingest.source_per_second.
    per_second: Annotated[float, Field(ge=0)] | None = None


class Config(Section):
    data_dir: Path = Path(".ackstream")
    # Folders with provider files of the user's own.
    providers: tuple[Path, ...] = ()
    ingest: Ingest = Ingest()
    kafka: Kafka = Kafka()
    clickhouse: ClickHouse = ClickHouse()
    streams: Streams = Streams()
    costs: Costs = Costs()
    dashboards: Dashboards = Dashboards()
    alerts: Alerts = Alerts()
    sources: dict[str, Source] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _source_names(self) -> Self:
        for name in self.sources:
            if not SOURCE_NAME.fullmatch(name):
                raise ValueError(
                    f"sources.{name}: a source is named in a URL: use a-z, 0-9, - and _, at most 63 characters"
                )
        return self


def find_file(env: Mapping[str, str] = os.environ) -> Path:
    """The settings file in force: ACKSTREAM_CONFIG, else ackstream.toml of the current folder."""
    return Path(env.get("ACKSTREAM_CONFIG") or DEFAULT_FILE).absolute()


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """The settings of `path` (default: `find_file()`), with the environment's overrides. Raises ConfigError."""
    path = (path or find_file(env)).absolute()
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: `make up` writes one, or set ACKSTREAM_CONFIG") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None
    return parse(text, path, env)


def parse(text: str, path: Path, env: Mapping[str, str]) -> Config:
    """The settings in `text`; relative paths are relative to the folder of `path`. Raises ConfigError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    raw.setdefault("data_dir", ".ackstream")
    _override(raw, env)
    _absolute_paths(raw, path.parent)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_sentence(path, problem) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _override(raw: dict[str, Any], env: Mapping[str, str]) -> None:
    if "ACKSTREAM_DATA_DIR" in env:
        raw["data_dir"] = str(Path(env["ACKSTREAM_DATA_DIR"]).absolute())
    for section, field in Config.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, Section)):
            continue
        for key in model.model_fields:
            value = env.get(f"ACKSTREAM_{section}_{key}".upper())
            if value is not None and model.model_fields[key].annotation != (Secret | None):
                raw.setdefault(section, {})[key] = value


def _absolute_paths(value: Any, folder: Path, key: str = "") -> Any:
    """Makes `data_dir`, `providers` and every `file = ...` below `value` absolute, in place."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "mapping" or "provider" not in value:  # a source's mapping holds the provider's words, no paths
                value[name] = _absolute_paths(item, folder, name)
    elif isinstance(value, list):
        return [_absolute_paths(item, folder, key) for item in value]
    elif isinstance(value, str) and key in ("data_dir", "file", "providers"):
        return str((folder / Path(value).expanduser()).absolute())
    return value


def _sentence(path: Path, problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "there is no such key: remove it or mend its spelling"
    return f"{path}: {key}: {text}" if key else f"{path}: {text}"
