"""Meta's answer to a call of /messages, which 360dialog and others pass on as it is. Pure."""

from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.lenient import first, ident, items, mapping
from schemas.parsing.send_answers import answered, answers_of, recipient


def sent_answer(body: bytes) -> Elements:
    """The messages of an answer, or of a list of answers. Never raises.

    Its `message_status` (accepted, held, paused) only says that the message waits.
    """
    return answers_of(body, read_answer)


def read_answer(raw: Any) -> Elements:
    """The same of one decoded answer. A contact belongs to the message at its place."""
    messages, contacts = items(mapping(raw).get("messages")), items(mapping(raw).get("contacts"))
    for place, message in enumerate(messages or [None]):
        contact = mapping(contacts[place]) if place < len(contacts) else {}
        to = first(contact.get("wa_id"), contact.get("input"), contact.get("user_id"))
        yield from answered(raw, {"message_id": ident(mapping(message).get("id")), **recipient(to)})
