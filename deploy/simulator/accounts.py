"""The accounts of a run: sources of the settings with the secrets that their providers use."""

from collections.abc import Iterable, Sequence

from deploy.simulator.facts import Account
from deploy.simulator.profiles import PROVIDERS
from schemas.errors import ConfigError
from schemas.settings.config import Config

DEMO_SOURCES = {"demo-meta": "meta", "demo-wasender": "wasender", "demo-zapini": "zapini"}  # name -> provider
_DEMO_PREFIX = "demo-"


def demo_accounts(config: Config) -> tuple[Account, ...]:
    """The three sources of the demo. Raises ConfigError for one that is missing or cannot be used."""
    return tuple(read_account(config, name, (provider,)) for name, provider in DEMO_SOURCES.items())


def simulated_accounts(config: Config, names: Iterable[str], *, rotate: bool) -> tuple[Account, ...]:
    """The named sources; without names all whose name starts with demo-. Raises ConfigError as `demo_accounts`."""
    chosen = tuple(names) or tuple(name for name in config.sources if name.startswith(_DEMO_PREFIX))
    if not chosen:
        raise ConfigError("no source is named demo-...: name those to simulate with --sources")
    return tuple(read_account(config, name, rotate=rotate) for name in chosen)


def read_account(config: Config, name: str, providers: Sequence[str] = PROVIDERS, *, rotate: bool = False) -> Account:
    """One source, which must be of one of `providers`. With `rotate` its second secret is the next one."""
    source, allowed = config.sources.get(name), " or ".join(providers)
    if source is None:
        raise ConfigError(f"the settings have no source {name}: add [sources.{name}] with the provider {allowed}")
    if source.provider not in providers:
        raise ConfigError(f"sources.{name} has the provider {source.provider}: it must be {allowed}")
    if not source.sent_tokens:
        raise ConfigError(f"sources.{name} has no sent_tokens: sent records are posted too, so add one")
    if rotate and len(source.secrets) == 1:
        raise ConfigError(f"sources.{name} has one secret: add the one that --rotate changes to as a second")
    secrets = [secret.read() for secret in source.secrets]
    return Account(
        source.provider, name, secret=secrets[0] if secrets else "", token=source.sent_tokens[0].read(),
        verify_token=source.verify_tokens[0].read() if source.verify_tokens else "",
        next_secret=secrets[1] if rotate and secrets else "",
    )  # fmt: skip
