"""Sources as they are loaded at start: what cannot work is refused with one sentence each."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.http import sources
from schemas.errors import ConfigError
from schemas.settings.config import parse


@pytest.mark.parametrize(
    ("provider", "secret", "words"),
    [
        ("standard-webhooks", "whsk_abc", "private key"),
        ("standard-webhooks", "whpk_abc", "Ed25519 public key"),
        ("standard-webhooks", "whsec_a b", "copy the whole secret"),
        ("meta", "EAA" + "x" * 60, "use the app secret"),
        ("twilio", "AC" + "0" * 32, "auth token"),
    ],
)
def test_a_secret_that_cannot_be_right_is_refused(
    provider: str, secret: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_SECRET", secret)
    text = f'[sources.shop]\nprovider = "{provider}"\nsecrets = [{{ env = "T_SECRET" }}]\n'
    with pytest.raises(ConfigError, match=rf"^sources\.shop\.secrets: .*{words}") as caught:
        sources.load(parse(text, tmp_path / "ackstream.toml", {}))
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("ingest", "warned"),
    [("public_url = 'https://hooks.example.com'", False), ("trust_host_header = true", True), ("", None)],
)
def test_a_signature_over_the_address_needs_the_public_address(
    ingest: str, warned: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_SECRET", "fictional-token")
    text = f"[ingest]\n{ingest}\n[sources.a]\nprovider = 'twilio'\nsecrets = [{{ env = 'T_SECRET' }}]\n"
    if warned is None:
        (line,) = refused(text, tmp_path)
        assert line.startswith("sources.a.secrets: twilio signs the address that it posts to: set ingest.public_url")
        return
    config = parse(text, tmp_path / "ackstream.toml", {})
    with capture_logs() as logs:
        sources.warn(sources.load(config))
    assert ["public_url" in line["reason"] for line in logs] == [True] * warned


def test_every_source_that_cannot_work_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_TOKEN", "short")
    text = """
    [sources.a]
    provider = "zapini"
    mapping = { rules = [] }
    [sources.b]
    provider = "generic"
    [sources.c]
    provider = "generic"
    mapping = { rules = [{ kind = "inbound", fields = { text = "$.a" } }] }
    """
    assert refused(text, tmp_path) == [
        "sources.a.mapping: only the provider generic has one, not zapini: remove it",
        "sources.b.mapping: missing: the provider generic needs one, which describes its bodies",
        (
            "sources.c.mapping.rules.0.fields.text: not a JMESPath expression: "
            "Bad jmespath expression: Unknown token $: write it without `$`, such as data.message.id"
        ),
    ]
    text = """
    [sources.a]
    provider = "zapini"
    auth.path = { secrets = [{ env = "T_TOKEN" }] }
    [sources.b]
    provider = "zapini"
    auth.header = { name = "X-A", secrets = [{ env = "T_ABSENT" }] }
    """
    assert refused(text, tmp_path) == [
        "sources.a.auth.path.secrets: a secret in an address must have 16 to 200 characters: letters, digits, . _ ~ -",
        "sources.b.auth.header.secrets: the environment variable T_ABSENT is not set: set it to the secret",
    ]


@pytest.mark.parametrize(
    ("ingest", "addresses", "fine"),
    [
        ("", "203.0.113.0/24", False),
        ("", "127.0.0.0/8", True),
        ('trusted_proxies = ["127.0.0.1"]', "203.0.113.0/24", True),
        ('host = "0.0.0.0"', "203.0.113.0/24", True),
    ],
)
def test_networks_from_which_no_request_can_come_are_refused(
    ingest: str, addresses: str, fine: bool, tmp_path: Path
) -> None:
    text = f'[ingest]\n{ingest}\n[sources.a]\nprovider = "zapini"\nauth.addresses = ["{addresses}"]\n'
    if fine:
        assert list(sources.load(parse(text, tmp_path / "ackstream.toml", {}))) == ["a"]
    else:
        (line,) = refused(text, tmp_path)
        assert line.startswith("sources.a.auth.addresses: ingest listens at 127.0.0.1, where everybody has this")


def refused(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        sources.load(parse(text, folder / "ackstream.toml", {}))
    return str(caught.value).splitlines()


def test_a_mapping_may_use_keys_that_are_paths_elsewhere(tmp_path: Path) -> None:
    text = """
    [sources.a]
    provider = "generic"
    [sources.a.mapping]
    rules = [{ kind = "inbound", fields = { text = "t" } }]
    values.type = { file = "document", providers = "contacts" }
    """
    mapping = parse(text, tmp_path / "ackstream.toml", {}).sources["a"].mapping
    assert mapping is not None
    assert mapping["values"]["type"] == {"file": "document", "providers": "contacts"}
