"""Meta's answer to a call of /messages, which 360dialog and others pass on as it is. Pure."""

from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.send_responses import recipient_fields, responses_of, sent_record


def send_response(body: bytes) -> Elements:
    """The messages of an answer, or of a list of answers. Never raises.

    Its `message_status` (accepted, held, paused) only says that the message waits.
    """
    return responses_of(body, read_response)


def read_response(raw: Any) -> Elements:
    """The same of one decoded answer. A contact belongs to the message at its place."""
    messages, contacts = as_list(as_object(raw).get("messages")), as_list(as_object(raw).get("contacts"))
    for place, message in enumerate(messages or [None]):
        contact = as_object(contacts[place]) if place < len(contacts) else {}
        to = first_id(contact.get("wa_id"), contact.get("input"), contact.get("user_id"))
        yield from sent_record(raw, {"message_id": as_id(as_object(message).get("id")), **recipient_fields(to)})
