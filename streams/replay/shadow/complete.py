"""Completes a set of tables with what another set has of bodies that no replay has read.

Everything here skips rows that exist already, so it may be interrupted anywhere and repeated.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from schemas.settings.config import Config
from schemas.tables import DEAD_LETTER_LOG
from streams.analytics import copy, rollups
from streams.replay.shadow import statements as sql
from streams.replay.shadow.database import config_of, database_of
from streams.replay.sinks import REPLAYED
from streams.runtime.clickhouse import connect

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Rows of one part: some seconds, and sets of some 100 MB.
_PART_ROWS: Final = 1_000_000
_SETTINGS: Final = {"insert_deduplicate": "0"}

# Called with how many statements are done, and with their number.
OnStep = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Reports nothing."""


def note_messages(config: Config, name: str, on_step: OnStep = quiet) -> None:
    """Stores in the shadow which messages its replayed bodies are about."""
    live, shadow = config.clickhouse.database, database_of(config, name)
    with connect(config.clickhouse) as client:
        _run(client, sql.messages_of_replay(live, shadow), _parts(client, live, shadow), on_step)


def complete(config: Config, name: str, *, everything: bool, on_step: OnStep = quiet) -> None:
    """Copies to the shadow what the live tables have of other bodies: of the replay's messages, or everything."""
    live, shadow = config.clickhouse.database, database_of(config, name)
    with connect(config.clickhouse) as client:
        work = list(_carry(live, shadow, shadow, f"{shadow}.compared" if not everything else None))
        _run(client, work, _parts(client, live, shadow), on_step)


def bring_back(config: Config, name: str, on_step: OnStep = quiet) -> None:
    """After an exchange: copies to the live tables what was written to the previous ones too late."""
    live, shadow = config.clickhouse.database, database_of(config, name)
    with connect(config.clickhouse) as client:
        _run(client, _carry(shadow, live, shadow, None), _parts(client, live, shadow), on_step)


def make_rest(config: Config, name: str) -> None:
    """Makes the shadow's copy and rollups, as the analytics process does for the live tables."""
    with connect(config_of(config, name).clickhouse) as client:
        copy.catch_up(client)
        rollups.catch_up(client)


def _carry(origin: str, target: str, shadow: str, compared: str | None) -> Iterable[str]:
    yield from sql.carry(origin, target, f"{shadow}.{REPLAYED}", compared)
    if compared is None:
        yield from sql.carry_dead_letters(origin, target, f"{shadow}.{REPLAYED}", DEAD_LETTER_LOG)
        yield from sql.carry_times(origin, target)


def _parts(client: "Client", *databases: str) -> int:
    rows = client.command(
        "SELECT max(ifNull(total_rows, 0)) FROM system.tables WHERE database IN {databases:Array(String)} "
        "AND name IN ('event_log', 'delivery_log', 'delivery_time_log', 'replayed')",
        {"databases": list(databases)},
    )
    return 1 + int(str(rows)) // _PART_ROWS


def _run(client: "Client", statements: Iterable[str], parts: int, on_step: OnStep) -> None:
    work = list(statements)
    for step, statement in enumerate(work):
        for part in range(parts):
            on_step(step * parts + part, len(work) * parts)
            client.command(statement, parameters={"parts": parts, "part": part}, settings=_SETTINGS)
    on_step(len(work) * parts, len(work) * parts)
