"""Every place that lists lifecycle fields or columns of units has those of `schemas.lifecycle`, on the real engine."""

from collections.abc import Collection, Iterable
from typing import Any

import orjson
import pytest

from schemas.lifecycle import COLUMNS, FIELDS, KEY, PUBLISHED, Field, Rule
from streams.analytics.copy import catch_up
from streams.reconcile import hashes
from tests.streams.load.test_lifecycle import only_row, rows_of
from tests.support.engine import Engine
from tests.support.events import NOON, WORDS, event

NEVER = 2**64 - 1
STAMP = str(NOON)
MEMBER = "+4915550009"
# A value of no information, and one of some, of every rule.
VALUES: dict[Rule, tuple[Any, Any]] = {
    Rule.STAMP: (NEVER, NOON),
    Rule.EVIDENCE: (9, 0),
    Rule.ORIGIN: (3, 0),
    Rule.FLAG: (0, 1),
    Rule.SMALLEST_WORD: ("meta", "a"),
    Rule.KNOWN_WORD: ("~", "0word"),
    Rule.PHONE_FIRST: ("~", "0+4915550001"),
    Rule.TYPE_FIRST: ("~", "0text"),
    Rule.RANKED_WORD: ("~", f"0{STAMP:0>14}word"),
    Rule.STAMPED_WORD: ("~", f"{STAMP:0>14}word"),
    Rule.STAMPED_FLAG: (NEVER, 2 * NOON + 1),
    Rule.ERROR: ("~", f"{STAMP:0>14}code\0\0title"),
    Rule.FIRST_MOMENT: ("2026-11-20 12:00:00.000", "2026-11-19 12:00:00.000"),
    Rule.LAST_MOMENT: ("2026-11-20 12:00:00.000", "2026-11-21 12:00:00.000"),
    Rule.DAYS: (["2026-11-20"], ["2026-11-21"]),
    Rule.ROWS: (1, 2),
}
# What units are made of beside COLUMNS.
BOOKKEEPING = {"version": "n", "days": "days"}


def differences(place: str, found: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """One sentence for each name that one side lacks."""
    found, wanted = set(found), set(wanted)
    lacks = [f"{place} lacks {name}, which schemas/lifecycle.py lists" for name in sorted(wanted - found)]
    more = [f"{place} has {name}, which schemas/lifecycle.py does not list" for name in sorted(found - wanted)]
    return lacks + more


def columns(engine: Engine, table: str) -> dict[str, str]:
    """Types by name, in order."""
    return {row["name"]: row["type"] for row in engine.rows(f"DESCRIBE TABLE {table}")}


def test_a_difference_is_one_sentence_that_names_the_place_and_the_field() -> None:
    assert differences("the view units", ["a", "b"], ["b", "c"]) == [
        "the view units lacks c, which schemas/lifecycle.py lists",
        "the view units has a, which schemas/lifecycle.py does not list",
    ]


def test_lifecycle_log_has_the_fields_with_the_types_of_their_rules(engine: Engine) -> None:
    found = columns(engine, "lifecycle_log")
    assert differences("lifecycle_log", found, [*KEY, *(field.name for field in FIELDS)]) == []
    wrong = [
        f"lifecycle_log.{field.name} is {found[field.name]}, {field.rule.name} wants {field.rule.clickhouse_type}"
        for field in FIELDS
        if found[field.name] != field.rule.clickhouse_type
    ]
    assert wrong == []


def test_every_copy_of_units_has_their_columns(engine: Engine) -> None:
    units = [column.name for column in COLUMNS]
    assert differences("the view units", columns(engine, "units"), [*units, *BOOKKEEPING]) == []
    copied = [*units, "country", "version", "gone", "message_key"]
    assert differences("cohort_log", columns(engine, "cohort_log"), copied) == []
    assert differences("the view cohorts", columns(engine, "cohorts"), [*units, "country"]) == []
    assert differences("the view current_units", columns(engine, "current_units"), [*PUBLISHED, "counted"]) == []
    assert differences("the view messages", columns(engine, "messages"), PUBLISHED) == []
    assert list(columns(engine, "messages")) == list(PUBLISHED), "the view messages has the columns in another order"


def test_a_row_of_wa_messages_has_the_published_columns_in_order() -> None:
    row = only_row(event("status", message_id="m", status="sent"))
    assert differences("a row of wa.messages", row, PUBLISHED) == []
    assert list(row) == list(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_hash_of_a_row_depends_on_every_published_column(name: str) -> None:
    row = only_row(event("status", message_id="m", status="sent"))
    assert hashes.of_row(row) != hashes.of_row(row | {name: "2001-01-01T00:00:00.000Z"}), f"the hash lacks {name}"


def lifecycle_row(message_id: str, participant: str, known: Collection[str]) -> dict[str, Any]:
    """A row of lifecycle_log in which the fields `known` are known, and no other."""
    facts = {field.name: VALUES[field.rule][field.name in known] for field in FIELDS}
    return {"source": "shop", "message_id": message_id, "participant": participant, **facts}


# Fields that show only together with others, and those that show at inbound messages only.
TOGETHER = {
    "live": ("direction",), "recipient": ("direction",), "delivered": ("sent",), "read": ("sent",), "played": ("sent",),
}  # fmt: skip
INBOUND = {"own_read", "own_played", "sender"}


def two_groups(field: Field) -> list[dict[str, Any]]:
    """Rows of two groups with one member each, with and without the field at the parent row; all else is the same."""
    others = TOGETHER.get(field.name, ())
    rows = [
        lifecycle_row(f"{field.name} {name}", participant, known if participant == "" else ())
        for name, known in (("without", others), ("with", (*others, field.name)))
        for participant in ("", MEMBER)
    ]
    return [row | {"direction": 1} for row in rows] if field.name in INBOUND else rows


def problems(field: Field, own: set[str], member: set[str]) -> list[str]:
    """Sentences about the columns of `units` in which the two groups differ, at the parent row and at the member."""
    made = {column.name for column in COLUMNS if field.name in column.made_of}
    made |= {name for name, source in BOOKKEEPING.items() if source == field.name}
    found = [f"the view units makes {name} of {field.name}, schemas/lifecycle.py does not" for name in own - made]
    if not own | member and made:
        found.append(f"the view units does not show {field.name}, schemas/lifecycle.py makes {sorted(made)} of it")
    if field.inherited and made and not member:
        found.append(f"members do not inherit {field.name} in the view units, in schemas/lifecycle.py they do")
    if member and not field.inherited:
        found.append(f"members inherit {field.name} in the view units, in schemas/lifecycle.py they do not")
    return found


def test_units_show_each_field_and_members_inherit_it_where_the_table_says_so(engine: Engine) -> None:
    rows = [row for field in FIELDS for row in two_groups(field)]
    engine.run(b"\n".join(map(orjson.dumps, rows)), query="INSERT INTO lifecycle_log FORMAT JSONEachRow")
    units = {(row["message_id"], row["participant"]): row for row in engine.rows("SELECT * FROM units")}

    def differing(field: Field, participant: str) -> set[str]:
        one, other = (units[f"{field.name} {name}", participant] for name in ("with", "without"))
        return {name for name in one if name != "message_id" and one[name] != other[name]}

    found = [problems(field, differing(field, ""), differing(field, MEMBER)) for field in FIELDS]
    assert [sentence for sentences in found for sentence in sentences] == []


def test_a_forgotten_inheritance_is_one_sentence() -> None:
    field = Field("campaign", Rule.RANKED_WORD, inherited=True)
    assert problems(field, {"campaign"}, set()) == [
        "members do not inherit campaign in the view units, in schemas/lifecycle.py they do"
    ]
    field = Field("campaign", Rule.RANKED_WORD, inherited=False)
    assert problems(field, {"campaign"}, {"campaign"}) == [
        "members inherit campaign in the view units, in schemas/lifecycle.py they do not"
    ]


def test_the_worker_inherits_the_same_words_as_the_view(engine: Engine) -> None:
    """Events set every word of a sent message; its member has them in SQL, in Python, and in the copy."""
    words: dict[str, Any] = {name: f"word of {name}" for name in WORDS}
    events = [
        event("sent", message_id="g", at=NOON, account="a", type="text", to="+4915550001", **words),
        event("status", message_id="g", status="read", participant=MEMBER, at=NOON + 1),
    ]
    engine.load(events)
    expected = sorted(rows_of(events).values(), key=lambda row: str(row["participant"]))
    assert engine.rows("SELECT * FROM messages ORDER BY participant") == expected
    with engine.client() as client:
        catch_up(client)
    assert engine.rows("SELECT * FROM messages ORDER BY participant") == expected
    for name in words.keys() & set(PUBLISHED):
        assert expected[1][name] == words[name], f"members do not inherit {name} in streams/load/lifecycle.py"
