"""The set-up that `ackstream explain` uses: of a provider, of a mapping, or of a source of the settings."""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from schemas.authentication import policy
from schemas.authentication.secrets import read_secrets
from schemas.errors import ConfigError
from schemas.normalisation.explain import Setup
from schemas.parsing.json_text import dumps, loads
from schemas.providers import base, registry
from schemas.providers.registry import Formats
from schemas.settings.config import Config, find_file, load, toml
from schemas.settings.sections import Source


class Setups:
    """Set-ups by name. `settings`: the file to read, None = the current one; it is read only when it is needed."""

    def __init__(self, settings: Path | None) -> None:
        self._settings = settings
        self._sources: dict[str, tuple[str, Setup]] = {}
        self._providers: dict[str, Setup] = {}

    def of_source(self, name: str) -> tuple[str, Setup]:
        """The name of the source's provider, and its set-up. Raises ConfigError."""
        if name not in self._sources:
            source = self._config.sources.get(name)
            if source is None:
                names = ", ".join(self._config.sources) or "none"
                raise ConfigError(f"the settings have no source {name!r}, only {names}")
            self._sources[name] = source.provider, self._set_up(name, source)
        return self._sources[name]

    def of_provider(self, name: str, mapping: Mapping[str, Any] | None = None) -> Setup:
        """The provider's own set-up, or one with a mapping. Raises ConfigError, and ValueError for a wrong mapping."""
        if name not in self._providers:
            self._providers[name] = Setup(Formats(self._known(name)))
        plain = self._providers[name]
        if mapping is None or name not in plain.formats.known:
            return plain
        return Setup(_mapped(name, plain.formats.known[name], dumps(mapping)))

    def _set_up(self, name: str, source: Source) -> Setup:
        formats = registry.load(self._config)
        try:
            secrets, tokens = (
                read_secrets("secrets", source.secrets),
                read_secrets("verify_tokens", source.verify_tokens),
            )
            return Setup(formats, name, secrets, tokens, policy.load(source.auth))
        except ConfigError as error:
            raise ConfigError(f"sources.{name}.{error}") from None

    def _known(self, name: str) -> Mapping[str, base.Provider]:
        """The built-in providers, and those of the settings' folders when `name` is not built in."""
        ours = registry.built_in()
        wanted = name not in ours and (self._settings is not None or find_file().exists())
        return registry.known_providers(self._config.providers) if wanted else ours

    @cached_property
    def _config(self) -> Config:
        return load(self._settings)


@lru_cache(maxsize=64)
def _mapped(name: str, provider: base.Provider, mapping: bytes) -> Formats:
    return Formats({name: registry.configured(provider, loads(mapping))})


def mapping_in(file: Path) -> dict[str, Any]:
    """The mapping in a TOML file: alone, or as the table `mapping`. Raises ConfigError."""
    try:
        found = toml(file.read_text(), file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not text in UTF-8: save it in that encoding") from None
    inner = found.get("mapping", found)
    return inner if isinstance(inner, dict) else found
