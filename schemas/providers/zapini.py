"""Zapini: no signature documented, and one event of which one simplified example is. Pure.

So everything else is read by what its REST API calls things, in any of the likely spellings; what is not there is left
out, and what is not known becomes a system event under its own name.
"""

from collections.abc import Sequence
from typing import Any

from schemas.bodies import Elements, elements_of
from schemas.events import TYPES, Parsed, Rejected
from schemas.identity import address, chat_id, is_bsuid, is_group, is_lid, member
from schemas.lenient import first, first_text, ident, items, mapping
from schemas.providers import REJECT, UNSIGNED, Provider, Request, Verdict, key_id, matching_secret
from schemas.reasons import Reason
from schemas.times import from_any

Fields = dict[str, Any]

# Their send call answers with a uuid and their page speaks of a message identifier: statuses tie by the former.
_INBOUND_IDS = ("message_id", "id", "uuid", "external_id")
_OUTBOUND_IDS = ("uuid", "message_id", "id", "external_id")
_STATUSES = frozenset({"pending", "sent", "delivered", "read", "played", "failed", "deleted"})
_STATUS_EVENTS = frozenset({"status", "status_update", "status_updated", "updated", "update"})
_TYPES = {
    "chat": "text", "conversation": "text", "extendedtext": "text",
    "ptt": "audio", "voice": "audio", "file": "document",
    "contact": "contacts", "vcard": "contacts", "buttons": "button", "button_reply": "button", "list": "interactive",
    "list_reply": "interactive",
}  # fmt: skip
_STATES = {
    "connected": "connected", "open": "connected",
    "disconnected": "disconnected", "offline": "disconnected",
    "qr_ready": "qr",
}  # fmt: skip


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """Nothing is signed, so a secret that the user put into the webhook's address or headers stands in."""
    if not secrets:
        return UNSIGNED
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    candidates = (
        ("bearer", bearer.strip() if scheme.lower() == "bearer" else ""),
        ("static", request.headers.get("x-webhook-secret", "")),
        ("token", request.query.get("token", "")),
    )
    for name, given in candidates:
        secret = matching_secret(given, secrets)
        if secret is not None:
            return Verdict("ok", name, key_id(secret))
    return REJECT


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: map(_event, items(root)))


def _event(raw: Any) -> Parsed | Rejected:
    event = ident(raw.get("event")) if isinstance(raw, dict) else None
    if event is None:
        return Rejected(Reason.UNKNOWN_SHAPE, "the body has no event", raw)
    data = raw["data"] if isinstance(raw.get("data"), dict) else raw
    area, _, what = event.lower().partition(".")
    if area in ("message", "messages"):
        if what in _STATUSES or what in _STATUS_EVENTS:
            return _status(what, data, raw)
        if what in ("received", "incoming", "created", "new"):
            return _message(data, raw)
    return _system(event, area, what, data, raw)


def _status(what: str, data: Fields, raw: Fields) -> Parsed | Rejected:
    message_id = first(*(data.get(name) for name in _OUTBOUND_IDS))
    word = what if what in _STATUSES else ident(data.get("status"))
    if message_id is None or word is None:
        return Rejected(Reason.BAD_ELEMENT, "a status names no message or no status", raw)
    known = word.lower() if word.lower() in _STATUSES else "unknown"
    error = data.get("error")
    fields = {
        **_parties(data, outbound=True),
        "account": ident(raw.get("instance_id")),
        "message_id": message_id,
        "occurred_at": _moment(data, raw, f"{known}_at", "timestamp", "updated_at"),
        "status": known,
        "raw_status": word if known == "unknown" else None,
        "error_code": first(data.get("error_code"), mapping(error).get("code")),
        "error_text": first_text(data.get("error_message"), mapping(error).get("message"), error, data.get("reason")),
    }
    return Parsed("status", fields)


def _message(data: Fields, raw: Fields) -> Parsed | Rejected:
    mine = data.get("from_me") is True or data.get("direction") in ("outgoing", "outbound")
    nested = mapping(data.get("message"))
    word = first(data.get("type"), nested.get("type"))
    if word is None and data.get("message") is None and data.get("from") is None:
        return Rejected(Reason.BAD_ELEMENT, "a message has neither type nor text nor sender", raw)
    names = _OUTBOUND_IDS if mine else _INBOUND_IDS
    fields = {
        **_content(data, nested, word),
        **_parties(data, outbound=mine),
        "account": ident(raw.get("instance_id")),
        "message_id": first(*(holder.get(name) for holder in (data, nested) for name in names)),
        "occurred_at": _moment(data, raw, "received_at", "sent_at", "timestamp", "created_at"),
    }
    if mine:
        return Parsed("sent", {**fields, "origin": "echo"}, raw)
    fields["sender_name"] = first(data.get("sender_name"), data.get("name"), data.get("push_name"))
    return Parsed("inbound", fields, raw)


def _content(data: Fields, nested: Fields, word: str | None) -> Fields:
    kind = (word or "text").lower()
    kind = _TYPES.get(kind, kind)
    known = kind in TYPES and kind not in ("unknown", "edit")
    location = mapping(data.get("location")) or data
    media = mapping(data.get("media")) or data
    reaction = mapping(data.get("reaction"))
    said = first_text(
        data.get("message"), data.get("text"), data.get("body"), data.get("caption"),
        nested.get("text"), nested.get("body"), nested.get("caption"), reaction.get("emoji"), data.get("emoji"),
    )  # fmt: skip
    fields: Fields = {
        "type": kind if known else "unknown",
        "raw_type": None if known else word,
        "text": said,
        "payload": first(data.get("payload"), data.get("button_id"), data.get("row_id")),
        "reply_to": first(data.get("reply_to"), data.get("quoted_message_id")),
        "media_id": ident(media.get("media_id")),
        "media_url": first_text(media.get("media_url"), media.get("url")),
        "media_mime": first(media.get("mime_type"), media.get("mimetype")),
        "media_filename": first_text(media.get("filename"), media.get("file_name")),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
    }
    if kind == "reaction":
        fields["target_message_id"] = first(reaction.get("message_id"), data.get("target_message_id"))
        fields["reaction_removed"] = True if said is None else None
    return fields


def _parties(data: Fields, outbound: bool) -> Fields:
    """Who wrote to whom. An instance may be a QR session or a Cloud API number, so every form of id may come."""
    sender, recipient = data.get("from"), first(data.get("to"), data.get("recipient"), data.get("phone"))
    chat = first(data.get("chat_id"), recipient if outbound else sender)
    fields: Fields = {"from": address(sender), "to": address(recipient), "chat_id": chat_id(chat)}
    if is_group(chat):
        fields["is_group"] = True
        if not outbound:
            author = member(data.get("participant"), None if is_group(sender) else sender)
            fields |= {"from": author, "participant": author}
    if not outbound and is_lid(sender):
        fields["sender_lid"] = sender
    if is_bsuid(sender):
        fields |= {"sender_bsuid": sender, "chat_id": None}
    return fields


def _system(event: str, area: str, what: str, data: Fields, raw: Fields) -> Parsed:
    fields: Fields = {
        "account": ident(raw.get("instance_id")),
        "occurred_at": _moment(data, raw, "timestamp", "updated_at", "received_at", "created_at"),
        "event": event,
        "reason_code": first(data.get("reason_code"), data.get("reason")),
    }
    if area == "instance":
        word = first(data.get("status"), data.get("state"), what)
        fields |= {"raw_state": word, "state": _STATES.get((word or "").lower(), "unknown")}
    return Parsed("system", fields, raw)


def _moment(data: Fields, raw: Fields, *names: str) -> int | None:
    for name in names:
        moment = from_any(data.get(name))
        if moment is not None:
            return moment
    return from_any(raw.get("timestamp"))


PROVIDER = Provider(name="zapini", verify=verify, parse=parse, signed=False)
