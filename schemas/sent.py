"""Sent records: what the user's send API accepted, from /sent and from the topic wa.sent. Pure.

A record: message_id (required), to, sent_at, template, campaign, category, callback_data; other fields are kept where
the record is kept, and mean nothing to us.
"""

from typing import Any

from schemas.events import Parsed
from schemas.identity import address, chat_id, is_group
from schemas.jsontext import InvalidJSON, loads
from schemas.lenient import MAX_IDENT, ident
from schemas.times import from_any

_BOM = b"\xef\xbb\xbf"
_TEXTS = ("template", "campaign", "category", "callback_data")

Record = dict[str, Any]


def split(body: bytes) -> list[tuple[Record | None, str | None]]:
    """The records of a body in order, each as (record as it was given, None) or (None, why it is refused).

    Takes one JSON object, a JSON array, or NDJSON (LF or CRLF, blank lines, a byte order mark). Never raises. A reason
    is a sentence for the sender that names the field and quotes no value.
    """
    body = body.removeprefix(_BOM).strip()
    if not body:
        return []
    try:
        whole = loads(body)
    except InvalidJSON as error:
        return _lines(body, str(error))
    return [_checked(record) for record in (whole if isinstance(whole, list) else [whole])]


def parse_record(record: Record) -> Parsed:
    """The event of a record that `split` took."""
    to = ident(record.get("to"))
    category = record.get("category")
    fields: dict[str, Any] = {
        "message_id": (ident(record.get("message_id")) or "").strip(),
        "occurred_at": from_any(record.get("sent_at")),
        "to": _recipient(to),
        "chat_id": chat_id(to),
        "is_group": True if is_group(to) else None,
        "template": record.get("template"),
        "campaign": record.get("campaign"),
        "category": category.lower() if isinstance(category, str) else None,
        "callback_data": record.get("callback_data"),
        "origin": "api",
    }
    return Parsed("sent", fields, record)


def _recipient(given: str | None) -> str | None:
    """`+digits` of a phone with its + or in bare digits, else the id as given: groups of digits may be national."""
    if given is None or given.isdigit() or "@" in given or given.startswith(("+", "whatsapp:")):
        return address(given)
    return given


def _lines(body: bytes, why: str) -> list[tuple[Record | None, str | None]]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) == 1 or body.startswith(b"["):  # a broken array is one mistake, not one a line
        return [(None, f"This is not JSON: {why}; send one object, an array of objects, or one object a line.")]
    return [_line(line) for line in lines]


def _line(line: bytes) -> tuple[Record | None, str | None]:
    try:
        return _checked(loads(line.strip()))
    except InvalidJSON as error:
        return None, f"This line is not JSON: {error}; send one object a line."


def _checked(record: Any) -> tuple[Record | None, str | None]:
    if not isinstance(record, dict):
        return None, "A record must be a JSON object; send at least its message_id."
    reason = _refusal(record)
    return (record, None) if reason is None else (None, reason)


def _refusal(record: Record) -> str | None:
    message_id = record.get("message_id")
    if message_id is None or message_id == "":
        return "Field message_id is missing; send the id that the provider returned for the message."
    if ident(message_id) is None:
        return (
            f"Field message_id must be a text of 1 to {MAX_IDENT} characters; send the provider's id as a JSON string."
        )
    if record.get("to") not in (None, "") and ident(record["to"]) is None:
        return "Field to must be a phone or an id; send it as a JSON string or leave it out."
    for name in _TEXTS:
        if record.get(name) is not None and not isinstance(record[name], str):
            return f"Field {name} must be a text; send it as a JSON string or leave it out."
    sent_at = record.get("sent_at")
    if sent_at is not None and from_any(sent_at) is None:
        return (
            "Field sent_at is no time between 2009 and 2100; "
            "send ISO 8601 or seconds or milliseconds since 1970, or leave it out."
        )
    return None
