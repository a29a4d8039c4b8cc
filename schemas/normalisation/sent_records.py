"""Sent records: what the user's send API accepted, from /sent, from the topic wa.sent and from files.

A record has message_id (required), to, sent_at, template, campaign, category, callback_data. Other fields are stored
with the record and ignored.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import MAX_ID, as_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields
from schemas.parsing.times import parse_time

_BOM = b"\xef\xbb\xbf"
_RECIPIENT = ("to", "chat_id", "is_group")
_TEXTS = ("template", "campaign", "category", "callback_data")
FACTS = ("to", "sent_at", *_TEXTS)

Record = dict[str, Any]
# A value of a body and why it is refused; None = it is a record that can be accepted.
Checked = tuple[Any, str | None]


def split(body: bytes) -> list[tuple[Record | None, str | None]]:
    """The records of a body in order: (the record as given, None), or (None, why it is refused). See `checked`."""
    return [(value, None) if reason is None else (None, reason) for value, reason in checked(body)]


def checked(body: bytes) -> list[Checked]:
    """The values of a body in order, each with the reason of its refusal or None. Never raises.

    Takes one JSON object, a JSON array, or NDJSON (LF or CRLF, blank lines, a byte order mark). A reason is a sentence
    for the sender that names the field and quotes no value. Text that is not JSON has the value None.
    """
    body = body.removeprefix(_BOM).strip()
    if not body:
        return []
    try:
        whole = loads(body)
    except InvalidJSON as error:
        return _checked_lines(body, str(error))
    return [_checked(record) for record in (whole if isinstance(whole, list) else [whole])]


def checked_line(line: bytes) -> Checked:
    """The value of one line of NDJSON with the reason of its refusal or None. Never raises."""
    try:
        return _checked(loads(line.strip()))
    except InvalidJSON as error:
        return None, f"This line is not JSON: {error}; send one object a line."


def refusal_reason(record: Record) -> str | None:
    """Why a record cannot be accepted; None when it can."""
    message_id = record.get("message_id")
    if message_id is None or message_id == "":
        return "Field message_id is missing; send the id that the provider returned for the message."
    if as_id(message_id) is None:
        return f"Field message_id must be a text of 1 to {MAX_ID} characters; send the provider's id as a JSON string."
    if record.get("to") not in (None, "") and as_id(record["to"]) is None:
        return "Field to must be a phone number or an id; send it as a JSON string or leave it out."
    for name in _TEXTS:
        if record.get(name) is not None and not isinstance(record[name], str):
            return f"Field {name} must be a text; send it as a JSON string or leave it out."
    sent_at = record.get("sent_at")
    if sent_at is not None and parse_time(sent_at) is None:
        return (
            "Field sent_at is not a time between 2009 and 2100; "
            "send ISO 8601 or seconds or milliseconds since 1970, or leave it out."
        )
    return None


def facts_refusal_reason(facts: Mapping[str, str]) -> str | None:
    """Why the facts that accompany a provider's response cannot be accepted; None when they can."""
    if not set(facts) <= set(FACTS):
        return f"Beside raw only {', '.join(FACTS)} are accepted; remove the other parameters or correct their names."
    return refusal_reason({"message_id": "any", **facts})


def parse_record(record: Record) -> Parsed:
    """The event of a record that can be accepted."""
    category = record.get("category")
    fields: dict[str, Any] = {
        "message_id": (as_id(record.get("message_id")) or "").strip(),
        "occurred_at": parse_time(record.get("sent_at")),
        **recipient_fields(record.get("to")),
        "template": record.get("template"),
        "campaign": record.get("campaign"),
        "category": category.lower() if isinstance(category, str) else None,
        "callback_data": record.get("callback_data"),
        "origin": "api",
    }
    return Parsed("sent", fields, record)


def parse_send_response(
    read: Callable[[bytes], Iterable[Parsed | Rejected]], body: bytes, facts: Mapping[str, str]
) -> Iterable[Parsed | Rejected]:
    """The events of a provider's response to a send, by its `send_response`. Raises what that raises.

    facts: what the sender adds, as `facts_refusal_reason` accepts it. They fill in what the response lacks.
    """
    added = parse_record({"message_id": "any", **facts}).fields
    for element in read(body):
        if isinstance(element, Parsed) and element.kind == "sent":
            given = {name: value for name, value in element.fields.items() if value is not None}
            more = {name: value for name, value in added.items() if "to" not in given or name not in _RECIPIENT}
            element.fields = {**more, **given}
        yield element


def _checked_lines(body: bytes, why: str) -> list[Checked]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) == 1 or body.startswith(b"["):  # a malformed array is one mistake, not one a line
        return [(None, f"This is not JSON: {why}; send one object, an array of objects, or one object a line.")]
    return [checked_line(line) for line in lines]


def _checked(record: Json) -> Checked:
    if not isinstance(record, dict):
        return record, "A record must be a JSON object; send at least its message_id."
    return record, refusal_reason(record)
