"""The configured sources, ready to use. IO: reads the secrets that the settings name."""

import logging
from collections.abc import Mapping

from ingest.accept import Source
from schemas import providers
from schemas.config import Config, ConfigError, Secret
from schemas.config import Source as Settings

log = logging.getLogger("ackstream.ingest.sources")


def load(config: Config) -> dict[str, Source]:
    """Every source by name. Raises ConfigError with one line for each that cannot work."""
    known = providers.load()
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for name, settings in config.sources.items():
        try:
            sources[name] = _read(name, settings, known)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return sources


def warn(sources: Mapping[str, Source]) -> None:
    """Says once for each source what its requests do not prove."""
    for source in sources.values():
        if not source.secrets:
            log.warning(
                "unsigned source=%s provider=%s: it has no secrets, so anybody who knows its address can post to it",
                source.name,
                source.provider.name,
            )
        elif not source.provider.signed:
            log.warning(
                "unsigned source=%s provider=%s: the provider signs nothing, so its token proves the sender "
                "but not the body",
                source.name,
                source.provider.name,
            )


def _read(name: str, settings: Settings, known: Mapping[str, providers.Provider]) -> Source:
    provider = known.get(settings.provider)
    if provider is None:
        raise ConfigError(
            f"sources.{name}.provider: there is no provider {settings.provider!r}: use one of {', '.join(known)}"
        )
    return Source(
        name=name,
        provider=provider,
        secrets=_secrets(f"sources.{name}.secrets", settings.secrets),
        verify_tokens=_secrets(f"sources.{name}.verify_tokens", settings.verify_tokens),
        sent_tokens=_secrets(f"sources.{name}.sent_tokens", settings.sent_tokens),
    )


def _secrets(key: str, places: tuple[Secret, ...]) -> tuple[str, ...]:
    try:
        return tuple(place.read() for place in places)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
