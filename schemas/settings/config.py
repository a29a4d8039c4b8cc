"""The settings as a whole: one TOML file, overridable key by key from the environment.

Every key of a service section may be given as ACKSTREAM_<SECTION>_<KEY>, for example ACKSTREAM_INGEST_PORT=8001; the
environment wins. Secrets are never written in the file: `{ env = "NAME" }` or `{ file = "path" }` says where they are.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from schemas.errors import ConfigError
from schemas.settings.base import Secret, Section
from schemas.settings.problems import sentence
from schemas.settings.sections import (
    SOURCE_NAME,
    Alerts,
    ClickHouse,
    Costs,
    Dashboards,
    Ingest,
    Kafka,
    Source,
    Streams,
)

DEFAULT_FILE = "ackstream.toml"

# The variable that gave the value of a key, by section and key.
Overrides = Mapping[tuple[str, ...], str]


class Config(Section):
    """All settings."""

    data_dir: Path = Path(".ackstream")
    # Folders with the user's own provider modules.
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
                    f"sources.{name}: the name is part of an address: use 1 to 63 of a-z, 0-9, - and _, "
                    "with a letter or a digit first"
                )
        return self


def find_file(env: Mapping[str, str] = os.environ) -> Path:
    """The path of the settings file: ACKSTREAM_CONFIG, else ackstream.toml in the current folder."""
    return Path(env.get("ACKSTREAM_CONFIG") or DEFAULT_FILE).absolute()


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """The settings of `path` (default: `find_file()`), with the environment's overrides. Raises ConfigError."""
    path = (path or find_file(env)).absolute()
    try:
        text = path.read_text("utf-8-sig")  # some editors begin a file with a byte-order mark
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist: run `make up`, which writes one, or set ACKSTREAM_CONFIG to your settings file"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8: save it in that encoding") from None
    return parse(text, path, env)


def parse(text: str, path: Path, env: Mapping[str, str]) -> Config:
    """The settings in `text`; relative paths are relative to the folder of `path`. Raises ConfigError."""
    raw = toml(text, path)
    raw.setdefault("data_dir", ".ackstream")
    overrides = _override(raw, env)
    try:
        _make_paths_absolute(raw, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(path, overrides, problem) for problem in error.errors())) from None


def toml(text: str, path: Path) -> dict[str, Any]:
    """The tables in `text`, which is that of `path`. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: its brackets are nested too deeply") from None
    except ValueError:  # a number of more digits than Python reads
        raise ConfigError(f"{path}: not valid TOML: a number is too long") from None


def _override(raw: dict[str, Any], env: Mapping[str, str]) -> Overrides:
    """Puts the values of the environment into `raw`. Secrets are not taken: a variable cannot hold where one is."""
    if "ACKSTREAM_DATA_DIR" in env:
        raw["data_dir"] = str(Path(env["ACKSTREAM_DATA_DIR"]).absolute())
    overrides: dict[tuple[str, ...], str] = {}
    for section, field in Config.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, Section)):
            continue
        for key in model.model_fields:
            variable = f"ACKSTREAM_{section}_{key}".upper()
            if variable in env and model.model_fields[key].annotation != (Secret | None):
                table = raw.setdefault(section, {})
                if isinstance(table, dict):
                    table[key] = env[variable]
                    overrides[section, key] = variable
    return overrides


def _make_paths_absolute(value: Any, folder: Path, key: str = "") -> Any:
    """Makes `data_dir`, `providers` and every `file = ...` below `value` absolute, in place."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "mapping" or "provider" not in value:  # a source's mapping holds the provider's words, no paths
                value[name] = _make_paths_absolute(item, folder, name)
    elif isinstance(value, list):
        return [_make_paths_absolute(item, folder, key) for item in value]
    elif isinstance(value, str) and key in ("data_dir", "file", "providers"):
        return _absolute(folder, key, value)
    return value


def _absolute(folder: Path, key: str, value: str) -> str:
    if "\0" in value:
        raise ConfigError(f"{key}: a path has no NUL character: remove it")
    try:
        return str((folder / Path(value).expanduser()).absolute())
    except RuntimeError:
        raise ConfigError(f"{key}: {value!r}: there is no such user: write the path in full") from None


def _line(path: Path, overrides: Overrides, problem: ErrorDetails) -> str:
    """One problem: the place of the value, what is wrong with it, what to do."""
    keys = tuple(str(part) for part in problem["loc"])
    text = sentence(problem, Config)
    if keys[:2] in overrides:
        return f"{overrides[keys[:2]]}: {text}"
    return f"{path}: {'.'.join(keys)}: {text}" if keys else f"{path}: {text}"
