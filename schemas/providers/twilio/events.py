"""The fields of a Twilio form, or of a flat JSON object, as one canonical event."""

import re

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import is_bsuid, phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object, as_text, first_id, first_text
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_mail_date, parse_time
from schemas.providers._fields import id_in_json_text, joined, media_type, status_fields, status_word, type_fields
from schemas.reasons import Reason

_STATUSES = {
    "accepted": "pending", "scheduled": "pending", "queued": "pending", "sending": "pending",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed", "undelivered": "failed",
}  # fmt: skip
# Types of Event Streams that are about one message.
_STREAMED = re.compile(r"com\.twilio\.messaging\.(?P<inbound>inbound-)?message\.(?P<word>[a-z-]+)")
_STREAMED_NAMES = (
    "AccountSid", "From", "To", "WaId", "ErrorCode", "ErrorMessage", "Body", "NumMedia", "MessageType", "ProfileName",
    "ExternalUserId", "ButtonText", "ButtonPayload", "ListId", "ListTitle", "Latitude", "Longitude",
    "OriginalRepliedMessageSid",
)  # fmt: skip
_RECEIVED = ("received", "receiving")
_CONTENT = ("Body", "NumMedia", "MediaUrl0", "Latitude", "ButtonText", "ButtonPayload", "ListId", "MessageType")
_TYPES = {
    "text": "text", "image": "image", "video": "video", "document": "document", "sticker": "sticker",
    "audio": "audio", "voice": "audio",
    "location": "location",
    "contact": "contacts", "contacts": "contacts", "vcard": "contacts",
    "button": "button", "interactive": "interactive", "list": "interactive",
    "order": "order", "reaction": "reaction", "unsupported": "unsupported",
}  # fmt: skip
_MAX_MEDIA = 100  # one message may have ten


def read(raw: Json) -> Parsed | Rejected:
    """An inbound message, a status, or another event that Twilio posts to the same address."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "an event is not an object", raw)
    streamed = _STREAMED.fullmatch(as_id(raw.get("type")) or "")
    if streamed is not None and (message := _message_of_stream(raw, streamed)) is not None:
        return message
    message_id = first_id(raw.get("MessageSid"), raw.get("SmsMessageSid"), raw.get("SmsSid"))
    word = status_word(raw, "MessageStatus", "SmsStatus")
    kind = as_id(raw.get("EventType"))
    if word is None and kind is not None and kind.lower() in _STATUSES:
        word = kind
    if word is not None and word.lower() not in _RECEIVED:
        return _status(raw, message_id, word)
    if word is not None or (kind is None and any(name in raw for name in _CONTENT)):
        return _message(raw, message_id)
    return _notice(raw, kind)


def _message_of_stream(raw: JsonObject, streamed: re.Match[str]) -> Parsed | Rejected | None:
    """The status or the message in a CloudEvent of Event Streams; None if it names no message."""
    facts = {name.replace("_", "").lower(): value for name, value in as_object(raw.get("data")).items()}
    message_id = as_id(facts.get("messagesid"))
    if message_id is None:
        return None
    # The same facts under the names that a form has.
    form: JsonObject = {name: facts[name.lower()] for name in _STREAMED_NAMES if name.lower() in facts}
    occurred_at = parse_time(facts.get("timestamp")) or parse_time(raw.get("time"))
    if streamed["inbound"] or streamed["word"] in _RECEIVED:
        found: Parsed | Rejected = _message(form, message_id)
    else:
        word = streamed["word"]
        found = _status(form, message_id, word if word in _STATUSES else as_id(facts.get("messagestatus")) or word)
    if isinstance(found, Parsed):
        found.fields["occurred_at"] = occurred_at
    return found


def read_response(raw: Json) -> Elements:
    """The message that a call of /Messages.json created or returned."""
    response = as_object(raw)
    if (as_id(response.get("direction")) or "").lower() == "inbound":
        yield Rejected(Reason.BAD_ELEMENT, "the response is about a message to us", raw)
        return
    fields: Fields = {
        "account": as_id(response.get("account_sid")),
        "message_id": as_id(response.get("sid")),
        "occurred_at": parse_mail_date(response.get("date_created")) or parse_time(response.get("date_created")),
        "from": _address(response.get("from")),
        "to": _address(response.get("to")),
    }
    known = _STATUSES.get((as_id(response.get("status")) or "").lower())
    error = {"error_code": as_id(response.get("error_code")), "error_text": as_text(response.get("error_message"))}
    yield from sent_record(raw, fields, {"status": known, **(error if known == "failed" else {})})


def _status(raw: JsonObject, message_id: str | None, word: str) -> Parsed | Rejected:
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no MessageSid", raw)
    known = _STATUSES.get(word.lower())
    fields = {
        "account": as_id(raw.get("AccountSid")),
        "message_id": message_id,
        "from": _address(raw.get("From")),
        "to": _address(raw.get("To")),
        **status_fields(known, word),
        "error_code": as_id(raw.get("ErrorCode")),
        "error_text": first_text(raw.get("ErrorMessage"), raw.get("ChannelStatusMessage")),
    }
    return Parsed("status", fields)


def _message(raw: JsonObject, message_id: str | None) -> Parsed:
    bsuid = next((one for name in ("ExternalUserId", "From") if is_bsuid(one := _without_channel(raw.get(name)))), None)
    fields = {
        **_content(raw),
        "account": as_id(raw.get("AccountSid")),
        "message_id": message_id,
        "from": phone(raw.get("From")) or phone(raw.get("WaId")) or bsuid or _without_channel(raw.get("From")),
        "to": _address(raw.get("To")),
        "sender_name": as_id(raw.get("ProfileName")),
        "sender_bsuid": bsuid,
        "reply_to": as_id(raw.get("OriginalRepliedMessageSid")),
        "forwarded": _forwarded(raw),
    }
    return Parsed("inbound", fields, raw)


def _content(raw: JsonObject) -> Fields:
    media = _media(raw)
    word = as_id(raw.get("MessageType"))
    known = _TYPES.get((word or "").lower()) or (None if word else _type_by_content(raw, media))
    text = as_text(raw.get("Body"))
    if known == "location":
        text = joined((raw.get("Label"), raw.get("Address"))) or text
    elif known in ("button", "interactive"):
        text = first_text(raw.get("ListTitle"), raw.get("ButtonText"), text)
    return {
        **type_fields(known, word),
        "text": text,
        "payload": first_text(raw.get("ListId"), raw.get("ButtonPayload")),
        "latitude": raw.get("Latitude"),
        "longitude": raw.get("Longitude"),
        **media,
    }


def _type_by_content(raw: JsonObject, media: Fields) -> str | None:
    """The type that the content shows, for bodies without MessageType, which Twilio introduced late."""
    if media:
        mime = as_id(media["media_mime"]) or ""
        return "contacts" if "vcard" in mime else media_type(mime)
    if as_text(raw.get("Latitude")) is not None:
        return "location"
    if "ListId" in raw or "ListTitle" in raw:
        return "interactive"
    if "ButtonText" in raw or "ButtonPayload" in raw:
        return "button"
    return "text" if as_text(raw.get("Body")) is not None else None


def _media(raw: JsonObject) -> Fields:
    """The first of the media and their number; no fields when there are none."""
    counted = _number(raw.get("NumMedia"))
    listed = 0
    while listed < _MAX_MEDIA and f"MediaUrl{listed}" in raw:
        listed += 1
    if not counted and not listed:
        return {}
    return {
        "media_url": as_text(raw.get("MediaUrl0")),
        "media_mime": as_id(raw.get("MediaContentType0")),
        "media_count": counted or listed,
    }


def _forwarded(raw: JsonObject) -> bool | None:
    flags = (as_id(raw.get(name)) for name in ("Forwarded", "FrequentlyForwarded"))
    return True if any((flag or "").lower() == "true" for flag in flags) or _number(raw.get("ForwardCount")) else None


def _number(value: Json) -> int:
    spelled = as_id(value) or ""
    return int(spelled) if spelled.isascii() and spelled.isdigit() and len(spelled) < 10 else 0


def _address(value: Json) -> str | None:
    return phone(value) or _without_channel(value)


def _without_channel(value: Json) -> str | None:
    """The address without its channel: `BR.15...` of `whatsapp:BR.15...`."""
    return as_id((as_id(value) or "").removeprefix("whatsapp:"))


def _notice(raw: JsonObject, kind: str | None) -> Parsed | Rejected:
    """A system event: an error of the Debugger, a CloudEvent of Event Streams, an event of Conversations."""
    event = first_id(kind, raw.get("type"))
    level, data = as_id(raw.get("Level")), as_object(raw.get("data"))
    if event is None and level is not None and "Payload" in raw:
        event = "debugger"
    if event is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has neither a status nor a message nor an event", raw)
    fields: Fields = {
        "account": first_id(raw.get("AccountSid"), data.get("accountSid")),
        "occurred_at": parse_time(raw.get("Timestamp")) or parse_time(raw.get("time")),
        "event": event,
        "from": _address(first_id(raw.get("From"), data.get("from"))),
        "to": _address(first_id(raw.get("To"), data.get("to"))),
        "raw_state": level,
        "state": "unknown" if level else None,
        "error_code": first_id(raw.get("ErrorCode"), id_in_json_text(raw.get("Payload"), "error_code")),
    }
    return Parsed("system", fields, raw)
