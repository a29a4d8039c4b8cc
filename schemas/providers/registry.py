"""The formats that the settings give: the providers of this package, those of the user's own folders, and what a source
sets up for itself. IO: imports the files in those folders, once.

A file of a user's folder is a provider like any other: it defines `PROVIDER`, and nothing else has to know of it.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules

from schemas import providers
from schemas.errors import ConfigError
from schemas.providers.base import Provider
from schemas.settings.config import Config

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # it becomes a label of metrics and a value in every table

_NOT_PROVIDERS = {"base", "registry"}


@lru_cache(maxsize=1)
def built_in() -> dict[str, Provider]:
    """Every provider by name, sorted. Raises RuntimeError for a file without PROVIDER or a name taken twice."""
    found: dict[str, Provider] = {}
    for module in sorted(file.name for file in iter_modules(providers.__path__)):
        if module.startswith("_") or module in _NOT_PROVIDERS:
            continue
        provider = getattr(import_module(f"{providers.__name__}.{module}"), "PROVIDER", None)
        if not isinstance(provider, Provider):
            raise RuntimeError(f"schemas/providers/{module} defines no PROVIDER; see schemas/providers/base.py")
        if provider.name in found:
            raise RuntimeError(f"provider {provider.name!r} is defined twice; rename the one in {module}")
        found[provider.name] = provider
    return found


@dataclass(slots=True, frozen=True)
class Formats:
    """The providers by name, and those that a source's settings changed, by the source's name.

    Without arguments: the providers of this package as their files define them.
    """

    known: Mapping[str, Provider] = field(default_factory=built_in)
    by_source: Mapping[str, Provider] = field(default_factory=dict)

    def of(self, source: str, provider: str) -> Provider | None:
        """How to read a record of this source and this provider; None when there is no such provider.

        Settings count only while they name the record's own provider: an old record is read as what it came as.
        """
        own = self.by_source.get(source)
        return own if own is not None and own.name == provider else self.known.get(provider)


def load(config: Config) -> Formats:
    """The formats of these settings. Raises ConfigError with one line for each source and file that cannot work."""
    known = known_providers(config.providers)
    by_source: dict[str, Provider] = {}
    problems: list[str] = []
    for name, source in config.sources.items():
        provider = known.get(source.provider)
        try:
            if provider is None:
                raise ValueError(f"provider: there is no provider {source.provider!r}: use one of {', '.join(known)}")
            own = configured(provider, source.mapping)
        except ValueError as error:
            problems += [f"sources.{name}.{line}" for line in str(error).splitlines()]
        else:
            by_source |= {name: own} if own is not provider else {}
    if problems:
        raise ConfigError("\n".join(problems))
    return Formats(known, by_source)


def configured(provider: Provider, mapping: Mapping[str, object] | None) -> Provider:
    """The provider by a source's mapping. Raises ValueError: one line for each wrong key, which begins with the key."""
    if provider.configured is not None:
        return provider.configured(mapping or {})
    if mapping is not None:
        raise ValueError(f"mapping: the provider {provider.name} takes none: remove it, or use the provider generic")
    return provider


def known_providers(folders: tuple[Path, ...] = ()) -> dict[str, Provider]:
    """Every provider by name, sorted: ours and those of the folders. Raises ConfigError that names the wrong file."""
    ours = built_in()
    return ours if not folders else dict(sorted((ours | _of_folders(folders)).items()))


@lru_cache(maxsize=64)
def _of_folders(folders: tuple[Path, ...]) -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"providers: {folder} is no folder: make it, or mend its spelling")
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                provider = _of_file(file)
                if provider.name in found or provider.name in built_in():
                    raise ConfigError(f"{file}: there is a provider {provider.name!r} already: give this one another")
                found[provider.name] = provider
    return found


def _of_file(file: Path) -> Provider:
    spec = spec_from_file_location(f"ackstream_provider_{file.stem}", file)
    assert spec is not None  # noqa: S101  (the name ends in .py)
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{file}: cannot be loaded: {_reason(error, file)}: mend it, or take it out") from None
    provider = getattr(module, "PROVIDER", None)
    if not isinstance(provider, Provider):
        raise ConfigError(f"{file}: defines no PROVIDER = Provider(...): add it, or begin the file's name with _")
    if not _NAME.fullmatch(provider.name):
        raise ConfigError(f"{file}: the provider's name {provider.name!r} must be of a-z, 0-9 and -")
    return provider


def _reason(error: Exception, file: Path) -> str:
    """The error and the line of the file that it goes back to."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}{f' in line {line}' if line else ''} ({text})"
