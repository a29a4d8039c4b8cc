"""The first settings file: complete, valid, never overwritten; secrets random and private."""

import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from deploy.local import settings_file
from schemas.settings.config import Config, load, parse
from schemas.settings.sections import Alerts, ClickHouse, Costs, Dashboards, Ingest, Kafka, Streams

SECTIONS: dict[str, type[BaseModel]] = {
    "ingest": Ingest, "kafka": Kafka, "clickhouse": ClickHouse, "streams": Streams, "costs": Costs,
    "dashboards": Dashboards, "alerts": Alerts,
}  # fmt: skip


def uncommented() -> str:
    text = settings_file.render(".ackstream", ".ackstream/secrets")
    return re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)


def test_every_key_of_every_section_is_named_and_no_other() -> None:
    named = tomllib.loads(uncommented())
    for section, model in SECTIONS.items():
        assert set(named[section]) == set(model.model_fields), section
    assert set(named) == set(Config.model_fields)


def test_the_defaults_it_shows_are_the_defaults() -> None:
    path = Path("/nowhere/ackstream.toml")
    shown, empty = parse(uncommented(), path, {}), parse("", path, {})
    given: dict[str, Any] = {"sources": True, "clickhouse": {"password", "reader_password"}, "alerts": {"webhook"}}
    assert shown.model_dump(exclude=given) == empty.model_dump(exclude=given)
    assert shown.alerts.webhook is not None


def test_what_is_written_loads_and_its_secrets_are_random_and_private(tmp_path: Path) -> None:
    env = {"ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml")}
    written = settings_file.ensure(env)
    config = load(env=env)
    assert written.settings == tmp_path / "ackstream.toml"
    assert config.data_dir == tmp_path / ".ackstream"
    assert {"meta", "wasender", "zapini", "demo-meta", "demo-wasender", "demo-zapini"} == set(config.sources)
    assert all(source.secrets and source.sent_tokens for source in config.sources.values())
    assert config.sources["meta"].verify_tokens
    values = {file.read_text() for file in written.secrets}
    assert len(values) == len(written.secrets)
    assert all(len(value.strip()) == 48 for value in values)
    assert {stat.S_IMODE(file.stat().st_mode) for file in written.secrets} == {0o600}


def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    env = {"ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml")}
    settings_file.ensure(env)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert settings_file.ensure(env) == settings_file.Written(None, ())
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_lost_secrets_of_ours_are_made_anew_and_the_users_own_are_not(tmp_path: Path) -> None:
    env = {"ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml")}
    settings_file.ensure(env)
    settings = tmp_path / "ackstream.toml"
    settings.write_text(settings.read_text().replace("/meta-secret", "/typed-by-hand"))
    lost = tmp_path / ".ackstream" / "secrets" / "zapini-secret"
    lost.unlink()
    assert settings_file.ensure(env).secrets == (lost,)


def test_a_data_folder_given_at_the_first_up_is_written_down(tmp_path: Path) -> None:
    env = {"ACKSTREAM_CONFIG": str(tmp_path / "ackstream.toml"), "ACKSTREAM_DATA_DIR": str(tmp_path / 'da "ta')}
    env["ACKSTREAM_INGEST_PORT"] = "1234"
    settings_file.ensure(env)
    alone = load(tmp_path / "ackstream.toml", {})
    assert alone.data_dir == tmp_path / 'da "ta'
    assert alone.ingest.port == Ingest().port
    assert alone.sources["meta"].secrets[0].read()


FULL_DISK = """
import resource, signal, sys
from deploy.local import settings_file
from schemas.errors import Failure
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    settings_file.ensure({"ACKSTREAM_CONFIG": sys.argv[1]})
except Failure as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("room", [100, 0])
def test_a_full_disk_leaves_nothing_that_the_next_start_keeps(tmp_path: Path, room: int) -> None:
    """Files may have `room` bytes: too few for the settings, or for a secret after the settings were there."""
    path = tmp_path / "ackstream.toml"
    if not room:
        settings_file.ensure({"ACKSTREAM_CONFIG": str(path)})
        for file in (tmp_path / ".ackstream" / "secrets").iterdir():
            file.unlink()
    command = [sys.executable, "-c", FULL_DISK, str(path), str(room)]
    failed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert failed.returncode == 1
    assert "cannot be read or written" in failed.stderr
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*-secret"))
    assert path.exists() == (not room)
    settings_file.ensure({"ACKSTREAM_CONFIG": str(path)})
    assert load(env={"ACKSTREAM_CONFIG": str(path)}).sources["meta"].secrets[0].read()
