"""Settings: one TOML file, overridable key by key from the environment. IO: reads that file and the secrets it names.

Every key of a service section may be given as ACKSTREAM_<SECTION>_<KEY>, for example ACKSTREAM_INGEST_PORT=8001; the
environment wins. Secrets are never written in the file: `{ env = "NAME" }` or `{ file = "path" }` says where they are.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_FILE = "ackstream.toml"
SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MIB = 1024 * 1024

Port = Annotated[int, Field(ge=1, le=65535)]


class ConfigError(Exception):
    """One or more settings are wrong; each line names file, key and cure."""


def _not_zero(days: int) -> int:
    if days == 0:
        raise ValueError("0 would delete everything at once: give days, or -1 for ever")
    return days


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Secret(_Section):
    """Where a secret is: an environment variable or a file (relative to the settings file). Never the secret itself."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('a secret is not written here: use { env = "NAME" } or { file = "path" }')
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError('give exactly one of { env = "NAME" } and { file = "path" }')
        return self

    def read(self) -> str:
        """The secret. Raises ConfigError that says what is missing."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                raise ConfigError(f"the environment variable {self.env} is not set: set it to the secret")
            return value
        assert self.file is not None  # noqa: S101  (_one_place)
        try:
            value = self.file.read_text().strip()
        except OSError as error:
            raise ConfigError(f"{self.file}: cannot read the secret ({error.strerror}): write it there") from None
        if not value:
            raise ConfigError(f"{self.file} is empty: write the secret there")
        return value


class Ingest(_Section):
    host: str = "127.0.0.1"
    port: Port = 8000
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024, le=4 * MIB)] = 4 * MIB
    # Bodies read but not yet stored, of one process; past it new ones are answered 503.
    max_in_flight_bytes: Annotated[int, Field(ge=4 * MIB)] = 64 * MIB
    # Meta counts answers over 1 s as slow and wants the median below 250 ms; a broker that needs longer is down.
    answer_within_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0


class Kafka(_Section):
    bootstrap: str = "127.0.0.1:9092"
    local: bool = True
    controller_port: Port = 9093
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    replication: Annotated[int, Field(ge=1, le=5)] = 1
    retention_days: Annotated[int, Field(ge=-1), AfterValidator(_not_zero)] = 90


class ClickHouse(_Section):
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


class Streams(_Section):
    # An INSERT is sent at this many rows or this age, whichever comes first.
    insert_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    insert_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    commit_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    # Kafka refuses a session timeout under 6 s (group.min.session.timeout.ms).
    session_seconds: Annotated[float, Field(ge=6, le=300)] = 12.0
    normalise_workers: Annotated[int, Field(ge=1, le=64)] = 1
    load_workers: Annotated[int, Field(ge=1, le=64)] = 1


class Source(_Section):
    provider: str
    secrets: tuple[Secret, ...] = ()
    verify_tokens: tuple[Secret, ...] = ()
    sent_tokens: tuple[Secret, ...] = ()


class Config(_Section):
    data_dir: Path = Path(".ackstream")
    ingest: Ingest = Ingest()
    kafka: Kafka = Kafka()
    clickhouse: ClickHouse = ClickHouse()
    streams: Streams = Streams()
    sources: dict[str, Source] = {}

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
        if not (isinstance(model, type) and issubclass(model, _Section)):
            continue
        for key in model.model_fields:
            value = env.get(f"ACKSTREAM_{section}_{key}".upper())
            if value is not None and model.model_fields[key].annotation != (Secret | None):
                raw.setdefault(section, {})[key] = value


def _absolute_paths(value: Any, folder: Path, key: str = "") -> Any:
    """Makes `data_dir` and every `file = ...` below `value` absolute, in place."""
    if isinstance(value, dict):
        for name, item in value.items():
            value[name] = _absolute_paths(item, folder, name)
    elif isinstance(value, list):
        return [_absolute_paths(item, folder) for item in value]
    elif isinstance(value, str) and key in ("data_dir", "file"):
        return str((folder / Path(value).expanduser()).absolute())
    return value


def _sentence(path: Path, problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "there is no such key: remove it or mend its spelling"
    return f"{path}: {key}: {text}" if key else f"{path}: {text}"
