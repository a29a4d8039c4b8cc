"""Which part is given which secret, and which part a change restarts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local import parts as made
from deploy.local.layout import Layout
from deploy.local.parts import STOP_SECONDS, Part, environment, parts, secret_variables
from deploy.local.stack import HEALTHY_SECONDS
from deploy.local.supervisor_conf import ORDER
from schemas.settings.base import Secret
from schemas.settings.config import Config, parse

SETTINGS = """
[clickhouse]
password = { env = "WRITER" }
reader_password = { env = "READER" }

[alerts]
webhook = { env = "HOOK" }

[sources.shop]
provider = "meta"
secrets = [{ env = "SHOP" }]
"""
ALL = {"ingest", "kafka", "normalise", "load", "clickhouse", "analytics", "dashboards"}
WRITERS = {"normalise", "load", "analytics"}


def config(text: str = SETTINGS, **env: str) -> Config:
    return parse(text, Path("/nowhere/ackstream.toml"), env)


def words(secret: Secret) -> str:
    return f"value of {secret.env}"


def found(settings: Config, read: Callable[[Secret], str] = words) -> dict[str, Part]:
    return {part.name: part for part in parts(settings, Layout(settings.data_dir), ("kafka",), read)}


def test_every_part_has_its_place_and_its_limits() -> None:
    assert set(found(config())) == ALL == set(ORDER) == set(STOP_SECONDS) == set(HEALTHY_SECONDS)


def test_each_part_is_given_the_secrets_that_it_needs_and_no_other() -> None:
    given = {name: set(part.given) for name, part in found(config()).items() if part.given}
    assert given == {
        "ingest": {"SHOP"},
        **{name: {"WRITER"} for name in WRITERS},
        "dashboards": {"READER", "HOOK"},
    }
    assert secret_variables(config()) == {"SHOP", "WRITER", "READER", "HOOK"}


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({"ACKSTREAM_DASHBOARDS_PORT": "9"}, {"dashboards"}),
        ({"ACKSTREAM_DASHBOARDS_MASK_PHONES": "false"}, {"dashboards"}),
        ({"ACKSTREAM_DASHBOARDS_HOSTS": "a.example, b.example"}, {"dashboards"}),
        ({"ACKSTREAM_ALERTS_REPEAT_HOURS": "1"}, {"dashboards"}),
        ({"ACKSTREAM_COSTS_CURRENCY": "EUR"}, {"analytics", "dashboards"}),
        ({"ACKSTREAM_STREAMS_STORE_TEXT": "false"}, WRITERS),
        ({"ACKSTREAM_INGEST_PORT": "9"}, {"ingest", "analytics"}),
        ({"ACKSTREAM_INGEST_PROCESSES": "2"}, {"ingest"}),
        ({"ACKSTREAM_CLICKHOUSE_READER_USER": "eyes"}, {"clickhouse", "dashboards"} | WRITERS),
    ],
)
def test_a_setting_restarts_what_it_concerns(change: dict[str, str], concerned: set[str]) -> None:
    assert differing(found(config()), found(config(**change))) == concerned


@pytest.mark.parametrize(
    ("secret", "concerned"),
    [
        ("WRITER", {"clickhouse"} | WRITERS),
        ("READER", {"clickhouse", "dashboards"}),
        ("HOOK", {"dashboards"}),
        ("SHOP", {"ingest"}),
    ],
)
def test_a_new_secret_restarts_who_was_given_the_old_one(secret: str, concerned: set[str]) -> None:
    def changed(asked: Secret) -> str:
        return words(asked) + " anew" * (asked.env == secret)

    assert differing(found(config()), found(config(), changed)) == concerned


def test_a_new_source_concerns_who_reads_its_bodies_and_who_names_sources() -> None:
    more = SETTINGS + '\n[sources.desk]\nprovider = "zapini"\n'
    assert differing(found(config()), found(config(more))) == {"ingest", "normalise", "analytics", "dashboards"}


def test_how_a_source_proves_its_sender_concerns_the_edge_alone() -> None:
    proof = SETTINGS + 'auth.path = { secrets = [{ env = "SEGMENT" }] }\n'
    assert differing(found(config()), found(config(proof))) == {"ingest"}
    assert set(found(config(proof))["ingest"].given) == {"SHOP", "SEGMENT"}
    assert "SEGMENT" in secret_variables(config(proof))


def test_a_mapping_and_a_provider_file_concern_who_reads_bodies(tmp_path: Path) -> None:
    generic = SETTINGS.replace('"meta"', '"generic"')
    before = found(config(generic + 'mapping.events = "a"\n'))
    assert differing(before, found(config(generic + 'mapping.events = "b"\n'))) == {"ingest", "normalise"}
    own = config(f'providers = ["{tmp_path}"]\n' + SETTINGS)
    (tmp_path / "acme.py").write_text("PROVIDER = 1\n")
    before = found(own)
    (tmp_path / "acme.py").write_text("PROVIDER = 2\n")
    assert differing(before, found(own)) == {"ingest", "normalise"}


def test_a_price_concerns_who_writes_the_rate_card() -> None:
    rate = '\n[[costs.rates]]\nfrom = 2026-10-01\ncategory = "marketing"\ncountry = "BR"\nprice = 0.06\n'
    assert differing(found(config()), found(config(SETTINGS + rate))) == {"analytics"}


@pytest.mark.parametrize(
    ("file", "concerned"),
    [
        ("dashboards/page/static/page.js", {"dashboards"}),
        ("dashboards/panels/overview.py", {"dashboards"}),
        ("streams/load/worker.py", WRITERS),
        ("schemas/clickhouse/0001_events.sql", {"ingest", "dashboards"} | WRITERS),
        ("deploy/local/clickhouse_server/server.py", {"clickhouse"}),
        ("ingest/http/app.py", {"ingest"}),
    ],
)
def test_changed_code_restarts_who_has_loaded_it(
    file: str, concerned: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "ROOT", tmp_path)
    before = found(config())
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("new")
    assert differing(before, found(config())) == concerned


def test_the_page_hears_of_no_other_part_and_of_no_foreign_secret() -> None:
    settings = config()
    page = found(settings)["dashboards"]
    env = {
        "ACKSTREAM_DASHBOARDS_PORT": "9",
        "ACKSTREAM_INGEST_PORT": "8",
        "ACKSTREAM_ALERTS_KEY": "word",
        "SHOP": "word",
    }
    variables = environment(page, Path("/x/ackstream.toml"), Layout(Path("/x")), env, {"ACKSTREAM_ALERTS_KEY"})
    assert set(variables) == {"ACKSTREAM_CONFIG", "ACKSTREAM_DATA_DIR", "ACKSTREAM_DASHBOARDS_PORT"}


def test_who_reads_a_single_key_hears_of_that_one_alone() -> None:
    env = {"ACKSTREAM_INGEST_PORT": "9", "ACKSTREAM_INGEST_PROCESSES": "2", "ACKSTREAM_COSTS_CURRENCY": "EUR"}
    variables = environment(found(config())["analytics"], Path("/x/ackstream.toml"), Layout(Path("/x")), env)
    keys = ("CONFIG", "DATA_DIR", "INGEST_PORT", "COSTS_CURRENCY")
    assert set(variables) == {f"ACKSTREAM_{key}" for key in keys}


def test_the_page_has_an_address_and_a_port_that_is_looked_after() -> None:
    page = found(config(ACKSTREAM_DASHBOARDS_HOST="::", ACKSTREAM_DASHBOARDS_PORT="8123"))["dashboards"]
    assert page.address == "http://[::1]:8123/"
    [listener] = page.listeners
    assert (listener.host, listener.port, listener.setting) == ("::", 8123, "dashboards.port")


def differing(before: dict[str, Part], after: dict[str, Part]) -> set[str]:
    """The parts whose section of the supervisor's configuration has changed."""

    def section(part: Part) -> tuple[Any, ...]:
        plain = replace(part, given={})
        return plain.command, plain.count, plain.listeners, plain.stamp

    return {name for name in before.keys() | after.keys() if section(before[name]) != section(after[name])}
