"""Baileys messages, statuses, receipts, reactions and deletions, one element at a time. Pure.

WasenderApi and Evolution API pass them on with small changes of their own; what each prints differently is read here.
"""

from dataclasses import dataclass
from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import group_member, is_group
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_epoch, parse_time
from schemas.providers._baileys.content import as_edit, content, reaction_fields, revoked_key
from schemas.providers._baileys.keys import (
    about_fields,
    deletion_fields,
    from_me,
    inbound_fields,
    outbound_fields,
    receiver_of,
    status_fields,
)
from schemas.reasons import Reason

Fields = dict[str, Any]

_UNDECRYPTED = (None, 0, 2, "UNKNOWN", "CIPHERTEXT")  # messageStubType of a message whose content did not open
_REVOKED = (1, "REVOKE")
_RECEIPTS = (("receiptTimestamp", "delivered"), ("readTimestamp", "read"), ("playedTimestamp", "played"))


@dataclass(slots=True, frozen=True)
class Envelope:
    """What the elements of one body share. `occurred_at` is the provider's clock, ms."""

    event: str
    occurred_at: int | None

    def element(self, item: Any) -> Fields:
        """What identifies an element that has no message id."""
        return {"event": self.event, "timestamp": self.occurred_at, "item": item}


def read_message(item: Any, envelope: Envelope) -> Elements:
    """A message of either direction; a deletion or an edit that comes as one; a failure to send."""
    key = item.get("key") if isinstance(item, dict) else None
    if not isinstance(key, dict):
        yield Rejected(Reason.BAD_ELEMENT, "a message has no key", item)
        return
    occurred_at = parse_epoch(item.get("messageTimestamp")) or envelope.occurred_at
    revoked = revoked_key(item.get("message"))
    if revoked is not None:
        yield _revocation(key, revoked, occurred_at, item)
        return
    mine = from_me(key) is True
    fields = {**(outbound_fields(key) if mine else inbound_fields(key)), "occurred_at": occurred_at}
    said = _said(item)
    if said is None:
        yield _notice(item, envelope, occurred_at)
        return
    fields.update(said)
    if mine and fields["type"] != "edit":
        yield Parsed("sent", {**fields, "origin": "echo"}, _element(fields, item, envelope))
        yield from _progress(item, key, envelope)
    else:
        fields["sender_name"] = None if mine else as_id(item.get("pushName"))
        yield Parsed("inbound", fields, _element(fields, item, envelope))


def read_update(item: Any, envelope: Envelope) -> Elements:
    """`messages.update`: a status, an edit, a deletion, or something that concerns none of them (a star, a vote)."""
    key = as_object(as_object(item).get("key"))
    if as_id(key.get("id")) is None:
        yield Rejected(Reason.BAD_ELEMENT, "an update does not name the message", item)
        return
    update = as_object(item.get("update")) or item
    about = {**about_fields(key), "occurred_at": envelope.occurred_at}
    found = False
    status = status_fields(update.get("status"))
    if status is not None:
        found = True
        yield Parsed("status", {**about, **status, **(_stub_error(update) if status["status"] == "failed" else {})})
    if update.get("messageStubType") in _REVOKED or revoked_key(update.get("message")) is not None:
        found = True
        yield Parsed("status", {**deletion_fields(key), "occurred_at": envelope.occurred_at})
    elif "message" in update and (said := content(update["message"])) is not None:
        found = True
        if said["type"] == "edit":
            yield _edit_of(key, said, item, envelope)
        else:  # a message whose content could not be read at first and was fetched again
            late = {name: value for name, value in update.items() if name != "status"}
            yield from read_message({**late, "key": key}, envelope)
    if not found:
        yield _notice(item, envelope, envelope.occurred_at)


def read_receipt(item: Any, envelope: Envelope) -> Elements:
    """`message-receipt.update`: one member's receipt, which may tell of delivery and reading at once."""
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
    said = status_fields(receipt.get("status"))
    if not found and said is not None:
        yield Parsed("status", {**about, **said, "occurred_at": parse_epoch(receipt.get("t")) or envelope.occurred_at})
    elif not found:
        yield Rejected(Reason.BAD_ELEMENT, "a receipt tells neither a time nor a status", item)


def read_reaction(item: Any, envelope: Envelope) -> Elements:
    """`messages.reaction`: the outer key is the message reacted to, the inner one the reaction's own."""
    target, reaction = as_object(as_object(item).get("key")), as_object(as_object(item).get("reaction"))
    if as_id(target.get("id")) is None or not reaction:
        yield Rejected(Reason.BAD_ELEMENT, "a reaction does not name the message", item)
        return
    own = as_object(reaction.get("key"))
    if as_id(own.get("id")) == as_id(target.get("id")):  # some print the target twice; then nobody knows the own id
        own = {}
    mine = from_me(own) is True
    # Of the target's key only the chat is the reaction's too: its participant and its sender wrote the target.
    key = {"remoteJid": target.get("remoteJid"), "remoteJidAlt": target.get("remoteJidAlt"), **own}
    fields = {
        **(outbound_fields(key) if mine else inbound_fields(key)),
        **reaction_fields(reaction, target),
        "occurred_at": parse_epoch(reaction.get("senderTimestampMs")) or envelope.occurred_at,
    }
    if mine:
        yield Parsed("sent", {**fields, "origin": "echo"}, _element(fields, item, envelope))
    else:
        yield Parsed("inbound", fields, _element(fields, item, envelope))


def read_deletion(item: Any, envelope: Envelope) -> Elements:
    """`messages.delete`: keys of messages that are gone, bare or each in an object of its own."""
    holder = as_object(item)
    keys = as_list(holder.get("keys", holder.get("key", holder)))
    for key in map(as_object, keys):
        if as_id(key.get("id")) is None:
            yield Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", item)
        else:
            yield Parsed("status", {**deletion_fields(key), "occurred_at": envelope.occurred_at})


def _said(item: Fields) -> Fields | None:
    """The content fields; None when this is a notice in the form of a message."""
    said = content(item.get("message"))
    body = as_text(item.get("messageBody"))
    if said is None and body is None:
        if not item.get("message") and item.get("messageStubType") in _UNDECRYPTED:
            return {"type": "unsupported"}
        return None
    said = said or {"type": "text"}
    if said["type"] != "reaction":
        said["text"] = first_text(said.get("text"), body)
    return said


def _notice(item: Fields, envelope: Envelope, occurred_at: int | None) -> Parsed:
    """Somebody joined a group, a setting changed, keys were handed out: nothing that was said."""
    fields = {"event": envelope.event, "reason_code": as_id(item.get("messageStubType")), "occurred_at": occurred_at}
    return Parsed("system", fields, envelope.element(item))


def _progress(item: Fields, key: Fields, envelope: Envelope) -> Elements:
    """The status that a sent message carries, when it says more than that it was sent."""
    said = status_fields(item.get("status"))
    failed = item.get("success") is False or (said is not None and said["status"] == "failed")
    if failed:
        error = item.get("error")
        details = {
            "error_code": as_id(as_object(error).get("code")),
            "error_text": first_text(error, as_object(error).get("message")),
        }
        moment = {"status": "failed", "occurred_at": envelope.occurred_at}
        yield Parsed("status", {**about_fields(key), **moment, **details, **_stub_error(item)})
    elif said is not None and said["status"] in ("delivered", "read", "played"):
        yield Parsed("status", {**about_fields(key), **said})  # when that was, a sent message does not say


def _stub_error(update: Fields) -> Fields:
    """Baileys puts the server's error code of a refused message into the parameters of the stub."""
    codes = as_list(update.get("messageStubParameters"))
    return {"error_code": as_id(codes[0])} if codes else {}


def _revocation(key: Fields, revoked: Fields, occurred_at: int | None, item: Any) -> Parsed | Rejected:
    """`revoked` is the sender's view: its fromMe is false only when an admin deletes what somebody else wrote."""
    if as_id(revoked.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a deletion does not name the message", item)
    fields = deletion_fields({**key, "id": revoked["id"]})
    if from_me(revoked) is False and is_group(key.get("remoteJid")):
        fields["participant"] = group_member(revoked.get("participant"))
        fields["from"] = None
        fields["from_me"] = False if fields["from_me"] else None
    return Parsed("status", {**fields, "occurred_at": occurred_at})


def _edit_of(key: Fields, said: Fields, item: Any, envelope: Envelope) -> Parsed:
    """An edit that is told as a change of the original: its own id is not known."""
    fields = outbound_fields(key) if from_me(key) is True else inbound_fields(key)
    target = said.get("target_message_id") or as_id(key.get("id"))
    fields |= {**as_edit(said, target), "message_id": None}
    occurred_at = parse_time(as_object(item.get("update")).get("messageTimestamp")) or envelope.occurred_at
    return Parsed("inbound", {**fields, "occurred_at": occurred_at}, envelope.element(item))


def _element(fields: Fields, item: Any, envelope: Envelope) -> Fields | None:
    return envelope.element(item) if fields["message_id"] is None else None
