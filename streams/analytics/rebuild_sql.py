# ruff: noqa: S608  (every value is bound; what is put in by text are names and expressions of this module)
"""The common SQL of all rebuilds of rollups.

A rebuild is one statement for some pairs of a source and a UTC day. It writes only rows that differ from the stored
ones, because most rows of a day stay as they are. Rows of a rebuild have two versions: the odd one, 2 * generation + 1,
for rows that exist, and the even one below it for the zeros of rows that exist no more; so a row that is written both
ways stays. Bound: `pairs` Array(Tuple(String, Date)), `generation` UInt64.
"""

from dataclasses import dataclass


def pairs(first: int = 0, last: int = 0) -> str:
    """The bound pairs, each with its neighbours from `first` to `last` days away, as the right side of IN.

    A subquery, because it becomes a set before anything is read; an array would be searched for each row.
    """
    return f"""(SELECT pair.1, pair.2 + away FROM (SELECT arrayJoin({{pairs:Array(Tuple(String, Date))}}) AS pair)
        ARRAY JOIN range({first}, {last + 1}) AS away)"""


def quarter(moment: str) -> str:
    """The slot of 15 minutes of a moment."""
    return f"toStartOfFifteenMinutes(toDateTime({moment}, 'UTC'))"


@dataclass(slots=True, frozen=True)
class Rollup:
    """A table that is rebuilt by days. `name` = as in the view rollup_days; `insert` rebuilds the bound pairs."""

    name: str
    table: str
    insert: str

    @property
    def written(self) -> str:
        """Counts the rows of the bound generation for each pair in `done` (name, source, day, changes)."""
        return f"""
    SELECT '{self.name}' AS name, source, toDate(slot) AS day, count() AS changes
    FROM {self.table}
    WHERE version IN ({{generation:UInt64}} * 2, {{generation:UInt64}} * 2 + 1)
        AND (source, toDate(slot)) IN (SELECT source, day FROM done WHERE name = '{self.name}')
    GROUP BY source, day"""


def note(rollups: list[Rollup]) -> str:
    """The statement that notes the bound `done` pairs as rebuilt: their `changes` and the rows just written."""
    written = "".join(f"\n    UNION ALL{rollup.written}" for rollup in rollups)
    return f"""
INSERT INTO rebuilt_log (name, source, day, changes, rebuilt_at)
WITH done AS
(
    SELECT d.1 AS name, d.2 AS source, d.3 AS day, d.4 AS changes
    FROM (SELECT arrayJoin({{done:Array(Tuple(String, String, Date, UInt64))}}) AS d)
)
SELECT name, source, day, sum(changes), fromUnixTimestamp64Nano(toInt64({{generation:UInt64}}), 'UTC')
FROM
(
    SELECT name, source, day, changes FROM done{written}
)
GROUP BY name, source, day"""


# Without it an INSERT merges a row that was written in both versions, which then counts once here and twice in
# changed_log.
SETTINGS = "SETTINGS optimize_on_insert = 0"


def by_checksum(
    name: str,
    table: str,
    *,
    rows: str,
    where: str,
    moment: str,
    content: str,
    keys: dict[str, str],
    values: dict[str, str],
    by_slot: str = "",
    zeros: dict[str, str] | None = None,
) -> Rollup:
    """A rollup that is compared slot by slot: each of its rows has the sum of the hashes of the rows it was made of.

    It is made of `rows`, by `moment`, with the condition `where`; `content` lists everything that matters of a row,
    without NULL. Hashing is several times cheaper than grouping, so only slots with differing sums are grouped. A
    `table` in another order than slots has a view that passes its keys and sums to `by_slot`, where they are compared;
    `zeros` then are the values of a row that exists no more.
    """
    by_slot = by_slot or table
    zeros = zeros or {name: f"defaultValueOfArgumentType({table}.{name})" for name in values}
    slot = quarter(moment)
    chosen = f"(source, toDate({moment})) IN {pairs()} AND {where}"
    columns = ", ".join(("source", "slot", *keys, *values))
    named = ", ".join(f"{expression} AS {name}" for name, expression in (keys | values).items())
    nothing = ", ".join(zeros[name] for name in values)
    return Rollup(
        name,
        by_slot,
        f"""
INSERT INTO {table} ({columns}, checksum, version)
WITH
    sipHash64({content}) AS hash,
    (
        SELECT groupArray((source, slot))
        FROM
        (
            SELECT source, slot
            FROM
            (
                SELECT source, {slot} AS slot, sum(hash) AS now, toUInt64(0) AS before
                FROM {rows}
                WHERE {chosen}
                GROUP BY source, slot
                UNION ALL
                SELECT source, slot, 0, sum(checksum)
                FROM {by_slot} FINAL
                WHERE (source, toDate(slot)) IN {pairs()}
                GROUP BY source, slot
            )
            GROUP BY source, slot
            HAVING sum(now) != sum(before)
        )
    ) AS changed
SELECT source, {slot} AS slot, {named}, sum(hash) AS checksum, {{generation:UInt64}} * 2 + 1 AS version
FROM {rows}
WHERE {chosen} AND (source, {slot}) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(changed) AS x))
GROUP BY {", ".join(("source", "slot", *keys))}
UNION ALL
SELECT source, slot, {", ".join(keys)}, {nothing}, 0, {{generation:UInt64}} * 2
FROM {by_slot} FINAL
WHERE checksum != 0 AND (source, slot) IN (SELECT x.1, x.2 FROM (SELECT arrayJoin(changed) AS x))
{SETTINGS}""",
    )


def by_comparison(name: str, table: str, *, keys: tuple[str, ...], values: tuple[str, ...], select: str) -> Rollup:
    """A rollup of few rows, made as a whole and compared with the stored rows; `select` gives keys and values."""
    columns, row = ", ".join((*keys, *values)), f"tuple({', '.join(values)})"
    named = ", ".join(f"tupleElement(new, {place}) AS {name}" for place, name in enumerate(values, 1))
    return Rollup(
        name,
        table,
        f"""
INSERT INTO {table} ({columns}, version)
SELECT {", ".join(keys)}, {named}, {{generation:UInt64}} * 2 + 1 AS version
FROM
(
    SELECT {", ".join(keys)}, anyIf(row, fresh) AS new, anyIf(row, NOT fresh) AS old
    FROM
    (
        SELECT {", ".join(keys)}, {row} AS row, true AS fresh FROM ({select})
        UNION ALL
        SELECT {", ".join(keys)}, {row} AS row, false AS fresh FROM {table} FINAL
        WHERE (source, toDate(slot)) IN {pairs()}
    )
    GROUP BY {", ".join(keys)}
    HAVING new != old
)""",
    )


def known(column: str, none: str) -> str:
    """A Nullable column with `none` instead of NULL, because the hash of NULL is NULL."""
    return f"ifNull({column}, {none})"


def itself(*names: str) -> dict[str, str]:
    """Columns that are taken as they are."""
    return {name: name for name in names}
