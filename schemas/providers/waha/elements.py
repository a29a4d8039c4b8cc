"""WAHA's messages, reactions, acks, edits and revocations.

A message id has the form `{fromMe}_{chat}_{id}[_{participant}]`; other events refer to its third part. `from` is the
chat whenever we are the author.
"""

import re
from dataclasses import dataclass, field

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import group_member, is_group, phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, as_text, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.keys import (
    about_fields,
    deletion_fields,
    from_me,
    inbound_fields,
    message_fields,
    outbound_fields,
)
from schemas.providers._baileys.names import spelled
from schemas.providers._baileys.wrappers import revoked_key, unwrapped
from schemas.providers._fields import reaction_fields, status_fields, status_word
from schemas.providers.waha.content import act_of, content
from schemas.reasons import Reason

# The chat ends with its server. The part after the id is a group member, or `out` for a message to oneself.
_ID = re.compile(r"(?P<mine>true|false)_(?P<chat>.+?@[a-z.]+)_(?P<id>[^_]+)(?:_(?P<author>.+))?", re.DOTALL)
_ACKS = ("failed", "pending", "sent", "delivered", "read", "played")  # numbered from -1
_ACK_NAMES = dict(zip(("error", "pending", "server", "device", "read", "played"), _ACKS, strict=True))
# Further ids of the people in the key of the NOWEB engine. GOWS has them in `Info`, or beside it for acks.
_ENGINE_KEY_NAMES = ("remoteJidAlt", "participantAlt", "participantPn", "participantLid", "senderPn", "senderLid")


@dataclass(slots=True)
class Event:
    """The envelope of one event. Versions before 2025 have neither `id` nor `timestamp`."""

    name: str
    raw: JsonObject
    payload: Json = field(init=False)
    account: str | None = field(init=False)
    business: str | None = field(init=False)  # our own number, +digits
    occurred_at: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.payload = self.raw.get("payload")
        self.account = as_id(self.raw.get("session"))
        self.business = phone(as_object(self.raw.get("me")).get("id"))
        self.occurred_at = parse_epoch(self.raw.get("timestamp"))

    def element(self) -> JsonObject:
        """What identifies an event that has no message id."""
        return {"event": self.name, "session": self.account, "time": self.occurred_at, "payload": self.payload}


def bare_id(value: Json) -> str | None:
    """The third part of a composite id; any other id unchanged."""
    written = as_id(value)
    found = _ID.fullmatch(written) if written is not None else None
    return found["id"] if found else written


def read_message(raw: JsonObject, event: Event) -> Elements:
    """A message of either direction; `message.waiting` announces one whose content comes later.

    Edits, deletions and acts come as messages too.
    """
    key, data = _key(raw, event), spelled(raw.get("_data"))
    if key["id"] is None and not any(name in raw for name in ("body", "hasMedia", "location", "vCards")):
        yield Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
        return
    message, mine = unwrapped(data.get("message")), key["fromMe"] is True
    revoked = as_id((revoked_key(message) or {}).get("id"))
    if revoked is not None:
        occurred_at = event.occurred_at or parse_time(raw.get("timestamp"))
        yield _deletion({**key, "id": revoked}, event, occurred_at)
        return
    act = act_of(data, message, mine)
    waiting: Fields | None = {"type": "unsupported"} if event.name.lower() == "message.waiting" else None
    fields = (waiting or content(raw, data, message)) if act is None else None
    if fields is None:
        yield _notice(act, key, raw, event)
        return
    fields["target_message_id"] = bare_id(fields.get("target_message_id"))
    fields["reply_to"] = bare_id(as_object(raw.get("replyTo")).get("id")) or fields.get("reply_to")
    fields["occurred_at"] = parse_time(raw.get("timestamp")) or event.occurred_at
    yield _message(key, raw, event, fields)
    if mine and key["id"] is not None and fields["type"] != "edit":
        status = _ack(raw)
        # Without a time: a message does not have that of its status.
        if status is not None and status["status"] in ("failed", "delivered", "read", "played"):
            yield Parsed("status", {**_with_own_side(about_fields(key), event), **status})


def read_response(raw: Json) -> Elements:
    """A message of ours in the response to a send call: with a Baileys key, an id in parts, or a composite id."""
    response = as_object(raw)
    key = response.get("key")
    if isinstance(key, dict):
        fields, status = outbound_fields(key), None  # the numbers of its acks are Baileys', one above WAHA's
    else:
        parts = as_object(response.get("id"))
        written = first_id(parts.get("_serialized"), parts.get("id"), response.get("id"))
        fields = outbound_fields(_key({**response, "id": written, "fromMe": True}, Event("", {})))
        status = _ack(response)
    fields["occurred_at"] = parse_epoch(response.get("timestamp")) or parse_epoch(response.get("messageTimestamp"))
    return sent_record(raw, fields, status)


def read_reaction(raw: JsonObject, event: Event) -> Elements:
    """A reaction; an empty emoji takes an earlier one back."""
    reaction = as_object(raw.get("reaction"))
    target = bare_id(reaction.get("messageId"))
    if target is None:
        yield Rejected(Reason.BAD_ELEMENT, "a reaction does not name the message", raw)
        return
    fields = {
        "type": "reaction",
        **reaction_fields(as_text(reaction.get("text")), target),
        "occurred_at": parse_time(raw.get("timestamp")) or event.occurred_at,
    }
    yield _message(_key(raw, event), raw, event, fields)


def read_ack(raw: JsonObject, event: Event) -> Elements:
    """A status. Its own `timestamp`, which some engines write, is that of the message."""
    key, status = _key(raw, event), _ack(raw)
    if key["id"] is None or status is None:
        yield Rejected(Reason.BAD_ELEMENT, "an ack names no message or no status", raw)
        return
    fields = {**_with_own_side(about_fields(key), event), **status, "occurred_at": event.occurred_at}
    if key["fromMe"] is not False and is_group(key["remoteJid"]):
        receiver = group_member(raw.get("participant"))
        own_lid = group_member(as_object(event.raw.get("me")).get("lid"))
        is_own = receiver is not None and receiver in (event.business, own_lid)
        fields["participant"] = None if is_own else receiver
    yield Parsed("status", fields)


def read_edit(raw: JsonObject, event: Event) -> Elements:
    """The new version of a message. WEBJS gives an edit the id of the message; in other engines it has its own."""
    key, data = _key(raw, event), spelled(raw.get("_data"))
    new = content(raw, data, unwrapped(data.get("message"))) or {}
    target = bare_id(raw.get("editedMessageId")) or bare_id(new.get("target_message_id"))
    if target is None and key["id"] is None:
        yield Rejected(Reason.BAD_ELEMENT, "an edit does not name the message", raw)
        return
    own_id = key["id"] if target is not None or data.keys() & {"key", "info"} else None
    key["id"] = None if own_id == target else own_id
    fields = {
        **new,
        "type": "edit",
        "raw_type": None,
        "target_message_id": target,
        "occurred_at": event.occurred_at or parse_time(raw.get("timestamp")),
    }
    yield _message(key, raw, event, fields)


def read_revocation(raw: JsonObject, event: Event) -> Elements:
    """A deletion. `after` is the act of deleting, with its own id; `before`, where there is one, is the message."""
    after, before = as_object(raw.get("after")), as_object(raw.get("before"))
    message = spelled(spelled(raw.get("_data")) or after.get("_data")).get("message")
    protocol = revoked_key(unwrapped(message)) or {}
    revoked = bare_id(raw.get("revokedMessageId")) or bare_id(before.get("id")) or as_id(protocol.get("id"))
    if revoked is None:
        yield Rejected(Reason.BAD_ELEMENT, "a revocation does not name the message", raw)
        return
    occurred_at = event.occurred_at or parse_time(after.get("timestamp"))
    named = {"_data": raw.get("_data"), **(after or before or raw)}
    yield _deletion({**_key(named, event), "id": revoked}, event, occurred_at)


def _deletion(key: JsonObject, event: Event, occurred_at: int | None) -> Parsed:
    return Parsed("status", {**_with_own_side(deletion_fields(key), event), "occurred_at": occurred_at})


def _notice(act: str | None, key: JsonObject, raw: JsonObject, event: Event) -> Parsed:
    """An act or a notice that is no message: one event, whether it comes as `message`, as `message.any` or as both."""
    fields: Fields = {
        "account": event.account,
        "event": event.name,
        "raw_state": act,
        "reason_code": as_id(spelled(raw.get("_data")).get("messageStubType")),
        "occurred_at": parse_time(raw.get("timestamp")) or event.occurred_at,
    }
    if not key["fromMe"]:
        author = inbound_fields(key)
        fields |= {name: author.get(name) for name in ("from", "sender_lid")}
    same = {"act": act, "message_id": key["id"]}
    return Parsed("system", fields, same if key["id"] is not None else event.element())


def _message(key: JsonObject, raw: JsonObject, event: Event, content_fields: Fields) -> Parsed:
    fields = {**_with_own_side(message_fields(key), event), **content_fields}
    element = event.element() if key["id"] is None else None
    if key["fromMe"] and fields["type"] != "edit":
        return Parsed("sent", {**fields, "origin": "echo"}, element)
    data = spelled(raw.get("_data"))
    name = first_id(data.get("pushName"), data.get("notifyName"), spelled(data.get("info")).get("pushName"))
    return Parsed("inbound", {**fields, "sender_name": None if key["fromMe"] else name}, element)


def _key(raw: JsonObject, event: Event) -> JsonObject:
    """The same facts in the form of a Baileys key: `remoteJid` is the chat, `fromMe` is None when unknown."""
    engine = _engine_key(spelled(raw.get("_data")))
    written = as_id(raw.get("id")) or as_id(engine.get("id"))
    found = _ID.fullmatch(written) if written is not None else None
    mine = raw.get("fromMe") if isinstance(raw.get("fromMe"), bool) else None
    if mine is None:
        mine = found["mine"] == "true" if found else from_me(engine)
    sides = [raw.get("to"), raw.get("from")] if mine else [raw.get("from"), raw.get("to")]
    others = [side for side in sides if side is not None and (event.business is None or phone(side) != event.business)]
    author = found["author"] if found and "@" in (found["author"] or "") else None
    return {
        **{name: engine[name] for name in _ENGINE_KEY_NAMES if name in engine},
        "id": found["id"] if found else written,
        "fromMe": mine,
        "remoteJid": found["chat"] if found else first_id(*others, *sides, engine.get("remoteJid")),
        "participant": first_id(raw.get("participant"), author, engine.get("participant")),
    }


def _engine_key(data: JsonObject) -> JsonObject:
    """The key in the data of an engine: NOWEB's as it is, that of GOWS made of the facts that it has instead.

    The alternative id of the sender of a message, or of a receipt, is `SenderAlt`; that of the other side of what we
    sent is `RecipientAlt`.
    """
    key, info = spelled(data.get("key")), spelled(data.get("info")) or data
    if key or "chat" not in info:
        return key
    mine = from_me({"fromMe": info.get("isFromMe")})
    return {
        "id": info.get("id"),
        "fromMe": mine,
        "remoteJid": info["chat"],
        "remoteJidAlt": info.get("recipientAlt") if mine else info.get("senderAlt"),
        "participant": info.get("sender"),
        "participantAlt": info.get("senderAlt"),
    }


def _with_own_side(fields: Fields, event: Event) -> Fields:
    """The fields with our own side: the session and, where it is known which side we are, our number."""
    if "from_me" in fields and fields["from_me"] is None:
        return {**fields, "account": event.account}
    own = "from" if "to" in fields else "to"
    return {own: event.business, **fields, "account": event.account}


def _ack(raw: JsonObject) -> Fields | None:
    """The status in `ackName`, else in the number from -1 to 4; None when there is neither."""
    name, number = as_id(raw.get("ackName")), as_id(raw.get("ack"))
    known = _ACK_NAMES.get((name or "").lower())
    if known is None and number is not None and re.fullmatch("-1|[0-4]", number):
        known = _ACKS[int(number) + 1]
    word = status_word(raw, "ackName", "ack")
    return None if word is None else status_fields(known, word)
