"""Acme: one JSON message a call, or a list of them; a secret of ours in any header or in the address."""

from schemas.bodies import elements_of
from schemas.events import Parsed, Rejected
from schemas.identity import phone
from schemas.lenient import ident, items, mapping
from schemas.providers import Provider
from schemas.reasons import Reason
from schemas.static_auth import verify


def read(raw):
    said = mapping(raw)
    if ident(said.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has no id", raw)
    fields = {"message_id": said["id"], "from": phone(said.get("phone")), "type": "text", "text": said.get("words")}
    return Parsed("inbound", fields, raw)


def parse(body):
    return elements_of(body, lambda root: map(read, items(root)))


PROVIDER = Provider("acme", verify, parse, signed=False)
