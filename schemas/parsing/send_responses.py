"""A provider's response to the call that sends a message, as a sent record.

A provider whose responses are documented defines `send_response(body)`, which yields what `sent_record` yields for each
message of the response.
"""

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import chat_id, is_group, phone_or_id
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.reasons import Reason

_SHARED = ("account", "message_id", "from", "to", "chat_id", "is_group")


def sent_record(element: Json, fields: Fields, status: Fields | None = None) -> Elements:
    """The sent record of one message, then its status if the response has one that is past pending.

    fields: message_id; account, from, occurred_at and `recipient_fields(...)` as far as they are known. status:
    `status`, with the error of a failure. An unknown status adds no event: the record itself states that the provider
    accepted the message.
    """
    if as_id(fields.get("message_id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "the response has no message id: the provider accepted no message", element)
        return
    yield Parsed("sent", {**fields, "origin": "api"}, element)
    if status is not None and status.get("status") not in (None, "pending", "unknown"):
        shared = {name: fields[name] for name in _SHARED if name in fields}
        yield Parsed("status", {**shared, **status}, element)


def recipient_fields(to: Json) -> Fields:
    """`to`, `chat_id` and `is_group` of a recipient. A phone number has a + or is bare digits.

    Any other text stays as it was given: digits with separators may be a national number.
    """
    given = as_id(to)
    is_phone = given is not None and (given.isdigit() or "@" in given or given.startswith(("+", "whatsapp:")))
    return {
        "to": phone_or_id(given) if is_phone else given,
        "chat_id": chat_id(given),
        "is_group": True if is_group(given) else None,
    }
