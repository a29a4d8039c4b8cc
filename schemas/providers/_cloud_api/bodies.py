"""From the bytes of a Cloud API body to its elements.

A body holds up to 1,000 updates in entry[] x changes[] x one or more lists. Every level is read to its end; a part that
is broken is rejected alone.
"""

from collections.abc import Callable

from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.providers._cloud_api.change import Change, change_of, error_fields
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
    """Every element of one change, an object with `field` and `value`. Of `entry`, `id` and `time` are used."""
    field = as_id(raw.get("field")) if isinstance(raw, dict) else None
    if field is None or not isinstance(raw, dict):
        yield Rejected(Reason.BAD_ELEMENT, "a change has no field", raw)
        return
    value = raw.get("value")
    change = change_of(field, value, entry)
    read_elements = _READERS.get(field)
    if read_elements is None:
        yield read_notice(change, value)
    elif not isinstance(value, dict):
        yield Rejected(Reason.BAD_ELEMENT, "the value of a change is not an object", raw)
    else:
        found = False
        for element in read_elements(change):
            found = True
            yield element
        if not found:
            yield Rejected(Reason.BAD_ELEMENT, "a change has none of the lists that belong to its field", raw)


def _messages(change: Change) -> Elements:
    value = change.value
    error_used = False
    for raw in as_list(value.get("messages")):
        element = read_inbound(raw, change)
        # An interactive reply can arrive without its content; the error that explains it is beside the messages.
        if "errors" in value and isinstance(element, Parsed) and is_emptied(as_object(raw)):
            element.fields.update(error_fields(value["errors"]))
            error_used = True
        yield element
    for raw in as_list(value.get("statuses")):
        yield read_status(raw, change)
    if not error_used:
        yield from _errors(value, change)


def _echoes(change: Change) -> Elements:
    for raw in as_list(change.value.get("message_echoes")):
        yield read_echo(raw, change)
    yield from _errors(change.value, change)


def _history(change: Change) -> Elements:
    for chunk in as_list(change.value.get("history")):
        yield from read_history(chunk, change)
        yield from _errors(as_object(chunk), change)
    for raw in as_list(change.value.get("messages")):
        yield from read_past(raw, change)
    yield from _errors(change.value, change)


def _calls(change: Change) -> Elements:
    for raw in as_list(change.value.get("calls")):
        yield read_item(raw, change)
    for raw in as_list(change.value.get("statuses")):
        yield read_status(raw, change)
    yield from _errors(change.value, change)


def _preferences(change: Change) -> Elements:
    for raw in as_list(change.value.get("user_preferences")):
        yield read_item(raw, change)


def _errors(holder: JsonObject, change: Change) -> Elements:
    for raw in as_list(holder.get("errors")):
        yield read_error(raw, change)


_READERS: dict[str, Callable[[Change], Elements]] = {
    "messages": _messages,
    "smb_message_echoes": _echoes,
    "history": _history,
    "calls": _calls,
    "user_preferences": _preferences,
}
