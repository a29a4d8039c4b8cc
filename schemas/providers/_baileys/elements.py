"""Baileys messages, statuses, receipts, reactions and deletions, one element at a time.

WasenderApi and Evolution API pass these on with small changes of their own; the variants of both are read here.
"""

from dataclasses import dataclass

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import group_member, is_group, phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_text
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.content import act_of, as_edit, content, reaction_fields
from schemas.providers._baileys.keys import (
    about_fields,
    changed_status,
    deletion_fields,
    from_me,
    inbound_fields,
    message_fields,
    receiver_of,
    status_of,
)
from schemas.providers._baileys.names import spelled
from schemas.providers._baileys.wrappers import Unwrapped, revoked_key, unwrapped
from schemas.reasons import Reason

_UNDECRYPTED = (None, 0, 2, "UNKNOWN", "CIPHERTEXT")  # messageStubType of a message that could not be decrypted
_REVOKED = (1, "REVOKE")
_CHANGED_NUMBER = frozenset({"33", "GROUP_PARTICIPANT_CHANGE_NUMBER", "42", "INDIVIDUAL_CHANGE_NUMBER"})
_ABOUT_PEOPLE = _CHANGED_NUMBER | {
    "40", "41", "45", "46",
    "CALL_MISSED_VOICE", "CALL_MISSED_VIDEO", "CALL_MISSED_GROUP_VOICE", "CALL_MISSED_GROUP_VIDEO",
}  # fmt: skip
_RECEIPTS = (("receiptTimestamp", "delivered"), ("readTimestamp", "read"), ("playedTimestamp", "played"))


@dataclass(slots=True, frozen=True)
class Envelope:
    """What the elements of one body share. `occurred_at` is the provider's time, ms."""

    event: str
    occurred_at: int | None

    def element(self, item: Json) -> JsonObject:
        """What identifies an element that has no message id."""
        return {"event": self.event, "timestamp": self.occurred_at, "item": item}


def listed(data: Json) -> list[Json]:
    """The elements in `data`: `data.messages` as an object or a list, `data` as a list, or `data` itself."""
    return as_list(data["messages"] if isinstance(data, dict) and data.get("messages") is not None else data)


def read_message(item: Json, envelope: Envelope) -> Elements:
    """A message of either direction; also a deletion, an edit, an act or a failure to send, which come as messages."""
    message = as_object(item)
    if not isinstance(message.get("key"), dict):
        yield Rejected(Reason.BAD_ELEMENT, "a message has no key", item)
        return
    key, found = spelled(message["key"]), unwrapped(message.get("message"))
    occurred_at = parse_epoch(message.get("messageTimestamp")) or envelope.occurred_at
    revoked = revoked_key(found)
    if revoked is not None:
        yield _revocation(key, revoked, occurred_at, item)
        return
    mine = from_me(key) is True
    act = act_of(found, mine)
    message_content = _content(message, found) if act is None else None
    if message_content is None:
        yield _notice(message, envelope, occurred_at, act)
        return
    fields = {**message_fields(key), "occurred_at": occurred_at, **message_content}
    if mine and fields["type"] != "edit":
        yield Parsed("sent", {**fields, "origin": "echo"}, _element(fields, item, envelope))
        yield from _progress(message, key, envelope)
    else:
        fields["sender_name"] = None if mine else as_id(message.get("pushName"))
        yield Parsed("inbound", fields, _element(fields, item, envelope))


def read_update(item: Json, envelope: Envelope) -> Elements:
    """`messages.update`: a status, an edit, a deletion, or something else (a star, a vote), which is a system event."""
    outer = as_object(item)
    key = spelled(outer.get("key"))
    if as_id(key.get("id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "an update does not name the message", item)
        return
    update = as_object(outer.get("update")) or outer
    message = unwrapped(update.get("message"))
    revoked = update.get("messageStubType") in _REVOKED or revoked_key(message) is not None
    act = None if revoked else act_of(message, from_me(key) is True)
    if act is not None:  # its status is that of the act
        yield _notice(outer, envelope, envelope.occurred_at, act)
        return
    found = False
    status = changed_status(update)
    if status is not None:
        found = True
        error = _stub_error(update) if status["status"] == "failed" else {}
        yield Parsed("status", {**about_fields(key), "occurred_at": envelope.occurred_at, **status, **error})
    if revoked:
        found = True
        yield Parsed("status", {**deletion_fields(key), "occurred_at": envelope.occurred_at})
    elif (new := content(message)) is not None:
        found = True
        if new["type"] == "edit":
            yield _edit(key, new, outer, envelope)
        else:  # the content of a message that could not be decrypted at first
            late = {name: value for name, value in update.items() if name != "status"}
            yield from read_message({**late, "key": key}, envelope)
    if not found:
        yield _notice(outer, envelope, envelope.occurred_at)


def read_receipt(item: Json, envelope: Envelope) -> Elements:
    """`message-receipt.update`: the receipt of one group member, which may have a time for several statuses."""
    outer = as_object(item)
    inner = outer if "key" in outer else as_object(outer.get("message"))
    key, receipt = as_object(inner.get("key")), as_object(inner.get("receipt"))
    if as_id(key.get("id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "a receipt does not name the message", item)
        return
    about = about_fields(key)
    if is_group(key.get("remoteJid")) and about["from_me"] is not False:
        about["participant"] = receiver_of(key, receipt.get("userJid"))
    found = False
    for name, status in _RECEIPTS:
        occurred_at = parse_epoch(receipt.get(name))
        if occurred_at is not None:
            found = True
            yield Parsed("status", {**about, "status": status, "occurred_at": occurred_at})
    stated = changed_status(receipt)
    if not found and stated is not None:
        occurred_at = parse_epoch(receipt.get("t")) or envelope.occurred_at
        yield Parsed("status", {**about, **stated, "occurred_at": occurred_at})
    elif not found:
        yield Rejected(Reason.BAD_ELEMENT, "a receipt has neither a time nor a status", item)


def read_reaction(item: Json, envelope: Envelope) -> Elements:
    """`messages.reaction`: `key` is the key of the message reacted to, `reaction.key` that of the reaction."""
    outer = as_object(item)
    target, reaction = as_object(outer.get("key")), as_object(outer.get("reaction"))
    if as_id(target.get("id")) is None or not reaction:
        yield Rejected(Reason.BAD_ELEMENT, "a reaction does not name the message", item)
        return
    own = as_object(reaction.get("key"))
    if as_id(own.get("id")) == as_id(target.get("id")):  # some APIs write the target twice: the own id is unknown
        own = {}
    # The reaction shares only the chat with its target: participant and sender in the target's key wrote the target.
    key = {"remoteJid": target.get("remoteJid"), "remoteJidAlt": target.get("remoteJidAlt"), **own}
    fields = {
        **message_fields(key),
        **reaction_fields(reaction, target),
        "occurred_at": parse_epoch(reaction.get("senderTimestampMs")) or envelope.occurred_at,
    }
    element = _element(fields, item, envelope)
    yield Parsed("sent", {**fields, "origin": "echo"}, element) if from_me(key) else Parsed("inbound", fields, element)


def read_deletion(item: Json, envelope: Envelope) -> Elements:
    """`messages.delete`: keys of deleted messages, alone or each inside an object."""
    holder = as_object(item)
    for raw_key in as_list(holder.get("keys", holder.get("key", holder))):
        key = as_object(raw_key)
        if as_id(key.get("id")) is None:
            yield Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", item)
        else:
            yield Parsed("status", {**deletion_fields(key), "occurred_at": envelope.occurred_at})


def _content(message: JsonObject, found: Unwrapped) -> Fields | None:
    """The content fields; None for a notice in the form of a message."""
    fields = content(found)
    body = as_text(message.get("messageBody"))
    if fields is None and body is None:
        if not message.get("message") and message.get("messageStubType") in _UNDECRYPTED:
            return {"type": "unsupported"}
        return None
    fields = fields or {"type": "text"}
    if fields["type"] != "reaction":
        fields["text"] = first_text(fields.get("text"), body)
    return fields


def _notice(message: JsonObject, envelope: Envelope, occurred_at: int | None, act: str | None = None) -> Parsed:
    """A notice without content: somebody joined a group, pinned a message, a setting changed, keys were exchanged.

    An act is one event however many names it arrives under.
    """
    stub, key = as_id(message.get("messageStubType")), spelled(message.get("key"))
    fields: Fields = {"event": envelope.event, "reason_code": stub, "raw_state": act, "occurred_at": occurred_at}
    if (act is not None or stub in _ABOUT_PEOPLE) and from_me(key) is not True:
        author = inbound_fields(key)
        fields |= {name: author.get(name) for name in ("from", "sender_lid")}
        if stub in _CHANGED_NUMBER:
            numbers = map(phone, as_list(message.get("messageStubParameters")))
            fields["to"] = next((number for number in numbers if number not in (None, author["from"])), None)
    message_id = as_id(key.get("id"))
    same = {"act": act, "message_id": message_id} if act is not None and message_id is not None else None
    return Parsed("system", fields, same or envelope.element(message))


def _progress(message: JsonObject, key: JsonObject, envelope: Envelope) -> Elements:
    """The status inside a sent message, when it is past sent."""
    status = status_of(message.get("status"))
    if message.get("success") is False or (status is not None and status["status"] == "failed"):
        error = message.get("error")
        details = {
            "error_code": as_id(as_object(error).get("code")),
            "error_text": first_text(error, as_object(error).get("message")),
        }
        failed = {"status": "failed", "occurred_at": envelope.occurred_at}
        yield Parsed("status", {**about_fields(key), **failed, **details, **_stub_error(message)})
    elif status is not None and status["status"] in ("delivered", "read", "played"):
        yield Parsed("status", {**about_fields(key), **status})  # a sent message has no time for its status


def _stub_error(update: JsonObject) -> Fields:
    """The error code of the server, which Baileys puts into the stub parameters of a refused message."""
    codes = as_list(update.get("messageStubParameters"))
    return {"error_code": as_id(codes[0])} if codes else {}


def _revocation(key: JsonObject, revoked: JsonObject, occurred_at: int | None, item: Json) -> Parsed | Rejected:
    """A deletion of `revoked`, a key from the sender's view: fromMe is false only if an admin deletes for a member."""
    if as_id(revoked.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", item)
    fields = deletion_fields({**key, "id": revoked["id"]})
    if from_me(revoked) is False and is_group(key.get("remoteJid")):
        fields["participant"] = group_member(revoked.get("participant"))
        fields["from"] = None
        fields["from_me"] = False if fields["from_me"] else None
    return Parsed("status", {**fields, "occurred_at": occurred_at})


def _edit(key: JsonObject, new: Fields, outer: JsonObject, envelope: Envelope) -> Parsed:
    """An edit that arrives as an update: mostly one of the original message, so that its own id is unknown."""
    message_id = as_id(key.get("id"))
    target = as_id(new.get("target_message_id")) or message_id
    fields = {
        **message_fields(key),
        **as_edit(new, target),
        "message_id": message_id if target != message_id else None,
        "occurred_at": parse_time(as_object(outer.get("update")).get("messageTimestamp")) or envelope.occurred_at,
    }
    return Parsed("inbound", fields, envelope.element(outer))


def _element(fields: Fields, item: Json, envelope: Envelope) -> JsonObject | None:
    return envelope.element(item) if fields["message_id"] is None else None
