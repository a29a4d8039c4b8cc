"""WAHA's messages, reactions, acks, edits and revocations. Pure.

A message id reads `{fromMe}_{chat}_{id}[_{participant}]`; the third part is what everything else refers to. `from` is
the chat whenever we are the author.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import group_member, is_group, phone
from schemas.parsing.json_values import as_id, as_object, as_text, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.keys import about_fields, deletion_fields, inbound_fields, outbound_fields
from schemas.providers.waha.content import content
from schemas.reasons import Reason

Fields = dict[str, Any]

# The chat ends with its server; what may follow the id is a member of a group, or `out` for a message to oneself.
_ID = re.compile(r"(?P<mine>true|false)_(?P<chat>.+?@[a-z.]+)_(?P<id>[^_]+)(?:_(?P<author>.+))?", re.DOTALL)
_ACKS = ("failed", "pending", "sent", "delivered", "read", "played")  # from -1 on
_ACK_NAMES = dict(zip(("error", "pending", "server", "device", "read", "played"), _ACKS, strict=True))
# Spellings of the people that the NOWEB engine's own key adds to what WAHA prints.
_MORE_SPELLINGS = ("remoteJidAlt", "participantAlt", "participantPn", "participantLid", "senderPn", "senderLid")


@dataclass(slots=True)
class Event:
    """The envelope of one event. Versions before 2025 print neither `id` nor `timestamp`."""

    name: str
    raw: Fields
    payload: Any = field(init=False)
    account: str | None = field(init=False)
    business: str | None = field(init=False)  # our own number, +digits
    occurred_at: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.payload = self.raw.get("payload")
        self.account = as_id(self.raw.get("session"))
        self.business = phone(as_object(self.raw.get("me")).get("id"))
        self.occurred_at = parse_epoch(self.raw.get("timestamp"))

    def element(self) -> Fields:
        """What identifies an event that has no message id."""
        return {"event": self.name, "session": self.account, "time": self.occurred_at, "payload": self.payload}


def bare_id(value: Any) -> str | None:
    """The third part of a composite id, or an id that is none as it stands."""
    spelled = as_id(value)
    found = _ID.fullmatch(spelled) if spelled is not None else None
    return found["id"] if found else spelled


def read_message(raw: Fields, event: Event) -> Elements:
    """A message of either direction; `message.waiting` is one whose content is still to come."""
    key = _key(raw, event)
    if key["id"] is None and not any(name in raw for name in ("body", "hasMedia", "location", "vCards")):
        yield Rejected(Reason.BAD_ELEMENT, "a message has neither id nor content", raw)
        return
    said: Fields = {"type": "unsupported"} if event.name.lower() == "message.waiting" else content(raw)
    said["target_message_id"] = bare_id(said.get("target_message_id"))
    said["reply_to"] = bare_id(as_object(raw.get("replyTo")).get("id")) or said.get("reply_to")
    occurred_at = parse_time(raw.get("timestamp")) or event.occurred_at
    yield _said(key, raw, event, {**said, "occurred_at": occurred_at})
    if key["fromMe"] and key["id"] is not None:
        progress = _ack(raw)
        if progress is not None and progress["status"] in ("failed", "delivered", "read", "played"):
            yield Parsed("status", {**_owned(about_fields(key), event), **progress})  # when, a message does not say


def read_response(raw: Any) -> Elements:
    """A message of ours as a call to send answers it: with Baileys' key, an id in parts, or a composite one."""
    said = as_object(raw)
    if isinstance(said.get("key"), dict):
        fields, status = (
            outbound_fields(as_object(said["key"])),
            None,
        )  # its numbers are Baileys', one more than WAHA's own
    else:
        parts = as_object(said.get("id"))
        spelled = first_id(parts.get("_serialized"), parts.get("id"), said.get("id"))
        fields = outbound_fields(_key({**said, "id": spelled, "fromMe": True}, Event("", {})))
        status = _ack(said)
    fields["occurred_at"] = parse_epoch(said.get("timestamp")) or parse_epoch(said.get("messageTimestamp"))
    yield from sent_record(raw, fields, status)


def read_reaction(raw: Fields, event: Event) -> Elements:
    """A reaction; an empty emoji takes an earlier one back."""
    reaction = as_object(raw.get("reaction"))
    target = bare_id(reaction.get("messageId"))
    if target is None:
        yield Rejected(Reason.BAD_ELEMENT, "a reaction does not name the message", raw)
        return
    emoji = as_text(reaction.get("text"))
    fields = {
        "type": "reaction",
        "text": emoji,
        "target_message_id": target,
        "reaction_removed": True if emoji is None else None,
        "occurred_at": parse_time(raw.get("timestamp")) or event.occurred_at,
    }
    yield _said(_key(raw, event), raw, event, fields)


def read_ack(raw: Fields, event: Event) -> Elements:
    """A status. Its own `timestamp`, where an engine prints one, is the message's."""
    key, status = _key(raw, event), _ack(raw)
    if key["id"] is None or status is None:
        yield Rejected(Reason.BAD_ELEMENT, "an ack names no message or no status", raw)
        return
    fields = {**_owned(about_fields(key), event), **status, "occurred_at": event.occurred_at}
    if key["fromMe"] is not False and is_group(key["remoteJid"]):
        receiver = group_member(raw.get("participant"))
        own = receiver is not None and receiver in (
            event.business,
            group_member(as_object(event.raw.get("me")).get("lid")),
        )
        fields["participant"] = None if own else receiver
    yield Parsed("status", fields)


def read_edit(raw: Fields, event: Event) -> Elements:
    """The new text of a message. The edit's id may be the message's own, and then it is no id of the edit."""
    key, target = _key(raw, event), bare_id(raw.get("editedMessageId"))
    target = target or key["id"]
    if target is None:
        yield Rejected(Reason.BAD_ELEMENT, "an edit does not name the message", raw)
        return
    key["id"] = None if key["id"] == target else key["id"]
    said = {**content(raw), "type": "edit", "raw_type": None, "target_message_id": target}
    parties = outbound_fields(key) if key["fromMe"] else inbound_fields(key)
    occurred_at = event.occurred_at or parse_time(raw.get("timestamp"))
    fields = {**_owned(parties, event), **said, "occurred_at": occurred_at}
    yield Parsed("inbound", fields, event.element())


def read_revocation(raw: Fields, event: Event) -> Elements:
    """`after` is the act of deleting, with an id of its own; `before`, where there is one, the message."""
    after, before = as_object(raw.get("after")), as_object(raw.get("before"))
    revoked = bare_id(raw.get("revokedMessageId")) or bare_id(before.get("id"))
    if revoked is None:
        yield Rejected(Reason.BAD_ELEMENT, "a revocation does not name the message", raw)
        return
    key = {**_key(after or before, event), "id": revoked}
    occurred_at = event.occurred_at or parse_time(after.get("timestamp"))
    yield Parsed("status", {**_owned(deletion_fields(key), event), "occurred_at": occurred_at})


def _said(key: Fields, raw: Fields, event: Event, said: Fields) -> Parsed:
    element = event.element() if key["id"] is None else None
    if key["fromMe"]:
        return Parsed("sent", {**_owned(outbound_fields(key), event), **said, "origin": "echo"}, element)
    data = as_object(raw.get("_data"))
    name = first_id(data.get("pushName"), data.get("notifyName"), as_object(data.get("Info")).get("PushName"))
    return Parsed("inbound", {**_owned(inbound_fields(key), event), **said, "sender_name": name}, element)


def _key(raw: Fields, event: Event) -> Fields:
    """The same facts as a Baileys key: `remoteJid` is the chat, `fromMe` None when nothing tells."""
    spelled = as_id(raw.get("id"))
    found = _ID.fullmatch(spelled) if spelled is not None else None
    mine = raw.get("fromMe") if isinstance(raw.get("fromMe"), bool) else None
    if found and mine is None:
        mine = found["mine"] == "true"
    sides = [raw.get("to"), raw.get("from")] if mine else [raw.get("from"), raw.get("to")]
    others = [side for side in sides if side is not None and (event.business is None or phone(side) != event.business)]
    author = found["author"] if found and "@" in (found["author"] or "") else None
    engine = as_object(as_object(raw.get("_data")).get("key"))
    return {
        **{name: engine[name] for name in _MORE_SPELLINGS if name in engine},
        "id": found["id"] if found else spelled,
        "fromMe": mine,
        "remoteJid": found["chat"] if found else first_id(*others, *sides),
        "participant": first_id(raw.get("participant"), author),
    }


def _owned(fields: Fields, event: Event) -> Fields:
    """With our own side: the session and, where it is known which side that is, its number."""
    if "from_me" in fields and fields["from_me"] is None:
        return {**fields, "account": event.account}
    own = "from" if "to" in fields else "to"
    return {own: event.business, **fields, "account": event.account}


def _ack(raw: Fields) -> Fields | None:
    """`ackName`, else the number from -1 to 4; None when there is neither."""
    name, number = as_id(raw.get("ackName")), as_id(raw.get("ack"))
    known = _ACK_NAMES.get((name or "").lower())
    if known is None and number is not None and re.fullmatch("-1|[0-4]", number):
        known = _ACKS[int(number) + 1]
    if known is not None:
        return {"status": known}
    unknown = name or number
    return None if unknown is None else {"status": "unknown", "raw_status": unknown}
