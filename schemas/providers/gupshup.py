"""Gupshup: its own envelope (version 2), or Meta's with a few fields added (version 3). Pure.

A message has two ids: `gsId`, which the send call answers with, and WhatsApp's. The former ties a message together, and
stands in `id` where there is no `gsId`: before WhatsApp has taken the message. Events of messages older than a week
come without it, so a reading that late stands alone under WhatsApp's id.
"""

from itertools import chain
from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.identity import is_bsuid, phone
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import responses_of, sent_record
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api import send_responses
from schemas.providers._cloud_api.bodies import read
from schemas.providers._cloud_api.statuses import status_word
from schemas.providers.base import Provider
from schemas.reasons import Reason

Fields = dict[str, Any]

_TYPES = {
    "text": "text", "image": "image", "video": "video", "audio": "audio", "voice": "audio", "sticker": "sticker",
    "file": "document", "document": "document",
    "location": "location", "contact": "contacts", "contacts": "contacts",
    "button_reply": "button", "quick_reply": "button", "button": "button",
    "list_reply": "interactive", "interactive": "interactive", "nfm_reply": "interactive",
    "reaction": "reaction", "order": "order", "unsupported": "unsupported",
}  # fmt: skip
_STATUSES = {"enqueued": "pending"}


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(_envelope, as_list(root))))


def send_response(body: bytes) -> Elements:
    """The messages of an answer of version 2, or of one in Meta's form. Either has Gupshup's own id. Never raises."""
    return responses_of(body, _answer)


def _answer(raw: Any) -> Elements:
    if "messages" in as_object(raw):
        return send_responses.read_response(raw)
    return sent_record(raw, {"message_id": as_id(as_object(raw).get("messageId"))})


def _envelope(raw: Any) -> Elements:
    if not isinstance(raw, dict):
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body is not an object", raw)
    elif "entry" in raw:
        for element in read({**raw, "entry": [_as_metas(entry) for entry in as_list(raw["entry"])]}):
            if isinstance(element, Parsed):
                element.fields["account"] = element.fields.get("account") or as_id(raw.get("gs_app_id"))
            yield element
    else:
        yield _version_2(raw)


def _version_2(raw: Fields) -> Parsed | Rejected:
    word, payload = as_id(raw.get("type")), raw.get("payload")
    if word is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has neither a type nor entries", raw)
    if word not in ("message", "message-event"):
        return _system(word, as_object(payload), raw)
    if not isinstance(payload, dict):
        return Rejected(Reason.BAD_ELEMENT, "the event has no payload", raw)
    return _message(payload, raw) if word == "message" else _status(payload, raw)


def _message(payload: Fields, raw: Fields) -> Parsed | Rejected:
    word, sender, context = (
        as_id(payload.get("type")),
        as_object(payload.get("sender")),
        as_object(payload.get("context")),
    )
    if word is None and as_id(payload.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    bsuid = next((one for one in (sender.get("userId"), payload.get("source")) if is_bsuid(one)), None)
    known = _TYPES.get((word or "").lower())
    fields = {
        **_content(known, as_object(payload.get("payload"))),
        "type": known or "unknown",
        "raw_type": None if known else word,
        "account": as_id(raw.get("app")),
        "message_id": as_id(payload.get("id")),
        "occurred_at": parse_time(raw.get("timestamp")),
        "from": phone(payload.get("source")) or phone(sender.get("phone")) or first_id(bsuid, payload.get("source")),
        "sender_name": as_id(sender.get("name")),
        "sender_bsuid": bsuid,
        "reply_to": first_id(context.get("gsId"), context.get("id")),
        "forwarded": True if context.get("forwarded") is True or context.get("frequentlyForwarded") is True else None,
    }
    return Parsed("inbound", fields, raw)


def _content(known: str | None, part: Fields) -> Fields:
    if known == "reaction":
        emoji = first_text(part.get("emoji"), part.get("text"))
        target = first_id(*(part.get(name) for name in ("gsId", "id", "message_id", "messageId")))
        return {"text": emoji, "target_message_id": target, "reaction_removed": True if emoji is None else None}
    if known in ("button", "interactive"):
        return {
            "text": first_text(part.get("title"), part.get("text"), part.get("reply")),
            "payload": first_text(part.get("postbackText"), part.get("id"), part.get("response_json")),
        }
    if known == "contacts":
        names = (as_object(as_object(card).get("name")) for card in as_list(part.get("contacts")))
        shown = (first_text(name.get("formatted_name"), name.get("first_name")) for name in names)
        return {"text": ", ".join(name for name in shown if name)}
    labels = [found for name in ("name", "address") if known == "location" and (found := as_text(part.get(name)))]
    return {
        "text": first_text(part.get("text"), part.get("caption"), ", ".join(labels)),
        "media_url": as_text(part.get("url")),
        "media_mime": as_id(part.get("contentType")),
        "media_filename": as_text(part.get("name")) if known == "document" else None,
        "latitude": part.get("latitude"),
        "longitude": part.get("longitude"),
    }


def _status(payload: Fields, raw: Fields) -> Parsed | Rejected:
    word, message_id = as_id(payload.get("type")), first_id(payload.get("gsId"), payload.get("id"))
    if word is None or message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    details, pricing = as_object(payload.get("payload")), as_object(payload.get("pricing"))
    fields = {
        **status_word(_STATUSES.get(word.lower(), word)),
        "account": as_id(raw.get("app")),
        "message_id": message_id,
        "occurred_at": parse_time(details.get("ts")) or parse_time(raw.get("timestamp")),
        "to": phone(payload.get("destination")) or first_id(payload.get("userId"), payload.get("destination")),
        "error_code": as_id(details.get("code")),
        "error_text": as_text(details.get("reason")),
        "conversation_id": as_id(as_object(payload.get("conversation")).get("id")),
        "pricing_category": as_id(pricing.get("category")),
        "pricing_type": as_id(pricing.get("type")),
    }
    return Parsed("status", fields)


def _system(word: str, payload: Fields, raw: Fields) -> Parsed:
    fields = {
        "account": as_id(raw.get("app")),
        "occurred_at": parse_time(raw.get("timestamp")),
        "event": word,
        "raw_state": first_id(payload.get("status"), payload.get("type")),
    }
    return Parsed("system", fields, raw)


def _as_metas(entry: Any) -> Any:
    """An entry of version 3 as Meta itself would write it: its statuses and quotes under the ids of version 2."""
    changes = [_change_as_metas(change) for change in as_list(as_object(entry).get("changes"))]
    return {**entry, "changes": changes} if changes else entry


def _change_as_metas(change: Any) -> Any:
    value = as_object(as_object(change).get("value"))
    if not value:
        return change
    statuses, messages = as_list(value.get("statuses")), as_list(value.get("messages"))
    if statuses and all(as_object(status).get("type") == "set-callback" for status in statuses):  # tests the address
        return {"field": "set-callback", "value": value}
    rewritten = {"statuses": [_status_as_metas(status) for status in statuses]} if statuses else {}
    if messages:
        rewritten["messages"] = [_message_as_metas(message) for message in messages]
    return {**change, "value": {**value, **rewritten}}


def _status_as_metas(status: Any) -> Any:
    if not isinstance(status, dict):
        return status
    word = status.get("status")
    known = _STATUSES.get(word.lower(), word) if isinstance(word, str) else word
    said = {**status, "status": known, "id": first_id(status.get("gs_id"), status.get("id"))}
    if "errors" not in status and ("code" in status or "reason" in status):
        said["errors"] = [{"code": status.get("code"), "message": status.get("reason")}]
    return said


def _message_as_metas(message: Any) -> Any:
    context = as_object(as_object(message).get("context"))
    gupshups = first_id(context.get("gs_id"), context.get("gsId"))
    return {**message, "context": {**context, "id": gupshups}} if gupshups else message


PROVIDER = Provider(name="gupshup", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
