"""Acme: one JSON message a call, or a list of them; a secret of ours in any header or in the address."""

from schemas.provider_api import (
    Parsed,
    Provider,
    Reason,
    Rejected,
    as_id,
    as_list,
    as_object,
    elements_of,
    phone,
    verify_static_secret,
)


def read(raw):
    message = as_object(raw)
    if as_id(message.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has no id", raw)
    fields = {
        "message_id": message["id"],
        "from": phone(message.get("phone")),
        "type": "text",
        "text": message.get("words"),
    }
    return Parsed("inbound", fields, raw)


def parse(body):
    return elements_of(body, lambda root: map(read, as_list(root)))


PROVIDER = Provider("acme", verify_static_secret, parse, signed=False)
