"""The lifecycle algebra: any order, repetition and split of a message's events ends in the same rows."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.load.lifecycle import EMPTY, Key, State, apply_events, dumps, event_to_state, join, loads
from tests.support.events import DAY, NOON, event, events_of_few_messages


class Store:
    """A store of states as the workers use one: bytes by key, scanned by prefix; remembers every row published."""

    def __init__(self) -> None:
        self.states: dict[Key, bytes] = {}
        self.rows: dict[Key, dict[str, Any]] = {}

    def take(self, events: list[dict[str, Any]]) -> None:
        scan = lambda prefix: [pair for pair in sorted(self.states.items()) if pair[0].startswith(prefix)]  # noqa: E731
        states, rows = apply_events(events, self.states.get, scan)
        self.states.update((key, dumps(state)) for key, state in states.items())
        self.rows.update(rows)


def rows_of(*batches: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    store = Store()
    for batch in batches:
        store.take(batch)
    return store.rows


def only_row(*events: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of(list(events)).values()
    return row


@settings(max_examples=2 * settings().max_examples)
@given(st.data())
def test_any_order_repetition_and_split_gives_the_same_rows(data: st.DataObject) -> None:
    events = data.draw(st.lists(events_of_few_messages(), min_size=1, max_size=12))
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations(events + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    batches = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    assert rows_of(*batches) == rows_of(events)


_states = events_of_few_messages().map(event_to_state).filter(bool).map(lambda found: found[1])  # type: ignore[index]


@settings(max_examples=2 * settings().max_examples)
@given(_states, _states, _states)
def test_join_is_a_semilattice(a: State, b: State, c: State) -> None:
    assert join(a, a) == a
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, EMPTY) == a
    assert loads(dumps(a)) == a


def test_a_sent_record_that_comes_last_moves_the_message_to_its_own_day() -> None:
    row = only_row(
        event("status", message_id="m", status="read", at=NOON + 40 * DAY),
        event("status", message_id="m", status="delivered", at=NOON + DAY),
        event("sent", message_id="m", at=NOON, template="hello", to="+5511955550001"),
    )
    assert row["cohort_at"] == row["sent_at"] == "2026-11-20T12:00:00.000Z"
    assert (row["status"], row["template"], row["origin"]) == ("read", "hello", "api")


def test_the_earliest_time_of_a_status_wins_not_the_first_that_arrived() -> None:
    late = event("status", message_id="m", status="delivered", at=NOON + 5)
    early = event("status", message_id="m", status="delivered", at=NOON + 3)
    assert only_row(late, early)["delivered_at"] == "2026-11-20T12:00:00.003Z"


def test_a_provider_time_wins_over_our_own_even_when_later() -> None:
    untimed = event("status", message_id="m", status="delivered", received=NOON)
    timed = event("status", message_id="m", status="delivered", at=NOON + DAY, received=NOON + DAY)
    assert only_row(untimed)["delivered_at"] == "2026-11-20T12:00:00.000Z"
    assert only_row(untimed, timed)["delivered_at"] == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["pending"], "pending"),
        (["sent", "pending"], "sent"),
        (["delivered", "sent"], "delivered"),
        (["read"], "read"),
        (["played", "read"], "played"),
        (["failed", "sent"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["deleted"], ""),
        (["sent", "deleted"], "sent"),
        (["unknown"], ""),
    ],
)
def test_status_is_the_highest_and_failed_only_below_delivered(statuses: list[str], expected: str) -> None:
    row = only_row(*(event("status", message_id="m", status=word, at=NOON) for word in statuses))
    assert row["status"] == expected


def test_our_own_reading_of_a_customers_message_is_no_outbound_read() -> None:
    read = event("status", message_id="m", status="read", from_me=False, at=NOON + 1)
    inbound = only_row(read)
    assert (inbound["direction"], inbound["status"], inbound["read_at"]) == ("in", "read", "2026-11-20T12:00:00.001Z")
    outbound = only_row(read, event("sent", message_id="m", at=NOON))
    assert (outbound["direction"], outbound["status"], outbound["read_at"]) == ("out", "sent", None)


def test_members_of_a_group_have_the_sending_of_their_message() -> None:
    read = event("status", message_id="m", status="read", participant="+5511955550003", at=NOON + 2)
    sent = event("sent", message_id="m", at=NOON, template="news")
    for batches in ([[read], [sent]], [[sent], [read]], [[sent, read]]):
        rows = {row["participant"]: row for row in rows_of(*batches).values()}
        assert rows["+5511955550003"]["template"] == rows[""]["template"] == "news"
        assert rows["+5511955550003"]["sent_at"] == "2026-11-20T12:00:00.000Z"
        assert (rows["+5511955550003"]["status"], rows[""]["status"]) == ("read", "sent")


def test_the_error_is_that_of_the_earliest_failure() -> None:
    second = event("status", message_id="m", status="failed", at=NOON + 2, error_code="131026", error_title="b")
    first = event("status", message_id="m", status="failed", at=NOON + 1, error_code="131049", error_title="a")
    assert only_row(second, first)["error_code"] == "131049"


def test_system_events_and_events_without_an_id_belong_to_no_message() -> None:
    assert event_to_state(event("system", event="account_update")) is None
    assert event_to_state(event("inbound", text="hi", at=NOON)) is None


def test_a_state_that_was_stored_before_a_field_existed_is_loaded_with_the_field_unknown() -> None:
    found = event_to_state(event("sent", message_id="m", at=NOON, template="t"))
    assert found is not None
    key, state = found
    shorter = dumps(state[:-1])
    last = len(EMPTY) - 1
    assert loads(shorter) == [*state[:last], EMPTY[last]]
    assert join(loads(shorter), state) == state
    store = Store()
    store.states[key] = shorter
    store.take([event("status", message_id="m", status="read", at=NOON + 1)])
    (row,) = store.rows.values()
    assert (row["template"], row["status"]) == ("t", "read")
