"""Messages and statuses of JSON APIs with little documentation: each field is looked up under its likely names.

Shared by zapini and standard-webhooks. A fact that is missing is left out, and nothing is concluded from its absence; a
word that is unknown is kept as it is.
"""

import re

from schemas.events import TYPES
from schemas.parsing.identity import chat_id, group_member, is_bsuid, is_group, is_lid, phone_or_id
from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_id, as_object, first_id, first_text
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._acts import is_act, is_edit
from schemas.providers._fields import KNOWN_STATUSES, reaction_fields, status_fields, status_word, type_fields
from schemas.reasons import Reason

Names = tuple[str, ...]

# Words in the names of events about a person.
_ACTS = frozenset({
    "call", "calls", "contact", "contacts", "customer", "number", "opt", "optin", "optout", "opted", "preference",
    "preferences", "subscribed", "unsubscribed", "user",
})  # fmt: skip
_EDITED_IDS = ("target_message_id", "original_message_id", "edited_message_id")
STATUS_EVENTS = frozenset({"status", "status_update", "status_updated", "updated", "update"})
_TYPES = {
    "chat": "text", "conversation": "text", "extendedtext": "text",
    "ptt": "audio", "voice": "audio", "file": "document",
    "contact": "contacts", "vcard": "contacts", "buttons": "button", "button_reply": "button", "list": "interactive",
    "list_reply": "interactive",
}  # fmt: skip


def read_status(what: str, data: JsonObject, raw: JsonObject, account: str | None, ids: Names) -> Parsed | Rejected:
    """The status in the event's name (`what`) or in its data. `ids`: names of the message id, best first."""
    message_id = first_id(*(data.get(name) for name in ids))
    word = what if what in KNOWN_STATUSES else status_word(data, "status")
    if message_id is None or word is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    known = word.lower() if word.lower() in KNOWN_STATUSES else None
    error = data.get("error")
    details = as_object(error)
    fields = {
        **_parties(data, outbound=True),
        "account": account,
        "message_id": message_id,
        "occurred_at": moment(data, raw, f"{known or 'unknown'}_at", "timestamp", "updated_at"),
        **status_fields(known, word),
        "error_code": first_id(data.get("error_code"), details.get("code")),
        "error_text": first_text(data.get("error_message"), details.get("message"), error, data.get("reason")),
    }
    return Parsed("status", fields)


def read_message(
    data: JsonObject, raw: JsonObject, account: str | None, ids: Names, own_ids: Names | None = None
) -> Parsed | Rejected:
    """A message of either direction. `ids`: names of the message id, best first; `own_ids`: of our own messages.

    An act that is no message is a system event.
    """
    mine = data.get("from_me") is True or data.get("direction") in ("outgoing", "outbound")
    nested = as_object(data.get("message"))
    word = first_id(data.get("type"), nested.get("type"))
    if word is None and data.get("message") is None and data.get("from") is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither type nor text nor sender", raw)
    occurred_at = moment(data, raw, "received_at", "sent_at", "timestamp", "created_at")
    if is_act(word, mine):
        return _act(word, data, raw, {"account": account, "occurred_at": occurred_at}, mine)
    names = (own_ids or ids) if mine else ids
    fields = {
        **_content(data, nested, word),
        **_parties(data, outbound=mine),
        "account": account,
        "message_id": first_id(*(holder.get(name) for holder in (data, nested) for name in names)),
        "occurred_at": occurred_at,
    }
    if is_edit(word):
        fields |= _edited(data, nested, as_id(fields["message_id"]))
    elif mine:
        return Parsed("sent", {**fields, "origin": "echo"}, raw)
    if not mine:
        fields["sender_name"] = first_id(data.get("sender_name"), data.get("name"), data.get("push_name"))
    return Parsed("inbound", fields, raw)


def _act(word: str | None, data: JsonObject, raw: JsonObject, shared: Fields, mine: bool) -> Parsed:
    who = {} if mine else {name: _parties(data, outbound=False).get(name) for name in ("from", "sender_lid")}
    return Parsed(
        "system", {**shared, **who, "event": first_id(raw.get("event"), raw.get("type")), "raw_state": word}, raw
    )


def _edited(data: JsonObject, nested: JsonObject, message_id: str | None) -> Fields:
    """The fields of an edit. Its id counts as its own only if the edited message has another one."""
    target = first_id(*(holder.get(name) for holder in (data, nested) for name in _EDITED_IDS))
    own_id = message_id if target is not None and message_id != target else None
    return {"type": "edit", "raw_type": None, "target_message_id": target, "message_id": own_id}


def person_fields(event: str, data: JsonObject) -> Fields:
    """Whom a system event is about: its sender, or its contact if the name of the event is that of a person's act."""
    contact = as_object(data.get("contact"))
    person = as_id(data.get("from"))
    if person is None and not _ACTS.isdisjoint(re.split("[^a-z]+", event.lower())):
        named = (holder.get(name) for holder in (data, contact) for name in ("phone", "wa_id", "user_id"))
        person = first_id(*named)
    return {
        "from": phone_or_id(person),
        "to": phone_or_id(first_id(data.get("to"), data.get("new_phone"), data.get("new_wa_id"))),
        "sender_lid": person if is_lid(person) else None,
        "sender_bsuid": first_id(*(one for one in (data.get("user_id"), person) if is_bsuid(one))),
        "username": first_id(data.get("username"), contact.get("username")),
    }


def _content(data: JsonObject, nested: JsonObject, word: str | None) -> Fields:
    kind = (word or "text").lower()
    kind = _TYPES.get(kind, kind)
    known = kind in TYPES and kind not in ("unknown", "edit")
    location = as_object(data.get("location")) or data
    media = as_object(data.get("media")) or data
    reaction = as_object(data.get("reaction"))
    text = first_text(
        data.get("message"), data.get("text"), data.get("body"), data.get("caption"),
        nested.get("text"), nested.get("body"), nested.get("caption"), reaction.get("emoji"), data.get("emoji"),
    )  # fmt: skip
    fields: Fields = {
        **type_fields(kind if known else None, word),
        "text": text,
        "payload": first_id(data.get("payload"), data.get("button_id"), data.get("row_id")),
        "reply_to": first_id(data.get("reply_to"), data.get("quoted_message_id")),
        "media_id": as_id(media.get("media_id")),
        "media_url": first_text(media.get("media_url"), media.get("url")),
        "media_mime": first_id(media.get("mime_type"), media.get("mimetype")),
        "media_filename": first_text(media.get("filename"), media.get("file_name")),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
    }
    if kind == "reaction":
        fields |= reaction_fields(text, first_id(reaction.get("message_id"), data.get("target_message_id")))
    return fields


def _parties(data: JsonObject, outbound: bool) -> Fields:
    """Sender, recipient and chat, in any form of id: the account may be a QR session or a Cloud API number."""
    sender, recipient = data.get("from"), first_id(data.get("to"), data.get("recipient"), data.get("phone"))
    chat = first_id(data.get("chat_id"), recipient if outbound else sender)
    fields: Fields = {"from": phone_or_id(sender), "to": phone_or_id(recipient), "chat_id": chat_id(chat)}
    if is_group(chat):
        fields["is_group"] = True
        if not outbound:
            author = group_member(data.get("participant"), None if is_group(sender) else sender)
            fields |= {"from": author, "participant": author}
    if not outbound and is_lid(sender):
        fields["sender_lid"] = sender
    if is_bsuid(sender):
        fields |= {"sender_bsuid": sender, "chat_id": None}
    return fields


def moment(data: JsonObject, raw: JsonObject, *names: str) -> int | None:
    """The time in the first of the fields `names` of `data` that has one, else that of the envelope `raw`, in ms."""
    for name in names:
        found = parse_time(data.get(name))
        if found is not None:
            return found
    return parse_time(raw.get("timestamp"))
