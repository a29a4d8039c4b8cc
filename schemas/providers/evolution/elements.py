"""What Evolution API changes in Baileys' elements: updates, edits, and the messages of a backfill."""

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import is_group
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_epoch
from schemas.providers._baileys.content import content
from schemas.providers._baileys.elements import Envelope, read_deletion, read_message, read_update
from schemas.providers._baileys.wrappers import Unwrapped, revoked_key
from schemas.reasons import Reason

# What 2.3.6 and 2.3.7 write as status of an update that has none: an edit, a vote.
_NO_STATUS = ("DELETED", "SERVER_ACK")
_KEY_NAMES = ("remoteJid", "remoteJidAlt", "fromMe", "participant")


def read_new(item: Json, envelope: Envelope) -> Elements:
    """A message of either direction. Evolution turns extended texts into plain ones and moves their context outside."""
    context = as_object(as_object(item).get("contextInfo"))
    for element in read_message(item, envelope):
        if isinstance(element, Parsed) and "type" in element.fields:
            fields = element.fields
            fields["reply_to"] = fields.get("reply_to") or as_id(context.get("stanzaId"))
            fields["forwarded"] = fields.get("forwarded") or (True if context.get("isForwarded") is True else None)
        yield element


def read_past(item: Json, envelope: Envelope) -> Elements:
    """`messages.set`: a message from before the instance was connected."""
    for element in read_new(item, envelope):
        if isinstance(element, Parsed) and element.kind != "system":
            element.fields["historical"] = True
            if element.kind == "sent":
                element.fields["origin"] = "history"
        yield element


def read_updated(item: Json, envelope: Envelope) -> Elements:
    """`messages.update`: the fields of the key are beside the status; the id is `keyId` (version 2) or `id` (1)."""
    if not isinstance(item, dict):
        yield Rejected(Reason.BAD_ELEMENT, "an update does not name the message", item)
        return
    key = _flat_key(item)
    update = as_object(item.get("update")) or {name: item[name] for name in ("status", "message") if name in item}
    if ("message" in update or item.get("pollUpdates") is not None) and update.get("status") in _NO_STATUS:
        update = {name: value for name, value in update.items() if name != "status"}
    occurred_at = parse_epoch(item.get("datetime")) or parse_epoch(item.get("timestamp")) or envelope.occurred_at
    # In 2.3.6 the status DELETED without a message may be an edit as well. It is read as a deletion, which changes no
    # rate.
    yield from read_update({"key": key, "update": update}, Envelope(envelope.event, occurred_at))


def _flat_key(item: JsonObject) -> JsonObject:
    nested = as_object(item.get("key"))
    flat = {name: item[name] for name in _KEY_NAMES if name in item}
    key = {**flat, **nested, "id": first_id(item.get("keyId"), nested.get("id"), item.get("id"))}
    if is_group(key.get("participant")) or as_id(key.get("participant")) == as_id(key.get("remoteJid")):
        key.pop("participant", None)  # early releases of version 2 write the chat there
    return key


def read_edited(item: Json, envelope: Envelope) -> Elements:
    """`messages.edited`: a protocol message alone, mostly an edit, but also a deletion or a setting.

    Its key is from the sender's view: it gives the message and, for a group, the chat, but not who wrote to whom.
    """
    protocol = as_object(item)
    if isinstance(protocol.get("message"), dict):
        yield from read_new(item, envelope)
        return
    key = as_object(protocol.get("key"))
    if as_id(key.get("id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "an edit does not name the message", item)
        return
    occurred_at = parse_epoch(protocol.get("timestampMs")) or envelope.occurred_at
    group = key["remoteJid"] if is_group(key.get("remoteJid")) else None
    found = Unwrapped({"protocolMessage": protocol})
    if revoked_key(found) is not None:
        deleted = {"id": key["id"], **({"remoteJid": group} if group else {})}
        yield from read_deletion(deleted, Envelope(envelope.event, occurred_at))
        return
    fields: Fields = {"occurred_at": occurred_at}
    new = content(found)
    if new is None:
        yield Parsed("system", {**fields, "event": envelope.event}, envelope.element(item))
        return
    fields |= {**new, "message_id": None}
    if group:
        fields |= {"chat_id": group, "is_group": True}
    yield Parsed("inbound", fields, envelope.element(item))
