"""The view opt_outs: who is opted out now, since when, whatever the order of events and however often they come."""

from itertools import permutations
from typing import Any

from schemas.tables import migrations
from tests.support.engine import Engine
from tests.support.events import NOON, event

ANA, BEA, CAI = "+5511955550001", "+5511955550002", "BR.15025"
MARKETING = "marketing_messages"


def said(
    person: str | None, word: str, at: int, *, event_name: str = "user_preferences", **facts: Any
) -> dict[str, Any]:
    fields = {"event": event_name, "raw_state": word, "reason_code": MARKETING, "from": person, "at": at, **facts}
    return event("system", **fields)


def refused(person: str, at: int, code: str = "131050", **facts: Any) -> dict[str, Any]:
    return event(
        "status", **{"message_id": f"m{at}", "status": "failed", "error_code": code, "to": person, "at": at, **facts}
    )


def opted_out(engine: Engine) -> list[tuple[Any, ...]]:
    rows = engine.rows(
        "SELECT source, person, category, toUnixTimestamp64Milli(since) AS since, "
        "toUnixTimestamp64Milli(last_change) AS last_change FROM opt_outs ORDER BY ALL"
    )
    return [tuple(row.values()) for row in rows]


def test_the_last_word_counts_in_any_order(engine: Engine) -> None:
    history = [
        said(ANA, "stop", NOON),
        said(ANA, "resume", NOON + 10),
        refused(ANA, NOON + 20),
        refused(ANA, NOON + 30),
    ]
    for order in list(permutations(history))[::5]:
        engine.clear()
        for one in (*order, order[0]):
            engine.load([one])
        assert opted_out(engine) == [("shop", ANA, MARKETING, NOON + 20, NOON + 30)]
    engine.load([said(ANA, "signup", NOON + 40)])
    assert opted_out(engine) == []
    engine.load([said(ANA, "STOP", NOON + 40)])
    assert opted_out(engine) == [("shop", ANA, MARKETING, NOON + 40, NOON + 40)], "when in doubt they are opted out"


def test_words_and_names_of_every_provider(engine: Engine) -> None:
    engine.clear()
    engine.load([
        said(ANA, "opted-out", NOON, event_name="user-event", reason_code=None),
        said(BEA, "x", NOON, event_name="contact.opted_out", source="crm"),
        said(CAI, "x", NOON, event_name="contact.unsubscribed"),
        said(BEA, "stop", NOON, event_name="campaign"),
        said(BEA, "opted-in", NOON, event_name="user-event"),
        said(None, "stop", NOON),
        refused(BEA, NOON, "131049"),
        refused(BEA, NOON + 1, status="delivered"),
    ])  # fmt: skip
    assert opted_out(engine) == [
        ("crm", BEA, MARKETING, NOON, NOON),
        ("shop", ANA, "", NOON, NOON),
        ("shop", CAI, MARKETING, NOON, NOON),
    ]


def test_failures_that_were_stored_before_the_migration_are_in_the_view(engine: Engine) -> None:
    older = Engine(engine.server, "before_opt_outs", last=12)
    older.load([refused(ANA, NOON), refused(BEA, NOON, "131026")])
    older.load([refused(ANA, NOON)])
    older.apply(migrations()[12])
    assert opted_out(older) == [("shop", ANA, MARKETING, NOON, NOON)]
