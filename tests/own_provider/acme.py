"""Acme: one JSON message a call, or a list of them; a secret of ours in any header or in the address."""

from schemas.provider_api import Parsed, Provider, Reason, Rejected, elements_of, ident, items, mapping, phone, verify


def read(raw):
    message = mapping(raw)
    if ident(message.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has no id", raw)
    fields = {
        "message_id": message["id"],
        "from": phone(message.get("phone")),
        "type": "text",
        "text": message.get("words"),
    }
    return Parsed("inbound", fields, raw)


def parse(body):
    return elements_of(body, lambda root: map(read, items(root)))


PROVIDER = Provider("acme", verify, parse, signed=False)
