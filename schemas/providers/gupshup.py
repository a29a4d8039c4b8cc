"""Gupshup: its own envelope (version 2), or Meta's with a few fields added (version 3).

A message has two ids: `gsId`, which the response to the send call has, and WhatsApp's. The events of a message are
joined by `gsId`; where it is missing because WhatsApp has not accepted the message yet, `id` is the same id. Events of
messages older than a week come without it, so such a late read receipt is a message of its own under WhatsApp's id.
"""

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, read_each
from schemas.parsing.identity import is_bsuid, phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.bodies import read
from schemas.providers._cloud_api.send_responses import read_response
from schemas.providers._cloud_api.statuses import stated_status
from schemas.providers._fields import joined, reaction_fields, status_word, type_fields
from schemas.providers.base import Provider
from schemas.reasons import Reason

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
    return read_each(body, _read_envelope)


def send_response(body: bytes) -> Elements:
    """The messages of a response, of version 2 or in Meta's form. Both have Gupshup's own id. Never raises."""
    return read_each(body, _read_response)


def _read_response(raw: Json) -> Elements:
    response = as_object(raw)
    if "messages" in response:
        return read_response(raw)
    return sent_record(raw, {"message_id": as_id(response.get("messageId"))})


def _read_envelope(raw: Json) -> Elements:
    if not isinstance(raw, dict):
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body is not an object", raw)
    elif "entry" in raw:
        for element in read({**raw, "entry": [_as_cloud_entry(entry) for entry in as_list(raw["entry"])]}):
            if isinstance(element, Parsed):
                element.fields["account"] = element.fields.get("account") or as_id(raw.get("gs_app_id"))
            yield element
    else:
        yield _read_version_2(raw)


def _read_version_2(raw: JsonObject) -> Parsed | Rejected:
    word, payload = as_id(raw.get("type")), raw.get("payload")
    if word is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has neither a type nor entries", raw)
    if word not in ("message", "message-event"):
        return _system(word, as_object(payload), raw)
    if not isinstance(payload, dict):
        return Rejected(Reason.BAD_ELEMENT, "the event has no payload", raw)
    return _read_message(payload, raw) if word == "message" else _read_status(payload, raw)


def _read_message(payload: JsonObject, raw: JsonObject) -> Parsed | Rejected:
    word, sender = as_id(payload.get("type")), as_object(payload.get("sender"))
    context = as_object(payload.get("context"))
    if word is None and as_id(payload.get("id")) is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither id nor type", raw)
    bsuid = next((as_id(one) for one in (sender.get("userId"), payload.get("source")) if is_bsuid(one)), None)
    known = _TYPES.get((word or "").lower())
    fields = {
        **_content(known, as_object(payload.get("payload"))),
        **type_fields(known, word),
        "account": as_id(raw.get("app")),
        "message_id": as_id(payload.get("id")),
        "occurred_at": parse_time(raw.get("timestamp")),
        "from": phone(payload.get("source")) or phone(sender.get("phone")) or first_id(bsuid, payload.get("source")),
        "sender_name": as_id(sender.get("name")),
        "sender_bsuid": bsuid,
        "username": as_id(sender.get("username")),
        "reply_to": first_id(context.get("gsId"), context.get("id")),
        "forwarded": True if context.get("forwarded") is True or context.get("frequentlyForwarded") is True else None,
    }
    return Parsed("inbound", fields, raw)


def _content(known: str | None, part: JsonObject) -> Fields:
    if known == "reaction":
        target = first_id(*(part.get(name) for name in ("gsId", "id", "message_id", "messageId")))
        return reaction_fields(first_text(part.get("emoji"), part.get("text")), target)
    if known in ("button", "interactive"):
        return {
            "text": first_text(part.get("title"), part.get("text"), part.get("reply")),
            "payload": first_text(part.get("postbackText"), part.get("id"), part.get("response_json")),
        }
    if known == "contacts":
        names = (as_object(as_object(card).get("name")) for card in as_list(part.get("contacts")))
        return {"text": joined(first_text(name.get("formatted_name"), name.get("first_name")) for name in names)}
    labels = joined((part.get("name"), part.get("address"))) if known == "location" else None
    return {
        "text": first_text(part.get("text"), part.get("caption"), labels),
        "media_url": as_text(part.get("url")),
        "media_mime": as_id(part.get("contentType")),
        "media_filename": as_text(part.get("name")) if known == "document" else None,
        "latitude": part.get("latitude"),
        "longitude": part.get("longitude"),
    }


def _read_status(payload: JsonObject, raw: JsonObject) -> Parsed | Rejected:
    word, message_id = status_word(payload, "type"), first_id(payload.get("gsId"), payload.get("id"))
    if word is None or message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    details, pricing = as_object(payload.get("payload")), as_object(payload.get("pricing"))
    fields = {
        **stated_status(_STATUSES.get(word.lower(), word)),
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


def _system(word: str, payload: JsonObject, raw: JsonObject) -> Parsed:
    user_id = as_id(payload.get("userId")) if word == "user-event" else None
    fields: Fields = {
        "account": as_id(raw.get("app")),
        "occurred_at": parse_time(raw.get("timestamp")),
        "event": word,
        "from": first_id(phone(payload.get("phone")), user_id, payload.get("phone")) if word == "user-event" else None,
        "sender_bsuid": user_id,
        "raw_state": first_id(payload.get("status"), payload.get("type")),
    }
    return Parsed("system", fields, raw)


def _as_cloud_entry(entry: Json) -> Json:
    """An entry of version 3 in Meta's form: its statuses and quotes get the ids of version 2."""
    if not isinstance(entry, dict):
        return entry
    changes = [_as_cloud_change(change) for change in as_list(entry.get("changes"))]
    return {**entry, "changes": changes} if changes else entry


def _as_cloud_change(change: Json) -> Json:
    if not isinstance(change, dict) or not isinstance(change.get("value"), dict) or not change["value"]:
        return change
    value = change["value"]
    statuses = as_list(value.get("statuses"))
    if statuses and all(as_object(status).get("type") == "set-callback" for status in statuses):  # tests the address
        return {"field": "set-callback", "value": {**value, "statuses": None}}
    cloud = _as_cloud_lists(value)
    if "standby" in value:  # the same lists one level down
        cloud["standby"] = [
            _as_cloud_lists(part) if isinstance(part, dict) else part for part in as_list(value["standby"])
        ]
    return {**change, "value": cloud}


def _as_cloud_lists(holder: JsonObject) -> JsonObject:
    rewritten: JsonObject = {}
    if statuses := as_list(holder.get("statuses")):
        rewritten["statuses"] = [_as_cloud_status(status) for status in statuses]
    if messages := as_list(holder.get("messages")):
        rewritten["messages"] = [_as_cloud_message(message) for message in messages]
    return {**holder, **rewritten}


def _as_cloud_status(status: Json) -> Json:
    if not isinstance(status, dict):
        return status
    word = status.get("status")
    known = _STATUSES.get(word.lower(), word) if isinstance(word, str) else word
    cloud = {**status, "status": known, "id": first_id(status.get("gs_id"), status.get("id"))}
    if "errors" not in status and ("code" in status or "reason" in status):
        cloud["errors"] = [{"code": status.get("code"), "message": status.get("reason")}]
    return cloud


def _as_cloud_message(message: Json) -> Json:
    if not isinstance(message, dict):
        return message
    context = as_object(message.get("context"))
    quoted = first_id(context.get("gs_id"), context.get("gsId"))
    return {**message, "context": {**context, "id": quoted}} if quoted else message


PROVIDER = Provider(name="gupshup", verify=verify_static_secret, parse=parse, signed=False, send_response=send_response)
