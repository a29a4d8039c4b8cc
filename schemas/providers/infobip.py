"""Infobip: lists of results, each an inbound message, a delivery report or a seen report.

Nothing is signed; users give the subscription a header. In a seen or deleted report the customer is the sender, since
it reports what the customer did.
"""

from collections.abc import Iterable
from itertools import chain

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each
from schemas.parsing.identity import is_bsuid, phone, phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, sent_record
from schemas.parsing.times import parse_time
from schemas.providers._fields import joined, reaction_fields, status_fields, status_word, type_fields
from schemas.providers.base import Provider
from schemas.reasons import Reason

# Their five groups of statuses, by name and by number.
_GROUPS = {
    "pending": "pending", "1": "pending",
    "undeliverable": "failed", "2": "failed",
    "delivered": "delivered", "3": "delivered",
    "expired": "failed", "4": "failed",
    "rejected": "failed", "5": "failed",
}  # fmt: skip
_TO_OPERATOR = "delivered_to_operator"  # of the group DELIVERED, although the customer's phone does not have it yet
_TYPES = {
    "text": "text", "image": "image", "video": "video", "audio": "audio", "voice": "audio", "document": "document",
    "sticker": "sticker", "location": "location", "contact": "contacts", "contacts": "contacts",
    "button": "button", "interactive_button_reply": "button",
    "interactive_list_reply": "interactive", "interactive_flow_reply": "interactive",
    "reaction": "reaction", "order": "order", "unsupported": "unsupported", "infected_content": "unsupported",
}  # fmt: skip


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_each(body, lambda raw: map(_read_result, _listed(raw, "results")))


def send_response(body: bytes) -> Elements:
    """The messages of a response: a list, or one without a list. Never raises."""
    return read_each(body, lambda raw: chain.from_iterable(map(_read_response, _listed(raw, "messages"))))


def _listed(raw: Json, name: str) -> list[Json]:
    """The list `name` of an object, else the value itself."""
    return as_list(raw[name]) if isinstance(raw, dict) and name in raw else [raw]


def _read_response(raw: Json) -> Iterable[Parsed | Rejected]:
    response = as_object(raw)
    status = as_object(response.get("status"))
    fields = {"message_id": as_id(response.get("messageId")), **recipient_fields(response.get("to"))}
    known = _known_status(status)
    error = {"error_title": as_id(status.get("name")), "error_text": as_text(status.get("description"))}
    return sent_record(raw, fields, {"status": known, **(error if known == "failed" else {})})


def _read_result(raw: Json) -> Parsed | Rejected:
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a result is not an object", raw)
    if isinstance(raw.get("message"), dict):
        return _read_message(raw["message"], raw)
    if "seenAt" in raw:
        return _read_customer_report("read", raw.get("seenAt"), raw)
    if "deletedAt" in raw:
        return _read_customer_report("deleted", raw.get("deletedAt"), raw)
    if "status" in raw:
        return _read_delivery_report(raw)
    return Rejected(Reason.UNKNOWN_SHAPE, "a result is neither a message nor a report", raw)


def _read_message(message: JsonObject, raw: JsonObject) -> Parsed | Rejected:
    word = as_id(message.get("type"))
    if word is None and as_id(raw.get("messageId")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    known = _TYPES.get((word or "").lower())
    contact = as_object(raw.get("contact"))
    bsuid = first_id(contact.get("userId"), raw.get("from") if is_bsuid(raw.get("from")) else None)
    context = as_object(message.get("context")) or as_object(raw.get("context"))
    fields = {
        **_content(known, message),
        **type_fields(known, word),
        "message_id": as_id(raw.get("messageId")),
        "occurred_at": parse_time(raw.get("receivedAt")),
        "from": phone(raw.get("from")) or phone(contact.get("phoneNumber")) or first_id(raw.get("from"), bsuid),
        "to": phone_or_id(raw.get("to")),
        "sender_name": as_id(contact.get("name")),
        "sender_bsuid": bsuid,
        "username": as_id(contact.get("username")),
        "reply_to": as_id(context.get("id")),
        "forwarded": True if context.get("forwarded") is True else None,
    }
    return Parsed("inbound", fields, raw)


def _content(known: str | None, message: JsonObject) -> Fields:
    if known == "reaction":
        emoji = first_text(message.get("emoji"), message.get("reaction"))
        return reaction_fields(emoji, first_id(message.get("messageId"), message.get("referencedMessageId")))
    if known in ("button", "interactive"):
        return {
            "text": first_text(message.get("title"), message.get("text")),
            "payload": first_text(message.get("id"), message.get("payload")),
        }
    if known == "contacts":
        names = (as_object(as_object(card).get("name")) for card in as_list(message.get("contacts")))
        return {"text": joined(first_text(name.get("formattedName"), name.get("firstName")) for name in names)}
    labels = joined((message.get("name"), message.get("address"))) if known == "location" else None
    return {
        "text": first_text(message.get("text"), message.get("caption"), labels),
        "media_url": as_text(message.get("url")) if known != "location" else None,
        "media_filename": as_text(message.get("filename")),
        "latitude": message.get("latitude"),
        "longitude": message.get("longitude"),
    }


def _read_delivery_report(raw: JsonObject) -> Parsed | Rejected:
    status, error = as_object(raw.get("status")), as_object(raw.get("error"))
    name, message_id = as_id(status.get("name")), as_id(raw.get("messageId"))
    word = status_word({**status, "status": raw.get("status")}, "groupName", "groupId", "name", "status")
    if message_id is None or word is None:
        return Rejected(Reason.BAD_ELEMENT, "a report names no message or no status", raw)
    known = _known_status(status)
    done = parse_time(raw.get("doneAt"))
    fields: Fields = {
        "message_id": message_id,
        "occurred_at": parse_time(raw.get("sentAt")) if done is None and known == "pending" else done,
        "from": phone_or_id(raw.get("from")),
        "to": phone_or_id(raw.get("to")),
        **status_fields(known, word),
        "callback_data": as_text(raw.get("callbackData")),
        "campaign": as_id(raw.get("campaignReferenceId")),
    }
    # A successful report has an error with the id 0. A failed one without an error is explained by its status.
    error_code = as_id(error.get("id"))
    if error_code not in (None, "0"):
        fields |= {
            "error_code": error_code,
            "error_title": as_id(error.get("name")),
            "error_text": as_text(error.get("description")),
        }
    elif known == "failed":
        fields |= {"error_title": name, "error_text": as_text(status.get("description"))}
    return Parsed("status", fields)


def _known_status(status: JsonObject) -> str | None:
    words = (as_id(status.get("groupName")), as_id(status.get("groupId")))
    known = next((_GROUPS[word.lower()] for word in words if word is not None and word.lower() in _GROUPS), None)
    to_operator = (as_id(status.get("name")) or "").lower() == _TO_OPERATOR
    return "sent" if known == "delivered" and to_operator else known


def _read_customer_report(status: str, moment: Json, raw: JsonObject) -> Parsed | Rejected:
    message_id = as_id(raw.get("messageId"))
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a report names no message", raw)
    fields: Fields = {
        "message_id": message_id,
        "occurred_at": parse_time(moment),
        "from": phone_or_id(raw.get("to")),
        "to": phone_or_id(raw.get("from")),
        "status": status,
        "callback_data": as_text(raw.get("callbackData")),
    }
    return Parsed("status", fields)


PROVIDER = Provider(name="infobip", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
