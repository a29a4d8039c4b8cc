"""Any settings file and any variables are settings or an error of sentences, never a traceback."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ingest.http import sources
from schemas.errors import ConfigError
from schemas.providers import registry
from schemas.settings.base import Secret
from schemas.settings.config import Config, load, parse

PATH = Path("/nowhere/ackstream.toml")
# One file with every kind of value: tables, lists of tables, secrets, mappings, days, prices, addresses.
WHOLE = """
data_dir = ".ackstream"
providers = []
[ingest]
host = "127.0.0.1"
port = 8000
public_url = "https://hooks.example.com"
trusted_proxies = ["10.0.0.0/8", "::1"]
source_per_second = 0.5
spool = true
[kafka]
bootstrap = "localhost:9092,b"
retention_days = -1
[clickhouse]
url = "http://127.0.0.1:8123"
password = { env = "NOT_SET" }
reader_password = { file = "secrets/reader" }
[streams]
store_text = false
[[costs.rates]]
from = 2026-10-01
category = "utility"
country = "BR"
price = 0.0068
[[costs.rates]]
from = 2026-11-01
category = "utility"
price = 1
[dashboards]
port = 8080
[alerts]
webhook = { env = "NOT_SET" }
[sources.shop]
provider = "meta"
secrets = [{ env = "NOT_SET" }]
auth.addresses = ["203.0.113.0/24"]
auth.path = { secrets = [{ file = "x" }] }
[sources.desk]
provider = "generic"
per_second = 3
[sources.desk.mapping]
events = "batch || @"
time_unit = "ms"
[sources.desk.mapping.values.status]
SEEN = "read"
[[sources.desk.mapping.rules]]
kind = "status"
when = "what == 'receipt'"
fields = { message_id = "ref", status = "stage", from_me = "by && by != 'us'" }
"""
TOKENS = re.findall(r'"[^"\n]*"|[\w.-]+|\s+|.', WHOLE)
ODD = (
    "[" * 5_000, "{ a = " * 2_000, "9" * 5_000, "1e999", "nan", "inf", "-inf", "-1", "true", "''", '""',
    "1979-05-27T07:32:00Z", "07:32:00", "9999-12-31", "0001-01-01", '"\\u0000"', '"~nobody-here/x"', '"http://["',
    '"http://a:99999999/"', '"::%"', '"1.1.1.1/99"', '"{x}"', '"{"', "[[]]", "{}", "\x00", "\ufeff", "\r",
    '{ env = "A", file = "B" }', '""" """', '"a=b"', '"%s"',
)  # fmt: skip
JUNK = st.sampled_from(ODD) | st.text(max_size=12) | st.sampled_from(TOKENS)


def refusal(action: Callable[[], object]) -> str:
    """The text of the ConfigError that the action raises; "" when it raises none. Everything else comes out."""
    try:
        action()
    except ConfigError as error:
        return str(error) or "an error without a text"
    return ""


def checked(text: str, env: dict[str, str]) -> Config | None:
    """The settings, or None after an error that is made of sentences about the file or the variable."""
    problem = refusal(lambda: parse(text, PATH, env))
    if not problem:
        return parse(text, PATH, env)
    assert problem.startswith((str(PATH), "ACKSTREAM_"))
    assert all(line.strip() for line in problem.splitlines())
    return None


def test_the_file_itself_is_right() -> None:
    config = checked(WHOLE, {})
    assert config is not None
    assert set(registry.load(config).by_source) == {"desk"}


@given(st.data())
def test_a_file_with_any_of_its_parts_replaced(data: st.DataObject) -> None:
    parts = list(TOKENS)
    for _ in range(data.draw(st.integers(1, 3))):
        parts[data.draw(st.integers(0, len(parts) - 1))] = data.draw(JUNK)
    config = checked("".join(parts), {})
    if config is not None:
        use(config)


def use(config: Config) -> None:
    """What processes read of their settings when they start; only ConfigError may come of it."""
    found = Config.model_validate(config.model_dump(by_alias=True, exclude={"providers"}))
    for read in (
        lambda: registry.load(found),
        lambda: sources.load(found),
        lambda: found.clickhouse.client_options(),
        lambda: found.clickhouse.client_options(reader=True),
        lambda: found.alerts.webhook and found.alerts.webhook.read(),
    ):
        assert refusal(read) != "an error without a text"


NAMES = [
    (section, key)
    for section, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for key in field.annotation.model_fields
]


@given(
    st.sampled_from(NAMES),
    st.text(max_size=30) | st.sampled_from(["9" * 5_000, "nan", "1e999", "~nobody-here"]),
)
def test_any_value_of_a_variable(place: tuple[str, str], value: str) -> None:
    config = checked("", {f"ACKSTREAM_{place[0]}_{place[1]}".upper(): value})
    if config is not None:
        use(config)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(NAMES), VALUES)
def test_any_value_of_a_key(place: tuple[str, str], value: Any) -> None:
    lines = _toml(value)
    if lines is not None:
        checked(f"[{place[0]}]\n{place[1]} = {lines}\n", {})


def _toml(value: Any) -> str | None:
    """The value in TOML; None for those that TOML cannot hold."""
    if isinstance(value, list):
        items = [_toml(item) for item in value]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if isinstance(value, dict):
        pairs = [f"{_text(name)} = {_toml(item)}" for name, item in value.items()]
        return None if any(pair.endswith("None") for pair in pairs) else f"{{ {', '.join(pairs)} }}"
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    return '"' + "".join(f"\\U{ord(each):08x}" for each in text) + '"'


@given(st.binary(max_size=80))
def test_a_file_of_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    problem = refusal(lambda: load(file, {}))
    assert not problem or problem.startswith(str(file))


@pytest.mark.parametrize("name", ["a\0b", "~nobody-here/x", "x" * 5_000, "/"])
def test_a_secret_file_of_any_name_is_one_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match="secret"):
        Secret(file=Path(name)).read()
