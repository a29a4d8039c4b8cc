"""Finds the providers: those of this package, those in the user's own folders, and those that a source's mapping makes.

Files in the user's folders are imported once. Such a file defines `PROVIDER`, as the modules of this package do.
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

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # the name becomes a label of metrics and a value in every table

_NOT_PROVIDERS = {"base", "registry"}


@lru_cache(maxsize=1)
def built_in() -> dict[str, Provider]:
    """The providers of this package by name. Raises RuntimeError for a module without PROVIDER and a repeated name."""
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
    """The providers by name, and those of sources with a mapping by the source's name.

    Without arguments: the providers of this package, and no mappings.
    """

    known: Mapping[str, Provider] = field(default_factory=built_in)
    by_source: Mapping[str, Provider] = field(default_factory=dict)

    def of(self, source: str, provider: str) -> Provider | None:
        """The provider for a record of this source and provider; None if there is no such provider.

        A source's mapping applies only to records of the provider that has it: records from before a change of the
        source's provider are read as what they were then.
        """
        own = self.by_source.get(source)
        return own if own is not None and own.name == provider else self.known.get(provider)


def load(config: Config) -> Formats:
    """The providers of these settings. Raises ConfigError with one line for each wrong source or file."""
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
    """The provider for a source with this mapping. Raises ValueError: one line for each wrong key, starting with it."""
    if provider.configured is not None:
        return provider.configured(mapping or {})
    if mapping is not None:
        raise ValueError(f"mapping: only the provider generic has one, not {provider.name}: remove it")
    return provider


def known_providers(folders: tuple[Path, ...] = ()) -> dict[str, Provider]:
    """All providers by name, sorted: ours and those in the folders. Raises ConfigError that names the wrong file."""
    ours = built_in()
    return ours if not folders else dict(sorted((ours | _of_folders(folders)).items()))


@lru_cache(maxsize=64)
def _of_folders(folders: tuple[Path, ...]) -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"providers: {folder} is not a folder: create it, or correct the name")
        for file in sorted(folder.glob("*.py")):
            if not file.name.startswith("_"):
                provider = _of_file(file)
                if provider.name in found or provider.name in built_in():
                    raise ConfigError(f"{file}: a provider {provider.name!r} exists already: choose another name")
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
        raise ConfigError(f"{file}: cannot be loaded: {_reason(error, file)}: correct or remove the file") from None
    provider = getattr(module, "PROVIDER", None)
    if not isinstance(provider, Provider):
        raise ConfigError(f"{file}: defines no PROVIDER = Provider(...): add it, or start the file's name with _")
    if not _NAME.fullmatch(provider.name):
        raise ConfigError(f"{file}: the provider's name {provider.name!r} may have only a-z, 0-9 and -")
    return provider


def _reason(error: Exception, file: Path) -> str:
    """The error and the line of the file where it was raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}{f' in line {line}' if line else ''} ({text})"
