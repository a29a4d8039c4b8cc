"""Cloud API messages: inbound ones, echoes of what the business sent by phone, and history backfills. Pure."""

from collections.abc import Iterator
from typing import Any

from schemas.parsing.identity import is_bsuid, phone, phone_or_id
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.change import Change, error_facts, party
from schemas.providers._cloud_api.content import content
from schemas.providers._cloud_api.statuses import status_word
from schemas.reasons import Reason

_HISTORY_WORDS = {"ERROR": "failed"}


def read_inbound(raw: Any, change: Change, historical: bool = False) -> Parsed | Rejected:
    """A message of a customer, or what stands in for one: a deletion, a change of their number."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a message is not an object", raw)
    word = raw.get("type")
    if not isinstance(word, str) and as_id(raw.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    if word == "system":
        return _system(raw, change)
    sender, contact = party(change, raw.get("from"), raw.get("from_user_id"))
    fields = {
        **_common(raw, change),
        "from": sender,
        "to": change.business,
        "sender_name": as_id(as_object(contact.get("profile")).get("name")),
        "username": first_id(as_object(contact.get("profile")).get("username"), contact.get("username")),
        "sender_bsuid": first_id(raw.get("from_user_id"), contact.get("user_id"), sender if is_bsuid(sender) else None),
        "historical": historical or None,
    }
    group = as_id(raw.get("group_id"))
    if group is not None:
        fields |= {"chat_id": group, "is_group": True, "participant": sender}
    if word == "revoke":
        return _revoked(raw, fields, from_me=False)
    fields.update(_said(raw))
    return Parsed("inbound", fields, _element_of(raw, fields, change))


def read_echo(raw: Any, change: Change, origin: str = "echo", chat: Any = None) -> Parsed | Rejected:
    """A message that the business itself sent, from its phone or (origin "history") in the past."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a message echo is not an object", raw)
    if not isinstance(raw.get("type"), str) and as_id(raw.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message echo has neither id nor type", raw)
    recipient = party(change, first_id(raw.get("to"), chat), raw.get("to_user_id"))[0]
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
    fields.update(_said(raw))
    # An edit is no message of its own that could be delivered or read, so it never counts as one that was sent.
    kind, fields["origin"] = ("inbound", None) if fields["type"] == "edit" else ("sent", origin)
    return Parsed("sent" if kind == "sent" else "inbound", fields, _element_of(raw, fields, change))


def read_history(chunk: Any, change: Change) -> Iterator[Parsed | Rejected]:
    """One chunk of a backfill: threads of messages, oldest first, each perhaps with what became of it."""
    if not isinstance(chunk, dict):
        yield Rejected(Reason.BAD_ELEMENT, "a history chunk is not an object", chunk)
        return
    for thread in as_list(chunk.get("threads")):
        chat = as_object(thread).get("id")
        for raw in as_list(as_object(thread).get("messages")):
            yield from read_past(raw, change, chat)


def read_past(raw: Any, change: Change, chat: Any = None) -> Iterator[Parsed | Rejected]:
    """One message of a backfill, and its status when it is ours."""
    sender = phone(as_object(raw).get("from"))
    ours = sender is not None and (sender == change.business or (sender != phone(chat) and "to" in raw))
    if not ours:
        yield read_inbound(raw, change, historical=True)
        return
    sent = read_echo(raw, change, "history", chat)
    yield sent
    word = as_id(as_object(raw.get("history_context")).get("status"))
    if isinstance(sent, Rejected) or sent.kind != "sent" or word is None or "message_id" not in sent.fields:
        return
    said = status_word(_HISTORY_WORDS.get(word.upper(), word))
    fields = {name: sent.fields.get(name) for name in ("account", "message_id", "from", "to", "chat_id", "is_group")}
    fields |= {**said, "historical": True}
    if said["status"] == "sent":  # the only one whose moment is that of the message
        fields["occurred_at"] = sent.fields["occurred_at"]
    yield Parsed("status", fields)


def _common(raw: dict[str, Any], change: Change) -> dict[str, Any]:
    return {
        "account": change.account,
        "message_id": as_id(raw.get("id")),
        "occurred_at": parse_time(raw.get("timestamp")),
    }


def _said(raw: dict[str, Any]) -> dict[str, Any]:
    context = as_object(raw.get("context"))
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    return {
        **content(raw),
        "reply_to": as_id(context.get("id")),
        "forwarded": forwarded or None,
        **error_facts(raw.get("errors")),
    }


def _revoked(raw: dict[str, Any], fields: dict[str, Any], from_me: bool) -> Parsed | Rejected:
    original = as_id(as_object(raw.get("revoke")).get("original_message_id"))
    if original is None:
        return Rejected(Reason.BAD_ELEMENT, "a revoke does not name the message", raw)
    kept = ("account", "occurred_at", "from", "to", "chat_id", "is_group", "participant", "historical")
    facts = {name: fields.get(name) for name in kept}
    return Parsed("status", {**facts, "message_id": original, "status": "deleted", "from_me": from_me})


def _system(raw: dict[str, Any], change: Change) -> Parsed:
    """The customer changed their number, id or device: WhatsApp's own notice, not a message of theirs."""
    notice = as_object(raw.get("system"))
    fields = {
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")),
        "event": as_id(notice.get("type")) or "system",
    }
    return Parsed("system", {**fields, **error_facts(raw.get("errors"))}, change.element(raw))


def _element_of(raw: dict[str, Any], fields: dict[str, Any], change: Change) -> dict[str, Any] | None:
    return change.element(raw) if fields["message_id"] is None else None
