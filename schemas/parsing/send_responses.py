"""A provider's response to the call that sends a message, as the sent record that it amounts to.

A provider whose responses are documented defines `send_response(body)`, which yields what `sent_record` yields for each
message of the response.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, is_group, phone_or_id
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_id, as_list
from schemas.parsing.results import Parsed, Rejected
from schemas.reasons import Reason

Fields = dict[str, Any]

_SHARED = ("account", "message_id", "from", "to", "chat_id", "is_group")


def responses_of(body: bytes, read: Callable[[Any], Iterable[Parsed | Rejected]]) -> Elements:
    """What `read` makes of each response in a JSON body: one, or a list of them. Raises what `read` raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(read, as_list(root))))


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
