"""`kafka.bootstrap`: one validated list of brokers; malformed lists are refused when the settings are read."""

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.settings.brokers import BrokerAddress, BrokerList
from schemas.settings.config import Config, parse


@pytest.mark.parametrize(
    ("text", "full", "addresses"),
    [
        ("kafka", "kafka:9092", [("kafka", 9092)]),
        ("127.0.0.1:19092", "127.0.0.1:19092", [("127.0.0.1", 19092)]),
        (" a.example , b:9093", "a.example:9092,b:9093", [("a.example", 9092), ("b", 9093)]),
        ("[::1]", "[::1]:9092", [("::1", 9092)]),
        ("[2001:db8::7]:9094,c", "[2001:db8::7]:9094,c:9092", [("2001:db8::7", 9094), ("c", 9092)]),
    ],
)
def test_a_list_of_brokers_is_read_as_kafka_clients_read_it(
    text: str, full: str, addresses: list[tuple[str, int]]
) -> None:
    brokers = BrokerList(text)
    assert brokers == full
    assert list(brokers.addresses) == [BrokerAddress(*each) for each in addresses]
    assert BrokerList(brokers).addresses == brokers.addresses


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:90x2", "kafka:", ":9092", "kafka:0", "kafka:70000", "a,,b", "a..b", "::1", "[::g]:9092", "a b"],
)
def test_malformed_brokers_are_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[kafka]\nbootstrap = "{text}"', Path("ackstream.toml"), {})
    (line,) = str(caught.value).splitlines()
    assert "kafka.bootstrap: " in line
    assert "is not the address of a broker: write host or host:port" in line


def test_the_environment_gives_a_list_as_well_and_the_default_is_local() -> None:
    settings = parse("", Path("ackstream.toml"), {"ACKSTREAM_KAFKA_BOOTSTRAP": "one,two:1"})
    assert settings.kafka.bootstrap == "one:9092,two:1"
    assert Config().kafka.bootstrap.addresses == (BrokerAddress("127.0.0.1", 9092),)
    assert '"bootstrap":"one:9092,two:1"' in settings.kafka.model_dump_json()
