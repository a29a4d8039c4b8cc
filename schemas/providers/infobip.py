"""Infobip: lists of results, each an inbound message, a delivery report or a seen report. Pure.

Nothing is signed; users give the subscription a header. A seen report names the reader as the sender: it is told from
the customer's side.
"""

from itertools import chain
from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import phone_or_id
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, responses_of, sent_record
from schemas.parsing.times import parse_time
from schemas.providers.base import Provider
from schemas.reasons import Reason

Fields = dict[str, Any]

# Their five groups of statuses, by name and by number.
_GROUPS = {
    "pending": "pending", "1": "pending",
    "undeliverable": "failed", "2": "failed",
    "delivered": "delivered", "3": "delivered",
    "expired": "failed", "4": "failed",
    "rejected": "failed", "5": "failed",
}  # fmt: skip
_TO_OPERATOR = "delivered_to_operator"  # of the group DELIVERED, but the customer's phone has not got it yet
_TYPES = {
    "text": "text", "image": "image", "video": "video", "audio": "audio", "voice": "audio", "document": "document",
    "sticker": "sticker", "location": "location", "contact": "contacts", "contacts": "contacts",
    "button": "button", "interactive_button_reply": "button",
    "interactive_list_reply": "interactive", "interactive_flow_reply": "interactive",
    "reaction": "reaction", "order": "order", "unsupported": "unsupported", "infected_content": "unsupported",
}  # fmt: skip


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: map(_result, chain.from_iterable(map(_results, as_list(root)))))


def send_response(body: bytes) -> Elements:
    """The messages of an answer: a list, or one flat. Never raises."""
    return responses_of(body, lambda raw: chain.from_iterable(map(_answer, _answers(raw))))


def _answers(raw: Any) -> list[Any]:
    return as_list(raw["messages"]) if isinstance(raw, dict) and "messages" in raw else [raw]


def _answer(raw: Any) -> Elements:
    said = as_object(raw)
    status = as_object(said.get("status"))
    fields = {"message_id": as_id(said.get("messageId")), **recipient_fields(said.get("to"))}
    known = _known(status)
    error = {"error_title": as_id(status.get("name")), "error_text": as_text(status.get("description"))}
    yield from sent_record(raw, fields, {"status": known, **(error if known == "failed" else {})})


def _results(root: Any) -> list[Any]:
    return as_list(root["results"]) if isinstance(root, dict) and "results" in root else [root]


def _result(raw: Any) -> Parsed | Rejected:
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a result is not an object", raw)
    if isinstance(raw.get("message"), dict):
        return _message(raw["message"], raw)
    if "seenAt" in raw:
        return _receipt("read", raw.get("seenAt"), raw)
    if "deletedAt" in raw:
        return _receipt("deleted", raw.get("deletedAt"), raw)
    if "status" in raw:
        return _report(raw)
    return Rejected(Reason.UNKNOWN_SHAPE, "a result is neither a message nor a report", raw)


def _message(message: Fields, raw: Fields) -> Parsed | Rejected:
    word = as_id(message.get("type"))
    if word is None and as_id(raw.get("messageId")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    known = _TYPES.get((word or "").lower())
    context = as_object(message.get("context")) or as_object(raw.get("context"))
    fields = {
        **_content(known, message),
        "type": known or "unknown",
        "raw_type": None if known else word,
        "message_id": as_id(raw.get("messageId")),
        "occurred_at": parse_time(raw.get("receivedAt")),
        "from": phone_or_id(raw.get("from")),
        "to": phone_or_id(raw.get("to")),
        "sender_name": as_id(as_object(raw.get("contact")).get("name")),
        "reply_to": as_id(context.get("id")),
        "forwarded": True if context.get("forwarded") is True else None,
    }
    return Parsed("inbound", fields, raw)


def _content(known: str | None, message: Fields) -> Fields:
    if known == "reaction":
        emoji = first_text(message.get("emoji"), message.get("reaction"))
        target = first_id(message.get("messageId"), message.get("referencedMessageId"))
        return {"text": emoji, "target_message_id": target, "reaction_removed": True if emoji is None else None}
    if known in ("button", "interactive"):
        return {
            "text": first_text(message.get("title"), message.get("text")),
            "payload": first_text(message.get("id"), message.get("payload")),
        }
    if known == "contacts":
        names = (as_object(as_object(card).get("name")) for card in as_list(message.get("contacts")))
        shown = (first_text(name.get("formattedName"), name.get("firstName")) for name in names)
        return {"text": ", ".join(name for name in shown if name)}
    labels = [found for name in ("name", "address") if known == "location" and (found := as_text(message.get(name)))]
    return {
        "text": first_text(message.get("text"), message.get("caption"), ", ".join(labels)),
        "media_url": as_text(message.get("url")) if known != "location" else None,
        "media_filename": as_text(message.get("filename")),
        "latitude": message.get("latitude"),
        "longitude": message.get("longitude"),
    }


def _report(raw: Fields) -> Parsed | Rejected:
    status, error = as_object(raw.get("status")), as_object(raw.get("error"))
    name, message_id = as_id(status.get("name")), as_id(raw.get("messageId"))
    words = (as_id(status.get("groupName")), as_id(status.get("groupId")))
    raw_status = first_id(*words, name, raw.get("status"))
    if message_id is None or raw_status is None:
        return Rejected(Reason.BAD_ELEMENT, "a report names no message or no status", raw)
    known = _known(status)
    done = parse_time(raw.get("doneAt"))
    fields = {
        "message_id": message_id,
        "occurred_at": parse_time(raw.get("sentAt")) if done is None and known == "pending" else done,
        "from": phone_or_id(raw.get("from")),
        "to": phone_or_id(raw.get("to")),
        "status": known or "unknown",
        "raw_status": None if known else raw_status,
        "callback_data": as_text(raw.get("callbackData")),
        "campaign": as_id(raw.get("campaignReferenceId")),
    }
    # An error of number 0 stands beside every success. A failure without one is explained by its status.
    if as_id(error.get("id")) not in (None, "0"):
        fields["error_code"] = as_id(error.get("id"))
        fields |= {"error_title": as_id(error.get("name")), "error_text": as_text(error.get("description"))}
    elif known == "failed":
        fields |= {"error_title": name, "error_text": as_text(status.get("description"))}
    return Parsed("status", fields)


def _known(status: Fields) -> str | None:
    words = (as_id(status.get("groupName")), as_id(status.get("groupId")))
    known = next((_GROUPS[word.lower()] for word in words if word is not None and word.lower() in _GROUPS), None)
    operators = (as_id(status.get("name")) or "").lower() == _TO_OPERATOR
    return "sent" if known == "delivered" and operators else known


def _receipt(status: str, moment: Any, raw: Fields) -> Parsed | Rejected:
    message_id = as_id(raw.get("messageId"))
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a report names no message", raw)
    fields = {
        "message_id": message_id,
        "occurred_at": parse_time(moment),
        "from": phone_or_id(raw.get("to")),
        "to": phone_or_id(raw.get("from")),
        "status": status,
        "callback_data": as_text(raw.get("callbackData")),
    }
    return Parsed("status", fields)


PROVIDER = Provider(name="infobip", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
