"""What Evolution API prints differently from Baileys: updates, edits, and the messages of a backfill. Pure."""

from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import is_group
from schemas.parsing.json_values import as_id, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_epoch
from schemas.providers._baileys.content import content, revoked_key
from schemas.providers._baileys.elements import Envelope, read_deletion, read_message, read_update
from schemas.reasons import Reason

# What 2.3.6 and 2.3.7 print when Baileys told of a change that is no status: an edit, a vote.
_NO_STATUS = ("DELETED", "SERVER_ACK")


def read_new(item: Any, envelope: Envelope) -> Elements:
    """A message of either direction. Evolution makes plain texts of extended ones, whose context it moves outside."""
    context = as_object(as_object(item).get("contextInfo"))
    for element in read_message(item, envelope):
        if isinstance(element, Parsed) and "type" in element.fields:
            fields = element.fields
            fields["reply_to"] = fields.get("reply_to") or as_id(context.get("stanzaId"))
            fields["forwarded"] = fields.get("forwarded") or (True if context.get("isForwarded") is True else None)
        yield element


def read_past(item: Any, envelope: Envelope) -> Elements:
    """`messages.set`: messages from before the instance was connected."""
    for element in read_new(item, envelope):
        if isinstance(element, Parsed) and element.kind != "system":
            element.fields["historical"] = True
            if element.kind == "sent":
                element.fields["origin"] = "history"
        yield element


def read_updated(item: Any, envelope: Envelope) -> Elements:
    """`messages.update`: the key lies flat beside the status, with `keyId` (version 2) or `id` (version 1)."""
    if not isinstance(item, dict):
        yield Rejected(Reason.BAD_ELEMENT, "an update does not name the message", item)
        return
    nested = as_object(item.get("key"))
    key = {name: item[name] for name in ("remoteJid", "remoteJidAlt", "fromMe", "participant") if name in item}
    key = {**key, **nested, "id": first_id(item.get("keyId"), nested.get("id"), item.get("id"))}
    if is_group(key.get("participant")) or as_id(key.get("participant")) == as_id(key.get("remoteJid")):
        key.pop("participant", None)  # version 2 began by printing the chat there
    update = as_object(item.get("update")) or {name: item[name] for name in ("status", "message") if name in item}
    if ("message" in update or item.get("pollUpdates") is not None) and update.get("status") in _NO_STATUS:
        update = {name: value for name, value in update.items() if name != "status"}
    occurred_at = parse_epoch(item.get("datetime")) or parse_epoch(item.get("timestamp")) or envelope.occurred_at
    # A status of 2.3.6 that says DELETED may be an edit as well. It is taken at its word: a deletion changes no rate.
    yield from read_update({"key": key, "update": update}, Envelope(envelope.event, occurred_at))


def read_edited(item: Any, envelope: Envelope) -> Elements:
    """`messages.edited`: a protocol message alone: an edit mostly, but a deletion or a setting comes as one too.

    Its key is the sender's view of the chat, so it tells the message and, for a group, the chat; not who wrote to whom.
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
    about = {"chat_id": key["remoteJid"], "is_group": True} if is_group(key.get("remoteJid")) else {}
    if revoked_key({"protocolMessage": protocol}) is not None:
        deleted = {"id": key["id"], **({"remoteJid": key["remoteJid"]} if about else {})}
        yield from read_deletion(deleted, Envelope(envelope.event, occurred_at))
        return
    said = content({"protocolMessage": protocol})
    if said is None:
        yield Parsed("system", {"event": envelope.event, "occurred_at": occurred_at}, envelope.element(item))
    else:
        fields = {**said, **about, "message_id": None, "occurred_at": occurred_at}
        yield Parsed("inbound", fields, envelope.element(item))
