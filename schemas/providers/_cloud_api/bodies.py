"""From the bytes of a Cloud API body to its elements.

A body holds up to 1,000 updates in entry[] x changes[] x one or more lists. Every level is read to its end; a part that
is broken is rejected alone.
"""

from collections.abc import Callable
from itertools import chain

from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.providers._cloud_api.change import Change, change_of, error_fields, with_value
from schemas.providers._cloud_api.content import is_emptied
from schemas.providers._cloud_api.messages import read_echo, read_history, read_inbound, read_past
from schemas.providers._cloud_api.statuses import read_status
from schemas.providers._cloud_api.system import read_error, read_item, read_notice
from schemas.reasons import Reason


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, read)


def read(root: Json) -> Elements:
    """Every element of a decoded body in its order."""
    if not isinstance(root, dict):
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body is not an object", root)
    elif "entry" in root:
        for entry in as_list(root["entry"]):
            yield from _read_entry(entry)
    elif "field" in root and "value" in root:  # the test of the app dashboard sends one change without an entry
        yield from read_change(root, {})
    else:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no entry", root)


def _read_entry(entry: Json) -> Elements:
    if not isinstance(entry, dict):
        yield Rejected(Reason.BAD_ELEMENT, "an entry is not an object", entry)
    elif not isinstance(entry.get("changes"), list | dict):
        yield Rejected(Reason.BAD_ELEMENT, "an entry has no changes", entry)
    else:
        for change in as_list(entry["changes"]):
            yield from read_change(change, entry)


def read_change(raw: Json, entry: JsonObject) -> Elements:
    """Every element of one change, an object with `field` and `value`. Of `entry`, `id` and `time` are used.

    The lists in the value decide how it is read, whatever the field is called: Meta adds fields that carry messages.
    """
    field = as_id(raw.get("field")) if isinstance(raw, dict) else None
    if field is None or not isinstance(raw, dict):
        yield Rejected(Reason.BAD_ELEMENT, "a change has no field", raw)
        return
    value = raw.get("value")
    change = change_of(field, value, entry)
    found = False
    for element in _elements(change):
        found = True
        yield element
    if found:
        return
    if field not in _LIST_FIELDS:
        yield read_notice(change, value)
    elif not isinstance(value, dict):
        yield Rejected(Reason.BAD_ELEMENT, "the value of a change is not an object", raw)
    else:
        yield Rejected(Reason.BAD_ELEMENT, "a change has none of the lists that belong to its field", raw)


def _elements(change: Change) -> Elements:
    """The elements of every list in the value of a change, and the errors beside them."""
    value, field = change.value, change.field
    found = field in _LIST_FIELDS
    errors = as_list(value.get("errors"))
    for name, read_list in _READERS.items():
        if isinstance(items := value.get(name), list | dict):  # a lone object instead of a list is taken too
            for element in read_list(as_list(items), change):
                found = True
                yield element
    # An interactive reply can arrive without its content; the error that explains it is then part of its event.
    if found and not (errors and any(is_emptied(as_object(raw)) for raw in as_list(value.get("messages")))):
        for raw in errors:
            yield read_error(raw, change)


def _messages(items: list[Json], change: Change) -> Elements:
    for raw in items:
        if change.field == "history":
            yield from read_past(raw, change)
            continue
        element = read_inbound(raw, change)
        if "errors" in change.value and isinstance(element, Parsed) and is_emptied(as_object(raw)):
            element.fields.update(error_fields(change.value["errors"]))
        yield element


def _statuses(items: list[Json], change: Change) -> Elements:
    for raw in items:
        yield read_status(raw, change)


def _echoes(items: list[Json], change: Change) -> Elements:
    origin = "history" if change.field == "history" else "echo"
    for raw in items:
        yield read_echo(raw, change, origin)


def _history(items: list[Json], change: Change) -> Elements:
    for chunk in items:
        found = False
        for element in chain(read_history(chunk, change), _chunk_errors(chunk, change)):
            found = True
            yield element
        if not found:  # it tells how far the backfill is
            yield read_item(chunk, change)


def _chunk_errors(chunk: Json, change: Change) -> Elements:
    for raw in as_list(as_object(chunk).get("errors")):
        yield read_error(raw, change)


def _items(items: list[Json], change: Change) -> Elements:
    for raw in items:
        yield read_item(raw, change)


def _standby(items: list[Json], change: Change) -> Elements:
    """What an app gets of a conversation that another app holds: the same lists one level down."""
    shared = {name: part for name, part in change.value.items() if name not in ("standby", "errors")}
    for raw in items:
        inner = {name: part for name, part in as_object(raw).items() if name != "standby"}
        yield from _elements(with_value(change, {**shared, **inner}))


_READERS: dict[str, Callable[[list[Json], Change], Elements]] = {
    "messages": _messages,
    "calls": _items,
    "statuses": _statuses,
    "message_echoes": _echoes,
    "history": _history,
    "user_preferences": _items,
    "groups": _items,
    "user_id_update": _items,
    "standby": _standby,
}
# Fields that are nothing without one of these lists; any other field is a notice without them.
_LIST_FIELDS = frozenset({
    "messages", "message_echoes", "smb_message_echoes", "history", "calls", "user_preferences", "standby",
})  # fmt: skip
