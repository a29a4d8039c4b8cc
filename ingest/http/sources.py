"""The configured sources with their secrets read."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from ingest.http.authenticate import Source
from schemas.authentication import policy
from schemas.authentication.secrets import read_secrets
from schemas.errors import ConfigError
from schemas.process.logs import get_logger
from schemas.providers import registry
from schemas.providers.base import Provider
from schemas.settings.config import Config
from schemas.settings.sections import Ingest
from schemas.settings.sections import Source as Settings

log = get_logger("ingest.sources")

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def load(config: Config) -> dict[str, Source]:
    """Every source by name. Raises ConfigError with one line for each source that cannot work."""
    formats = registry.load(config)
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for name, settings in config.sources.items():
        provider = formats.of(name, settings.provider)
        assert provider is not None  # noqa: S101  (checked by registry.load)
        try:
            sources[name] = _read(name, settings, provider, config.ingest)
            _check_addresses(settings, config.ingest)
        except ConfigError as error:
            problems.append(f"sources.{name}.{error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return sources


def warn(sources: Mapping[str, Source]) -> None:
    """Logs one line for each source whose requests are not fully proven."""
    for source in sources.values():
        weakness = source.auth.weakness(secrets=bool(source.secrets), signed=source.provider.signed)
        if weakness is None and source.trusts_host_header:
            weakness = (
                "its signatures are verified with the Host header, which the sender chooses: set ingest.public_url"
            )
        if weakness is not None:
            log.warning("unsigned", source=source.name, provider=source.provider.name, reason=weakness)


def _read(name: str, settings: Settings, provider: Provider, ingest: Ingest) -> Source:
    secrets, fault_of = read_secrets("secrets", settings.secrets), provider.secret_fault
    faults = [] if fault_of is None else [fault for fault in map(fault_of, secrets) if fault is not None]
    if faults:
        raise ConfigError(f"secrets: {faults[0]}")
    return Source(
        name=name,
        provider=provider,
        secrets=secrets,
        verify_tokens=read_secrets("verify_tokens", settings.verify_tokens),
        sent_tokens=read_secrets("sent_tokens", settings.sent_tokens),
        auth=policy.load(settings.auth),
        trusts_host_header=bool(secrets) and _trusts_host_header(provider, ingest),
    )


def _trusts_host_header(provider: Provider, ingest: Ingest) -> bool:
    """Whether signatures are verified over an address that the sender names. Raises ConfigError if it must not be."""
    if not provider.signs_address or ingest.public_url:
        return False
    if not ingest.trust_host_header:
        raise ConfigError(
            f"secrets: {provider.name} signs the address that it posts to: set ingest.public_url to it, such as "
            "'https://hooks.example.com', or ingest.trust_host_header = true to take it from the Host header"
        )
    return True


def _check_addresses(settings: Settings, ingest: Ingest) -> None:
    """Raises ConfigError for a list of networks from which no request can come."""
    wanted = settings.auth.addresses
    local = ingest.host in LOOPBACK and not any(
        ip_address(host) in network for host in LOOPBACK[:2] for network in wanted
    )
    if wanted and local and not ingest.trusted_proxies:
        raise ConfigError(
            f"auth.addresses: ingest listens at {ingest.host}, where everybody has this machine's address: "
            "name the proxy in front of it in ingest.trusted_proxies"
        )
