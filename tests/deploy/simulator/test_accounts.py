"""Accounts are read from the settings; a source that cannot be simulated is refused with a sentence."""

from pathlib import Path

import pytest

from deploy.simulator.accounts import DEMO_SOURCES, demo_accounts, simulated_accounts
from schemas.errors import ConfigError
from schemas.settings.config import Config, load

ENV = {"OLD": "old-secret", "NEW": "new-secret", "TOKEN": "token", "VERIFY": "verify"}
SECRETS = 'secrets = [{ env = "OLD" }, { env = "NEW" }]\nverify_tokens = [{ env = "VERIFY" }]\n'
TOKENS = 'sent_tokens = [{ env = "TOKEN" }]\n'


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)


def source(name: str, provider: str, text: str = SECRETS + TOKENS) -> str:
    return f'[sources.{name}]\nprovider = "{provider}"\n{text}'


def config(folder: Path, *sources: str) -> Config:
    file = folder / "ackstream.toml"
    file.write_text("".join(sources))
    return load(file)


def test_the_demo_has_its_three_sources_with_their_first_secrets(tmp_path: Path) -> None:
    sources = (source(name, provider) for name, provider in DEMO_SOURCES.items())
    accounts = demo_accounts(config(tmp_path, *sources, source("demo-other", "meta")))
    assert [(account.source, account.provider) for account in accounts] == list(DEMO_SOURCES.items())
    first = accounts[0]
    assert (first.secret, first.next_secret, first.token, first.verify_token) == ("old-secret", "", "token", "verify")


def test_a_simulation_has_the_named_sources_or_all_demo_sources(tmp_path: Path) -> None:
    settings = config(tmp_path, source("demo-meta", "meta"), source("shop", "zapini"))
    assert [account.source for account in simulated_accounts(settings, [], rotate=False)] == ["demo-meta"]
    (shop,) = simulated_accounts(settings, ["shop"], rotate=True)
    assert (shop.source, shop.secret, shop.next_secret) == ("shop", "old-secret", "new-secret")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the settings have no source demo-meta: add .sources.demo-meta. with the provider meta"),
        (source("demo-meta", "zapini"), "demo-meta has the provider zapini: it must be meta"),
        (source("demo-meta", "meta", SECRETS), "demo-meta has no sent_tokens"),
    ],
)
def test_a_missing_or_unsuitable_demo_source_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        demo_accounts(config(tmp_path, text))


def test_a_simulation_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source is named demo-"):
        simulated_accounts(config(tmp_path, source("shop", "meta")), [], rotate=False)
