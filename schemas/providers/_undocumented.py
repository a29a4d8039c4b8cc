"""Messages and statuses of a JSON API of which little is documented: any of the likely names of each field. Pure.

What is not there is left out; what is not known keeps its own word. Nothing is concluded from what is missing.
"""

from typing import Any

from schemas.events import TYPES
from schemas.parsing.identity import chat_id, group_member, is_bsuid, is_group, is_lid, phone_or_id
from schemas.parsing.json_values import as_id, as_object, first_id, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.reasons import Reason

Fields = dict[str, Any]
Names = tuple[str, ...]

STATUSES = frozenset({"pending", "sent", "delivered", "read", "played", "failed", "deleted"})
STATUS_EVENTS = frozenset({"status", "status_update", "status_updated", "updated", "update"})
_TYPES = {
    "chat": "text", "conversation": "text", "extendedtext": "text",
    "ptt": "audio", "voice": "audio", "file": "document",
    "contact": "contacts", "vcard": "contacts", "buttons": "button", "button_reply": "button", "list": "interactive",
    "list_reply": "interactive",
}  # fmt: skip


def read_status(what: str, data: Fields, raw: Fields, account: str | None, ids: Names) -> Parsed | Rejected:
    """The status that the event's name tells, or its data. `ids`: where the message's id may be, best first."""
    message_id = first_id(*(data.get(name) for name in ids))
    word = what if what in STATUSES else as_id(data.get("status"))
    if message_id is None or word is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    known = word.lower() if word.lower() in STATUSES else "unknown"
    error = data.get("error")
    fields = {
        **_parties(data, outbound=True),
        "account": account,
        "message_id": message_id,
        "occurred_at": moment(data, raw, f"{known}_at", "timestamp", "updated_at"),
        "status": known,
        "raw_status": word if known == "unknown" else None,
        "error_code": first_id(data.get("error_code"), as_object(error).get("code")),
        "error_text": first_text(data.get("error_message"), as_object(error).get("message"), error, data.get("reason")),
    }
    return Parsed("status", fields)


def read_message(
    data: Fields, raw: Fields, account: str | None, ids: Names, own_ids: Names | None = None
) -> Parsed | Rejected:
    """A message of either direction; `own_ids` instead of `ids` for our own."""
    mine = data.get("from_me") is True or data.get("direction") in ("outgoing", "outbound")
    nested = as_object(data.get("message"))
    word = first_id(data.get("type"), nested.get("type"))
    if word is None and data.get("message") is None and data.get("from") is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither type nor text nor sender", raw)
    names = (own_ids or ids) if mine else ids
    fields = {
        **_content(data, nested, word),
        **_parties(data, outbound=mine),
        "account": account,
        "message_id": first_id(*(holder.get(name) for holder in (data, nested) for name in names)),
        "occurred_at": moment(data, raw, "received_at", "sent_at", "timestamp", "created_at"),
    }
    if mine:
        return Parsed("sent", {**fields, "origin": "echo"}, raw)
    fields["sender_name"] = first_id(data.get("sender_name"), data.get("name"), data.get("push_name"))
    return Parsed("inbound", fields, raw)


def _content(data: Fields, nested: Fields, word: str | None) -> Fields:
    kind = (word or "text").lower()
    kind = _TYPES.get(kind, kind)
    known = kind in TYPES and kind not in ("unknown", "edit")
    location = as_object(data.get("location")) or data
    media = as_object(data.get("media")) or data
    reaction = as_object(data.get("reaction"))
    said = first_text(
        data.get("message"), data.get("text"), data.get("body"), data.get("caption"),
        nested.get("text"), nested.get("body"), nested.get("caption"), reaction.get("emoji"), data.get("emoji"),
    )  # fmt: skip
    fields: Fields = {
        "type": kind if known else "unknown",
        "raw_type": None if known else word,
        "text": said,
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
        fields["target_message_id"] = first_id(reaction.get("message_id"), data.get("target_message_id"))
        fields["reaction_removed"] = True if said is None else None
    return fields


def _parties(data: Fields, outbound: bool) -> Fields:
    """Who wrote to whom. An instance may be a QR session or a Cloud API number, so every form of id may come."""
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


def moment(data: Fields, raw: Fields, *names: str) -> int | None:
    """The first of the fields that holds a time, else the envelope's."""
    for name in names:
        found = parse_time(data.get(name))
        if found is not None:
            return found
    return parse_time(raw.get("timestamp"))
