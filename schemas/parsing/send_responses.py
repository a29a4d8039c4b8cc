"""A provider's answer to the call that sends a message, as the sent record that it amounts to. Pure.

The file of a provider whose answers are documented offers `send_response(body)`: for each message of the answer what
`answered` makes of it.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import chat_id, is_group, phone_or_id
from schemas.parsing.json_values import as_id, as_list
from schemas.parsing.results import Parsed, Rejected
from schemas.reasons import Reason

Fields = dict[str, Any]

_SHARED = ("account", "message_id", "from", "to", "chat_id", "is_group")


def responses_of(body: bytes, read: Callable[[Any], Iterable[Parsed | Rejected]]) -> Elements:
    """What `read` makes of each answer in a JSON body: one, or a list of them. Raises what `read` raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(read, as_list(root))))


def sent_record(element: Any, fields: Fields, status: Fields | None = None) -> Elements:
    """The sent record of one message, then its status where the answer tells one that is past pending.

    fields: message_id, and as known account, from, `recipient(...)` and occurred_at. status: `status`, and of a failure
    its error. A word that is not known says nothing here: the record itself says that the message was handed over.
    """
    if as_id(fields.get("message_id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "the answer names no message: the provider took none", element)
        return
    yield Parsed("sent", {**fields, "origin": "api"}, element)
    if status is not None and status.get("status") not in (None, "pending", "unknown"):
        shared = {name: fields[name] for name in _SHARED if name in fields}
        yield Parsed("status", {**shared, **status}, element)


def recipient_fields(to: Any) -> Fields:
    """`to`, and what it says about the chat. A phone with its + or in bare digits is a phone.

    Any other text stays as it was given: a group of digits may be a national number.
    """
    given = as_id(to)
    is_phone = given is not None and (given.isdigit() or "@" in given or given.startswith(("+", "whatsapp:")))
    return {
        "to": phone_or_id(given) if is_phone else given,
        "chat_id": chat_id(given),
        "is_group": True if is_group(given) else None,
    }
