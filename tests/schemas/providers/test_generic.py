"""The generic provider: mappings that work, mappings that are refused, and values of any type."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.normalisation.raw_topic import normalise
from schemas.parsing.results import Parsed, Rejected
from schemas.providers.base import Provider
from schemas.providers.registry import Formats, built_in
from tests.support.examples import FORMATS, POSITION, example_body, raw_headers

INBOUND = {"kind": "inbound", "fields": {"message_id": "id", "text": "said"}}

# Parts of JMESPath expressions; random sequences of them are valid and invalid paths.
PATH_PARTS = (
    "a", "b", ".", "[*]", "[]", "|", "||", "&&", "(", ")", "@", "`1`", "'x'", "length(", "join(", "sort_by(", "&a", ",",
    "==", "!", "{a:", "}", "[?", "]", "keys(", "to_number(", "max(",
)  # fmt: skip


def generic(*rules: dict[str, Any], **more: Any) -> Provider:
    configured = built_in()["generic"].configured
    assert configured is not None
    return configured({"rules": list(rules), **more})


def read(provider: Provider, body: Any) -> list[Any]:
    """The fields of each event, the reason of each rejection."""
    return [
        {name: value for name, value in element.fields.items() if value is not None}
        if isinstance(element, Parsed)
        else f"{element.reason}: {element.detail}"
        for element in provider.parse(json.dumps(body).encode())
    ]


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({}, "mapping: missing: the provider generic needs one"),
        ({"rules": []}, "mapping.rules: the list is empty"),
        ({"events": "data"}, "mapping.rules: is missing: add it"),
        ({"rules": [INBOUND], "event": "data"}, "mapping.event: there is no such key"),
        ({"rules": [INBOUND], "events": "data["}, "mapping.events: not a JMESPath expression"),
        ({"rules": [INBOUND], "events": "$.data"}, "write it without `$`"),
        ({"rules": [INBOUND], "time_unit": "days"}, "mapping.time_unit: must be 'auto', 's', 'ms' or 'us', not 'days'"),
        ({"rules": [{**INBOUND, "kind": "message"}]}, "mapping.rules.0.kind: must be 'inbound'"),
        ({"rules": [INBOUND, INBOUND]}, "mapping.rules.0.when: missing, so later rules are never used"),
        ({"rules": [{"kind": "inbound", "fields": {}}]}, "mapping.rules.0.fields: must not be empty"),
        (
            {"rules": [{"kind": "inbound", "fields": {"txt": "a"}}]},
            "mapping.rules.0.fields.txt: a rule of kind inbound can fill",
        ),
        ({"rules": [{"kind": "inbound", "fields": {"text": "a..b"}}]}, "mapping.rules.0.fields.text: not a JMESPath"),
        ({"rules": [{"kind": "inbound", "fields": {"text": "lenght(a)"}}]}, "JMESPath has no function lenght"),
        ({"rules": [{"kind": "inbound", "fields": {"text": "a && length(b, c)"}}]}, "length takes 1 arguments, not 2"),
        ({"rules": [{"kind": "inbound", "fields": {"raw_type": "a"}}]}, "mapping.rules.0.fields.raw_type"),
        ({"rules": [{"kind": "status", "fields": {"message_id": "a"}}]}, "a rule of kind status needs status too"),
        ({"rules": [{"kind": "sent", "fields": {"text": "a"}}]}, "a rule of kind sent needs message_id too"),
        ({"rules": [{"kind": "system", "fields": {"state": "a"}}]}, "a rule of kind system needs event too"),
        ({"rules": [INBOUND], "body": {"acount": "a"}}, "mapping.body.acount: no rule is of a kind with this field"),
        ({"rules": [INBOUND], "values": {"status": {"X": "seen"}}}, "mapping.values.status.X: 'seen' is not one of"),
        ({"rules": [INBOUND], "values": {"kind": {}}}, "mapping.values.kind: there is no such key"),
        ({"rules": [{"kind": "inbound", "fields": {"text": "(" * 5_000}}]}, "fields.text: not a JMESPath expression"),
        ({"rules": 7}, "mapping.rules: "),
    ],
)
def test_a_wrong_mapping_is_refused_by_its_key(mapping: dict[str, Any], sentence: str) -> None:
    configured = built_in()["generic"].configured
    assert configured is not None
    with pytest.raises(ValueError, match=r"^mapping") as caught:
        configured(mapping)
    assert sentence in str(caught.value)


def test_all_wrong_keys_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"^mapping") as caught:
        generic(INBOUND, time_unit="h", events="$", values={"type": {"a": "b"}})
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "mapping.events", "mapping.time_unit", "mapping.values.type.a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "given", "wanted"),
    [
        ("s", 1795176000, 1_795_176_000_000),
        ("s", "1795176000.5", 1_795_176_000_500),
        ("ms", 1795176000123, 1_795_176_000_123),
        ("us", 1795176000123456, 1_795_176_000_123),
        ("auto", 1795176000, 1_795_176_000_000),
        ("auto", 1795176000123, 1_795_176_000_123),
        ("ms", "2026-11-20T12:00:00Z", 1_795_176_000_000),
        ("ms", 1795176000, None),  # seconds, although the mapping has ms: a time in 1970 is out of range
        ("s", 1795176000123, None),
        ("s", {"low": 1795176000, "high": 0}, 1_795_176_000_000),
        ("s", [1795176000], None),
        ("s", 10**400, None),
    ],
)
def test_times_are_read_in_the_unit_of_the_mapping(unit: str, given: Any, wanted: int | None) -> None:
    provider = generic({"kind": "inbound", "fields": {"message_id": "id", "occurred_at": "at"}}, time_unit=unit)
    assert read(provider, {"id": "a", "at": given})[0].get("occurred_at") == wanted


def test_fields_of_the_body_are_shared_and_an_event_overrides_them() -> None:
    rule = {"kind": "inbound", "fields": {"message_id": "id", "account": "line"}}
    provider = generic(rule, events="list", body={"account": "line", "occurred_at": "at"}, time_unit="s")
    found = read(provider, {"line": 1, "at": 1795176000, "list": [{"id": "a"}, {"id": "b", "line": "own"}]})
    assert [one["account"] for one in found] == ["1", "own"]
    assert {one["occurred_at"] for one in found} == {1_795_176_000_000}


def test_long_texts_of_the_body_are_not_shared() -> None:
    rule = {"kind": "inbound", "fields": {"message_id": "id"}}
    provider = generic(rule, events="list", body={"text": "note", "sender_name": "name"})
    body = {"note": "x" * 1_000_000, "name": "y" * 1_000_000, "list": [{"id": str(number)} for number in range(100)]}
    assert all(one.keys() == {"message_id", "type"} for one in read(provider, body))


def test_the_first_matching_rule_is_used() -> None:
    provider = generic(
        {"kind": "status", "when": "seen", "fields": {"message_id": "id", "status": "'read'"}},
        {"kind": "system", "when": "note", "fields": {"event": "note", "state": "note"}},
        INBOUND,
    )
    assert read(provider, [{"id": "a", "seen": True, "note": "n"}, {"note": "banned"}, {"id": "b", "said": "oi"}]) == [
        {"message_id": "a", "status": "read"},
        {"event": "banned", "state": "banned", "raw_state": "banned"},
        {"message_id": "b", "text": "oi", "type": "unknown"},
    ]


def test_an_event_without_a_rule_is_a_dead_letter() -> None:
    provider = generic({**INBOUND, "when": "said"}, events="list")
    assert read(provider, {"list": [{"typing": True}, 3, {"said": "oi"}, {"said": {}, "id": []}]})[:2] == [
        "unknown_shape: the event matches no rule of the mapping",
        "bad_element: an event is not an object",
    ]
    assert read(provider, {"items": []}) == ["unknown_shape: the body has nothing at the mapping's path to the events"]
    (broken,) = provider.parse(b"{")
    assert isinstance(broken, Rejected)
    assert broken.reason == "invalid_json"


def test_a_function_on_a_wrong_type_leaves_out_its_own_field_only() -> None:
    rule = {"kind": "inbound", "fields": {"message_id": "id", "text": "join(' ', parts)", "payload": "to_string(n)"}}
    provider = generic(rule)
    assert read(provider, {"id": "a", "parts": ["x", "y"]})[0]["text"] == "x y"
    for parts in (None, 7, "text", [1], {"a": 1}):
        assert read(provider, {"id": "a", "parts": parts, "n": 5})[0] == {
            "message_id": "a", "payload": "5", "type": "unknown",
        }  # fmt: skip


@pytest.mark.parametrize("value", [None, True, [], {}, [[]], {"a": 1}, " ", 10**40])
def test_a_value_that_is_not_an_id_is_left_out(value: Any) -> None:
    provider = generic({"kind": "status", "fields": {"message_id": "id", "status": "s"}})
    assert read(provider, {"id": value, "s": "read"}) == ["bad_element: a status names no message or no status"]
    assert read(provider, {"id": 0, "s": value}) == ["bad_element: a status names no message or no status"]
    assert read(provider, {"id": 0, "s": 0}) == [{"message_id": "0", "status": "unknown", "raw_status": "0"}]


def test_fields_of_the_body_are_part_of_the_event_id_where_there_is_no_message_id() -> None:
    provider = generic(
        {"kind": "inbound", "fields": {"text": "t"}}, events="l", body={"account": "a", "occurred_at": "at"}
    )
    formats = Formats(built_in(), {"shop": provider})

    def ids(account: str) -> list[str]:
        body = json.dumps({"a": account, "at": 1795176000, "l": [{"t": "oi"}]}).encode()
        return [event.fields["event_id"] for event in normalise(raw_headers("generic"), body, POSITION, formats)[0]]

    assert ids("one") == ids("one")
    assert ids("one") != ids("two")


def test_without_its_mapping_a_source_gives_dead_letters() -> None:
    body = json.dumps(example_body("generic/text")).encode()
    events, (letter,) = normalise(raw_headers("generic"), body, POSITION)
    assert (events, letter["reason"], letter["detail"]) == ([], "unknown_shape", "its source has no mapping")
    assert normalise(raw_headers("generic"), body, POSITION, FORMATS)[1] == []


def test_a_mapping_applies_to_records_of_its_own_provider_only() -> None:
    """Old records of a source that used Meta before are still read as Meta's."""
    assert FORMATS.of("shop", "generic") is not built_in()["generic"]
    assert FORMATS.of("shop", "meta") is built_in()["meta"]
    assert FORMATS.of("other", "generic") is built_in()["generic"]
    assert FORMATS.of("shop", "pigeon") is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(True, True), (1, True), ("TRUE", True), (False, False), ("0", False), (2, None), ("yes", None), ([1], None)],
)
def test_booleans_in_the_spellings_of_json(given: Any, wanted: bool | None) -> None:
    fields = {"message_id": "id", "status": "'sent'", "billable": "paid"}
    (found,) = read(generic({"kind": "status", "fields": fields}), {"id": "a", "paid": given})
    assert found.get("billable") == wanted


def test_plain_paths_find_the_same_as_the_library() -> None:
    """Paths of names alone are read without the library, with the same result for every type and depth."""
    values: list[Any] = [None, 1, "x", [], [{"b": 1}], {"b": 2}, {"b": {"c-d": 3}}, {"b": [{"c-d": 4}]}, {"b": None}]
    for path in ("a", "a.b", 'a.b."c-d"', '"a"."b"'):
        provider = generic({"kind": "inbound", "fields": {"message_id": "id", "media_count": path, "text": path}})
        by_library = generic(
            {
                "kind": "inbound",
                "fields": {"message_id": "id", "media_count": f"[{path}] | [0]", "text": f"[{path}] | [0]"},
            }
        )
        bodies = [{"id": "m", "a": value} for value in values]
        assert read(provider, bodies) == read(by_library, bodies)


@given(
    st.lists(
        st.sampled_from(PATH_PARTS),
        max_size=9,
    ),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=12,
    ),
)
def test_no_path_and_no_body_makes_it_raise(parts: list[str], value: Any) -> None:
    path = "".join(parts)
    try:
        provider = generic(
            {"kind": "inbound", "when": path, "fields": {"text": path, "occurred_at": path}}, events=path
        )
    except ValueError as error:
        assert str(error).startswith("mapping.")  # noqa: PT017
        return
    for body in (value, {"a": value, "b": [value]}):
        for element in provider.parse(json.dumps(body).encode()):
            assert isinstance(element, Parsed | Rejected)
