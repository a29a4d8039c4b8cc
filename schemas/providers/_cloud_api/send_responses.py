"""Meta's response to a call of /messages, which 360dialog and others return unchanged."""

from schemas.parsing.bodies import Elements, read_each
from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.send_responses import recipient_fields, sent_record


def send_response(body: bytes) -> Elements:
    """The messages of a response, or of a list of responses. Never raises.

    `message_status` (accepted, held, paused) adds nothing: each of them means that the message is pending.
    """
    return read_each(body, read_response)


def read_response(raw: Json) -> Elements:
    """The messages of one decoded response. A contact belongs to the message with the same index."""
    response = as_object(raw)
    messages, contacts = as_list(response.get("messages")), as_list(response.get("contacts"))
    for index, message in enumerate(messages or [None]):
        contact = as_object(contacts[index]) if index < len(contacts) else {}
        to = first_id(contact.get("wa_id"), contact.get("input"), contact.get("user_id"))
        yield from sent_record(raw, {"message_id": as_id(as_object(message).get("id")), **recipient_fields(to)})
