"""Acme: a message, or a list of messages, in JSON. A secret in any header or in the address proves the sender."""

from schemas.provider_api import (
    Parsed,
    Provider,
    Reason,
    Rejected,
    as_id,
    as_object,
    phone,
    read_each,
    verify_static_secret,
)


def read_message(raw):
    """The inbound message in one JSON value."""
    message = as_object(raw)
    message_id = as_id(message.get("id"))
    if message_id is None:
        yield Rejected(Reason.BAD_ELEMENT, "a message has no id", raw)
        return
    fields = {
        "message_id": message_id,
        "from": phone(message.get("phone")),
        "type": "text",
        "text": message.get("words"),
    }
    yield Parsed("inbound", fields, raw)


def parse(body):
    """Every message of a body in its order."""
    return read_each(body, read_message)


PROVIDER = Provider("acme", verify_static_secret, parse, signed=False)
