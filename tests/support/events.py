"""Canonical events for tests, built by the product's own `finish` from the few facts that a test names."""

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from schemas.events import Arrival, finish
from schemas.lifecycle import FIELDS, Rule
from schemas.parsing.results import Parsed
from schemas.parsing.times import EARLIEST_MS, LATEST_MS

# Fields of messages that are the word of an event's field of the same name.
WORDS = [field.name for field in FIELDS if field.rule in (Rule.RANKED_WORD, Rule.STAMPED_WORD)]
NOON = 1_795_176_000_000  # 2026-11-20T12:00:00Z
DAY = 86_400_000


def event(
    kind: str, *, received: int = NOON, request: str = "r", index: int = 0, source: str = "shop", **fields: Any
) -> dict[str, Any]:
    """A canonical event as it is on Kafka. `at` = the provider's time in ms."""
    if "at" in fields:
        fields["occurred_at"] = fields.pop("at")
    if kind == "sent":
        fields.setdefault("origin", "api")
    arrival = Arrival(source, "meta", request, received, {"topic": "wa.raw", "partition": 0, "offset": 0})
    return finish(Parsed(kind, fields, element=fields), arrival, index)  # type: ignore[arg-type]


# Few distinct values, so that ties, repetitions and contradictions are the rule.
_times = st.one_of(
    st.none(),
    st.sampled_from([NOON - 1, NOON, NOON + DAY // 2 - 1, NOON + DAY // 2, NOON + 40 * DAY]),
    st.sampled_from([EARLIEST_MS, LATEST_MS - 1]),
)
_words = st.one_of(st.none(), st.sampled_from(["a", "b", "ä", "\x00", "\uffff", "\U0001f600"]))
_phones = st.one_of(st.none(), st.sampled_from(["+5511955550001", "+5511955550002", "99887766554433@lid"]))
_members = st.one_of(st.none(), st.none(), st.sampled_from(["+5511955550003", "11@lid"]))
_statuses = st.sampled_from(["pending", "sent", "delivered", "read", "played", "failed", "deleted", "unknown"])


@st.composite
def events_of_few_messages(draw: st.DrawFn) -> dict[str, Any]:
    """An event of one of two messages, of any kind that belongs to a message."""
    kind = draw(st.sampled_from(["status", "status", "status", "sent", "inbound"]))
    facts: dict[str, Any] = {
        "message_id": draw(st.sampled_from(["m1", "m2"])),
        "at": draw(_times),
        "to": draw(_phones),
        "account": draw(_words),
        **{name: draw(_words) for name in WORDS},
        "is_group": draw(st.sampled_from([None, True, False])),
        "historical": draw(st.sampled_from([None, None, True])),
    }
    if kind == "status":
        facts["status"] = draw(_statuses)
        facts["from_me"] = draw(st.sampled_from([None, True, False]))
        facts["participant"] = draw(_members)
        if facts["status"] == "failed":
            facts |= {"error_code": draw(_words), "error_title": draw(_words)}
    else:
        facts["type"] = draw(st.sampled_from([None, "text", "image", "unsupported", "unknown"]))
        if kind == "sent":
            facts["origin"] = draw(st.sampled_from(["api", "echo", "history"]))
        else:
            facts["participant"] = draw(_members)
    received = draw(st.sampled_from([NOON, NOON + 1, NOON + 3 * DAY]))
    request = draw(st.sampled_from(["r1", "r2", "r3"]))
    return event(kind, received=received, request=request, index=draw(st.integers(0, 2)), **facts)


@st.composite
def inserts(draw: st.DrawFn, *, sources: int, most: int) -> list[list[dict[str, Any]]]:
    """Events of a few messages of each source, repeated and in any order, in at most `most` INSERTs.

    One example has several sources, because emptying the tables before it takes longer than everything else.
    """
    blocks: list[list[dict[str, Any]]] = [[] for _ in range(most)]
    for number in range(sources):
        drawn = draw(st.lists(events_of_few_messages(), min_size=1, max_size=12))
        events = [one | {"source": f"shop-{number}"} for one in drawn]
        again = draw(st.lists(st.sampled_from(events), max_size=4))
        shuffled = draw(st.permutations(events + again))
        cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=most - 1)))
        for block, (start, end) in zip(blocks, pairwise([0, *cuts, len(shuffled)]), strict=False):
            block += shuffled[start:end]
    return blocks
