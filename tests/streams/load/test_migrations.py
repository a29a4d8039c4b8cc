"""Migrations on the real engine: applied once, applied again without effect, refused when a file was edited."""

from pathlib import Path

import pytest

from schemas.settings.config import ClickHouse, Config
from schemas.settings.section import Secret
from schemas.tables import Migration, migrations
from streams.runtime.clickhouse import connect
from streams.runtime.migrations import MigrationError, migrate, unapplied
from tests.support.clickhouse import ADMIN
from tests.support.engine import Engine


@pytest.fixture
def config(engine: Engine, tmp_path: Path) -> Config:
    """The settings of a database of this test alone."""
    password = tmp_path / "password"
    password.write_text(ADMIN[1])
    password.chmod(0o600)
    database = f"migrated_{tmp_path.name}".replace("-", "_")
    return Config(
        clickhouse=ClickHouse(url=engine.server.url, user=ADMIN[0], password=Secret(file=password), database=database)
    )


def replaced(files: list[Migration], place: int, file: Migration) -> list[Migration]:
    return [*files[:place], file, *files[place + 1 :]]


def test_migrations_are_applied_once(config: Config) -> None:
    assert migrate(config) == [file.name for file in migrations()]
    assert migrate(config) == []
    with connect(config.clickhouse) as client:
        assert unapplied(client, migrations()) == []


def test_an_edited_or_missing_file_is_refused_with_the_way_out(config: Config) -> None:
    migrate(config)
    files = migrations()
    edited = Migration(2, files[1].name, files[1].statements, "another checksum")
    with connect(config.clickhouse) as client:
        with pytest.raises(MigrationError, match=r"0002_lifecycle.sql was edited .* restore it and add a new file"):
            unapplied(client, replaced(files, 1, edited))
        with pytest.raises(MigrationError, match=f"has migration {files[-1].name}, .* run a newer ackstream"):
            unapplied(client, files[:-1])
