"""Twilio's fields, of a form or of a flat JSON object, as one canonical event. Pure."""

from typing import Any

from schemas.parsing.bodies import Elements
from schemas.parsing.identity import is_bsuid, phone
from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_values import as_id, as_object, as_text, first_id, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import sent_record
from schemas.parsing.times import parse_mail_date, parse_time
from schemas.reasons import Reason

Fields = dict[str, Any]

_STATUSES = {
    "accepted": "pending", "scheduled": "pending", "queued": "pending", "sending": "pending",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed", "undelivered": "failed",
}  # fmt: skip
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
_MEDIA_TYPES = ("image", "audio", "video")
_MAX_MEDIA = 100  # ten are what one message may carry


def read(raw: Any) -> Parsed | Rejected:
    """An inbound message, a status callback, or what else Twilio posts to the same address."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "an event is not an object", raw)
    message_id = first_id(raw.get("MessageSid"), raw.get("SmsMessageSid"), raw.get("SmsSid"))
    word = first_id(raw.get("MessageStatus"), raw.get("SmsStatus"))
    kind = as_id(raw.get("EventType"))
    if word is None and kind is not None and kind.lower() in _STATUSES:
        word = kind
    if word is not None and word.lower() not in _RECEIVED:
        return _status(raw, message_id, word)
    if word is not None or (kind is None and any(name in raw for name in _CONTENT)):
        return _message(raw, message_id)
    return _notice(raw, kind)


def read_response(raw: Any) -> Elements:
    """The message that a call of /Messages.json created or looked up."""
    said = as_object(raw)
    if (as_id(said.get("direction")) or "").lower() == "inbound":
        yield Rejected(Reason.BAD_ELEMENT, "the answer is about a message to us", raw)
        return
    fields = {
        "account": as_id(said.get("account_sid")),
        "message_id": as_id(said.get("sid")),
        "occurred_at": parse_mail_date(said.get("date_created")) or parse_time(said.get("date_created")),
        "from": _address(said.get("from")),
        "to": _address(said.get("to")),
    }
    known = _STATUSES.get((as_id(said.get("status")) or "").lower())
    failed = known == "failed"
    error = {"error_code": as_id(said.get("error_code")), "error_text": as_text(said.get("error_message"))}
    yield from sent_record(raw, fields, {"status": known, **(error if failed else {})})


def _status(raw: Fields, message_id: str | None, word: str) -> Parsed | Rejected:
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no MessageSid", raw)
    known = _STATUSES.get(word.lower())
    fields = {
        "account": as_id(raw.get("AccountSid")),
        "message_id": message_id,
        "from": _address(raw.get("From")),
        "to": _address(raw.get("To")),
        "status": known or "unknown",
        "raw_status": None if known else word,
        "error_code": as_id(raw.get("ErrorCode")),
        "error_text": first_text(raw.get("ErrorMessage"), raw.get("ChannelStatusMessage")),
    }
    return Parsed("status", fields)


def _message(raw: Fields, message_id: str | None) -> Parsed:
    bsuid = next((one for name in ("ExternalUserId", "From") if is_bsuid(one := _bare(raw.get(name)))), None)
    fields = {
        **_content(raw),
        "account": as_id(raw.get("AccountSid")),
        "message_id": message_id,
        "from": phone(raw.get("From")) or phone(raw.get("WaId")) or bsuid or _bare(raw.get("From")),
        "to": _address(raw.get("To")),
        "sender_name": as_id(raw.get("ProfileName")),
        "sender_bsuid": bsuid,
        "reply_to": as_id(raw.get("OriginalRepliedMessageSid")),
        "forwarded": _forwarded(raw),
    }
    return Parsed("inbound", fields, raw)


def _content(raw: Fields) -> Fields:
    media = _media(raw)
    place = (raw.get("Latitude"), raw.get("Longitude"))
    word = as_id(raw.get("MessageType"))
    said = _TYPES.get((word or "").lower()) or (None if word else _guessed(raw, media))
    body = as_text(raw.get("Body"))
    labels = [found for name in ("Label", "Address") if (found := as_text(raw.get(name)))]
    if said == "location":
        body = ", ".join(labels) or body
    elif said in ("button", "interactive"):
        body = first_text(raw.get("ListTitle"), raw.get("ButtonText"), body)
    return {
        "type": said or "unknown",
        "raw_type": None if said else word,
        "text": body,
        "payload": first_text(raw.get("ListId"), raw.get("ButtonPayload")),
        "latitude": place[0],
        "longitude": place[1],
        **media,
    }


def _guessed(raw: Fields, media: Fields) -> str | None:
    """The type by what is there: MessageType came late to these bodies."""
    if media:
        mime = media["media_mime"] or ""
        if "vcard" in mime:
            return "contacts"
        kind = mime.partition("/")[0]
        return kind if kind in _MEDIA_TYPES else "document"
    if as_text(raw.get("Latitude")) is not None:
        return "location"
    if "ListId" in raw or "ListTitle" in raw:
        return "interactive"
    if "ButtonText" in raw or "ButtonPayload" in raw:
        return "button"
    return "text" if as_text(raw.get("Body")) is not None else None


def _media(raw: Fields) -> Fields:
    """The first of the media and how many there are; no fields when there are none."""
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


def _forwarded(raw: Fields) -> bool | None:
    said = (as_id(raw.get(name)) for name in ("Forwarded", "FrequentlyForwarded"))
    return True if any((word or "").lower() == "true" for word in said) or _number(raw.get("ForwardCount")) else None


def _number(value: Any) -> int:
    spelled = as_id(value) or ""
    return int(spelled) if spelled.isascii() and spelled.isdigit() and len(spelled) < 10 else 0


def _address(value: Any) -> str | None:
    return phone(value) or _bare(value)


def _bare(value: Any) -> str | None:
    """The address without its channel: `whatsapp:BR.15...` is the id of a user."""
    return as_id((as_id(value) or "").removeprefix("whatsapp:"))


def _notice(raw: Fields, kind: str | None) -> Parsed | Rejected:
    """The Debugger's errors, Event Streams' CloudEvents, Conversations' events: nothing that is counted."""
    event = first_id(kind, raw.get("type"))
    level = as_id(raw.get("Level"))
    if event is None and level is not None and "Payload" in raw:
        event = "debugger"
    if event is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has neither a status nor a message nor an event", raw)
    fields = {
        "account": first_id(raw.get("AccountSid"), as_object(raw.get("data")).get("accountSid")),
        "occurred_at": parse_time(raw.get("Timestamp")) or parse_time(raw.get("time")),
        "event": event,
        "raw_state": level,
        "state": "unknown" if level else None,
        "error_code": first_id(raw.get("ErrorCode"), _debugger_code(raw.get("Payload"))),
    }
    return Parsed("system", fields, raw)


def _debugger_code(payload: Any) -> str | None:
    """The error's number in the JSON text that a Debugger event carries."""
    try:
        return as_id(as_object(loads((as_text(payload) or "{}").encode("utf-8", "replace"))).get("error_code"))
    except InvalidJSON:
        return None
