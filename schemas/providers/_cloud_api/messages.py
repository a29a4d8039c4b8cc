"""Cloud API messages: inbound ones, echoes of what the business sent from its phone, and history backfills."""

from collections.abc import Iterator

from schemas.parsing.identity import is_bsuid, phone, phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.change import Change, address_and_contact, error_fields, person_fields
from schemas.providers._cloud_api.content import content
from schemas.providers._cloud_api.statuses import stated_status
from schemas.reasons import Reason

_HISTORY_STATUSES = {"ERROR": "failed"}


def read_inbound(raw: Json, change: Change, historical: bool = False) -> Parsed | Rejected:
    """A message of a customer; also a deletion or a change of their number, which arrive as messages."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a message is not an object", raw)
    word = raw.get("type")
    if not isinstance(word, str) and as_id(raw.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    if word == "system":
        return _system(raw, change)
    sender, contact = address_and_contact(change, raw.get("from"), raw.get("from_user_id"))
    profile = as_object(contact.get("profile"))
    fields = {
        **_common(raw, change),
        "from": sender,
        "to": change.business,
        "sender_name": as_id(profile.get("name")),
        "username": first_id(profile.get("username"), contact.get("username")),
        "sender_bsuid": first_id(raw.get("from_user_id"), contact.get("user_id"), sender if is_bsuid(sender) else None),
        "historical": historical or None,
    }
    group = as_id(raw.get("group_id"))
    if group is not None:
        fields |= {"chat_id": group, "is_group": True, "participant": sender}
    if word == "revoke":
        return _revoked(raw, fields, from_me=False)
    fields.update(_content(raw))
    return Parsed("inbound", fields, _element_of(raw, fields, change))


def read_echo(raw: Json, change: Change, origin: str = "echo", chat: Json = None) -> Parsed | Rejected:
    """A message that the business itself sent, from its phone or (origin "history") in the past."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a message echo is not an object", raw)
    if isinstance(inner := raw.get("message"), dict) and "type" not in raw:  # an echo of another app, in standby
        raw = {**inner, **raw}
    if not isinstance(raw.get("type"), str) and as_id(raw.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message echo has neither id nor type", raw)
    recipient = address_and_contact(change, first_id(raw.get("to"), chat), raw.get("to_user_id"))[0]
    fields = {
        **_common(raw, change),
        "from": phone(raw.get("from")) or change.business or phone_or_id(raw.get("from")),
        "to": recipient,
        "historical": True if origin == "history" else None,
    }
    group = first_id(raw.get("group_id"), raw.get("to") if raw.get("recipient_type") == "group" else None)
    if group is not None:
        fields |= {"chat_id": group, "is_group": True}
    if raw.get("type") == "revoke":
        return _revoked(raw, fields, from_me=True)
    fields.update(_content(raw))
    element = _element_of(raw, fields, change)
    if fields["type"] == "edit":  # an edit is never delivered or read itself, so it does not count as sent
        return Parsed("inbound", fields, element)
    return Parsed("sent", {**fields, "origin": origin}, element)


def read_history(chunk: Json, change: Change) -> Iterator[Parsed | Rejected]:
    """One chunk of a backfill: threads of messages, oldest first; our own messages may have a status."""
    if not isinstance(chunk, dict):
        yield Rejected(Reason.BAD_ELEMENT, "a history chunk is not an object", chunk)
        return
    for thread in as_list(chunk.get("threads")):
        chat = as_object(thread).get("id")
        for raw in as_list(as_object(thread).get("messages")):
            yield from read_past(raw, change, chat)


def read_past(raw: Json, change: Change, chat: Json = None) -> Iterator[Parsed | Rejected]:
    """One message of a backfill, and its status when it is ours."""
    message = as_object(raw)
    sender = phone(message.get("from"))
    ours = sender is not None and (sender == change.business or (sender != phone(chat) and "to" in message))
    if not ours:
        yield read_inbound(raw, change, historical=True)
        return
    sent = read_echo(raw, change, "history", chat)
    yield sent
    word = as_id(as_object(message.get("history_context")).get("status"))
    if isinstance(sent, Rejected) or sent.kind != "sent" or word is None or "message_id" not in sent.fields:
        return
    status = stated_status(_HISTORY_STATUSES.get(word.upper(), word))
    fields = {name: sent.fields.get(name) for name in ("account", "message_id", "from", "to", "chat_id", "is_group")}
    fields |= {**status, "historical": True}
    if status["status"] == "sent":  # of all statuses only this one has the time of the message
        fields["occurred_at"] = sent.fields["occurred_at"]
    yield Parsed("status", fields)


def _common(raw: JsonObject, change: Change) -> Fields:
    return {
        "account": change.account,
        "message_id": as_id(raw.get("id")),
        "occurred_at": parse_time(raw.get("timestamp")),
    }


def _content(raw: JsonObject) -> Fields:
    context = as_object(raw.get("context"))
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    return {
        **content(raw),
        "reply_to": as_id(context.get("id")),
        "forwarded": forwarded or None,
        **error_fields(raw.get("errors")),
    }


def _revoked(raw: JsonObject, fields: Fields, from_me: bool) -> Parsed | Rejected:
    original = as_id(as_object(raw.get("revoke")).get("original_message_id"))
    if original is None:
        return Rejected(Reason.BAD_ELEMENT, "a revoke does not name the message", raw)
    kept = ("account", "occurred_at", "from", "to", "chat_id", "is_group", "participant", "historical")
    shared = {name: fields.get(name) for name in kept}
    return Parsed("status", {**shared, "message_id": original, "status": "deleted", "from_me": from_me})


def _system(raw: JsonObject, change: Change) -> Parsed:
    """WhatsApp's notice that the customer changed their number, id or device; `to` is the new address."""
    notice = as_object(raw.get("system"))
    event = as_id(notice.get("type")) or "system"
    number, user_id = first_id(notice.get("new_wa_id"), notice.get("wa_id")), as_id(notice.get("user_id"))
    old_number, old_id = (
        first_id(raw.get("from"), notice.get("customer")),
        first_id(raw.get("from_user_id"), notice.get("previous_user_id")),
    )
    new = None
    if event.endswith("_changed_user_id"):
        new, old_number = user_id, first_id(old_number, number)
    elif event.endswith("_changed_number"):
        new = phone_or_id(first_id(number, user_id))
    fields: Fields = {
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")),
        "event": event,
        **person_fields(change, first_id(old_number, number), first_id(old_id, user_id)),
        "to": new,
    }
    return Parsed("system", {**fields, **error_fields(raw.get("errors"))}, change.element(raw))


def _element_of(raw: JsonObject, fields: Fields, change: Change) -> JsonObject | None:
    return change.element(raw) if fields["message_id"] is None else None
