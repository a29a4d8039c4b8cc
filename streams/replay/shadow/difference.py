# ruff: noqa: S608  (only names of databases, which are checked to be identifiers, and texts of this module are inserted)
"""What would change if a shadow took the place of the live tables, and why.

The messages of the replay's bodies are compared. First the shadow gets what else the live tables have of them, or have
got since; messages with events during the comparison are left out and counted. So every difference is due to a body
that is parsed in another way now.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.lifecycle import FACTS
from schemas.parsing.json_types import JsonObject
from schemas.settings.config import Config
from streams.analytics.copy_sql import STATE
from streams.replay.shadow import statements as sql
from streams.replay.shadow.complete import OnStep, complete, quiet
from streams.replay.shadow.database import database_of
from streams.runtime.clickhouse import connect
from streams.runtime.query_parameters import portions

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Messages of one slice.
_SLICE_ROWS: Final = 50_000
_PEOPLE: Final = frozenset({"customer", "recipient", "participant"})
_PHONE: Final = re.compile(r"\d{6,}")
_AT: Final = {name: place + 1 for place, name in enumerate(FACTS)}


@dataclass(slots=True, frozen=True)
class RateChange:
    """A row of delivery_rates before and after; `before` and `after` are sent, delivered, read, failed."""

    source: str
    cohort_day: str
    template: str
    campaign: str
    category: str
    is_group: bool
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class UnitSample:
    """A unit that differs; `facts` are the columns that do, before and after. People are masked."""

    change: str
    source: str
    message_id: str
    participant: str
    facts: dict[str, tuple[str, str]]


@dataclass(slots=True, frozen=True)
class ShadowDiff:
    """The result of a comparison, largest differences first; dead letters are (source, reason, before, after)."""

    messages_compared: int
    messages_not_covered: int
    messages_changing: int
    units: dict[str, int]
    columns: dict[str, int]
    rates: list[RateChange]
    events: list[tuple[str, str, str, str, int]]
    dead_letters: list[tuple[str, str, int, int]]
    samples: list[UnitSample]

    @property
    def is_empty(self) -> bool:
        """Whether no number would change."""
        return not (any(self.units.values()) or self.events or self.dead_letters)

    def as_json(self) -> JsonObject:
        """What `ackstream diff --json` prints."""
        return {"different": not self.is_empty, **asdict(self)}


def difference(config: Config, name: str, samples: int, on_step: OnStep = quiet) -> ShadowDiff:
    """Compares the shadow with the live tables. Raises ClickHouseError."""
    live, shadow = config.clickhouse.database, database_of(config, name)
    with connect(config.clickhouse) as client:
        settled = int(client.query(STATE).named_results().__next__()["settled_before"])
        complete(config, name, everything=False)
        for table in ("different_units", "different_events"):
            client.command(f"TRUNCATE TABLE {shadow}.{table}")
        _compare(client, live, shadow, settled, on_step)
        compared, covered, changing = _messages(client, live, shadow, settled)
        return ShadowDiff(
            messages_compared=compared - changing,
            messages_not_covered=_count(client, _MESSAGES.format(database=live)) - covered,
            messages_changing=changing,
            units=_units(client, shadow),
            columns=_columns(client, shadow),
            rates=_rates(client, live, shadow),
            events=_rows(client, _EVENTS.format(shadow=shadow)),
            dead_letters=_rows(client, _DEAD_LETTERS.format(live=live, shadow=shadow)),
            samples=_samples(client, shadow, samples),
        )


_MESSAGES: Final = "SELECT count() FROM (SELECT DISTINCT source, message_id FROM {database}.lifecycle_log)"

_EVENTS: Final = """
SELECT source, change, kind, word, sum(events) AS n FROM {shadow}.different_events
GROUP BY source, change, kind, word ORDER BY n DESC, source, change, kind, word"""

_DEAD_LETTERS: Final = """
SELECT source, reason, countIf(side = 0) AS before, countIf(side = 1) AS after
FROM
(
    SELECT source, reason, 0 AS side FROM {live}.dead_letters
    WHERE request_id IN (SELECT request_id FROM {shadow}.replayed)
    UNION ALL
    SELECT source, reason, 1 AS side FROM {shadow}.dead_letters
    WHERE request_id IN (SELECT request_id FROM {shadow}.replayed)
)
GROUP BY source, reason
HAVING before != after
ORDER BY source, reason"""


def _compare(client: "Client", live: str, shadow: str, settled: int, on_step: OnStep) -> None:
    client.command(sql.compare_other_events(live, shadow))
    total = _count(client, f"SELECT count() FROM {shadow}.compared")
    units, events = sql.compare_units(live, shadow), sql.compare_events(live, shadow)
    first, done = "", 0
    while True:
        on_step(min(done, total), total)
        found = client.query(
            sql.SLICE_END.format(shadow=shadow), parameters={"first": first, "rows": _SLICE_ROWS}
        ).result_rows
        end = str(found[0][0]) if found else ""
        bound = {"first": first, "end": end, "settled": settled}
        client.command(units, parameters=bound)
        client.command(events, parameters=bound)
        if not end:
            on_step(total, total)
            return
        first, done = end, done + _SLICE_ROWS


def _messages(client: "Client", live: str, shadow: str, settled: int) -> tuple[int, int, int]:
    """Messages to be compared, those of them that the live tables have, and those that were changing."""
    (row,) = client.query(
        f"""SELECT count(), countIf((source, message_id) IN (SELECT source, message_id FROM {live}.lifecycle_log)),
        countIf(message_id IN (SELECT message_id FROM {live}.touched_log
            WHERE toUnixTimestamp64Nano(ts) > {{settled:Int64}}))
        FROM {shadow}.compared FINAL""",
        parameters={"settled": settled},
    ).result_rows
    return int(row[0]), int(row[1]), int(row[2])


def _units(client: "Client", shadow: str) -> dict[str, int]:
    (row,) = client.query(
        f"SELECT countIf(empty(before)), countIf(empty(after)), countIf(notEmpty(before) AND notEmpty(after)) "
        f"FROM {shadow}.different_units"
    ).result_rows
    return dict(zip(("added", "removed", "changed"), map(int, row), strict=True))


def _columns(client: "Client", shadow: str) -> dict[str, int]:
    """Of the units that are on both sides: how many differ in each column."""
    found = client.query(
        f"""SELECT arrayJoin(arrayFilter(i -> before[i] != after[i], range(1, {len(_AT) + 1}))) AS place,
            count() AS units
        FROM {shadow}.different_units WHERE notEmpty(before) AND notEmpty(after)
        GROUP BY place ORDER BY units DESC, place"""
    ).result_rows
    return {FACTS[int(place) - 1]: int(units) for place, units in found}


def _rates(client: "Client", live: str, shadow: str) -> list[RateChange]:
    fact = {name: f"facts[{_AT[name]}]" for name in FACTS}
    reached = ("delivered", "read", "played")
    changes = client.query(
        f"""
SELECT source, left({fact["cohort_at"]}, 10) AS day, {fact["template"]}, {fact["campaign"]}, {fact["category"]},
    {fact["is_group"]} AS is_group,
    sum(sign), sumIf(sign, {fact["status"]} IN {reached}), sumIf(sign, {fact["status"]} IN {reached[1:]}),
    sumIf(sign, {fact["status"]} = 'failed')
FROM
(
    SELECT source, before AS facts, -1 AS sign FROM {shadow}.different_units WHERE notEmpty(before)
    UNION ALL
    SELECT source, after AS facts, 1 AS sign FROM {shadow}.different_units WHERE notEmpty(after)
)
WHERE {fact["counted"]} = '1'
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6"""
    ).result_rows
    current = {
        tuple(row[:6]): tuple(map(int, row[6:]))
        for days in portions(sorted({(row[0], row[1]) for row in changes}))
        for row in client.query(
            f"""SELECT source, toString(cohort_day), template, campaign, category, toString(is_group), sent, delivered,
            read, failed
            FROM {live}.delivery_rates WHERE (source, toString(cohort_day)) IN {{days:Array(Tuple(String, String))}}""",
            parameters={"days": days},
        ).result_rows
    }
    made = []
    for row in changes:
        key, change = tuple(row[:6]), tuple(map(int, row[6:]))
        if any(change):
            was = current.get(key, (0, 0, 0, 0))
            after = tuple(old + new for old, new in zip(was, change, strict=True))
            source, day, template, campaign, category, is_group = key
            made.append(RateChange(source, day, template, campaign, category, is_group == "1", was, after))
    return made


def _samples(client: "Client", shadow: str, limit: int) -> list[UnitSample]:
    """Some units of each kind of change."""
    found = client.query(
        f"""SELECT source, message_id, participant, before, after FROM {shadow}.different_units
        ORDER BY cityHash64(message_id, participant)
        LIMIT {{limit:UInt32}} BY empty(before), empty(after)""",
        parameters={"limit": limit},
    ).result_rows
    return [_sample(*row) for row in found]


def _sample(source: str, message_id: str, participant: str, before: Sequence[str], after: Sequence[str]) -> UnitSample:
    change = "added" if not before else "removed" if not after else "changed"
    nothing = [""] * len(FACTS)
    facts = {
        name: (shown(name, old), shown(name, new))
        for name, old, new in zip(FACTS, before or nothing, after or nothing, strict=True)
        if old != new
    }
    return UnitSample(change, source, _PHONE.sub("…", message_id), shown("participant", participant), facts)


def shown(column: str, value: str) -> str:
    """A value without the middle of a person's id, and without runs of digits that may be a phone number."""
    if column in _PEOPLE and value:
        return "…" if len(value) < 9 else f"{value[:3]}…{value[-3:]}"
    if column.endswith("_at"):
        return value
    return _PHONE.sub("…", value)


def _count(client: "Client", statement: str) -> int:
    return int(str(client.command(statement)))


def _rows(client: "Client", statement: str) -> list[Any]:
    return [tuple(row) for row in client.query(statement).result_rows]
